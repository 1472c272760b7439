"""From a fresh copy to a service that takes orders: two commands, on Python and its venv module alone, and again."""

from __future__ import annotations

import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from pos_api.senders.registry import SENDERS
from tests.paths import ROOT
from tests.service import environment, running

_NOT_COPIED = (".git", ".venv", ".env", "var", "wp-plugin", "node_modules", "*_cache", "__pycache__", ".hypothesis")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as it is after a checkout."""
    place = tmp_path_factory.mktemp("journey") / "a fresh copy"
    shutil.copytree(ROOT, place, ignore=shutil.ignore_patterns(*_NOT_COPIED, "*.egg-info"))
    return place


def drive(copy: Path, url: str, *options: str) -> str:
    """Run test-webhook.sh as it stands, with what set-up left in .env; what it printed."""
    command = ["./test-webhook.sh", "--url", url, *options]
    ended = subprocess.run(command, cwd=copy, env=environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "✗" not in ended.stdout
    assert ended.stdout.count("✓") >= 14
    assert ended.stdout.splitlines()[-1].endswith(" passed, 0 failed")
    return ended.stdout


def start_and_stop(copy: Path) -> float:
    """Start the service with the one command; the seconds of work it took, which tests beside it do not lengthen."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with running(["scripts/serve"], copy, environment(), seconds=300):
        pass
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_two_commands_lead_to_a_service_that_works_and_again(copy: Path) -> None:
    assert start_and_stop(copy) < 60, "the first time"
    assert start_and_stop(copy) < 5, "again"
    with running(["scripts/serve"], copy, environment()) as service:
        drive(copy, service.url)
        said = drive(copy, service.url, "--all")
        assert all(f"✓ {sender.documentation.name}: " in said for sender in SENDERS.values() if sender.documentation)
        assert drive(copy, service.url, "--all") == said, "again"


@pytest.mark.parametrize("timezone", ["America/New_York", "Pacific/Kiritimati"])
def test_the_webhook_test_works_wherever_the_shop_is_and_tells_when_the_key_is_wrong(copy: Path, timezone: str) -> None:
    with running(["scripts/serve"], copy, environment(STORE_TIMEZONE=timezone), seconds=300) as service:
        drive(copy, service.url)
        command = ["./test-webhook.sh", "--url", service.url, "--key", "wrong"]
        ended = subprocess.run(command, cwd=copy, env=environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "✗ health: status 401" in ended.stdout
    assert "does not know this API key" in ended.stdout
    assert "does not answer" not in ended.stdout


def test_the_webhook_test_works_where_workers_process_what_the_service_stores(copy: Path) -> None:
    env = environment(WEBHOOK_PROCESSING="queued")
    with running(["scripts/serve"], copy, env, seconds=300) as service:
        worker = subprocess.Popen([".venv/bin/pos-api", "worker"], cwd=copy, env=env)
        try:
            drive(copy, service.url, "--all")
        finally:
            worker.terminate()
            assert worker.wait(20) == 0


def test_the_webhook_test_tells_when_there_is_no_service(copy: Path) -> None:
    nowhere = ["./test-webhook.sh", "--url", "http://127.0.0.1:1", "--key", "k", "--token", "t"]
    ended = subprocess.run(nowhere, cwd=copy, env=environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "./scripts/serve starts it" in ended.stdout


def test_it_says_which_python_it_needs(copy: Path) -> None:
    bare = copy.parent / "old python only"
    (bare / "bin").mkdir(parents=True)
    for tool in ("sh", "dirname", "cat", "cksum"):
        (bare / "bin" / tool).symlink_to(shutil.which(tool) or "")
    ended = subprocess.run(
        ["scripts/serve"], cwd=copy, env={"PATH": str(bare / "bin")}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "Python 3.11 or newer is needed" in ended.stderr
