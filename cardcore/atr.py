"""The answer to reset (ISO 7816-3:2006, 8) and its historical bytes (ISO 7816-4:2020, 12.1.1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from operator import xor
from typing import Any

from construct import (
    BitsInteger,
    BitStruct,
    Byte,
    Bytes,
    Construct,
    ConstructError,
    Flag,
    GreedyBytes,
    GreedyRange,
    If,
    Nibble,
    RepeatUntil,
    Struct,
    Terminated,
    this,
)

from cardcore.errors import ReplyError

MAX_ATR = 33
_STATUS_SIZE = 3
_T15 = 15
_DEFAULT_IFSC = 32
_COMPACT_WITH_STATUS = 0x00
_DIR_REFERENCE = 0x10
_COMPACT = 0x80
_TAG_SERVICE, _TAG_CAPABILITIES, _TAG_STATUS, _TAG_AID = 0x3, 0x7, 0x8, 0xF

# Fi and Di by the halves of TA1 (ISO 7816-3:2006, tables 7 and 8); None is reserved.
_FI = (372, 372, 558, 744, 1116, 1488, 1860, None, None, 512, 768, 1024, 1536, 2048, None, None)
_DI = (None, 1, 2, 4, 8, 16, 32, 64, 12, 20, None, None, None, None, None, None)

# T0 or TDi says which interface bytes follow, and the number of historical bytes or of a protocol.
_INDICATOR = BitStruct("d" / Flag, "c" / Flag, "b" / Flag, "a" / Flag, "number" / Nibble)
_GROUP = Struct(
    "says" / _INDICATOR,
    "a" / If(this.says.a, Byte),
    "b" / If(this.says.b, Byte),
    "c" / If(this.says.c, Byte),
)
_ATR = Struct(
    "ts" / Byte,
    "groups" / RepeatUntil(lambda group, groups, context: not group.says.d, _GROUP),
    "historical" / Bytes(this.groups[0].says.number),
    "rest" / GreedyBytes,
)
_COMPACT_TLV = Struct(
    "objects"
    / GreedyRange(Struct("head" / BitStruct("tag" / Nibble, "size" / Nibble), "value" / Bytes(this.head.size))),
    Terminated,
)
_SERVICE = BitStruct(
    "by_full_name" / Flag,
    "by_partial_name" / Flag,
    "objects_in_dir" / Flag,
    "objects_in_info" / Flag,
    "access" / BitsInteger(3),
    "no_master_file" / Flag,
)
_SELECTION = BitStruct(
    "full_name" / Flag,
    "partial_name" / Flag,
    "path" / Flag,
    "file_id" / Flag,
    "implicit" / Flag,
    "short_id" / Flag,
    "record_number" / Flag,
    "record_id" / Flag,
)
_COMMANDS = BitStruct(
    "chaining" / Flag,
    "extended_length" / Flag,
    "length_information" / Flag,
    "channels_by_card" / Flag,
    "channels_by_host" / Flag,
    "channels" / BitsInteger(3),
)


class Convention(StrEnum):
    """How the card puts bits on the line (ISO 7816-3:2006, 8.1)."""

    DIRECT = "direct"
    INVERSE = "inverse"


_CONVENTIONS = {0x3B: Convention.DIRECT, 0x3F: Convention.INVERSE}


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceBytes:
    """One group TAi, TBi, TCi; None for what is absent. `protocol` is T as TDi-1 has it, None in the first group."""

    protocol: int | None
    ta: int | None
    tb: int | None
    tc: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactTlv:
    """One COMPACT-TLV object: tag X stands for the interindustry tag 4X (ISO 7816-4:2020, 12.1.1)."""

    tag: int
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CardService:
    """Card service data (ISO 7816-4:2020, 12.1.1): ways to select an application, where data objects are."""

    by_full_name: bool
    by_partial_name: bool
    objects_in_dir: bool
    objects_in_info: bool
    access: int
    master_file: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CardCapabilities:
    """Card capabilities (ISO 7816-4:2020, 12.1.1): the software function tables, None for what is not said.

    `selection` names the ways to select from the first table, `coding` is the second, the data coding byte.
    The others are the third: `length_information` says that EF.ATR/INFO holds the most bytes per command,
    `channels` is how many logical channels there are, the basic one included; 8 means 8 or more.
    """

    selection: frozenset[str]
    coding: int | None = None
    chaining: bool | None = None
    extended_length: bool | None = None
    length_information: bool | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Historical:
    """Historical bytes (ISO 7816-4:2020, 12.1.1): the category, None where there are none, and what follows it.

    `life_cycle` and `sw` are the status indicator. Any category but 00, 10 and 80 is proprietary: nothing is decoded.
    """

    category: int | None
    objects: tuple[CompactTlv, ...] = ()
    service: CardService | None = None
    capabilities: CardCapabilities | None = None
    aid: bytes | None = None
    life_cycle: int | None = None
    sw: int | None = None
    dir_reference: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Atr:
    """An answer to reset, taken apart (ISO 7816-3:2006, 8.2). `tck` is None where the check byte is absent."""

    raw: bytes
    convention: Convention
    groups: tuple[InterfaceBytes, ...]
    historical: bytes
    tck: int | None

    @property
    def protocols(self) -> tuple[int, ...]:
        """The protocols T that the card offers, in its order of preference; T=0 where none is named."""
        named = dict.fromkeys(group.protocol for group in self.groups[1:] if group.protocol is not None)
        return tuple(number for number in named if number != _T15) or (0,)

    @property
    def specific_protocol(self) -> int | None:
        """The protocol T that TA2 dictates (specific mode), None if it may be negotiated."""
        ta2 = self.groups[1].ta if len(self.groups) > 1 else None
        return None if ta2 is None else ta2 & 0x0F

    @property
    def clock(self) -> tuple[int | None, int | None]:
        """Fi and Di of TA1, the clock rate and baud rate integers; 372 and 1 where it is absent, None if reserved."""
        ta1 = self.groups[0].ta
        return (372, 1) if ta1 is None else (_FI[ta1 >> 4], _DI[ta1 & 0x0F])

    @property
    def ifsc(self) -> int:
        """Most bytes of information in one T=1 block to the card (ISO 7816-3:2006, 11.4.2)."""
        given = (group.ta for group in self.groups[2:] if group.protocol == 1 and group.ta is not None)
        return next(given, _DEFAULT_IFSC)

    @property
    def voltage_classes(self) -> str | None:
        """Supported classes of operating conditions, as in `ABC`; None where T=15 does not say."""
        given = (group.ta for group in self.groups[2:] if group.protocol == _T15 and group.ta is not None)
        first = next(given, None)
        return None if first is None else "".join(name for bit, name in enumerate("ABC") if first >> bit & 1)

    def decode_historical(self) -> Historical:
        """The historical bytes decoded; ReplyError if they are malformed."""
        return parse_historical(self.historical)

    @property
    def capabilities(self) -> CardCapabilities | None:
        """Card capabilities of the historical bytes; None where these do not say, or are malformed."""
        try:
            return self.decode_historical().capabilities
        except ReplyError:
            return None

    @property
    def extended_length(self) -> bool:
        """Whether the card says that it takes extended Lc and Le (third software function table)."""
        return self.capabilities is not None and bool(self.capabilities.extended_length)

    @property
    def chaining(self) -> bool:
        """Whether the card says that it takes command chaining (third software function table)."""
        return self.capabilities is not None and bool(self.capabilities.chaining)


def parse(raw: bytes) -> Atr:
    """Parse an answer to reset with nothing left over; ReplyError if a byte is missing, too many, or wrong."""
    if len(raw) > MAX_ATR:
        raise ReplyError(f"an ATR of {len(raw)} bytes; {MAX_ATR} are the most")
    parsed = _parse(_ATR, raw, "ATR")
    if parsed.ts not in _CONVENTIONS:
        raise ReplyError(f"malformed ATR: it begins with {parsed.ts:02X}, not with 3B or 3F")
    numbers = [None, *(group.says.number for group in parsed.groups[1:])]
    return Atr(
        raw=raw,
        convention=_CONVENTIONS[parsed.ts],
        groups=tuple(
            InterfaceBytes(protocol=number, ta=group.a, tb=group.b, tc=group.c)
            for number, group in zip(numbers, parsed.groups, strict=True)
        ),
        historical=bytes(parsed.historical),
        tck=_check_byte(raw, bytes(parsed.rest), needed=any(numbers)),
    )


def parse_historical(data: bytes) -> Historical:
    """Decode historical bytes, or the value of their data object 5F52; ReplyError if they are malformed."""
    if not data:
        return Historical(category=None)
    category, body = data[0], data[1:]
    if category == _COMPACT_WITH_STATUS:
        if len(body) < _STATUS_SIZE:
            raise ReplyError("malformed historical bytes: the status indicator is missing")
        return _compact(category, body[:-_STATUS_SIZE], body[-_STATUS_SIZE:])
    if category == _COMPACT:
        return _compact(category, body, b"")
    if category == _DIR_REFERENCE:
        if len(body) != 1:
            raise ReplyError("malformed historical bytes: a DIR data reference is one byte")
        return Historical(category=category, dir_reference=body[0])
    return Historical(category=category)


def _compact(category: int, data: bytes, status: bytes) -> Historical:
    """COMPACT-TLV objects (ISO 7816-4:2020, 12.1.1); the first of a kind counts."""
    parsed = _parse(_COMPACT_TLV, data, "historical bytes")
    objects = tuple(CompactTlv(tag=item.head.tag, value=bytes(item.value)) for item in parsed.objects)
    values = {item.tag: item.value for item in reversed(objects)}
    service, capabilities = values.get(_TAG_SERVICE), values.get(_TAG_CAPABILITIES)
    life_cycle, sw = _status(status or values.get(_TAG_STATUS, b""))
    return Historical(
        category=category,
        objects=objects,
        service=None if service is None else _service(service),
        capabilities=None if capabilities is None else _capabilities(capabilities),
        aid=values.get(_TAG_AID),
        life_cycle=life_cycle,
        sw=sw,
    )


def _status(value: bytes) -> tuple[int | None, int | None]:
    """Life cycle status and status word of a status indicator (ISO 7816-4:2020, 12.1.1)."""
    if len(value) > _STATUS_SIZE:
        raise ReplyError(f"malformed historical bytes: a status indicator of {len(value)} bytes")
    life_cycle = value[0] if len(value) in (1, _STATUS_SIZE) else None
    return life_cycle, int.from_bytes(value[-2:]) if len(value) > 1 else None


def _service(value: bytes) -> CardService:
    if len(value) != 1:
        raise ReplyError(f"malformed historical bytes: card service data of {len(value)} bytes")
    parsed = _SERVICE.parse(value)
    return CardService(
        by_full_name=parsed.by_full_name,
        by_partial_name=parsed.by_partial_name,
        objects_in_dir=parsed.objects_in_dir,
        objects_in_info=parsed.objects_in_info,
        access=parsed.access,
        master_file=not parsed.no_master_file,
    )


def _capabilities(value: bytes) -> CardCapabilities:
    if not 1 <= len(value) <= 3:
        raise ReplyError(f"malformed historical bytes: card capabilities of {len(value)} bytes")
    selection = _SELECTION.parse(value)
    ways = frozenset(name for name, given in selection.items() if given is True)
    coding = value[1] if len(value) > 1 else None
    if len(value) < 3:
        return CardCapabilities(selection=ways, coding=coding)
    commands = _COMMANDS.parse(value[2:])
    assigned = commands.channels_by_card or commands.channels_by_host
    return CardCapabilities(
        selection=ways,
        coding=coding,
        chaining=commands.chaining,
        extended_length=commands.extended_length,
        length_information=commands.length_information,
        channels=commands.channels + 1 if assigned else 1,
    )


def _check_byte(raw: bytes, rest: bytes, *, needed: bool) -> int | None:
    """TCK, which is absent where only T=0 is indicated (ISO 7816-3:2006, 8.2.5)."""
    if len(rest) != needed:
        raise ReplyError(f"malformed ATR: {len(rest)} bytes after the historical bytes, not {int(needed)}")
    if needed and reduce(xor, raw[1:]):
        raise ReplyError("malformed ATR: the check byte TCK is wrong")
    return rest[0] if needed else None


def _parse(structure: Construct, data: bytes, what: str) -> Any:
    try:
        return structure.parse(data)
    except ConstructError as error:
        reason = str(error).splitlines()[-1] if str(error) else type(error).__name__
        raise ReplyError(f"malformed {what}: {reason}") from error
