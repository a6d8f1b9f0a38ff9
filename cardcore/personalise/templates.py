"""Text with {field} in it for a field of the holder's record: no expressions, and no way out of its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cardcore.errors import InputError

CARD_SERIAL = "card.serial"
CARD_PROFILE = "card.profile"
CARD_FIELDS = frozenset({CARD_SERIAL, CARD_PROFILE})
"""What is known of a card beside its holder's record, under names that no column has."""

PIN_PREFIX = "pin."
"""In a letter {pin.NAME} stands for the PIN of that name."""

MAX_VALUE = 1024
"""Most characters of a field's value in a template."""

_FIELD = re.compile(r"\{([^{}]{1,128})\}")
_UNSAFE_IN_PATH = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_RESERVED_ON_WINDOWS = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Text in which {field} stands for a field; InputError if a brace is not part of such a place."""

    text: str

    def __post_init__(self) -> None:
        rest = _FIELD.sub("", self.text)
        if "{" in rest or "}" in rest:
            raise InputError(
                "a brace that is not part of a {field}", hint="Braces stand around the name of a field, nowhere else."
            )

    @property
    def columns(self) -> frozenset[str]:
        """The names of the fields."""
        return frozenset(_FIELD.findall(self.text))

    def fill(self, fields: Mapping[str, str], form: Callable[[str, str], str] | None = None) -> str:
        """The text for one record; `form` makes each value, after its field's name, fit for the place.

        InputError that names the field, not its value, where it is missing, too long, or does not fit.
        """

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name not in fields:
                raise InputError(f"there is no field {name}", hint="Add the column to the holders, or change the plan.")
            found = fields[name]
            if len(found) > MAX_VALUE:
                raise InputError(f"the field {name} has more than {MAX_VALUE} characters", hint="Shorten it.")
            return form(name, found) if form else found

        return _FIELD.sub(value, self.text)


def path_part(name: str, value: str) -> str:
    """A value as part of a file's name; InputError if it could lead elsewhere, on any system."""
    dots = not value.strip(". ")
    if dots or value[-1] in ". " or _UNSAFE_IN_PATH.search(value) or _RESERVED_ON_WINDOWS.fullmatch(value):
        raise InputError(
            f"the field {name} cannot be part of a file's name",
            hint='Use no slashes, control characters, nor any of : * ? " < > |; not only dots, none at the end.',
        )
    return value
