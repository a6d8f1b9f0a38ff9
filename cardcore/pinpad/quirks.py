"""Readers with a PIN pad that want something special, and readers whose PIN pad must not be used: one row each.

A row counts where the reader's USB ids are known and listed, or where its name matches. What the driver of Linux and
macOS (libccid) mends by itself stands here too if saying it twice does no harm, because other drivers do not mend it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ALL_MESSAGES = 3
DEFAULT_MESSAGES = 0xFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirk:
    """What is special about a kind of reader.

    `usb` are pairs of vendor and product, `pattern` a regular expression that is looked for in the name. `refused`
    says why the pad is not used. `minimum` and `maximum` overrule what the reader says of the PINs that it takes.
    `verify_messages` and `modify_messages` are bNumberMessage, where the usual number is refused. `omit_lc` leaves
    Lc out of the template for PINs of variable length; with `fixed_only` there are none. `swapped` readers take the
    bounds in the wrong order, which libccid puts right.
    """

    name: str
    usb: tuple[tuple[int, int], ...] = ()
    pattern: str = ""
    refused: str = ""
    minimum: int | None = None
    maximum: int | None = None
    verify_messages: int | None = None
    modify_messages: int | None = None
    omit_lc: bool = False
    fixed_only: bool = False
    swapped: bool = False

    def fits(self, reader: str, usb: tuple[int, int] | None) -> bool:
        """Whether the row is about the reader of this name, with these ids as far as they are known."""
        return usb in self.usb or bool(self.pattern and re.search(self.pattern, reader, re.IGNORECASE))


NO_PAD = "it says that it has a PIN pad, but has none"
LEAKS = "it also sends what is typed to the computer"

NOTHING_SPECIAL = Quirk(name="")

QUIRKS: tuple[Quirk, ...] = (
    # Sends an empty VERIFY of its own before the entry. Takes no condition but the key, which is what is asked for
    # everywhere. In a change it wants every message index, whatever the number of messages.
    Quirk(
        name="Gemalto GemPC Pinpad",
        usb=((0x08E6, 0x3478),),
        pattern=r"GemPC ?Pinpad",
        minimum=4,
        maximum=8,
        modify_messages=ALL_MESSAGES,
        fixed_only=True,
    ),
    Quirk(
        name="Covadis Vega-Alpha",
        usb=((0x0982, 0x0008),),
        pattern=r"V[eé]ga-?Alpha",
        minimum=4,
        maximum=8,
        modify_messages=ALL_MESSAGES,
        fixed_only=True,
    ),
    Quirk(
        name="SCM SPR 532",
        usb=((0x04E6, 0xE003),),
        pattern=r"SPR ?[x35]32",
        maximum=25,
        modify_messages=ALL_MESSAGES,
        omit_lc=True,
    ),
    # Crashes by a condition that it does not know.
    Quirk(
        name="Cherry SmartBoard XX44",
        usb=((0x046A, 0x0010),),
        pattern=r"SmartBoard XX44",
        maximum=15,
        modify_messages=ALL_MESSAGES,
    ),
    Quirk(
        name="Cherry SmartTerminal ST-2xxx",
        usb=((0x046A, 0x003E),),
        pattern=r"SmartTerminal ST-?2",
        maximum=25,
        modify_messages=ALL_MESSAGES,
    ),
    Quirk(
        name="Cherry KC 1000 SC",
        usb=((0x046A, 0x00A1), (0x046A, 0x00A2), (0x046A, 0x00A4), (0x046A, 0x00A5)),
        pattern=r"KC 1000 SC",
        maximum=32,
        modify_messages=DEFAULT_MESSAGES,
    ),
    Quirk(name="REINER SCT cyberJack", usb=((0x0C4B, 0x0504),), pattern=r"cyberJack", maximum=15),
    Quirk(
        name="Dell keyboard SK-3106",
        usb=((0x413C, 0x2100),),
        pattern=r"Dell.*SK-3106",
        verify_messages=0,
        swapped=True,
    ),
    Quirk(
        name="Dell Smart Card Reader Keyboard",
        usb=((0x413C, 0x2101),),
        pattern=r"Dell Smart Card Reader Keyboard",
        verify_messages=0,
    ),
    # Wants the whole template, with Lc and padding, as it is given everywhere but where `omit_lc` says otherwise.
    Quirk(name="OMNIKEY 3821", usb=((0x076B, 0x3821),), pattern=r"(OMNIKEY|CardMan) 3821", minimum=1, maximum=31),
    # Chips that advertise a pad, in readers that have none.
    Quirk(name="OMNIKEY generic", usb=((0x076B, 0x3A21),), refused=NO_PAD),
    Quirk(name="OMNIKEY 3x21", usb=((0x076B, 0x3031),), pattern=r"OMNIKEY 3[x01]21", refused=NO_PAD),
    Quirk(name="OMNIKEY 6121", usb=((0x076B, 0x6632),), pattern=r"OMNIKEY 6121", refused=NO_PAD),
    Quirk(name="Fujitsu D323", usb=((0x0BF8, 0x1024),), pattern=r"Fujitsu.*D323", refused=NO_PAD),
    Quirk(name="Cherry SmartTerminal XX44", usb=((0x046A, 0x00A7),), pattern=r"SmartTerminal XX44", refused=NO_PAD),
    Quirk(name="bit4id miniLector", usb=((0x25DD, 0x3111),), pattern=r"miniLector", refused=NO_PAD),
    Quirk(name="C3PO LTC31 v2", usb=((0x0783, 0x0006),), pattern=r"LTC31 ?v2", refused=NO_PAD),
    # Keyboards whose secure entry is none.
    Quirk(
        name="HP smart card keyboards",
        usb=((0x03F0, 0x1024), (0x03F0, 0x0036)),
        pattern=r"HP USB (CCID )?Smart ?card Keyboard",
        refused=LEAKS,
    ),
    Quirk(name="Chicony HP Skylab", usb=((0x04F2, 0x1469),), pattern=r"Skylab", refused=LEAKS),
    Quirk(name="Fujitsu SmartCase KB SCR", usb=((0x0BF8, 0x1017),), pattern=r"SmartCase KB SCR", refused=LEAKS),
)


def quirk_of(reader: str, usb: tuple[int, int] | None) -> Quirk:
    """The row for a reader: by its USB ids if they are known and listed, else by its name."""
    by_id = next((row for row in QUIRKS if usb in row.usb), None)
    return by_id or next((row for row in QUIRKS if row.fits(reader, None)), NOTHING_SPECIAL)
