"""The URL of a receiver: what can be refused before a name is looked up, and on which ports a receiver may be.

One parser (yarl, which aiohttp uses too) reads a URL, so that what is checked is what is connected to.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from yarl import URL

from pos_api.config import Network
from pos_api.errors import Invalid
from pos_api.outbound.addresses import guarded_refusal, is_allowed

MOST_CHARACTERS = 2048
_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")
_MOST_HOST = 253
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORTS = (443, 8443)
_FREE_PORTS_FROM = 1024


def check_url(url: str, allowed: Sequence[Network]) -> None:
    """Check a receiver's URL, as far as that is possible before its name is looked up. `allowed` are the networks of
    OUTBOUND_ALLOW. Raises Invalid."""
    receiver_url(url, tuple(allowed))


@lru_cache(1024)
def receiver_url(url: str, allowed: tuple[Network, ...]) -> URL:
    """The URL, checked; its path and query as they were written. Raises Invalid."""
    _check_text(url)
    try:
        parsed, written = URL(url), urlsplit(url)
    except ValueError:
        raise _invalid("The url is not valid.") from None
    host = "" if "[" in written.netloc and ":" not in (parsed.raw_host or "") else parsed.raw_host or ""
    if parsed.scheme not in ("https", "http") or not url.lower().startswith(f"{parsed.scheme}://"):
        raise _invalid("The url does not begin with https://.")
    if "@" in written.netloc:
        raise _invalid("The url holds a user name or a password; send credentials in `headers` instead.")
    if "#" in url:
        raise _invalid("The url has a fragment (#…), which is never sent; leave it out.")
    _check_host(host)
    _check_target(host, parsed.port or 0, parsed.scheme, allowed)
    if not url.isascii():
        return parsed  # with its path and query encoded
    query = f"?{written.query}" if written.query else ""
    return URL(f"{parsed.origin()}{written.path or '/'}{query}", encoded=True)


def target_refusal(address: str, port: int, encrypted: bool, allowed: Sequence[Network]) -> str | None:
    """Why no connection is made to this address and port, in words that follow "the host is"; None where it is made."""
    if why := guarded_refusal(allowed)(address, encrypted):
        return why
    if is_usual_port(port) or is_allowed(address, allowed):
        return None
    return f"asked on port {port}, and not within OUTBOUND_ALLOW"


def is_usual_port(port: int) -> bool:
    """Whether any receiver may be on this port: 443, 8443, or one that is no system port."""
    return port in _PORTS or port >= _FREE_PORTS_FROM


def is_address(host: str) -> bool:
    """Whether a host is an IP address in its usual form."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _check_text(url: str) -> None:
    if len(url) > MOST_CHARACTERS:
        raise _invalid(f"The url is longer than {MOST_CHARACTERS:,} characters.")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise _invalid("The url holds blanks or control characters.")
    if "\\" in url:
        raise _invalid("The url holds a backslash.")


def _check_host(host: str) -> None:
    """Refuse what is no name and no address in its usual form. A name whose last part is a number would be read as an
    IPv4 address by the system: 2130706433, 0177.0.0.1, 0x7f.1, 127.1."""
    if is_address(host) and "%" not in host:
        return
    if not _HOST.fullmatch(host) or len(host.rstrip(".")) > _MOST_HOST:
        raise _invalid("The url has no valid host.")
    if _NUMERIC.fullmatch(host.rstrip(".").rpartition(".")[2]):
        raise _invalid("The url's host is an IP address that is not in its usual form.")


def _check_target(host: str, port: int, scheme: str, allowed: Sequence[Network]) -> None:
    """Refuse an address, a port or a scheme that can't be allowed, whatever a name is found to be."""
    if is_address(host):
        if why := target_refusal(host, port, scheme == "https", allowed):
            raise _invalid(f"The url's host is {why}.")
    elif scheme == "http" and not allowed:
        raise _invalid("The url does not begin with https://; http is for hosts within OUTBOUND_ALLOW.")
    elif not port or not (is_usual_port(port) or allowed):
        raise _invalid("The url's port is none of 443, 8443 and those above 1023.")


def _invalid(message: str) -> Invalid:
    return Invalid(message, details={"url": [message]})
