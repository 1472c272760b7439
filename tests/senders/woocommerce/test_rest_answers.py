"""What an answer of a shop's REST API means: plain values, no shop."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from pos_api.common.time import now
from pos_api.outbound.client import Reply
from pos_api.senders.woocommerce.credentials import Credentials, without_secrets
from pos_api.senders.woocommerce.diagnosis import better_cause, hints
from pos_api.senders.woocommerce.rest.answers import Answer, answer_of, json_of, refusal, retry_after
from pos_api.senders.woocommerce.rest.pages import read_pages
from pos_api.senders.woocommerce.shop_error import ShopError


def reply(status: int = 200, body: bytes = b"[]", **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize(
    ("status", "code", "message", "cause"),
    [
        (401, "woocommerce_rest_authentication_error", "Invalid timestamp.", "clock"),
        (401, "woocommerce_rest_cannot_view", "Sorry.", "unauthorized"),
        (401, "woocommerce_rest_authentication_error", "The API key has no write permissions.", "read_only"),
        (403, "woocommerce_rest_cannot_edit", "", "read_only"),
        (404, "rest_no_route", "No route.", "no_woocommerce"),
        (400, "rest_invalid_param", "Invalid parameter.", "refused_request"),
        (403, "", "", "firewall"),
        (404, "", "", "no_wordpress"),
    ],
)
def test_each_refusal_has_its_cause(status: int, code: str, message: str, cause: str) -> None:
    assert refusal(status, {"code": code, "message": message}).cause == cause


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (200, b"<!DOCTYPE html>", "not_json"),
        (404, b"<!DOCTYPE html>", "no_rest_api"),
        (403, b"blocked", "firewall"),
        (200, b'[{"id": 1', "cut_off"),
        (200, b'[{"id": NaN}]', "not_json"),
        (200, b"[" + b"[]," * 1_000_000 + b"[]]", "too_large"),
    ],
)
def test_what_is_no_json_has_its_cause(status: int, body: bytes, cause: str) -> None:
    with pytest.raises(ShopError) as caught:
        json_of(reply(status, body))
    assert caught.value.cause == cause


def test_a_redirect_is_named_without_what_may_hold_a_signature() -> None:
    with pytest.raises(ShopError, match=r"redirects to https://www\.shop\.example;"):
        answer_of(reply(301, Location="https://www.shop.example/wp-json/wc/v3/orders?oauth_signature=x"))


def test_the_number_of_rows_and_the_clock_come_from_headers_as_far_as_they_can_be_read() -> None:
    ahead = format_datetime(now() + timedelta(minutes=7), usegmt=True)
    answer = answer_of(reply(X_WP_Total="12", Date=ahead))
    assert answer.total == 12
    assert answer.clock == pytest.approx(420, abs=5)
    odd = answer_of(reply(X_WP_Total="²", Date="yesterday"))
    assert (odd.total, odd.clock) == (None, None)


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after(reply(429, Retry_After="7")) == 7
    assert retry_after(reply(429)) == 0
    moment = format_datetime(now() + timedelta(seconds=60), usegmt=True)
    assert retry_after(reply(429, Retry_After=moment)) == pytest.approx(60, abs=5)
    assert retry_after(reply(429, Retry_After="Sat, 01 Jan 2000 00:00:00 GMT")) == 0


def test_the_apis_of_a_wordpress_say_why_its_rest_api_does_not_answer() -> None:
    permalinks, woocommerce = better_cause(frozenset({"wp/v2", "wc/v3"})), better_cause(frozenset({"wp/v2"}))
    assert permalinks is not None
    assert woocommerce is not None
    assert (permalinks.cause, woocommerce.cause) == ("permalinks_off", "no_woocommerce")
    assert better_cause(frozenset()) is None


def test_what_should_be_known_of_a_connection_is_said() -> None:
    signed = Credentials("https://shop.example", "ck", "cs", "oauth")
    found = hints(signed, Answer([], 0, -400.0), sees_webhooks=False)
    assert len(found) == 3
    assert "7 minutes behind" in found[1]
    assert (
        hints(Credentials("http://shop.example", "ck", "cs", "oauth"), Answer([], 0, 299.0), sees_webhooks=True) == []
    )
    with pytest.raises(ShopError):
        hints(signed, Answer({"id": 1}, None, None), sees_webhooks=True)


def test_the_key_pair_is_shown_nowhere() -> None:
    credentials = Credentials("https://shop.example", "ck_1", "cs_2", "basic")
    assert without_secrets("you sent ck_1:cs_2 or Y2tfMTpjc18y", credentials) == "you sent …:… or …"
    assert "cs_2" not in repr(credentials)


# --- pages ------------------------------------------------------------------------------------------------------------


class Rows:
    """A collection that answers from memory, as WooCommerce would."""

    def __init__(self, ids: list[int], *, most: int = 1000) -> None:
        self.ids, self.most = ids, most
        self.asked = 0

    def get(self, path: str, **params: Any) -> Answer:
        self.asked += 1
        start = params["offset"]
        rows = [{"id": number} for number in self.ids[start : start + min(params["per_page"], self.most)]]
        return Answer(rows, len(self.ids), None)


def read(rows: Rows) -> list[int]:
    return [row["id"] for page in read_pages(rows, "orders") for row in page.rows]


@pytest.mark.parametrize("count", [0, 1, 5, 99, 100, 101, 250, 1000])
@pytest.mark.parametrize("most", [1000, 37, 3])
def test_every_row_is_read_once_whatever_the_size_of_a_page(count: int, most: int) -> None:
    ids = list(range(10, 10 + count))
    assert read(Rows(ids, most=most)) == ids


def test_a_hundred_rows_cost_one_request() -> None:
    rows = Rows(list(range(1, 101)))
    read(rows)
    assert rows.asked == 1


def test_rows_deleted_between_two_pages_hide_none_of_those_after_them() -> None:
    rows = Rows(list(range(1, 301)))
    seen: list[int] = []
    for page in read_pages(rows, "orders"):
        seen += [row["id"] for row in page.rows]
        rows.ids = [each for each in rows.ids if each > 40]
    assert seen == list(range(1, 301))


def test_a_list_that_does_not_ascend_is_an_error() -> None:
    with pytest.raises(ShopError) as caught:
        read(Rows([3, 1, 2]))
    assert caught.value.cause == "not_sorted"
