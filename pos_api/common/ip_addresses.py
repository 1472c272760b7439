"""Network addresses as they are written down (in the audit, in the log that fail2ban reads), and lists of networks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from pos_api.errors import Invalid

_MAPPED = 96
"""Bits before the IPv4 address in an IPv4-mapped IPv6 address."""

_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d{1,5})?|([\d.]+):\d{1,5}")


def plain(address: str | None) -> str:
    """The IP address in its usual form, without an IPv6 zone; `unknown` for anything else, whatever a proxy passed on.
    Some proxies pass on a port with it (`192.0.2.1:5678`, `[2001:db8::1]:5678`), which is left out.

    An IPv4 address that came over an IPv6 socket (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2) is that IPv4 address.
    """
    text = address or ""
    if with_port := _WITH_PORT.fullmatch(text):
        text = with_port[1] or with_port[2] or ""
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(parsed)


def plain_network(text: str) -> str:
    """A network in its usual form: `192.0.2.0/24`, `2001:db8::/32`; an address is a network of one, and a network of
    IPv4-mapped addresses is that IPv4 network. Raises Invalid for anything else."""
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        raise Invalid(f"{text!r} is no IP address and no network such as 192.0.2.0/24.") from None
    if "/" in text and str(network.network_address) != str(ip_address(text.strip().partition("/")[0])):
        raise Invalid(f"{text!r} is an address in a network; the whole network is {network}.")
    first = network.network_address
    if isinstance(first, IPv6Address) and first.ipv4_mapped and network.prefixlen >= _MAPPED:
        network = IPv4Network((first.ipv4_mapped, network.prefixlen - _MAPPED))
    return str(network)


def parsed_networks(texts: Iterable[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Networks as `plain_network` writes them, for `is_in`."""
    return tuple(ip_network(text) for text in texts)


def is_in(address: str | None, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Whether an address is in one of these networks; an IPv4-mapped one is its IPv4 address."""
    try:
        parsed = ip_address(plain(address))
    except ValueError:
        return False
    return any(parsed in network for network in networks)
