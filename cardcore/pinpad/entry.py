"""A person enters a PIN on the reader's keypad: what they are told, the reader's two ways, and how it may end."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import suppress

from cardcore.apdu import ResponseApdu
from cardcore.errors import (
    CardRemoved,
    NotSupported,
    PinEntryCancelled,
    PinEntryError,
    PinEntryLength,
    PinEntryMismatch,
    PinEntryTimeout,
    TransportError,
)
from cardcore.pin import PinBlock, PinSpec
from cardcore.pinpad.features import PadReader, Way
from cardcore.pinpad.given import PinPad
from cardcore.pinpad.structures import block_format, bounds, modify_structure, verify_structure
from cardcore.profile.commands import render
from cardcore.profile.model import Step
from cardcore.profile.template import Value
from cardcore.secret import Secret
from cardcore.transport.base import Transport

NEW = "new_pin.block"
"""The name under which templates have a PIN that is being set."""

_GRACE_SECONDS = 2.0
_POLL_SECONDS = 0.05
_ENTER = 0x0D
_ENDED = frozenset({0x0E, 0x1B, 0x40})  # timeout, cancel key, aborted (PC/SC part 10, 2.5.5)
_CARD_GONE = 0x64A1
_ENDINGS: Mapping[int, tuple[type[PinEntryError], str]] = {
    0x6400: (PinEntryTimeout, "the time for the entry on the keypad is over"),
    0x6401: (PinEntryCancelled, "the entry on the keypad was cancelled"),
    0x6402: (PinEntryMismatch, "the two entries of the new PIN differ"),
    0x6403: (PinEntryLength, "the PIN entered on the keypad is too short or too long"),
}

Values = Mapping[str, Value | Secret]


class PadEntry:
    """One entry on the keypad, for the PINs that a command's template names (`pin.block`, `puk.block`, NEW).

    Made before anything is sent: NotSupported if the reader's pad cannot do it.
    """

    def __init__(self, reader: PadReader | None, pad: PinPad, specs: Mapping[str, PinSpec]) -> None:
        if reader is None or reader.refused:
            raise _no_pad(reader)
        self._reader = reader
        self._pad = pad
        self._specs = specs
        self._way = _way(reader, changing=NEW in specs)
        self._shapes = {name: block_format(spec) for name, spec in specs.items()}
        bounds(reader, *specs.values())

    def placeholders(self) -> dict[str, Value | Secret]:
        """What stands in the template where the reader puts the PINs."""
        return {name: PinBlock(shape.placeholder) for name, shape in self._shapes.items()}

    def perform(self, transport: Transport, step: Step, values: Values) -> ResponseApdu:
        """Tell the person, let the reader ask for the PIN and send the step's command; the card's answer.

        PinEntryError and its kin where no PIN reached the card, CardRemoved where the card went meanwhile.
        """
        structure = self._structure(step, values)
        self._pad.prompt(self._message(), self._pad.seconds)
        if self._way.direct:
            reply = transport.control(self._way.direct, structure)
        else:
            reply = self._step_by_step(transport, structure)
        response = ResponseApdu.decode(reply)
        if response.sw == _CARD_GONE:
            raise CardRemoved(f"{self._reader.name}: the card was taken out before the PIN was entered")
        if response.sw in _ENDINGS:
            kind, text = _ENDINGS[response.sw]
            raise kind(text, sw=response.sw)
        return response

    def _structure(self, step: Step, values: Values) -> bytes:
        command, reader = render(step, values).apdu, self._reader
        libccid = sys.platform != "win32"
        seconds = self._pad.seconds
        old = [(spec, _place(step, values, name)) for name, spec in self._specs.items() if name != NEW]
        new = self._specs.get(NEW)
        if new is None:
            return verify_structure(reader, old[0], command, seconds=seconds, libccid=libccid)
        place = _place(step, values, NEW)
        return modify_structure(reader, old, (new, place), command, seconds=seconds, libccid=libccid)

    def _message(self) -> str:
        """What the person has to do."""
        labels = {name: spec.label or spec.name for name, spec in self._specs.items()}
        wanted = [f"the new {label} twice" if name == NEW else f"the {label}" for name, label in labels.items()]
        return f"Enter {', then '.join(wanted)} on {self._reader.name}'s keypad"

    def _step_by_step(self, transport: Transport, structure: bytes) -> bytes:
        """Start, look at what was pressed until the entry has ended, finish; abort if that is interrupted."""
        way = self._way
        transport.control(way.start, structure)
        try:
            self._await_end(transport)
        except BaseException:
            if way.abort:
                with suppress(TransportError):  # what went wrong first is what counts
                    transport.control(way.abort)
            raise
        return transport.control(way.finish)

    def _await_end(self, transport: Transport) -> None:
        awaited = len(self._specs) + (NEW in self._specs)
        deadline = time.monotonic() + self._pad.seconds + _GRACE_SECONDS
        while self._way.key_pressed and awaited and time.monotonic() < deadline:
            key = transport.control(self._way.key_pressed)[:1]
            if key and key[0] in _ENDED:
                return
            awaited -= key == bytes((_ENTER,))
            if not key.strip(b"\x00"):
                time.sleep(_POLL_SECONDS)


def _place(step: Step, values: Values, name: str) -> tuple[int, int]:
    """Where the block of this name stands in the step's data field: the others are no secrets for this once."""
    revealed = {
        key: value.reveal() if isinstance(value, Secret) and key != name else value for key, value in values.items()
    }
    places = render(step, revealed).secrets
    if len(places) != 1:
        raise NotSupported(
            f"a reader's keypad needs a command with one place for ${name}, and the profile's has {len(places)}"
        )
    return places[0]


def _way(reader: PadReader, *, changing: bool) -> Way:
    way = reader.modify if changing else reader.verify
    if way is None:
        what = "changed" if changing else "verified"
        raise NotSupported(f"PINs cannot be {what} on the keypad of {reader.name}", hint=_OTHERWISE)
    return way


_OTHERWISE = "Give another source of the PIN (--pin prompt on the command line)."


def _no_pad(reader: PadReader | None) -> NotSupported:
    if reader is None:
        return NotSupported("the reader has no PIN pad", hint=_OTHERWISE)
    return NotSupported(f"the PIN pad of {reader.name} is not used: {reader.refused}", hint=_OTHERWISE)
