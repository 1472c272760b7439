"""The files in deploy/ are accepted by the programs that they are for, and go with the service's own limits."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
UNITS = ["pos-api.service", "pos-worker.service"]


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    if not shutil.which(str(command[0])):
        pytest.skip(f"{command[0]} is not installed here")
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_known_to_systemd_and_may_do_little(unit: str, tmp_path: Path) -> None:
    text = (DEPLOY / unit).read_text()
    copy = tmp_path / unit
    copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    verified = run("systemd-analyze", "verify", "--man=no", copy)
    assert [line for line in verified.stderr.splitlines() if unit in line] == []
    rated = run("systemd-analyze", "security", "--offline=yes", "--threshold=20", copy)
    if "unrecognized option" not in rated.stderr:  # --offline came with systemd 250
        assert rated.returncode == 0, rated.stdout + rated.stderr
    for setting in ("NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "UMask=0077", "User=pos"):
        assert f"\n{setting}\n" in text
    assert "\nMemoryMax=" in text


def test_the_worker_is_as_closed_as_the_service() -> None:
    def sandbox(unit: str) -> set[str]:
        lines = (DEPLOY / unit).read_text().splitlines()
        return {line for line in lines if re.match(r"(Protect|Private|Restrict|System|Capab|NoNew|Umask|Lock)", line)}

    assert sandbox("pos-api.service") == sandbox("pos-worker.service")


def test_a_delivery_that_is_too_large_comes_through_the_proxy_and_leaves_its_trace() -> None:
    """The service refuses it (413) and notes which order it was; a proxy would not."""
    assert re.search(r"client_max_body_size 16m;", (DEPLOY / "nginx.conf").read_text())
    assert re.search(r"max_size 16MiB\n", (DEPLOY / "Caddyfile").read_text())  # Caddy's MB has 1,000,000 bytes


def test_nginx_takes_its_example(tmp_path: Path) -> None:
    site = (DEPLOY / "nginx.conf").read_text()
    assert "X-Forwarded-For $remote_addr" in site, "not what the sender says"
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = run(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=pos.example"),
        *("-keyout", key, "-out", certificate),
    )
    assert made.returncode == 0, made.stderr
    site = re.sub(r"ssl_certificate +\S+;", f"ssl_certificate {certificate};", site)
    site = re.sub(r"ssl_certificate_key +\S+;", f"ssl_certificate_key {key};", site)
    whole = tmp_path / "nginx.conf"
    temporary = "".join(
        f"{name}_temp_path {tmp_path};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    site = re.sub(r"listen (\[::\]:)?(80|443)", r"listen 127.0.0.1:1\2", re.sub(r"listen \[::\].*\n", "", site))
    whole.write_text(f"pid {tmp_path}/pid; error_log stderr;\nevents {{}}\nhttp {{ {temporary}\n{site}\n}}\n")
    checked = run("nginx", "-t", "-c", whole)
    assert checked.returncode == 0, checked.stderr


def test_caddy_takes_its_example() -> None:
    checked = run("caddy", "validate", "--config", DEPLOY / "Caddyfile", "--adapter", "caddyfile")
    assert checked.returncode == 0, checked.stderr


def test_the_containers_run_without_root_and_cant_be_written_to() -> None:
    compose = (DEPLOY / "compose.yaml").read_text()
    shared, services = compose.split("\nservices:\n")
    assert "\n  read_only: true\n" in shared
    assert "\n  cap_drop: [ALL]\n" in shared
    assert services.count("<<: *service") == 2
    assert re.findall(r"ports: (.*)", compose) == ['["127.0.0.1:8080:8080"]']
    lines = (DEPLOY / "Containerfile").read_text().splitlines()
    assert "USER 10001:10001" in lines
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert all("--require-hashes" in line or "--no-deps" in line for line in lines if "pip install" in line)


def test_fail2ban_takes_its_filter_and_jail(tmp_path: Path) -> None:
    """What the filter finds is shown with a real log in test_failed_authentication."""
    installed = Path("/etc/fail2ban")
    if not installed.is_dir():
        pytest.skip("fail2ban is not installed here")
    shutil.copytree(installed, tmp_path / "etc")
    for each in (tmp_path / "etc" / "jail.d").iterdir():
        each.unlink()
    shutil.copy(DEPLOY / "fail2ban" / "filter.conf", tmp_path / "etc" / "filter.d" / "pos-api.conf")
    shutil.copy(DEPLOY / "fail2ban" / "jail.conf", tmp_path / "etc" / "jail.d" / "pos-api.conf")
    shown = run("fail2ban-client", "-c", tmp_path / "etc", "-d")
    assert shown.returncode == 0, shown.stderr
    assert "['start', 'pos-api']" in shown.stdout
    assert "_SYSTEMD_UNIT=pos-api.service" in shown.stdout
