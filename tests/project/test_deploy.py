"""The files in deploy/ are accepted by the programs that they are for, and go with the service's own limits."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.service import free_port
from tests.waiting import wait_until

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


def nginx_with_example(tmp_path: Path, port: int) -> Path:
    """A whole configuration of nginx with the example in it, on this port, with nothing behind it."""
    site = (DEPLOY / "nginx.conf").read_text()
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = run(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=pos.example"),
        *("-keyout", key, "-out", certificate),
    )
    assert made.returncode == 0, made.stderr
    site = re.sub(r"ssl_certificate +\S+;", f"ssl_certificate {certificate};", site)
    site = re.sub(r"ssl_certificate_key +\S+;", f"ssl_certificate_key {key};", site)
    site = re.sub(r"access_log /\S+", f"access_log {tmp_path}/access.log", re.sub(r"listen \[::\].*\n", "", site))
    site = site.replace("listen 80;", f"listen 127.0.0.1:{free_port()};").replace(
        "listen 443", f"listen 127.0.0.1:{port}"
    )
    site = site.replace("proxy_pass http://127.0.0.1:8080", f"proxy_pass http://127.0.0.1:{free_port()}")
    whole = tmp_path / "nginx.conf"
    temporary = "".join(
        f"{name}_temp_path {tmp_path};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole.write_text(f"pid {tmp_path}/pid; error_log stderr;\nevents {{}}\nhttp {{ {temporary}\n{site}\n}}\n")
    return whole


def test_nginx_takes_its_example(tmp_path: Path) -> None:
    assert "X-Forwarded-For $remote_addr" in (DEPLOY / "nginx.conf").read_text(), "not what the sender says"
    checked = run("nginx", "-t", "-c", nginx_with_example(tmp_path, free_port()))
    assert checked.returncode == 0, checked.stderr


def test_caddy_takes_its_example() -> None:
    checked = run("caddy", "validate", "--config", DEPLOY / "Caddyfile", "--adapter", "caddyfile")
    assert checked.returncode == 0, checked.stderr


ASKED_FOR = (
    "/api/customers/anna@example.com",
    "/api/customers/anna%40example.com/export",
    "/api/customers?q=anna@example.com",
    "/anna@example.com",
)


def ask(url: str) -> None:
    """Ask for all of these once the proxy answers: there is nothing behind it."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    wait_until(lambda: _status(url + "/", trusting) == 502)
    assert {_status(url + path, trusting) for path in ASKED_FOR} == {502}


def _status(url: str, context: ssl.SSLContext) -> int:
    asked = urllib.request.Request(url, headers={"X-API-Key": "pos_secret"})  # noqa: S310
    try:
        with urllib.request.urlopen(asked, context=context, timeout=10) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_no_address_in_a_path_is_in_the_access_log_of_nginx(tmp_path: Path) -> None:
    port = free_port()
    whole = nginx_with_example(tmp_path, port)
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed here")
    with subprocess.Popen(["nginx", "-c", whole, "-g", "daemon off;"], stderr=subprocess.DEVNULL) as nginx:
        try:
            ask(f"https://127.0.0.1:{port}")
        finally:
            nginx.terminate()
    logged = (tmp_path / "access.log").read_text()
    assert "GET /api/customers 502" in logged
    assert "anna" not in logged


def test_neither_an_address_in_a_path_nor_a_key_is_in_the_log_of_caddy(tmp_path: Path) -> None:
    if not shutil.which("caddy"):
        pytest.skip("caddy is not installed here")
    port = free_port()
    example = (DEPLOY / "Caddyfile").read_text().replace("\npos.example {", f"\nhttp://127.0.0.1:{port} {{")
    example = example.replace("\n{\n", "\n{\n\tadmin off\n", 1)
    (tmp_path / "Caddyfile").write_text(example.replace("127.0.0.1:8080 {", f"127.0.0.1:{free_port()} {{"))
    log = tmp_path / "log"
    command: list[str | Path] = ["caddy", "run", "--config", tmp_path / "Caddyfile", "--adapter", "caddyfile"]
    with log.open("w") as written, subprocess.Popen(command, stderr=written) as caddy:
        try:
            ask(f"http://127.0.0.1:{port}")
        finally:
            caddy.terminate()
    logged = log.read_text()
    assert '"uri":"/api/customers"' in logged
    assert "anna" not in logged
    assert "pos_secret" not in logged


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
