"""`pos-api store set NAME --stock-sync on|off`: what a shop owner sees."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pos_api.catalogue import staff_actions
from pos_api.cli import shop as shop_commands
from pos_api.cli import store as commands
from pos_api.cli import store_stock
from pos_api.cli.common import Commands
from pos_api.config import Config
from pos_api.database import recently_read
from pos_api.database.client import Db
from pos_api.senders.woocommerce import connection
from pos_api.stock.model import StoredStockRefusal
from pos_api.stock.store_sync import is_on, refusals, states, unsent_units
from tests.factories import stock_of
from tests.fake_shop import KEY, SECRET, FakeShop, product
from tests.senders.woocommerce.test_stock_reconcile import known
from tests.service import settings_of

SWITCH_ON = ("store", "set", "default", "--stock-sync", "on")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, config: Config, db: Db, tmp_path: Path) -> Any:
    """Run a command in this process; failures are one line, as at the command line."""
    monkeypatch.setattr(recently_read, "MAX_AGE", 0.0)
    monkeypatch.chdir(tmp_path)
    for name, value in settings_of(config).items():
        monkeypatch.setenv(name, value)
    main = Commands(commands=[commands.store, shop_commands.reconcile_shop])

    def run(*line: str, terminal: bool = False, stdin: str = "") -> Result:
        with monkeypatch.context() as patch:
            patch.setattr(store_stock, "_at_terminal", lambda: terminal)
            return CliRunner().invoke(main, line, input=stdin)

    return run


@pytest.fixture
def shop(fake: FakeShop, db: Db, config: Config) -> FakeShop:
    """A connected shop with ten mugs and five cups, of which nine and four are here."""
    connection.connect(db, config, "default", fake.url, KEY, SECRET)
    fake.products |= {1: product(1, "MUG-1", 10, name="Mug"), 2: product(2, "CUP-1", 5, name="Cup")}
    for each in fake.products.values():
        known(db, config, "product.created", each)
        staff_actions.adjust(db, each["sku"], -1, reason="sold", by="ann")
    return fake


def test_without_a_terminal_the_differences_and_both_choices_are_named(run: Any, shop: FakeShop, db: Db) -> None:
    again = "  pos-api store set default --stock-sync on --from"
    ended = run(*SWITCH_ON, "--differences", "differs.csv")
    assert ended.exit_code == 1
    assert ended.stderr.splitlines() == [
        "The stock of 2 products is not the same here and in the shop:",
        "  SKU                  name                             here     shop  on the way  held by orders",
        "  MUG-1                Mug                                 9       10           0               0",
        "  CUP-1                Cup                                 4        5           0               0",
        "Written to differs.csv: fill in its column `from` with shop or pos.",
        "Nothing was changed. Say whose stock is right:",
        f"{again} shop       the shop's: the stock here is brought to it, in the ledger",
        f"{again} pos        that of the POS: the shop is sent the difference",
        f"{again} differs.csv one of the two for each SKU",
    ]
    assert not is_on(db, "default")
    file = Path("differs.csv")
    file.write_text(file.read_text().replace("-1,\n", "-1,pos\n", 1).replace("-1,\n", "-1,shop\n", 1))
    ended = run(*SWITCH_ON, "--from", "differs.csv")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == [
        "Stock sync of default is on: 2 products compared, 2 of them made equal.",
        "  MUG-1                the shop is sent -1",
        "  CUP-1                changed here by +1",
    ]
    assert (stock_of(db), unsent_units(db, "default")) == ({"MUG-1": 9, "CUP-1": 5}, {"MUG-1": -1})


@pytest.mark.parametrize(("answer", "stock"), [("shop", {"MUG-1": 10, "CUP-1": 5}), ("pos", {"MUG-1": 9, "CUP-1": 4})])
def test_at_a_terminal_it_is_asked_whose_stock_is_right(
    answer: str, stock: Any, run: Any, shop: FakeShop, db: Db
) -> None:
    ended = run(*SWITCH_ON, terminal=True, stdin=f"{answer}\n")
    assert ended.exit_code == 0, ended.output
    assert (is_on(db, "default"), stock_of(db)) == (True, stock)


def test_at_a_terminal_neither_leaves_all_as_it_is_and_file_writes_one(run: Any, shop: FakeShop, db: Db) -> None:
    assert run(*SWITCH_ON, terminal=True, stdin="neither\n").exit_code == 1
    assert run(*SWITCH_ON, terminal=True, stdin="file\n").exit_code == 1
    assert Path("stock-default.csv").read_text().startswith("sku,name,here,shop,")
    assert not is_on(db, "default")


def test_how_it_fares_is_shown_and_it_is_switched_off(run: Any, shop: FakeShop, db: Db) -> None:
    assert "stock sync      off" in run("store", "show", "default").output
    assert run(*SWITCH_ON, "--from", "pos").exit_code == 0
    shown = run("store", "show", "default").output
    assert "stock sync      on since 20" in shown
    assert "; 2 movements still to be sent, since 20" in shown
    assert "stock sync on" in run("store", "list").output
    ended = run("store", "set", "default", "--stock-sync", "off", "--currency", "SEK")
    assert ended.stdout.splitlines()[1:] == [
        "Stock sync of default is off: what is sold here does not change the shop's stock any more.",
        "2 movements had still to be sent, and will not be; the ledger of each product says so.",
    ]
    assert unsent_units(db, "default") == {}


def test_where_nothing_differed_it_says_so(run: Any, shop: FakeShop, db: Db) -> None:
    run(*SWITCH_ON, "--from", "shop")
    assert run(*SWITCH_ON).stdout == "Stock sync of default is on: 2 products compared, all had the same stock.\n"


def test_what_the_shop_did_not_take_is_listed_with_the_reason(run: Any, shop: FakeShop, db: Db) -> None:
    run(*SWITCH_ON, "--from", "shop")
    failed = {"failures": 2, "last_error": "The shop did not answer in time.", "last_error_at": datetime.now(UTC)}
    states(db).update_one({"_id": "default"}, {"$set": failed})
    for sku in ("MUG-1", "CUP-1"):
        refusals(db).insert_one(
            StoredStockRefusal(
                _id=f"default:{sku}",
                store="default",
                product=sku,
                outcome="refused",
                message="The shop keeps stock in whole units only.",
                seq=2,
                at=datetime.now(UTC),
            )
        )
    shown = run("store", "show", "default").output
    assert f"\nconnected       {shop.url}\n" in shown
    first, *others = shown.partition("stock sync      ")[2].splitlines()
    assert "; the latest request failed: The shop did not answer in time; 2 products with a change that" in first
    assert sorted(others) == [
        " " * 18 + "CUP-1                The shop keeps stock in whole units only.",
        " " * 18 + "MUG-1                The shop keeps stock in whole units only.",
    ]


@pytest.mark.parametrize(
    "line",
    [
        ("store", "set", "default", "--from", "shop"),
        ("store", "set", "default", "--stock-sync", "off", "--from", "shop"),
        (*SWITCH_ON, "--from", "no-such-file.csv"),
        ("reconcile", "default", "--align-shop", "MUG-1"),
    ],
)
def test_what_can_not_be_asked_for_is_a_wrong_command_line(line: tuple[str, ...], run: Any, shop: FakeShop) -> None:
    assert run(*line).exit_code == 2


def test_the_shop_is_brought_to_the_stock_here_by_reconcile(run: Any, shop: FakeShop, db: Db) -> None:
    run(*SWITCH_ON, "--from", "shop")
    shop.products[1]["stock_quantity"] = 12
    ended = run("reconcile", "default", "--align-shop", "MUG-1")
    assert "MUG-1            stock 10, shop 12        sent" in ended.output
    assert unsent_units(db, "default") == {"MUG-1": -2}
    assert run("reconcile", "default", "--align", "MUG-1", "--align-shop", "MUG-1").exit_code == 2
