"""Which network addresses the service connects to when somebody gives it the address of a shop.

A shop may be on this machine or in the same network, so private and loopback addresses are allowed. Refused is what is
never a shop: link-local addresses, where clouds keep their machines' credentials, and those that name no single host.
"""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

_REFUSED = {
    "a link-local address": ("169.254.0.0/16", "fe80::/10"),
    "a cloud's metadata service": (
        "168.63.129.16/32",  # Azure
        "100.100.100.200/32",  # Alibaba
        "192.0.0.192/32",  # Oracle
        "fd00:ec2::/32",  # Amazon
        "fd20:ce::254/128",  # Google
    ),
    "no address of a single host": ("0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "ff00::/8"),
    "a tunnel's address": ("2001::/32",),  # Teredo, which hides an IPv4 address
}
_NETWORKS = [(ip_network(network), why) for why, networks in _REFUSED.items() for network in networks]
_HOLDS_IPV4 = [
    (IPv6Network("::ffff:0:0/96"), 0),  # mapped
    (IPv6Network("::/96"), 0),  # compatible
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (IPv6Network("2002::/16"), 80),  # 6to4
]
"""Networks whose addresses hold an IPv4 address, and how many bits follow it."""


def refusal(address: str) -> str | None:
    """Why the service does not connect to this IP address, in words; None where it does."""
    host = ipaddress.ip_address(address.partition("%")[0])
    for each in (host, _ipv4_within(host)):
        for network, why in _NETWORKS:
            if each is not None and each.version == network.version and each in network:
                return why
    return None


def _ipv4_within(host: IPv4Address | IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to; None for `::1` too, which only looks like one."""
    if isinstance(host, IPv4Address) or host.is_loopback:
        return None
    for network, following in _HOLDS_IPV4:
        if host in network:
            return IPv4Address(int(host) >> following & 0xFFFFFFFF)
    return None
