"""PIN_VERIFY and PIN_MODIFY structures (PC/SC part 10, 2.5.2 and 2.5.3), computed from a PIN's rules and a command.

The template is the command with a placeholder where the PIN belongs. Padding comes from there only: the reader puts
digits over it and nothing else. What a reader cannot express is NotSupported, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from construct import Byte, Bytes, GreedyBytes, Int16ul, Int32ul, Prefixed, Struct

from cardcore.apdu import MAX_SHORT_DATA, CommandApdu
from cardcore.errors import NotSupported
from cardcore.pin import PinEncoding, PinSpec
from cardcore.pinpad.features import PadReader

PIN_VERIFY = Struct(
    "bTimerOut" / Byte,
    "bTimerOut2" / Byte,
    "bmFormatString" / Byte,
    "bmPINBlockString" / Byte,
    "bmPINLengthFormat" / Byte,
    "wPINMaxExtraDigit" / Int16ul,
    "bEntryValidationCondition" / Byte,
    "bNumberMessage" / Byte,
    "wLangId" / Int16ul,
    "bMsgIndex" / Byte,
    "bTeoPrologue" / Bytes(3),
    "abData" / Prefixed(Int32ul, GreedyBytes),
)
PIN_MODIFY = Struct(
    "bTimerOut" / Byte,
    "bTimerOut2" / Byte,
    "bmFormatString" / Byte,
    "bmPINBlockString" / Byte,
    "bmPINLengthFormat" / Byte,
    "bInsertionOffsetOld" / Byte,
    "bInsertionOffsetNew" / Byte,
    "wPINMaxExtraDigit" / Int16ul,
    "bConfirmPIN" / Byte,
    "bEntryValidationCondition" / Byte,
    "bNumberMessage" / Byte,
    "wLangId" / Int16ul,
    "bMsgIndex1" / Byte,
    "bMsgIndex2" / Byte,
    "bMsgIndex3" / Byte,
    "bTeoPrologue" / Bytes(3),
    "abData" / Prefixed(Int32ul, GreedyBytes),
)

MAX_BLOCK = 15
_FORMAT_2_BLOCK = bytes.fromhex("20" + 7 * "FF")
_BYTES = 0x80
_BCD, _ASCII = 0x01, 0x02
_MAX_POSITION = 15
_KEY_PRESSED = 0x02
_ENGLISH = 0x0409
_PROLOGUE = bytes(3)
_CONFIRM, _ASK_OLD = 0x01, 0x02
_FILLER = 0x0F

Placed = tuple[PinSpec, tuple[int, int]]
"""A PIN, and the (start, end) offsets of its placeholder in the command's data field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockFormat:
    """How a reader is to put digits into a PIN block.

    `placeholder` is the block without digits, empty for a PIN that goes into the command as long as it is. `start` is
    where the digits begin in it, in bytes; `encoding`, `block` and `length` are the bits that say the same.
    """

    placeholder: bytes
    encoding: int
    start: int = 0
    block: int = 0
    length: int = 0

    def same_digits(self, other: BlockFormat) -> bool:
        """Whether one structure can describe both blocks."""
        return (self.encoding, self.start, self.block, self.length) == (
            other.encoding,
            other.start,
            other.block,
            other.length,
        )


def block_format(spec: PinSpec) -> BlockFormat:
    """How this PIN is put into its block; NotSupported for one that no reader can put together."""
    match spec.encoding:
        case PinEncoding.FORMAT_2:
            return BlockFormat(placeholder=_FORMAT_2_BLOCK, encoding=_BCD, start=1, block=0x47, length=0x04)
        case PinEncoding.ASCII:
            placeholder, encoding = bytes((spec.pad_byte,)) * spec.pad_to, _ASCII
        case PinEncoding.BCD:
            placeholder, encoding = _packed_placeholder(spec), _BCD
        case _:
            raise _refusal(spec, "it is written in hexadecimal, which has more digits than a keypad")
    if len(placeholder) > MAX_BLOCK:
        raise _refusal(spec, f"its block has {len(placeholder)} bytes, and readers fill {MAX_BLOCK} at most")
    return BlockFormat(placeholder=placeholder, encoding=encoding, block=len(placeholder))


def _packed_placeholder(spec: PinSpec) -> bytes:
    """A PIN of an odd number of digits leaves half a byte to the template, where the card wants a filler F."""
    even = spec.minimum == spec.maximum and spec.minimum % 2 == 0
    if spec.pad_to:
        if not even and spec.pad_byte & _FILLER != _FILLER:
            raise _refusal(spec, "half a byte after an odd number of digits would be filled like whole ones")
        return bytes((spec.pad_byte,)) * spec.pad_to
    if spec.minimum != spec.maximum:
        raise _refusal(spec, "readers do not fill up half a byte after an odd number of digits")
    return b"\xff" * ((spec.maximum + 1) // 2)


def bounds(reader: PadReader, *specs: PinSpec) -> tuple[int, int]:
    """Fewest and most digits that the reader is told to take; NotSupported if it takes no PIN of some kind at all."""
    for spec in specs:
        if spec.minimum > reader.maximum:
            raise _refusal(spec, f"it has {spec.minimum} digits at least, and {reader.name} takes {reader.maximum}")
        if spec.maximum < reader.minimum:
            raise _refusal(spec, f"it has {spec.maximum} digits at most, and {reader.name} wants {reader.minimum}")
    least, most = min(spec.minimum for spec in specs), max(spec.maximum for spec in specs)
    return max(least, reader.minimum), min(most, reader.maximum)


def verify_structure(reader: PadReader, pin: Placed, command: CommandApdu, *, seconds: int, libccid: bool) -> bytes:
    """PIN_VERIFY for a command with the PIN's placeholder. `libccid` says that it is the driver, which mends some."""
    spec, span = pin
    shape = block_format(spec)
    position = span[0] + shape.start
    if position > _MAX_POSITION or (shape.length and span[0]):
        raise _refusal(spec, "it stands too far behind in the command")
    messages = reader.quirk.verify_messages
    return bytes(
        PIN_VERIFY.build(
            {
                **_common(reader, shape, position, seconds),
                "wPINMaxExtraDigit": _digits(reader, libccid, spec),
                "bNumberMessage": 1 if messages is None else messages,
                "bMsgIndex": 0,
                "abData": _template(reader, spec, shape, command),
            }
        )
    )


def modify_structure(
    reader: PadReader,
    old: Sequence[Placed],
    new: Placed,
    command: CommandApdu,
    *,
    seconds: int,
    libccid: bool,
) -> bytes:
    """PIN_MODIFY for a command that holds a new PIN, and the old PIN or PUK that goes with it if there is one."""
    spec, span = new
    shape = block_format(spec)
    specs = [*(other for other, _ in old), spec]
    for other in specs:
        if not block_format(other).same_digits(shape):
            raise _refusal(spec, f"the {other.label or other.name} that goes with it has a block of another form")
    messages = reader.quirk.modify_messages
    indices = (0, 1, 2) if old else (1, 2, 2)
    return bytes(
        PIN_MODIFY.build(
            {
                **_common(reader, shape, shape.start, seconds),
                "bInsertionOffsetOld": old[0][1][0] if old else 0,
                "bInsertionOffsetNew": span[0],
                "wPINMaxExtraDigit": _digits(reader, libccid, *specs),
                "bConfirmPIN": _CONFIRM | _ASK_OLD if old else _CONFIRM,
                "bNumberMessage": len(specs) + 1 if messages is None else messages,
                **{f"bMsgIndex{number}": index for number, index in enumerate(indices, 1)},
                "abData": _template(reader, spec, shape, command),
            }
        )
    )


def _common(reader: PadReader, shape: BlockFormat, position: int, seconds: int) -> dict[str, object]:
    return {
        "bTimerOut": seconds,
        "bTimerOut2": seconds,
        "bmFormatString": _BYTES | position << 3 | shape.encoding,
        "bmPINBlockString": shape.block,
        "bmPINLengthFormat": shape.length,
        "bEntryValidationCondition": _KEY_PRESSED,
        "wLangId": _ENGLISH,
        "bTeoPrologue": _PROLOGUE,
    }


def _digits(reader: PadReader, libccid: bool, *specs: PinSpec) -> int:
    least, most = bounds(reader, *specs)
    if reader.quirk.swapped and not libccid:
        least, most = most, least
    return least << 8 | most


def _template(reader: PadReader, spec: PinSpec, shape: BlockFormat, command: CommandApdu) -> bytes:
    if command.extended or command.le is not None or len(command.data) > MAX_SHORT_DATA:
        raise _refusal(spec, "the command has a form that readers do not fill in")
    if shape.placeholder:
        return command.encode()
    if command.data:
        raise _refusal(spec, "it has no fixed length, and stands in the command with other data")
    if reader.quirk.fixed_only:
        raise _refusal(spec, f"it has no fixed length, and {reader.name} wants one")
    return command.encode() + (b"" if reader.quirk.omit_lc else b"\x00")


def _refusal(spec: PinSpec, reason: str) -> NotSupported:
    return NotSupported(
        f"the {spec.label or spec.name} cannot be entered on the reader's keypad: {reason}",
        hint="Give another source of it (--pin prompt, --new-pin prompt, --puk prompt on the command line).",
    )
