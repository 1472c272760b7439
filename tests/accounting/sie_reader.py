"""A strict reader of SIE 4I: it refuses bytes, labels, fields and sums that the format does not allow."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

_ORDER = ["#FLAGGA", "#PROGRAM", "#FORMAT", "#GEN", "#SIETYP", "#ORGNR", "#FNAMN", "#VALUTA", "#KONTO", "#VER"]
_REQUIRED = {"#FLAGGA", "#PROGRAM", "#FORMAT", "#GEN", "#SIETYP", "#FNAMN"}
_AMOUNT = re.compile(rb"-?\d+\.\d{2}")
_DAY = re.compile(rb"\d{8}")
_FIELD = re.compile(rb'"((?:[^"\\]|\\")*)"|(\{\})|([^\s"{}]+)')


@dataclass
class Verification:
    """An entry of a SIE file."""

    series: str
    number: int
    date: str
    text: str
    rows: list[tuple[str, Decimal, str, str]] = field(default_factory=list)


@dataclass
class SieFile:
    """What a SIE file says."""

    header: dict[str, list[str]]
    accounts: dict[str, str]
    verifications: list[Verification]


def read(content: bytes) -> SieFile:
    """The file; raises AssertionError, with the line, for what the format does not allow."""
    assert content.endswith(b"\n")
    assert not [byte for byte in content if (byte < 32 and byte not in (10, 13)) or byte == 127]
    found = SieFile({}, {}, [])
    last = 0
    inside = False
    for line in content.split(b"\n")[:-1]:
        line = line.removesuffix(b"\r")
        assert b"\r" not in line
        if line in (b"{", b"}"):
            assert inside != (line == b"{"), line
            inside = line == b"{"
            if not inside:
                assert sum((row[1] for row in found.verifications[-1].rows), Decimal(0)) == 0
            continue
        label, values = _fields(line)
        if inside:
            assert label == "#TRANS", line
            found.verifications[-1].rows.append(_row(values))
            assert values[0].decode() in found.accounts, line
            continue
        assert label in _ORDER, line
        assert _ORDER.index(label) >= last, f"{label} comes too late"
        last = _ORDER.index(label)
        _take(found, label, values)
    assert not inside
    assert found.header.keys() >= _REQUIRED
    assert found.header["#FLAGGA"] == ["0"]
    assert found.header["#FORMAT"] == ["PC8"]
    assert found.header["#SIETYP"] == ["4"]
    numbers = [each.number for each in found.verifications]
    assert numbers == sorted(set(numbers))
    return found


def _fields(line: bytes) -> tuple[str, list[bytes]]:
    label, _, rest = line.partition(b" ")
    values: list[bytes] = []
    at = 0
    while at < len(rest):
        match = _FIELD.match(rest, at)
        assert match, line
        values.append(match[1].replace(b'\\"', b'"') if match[1] is not None else match[2] or match[3])
        at = match.end()
        assert at == len(rest) or rest[at : at + 1] == b" ", line
        at += 1
    return label.decode(), values


def _take(found: SieFile, label: str, values: list[bytes]) -> None:
    texts = [each.decode("cp437") for each in values]
    if label == "#VER":
        series, number, day, text = texts
        assert _DAY.fullmatch(values[2])
        assert len(text) <= 50
        found.verifications.append(Verification(series, int(number), day, text))
    elif label == "#KONTO":
        assert texts[0].isdecimal()
        assert texts[0] not in found.accounts
        found.accounts[texts[0]] = texts[1]
    else:
        assert label not in found.header
        found.header[label] = texts


def _row(values: list[bytes]) -> tuple[str, Decimal, str, str]:
    account, objects, amount, day, text = values
    assert account.isdigit()
    assert objects == b"{}"
    assert _AMOUNT.fullmatch(amount), amount
    assert _DAY.fullmatch(day)
    assert len(text.decode("cp437")) <= 50
    return account.decode(), Decimal(amount.decode()), day.decode(), text.decode("cp437")
