"""Whether a reader has a PIN pad, how it is spoken to, and what PINs it takes (PC/SC part 10, 2.2 to 2.6)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from construct import Byte, ConstructError, Int16ul, Int32ub, Struct

from cardcore.errors import CardRemoved, CardReset, NoService, ReplyError, TransportError
from cardcore.pinpad.quirks import NOTHING_SPECIAL, Quirk, quirk_of
from cardcore.transport.readers import properties

Control = Callable[[int, bytes], bytes]
"""Sends a control code with data to the reader, and answers its reply."""

DEFAULT_MAXIMUM = 15
"""The longest PIN that is asked for where the reader does not say what it takes: every pad takes that."""

_GET_FEATURE_REQUEST = 3400
_LIBCCID = 0x42000000
_CODE = Int32ub
_PIN_PROPERTIES = Struct("layout" / Int16ul, "conditions" / Byte, "timeout_2" / Byte)


class Feature(IntEnum):
    """Tags of the reply to GET_FEATURE_REQUEST."""

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


class Property(IntEnum):
    """Tags of the reply to GET_TLV_PROPERTIES that are of interest here."""

    LCD_LAYOUT = 0x01
    MIN_PIN_SIZE = 0x06
    MAX_PIN_SIZE = 0x07
    VENDOR = 0x0B
    PRODUCT = 0x0C


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The control codes of one operation: either `direct`, or `start`, `key_pressed` in between, and `finish`."""

    direct: int = 0
    start: int = 0
    key_pressed: int = 0
    finish: int = 0
    abort: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PadReader:
    """A reader with a PIN pad: how PINs are verified and modified on it (None: not at all), and its limits.

    `minimum` and `maximum` bound the PIN's length in digits, `display` says that there is one. With `refused` the
    reader says that it has a pad, but for that reason it must not be used as one.
    """

    name: str
    verify: Way | None
    modify: Way | None
    minimum: int = 0
    maximum: int = DEFAULT_MAXIMUM
    display: bool = False
    refused: str = ""
    quirk: Quirk = NOTHING_SPECIAL


def feature_request(platform: str = sys.platform) -> int:
    """CM_IOCTL_GET_FEATURE_REQUEST as the platform writes control codes."""
    return 0x31 << 16 | _GET_FEATURE_REQUEST << 2 if platform == "win32" else _LIBCCID + _GET_FEATURE_REQUEST


def find_pad(reader: str, control: Control) -> PadReader | None:
    """What kind of PIN pad the reader has, None if it has none; CardRemoved, CardReset and NoService go through."""
    features = _features(control)
    verify = _way(features, Feature.VERIFY_DIRECT, Feature.VERIFY_START, Feature.VERIFY_FINISH)
    modify = _way(features, Feature.MODIFY_DIRECT, Feature.MODIFY_START, Feature.MODIFY_FINISH)
    if verify is None and modify is None:
        return None
    told = {tag: int.from_bytes(value, "little") for tag, value in _told(control, features).items()}
    usb = (told[Property.VENDOR], told[Property.PRODUCT]) if Property.PRODUCT in told else None
    quirk = quirk_of(reader, usb)
    layout = told.get(Property.LCD_LAYOUT)
    return PadReader(
        name=reader,
        verify=verify,
        modify=modify,
        minimum=told.get(Property.MIN_PIN_SIZE, 0) if quirk.minimum is None else quirk.minimum,
        maximum=(told.get(Property.MAX_PIN_SIZE) or DEFAULT_MAXIMUM) if quirk.maximum is None else quirk.maximum,
        display=bool(_layout(control, features) if layout is None else layout),
        refused=quirk.refused,
        quirk=quirk,
    )


def _features(control: Control) -> dict[int, int]:
    """Features and their control codes, which stand there in big endian order whatever the machine has."""
    listed = properties(_asked(control, feature_request()))
    return {tag: _CODE.parse(value) for tag, value in listed.items() if len(value) == _CODE.sizeof()}


def _way(features: dict[int, int], direct: Feature, start: Feature, finish: Feature) -> Way | None:
    if direct in features:
        return Way(direct=features[direct])
    if start in features and finish in features:
        return Way(
            start=features[start],
            key_pressed=features.get(Feature.KEY_PRESSED, 0),
            finish=features[finish],
            abort=features.get(Feature.ABORT, 0),
        )
    return None


def _told(control: Control, features: dict[int, int]) -> dict[int, bytes]:
    code = features.get(Feature.TLV_PROPERTIES)
    found = properties(_asked(control, code)) if code else {}
    if Property.VENDOR not in found:
        found.pop(Property.PRODUCT, None)
    return found


def _layout(control: Control, features: dict[int, int]) -> int:
    """wLcdLayout of IFD_PIN_PROPERTIES: 0 where there is no display, or nothing is said."""
    code = features.get(Feature.PIN_PROPERTIES)
    try:
        return int(_PIN_PROPERTIES.parse(_asked(control, code)).layout) if code else 0
    except ConstructError:
        return 0


def _asked(control: Control, code: int) -> bytes:
    """The reply, empty where the reader, its driver, or the trace that is replayed does not know the question."""
    try:
        return control(code, b"")
    except (CardRemoved, CardReset, NoService):
        raise
    except (TransportError, ReplyError):
        return b""
