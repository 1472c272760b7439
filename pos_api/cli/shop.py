"""`pos-api import`, `import-database` and `reconcile`: what a shop has, and how the POS compares with it."""

from __future__ import annotations

import json
import os
import sys
from contextlib import AbstractContextManager, closing, nullcontext
from datetime import datetime
from typing import Any

import click

from pos_api.cli.common import json_value, moment_text, say, say_lines, with_config, with_db
from pos_api.collections import COLLECTIONS
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.processing import ingest
from pos_api.processing.ingest_processes import ingest_processes
from pos_api.senders.woocommerce import connection, importer
from pos_api.senders.woocommerce.database.values import is_table_prefix
from pos_api.senders.woocommerce.reconcile.comparison import Options
from pos_api.senders.woocommerce.reconcile.report import Report
from pos_api.senders.woocommerce.reconcile.run import reconcile
from pos_api.staff import audit
from pos_api.stock.store_sync import is_on

_LISTED = 50
"""So many rows that were not imported are printed."""
_PROCESSES = max(1, min((os.cpu_count() or 1) - 1, 4))
"""So many bring in what is read from a shop's database, beside the one that reads; more of them are in each other's way
where orders move the same products."""


def _since(_: click.Context, __: click.Parameter, text: str) -> datetime:
    try:
        return importer.parse_since(text, now())
    except ValueError as error:
        problem = "is in the future" if "future" in str(error) else "is no date, and no time before now"
        raise click.BadParameter(f"{text!r} {problem}; 2024-01-01, or how long ago: 12h, 2d, 3w") from None


@click.command("import")
@click.argument("name")
@click.option("--since", required=True, callback=_since, help="Orders made since: 2024-01-01, or 90d ago.")
@with_db
@with_config
def import_shop(config: Config, db: Db, /, name: str, since: datetime) -> None:
    """Take over the products, customers and orders of the shop NAME. Interrupted, it goes on where it was.

    Exit status 1 when something of the shop's is not here afterwards, or not as it is there.
    """
    with connection.open_shop(db, config, name) as shop:
        imported = importer.run(db, config, shop, name, since, ingest.ingest, progress_bars())
    show_import(imported)


def _table_prefix(_: click.Context, __: click.Parameter, text: str) -> str:
    if not is_table_prefix(text):
        raise click.BadParameter("a table prefix looks like wp_")
    return text


@click.command("import-database")
@click.argument("name")
@click.option("--since", required=True, callback=_since, help="Orders made since: 2024-01-01, or 90d ago.")
@click.option("--host", default="localhost", show_default=True)
@click.option("--port", default=3306, show_default=True)
@click.option("--socket", help="MariaDB's socket, instead of host and port.")
@click.option("--user", required=True, help="A user that may read; give it no more.")
@click.option("--password", envvar="MYSQL_PWD", prompt=True, hide_input=True, help="Or MYSQL_PWD; else asked for.")
@click.option("--database", required=True)
@click.option(
    "--prefix", default="wp_", show_default=True, callback=_table_prefix, help="$table_prefix in wp-config.php."
)
@with_db
@with_config
def import_database(
    config: Config, db: Db, /, name: str, since: datetime, prefix: str, socket: str | None, **connect: Any
) -> None:
    """Take over the shop NAME from its WooCommerce database, where its REST API is slow, blocked or gone.

    It only reads there. Interrupted, it goes on where it was. Exit status as of `import`.
    """
    try:
        from pos_api.senders.woocommerce.database.connection import Database
        from pos_api.senders.woocommerce.database.reader import DatabaseReader
    except ModuleNotFoundError as error:
        if error.name != "pymysql":
            raise
        raise click.ClickException("PyMySQL is not installed: `pip install 'pos-api[import-database]'`.") from None
    with (
        closing(Database(prefix, unix_socket=socket, **connect)) as database,
        ingest_processes(config, COLLECTIONS, _PROCESSES) as ingest_there,
    ):
        shop = DatabaseReader(database)
        imported = importer.run(db, config, shop, name, since, ingest_there, progress_bars(), at_once=_PROCESSES)
    show_import(imported)


def show_import(imported: importer.ImportResult) -> None:
    """Print what an import did, and how the POS compares with the shop now; exits with status 1 when something of the
    shop's is not here, or not as it is there."""
    for phase, counts in imported.outcomes.items():
        say(f"{phase:<10}" + ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items())))
    if imported.not_imported:
        say(f"{len(imported.not_imported):,} not imported:", err=True)
        for each in imported.not_imported[:_LISTED]:
            say(f"  {each['what']}: {each['cause']}", err=True)
        if len(imported.not_imported) > _LISTED:
            say("  …; `pos-api inbox` has those that came in and could not be used.", err=True)
    _show_report(imported.report, complete=not imported.not_imported)
    if not imported.in_sync:
        sys.exit(1)


def progress_bars() -> importer.Progress:
    """A progress bar for each phase, with the rate and the time left."""
    bar: Any = None
    started: dict[str, tuple[datetime, int]] = {}

    def progress(phase: str, done: int, total: int) -> None:
        nonlocal bar
        if phase not in started:
            if bar is not None:
                bar.__exit__(None, None, None)
            started[phase] = (now(), done)
            bar = click.progressbar(
                length=max(total, 1), label=f"{phase:<10}", show_pos=True, item_show_func=lambda rate: rate
            )
            bar.__enter__()
        begun, _ = started[phase]
        rate = done / max((now() - begun).total_seconds(), 0.001)
        bar.update(max(done - bar.pos, 0), f"{rate:,.0f}/s")
        if done >= total:
            bar.finish()
            bar.render_progress()

    return progress


@click.command("reconcile")
@click.argument("name")
@click.option("--since", default="2d", show_default=True, callback=_since, help="2024-01-01, or how long ago: 12h, 3w.")
@click.option("--repair", is_flag=True, help="Repair orders and products, switch webhooks on again.")
@click.option("--align", metavar="SKU", multiple=True, help="Bring the stock of this SKU to the shop's.")
@click.option(
    "--align-shop", metavar="SKU", multiple=True, help="Bring the shop's stock of this SKU to that here: it is sent."
)
@click.option("--accept-gone", is_flag=True, help="Also where many are gone from the shop at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@with_db
@with_config
def reconcile_shop(
    config: Config,
    db: Db,
    /,
    name: str,
    since: datetime,
    repair: bool,
    align: tuple[str, ...],
    align_shop: tuple[str, ...],
    accept_gone: bool,
    as_json: bool,
) -> None:
    """Compare the POS with the shop NAME. Exit status 1 when something is left to repair or to look at."""
    _refuse_contradiction(db, name, align, align_shop)
    aligned = {"align": list(align), "align_shop": list(align_shop)}
    asked = {"since": since, "repair": repair, **aligned, "accept_gone": accept_gone}
    recorded: AbstractContextManager[Document] = nullcontext({})
    if repair or align or align_shop:
        recorded = audit.act(db, "store.repaired", target=name, details=asked)
    with connection.open_shop(db, config, name) as shop, recorded as details:
        options = Options(
            *(since, repair), repair_webhooks=repair, align=align, align_shop=align_shop, accept_gone=accept_gone
        )
        report = reconcile(db, config, shop, name, ingest.ingest, options)
        details |= _repairs(report)
    if as_json:
        say_lines(json.dumps(report.shown(), default=json_value, indent=2, ensure_ascii=False))
    else:
        _show_report(report)
    differ = {sku for each in report.stock if each["difference"] for sku in (each["sku"], each["product"])}
    for sku in (*align, *align_shop):
        if sku not in differ:
            say(f"{sku}: nothing to align.", err=True)
    if not report.in_sync:
        sys.exit(1)


def _refuse_contradiction(db: Db, name: str, align: tuple[str, ...], align_shop: tuple[str, ...]) -> None:
    """Raise UsageError where the shop can't be sent stock, or where both sides of a SKU are to be right."""
    if align_shop and not is_on(db, name):
        raise click.UsageError(
            f"--align-shop takes stock sync: `pos-api store set {name} --stock-sync on` switches it on."
        )
    if both := sorted(set(align) & set(align_shop)):
        raise click.UsageError(f"{', '.join(both)}: either --align or --align-shop.")


def _repairs(report: Report) -> dict[str, list[str]]:
    """What a comparison repaired, for the audit."""
    return {
        "orders": [each["order"] for each in report.orders if each.get("repair")][:_LISTED],
        "products": [each["sku"] for each in report.products if each.get("repair")][:_LISTED],
        "stock": [each["sku"] for each in report.stock if each.get("repair")][:_LISTED],
        "webhooks": [str(each["id"]) for each in report.webhooks if each.get("repair")],
    }


def _show_report(report: Report | None, *, complete: bool = True) -> None:
    """Print what a comparison found; that all is in sync only where what went before was `complete`."""
    if report is None:
        return
    compared = f"{report.compared:,} orders since {moment_text(report.since)} and {report.products_compared:,} products"
    say(f"{compared} compared.")
    _show_rows(report)
    for note in report.notes:
        say(f"Note: {note}")
    outage = report.outage
    if outage and outage["alarming"]:
        say(
            f"No order since {moment_text(outage['since'])}: about {outage['missed']:.0f} usually come in such a time. "
            "Is the shop's checkout all right?"
        )
    if report.problem:
        say(f"Not finished: {report.problem}", err=True)
    elif report.in_sync and complete:
        say("In sync.")


def _show_rows(report: Report) -> None:
    for order in report.orders:
        _row(f"#{order['number']}", order["problem"], order.get("repair"), order["cause"])
    for product in report.products:
        _row(product["sku"], product["problem"], product.get("repair"), product["cause"])
    for stock in report.stock:
        here = "-" if stock["here"] is None else f"{stock['here']:g}"
        _row(stock["sku"], f"stock {here}, shop {stock['shop']:g}", stock.get("repair"), stock["cause"])
    for unread in report.unread:
        _row(unread["what"], "not read", None, unread["cause"])
    for webhook in report.webhooks:
        name = webhook["name"] or str(webhook["id"])
        _row(name, webhook.get("topic") or "", webhook.get("repair"), webhook["problem"])


def _row(what: str, problem: str, repair: str | None, cause: str) -> None:
    say(f"{what:<16} {problem:<24} {repair or 'open':<10} {cause}")
