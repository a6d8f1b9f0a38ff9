"""A reader's PIN pad: what it is told to the person and to programs, and the person told to use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cardcore.cli.context import Context

if TYPE_CHECKING:
    from cardcore.pinpad.features import PadReader
    from cardcore.pinpad.given import PinPad

NOTHING_KNOWN: dict[str, object] = {
    "pin_pad": None,
    "pin_pad_minimum": None,
    "pin_pad_maximum": None,
    "pin_pad_refused": None,
}


def describe(pad: PadReader | None) -> dict[str, object]:
    """The pad for JSON: whether there is one that is used, its limits, and why one that is there is not used."""
    if pad is None or pad.refused:
        return {**NOTHING_KNOWN, "pin_pad": False, "pin_pad_refused": pad.refused if pad else None}
    return {**NOTHING_KNOWN, "pin_pad": True, "pin_pad_minimum": pad.minimum, "pin_pad_maximum": pad.maximum}


def words(described: dict[str, object]) -> str:
    """The same for people, empty where there is no pad."""
    if described["pin_pad"]:
        least, most = described["pin_pad_minimum"], described["pin_pad_maximum"]
        return f"PIN pad ({least} to {most} digits)" if least else f"PIN pad (up to {most} digits)"
    return "PIN pad not used" if described["pin_pad_refused"] else ""


def new_entry() -> PinPad:
    """A PIN that comes from the reader's keypad; the person is told on stderr when it is due."""
    from cardcore.pinpad.given import PinPad

    context = click.get_current_context().find_object(Context)
    return PinPad(prompt=context.output.prompt) if context else PinPad()
