"""A receiver's URL is refused at once where no receiver can be, however its host is written."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from pos_api.config import Network
from pos_api.errors import Invalid
from pos_api.outbound.receiver_url import check_url, receiver_url, target_refusal

NOWHERE: tuple[Network, ...] = ()
HERE: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

ACCEPTED = (
    "https://pos.example.com/hook",
    "https://pos.example.com",
    "HTTPS://POS.EXAMPLE.COM/hook",
    "https://pos.example.com.:8443/hook",
    "https://pos.example.com:443/",
    "https://pos.example.com:1024/",
    "https://pos.example.com:65535/",
    "https://kitchen_1.example.com/",
    "https://kassa.åäö.example/smörgås?ä=ö",
    "https://pos.example.com/a?next=https://user@other/&x=%2F",
    "https://93.184.216.34/hook",
    "https://[2606:4700::1111]:8443/hook",
    "https://[::ffff:93.184.216.34]/hook",
    "https://localhost/",  # refused when its address is known
    f"https://pos.example.com/{'a' * 2024}",
)
NO_URL = (
    *("", " ", "pos.example.com", "//pos.example.com/", "https:", "https://", "https:///hook", "https:pos.example.com"),
    *("ftp://pos.example.com/", "file:///etc/passwd", "gopher://pos.example.com:6379/_", "javascript:alert(1)"),
    *("http://pos.example.com/", "http://93.184.216.34/", "ws://pos.example.com/", "unix:///run/app.sock"),
    *("https://user@pos.example.com/", "https://user:password@pos.example.com/", "https://@pos.example.com/"),
    *("https://pos.example.com@127.0.0.1/", "https://pos.example.com\\@127.0.0.1/", "https:\\\\pos.example.com"),
    *("https://pos.example.com#@127.0.0.1/", "https://pos.example.com/#part", "https://pos.example.com/#"),
    *(
        "https://pos.example.com /",
        "https://pos.example.com/a b",
        "https://pos.example.com/\r\nX: y",
        "https://a\tb.se/",
    ),
    *("https://pos.example.com/\x00", "https://pos.example.com/\u202e", "https://pos.example.com/\ud800"),
    *("https://..", "https://.example.com/", "https://pos..example.com/", "https://pos.example.com../"),
    *(
        "https://pos%2eexample.com/",
        "https://%31%32%37.0.0.1/",
        "https://pos.example.com;127.0.0.1/",
        "https://[v1.x]/",
    ),
    *("https://pos.example.com:0/", "https://pos.example.com:65536/", "https://pos.example.com:-1/", "https://a:b/"),
    f"https://{'a' * 64}.example.com/",
    f"https://{'a.' * 127}com/",
    f"https://pos.example.com/{'a' * 2025}",
)
NO_PORT = tuple(f"https://pos.example.com:{port}/" for port in (1, 22, 25, 80, 111, 442, 444, 445, 1023))
NO_ADDRESS = (
    *("https://127.0.0.1/", "https://127.0.0.1./", "https://127.1/", "https://127.0.1/", "https://2130706433/"),
    *(
        "https://017700000001/",
        "https://0177.0.0.1/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0x7f.0x0.0x0.0x1/",
    ),
    *("https://00127.0.0.1/", "https://127.0.0.01/", "https://4294967297/", "https://256.0.0.1/", "https://1.2.3.4.5/"),
    *("https://127.0.0.0x1/", "https://pos.example.com.1/", "https://0/", "https://0.0.0.0/", "https://0x/"),
    *("https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/", "https://１２７.0.0.1/"),
    *("https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.0.1/", "https://100.64.0.1/", "https://198.18.0.1/"),
    *("https://169.254.169.254/", "https://168.63.129.16/", "https://100.100.100.200/", "https://192.0.0.192/"),
    *("https://224.0.0.1/", "https://255.255.255.255/", "https://192.88.99.1/"),
    *("https://[::]/", "https://[::1]/", "https://[0:0:0:0:0:0:0:1]/", "https://[::127.0.0.1]/", "https://[::7f00:1]/"),
    *("https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[::ffff:169.254.169.254]/"),
    *(
        "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b:1::1]/",
        "https://[2002:7f00:1::]/",
        "https://[2001:0:7f00:1::]/",
    ),
    *("https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/", "https://[fc00::1]/"),
    *("https://[fd00:ec2::254]/", "https://[fec0::1]/", "https://[ff02::1]/", "https://[2001:db8::1]/"),
)


@pytest.mark.parametrize("url", ACCEPTED)
def test_a_url_where_a_receiver_may_be_is_accepted(url: str) -> None:
    check_url(url, NOWHERE)


@pytest.mark.parametrize("url", NO_URL + NO_PORT + NO_ADDRESS)
def test_a_url_where_no_receiver_can_be_is_refused(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_url(url, NOWHERE)
    assert refused.value.details == {"url": [refused.value.message]}


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/", "http://127.0.0.1:80/", "http://127.0.0.1:25/", "https://127.0.0.1:22/"),
        *("http://[::1]:3000/", "http://[::ffff:127.0.0.1]:81/", "http://localhost:3000/", "http://intranet/"),
    ],
)
def test_within_outbound_allow_a_receiver_may_be_asked_over_http_and_on_any_port(url: str) -> None:
    check_url(url, HERE)


@pytest.mark.parametrize(
    "url",
    [
        "http://93.184.216.34/",
        "https://93.184.216.34:22/",
        "https://192.168.0.1/",
        "http://127.1/",
        "http://2130706433/",
    ],
)
def test_outbound_allow_allows_nothing_outside_of_it(url: str) -> None:
    with pytest.raises(Invalid):
        check_url(url, HERE)


@pytest.mark.parametrize(
    ("url", "requested"),
    [
        ("https://pos.example.com", "https://pos.example.com/"),
        ("https://pos.example.com:443/a/../b//c?x=%2f%3D+&y", "https://pos.example.com/a/../b//c?x=%2f%3D+&y"),
        ("https://kassa.åäö.example:8443/ö?ä", "https://kassa.xn--4cab6c.example:8443/%C3%B6?%C3%A4"),
        ("https://[2606:4700::1111]:8443/?a=1", "https://[2606:4700::1111]:8443/?a=1"),
    ],
)
def test_path_and_query_are_sent_as_they_were_written(url: str, requested: str) -> None:
    """A query may hold a signature, which is of exactly these bytes."""
    assert str(receiver_url(url, NOWHERE)) == requested


@pytest.mark.parametrize(
    ("port", "refused"), [(443, False), (8443, False), (1024, False), (1023, True), (80, True), (0, True)]
)
def test_a_public_address_is_connected_to_on_usual_ports_alone(port: int, refused: bool) -> None:
    assert bool(target_refusal("93.184.216.34", port, True, NOWHERE)) is refused
    assert target_refusal("127.0.0.1", port, False, HERE) is None
