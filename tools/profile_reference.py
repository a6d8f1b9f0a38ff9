"""Write docs/profile-reference.md from the tables that the profile loader itself goes by.

Run: `.venv/bin/python tools/profile_reference.py`. A test holds the file against the tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cardcore.keytypes import KEY_TYPES
from cardcore.profile.vocabulary import CIPHERS, NAMES, OPERATIONS, PROCEDURES, QUIRKS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "profile-reference.md"


def table(*columns: str, rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """The lines of one Markdown table."""
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def lines() -> Iterator[str]:
    """The whole page."""
    yield "# Profile language: every operation and every name"
    yield ""
    yield "Made from the loader's own tables by `tools/profile_reference.py`. The guide is [profiles.md](profiles.md)."
    yield ""
    yield "## Operations"
    yield ""
    yield from table(
        "operation",
        "what it does",
        "names that its steps may use",
        rows=((f"`{name}`", entry.text, _names(entry.names)) for name, entry in OPERATIONS.items()),
    )
    yield "## Names"
    yield ""
    yield "A *byte* may stand anywhere, *bytes* in data, a *secret* in data as a whole item; a *word* or *number* is a"
    yield "fact that only `by` and `when` compare."
    yield ""
    yield from table(
        "name",
        "kind",
        "what it stands for",
        rows=((f"`${name}`", entry.kind.value, entry.text) for name, entry in NAMES.items()),
    )
    yield "## Procedures of administrators"
    yield ""
    yield from table(
        "procedure",
        "what it does",
        "operations through which it runs",
        rows=((f"`{name}`", entry.text, _listed(entry.operations)) for name, entry in PROCEDURES.items()),
    )
    yield f"Ciphers of admin keys: {_listed(CIPHERS)}. Key types: {_listed(tuple(KEY_TYPES))}."
    if QUIRKS:
        yield f"Quirks: {_listed(tuple(QUIRKS))}."


def _names(names: frozenset[str]) -> str:
    return " ".join(f"`${name}`" for name in sorted(names)) or "none"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def page() -> str:
    """The text of the page."""
    return "\n".join(lines()) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
