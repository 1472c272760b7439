"""`pos-api store connect`, `import` and `reconcile`: what a shop owner sees."""

from __future__ import annotations

import json
from pathlib import Path

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.senders.woocommerce import connection
from tests.fake_shop import KEY, SECRET, FakeShop, order, product
from tests.service import pos_api, settings_of


def test_a_shop_is_connected_imported_compared_and_repaired(
    fake: FakeShop, db: Db, config: Config, tmp_path: Path
) -> None:
    settings = settings_of(config)

    def run(*command: str) -> tuple[int, str, str]:
        ended = pos_api(*command, cwd=tmp_path, **settings)
        assert SECRET not in ended.stdout + ended.stderr
        return ended.returncode, ended.stdout, ended.stderr

    connect = ("store", "connect", "default", "--url", fake.url, "--consumer-key", KEY, "--consumer-secret")
    assert run("import", "default", "--since", "90d")[2].startswith("Error: The shop of 'default' is not connected")
    code, out, err = run(*connect, "cs_wrong")
    assert (code, out) == (1, "")
    assert err.startswith("Error: The shop does not take the key: Invalid signature")
    assert run(*connect, SECRET)[:2] == (
        0,
        "Connected. `pos-api import default --since …` takes over what the shop has.\n",
    )
    fake.products[1] = product(1, "A", 10)
    for number in range(1, 4):
        fake.put_order(order(number))
    code, out, err = run("import", "default", "--since", "2026-01-01")
    assert code == 0, err
    assert "orders    3 created" in out
    assert out.endswith("In sync.\n")
    fake.put_order(order(2, status="completed", date_modified_gmt="2026-10-02T10:00:00"))
    code, out, _ = run("reconcile", "default", "--since", "2026-10-01")
    assert code == 1
    assert "#2" in out
    assert "stale" in out
    code, out, _ = run("reconcile", "default", "--since", "2026-10-01", "--repair", "--json")
    assert code == 0
    report = json.loads(out)
    assert (report["in_step"], [each["repair"] for each in report["orders"]]) == (True, ["updated"])
    assert report["since"] == "2026-10-01T00:00:00Z"
    code, _, err = run("reconcile", "default", "--since", "2026-10-01", "--align", "no such SKU")
    assert (code, err) == (0, "no such SKU: nothing to align.\n")
    assert run("reconcile", "default", "--since", "yesterday")[0] == 2
    code, _, err = run("import", "default", "--since", "2099-01-01")
    assert code == 2
    assert "'2099-01-01' is in the future; 2024-01-01, or how long ago" in err


def test_an_import_names_what_it_could_not_bring_in_and_exits_1(
    fake: FakeShop, db: Db, config: Config, tmp_path: Path
) -> None:
    connection.connect(db, config, "default", fake.url, KEY, SECRET)
    fake.put_order(order(1))
    fake.put_order(order(2, line_items="broken"))
    ended = pos_api(
        *("import", "default", "--since", "2026-01-01"),
        cwd=tmp_path,
        **settings_of(config),
    )
    assert ended.returncode == 1
    assert "orders    1 created, 1 parked" in ended.stdout
    assert "1 not imported:\n  order 2: The order is not valid. data.line_items: must be a list\n" in ended.stderr
    assert "In sync." not in ended.stdout


def test_the_secret_of_a_shop_may_come_in_by_a_pipe(fake: FakeShop, db: Db, config: Config, tmp_path: Path) -> None:
    ended = pos_api(
        *("store", "connect", "default", "--url", fake.url, "--consumer-key", KEY),
        cwd=tmp_path,
        stdin=f"{SECRET}\n",
        **settings_of(config),
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("Connected.")
