"""The demo: whatever its network does, the POS has the stock that is left when it is stopped; it leaves no file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service import free_port
from tests.waiting import wait_until


def test_shop_till_app_and_pos_agree_at_ctrl_c_and_nothing_is_left(tmp_path: Path) -> None:
    said, home = tmp_path / "said", tmp_path / "home"
    home.mkdir()
    command = [sys.executable, "-m", "scripts.demo_shop", "--port", str(free_port()), "--every", "0.001"]
    with said.open("wb") as out:
        demo = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, "TMPDIR": str(home)})
    try:
        wait_until(lambda: _all_happened(said.read_text()) or demo.poll() is not None, 120)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(40) == 0, said.read_text()
    finally:
        demo.kill()
        demo.wait()
    assert _all_happened(said.read_text())
    assert said.read_text().endswith("The stock of all 6 SKUs is what is left.\n")
    assert list(home.iterdir()) == []


def _all_happened(said: str) -> bool:
    """Whether a day's business was there: late and repeated orders, the till's sales and voids, the app's payments."""
    happened = ("arrives late", "duplicate", "  till  ", "is voided", "  app   ", "is paid, with a tip of")
    return said.count(" order ") > 40 and all(each in said for each in happened)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_ended_otherwise_it_leaves_nothing_either(signum: signal.Signals, tmp_path: Path) -> None:
    """Also while the service is being started."""
    said, home = tmp_path / "said", tmp_path / "home"
    home.mkdir()
    command = [sys.executable, "-m", "scripts.demo_shop", "--port", str(free_port()), "--every", "60"]
    with said.open("wb") as out:
        demo = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, "TMPDIR": str(home)})
    try:
        wait_until(lambda: any(home.glob("*/log")), 60)
        demo.send_signal(signum)
        assert demo.wait(40) == 130, said.read_text()
    finally:
        demo.kill()
        demo.wait()
    assert list(home.iterdir()) == []
