"""What cards can keep as names, of themselves and of key pairs."""

from __future__ import annotations

from cardcore.errors import InputError
from cardcore.lines import is_line

MAX_KEY_NAME = 39
"""Most UTF-16 units of a key pair's name that every directory which keeps names has room for."""


def require_name(what: str, name: str) -> None:
    """InputError unless a name is text on one line with something to see in it, however long."""
    if not name or name.isspace():
        raise InputError(f"{what} is empty", hint="Give it a character that can be seen.")
    if not is_line(name):
        raise InputError(
            f"{what} holds a control character, or what is no character", hint="A name is one line of text in UTF-8."
        )


def require_key_name(what: str, name: str) -> None:
    """InputError unless a name fits where the room for it is least: a container's record, which has 40 UTF-16 units."""
    require_name(what, name)
    units = len(name.encode("utf-16-le")) // 2
    if units > MAX_KEY_NAME:
        raise InputError(
            f"{what} has {units} characters, at most {MAX_KEY_NAME} fit",
            hint="Shorten it; emoji and other characters beyond U+FFFF count as two.",
        )
