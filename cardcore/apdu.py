"""Command and response APDUs (ISO 7816-4:2020, 5.1-5.3), each of the seven cases declared with construct."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, cast

from construct import Byte, Const, Construct, FormatField, GreedyBytes, Int16ub, Prefixed, Renamed, Struct, Terminated

from cardcore.errors import InputError, ReplyError

MAX_SHORT_DATA = 255
MAX_EXTENDED_DATA = 65535

_HEADER = Struct("cla" / Byte, "ins" / Byte, "p1" / Byte, "p2" / Byte)
_EXTENDED = Const(b"\x00")
_SHORT_DATA = Prefixed(Byte, GreedyBytes)
_EXTENDED_DATA = Prefixed(Int16ub, GreedyBytes)


class Case(StrEnum):
    """Which of Lc, data and Le a command has: case number, S for short and E for extended length fields."""

    NONE = "1"
    LE_SHORT = "2S"
    DATA_SHORT = "3S"
    BOTH_SHORT = "4S"
    LE_EXTENDED = "2E"
    DATA_EXTENDED = "3E"
    BOTH_EXTENDED = "4E"


_BODIES = {
    Case.NONE: Struct(),
    Case.LE_SHORT: Struct("le" / Byte),
    Case.DATA_SHORT: Struct("data" / _SHORT_DATA),
    Case.BOTH_SHORT: Struct("data" / _SHORT_DATA, "le" / Byte),
    Case.LE_EXTENDED: Struct("extended" / _EXTENDED, "le" / Int16ub),
    Case.DATA_EXTENDED: Struct("extended" / _EXTENDED, "data" / _EXTENDED_DATA),
    Case.BOTH_EXTENDED: Struct("extended" / _EXTENDED, "data" / _EXTENDED_DATA, "le" / Int16ub),
}


@cache
def _parser(case: Case) -> Construct:
    """What reads a command of a case, compiled when it is first needed: that takes longer than using it."""
    whole: Construct = (_HEADER + _BODIES[case] + Struct(Terminated)).compile()
    return whole


@cache
def _packers(case: Case) -> tuple[tuple[str, Callable[[Any], bytes]], ...]:
    """What writes a command of a case: each declared field's name, and its value to bytes.

    Every command that is sent passes here: a compiled declaration takes four times as long, and to compile it a
    hundred times.
    """
    return tuple((str(field.name), _packer(field)) for field in (*_HEADER.subcons, *_BODIES[case].subcons))


def _packer(declared: Construct) -> Callable[[Any], bytes]:
    if isinstance(declared, Renamed):
        return _packer(declared.subcon)
    if isinstance(declared, Const):
        constant = bytes(declared.value)
        return lambda _: constant
    if isinstance(declared, Prefixed):
        length = _packer(declared.lengthfield)
        return lambda data: length(len(data)) + data
    return struct.Struct(cast(FormatField, declared).fmtstr).pack


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandApdu:
    """One command APDU.

    `le` is the Le field as it is encoded: None for absent, 0 for the most that its form allows (256 bytes
    short, 65536 extended), else the number of bytes. `extended` asks for extended length fields.
    """

    cla: int = 0x00
    ins: int
    p1: int = 0x00
    p2: int = 0x00
    data: bytes = b""
    le: int | None = None
    extended: bool = False

    @property
    def case(self) -> Case:
        """The case of ISO 7816-3:2006, 12.1.3 that this command has."""
        if self.le is None:
            short, extended = (Case.DATA_SHORT, Case.DATA_EXTENDED) if self.data else (Case.NONE, Case.NONE)
        elif self.data:
            short, extended = Case.BOTH_SHORT, Case.BOTH_EXTENDED
        else:
            short, extended = Case.LE_SHORT, Case.LE_EXTENDED
        return extended if self.extended else short

    @property
    def data_offset(self) -> int:
        """Where the data field begins in the encoded command, in bytes."""
        return 7 if self.extended else 5

    def encode(self) -> bytes:
        """The command as bytes; InputError if a field does not fit its length form."""
        try:
            return b"".join([pack(getattr(self, name)) for name, pack in _packers(self.case)])
        except struct.error as error:
            raise InputError(
                f"command {self.ins:02X} does not fit {'extended' if self.extended else 'short'} length fields: "
                f"{len(self.data)} bytes of data, Le {self.le}"
            ) from error

    @classmethod
    def decode(cls, raw: bytes) -> CommandApdu:
        """Parse an encoded command; ReplyError if its length fits none of the seven cases."""
        case = _case_of(raw)
        parsed = _parser(case).parse(raw)
        return cls(
            cla=parsed.cla,
            ins=parsed.ins,
            p1=parsed.p1,
            p2=parsed.p2,
            data=bytes(parsed.get("data", b"")),
            le=parsed.get("le"),
            extended=case.endswith("E"),
        )


def _case_of(raw: bytes) -> Case:
    """Decide the case from the length and the length fields, as ISO 7816-3:2006, 12.1.3 does."""
    size = len(raw)
    if size == 4:
        return Case.NONE
    if size == 5:
        return Case.LE_SHORT
    if size > 5 and raw[4]:
        cases = {5 + raw[4]: Case.DATA_SHORT, 6 + raw[4]: Case.BOTH_SHORT}
    elif size == 7:
        return Case.LE_EXTENDED
    elif size > 7:
        length = int.from_bytes(raw[5:7])
        cases = {7 + length: Case.DATA_EXTENDED, 9 + length: Case.BOTH_EXTENDED} if length else {}
    else:
        cases = {}
    if size not in cases:
        raise ReplyError(f"{size} bytes fit none of the seven command APDU cases", hint="Check Lc and Le.")
    return cases[size]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseApdu:
    """One response APDU: its data field, and the status word SW1-SW2 as a 16-bit integer."""

    data: bytes = b""
    sw: int

    def encode(self) -> bytes:
        """The response as bytes."""
        return self.data + self.sw.to_bytes(2)

    @classmethod
    def decode(cls, raw: bytes) -> ResponseApdu:
        """Parse a response; ReplyError if it is shorter than a status word."""
        if len(raw) < 2:
            raise ReplyError(f"a response of {len(raw)} bytes has no status word")
        return cls(data=raw[:-2], sw=int.from_bytes(raw[-2:]))
