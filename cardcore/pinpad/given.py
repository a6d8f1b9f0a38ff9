"""What stands in for a PIN that is entered on the reader's keypad. Nothing of keypads is imported for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from cardcore.errors import InputError, NotSupported
from cardcore.secret import Secret

DEFAULT_SECONDS = 30
_MAX_SECONDS = 255


def _tell_nobody(message: str, seconds: int) -> None:
    """The reader's own display has to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinPad:
    """Stands in for a PIN or PUK that is entered on the reader's keypad; PIN parameters of `Card` take it.

    `prompt` is called at once with what the person has to do and how many seconds they have. The reader gives up
    after `seconds` (1 to 255); until then it serves nobody else.
    """

    prompt: Callable[[str, int], None] = _tell_nobody
    seconds: int = DEFAULT_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing to wipe: in a `with` it stands in for a `Secret` here too."""

    def __post_init__(self) -> None:
        if not 1 <= self.seconds <= _MAX_SECONDS:
            raise InputError(f"a reader waits 1 to {_MAX_SECONDS} seconds for a PIN, not {self.seconds}")


PinGiven = Secret | PinPad
"""A PIN itself, or the word that it comes from the reader's keypad."""

Pin = Secret | str | bytes | PinPad
"""A PIN, PUK or key as programs may give it."""


def given(value: Pin) -> PinGiven:
    """A PIN as it was given, as a `Secret` where it does not come from the keypad."""
    return value if isinstance(value, PinPad) else secret(value)


def secret(value: Pin) -> Secret:
    """A secret that cannot come from a keypad: NotSupported if it should."""
    if isinstance(value, PinPad):
        raise NotSupported("this cannot be entered on the reader's keypad", hint="Give it from another source.")
    if isinstance(value, str):
        return Secret.from_text(value)
    return value if isinstance(value, Secret) else Secret(value)
