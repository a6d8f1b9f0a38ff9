"""The author's guide is true: each of its steps is done, from the page's own text, on the card that it invents.

Shell blocks are run one after the other, YAML blocks are put into the file as the page says, the JSON block is the file
of vectors; a text block behind a shell block is what that prints, `...` standing for whatever else.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cardcore.profile import jsonschema
from cardcore.profile.catalog import catalog, load, shipped_directory
from cardcore.profile.jsonschema_forms import Json
from cardcore.profile.vectors import read_vectors
from cardcore.softcard.registry import application_class, practice_names
from tests.unit.docs.guidepage import BLOCKS, DOCS, GUIDE, PROFILE, Reader
from tools import profile_reference


def pattern(shown: str) -> str:
    """A regular expression for what a text block shows."""
    lines = []
    for line in shown.splitlines():
        written = ".*".join(re.escape(part) for part in line.split("..."))
        lines.append(r"(?:[^\n]*\n)*?" if line == "..." else rf"{written}[ ]*\n")
    return "".join(lines)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a reader who has done everything; each output was as the page shows it."""
    folder = tmp_path_factory.mktemp("reader") / "work"
    (folder / "vectors").mkdir(parents=True)
    reader = Reader(folder=folder)
    following = [*BLOCKS[1:], ("", "")]
    for (language, block), (kind, shown) in zip(BLOCKS, following, strict=True):
        if language == "yaml":
            reader.put(block)
        elif language == "json":
            (folder / "vectors" / "larkspur.json").write_text(block, encoding="utf-8")
        elif language == "sh":
            wanted = shown if kind == "text" else "..."
            printed = reader.run(block, fails="error: " in wanted)
            assert re.fullmatch(pattern(wanted), printed), f"{block}\n{printed}\n{wanted}"
    return folder


def test_every_step_of_the_guide(done: Path) -> None:
    report = (done / "report.html").read_text(encoding="utf-8")
    assert "The card does what its profile says" in report
    for operation in ("decipher", "generate", "key-info", "serial", "sign", "unblock", "change", "update-binary"):
        assert f'<li class="passed" title="run">{operation}</li>' in report
    assert 'title="not run"' not in report


def test_the_profile_is_complete(done: Path) -> None:
    """Each of its operations has a vector in the page, or is the base's; the wrong key and its correction are one."""
    profile = load(str(done / PROFILE))
    assert profile.verified == "From the manual of Larkspur 2, and a conformance run on one card."
    assert [key.certificate.hex() for key in profile.keys.values()] == ["4c00c101", "4c00c102", "4c00c103"]
    base = catalog([shipped_directory()]).load("iso7816").operations
    own = {name for name, operation in profile.operations.items() if operation != base.get(name)}
    assert {vector.operation for vector in read_vectors(done / "vectors")} == own


def test_no_code_knows_the_card_but_the_software_card_itself() -> None:
    """The shipped profiles do not have it, and the house rules keep its name out of the product's other files."""
    assert not [path for path in shipped_directory().iterdir() if "larkspur" in path.read_text().lower()]
    (name,) = practice_names()
    assert application_class(name).aid.hex().upper() in GUIDE


def test_the_page_shows_a_report() -> None:
    picture = DOCS / "profile-report.png"
    assert "(profile-report.png)" in GUIDE
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 300_000


def test_the_reference_is_made_from_the_loaders_tables() -> None:
    assert profile_reference.PAGE.read_text(encoding="utf-8") == profile_reference.page()


def test_every_key_of_the_language_says_what_it_is_for() -> None:
    def undescribed(schema: Json, place: str) -> list[str]:
        if isinstance(schema, list):
            return [found for item in schema for found in undescribed(item, place)]
        if not isinstance(schema, dict):
            return []
        properties = schema.get("properties")
        keys = properties if isinstance(properties, dict) else {}
        lacking = [
            f"{place}.{key}"
            for key, value in keys.items()
            if isinstance(value, dict) and "description" not in value and key not in ("by", "range", "value", "mask")
        ]
        return lacking + [found for key, value in schema.items() for found in undescribed(value, f"{place}.{key}")]

    assert undescribed(jsonschema.build(), "") == []
