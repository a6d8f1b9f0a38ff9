"""What every shipped profile has: a modeline for editors, honest evidence, vectors, and a match of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cardcore.directory import DIRECTORIES
from cardcore.profile.catalog import catalog, shipped_directory
from cardcore.profile.check import Severity, check
from cardcore.profile.match import overlap
from cardcore.profile.model import Masked, Match, ReplyMatch
from cardcore.profile.vectors import read_vectors
from tests.unit.profile.vector_files import write

VECTORS = read_vectors(Path(__file__).parents[2] / "vectors")
README = Path(__file__).parents[3] / "README.md"
SHELF = catalog([shipped_directory()])
DOCUMENTED = ("myeid", "schsm", "cardos5", "starcos3")
AID, LONGER, OTHER = bytes.fromhex("F04C617201"), bytes.fromhex("F04C61720102"), bytes.fromhex("F04C617202")


@pytest.mark.parametrize("name", sorted(SHELF.sources))
def test_an_editor_finds_the_schema(name: str) -> None:
    first = SHELF.sources[name].path.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=profile.schema.json"


@pytest.mark.parametrize("name", sorted(SHELF.sources))
def test_nothing_is_to_be_said_even_with_vectors(name: str) -> None:
    assert check(SHELF.sources[name].path, SHELF, VECTORS, DIRECTORIES) == []


@pytest.mark.parametrize("name", sorted(SHELF.sources))
def test_nobody_is_led_to_believe_more_than_is_known(name: str) -> None:
    verified = SHELF.load(name).verified
    if name in DOCUMENTED:
        assert verified.startswith("From documentation (")
        assert verified.endswith("not run on a card.")
    else:
        assert verified.startswith(("Run on the software card", "From the standards; a base"))


def test_the_readme_says_of_each_card_how_it_is_known() -> None:
    rows = dict(
        re.findall(r"^\|[^|]*\| `profiles/(\w+)\.yaml` \| ([^|]*) \|$", README.read_text(encoding="utf-8"), re.M)
    )
    assert set(rows) == {name for name in SHELF.sources if not SHELF.load(name).abstract}
    for name, evidence in rows.items():
        assert evidence.startswith("from documentation, not run") == (name in DOCUMENTED)
        assert evidence.startswith("run on the software card") != (name in DOCUMENTED)


def test_an_operation_without_vectors_is_told() -> None:
    others = [vector for vector in VECTORS if (vector.card, vector.operation) != ("piv", "sign")]
    found = check(SHELF.sources["piv"].path, SHELF, others)
    assert [finding.message for finding in found] == ["there are no vectors for the operation sign"]


def test_commands_that_are_not_the_vectors_are_an_error(tmp_path: Path) -> None:
    folder = write(tmp_path, {"card": "piv", "operation": "reset", "commands": ["00FB000001"]})
    (finding,) = check(SHELF.sources["piv"].path, SHELF, [*VECTORS, *read_vectors(folder)])
    assert finding.message == "piv reset: command 1 is 00FB0000, and should be 00FB000001"
    assert (finding.severity, finding.file, finding.line) == (Severity.ERROR, str(folder / "x.json"), 0)


def test_a_directory_that_is_not_known_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("profile: 1\nname: X\nmatch: {atr: '3B00'}\ndirectory: pkcs1s\n", encoding="utf-8")
    (finding,) = check(path, SHELF, directories=("files", "pkcs15"))
    assert (finding.severity, finding.line, finding.column) == (Severity.ERROR, 4, 12)
    assert (finding.message, finding.hint) == ("there is no directory named pkcs1s", "Did you mean pkcs15?")
    path.write_text(path.read_text().replace("pkcs1s", "zzz"), encoding="utf-8")
    assert check(path, SHELF, directories=("files", "pkcs15"))[0].hint == "There are files, pkcs15."
    assert check(path, SHELF) == []


def test_a_profile_that_takes_anothers_cards_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = 'profile: 1\nname: X\nverified: Not.\nbase: iso7816\nmatch: {aid: "A00000030800001000"}\n'
    path.write_text(text, encoding="utf-8")
    (finding,) = check(path, SHELF)
    assert "may match the profile piv too" in finding.message
    assert (finding.line, finding.column) == (5, 8)
    path.write_text(text + "refines: piv\n", encoding="utf-8")
    assert check(path, SHELF) == []


def test_a_profile_that_is_not_valid_is_no_rival(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("profile: 1\n", encoding="utf-8")
    shelf = catalog([tmp_path, shipped_directory()])
    assert check(SHELF.sources["piv"].path, shelf) == []


def pattern(value: str, mask: str) -> Masked:
    return Masked(value=bytes.fromhex(value), mask=bytes.fromhex(mask))


ATR = pattern("3B0102", "FFFFFF")
MEETINGS = [
    (Match(aids=(AID,)), Match(aids=(AID,)), True),
    (Match(aids=(AID,)), Match(aids=(OTHER, LONGER)), True),
    (Match(aids=(AID,)), Match(aids=(OTHER,)), False),
    (Match(aids=(AID,)), Match(atrs=(ATR,)), False),
    (Match(atrs=(ATR,)), Match(atrs=(pattern("3B0100", "FFFF00"),)), True),
    (Match(atrs=(ATR,)), Match(atrs=(pattern("3B0202", "FFFFFF"),)), False),
    (Match(atrs=(ATR,)), Match(atrs=(pattern("3B01", "FFFF"),)), False),
    (Match(aids=(AID,), atrs=(ATR,)), Match(aids=(AID,), atrs=(pattern("3B0103", "FFFFFF"),)), False),
    (Match(aids=(AID,), atrs=(ATR,)), Match(aids=(AID,)), True),
    (
        Match(aids=(AID,), reply=ReplyMatch(path=(), value=b"\x00")),
        Match(aids=(AID,), reply=ReplyMatch(path=(), value=b"\x01")),
        False,
    ),
    (
        Match(aids=(AID,), reply=ReplyMatch(path=(), value=b"\x00")),
        Match(aids=(AID,), reply=ReplyMatch(path=(), value=b"\x00\x01")),
        True,
    ),
]


@pytest.mark.parametrize(("first", "second", "expected"), MEETINGS)
def test_matches_that_meet(first: Match, second: Match, expected: bool) -> None:
    assert overlap(first, second) is overlap(second, first) is expected
