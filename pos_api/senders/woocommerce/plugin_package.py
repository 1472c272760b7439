"""The installable zip of the plugin, made of its folder; the same files always give the same bytes.

Run as a program, by scripts/package-plugin, it writes the zip to standard output. It needs Python's own library alone.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

NAME = "woocommerce-pos-sync"
_FOLDER = Path(__file__).parents[3] / "wp-plugin" / NAME
_ALWAYS = (2026, 1, 1, 0, 0, 0)


class Package(NamedTuple):
    """The zip, and what its file is called."""

    file_name: str
    content: bytes


def is_here() -> bool:
    """Whether the plugin's folder is beside this service, as in a clone; an installed package is without it."""
    return (_FOLDER / f"{NAME}.php").is_file()


def package(folder: Path = _FOLDER) -> Package:
    """The plugin to install in WordPress. Raises OSError where its folder is not there."""
    found = re.search(r"^ \* Version: *(\S+)", (folder / f"{NAME}.php").read_text("utf-8"), re.MULTILINE)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as out:
        for file in sorted(folder.rglob("*")):
            path = file.relative_to(folder.parent)
            if file.is_file() and not any(part.startswith(".") for part in path.parts):
                entry = zipfile.ZipInfo(str(path), _ALWAYS)
                entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
                out.writestr(entry, file.read_bytes())
    version = found[1] if found else "0"
    return Package(f"{NAME}-{version}.zip", written.getvalue())


if __name__ == "__main__":
    sys.stdout.buffer.write(package().content)
