"""What `profile check` finds beside errors, and how it points at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cardcore.profile.catalog import catalog, shipped_directory
from cardcore.profile.check import Finding, Severity, caret, check
from tests.unit.profile.profile_text import CARD, HEAD, MARK, marked

PROFILES = sorted(shipped_directory().glob("*.yaml"))


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_nothing_is_found_in_good_profiles(path: Path) -> None:
    assert check(path) == []


SIGN = "operations: {sign: [{ins: 1}], decipher: [{ins: 1}]}\n"
PIN = "pins: {user: {ref: 1, length: [4, 8]}}\n"
DOUBTS = [
    (
        CARD + "operations: {sign: [{ins: 1, p1: {by: $key.size, 2048: 1, »256: 2}}], decipher: [{ins: 1}]}",
        "the entry is never used: no key.size here is 256",
    ),
    (
        CARD.replace("[rsa2048]", "[rsa2048, rsa1024]")
        + "operations: {sign: [{ins: 1, data: {by: »$key.type, rsa2048: '01'}}], decipher: [{ins: 1}]}",
        "the table has no entry for key.type rsa1024",
    ),
    (
        CARD + "operations: {sign: [{ins: 1, when: {key.size: »[1024, 4096]}}], decipher: [{ins: 1}]}",
        "no key.size of this profile is 1024 or 4096",
    ),
    (
        CARD + "operations: {sign: [{ins: 1, when: {key.kind: rsa, key.type: »ecp256}}], decipher: [{ins: 1}]}",
        "the step is never sent",
    ),
    (HEAD + PIN + "operations: {verify: [{ins: 1, p1: {by: $pin.ref, 1: 1, »2: 2}}]}", "no pin.ref here is 2"),
    (
        HEAD + PIN + "keys: {a: {ref: 1}}\noperations: {key-info: [{ins: 1, p1: {by: $key.name, a: 1, »b: 2}}]}",
        "no key.name here is b",
    ),
    (CARD + "operations: {sign: [{ins: 1, when: {key.type: »rsa4096}}], decipher: [{ins: 1}]}", "no key.type of this"),
    (
        CARD + "operations: {sign: [{ins: 1, when: {key.kind: »ec}}], decipher: [{ins: 1}]}",
        "key.kind of this profile is ec",
    ),
    (
        CARD + "operations: {sign: [{ins: 1, when: {op: »[decipher, agree]}}], decipher: [{ins: 1}]}",
        "agree or decipher",
    ),
    (CARD + "keys: {a: {ref: 1}}\n" + SIGN.replace("{ins: 1}]}", "{ins: 1, when: {key.ref: »2}}]}"), "key.ref"),
    (CARD + "operations: {sign: [{ins: 1, reply: {}, save: »x}], decipher: [{ins: 1}]}", "x is saved, but"),
    (CARD + "operations: {sign: [{ins: 1}], decipher: [{ins: 1}], »agree: [{ins: 1}]}", "agree is never run"),
    (CARD.replace("{rsa:", "{»rsa:") + "operations: {sign: [{ins: 1}]}", "the algorithm rsa is for decipher"),
    (HEAD + "pins: {user: {ref: 1, length: [4, 8]}, »so: {ref: 2, length: [4, 8]}}", "the PIN so protects no key"),
]


@pytest.mark.parametrize(("text", "message"), DOUBTS)
def test_doubts(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text.replace(MARK, ""), encoding="utf-8")
    (finding,) = check(path)
    assert message in finding.message
    assert (finding.severity, finding.file) == (Severity.WARNING, str(path))
    assert (finding.line, finding.column) == marked(text)


GOOD = [
    CARD.replace("[rsa2048]", "[rsa2048, rsa1024]")
    + "operations: {decipher: [{ins: 1}], sign: [{ins: 1, when: {key.type: rsa2048}, p1: {by: $key.size, 2048: 1}}]}",
    CARD + "operations: {sign: [{ins: 1, data: {by: $hash, sha1: '01'}}], decipher: [{ins: 1}]}",
    CARD + "operations: {sign: [{ins: 1, when: {key.name: a}}], decipher: [{ins: 1, when: {scheme: oaep}}]}",
    CARD + "operations: {sign: [{ins: 1, reply: {}, save: x}, {ins: 1, data: $x}], decipher: [{ins: 1}]}",
    HEAD + "base: iso7816\noperations: {sign: [], decipher: []}",
    "profile: 1\nname: X\nabstract: true\npins: {so: {ref: 2, length: [4, 8]}}",
]


@pytest.mark.parametrize("text", GOOD)
def test_no_doubts(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    assert check(path, catalog([shipped_directory()])) == []


def test_all_errors_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(HEAD + "operations: {sing: []}\nlimits: {send: 0}\nabstract: no\n", encoding="utf-8")
    found = check(path)
    assert [(finding.line, finding.column, finding.severity) for finding in found] == [
        (4, 14, Severity.ERROR),
        (5, 16, Severity.ERROR),
        (6, 11, Severity.ERROR),
    ]
    assert found[0].hint == "Did you mean sign?"
    assert caret(found[1], path.read_text()) == "5 | limits: {send: 0}\n  |                ^"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (finding,) = check(tmp_path / "none.yaml")
    assert (finding.line, finding.severity) == (0, Severity.ERROR)
    assert caret(finding, "") == ""


def test_caret_below_tabs_and_beyond_the_end() -> None:
    finding = Finding(severity=Severity.ERROR, message="m", file="f", line=1, column=3)
    assert caret(finding, "a\tb") == "1 | a\tb\n  |  \t^"
    assert caret(finding, "") == ""
