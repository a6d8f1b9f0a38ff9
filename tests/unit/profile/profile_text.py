"""Profiles out of text, for the tests beside this file; » marks the place where an error is expected."""

from __future__ import annotations

from functools import cache

from cardcore.errors import ProfileError
from cardcore.profile import schema
from cardcore.profile.catalog import catalog, shipped_directory
from cardcore.profile.model import Profile
from cardcore.profile.tree import Place

MARK = "»"
HEAD = 'profile: 1\nname: X\nmatch: {aid: "F04C617201"}\n'
CARD = HEAD + (
    "pins: {user: {ref: 1, length: [4, 8]}}\n"
    "algorithms: {rsa: {types: [rsa2048], byte: 1, sign: padded, decipher: padded}}\n"
)


@cache
def base(name: str, place: Place) -> Profile:
    """A shipped profile."""
    return catalog([shipped_directory()]).load(name)


LIBRARY = schema.Library(base=base, ids=frozenset({"iso7816", "piv", "test"}))


def draft(text: str) -> schema.Draft:
    """The profile in a text with all its errors."""
    return schema.read(text.replace(MARK, "").encode(), profile_id="test", file="test.yaml", library=LIBRARY)


def profile(text: str) -> Profile:
    """The profile in a text that is valid."""
    read = draft(text)
    assert read.problems.found == []
    return read.profile


def errors(text: str) -> list[ProfileError]:
    """The errors in a text."""
    return schema.in_order(draft(text).problems)


def check_first_error(text: str, message: str) -> None:
    """The first error in a text stands at the mark and says all that `message` has between its bars."""
    assert text.count(MARK) == 1
    first, *_ = errors(text)
    said = f"{first.reason} | {first.hint}"
    for part in message.split(" | "):
        assert part in said
    assert (first.file, first.line, first.column) == ("test.yaml", *marked(text))


def marked(text: str) -> tuple[int, int]:
    """Line and column of the mark."""
    before = text[: text.index(MARK)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")
