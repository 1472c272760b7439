"""Days are closed by themselves, at a set time of each store's clock on the day after."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from pos_api.accounting.close import close_day
from pos_api.accounting.lease import ClosedElsewhere
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.logs import get_logger
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores

log = get_logger(__name__)

_NOTED = {"_id": "closed_by_itself"}
_MOST_DAYS = 31


def close_due(db: Db, stores: Stores, config: Config, moment: datetime) -> None:
    """Close the day before in every store where it is time (ACCOUNTING_CLOSE_AT), and the days after the last that was
    closed so, which were missed while nothing ran; at most the latest 31. Days from before that are closed by hand
    only: they get their first orders by an import. One store that fails keeps no other from being closed."""
    if not config.accounting_close_at:
        return
    noted = db.accounting_state.find_one(_NOTED) or {}
    for store in stores.all():
        try:
            for day in due_days(store, config.accounting_close_at, noted.get(store.id), moment):
                close_day(db, stores, store, day, config.accounting_mode)
                db.accounting_state.update_one(_NOTED, {"$max": {store.id: day}}, upsert=True)
        except ClosedElsewhere:
            return
        except Exception as error:
            log.error("a day could not be closed", store=store.id, error=type(error).__name__, reason=str(error)[:200])


def due_days(store: Store, close_at: str, last: str | None, moment: datetime) -> list[str]:
    """The days of a store that are to be closed at this moment, where `last` was the last one that was."""
    local = moment.astimezone(ZoneInfo(store.timezone))
    latest = local.date() - timedelta(days=1 if local.strftime("%H:%M") >= close_at else 2)
    first = latest if last is None else date.fromisoformat(last) + timedelta(days=1)
    first = max(first, latest - timedelta(days=_MOST_DAYS - 1))
    if last is None and local.strftime("%H:%M") < close_at:
        return []
    return [(first + timedelta(days=number)).isoformat() for number in range((latest - first).days + 1)]
