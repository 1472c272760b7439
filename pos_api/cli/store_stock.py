"""`pos-api store set NAME --stock-sync on|off`: stock is sent to a shop, or not any more."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from pos_api.cli.common import moment_text, say
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.processing import ingest
from pos_api.senders.woocommerce.reconcile.model import StockDiscrepancy
from pos_api.senders.woocommerce.stock_sync import choices, switching
from pos_api.senders.woocommerce.stock_sync.choices import SIDES, Choice, SideNeeded, counted
from pos_api.senders.woocommerce.stock_sync.status import status

_LISTED = 50
_ANSWERS = (*SIDES, "file", "neither")


@dataclass(frozen=True, slots=True)
class StockSyncAsked:
    """What `--stock-sync`, `--from` and `--differences` ask for; `on` is None where stock sync stays as it is."""

    on: bool | None = None
    choice: Choice | None = None
    differences: Path | None = None


def with_stock_sync(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options, read, as `stock`."""

    @click.option(
        "--stock-sync",
        type=click.Choice(["on", "off"]),
        help="Send what is sold, counted or adjusted here to the shop's stock. `on` compares both first.",
    )
    @click.option(
        "--from",
        "side",
        metavar="shop|pos|FILE.csv",
        help="Where they differ, whose stock is right: of all products, or as the columns `sku` and `from` of a file"
        " say.",
    )
    @click.option(
        "--differences",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write what differs to this CSV file, to be filled in for --from.",
    )
    @wraps(command)
    def run(*args: Any, stock_sync: str | None, side: str | None, differences: Path | None, **options: Any) -> None:
        if stock_sync != "on" and (side or differences):
            raise click.UsageError("--from and --differences are for --stock-sync on.")
        on = None if stock_sync is None else stock_sync == "on"
        choice = None if side is None else _choice(side)
        command(*args, stock=StockSyncAsked(on, choice, differences), **options)

    return run


def _choice(side: str) -> Choice:
    if side in SIDES:
        return Choice(all=side)
    try:
        return choices.read(Path(side).read_bytes())
    except OSError as error:
        raise click.UsageError(f"--from {side}: it is neither shop nor pos, and no file ({error.strerror}).") from None


def set_stock_sync(config: Config, db: Db, name: str, asked: StockSyncAsked) -> None:
    """Switch it on or off, and print what was done. Exits with status 1 where both sides were not made equal, or where
    it has to be said first whose stock is right."""
    if not asked.on:
        not_sent = switching.switch_off(db, name)
        say(f"Stock sync of {name} is off: what is sold here does not change the shop's stock any more.")
        if not_sent:
            left = counted(not_sent, "movement")
            say(f"{left} had still to be sent, and will not be; the ledger of each product says so.")
        return
    choice = asked.choice or Choice()
    try:
        done = switching.switch_on(db, config, name, choice, ingest.ingest)
    except SideNeeded as needed:
        done = switching.switch_on(db, config, name, _ask(name, needed.differences, asked), ingest.ingest)
    _show_done(name, done)
    if not done.complete:
        sys.exit(1)


def _ask(name: str, differences: list[StockDiscrepancy], asked: StockSyncAsked) -> Choice:
    """Show what differs, and ask at a terminal whose stock is right; elsewhere that ends the command."""
    say(f"The stock of {counted(len(differences), 'product')} is not the same here and in the shop:", err=True)
    _show_differences(differences)
    file = asked.differences
    if file is not None:
        _write(file, differences)
    if asked.choice is None and _at_terminal():
        say("Whose is right? shop: the stock here is brought to the shop's, in the ledger. pos: the shop is sent the")
        say("difference. file: write them to a file, to say it of each product. neither: leave all as it is.")
        answer = str(click.prompt("Whose", type=click.Choice(_ANSWERS)))
        if answer in SIDES:
            return Choice(all=answer)
        if answer == "file" and file is None:
            file = Path(f"stock-{name}.csv")
            _write(file, differences)
    _say_how_to_go_on(name, file)
    sys.exit(1)


def _say_how_to_go_on(name: str, file: Path | None) -> None:
    say("Nothing was changed. Say whose stock is right:", err=True)
    for side, meaning in (
        ("shop", "the shop's: the stock here is brought to it, in the ledger"),
        ("pos", "that of the POS: the shop is sent the difference"),
        (str(file or "FILE.csv"), "one of the two for each SKU"),
    ):
        say(f"  pos-api store set {name} --stock-sync on --from {side:<10} {meaning}", err=True)
    if file is None:
        say("--differences FILE.csv writes the file to be filled in.", err=True)


def _at_terminal() -> bool:
    return sys.stdin.isatty()


def _write(file: Path, differences: list[StockDiscrepancy]) -> None:
    with file.open("w", encoding="utf-8", newline="") as opened:
        opened.writelines(choices.write(differences))
    say(f"Written to {file}: fill in its column `from` with shop or pos.", err=True)


def _show_differences(differences: list[StockDiscrepancy]) -> None:
    say(f"  {'SKU':<20} {'name':<28} {'here':>8} {'shop':>8} {'on the way':>11} {'held by orders':>15}", err=True)
    for each in differences[:_LISTED]:
        numbers = f"{each['here']:>8g} {each['shop']:>8g} {each['on_the_way']:>11g} {each['held_by_pending']:>15g}"
        say(f"  {each['sku']:<20.20} {each['name'] or '':<28.28} {numbers}", err=True)
    if len(differences) > _LISTED:
        say(f"  … and {len(differences) - _LISTED:,} more; --differences FILE.csv writes all of them.", err=True)


def _show_done(name: str, done: switching.Switched) -> None:
    compared = counted(done.compared, "product")
    made_equal = (
        f"{len(done.aligned):,} of them made equal" if done.aligned or not done.complete else "all had the same stock"
    )
    say(f"Stock sync of {name} is on: {compared} compared, {made_equal}.")
    for each in done.aligned[:_LISTED]:
        difference = each["difference"] or 0
        hows = {"sent": f"the shop is sent {difference:+g}", "aligned": f"changed here by {-difference:+g}"}
        say(f"  {each['sku']:<20} {hows.get(each['repair'] or '', 'became equal meanwhile')}")
    for each in done.left[:_LISTED]:
        say(f"  {each['sku']:<20} {each.get('repair')}", err=True)
    for what in done.not_read[:_LISTED]:
        say(f"  not read: {what}", err=True)
    if not done.complete:
        say(f"Run `pos-api store set {name} --stock-sync on --from …` again to go on with these.", err=True)


def stock_sync_lines(db: Db, name: str) -> list[str]:
    """How stock sync of a store fares in one line; then, in a line each, the products of which the shop did not take a
    movement, with the reason: the latest ones."""
    shown = status(db, name)
    if not shown["on"]:
        return [f"off: {shown['off_because']}" if shown["off_because"] else "off"]
    parts = [f"on since {moment_text(shown['since'])}"]
    if shown["aligned_at"] is None:
        parts.append("not made equal to the end: switch it on once more")
    waiting = shown["waiting"]
    if movements := waiting["movements"]:
        parts.append(f"{counted(movements, 'movement')} still to be sent, since {moment_text(waiting['oldest_at'])}")
    if shown["failures"] and shown["last_error"]:
        parts.append(f"the latest request failed: {shown['last_error']['message'].removesuffix('.')}")
    if shown["refused"]:
        parts.append(f"{counted(len(shown['refused']), 'product')} with a change that the shop did not take:")
    return ["; ".join(parts), *_refused(shown["refused"])]


def _refused(products: list[dict[str, Any]]) -> list[str]:
    lines = [f"  {each['sku']:<20} {each['message'] or each['outcome']}" for each in products[:_LISTED]]
    more = len(products) - _LISTED
    return [*lines, f"  … and {more:,} more"] if more > 0 else lines
