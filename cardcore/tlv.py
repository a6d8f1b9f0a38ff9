"""BER-TLV (ISO 7816-4:2020, 6.3; ITU-T X.690, 8.1) as construct declarations, and typed helpers around them.

Strict by default: minimal tags and lengths, definite form only, nothing left over. Bounded: depth and
number of objects are capped, because card data is hostile input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import SEEK_CUR, SEEK_END, BytesIO
from typing import Any

from construct import (
    Construct,
    ConstructError,
    StreamError,
    Struct,
    stream_read,
    stream_write,
)

from cardcore.errors import ReplyError

MAX_DEPTH = 16
MAX_OBJECTS = 4096
_MAX_TAG_BYTES = 4
_MAX_LENGTH_BYTES = 4


def tag_bytes(tag: int) -> bytes:
    """Encode a tag given in its usual notation, as in 0x7F49 -> `7F 49`. ValueError if it is not a BER tag."""
    if not 0 <= tag < 1 << (8 * _MAX_TAG_BYTES):
        raise ValueError(f"{tag:#x} is not a BER-TLV tag of at most {_MAX_TAG_BYTES} bytes")
    raw = tag.to_bytes(max(1, (tag.bit_length() + 7) // 8))
    well_formed = len(raw) == 1 if raw[0] & 0x1F != 0x1F else _has_high_tag_form(raw)
    if not well_formed:
        raise ValueError(f"{tag:#x} is not a BER-TLV tag")
    return raw


def _has_high_tag_form(raw: bytes) -> bool:
    return len(raw) > 1 and raw[1] != 0x80 and raw[-1] < 0x80 and all(byte & 0x80 for byte in raw[1:-1])


def length_bytes(length: int) -> bytes:
    """Encode a length in its shortest definite form: `7F`, `81 80`, `82 01 00`, ..."""
    if length < 0x80:
        return bytes((length,))
    raw = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((0x80 | len(raw),)) + raw


class _BerTag(Construct):
    """Tag field; the parsed value is the integer of its bytes, big endian."""

    def _parse(self, stream: Any, context: Any, path: str) -> int:
        raw = bytes(stream_read(stream, 1, path))
        if raw[0] & 0x1F != 0x1F:
            return raw[0]
        while True:
            raw += stream_read(stream, 1, path)
            if raw[1] == 0x80:
                raise StreamError("tag is not minimal", path=path)
            if raw[-1] < 0x80:
                return int.from_bytes(raw)
            if len(raw) >= _MAX_TAG_BYTES:
                raise StreamError(f"tag longer than {_MAX_TAG_BYTES} bytes", path=path)

    def _build(self, obj: int, stream: Any, context: Any, path: str) -> int:
        raw = tag_bytes(obj)
        stream_write(stream, raw, len(raw), path)
        return obj


class _BerLength(Construct):
    """Length field, definite form, shortest form only."""

    def _parse(self, stream: Any, context: Any, path: str) -> int:
        first: int = stream_read(stream, 1, path)[0]
        if first < 0x80:
            return first
        count = first & 0x7F
        if not 1 <= count <= _MAX_LENGTH_BYTES:
            raise StreamError("length is indefinite or too long", path=path)
        raw = stream_read(stream, count, path)
        length = int.from_bytes(raw)
        if length < 0x80 or raw[0] == 0:
            raise StreamError("length is not in its shortest form", path=path)
        return length

    def _build(self, obj: int, stream: Any, context: Any, path: str) -> int:
        raw = length_bytes(obj)
        stream_write(stream, raw, len(raw), path)
        return obj


BerTag = _BerTag()
BerLength = _BerLength()
Header = Struct("tag" / BerTag, "length" / BerLength)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tlv:
    """One data object: its tag as an integer in the usual notation, and its value field."""

    tag: int
    value: bytes

    @property
    def constructed(self) -> bool:
        """Whether the tag says that the value is a sequence of data objects (b6 of the first tag byte)."""
        return bool(tag_bytes(self.tag)[0] & 0x20)

    def encode(self) -> bytes:
        """The object as bytes: tag, length, value."""
        return encode(self.tag, self.value)

    def children(self) -> list[Tlv]:
        """Parse the value as a sequence of data objects; ReplyError if it is not one."""
        return parse(self.value)


class _DataObject(Construct):
    """Tag, length and value of one data object, as a `Tlv`.

    A construct of its own and no Struct: a card's replies consist of these, and a Struct takes three times as long.
    """

    def _parse(self, stream: Any, context: Any, path: str) -> Tlv:
        head = stream.read(2)
        if len(head) == 2 and head[0] & 0x1F != 0x1F and head[1] < 0x80:  # nearly all: a byte each
            tag, length = head
        else:
            stream.seek(-len(head), SEEK_CUR)
            tag = BerTag._parse(stream, context, path)
            length = BerLength._parse(stream, context, path)
        value = stream.read(length)
        if len(value) != length:
            raise StreamError(f"length {length} goes beyond the end of the data", path=path)
        return Tlv(tag=tag, value=value)

    def _build(self, obj: Tlv, stream: Any, context: Any, path: str) -> Tlv:
        BerTag._build(obj.tag, stream, context, path)
        BerLength._build(len(obj.value), stream, context, path)
        stream_write(stream, obj.value, len(obj.value), path)
        return obj


class _DataObjects(Construct):
    """Data objects one after the other, to the end of the stream."""

    def _parse(self, stream: Any, context: Any, path: str) -> list[Tlv]:
        found: list[Tlv] = []
        size = stream.seek(0, SEEK_END)
        place = stream.seek(0)
        while place < size:
            if len(found) == MAX_OBJECTS:
                raise StreamError(f"more than {MAX_OBJECTS} data objects", path=path)
            found.append(DataObject._parse(stream, context, f"byte {place}"))
            place = stream.tell()
        return found

    def _build(self, obj: list[Tlv], stream: Any, context: Any, path: str) -> list[Tlv]:
        for item in obj:
            DataObject._build(item, stream, context, path)
        return obj


DataObject = _DataObject()
DataObjects = _DataObjects()


def encode(tag: int, value: bytes | Iterable[Tlv]) -> bytes:
    """Encode one data object from its value, or from the objects inside it."""
    body = value if isinstance(value, bytes) else b"".join(item.encode() for item in value)
    return tag_bytes(tag) + length_bytes(len(body)) + body


def parse(data: bytes) -> list[Tlv]:
    """Parse `data` as a sequence of data objects with nothing left over; ReplyError where it is not one."""
    try:
        # Not by `parse`, which first makes a context that nothing here looks at.
        return DataObjects._parse(BytesIO(data), None, "")
    except ConstructError as error:
        raise ReplyError(f"malformed BER-TLV: {_reason(error)}") from error


def parse_one(data: bytes) -> Tlv:
    """Parse `data` as exactly one data object; ReplyError where it is not one."""
    found = parse(data)
    if len(found) != 1:
        raise ReplyError(f"{len(found)} data objects where one was expected")
    return found[0]


def total_length(head: bytes) -> int:
    """Whole length in bytes of the object that begins with `head` (its tag and length fields suffice)."""
    try:
        parsed = Header.parse(head)
    except ConstructError as error:
        raise ReplyError(f"malformed BER-TLV header: {_reason(error)}") from error
    return len(tag_bytes(parsed.tag)) + len(length_bytes(parsed.length)) + int(parsed.length)


def _reason(error: ConstructError) -> str:
    return str(error).splitlines()[-1] if str(error) else type(error).__name__


def find(data: bytes, path: Sequence[int]) -> bytes | None:
    """Value of the first object reached by `path`, a tag per level, or None if a level lacks it."""
    value: bytes | None = data
    for tag in path:
        if value is None:
            return None
        value = next((item.value for item in parse(value) if item.tag == tag), None)
    return value


def require(data: bytes, path: Sequence[int]) -> bytes:
    """As `find`, but a missing object is a ReplyError that names the path."""
    value = find(data, path)
    if value is None:
        raise ReplyError(f"the reply lacks the data object {'/'.join(f'{tag:X}' for tag in path)}")
    return value


def walk(data: bytes, depth: int = 0) -> Iterator[tuple[int, Tlv]]:
    """Every object in `data` and inside its constructed objects, in order, each with its depth from 0."""
    if depth >= MAX_DEPTH:
        raise ReplyError(f"data objects nested deeper than {MAX_DEPTH}")
    for item in parse(data):
        yield depth, item
        if item.constructed:
            yield from walk(item.value, depth + 1)
