"""`pos-api accounting`: the books at the command line."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bson import Decimal128
from click.testing import CliRunner, Result

from pos_api import cli
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.staff import audit
from tests.accounting.sie_reader import read
from tests.accounting.test_close import DAY, NEXT, put
from tests.service import settings_of

Run = Callable[[str], Result]


@pytest.fixture
def run(config: Config, db: Db, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    """Run a command in this process, with the settings of the test."""
    monkeypatch.chdir(tmp_path)
    for name, value in settings_of(replace(config)).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ACCOUNTING_COMPANY", "Åäö AB")
    monkeypatch.setenv("ACCOUNTING_ORGNR", "556677-8899")
    handler = signal.getsignal(signal.SIGTERM)
    yield lambda line: CliRunner().invoke(cli.main, ["accounting", *line.split()], catch_exceptions=False)
    signal.signal(signal.SIGTERM, handler)


def test_a_day_is_closed_exported_and_proved(run: Run, db: Db) -> None:
    put(db)
    closed = run(f"close --day {DAY}")
    assert closed.output == f"default {DAY} SEK closed: day:default:SEK:{DAY}\n"
    assert run(f"close --day {DAY}").output == f"default {DAY} SEK was closed before\n"
    assert run(f"close --day {NEXT}").output == f"default {NEXT}: there is nothing to close.\n"
    assert run(f"close --day {DAY} --until {DAY}").exit_code == 2
    assert run("close --day yesterday").exit_code == 2
    assert run("close --store north").exit_code == 1
    [entry] = run("entries").output.splitlines()
    assert json.loads(entry)["lines"][0]["debit"] == "125.00"
    [report] = run(f"z-report --day {DAY}").output.splitlines()
    assert json.loads(report)["sales_total"] == "125.00"
    exported = run("export --format sie --new")
    assert exported.output == "Export 1 is in books-sie-1.si.\n"
    content = Path("books-sie-1.si").read_bytes()
    assert [each.number for each in read(content).verifications] == [1]
    assert run("export --format sie --new").exit_code == 1
    assert run("export --number 1 --output again.si").exit_code == 0
    assert Path("again.si").read_bytes() == content
    assert run("export --format csv --number 1").exit_code == 2
    assert run("export").exit_code == 2
    assert [
        each["details"]["number"]
        for each in audit.find(
            db,
            audit.Filter(
                action="books.exported",
            ),
        )
        if each["outcome"] == "done"
    ] == [1, 1]
    proof = run(f"check --from {DAY} --to {DAY}")
    assert (proof.exit_code, proof.output.splitlines()[-1]) == (0, "Nothing is unexplained.")


def test_what_a_file_can_not_have_is_named(run: Run, db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    put(db)
    run(f"close --day {DAY}")
    monkeypatch.setenv("ACCOUNTING_COMPANY", "")
    refused = run("export --format sie")
    assert refused.exit_code == 1
    assert "company needs ACCOUNTING_COMPANY and ACCOUNTING_ORGNR in the settings" in refused.output


def test_a_z_report_is_written_as_a_page_to_print(run: Run, db: Db) -> None:
    put(db)
    assert run(f"z-report --day {DAY} --page").output == f"z-report-default-{DAY}.html\n"
    page = Path(f"z-report-default-{DAY}.html").read_text()
    assert "<p>Åäö AB, 556677-8899</p>" in page
    assert "<td>100.00</td><td>25.00</td><td>125.00</td>" in page
    assert "<style>body {" in page
    assert "href" not in page  # it needs no other file
    assert run(f"z-report --day {NEXT} --page").output == ""


def test_what_is_unexplained_ends_with_status_1(run: Run, db: Db) -> None:
    put(db, total=Decimal128("99.00"))
    proof = run(f"check --from {DAY} --to {DAY}")
    assert proof.exit_code == 1
    assert "UNEXPLAINED WOOCOMMERCE-1 SEK" in proof.output


def test_accounts_are_printed_and_set_as_they_are_printed(run: Run) -> None:
    shown = json.loads(run("accounts").output)
    shown["rows"].append({"role": "revenue", "group": "mugs", "account": "3100"})
    Path("accounts.json").write_text(json.dumps(shown))
    assert run("accounts --set accounts.json").exit_code == 0
    assert json.loads(run("accounts").output) == shown
    shown["rows"][0]["account"] = "x"
    Path("accounts.json").write_text(json.dumps(shown))
    refused = run("accounts --set accounts.json")
    assert refused.exit_code == 1
    assert "rows.0 has an account that is not a number of 3 to 10 digits" in refused.output
    Path("accounts.json").write_text("[]")
    assert run("accounts --set accounts.json").exit_code == 1
