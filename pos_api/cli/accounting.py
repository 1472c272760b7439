"""`pos-api accounting`: the books."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import cast

import click

from pos_api.accounting import check, close, exports, queries, set_accounts
from pos_api.accounting.queries import Filter
from pos_api.accounting.refresh import refresh
from pos_api.accounting.z_reports import z_reports
from pos_api.cli.common import Commands, json_value, say, say_lines, with_config, with_db
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.errors import Invalid, NotFound
from pos_api.staff import audit
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores
from pos_api.web.z_page import z_page

_MOST = 1_000


def _day(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise click.BadParameter(f"{text!r} is no day, such as 2026-11-22") from None


def _stores(stores: Stores, name: str | None) -> list[Store]:
    """The store of this name, or all. Raises NotFound."""
    found = [store for store in stores.all() if name in (None, store.id)]
    if not found:
        raise NotFound(f"There is no store {str(name)[:80]!r}.")
    return found


@contextmanager
def _problems_named() -> Iterator[None]:
    """Print each problem of what is not valid."""
    try:
        yield
    except Invalid as error:
        for field, problem in (error.details or {}).items():
            say(f"{field} {problem}", err=True)
        raise


def _write(name: str, content: bytes, output: Path | None) -> Path:
    """Write a file: here, or at this path, or in this folder. Returns its path."""
    path = Path(name) if output is None else output / name if output.is_dir() else output
    path.write_bytes(content)
    return path


@click.group("accounting", cls=Commands)
def accounting() -> None:
    """The books: accounts, closing a day, Z-reports, files for bookkeeping programs, and the proof of it all."""


@accounting.command("accounts")
@click.option(
    "--set", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="JSON to set them to."
)
@with_db
def accounts(db: Db, file: Path | None) -> None:
    """Print the accounts and product groups as JSON, or set them from a file of the same form."""
    if file is not None:
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise Invalid(f"{file} is not JSON: {error}") from None
        if not isinstance(document, dict):
            raise Invalid(f"{file} must have an object of rows, names and groups.")
        with _problems_named():
            set_accounts.save(db, document)
        say("The accounts are set. What is entered stays as it is.")
        return
    say_lines(json.dumps(set_accounts.shown(db), indent=2, ensure_ascii=False))


@accounting.command("close")
@click.option("--store", help="This store only.")
@click.option("--day", callback=_day, help="The day to close; yesterday where it is left out.")
@click.option("--until", callback=_day, help="Close all open days up to this one.")
@with_db
@with_config
def close_days(config: Config, db: Db, /, store: str | None, day: str | None, until: str | None) -> None:
    """Close a day of every store: make its entries, and corrections of what has changed of closed days. A closed day
    is never opened again."""
    if day and until:
        raise click.UsageError("Give --day or --until, and not both.")
    stores = Stores(db, config)
    for each in _stores(stores, store):
        asked = {"until": until} if until else {"day": day or _yesterday(each)}
        with audit.act(db, "books.closed", target=each.id, details=asked):
            if until:
                closed = list(close.close_until(db, stores, each, until, config.accounting_mode))
            else:
                closed = close.close_day(db, stores, each, asked["day"], config.accounting_mode)
        for one in closed:
            made = ", ".join(one.entries[:5]) or "all that happened adds up to nothing"
            what = "was closed before" if one.was_closed else f"closed: {made}"
            say(f"{each.id} {one.date} {one.currency} {what}")
        if not closed:
            say(f"{each.id} {until or asked['day']}: there is nothing to close.")


def _yesterday(store: Store) -> str:
    today = date.fromisoformat(store.local_day(now()))
    return date.fromordinal(today.toordinal() - 1).isoformat()


@accounting.command("entries")
@click.option("--from", "since", callback=_day, help="From this day on.")
@click.option("--to", "until", callback=_day, help="Up to this day, included.")
@click.option("--store", help="Of this store only.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@with_db
def entries(db: Db, /, limit: int, **wanted: str | None) -> None:
    """Print the entries of closed days as lines of JSON, the newest first."""
    for entry in queries.shown(db, queries.find(db, Filter(**wanted), limit)):
        say(json.dumps(entry, default=json_value, ensure_ascii=False))


@accounting.command("z-report")
@click.option("--store", help="Of this store; of all where it is left out.")
@click.option("--day", callback=_day, help="Of this day; of yesterday where it is left out.")
@click.option("--page", is_flag=True, help="Write a page to print for each store, z-report-STORE-DAY.html.")
@click.option("--output", type=click.Path(path_type=Path), help="The file or folder to write the page to; else here.")
@with_db
@with_config
def z_report(config: Config, db: Db, /, store: str | None, day: str | None, page: bool, output: Path | None) -> None:
    """Print the Z-reports of a day as lines of JSON, one for each store and currency; or write them as pages to
    print."""
    stores = Stores(db, config)
    refresh(db, stores)  # however long it takes
    for each in _stores(stores, store):
        of = day or _yesterday(each)
        reports = z_reports(db, stores, each, of)
        if page and reports:
            text = z_page(each, of, reports, (config.accounting_company, config.accounting_orgnr))
            say(f"{_write(f'z-report-{each.id}-{of}.html', text.encode(), output)}")
        for report in () if page else reports:
            say(json.dumps(report, default=json_value, ensure_ascii=False))


@accounting.command("export")
@click.option("--format", "file_format", type=click.Choice(list(exports.WRITERS)))
@click.option("--from", "since", callback=_day, help="From this day on.")
@click.option("--to", "until", callback=_day, help="Up to this day, included.")
@click.option("--store", help="Of this store only.")
@click.option("--currency", help="In this currency only.")
@click.option("--new", is_flag=True, help="Only entries that were in no file of this format yet.")
@click.option("--number", type=int, help="The file of this export once more.")
@click.option("--output", type=click.Path(path_type=Path), help="The file or folder to write to; else here.")
@with_db
@with_config
def export(
    config: Config,
    db: Db,
    /,
    file_format: str | None,
    new: bool,
    number: int | None,
    output: Path | None,
    **wanted: str | None,
) -> None:
    """Write entries to a file for a bookkeeping program. The same entries are the same export, with the same bytes."""
    if (file_format is None) == (number is None):
        raise click.UsageError("Give --format, or the --number of an export.")
    with _problems_named(), audit.act(db, "books.exported", details={"format": file_format, "new": new}) as details:
        if file_format is None:
            exported = exports.again(db, cast("int", number))
        else:
            exported = exports.export(db, config, file_format, Filter(**wanted), new=new)
        details["number"] = exported.number
        path = _write(exported.name, exported.content, output)
    say(f"Export {exported.number} is in {path}.")


@accounting.command("check")
@click.option("--from", "since", callback=_day, required=True, help="From this day on.")
@click.option("--to", "until", callback=_day, required=True, help="Up to this day, included.")
@click.option("--store", help="Of this store only.")
@with_db
@with_config
def check_books(config: Config, db: Db, /, since: str, until: str, store: str | None) -> None:
    """Prove the books: entries, figures and payments side by side, and the orders of which they differ, with why. Exit
    status 1 when something is unexplained."""
    stores = Stores(db, config)
    _stores(stores, store)
    refresh(db, stores)  # however long it takes
    proof = check.check(db, stores, since, until, store)
    for currency in sorted(proof.books):
        say(f"{currency:<12} {'entries':>14} {'figures':>14} {'unexplained':>14}")
        for name in check.MEASURES:
            amounts = (proof.books, proof.others, proof.unexplained)
            say(f"{name:<12} " + " ".join(f"{of[currency][name]:>14f}" for of in amounts))
    for row in sorted(proof.rows, key=lambda row: row.is_explained)[:_MOST]:
        mark = "explained" if row.is_explained else "UNEXPLAINED"
        say(f"{mark:<11} {row.reference} {row.currency} {_differences(row)}: {row.because}")
    if not proof.is_explained:
        sys.exit(1)
    say("Nothing is unexplained.")


def _differences(row: check.Row) -> str:
    found = {name: row.books[name] - row.others[name] for name in check.MEASURES}
    return ", ".join(f"{name} {amount:+f}" for name, amount in found.items() if amount) or "0"
