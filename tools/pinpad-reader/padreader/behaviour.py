"""What kind of reader is played: what it offers, what it wants, what it does wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

CODES = 0x42330000
"""Where this reader's control codes begin; a client learns them from the reply to GET_FEATURE_REQUEST."""

_LAYOUT_TWO_LINES = 0x0210


class Feature(IntEnum):
    """Tags of features, PC/SC part 10, 2.3."""

    VERIFY_START = 0x01
    VERIFY_FINISH = 0x02
    MODIFY_START = 0x03
    MODIFY_FINISH = 0x04
    KEY_PRESSED = 0x05
    VERIFY_DIRECT = 0x06
    MODIFY_DIRECT = 0x07
    PIN_PROPERTIES = 0x0A
    ABORT = 0x0B
    TLV_PROPERTIES = 0x12


_DIRECT = (Feature.VERIFY_DIRECT, Feature.MODIFY_DIRECT)
_STEPS = (Feature.VERIFY_START, Feature.VERIFY_FINISH, Feature.MODIFY_START, Feature.MODIFY_FINISH)
_STEPS_TOO = (Feature.KEY_PRESSED, Feature.ABORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """A reader as it is delivered; the defaults are a good one with a display.

    `direct` offers both operations in one command, else they are started and finished. `pad` and `modify` take the
    features away. `minimum` and `maximum` are told as properties, as are `usb` ids; without `properties` nothing is.
    `messages` are the values of bNumberMessage that are taken (None: all), `omit_lc` readers fail if there is an Lc
    for a PIN of variable length, `fixed_only` ones take none. `swapped` reads the bounds in the wrong order. `probes`
    sends an empty VERIFY before the entry. `tells_gone` answers 64A1 where the card went, else the driver fails.
    """

    pad: bool = True
    modify: bool = True
    direct: bool = True
    properties: bool = True
    display: bool = True
    minimum: int | None = None
    maximum: int | None = None
    usb: tuple[int, int] | None = None
    messages: frozenset[int] | None = None
    omit_lc: bool = False
    fixed_only: bool = False
    swapped: bool = False
    probes: bool = False
    tells_gone: bool = False

    def features(self) -> tuple[Feature, ...]:
        """What the reader says that it can do."""
        if not self.pad:
            return (Feature.TLV_PROPERTIES,) if self.properties else ()
        ways = _DIRECT if self.direct else _STEPS
        offered = ways if self.modify else tuple(way for way in ways if "MODIFY" not in way.name)
        more = () if self.direct else _STEPS_TOO
        told = (Feature.PIN_PROPERTIES, Feature.TLV_PROPERTIES) if self.properties else ()
        return (*offered, *more, *told)

    def feature_list(self) -> bytes:
        """The reply to GET_FEATURE_REQUEST: a tag, the length 4 and a control code in big endian order for each."""
        return b"".join(bytes((feature, 4)) + (CODES + feature).to_bytes(4, "big") for feature in self.features())

    def pin_properties(self) -> bytes:
        """The reply to IFD_PIN_PROPERTIES: display, validation conditions, second timeout."""
        return self._layout.to_bytes(2, "little") + b"\x07\x00"

    def tlv_properties(self) -> bytes:
        """The reply to GET_TLV_PROPERTIES."""
        told = {0x01: self._layout.to_bytes(2, "little"), 0x02: b"\x07"}
        if self.minimum is not None:
            told[0x06] = bytes((self.minimum,))
        if self.maximum is not None:
            told[0x07] = bytes((self.maximum,))
        if self.usb is not None:
            told |= {0x0B: self.usb[0].to_bytes(2, "little"), 0x0C: self.usb[1].to_bytes(2, "little")}
        return b"".join(bytes((tag, len(value))) + value for tag, value in told.items())

    @property
    def _layout(self) -> int:
        return _LAYOUT_TWO_LINES if self.display else 0
