"""The frames between a client process and the agent: declared with construct, strict, bounded, little endian.

A frame is a 32-bit length, then as many bytes: a 16-bit protocol version, a 16-bit frame type, the content. The layout
of `Hello` and `Refusal` is the same in every version, so that any two sides can find out which version they share.
Everything that does not follow the declaration to the last byte is one error, WireError. Frames are flat: nothing
nests, so that there is no depth to limit. `docs/csp.md` describes the layouts for those who write them in C.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from io import BytesIO
from types import MappingProxyType
from typing import Any, BinaryIO

from construct import (
    Bytes,
    Const,
    Construct,
    ConstructError,
    Int16ul,
    Int32ul,
    StreamError,
    stream_read,
)

VERSION = 1
MAGIC = b"PCSP"
LENGTH_SIZE = 4
NONCE_SIZE = 32
PROOF_SIZE = 32
PROCESS_SIZE = 16
MESSAGE_SIZE = 1 << 20
"""The most bytes of hash data in one call, which is the largest parameter that there is."""
MAX_FRAME = MESSAGE_SIZE + 4096
MAX_GREETING = 1024
"""The longest frame before the handshake is over."""
MAX_VALUES = 32
MALFORMED = 13
"""Status of a refusal: the frame was wrong (ERROR_INVALID_DATA)."""
UNKNOWN = 5
"""Status of a refusal: the handshake failed (ERROR_ACCESS_DENIED)."""
BUSY = 170
"""Status of a refusal: too many connections (ERROR_BUSY)."""
MAX_TEXT = 2048
_HEADER_SIZE = 4


class WireError(Exception):
    """A frame that does not follow the declaration: the one error for every way in which bytes can be wrong."""


class FrameType(IntEnum):
    """What a frame is."""

    HELLO = 1
    CHALLENGE = 2
    PROOF = 3
    WELCOME = 4
    CALL = 5
    REPLY = 6
    REFUSAL = 7


class Kind(IntEnum):
    """The type of a value, told in front of it; NOTHING is a NULL pointer, or a parameter that is left out."""

    NOTHING = 0
    NUMBER = 1
    HANDLE = 2
    BYTES = 3
    TEXT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One parameter: a number of 32 bits, a handle of 64 bits, bytes, a text without NUL, or nothing."""

    kind: Kind
    content: int | bytes | memoryview | str | None = None

    def __repr__(self) -> str:  # a PIN may be inside
        return f"<{self.kind.name.lower()}>"


NOTHING = Value(kind=Kind.NOTHING)
"""A NULL pointer, or a parameter that is left out."""
_PYTHON_TYPES: Mapping[Kind, type] = MappingProxyType(
    {Kind.NOTHING: type(None), Kind.NUMBER: int, Kind.HANDLE: int, Kind.BYTES: bytes, Kind.TEXT: str}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The client's first frame: the versions it speaks, who it is, its nonce.

    `process` is a random number that all connections of one process share; `pid` and `program` are what the process
    says of itself.
    """

    lowest: int
    highest: int
    pid: int
    process: bytes
    nonce: bytes
    program: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """The agent's answer: the version chosen, its nonce, and the proof that it knows the secret."""

    chosen: int
    nonce: bytes
    proof: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The client's proof that it knows the secret."""

    proof: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """The end of the handshake: calls may follow. `software` is the agent's version."""

    pid: int
    software: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function to call: `number` by the table of calls, `thread` the caller's, `sequence` one more each time."""

    sequence: int
    thread: int
    number: int
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to a call: `status` is 0 or an error code, as GetLastError gives them."""

    sequence: int
    status: int
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The only answer to a peer that breaks the rules; the connection ends with it."""

    status: int
    reason: str


Frame = Hello | Challenge | Proof | Welcome | Call | Reply | Refusal
_EVERY_VERSION = frozenset({FrameType.HELLO, FrameType.REFUSAL})

_SIZES: Mapping[Kind, int] = MappingProxyType({Kind.NUMBER: 4, Kind.HANDLE: 8, Kind.BYTES: 4, Kind.TEXT: 2})
"""How many bytes a number has, or the size in front of bytes and texts."""
_KINDS: Mapping[int, Kind] = MappingProxyType({int(kind): kind for kind in Kind})


class _Values(Construct):
    """The values of a call or a reply, each as a `Value`, behind their count.

    A construct of its own and no Struct: every call consists of these, and Structs take five times as long.
    """

    def _parse(self, stream: BinaryIO, context: object, path: str) -> tuple[Value, ...]:
        count = int.from_bytes(stream_read(stream, 2, path), "little")
        if count > MAX_VALUES:
            raise StreamError(f"{count} values", path=path)
        return tuple([self._value(stream, path) for _ in range(count)])

    def _value(self, stream: BinaryIO, path: str) -> Value:
        kind = _KINDS.get(stream_read(stream, 1, path)[0])
        if kind is None:
            raise StreamError("a value of an unknown kind", path=path)
        if kind is Kind.NOTHING:
            return NOTHING
        number = int.from_bytes(stream_read(stream, _SIZES[kind], path), "little")
        if kind is Kind.BYTES:
            return Value(kind=kind, content=stream_read(stream, number, path))
        if kind is Kind.TEXT:
            return Value(kind=kind, content=_text(stream_read(stream, _text_size(number), path)))
        return Value(kind=kind, content=number)

    def _build(self, obj: tuple[Value, ...], stream: BinaryIO, context: object, path: str) -> tuple[Value, ...]:
        if len(obj) > MAX_VALUES:
            raise StreamError(f"{len(obj)} values", path=path)
        stream.write(len(obj).to_bytes(2, "little"))
        for value in obj:
            self._write(value, stream)
        return obj

    def _write(self, value: Value, stream: BinaryIO) -> None:
        kind, content = value.kind, value.content
        if not isinstance(content, _PYTHON_TYPES[kind]):
            raise WireError(f"a {kind.name.lower()} that is {type(content).__name__}")
        stream.write(bytes((kind,)))
        if isinstance(content, int):
            stream.write(content.to_bytes(_SIZES[kind], "little"))
        elif content is not None:
            data = _text_bytes(content) if isinstance(content, str) else content
            size = _text_size(len(data)) if kind is Kind.TEXT else len(data)
            stream.write(size.to_bytes(_SIZES[kind], "little"))
            stream.write(data)


class _Text(Construct):
    """A text behind its size in bytes, as a str."""

    def _parse(self, stream: BinaryIO, context: object, path: str) -> str:
        size = int.from_bytes(stream_read(stream, 2, path), "little")
        return _text(stream_read(stream, _text_size(size), path))

    def _build(self, obj: str, stream: BinaryIO, context: object, path: str) -> str:
        data = _text_bytes(obj)
        stream.write(_text_size(len(data)).to_bytes(2, "little") + data)
        return obj


class _Layout(Construct):
    """The fields of a frame one after the other: parsed by name, built from the attributes of a frame.

    No Struct: that makes a context and a container for each frame, of which nothing here makes use.
    """

    def __init__(self, fields: Mapping[str, Construct], magic: bytes = b"") -> None:
        super().__init__()
        self._magic = Const(magic)
        self._fields = tuple(fields.items())

    def _parse(self, stream: BinaryIO, context: object, path: str) -> dict[str, Any]:
        self._magic._parse(stream, context, path)
        return {name: field._parse(stream, context, path) for name, field in self._fields}

    def _build(self, obj: Frame, stream: BinaryIO, context: object, path: str) -> Frame:
        self._magic._build(None, stream, context, path)
        for name, field in self._fields:
            field._build(getattr(obj, name), stream, context, path)
        return obj


_NONCE, _PROOF = Bytes(NONCE_SIZE), Bytes(PROOF_SIZE)
_LAYOUTS: Mapping[FrameType, _Layout] = MappingProxyType(
    {
        FrameType.HELLO: _Layout(
            {
                "lowest": Int16ul,
                "highest": Int16ul,
                "pid": Int32ul,
                "process": Bytes(PROCESS_SIZE),
                "nonce": _NONCE,
                "program": _Text(),
            },
            MAGIC,
        ),
        FrameType.CHALLENGE: _Layout({"chosen": Int16ul, "nonce": _NONCE, "proof": _PROOF}),
        FrameType.PROOF: _Layout({"proof": _PROOF}),
        FrameType.WELCOME: _Layout({"pid": Int32ul, "software": _Text()}),
        FrameType.CALL: _Layout({"sequence": Int32ul, "thread": Int32ul, "number": Int16ul, "values": _Values()}),
        FrameType.REPLY: _Layout({"sequence": Int32ul, "status": Int32ul, "values": _Values()}),
        FrameType.REFUSAL: _Layout({"status": Int32ul, "reason": _Text()}),
    }
)
_TYPES: Mapping[type[Frame], FrameType] = MappingProxyType(
    {
        Hello: FrameType.HELLO,
        Challenge: FrameType.CHALLENGE,
        Proof: FrameType.PROOF,
        Welcome: FrameType.WELCOME,
        Call: FrameType.CALL,
        Reply: FrameType.REPLY,
        Refusal: FrameType.REFUSAL,
    }
)
_CLASSES: Mapping[FrameType, type[Frame]] = MappingProxyType({number: kind for kind, number in _TYPES.items()})


def encode(frame: Frame) -> bytes:
    """The frame with its length in front. WireError if a member does not fit its place."""
    number = _TYPES[type(frame)]
    stream = BytesIO()
    stream.write(bytes(LENGTH_SIZE))
    try:
        Int16ul._build(VERSION, stream, None, "version")
        Int16ul._build(number, stream, None, "type")
        _LAYOUTS[number]._build(frame, stream, None, number.name)
    except (ConstructError, OverflowError) as error:
        raise WireError(f"a {number.name.lower()} does not fit its frame") from error
    size = stream.tell() - LENGTH_SIZE
    if size > MAX_FRAME:
        raise WireError(f"{size} bytes are more than a frame holds")
    stream.seek(0)
    stream.write(size.to_bytes(LENGTH_SIZE, "little"))
    return stream.getvalue()


def size_of(prefix: bytes, limit: int = MAX_FRAME) -> int:
    """The size of the body that follows these four bytes. WireError beyond the limit, before anything is reserved."""
    size = int.from_bytes(prefix, "little")
    if not _HEADER_SIZE <= size <= limit:
        raise WireError(f"a frame of {size} bytes")
    return size


class _View:
    """A long body as a stream: its long parts are views of it, not copies."""

    def __init__(self, body: memoryview) -> None:
        self._body = body
        self._at = 0

    def read(self, size: int) -> bytes | memoryview:
        part = self._body[self._at : self._at + size]
        self._at += len(part)
        return part if len(part) > MAX_TEXT else bytes(part)

    def tell(self) -> int:
        return self._at


def owned(call: Call) -> Call:
    """The call with copies of its views, to last."""
    values = (
        replace(one, content=bytes(one.content)) if isinstance(one.content, memoryview) else one for one in call.values
    )
    return replace(call, values=tuple(values))


def decode(body: bytes | memoryview) -> Frame:
    """The frame in these bytes, to the last one; of a view, long bytes are views. WireError for whatever else it is."""
    stream: Any = _View(body) if isinstance(body, memoryview) else BytesIO(body)
    try:
        version = Int16ul._parse(stream, None, "version")
        number = _number(version, Int16ul._parse(stream, None, "type"))
        content = _LAYOUTS[number]._parse(stream, None, number.name)
    except ConstructError as error:
        raise WireError("a frame that is cut off or of another form") from error
    if stream.tell() != len(body):
        raise WireError("a frame with something behind its end")
    return _CLASSES[number](**content)


def _number(version: int, number: int) -> FrameType:
    try:
        found = FrameType(number)
    except ValueError as error:
        raise WireError(f"a frame of the unknown type {number}") from error
    if version != VERSION and found not in _EVERY_VERSION:
        raise WireError(f"a frame of the protocol version {version}")
    return found


def _text_size(size: int) -> int:
    if size > MAX_TEXT:
        raise WireError(f"a text of {size} bytes")
    return size


def _text(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError("a text that is not UTF-8") from error
    if "\0" in text:
        raise WireError("a text with a NUL in it")
    return text


def _text_bytes(text: str) -> bytes:
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise WireError("a text with half a character in it") from error
    if b"\0" in data:
        raise WireError("a text with a NUL in it")
    return data
