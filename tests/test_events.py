"""The ids of events."""

from __future__ import annotations

from datetime import UTC, datetime

from pos_api.events import CustomerChanged

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_no_id_shows_a_customers_address_and_the_same_customer_has_the_same() -> None:
    created = CustomerChanged("anna@example.se", 1, "created", NOON)
    updated = CustomerChanged("anna@example.se", 2, "updated", NOON)
    assert "anna" not in created.id + created.resource
    assert created.resource == updated.resource
    assert created.id != updated.id
    assert CustomerChanged("bo@example.se", 1, "created", NOON).resource != created.resource
