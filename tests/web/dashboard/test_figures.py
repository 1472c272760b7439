"""The page of figures: what sold in a period, compared with another, in one currency at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from bson import Decimal128
from flask.testing import FlaskClient
from playwright.sync_api import Page

from pos_api.database.client import Db
from pos_api.figures import rollup
from pos_api.orders import apply as orders
from pos_api.web.dashboard.figures import periods
from pos_api.web.dashboard.figures.periods import Period
from tests.factories import order_update
from tests.web.dashboard.browsing import is_too_wide, problems

Opens = Callable[..., Page]
AsRole = Callable[[str], FlaskClient]
NOVEMBER = "/figures?period=own&from=2026-11-01&to=2026-11-30"


def sell(db: Db, number: int, day: str, amount: str, hour: int = 12, **more: Any) -> None:
    """A completed order of `amount`, of which a fifth is tax."""
    fields = {
        "status": "completed",
        "currency": "SEK",
        "created_at": datetime.fromisoformat(f"{day}T{hour:02d}:00").replace(tzinfo=UTC),
        "day": day,
        "hour": hour,
        "total": Decimal128(amount),
        "total_tax": Decimal128(str(round(float(amount) / 5, 2))),
        "payment_method_title": "Swish",
        "line_items": [{"id": 1, "sku": "MUG", "name": "Mug", "quantity": 2, "total": Decimal128(amount)}],
        **more,
    }
    orders.apply(db, [order_update(number, fields, kind="created", cause=f"e{number}")])


@pytest.fixture
def sold(db: Db) -> None:
    """Two days of November, one of October and one a year before, and a sale in euros."""
    sell(db, 1, "2026-11-02", "125.00", 9)
    sell(db, 2, "2026-11-03", "250.00", 14)
    sell(db, 3, "2026-10-04", "100.00")
    sell(db, 4, "2025-11-05", "500.00")
    sell(db, 5, "2026-11-03", "10.00", currency="EUR")


# --- periods ----------------------------------------------------------------------------------------------------------

TODAY = date(2026, 11, 12)  # a Thursday


@pytest.mark.parametrize(
    ("name", "period", "previous"),
    [
        ("today", ("2026-11-12", "2026-11-12"), ("2026-11-11", "2026-11-11")),
        ("yesterday", ("2026-11-11", "2026-11-11"), ("2026-11-10", "2026-11-10")),
        ("week", ("2026-11-09", "2026-11-12"), ("2026-11-02", "2026-11-05")),
        ("last-week", ("2026-11-02", "2026-11-08"), ("2026-10-26", "2026-11-01")),
        ("month", ("2026-11-01", "2026-11-12"), ("2026-10-01", "2026-10-12")),
        ("last-month", ("2026-10-01", "2026-10-31"), ("2026-09-01", "2026-09-30")),
        ("quarter", ("2026-10-01", "2026-11-12"), ("2026-07-01", "2026-08-12")),
        ("last-quarter", ("2026-07-01", "2026-09-30"), ("2026-04-01", "2026-06-30")),
        ("year", ("2026-01-01", "2026-11-12"), ("2025-01-01", "2025-11-12")),
        ("last-year", ("2025-01-01", "2025-12-31"), ("2024-01-01", "2024-12-31")),
        ("30-days", ("2026-10-14", "2026-11-12"), ("2026-09-14", "2026-10-13")),
    ],
)
def test_a_period_is_compared_with_the_same_part_of_the_one_before(
    name: str, period: tuple[str, str], previous: tuple[str, str]
) -> None:
    found = periods.preset(name, TODAY)
    assert found == Period(*map(date.fromisoformat, period))
    assert periods.compared(name, found, "previous") == Period(*map(date.fromisoformat, previous))


def test_every_preset_is_tested() -> None:
    mark = test_a_period_is_compared_with_the_same_part_of_the_one_before.pytestmark[0]  # type: ignore[attr-defined]
    assert [case[0] for case in mark.args[1]] == list(periods.PRESETS)


def test_a_month_that_is_longer_than_the_one_before_is_compared_with_all_of_it() -> None:
    until_30th = periods.preset("month", date(2026, 3, 30))
    assert periods.compared("month", until_30th, "previous") == Period(date(2026, 2, 1), date(2026, 2, 28))


def test_a_year_earlier_a_leap_day_is_the_28th() -> None:
    leap = Period(date(2024, 2, 29), date(2024, 3, 1))
    assert periods.compared(periods.OWN, leap, "year") == Period(date(2023, 2, 28), date(2023, 3, 1))
    assert periods.compared(periods.OWN, leap, "previous") == Period(date(2024, 2, 27), date(2024, 2, 28))
    assert periods.compared(periods.OWN, leap, "none") is None
    with pytest.raises(OverflowError):
        periods.compared(periods.OWN, Period(date(1, 1, 1), date(1, 1, 2)), "year")


# --- the page ---------------------------------------------------------------------------------------------------------


def test_figures_are_compared_with_the_period_before_or_the_year_before(as_role: AsRole, sold: None) -> None:
    client = as_role("viewer")
    before = client.get(f"{NOVEMBER}&currency=SEK").text
    assert "2 Oct 2026" in before
    assert '<td class="number">100.00</td>' in before
    assert "+275%" in before, "of 80.00 net in the thirty days before"
    year = client.get(f"{NOVEMBER}&currency=SEK&compare=year").text
    assert "\N{MINUS SIGN}25%" in year, "of 400.00 net a year before"
    assert "compared with" not in client.get(f"{NOVEMBER}&compare=none").text


def test_currencies_are_never_added(as_role: AsRole, sold: None) -> None:
    client = as_role("viewer")
    page = client.get(NOVEMBER).text
    assert "All in SEK" in page, "that of most orders"
    assert "By currency" in page
    assert "385.00" not in page
    euros = client.get(f"{NOVEMBER}&currency=EUR").text
    assert "All in EUR" in euros
    assert "€10.00" in euros
    assert "All in SEK" in client.get(f"{NOVEMBER}&currency=SEK").text


def test_a_long_period_shows_months_and_a_day_no_days(as_role: AsRole, sold: None) -> None:
    client = as_role("viewer")
    assert "By month" in client.get("/figures?period=own&from=2025-11-01&to=2026-11-30").text
    day = client.get("/figures?period=own&from=2026-11-03&to=2026-11-03&currency=SEK").text
    assert "By day" not in day
    assert "By weekday" not in day
    assert "By hour of the day" in day


@pytest.mark.parametrize(
    "asked",
    [
        "period=own&from=2026-11-30&to=2026-11-01",
        "period=own&from=tomorrow",
        "period=own",
        "period=own&from=1026-11-30&to=2026-11-01",
        "period=century",
        "compare=yes",
        "store=" + "s" * 41,
        "currency=" + "c" * 100,
    ],
)
def test_what_can_not_be_asked_for_is_said_beside_the_form(as_role: AsRole, asked: str) -> None:
    client = as_role("viewer")
    answer = client.get(f"/figures?{asked}")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "<select" in answer.text
    assert client.get(f"/figures/days.csv?{asked}").status_code == 422


def test_without_orders_the_page_says_what_to_do(as_role: AsRole) -> None:
    assert "Nothing was sold in this period." in as_role("viewer").get("/figures").text


def test_a_period_at_the_beginning_of_time_is_compared_with_nothing(as_role: AsRole) -> None:
    assert as_role("viewer").get("/figures?period=own&from=0001-01-01&to=0001-01-02&compare=year").status_code == 200


def test_figures_that_are_being_rebuilt_are_not_shown(
    as_role: AsRole, sold: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup, "refresh", lambda db, seconds: 412_000)
    answer = as_role("viewer").get(NOVEMBER)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "are being rebuilt" in answer.text
    assert "412,000" in answer.text
    assert "Net revenue" not in answer.text


def test_names_that_hold_script_are_shown_as_text(as_role: AsRole, db: Db) -> None:
    script = "</script><script>alert(1)</script>'\""
    goods = [{"id": 1, "sku": script, "name": script, "quantity": 1, "total": Decimal128("1.00")}]
    sell(db, 1, "2026-11-02", "1.00", line_items=goods, payment_method_title=script, currency="SEK")
    page = as_role("viewer").get(NOVEMBER).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


# --- CSV --------------------------------------------------------------------------------------------------------------


def read(client: FlaskClient, path: str) -> list[dict[str, str]]:
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/csv"), answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_every_table_is_a_csv_file_with_the_currency_in_each_row(as_role: AsRole, sold: None) -> None:
    client, query = as_role("viewer"), NOVEMBER.partition("?")[2]
    files = {
        table: read(client, f"/figures/{table}.csv?{query}")
        for table in (
            *("currencies", "days", "months", "hours", "weekdays", "stores", "kinds"),
            *("products", "tax-rates", "payment-methods", "statuses"),
        )
    }
    for rows in files.values():
        assert {row["currency"] for row in rows} == {"EUR", "SEK"}
    krona = {table: [row for row in rows if row["currency"] == "SEK"] for table, rows in files.items()}
    assert [len(krona[table]) for table in ("days", "months", "hours", "weekdays")] == [30, 1, 24, 7]
    for table in ("currencies", "days", "months", "hours", "weekdays"):
        assert sum(float(row["net_revenue"]) for row in krona[table]) == 300
        assert sum(int(row["orders_count"]) for row in krona[table]) == 2
    assert [row["hour"] for row in krona["hours"] if row["orders_count"] != "0"] == ["9", "14"]
    mondays = krona["weekdays"][0]
    assert (mondays["weekday"], mondays["days"], mondays["net_revenue"]) == ("1", "5", "100.00")
    assert [(row["kind"], row["total_sales"]) for row in krona["kinds"]] == [("woocommerce", "375.00")]
    assert [row["sku"] for row in krona["products"]] == ["MUG"]


def test_a_csv_file_is_of_one_currency_where_that_is_asked_for_and_is_in_the_audit(
    as_role: AsRole, sold: None, db: Db
) -> None:
    client = as_role("viewer")
    rows = read(client, f"/figures/stores.csv?{NOVEMBER.partition('?')[2]}&currency=EUR")
    assert [(row["currency"], row["store"], row["total_sales"]) for row in rows] == [("EUR", "default", "10.00")]
    [entry] = db.audit.find({"action": "figures.exported"})
    assert entry["details"] == {"table": "stores", "from": "2026-11-01", "to": "2026-11-30", "currency": "EUR"}
    assert client.get("/figures/wages.csv").status_code == 404


# --- in the browser ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "theme", "language"), [(390, "dark", "sv"), (820, "light", "en")])
def test_the_page_fits_every_screen(open_as: Opens, sold: None, width: int, theme: str, language: str) -> None:
    page = open_as("viewer", width=width, theme=theme, language=language)
    page.goto(f"{NOVEMBER}&currency=SEK")
    page.locator(".u-over").first.wait_for()
    assert problems(page) == []
    assert not is_too_wide(page)


def test_on_paper_there_are_the_heading_and_the_tables_alone(open_as: Opens, sold: None) -> None:
    page = open_as("viewer")
    page.goto(f"{NOVEMBER}&currency=SEK")
    page.emulate_media(media="print")
    assert page.get_by_text("1 Nov 2026 – 30 Nov 2026 · All stores").is_visible()
    assert not page.locator("form.filters").is_visible()
    assert not page.get_by_role("link", name="CSV").first.is_visible()
    assert page.get_by_role("table").first.is_visible()
