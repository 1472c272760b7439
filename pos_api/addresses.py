"""Network addresses as they are written down: in the audit, and in the log that fail2ban reads."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address


def plain(address: str | None) -> str:
    """The IP address in its usual form, without an IPv6 zone; `unknown` for anything else, whatever a proxy passed on.

    An IPv4 address that came over an IPv6 socket (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2) is that IPv4 address.
    """
    try:
        parsed = ip_address((address or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(parsed)
