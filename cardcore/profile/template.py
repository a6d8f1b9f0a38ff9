"""Templates of command fields: pure functions from named values to bytes (no card, no reader, no clock)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from cardcore.errors import InputError
from cardcore.secret import Secret
from cardcore.tlv import length_bytes

Value = int | str | bytes
"""A fact that a `when` or a table compares."""

Values = Mapping[str, Value | Secret]
"""Named values that a template may use, as in `{"key.ref": 0x9A, "input": b"..."}`."""

Spans = list[tuple[int, int]]
"""(start, end) offsets of secret bytes."""


class Node(Protocol):
    """Part of a template that renders to bytes."""

    def render(self, values: Values, spans: Spans) -> bytes:
        """The bytes for `values`; offsets of secret bytes, relative to these bytes, are appended to `spans`."""
        ...

    def names(self) -> frozenset[str]:
        """Names of the values that rendering may look up."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """Constant bytes."""

    data: bytes

    def render(self, values: Values, spans: Spans) -> bytes:
        """The constant."""
        return self.data

    def names(self) -> frozenset[str]:
        """No names."""
        return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """The value of a name: bytes as they are, an integer as one byte, a secret with its place noted."""

    name: str

    def render(self, values: Values, spans: Spans) -> bytes:
        """The value's bytes; InputError if it was not given."""
        value = values.get(self.name)
        if isinstance(value, bytes):
            return value
        if isinstance(value, Secret):
            data = value.reveal()
            spans.append((0, len(data)))
            return data
        return value_bytes(self.name, value)

    def names(self) -> frozenset[str]:
        """This one name."""
        return frozenset({self.name})


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Parts one after the other."""

    parts: tuple[Node, ...]

    def render(self, values: Values, spans: Spans) -> bytes:
        """The parts' bytes joined."""
        whole = b""
        for part in self.parts:
            first = len(spans)
            data = part.render(values, spans)
            shift(spans, first, len(whole))
            whole += data
        return whole

    def names(self) -> frozenset[str]:
        """All names of the parts."""
        return frozenset().union(*(part.names() for part in self.parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class DataObject:
    """A BER-TLV data object around a template; `tag` is the encoded tag field."""

    tag: bytes
    value: Node

    def render(self, values: Values, spans: Spans) -> bytes:
        """Tag, length and value."""
        first = len(spans)
        body = self.value.render(values, spans)
        head = self.tag + length_bytes(len(body))
        shift(spans, first, len(head))
        return head + body

    def names(self) -> frozenset[str]:
        """The names of the value."""
        return self.value.names()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One of several templates, chosen by the value of the fact `by`."""

    by: str
    entries: Mapping[Value, Node]

    def render(self, values: Values, spans: Spans) -> bytes:
        """The chosen entry's bytes; InputError if there is none for the fact."""
        value = fact(values, self.by)
        entry = self.entries.get(value)
        if entry is None:
            raise InputError(f"the profile has no entry for {self.by} = {value!r}")
        return entry.render(values, spans)

    def names(self) -> frozenset[str]:
        """The fact's name and all names of the entries."""
        return frozenset({self.by}).union(*(entry.names() for entry in self.entries.values()))


def fact(values: Values, name: str) -> Value:
    """The value of a fact that a `when` or table compares; InputError if it is unknown or secret."""
    value = values.get(name)
    if value is None or isinstance(value, Secret):
        raise InputError(f"the value ${name} is not known here")
    return value


def value_bytes(name: str, value: Value | Secret | None) -> bytes:
    """Bytes of a value that is neither bytes nor secret: an integer from 0 to 255 is one byte."""
    if isinstance(value, int) and 0 <= value <= 0xFF:
        return bytes((value,))
    raise InputError(f"the value ${name} was not given, or cannot stand in a command")


def shift(spans: Spans, first: int, by: int) -> None:
    """Move the spans from index `first` on by `by` bytes."""
    for index in range(first, len(spans)):
        start, end = spans[index]
        spans[index] = (start + by, end + by)
