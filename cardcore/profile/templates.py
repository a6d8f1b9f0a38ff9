"""Reads the template grammar: integers, quoted bytes, `$names`, lists, TLV mappings and `by` tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from cardcore.profile import reader
from cardcore.profile.template import DataObject, Join, Literal, Name, Node, Table, Value
from cardcore.profile.tree import ListNode, MapNode, Place, Scalar, Tree, shown
from cardcore.profile.vocabulary import AS_FACT, IN_DATA, IN_HEADER, IN_TABLE, NAMES, Entry, NameKind
from cardcore.tlv import length_bytes, tag_bytes

_PURPOSE = {
    IN_HEADER: "in one byte of the header",
    IN_DATA: "in data",
    IN_TABLE: "in a table (a secret must be a whole item)",
    AS_FACT: "as a fact to compare",
}
_BYTES_WANTED = "an integer from 0 to 255, hexadecimal digits in quotes, a $name, a list or a mapping of tags"


class Choice(NamedTuple):
    """A table: by which fact it chooses, and where the entry for each value stands."""

    place: Place
    fact: str
    entries: dict[Value, Place]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The names that may be used at some place of a profile, where each was used first, and the tables there."""

    what: str
    names: dict[str, Entry]
    uses: dict[str, Place] = field(default_factory=dict)
    choices: list[Choice] = field(default_factory=list)

    def use(self, place: Place, name: str, kinds: frozenset[NameKind]) -> Entry:
        """The entry of a name that is used here; ProfileError if there is none, or if it may not stand here."""
        entry = self.names.get(name)
        if entry is None:
            hint = reader.suggestion(name, self.names) or f"Known here: {', '.join(sorted(self.names)) or 'none'}."
            why = "is not known" if name in NAMES else "is not declared"
            raise place.error(f"${name} {why} in {self.what}", hint)
        if entry.kind not in kinds:
            raise place.error(f"${name} cannot stand {_PURPOSE[kinds]}", f"It is {entry.text}.")
        self.uses.setdefault(name, place)
        return entry


def _is_name(node: Tree) -> bool:
    return isinstance(node, Scalar) and node.plain and node.text.startswith("$")


def _name(node: Scalar, scope: Scope, kinds: frozenset[NameKind]) -> Name:
    name = node.text[1:]
    scope.use(node.place, name, kinds)
    return Name(name=name)


def data(node: Tree, scope: Scope, kinds: frozenset[NameKind] = IN_DATA) -> Node:
    """A template of any number of bytes."""
    if isinstance(node, ListNode):
        return _joined([data(item, scope, kinds) for item in reader.items(node)])
    if isinstance(node, MapNode):
        return _mapping(node, scope, kinds)
    if _is_name(node):
        return _name(node, scope, kinds)
    if not node.plain:
        return Literal(data=reader.hex_bytes(node))
    if reader.as_integer(node) is None:
        hint = f'Bytes are written in quotes, as "{node.text}".' if reader.is_hex(node.text) else ""
        raise node.place.error(f"expected {_BYTES_WANTED}, found {shown(node)}", hint)
    return Literal(data=bytes((reader.integer(node, 0, 0xFF),)))


def byte(node: Tree, scope: Scope) -> Node:
    """A template of exactly one byte: an integer, a `$name` that is one, or a table of them."""
    if isinstance(node, Scalar) and _is_name(node):
        return _name(node, scope, IN_HEADER)
    if isinstance(node, MapNode):
        return _table(node, scope, byte)
    return Literal(data=bytes((reader.integer(node, 0, 0xFF),)))


def _joined(parts: list[Node]) -> Node:
    """The parts one after the other; constants that meet become one."""
    merged: list[Node] = []
    for part in parts:
        last = merged[-1] if merged else None
        if isinstance(part, Literal) and isinstance(last, Literal):
            merged[-1] = Literal(data=last.data + part.data)
        else:
            merged.append(part)
    return merged[0] if len(merged) == 1 else Join(parts=tuple(merged))


def _mapping(node: MapNode, scope: Scope, kinds: frozenset[NameKind]) -> Node:
    if node.get("by") is not None:
        return _table(node, scope, lambda entry, inner: data(entry, inner, IN_TABLE))
    seen: set[int] = set()
    objects: list[Node] = []
    for key, value in reader.entries(node, "a mapping of tags"):
        if reader.as_integer(key) is None:
            raise key.place.error(f"expected a tag, as 0x5C, or `by`, found {shown(key)}")
        tag = reader.tag(key)
        if tag in seen:
            raise key.place.error(
                f"the tag {tag:X} stands twice", "Write a list of mappings: [{tag: ...}, {tag: ...}]."
            )
        seen.add(tag)
        objects.append(_object(tag, data(value, scope, kinds)))
    return _joined(objects)


def _object(tag: int, value: Node) -> Node:
    if isinstance(value, Literal):
        return Literal(data=tag_bytes(tag) + length_bytes(len(value.data)) + value.data)
    return DataObject(tag=tag_bytes(tag), value=value)


def _table(node: MapNode, scope: Scope, read: Callable[[Tree, Scope], Node]) -> Table:
    by = node.get("by")
    if not isinstance(by, Scalar) or not _is_name(by):
        place = node.place if by is None else by.place
        raise place.error("expected a table with `by: $name`", "As {by: $key.type, rsa2048: 0x07}.")
    fact = by.text[1:]
    entry = scope.use(by.place, fact, AS_FACT)
    entries: dict[Value, Node] = {}
    places: dict[Value, Place] = {}
    for key, value in node.entries:
        if key.text == "by":
            continue
        chosen = fact_value(key, fact, entry)
        if chosen in entries:
            raise key.place.error(f"the entry {shown(key)} stands twice")
        entries[chosen], places[chosen] = read(value, scope), key.place
    if not entries:
        raise node.place.error("the table has no entries")
    scope.choices.append(Choice(place=by.place, fact=fact, entries=places))
    return Table(by=fact, entries=entries)


def fact_value(node: Tree, name: str, entry: Entry) -> Value:
    """A value that the fact `name` may have: a word or an integer, as the fact is."""
    if entry.kind is NameKind.BYTE:
        return reader.integer(node, 0, 0xFF)
    if entry.kind is NameKind.NUMBER:
        return reader.integer(node, 0, 0xFFFF)
    word = reader.name(node)
    if entry.values and word not in entry.values:
        known = f"It is one of {', '.join(entry.values)}."
        raise node.place.error(f"${name} is never {word}", reader.suggestion(word, entry.values) or known)
    return word


def least_size(node: Node) -> int:
    """The fewest bytes that a template can give, every name taken for empty."""
    match node:
        case Literal():
            return len(node.data)
        case Join():
            return sum(least_size(part) for part in node.parts)
        case DataObject():
            body = least_size(node.value)
            return len(node.tag) + len(length_bytes(body)) + body
        case Table():
            return min(least_size(entry) for entry in node.entries.values())
        case _:
            return 0
