"""Which network addresses the service connects to when somebody gives it an address.

A shop may be on this machine or in the same network, so private and loopback addresses are allowed for it. Any other
server has a public address and speaks https, except within the networks that OUTBOUND_ALLOW names. Refused for both is
what is never a server: link-local addresses, where clouds keep their machines' credentials, and those that name no
single host.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network
from typing import TypeAlias

from pos_api.config import Network

Refusal: TypeAlias = Callable[[str, bool], str | None]
"""Why the service does not connect to an IP address, in words that follow "the host is"; None where it does. Whether
the connection is encrypted is the second argument."""

_NEVER = {
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
_NEVER_NETWORKS = [(ip_network(network), why) for why, networks in _NEVER.items() for network in networks]
_NOT_PUBLIC = [
    ip_network(network)
    for network in (
        *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24"),
        *("192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001:db8::/32"),
        *("2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fec0::/10"),
    )
]
"""IANA's special-purpose addresses. `ipaddress.is_global` is true of some of them (192.88.99.1, ::127.0.0.1)."""
_MAPPED = IPv6Network("::ffff:0:0/96")
_HOLDS_IPV4 = [
    (_MAPPED, 0),
    (IPv6Network("::/96"), 0),  # compatible
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (IPv6Network("2002::/16"), 80),  # 6to4
]
"""Networks whose addresses hold an IPv4 address, and how many bits follow it."""


def shop_refusal(address: str, encrypted: bool = True) -> str | None:
    """The `Refusal` of addresses where no shop can be."""
    host = _host(address)
    for each in (host, _ipv4_within(host)):
        for network, why in _NEVER_NETWORKS:
            if each is not None and each.version == network.version and each in network:
                return why
    return None


def guarded_refusal(allowed: Sequence[Network]) -> Refusal:
    """The `Refusal` of all that is not public, or not asked over https, except within the networks `allowed`."""

    def refusal(address: str, encrypted: bool) -> str | None:
        host = _unmapped(address)
        if why := shop_refusal(str(host)):
            return why
        if _is_within(host, allowed):
            return None
        if _is_within(host, _NOT_PUBLIC):
            return "a private or reserved address, and not within OUTBOUND_ALLOW"
        return None if encrypted else "asked over http, and not within OUTBOUND_ALLOW"

    return refusal


def is_allowed(address: str, allowed: Sequence[Network]) -> bool:
    """Whether an IP address lies within the networks `allowed` (OUTBOUND_ALLOW)."""
    return _is_within(_unmapped(address), allowed)


def _unmapped(address: str) -> IPv4Address | IPv6Address:
    """An address; of an IPv4-mapped one the IPv4 address."""
    host = _host(address)
    if isinstance(host, IPv6Address) and host in _MAPPED:
        return IPv4Address(int(host) & 0xFFFFFFFF)
    return host


def _is_within(host: IPv4Address | IPv6Address, networks: Iterable[Network]) -> bool:
    return any(host.version == network.version and host in network for network in networks)


def _host(address: str) -> IPv4Address | IPv6Address:
    return ipaddress.ip_address(address.partition("%")[0])


def _ipv4_within(host: IPv4Address | IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to; None for `::1` too, which only looks like one."""
    if isinstance(host, IPv4Address) or host.is_loopback:
        return None
    for network, following in _HOLDS_IPV4:
        if host in network:
            return IPv4Address(int(host) >> following & 0xFFFFFFFF)
    return None
