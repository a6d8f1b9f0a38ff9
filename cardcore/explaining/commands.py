"""The commands of an operation, each byte with the name that it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from cardcore.apdu import MAX_SHORT_DATA, CommandApdu
from cardcore.errors import InputError, NotSupported, ReplyError
from cardcore.explaining.values import Given, Placeholder, Wish, given
from cardcore.instructions import name_of
from cardcore.profile.model import Extended, KeySlot, Limits, Needs, Operation, PinPolicy, Profile, Step
from cardcore.profile.template import DataObject, Join, Literal, Name, Node, Table, Value
from cardcore.profile.vocabulary import NAMES, OPERATIONS, NameKind
from cardcore.tlv import length_bytes, parse

_SAVED_EXAMPLE = 8
_SELECT, _CHAINING = 0xA4, 0x10
_PLAIN_DATA = frozenset({_SELECT, 0xB0, 0xD6, 0xE4, 0x20, 0x24, 0x2C, 0x2A, 0x88})
"""Instructions whose data field is no TLV, though it may look so by chance, unless the template says that it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Bytes of a data field, from `start` to `end`, that a name stands for; `known` where they are the real ones."""

    start: int
    end: int
    name: str
    known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A BER-TLV data object within a data field: where its value is, and the objects in it."""

    tag: int
    start: int
    end: int
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One command. Where bytes are not known, `apdu` holds zeros, and `spans` or `header` say what belongs there.

    `header` maps fields (cla, ins, p1, p2) to names; those in `unknown` hold no real value. `sent` are the APDUs as
    they go over the line, `when` says on what else it depends whether they do.
    """

    name: str
    apdu: CommandApdu
    header: Mapping[str, str]
    spans: tuple[Span, ...]
    parts: tuple[Part, ...]
    sent: tuple[str, ...]
    unknown: frozenset[str] = frozenset()
    needs: str = ""
    when: str = ""
    line: int = 0

    def text(self, start: int, end: int) -> str:
        """The bytes of the data field in hexadecimal, with <name:size> for what is not known."""
        return _text(self.apdu.data, self.spans, start, end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What an operation would send: what was decided, the commands, what the placeholders stand for."""

    operation: str
    meaning: str
    about: tuple[tuple[str, str], ...]
    commands: tuple[Explained, ...]
    placeholders: Mapping[str, Placeholder]


def explain(profile: Profile, wish: Wish) -> Explanation:
    """The commands of an operation as they would go to a card of this profile, without one.

    NotSupported if the profile does not have the operation or cannot do it as asked, InputError for names it lacks.
    """
    operation = _operation(profile, wish.operation)
    known = given(profile, wish)
    commands = tuple(_commands(profile, operation, known))
    used = {span.name for command in commands for span in command.spans if not span.known}
    used |= {name for command in commands for name in command.header.values() if name in known.placeholders}
    return Explanation(
        operation=wish.operation,
        meaning=OPERATIONS[wish.operation].text,
        about=tuple(known.about),
        commands=commands,
        placeholders={name: known.placeholders[name] for name in known.placeholders if name in used},
    )


def _operation(profile: Profile, name: str) -> Operation:
    found = profile.operations.get(name)
    if name == "select" and found is not None and not profile.match.aids:
        raise NotSupported(f"cards of the profile {profile.id} are known by their ATR, and nothing is selected")
    if found is not None and found.steps:
        return found
    can = ", ".join(sorted(other for other, operation in profile.operations.items() if operation.steps))
    what = "has no operation" if name in OPERATIONS else "knows nothing of an operation"
    raise NotSupported(f"the profile {profile.id} {what} {name}", hint=f"It has {can}.")


def _commands(profile: Profile, operation: Operation, known: Given) -> Iterator[Explained]:
    saved: set[str] = set()
    for step in operation.steps:
        settled = {name: allowed for name, allowed in step.when.items() if name not in saved}
        if not all(_holds(known, name, allowed) for name, allowed in settled.items()):
            continue
        depends = {name: allowed for name, allowed in step.when.items() if name in saved}
        yield _explained(profile, step, known, _condition(depends))
        if step.save:
            saved.add(step.save)
            text = "what the card answered to an earlier command"
            size = 1 if step.reply is not None and step.reply.byte is not None else _SAVED_EXAMPLE
            known.placeholders[step.save] = Placeholder(size=size, text=text, example=True)


def _holds(known: Given, name: str, allowed: frozenset[Value]) -> bool:
    """Whether a step is sent as far as the fact goes; one that nobody knows here does not keep it back."""
    return name not in known.values or known.values[name] in allowed


def _condition(depends: Mapping[str, frozenset[Value]]) -> str:
    stated = (f"{name} is {' or '.join(sorted(map(str, allowed)))}" for name, allowed in depends.items())
    return " and ".join(stated)


def _explained(profile: Profile, step: Step, known: Given, condition: str) -> Explained:
    spans: list[Span] = []
    data = b"" if step.data is None else _render(step.data, known, spans)
    header = {field: _header(getattr(step, field), known) for field in ("cla", "ins", "p1", "p2")}
    numbers = {field: number for field, (number, _) in header.items()}
    apdu = CommandApdu(**numbers, data=data, le=step.le, extended=step.extended)
    loose = apdu.ins in _PLAIN_DATA and not _is_tlv(step.data)
    names = {field: name for field, (_, name) in header.items() if name}
    unknown = {field: name for field, name in names.items() if name in known.placeholders and name not in known.values}
    return Explained(
        name=name_of(apdu.cla, apdu.ins, apdu.p1, apdu.p2),
        apdu=apdu,
        header=names,
        spans=tuple(spans),
        parts=() if loose else _parts(data, 0, len(data), spans),
        sent=tuple(_sent(profile.limits, apdu, tuple(spans), unknown)),
        unknown=frozenset(unknown),
        needs=_needs(profile, step, known),
        when=condition,
        line=step.line,
    )


def _needs(profile: Profile, step: Step, known: Given) -> str:
    if step.needs is Needs.ADMIN:
        return "the administrator"
    if step.needs is Needs.PUK:
        return "the PUK"
    if step.needs is None:
        return ""
    name = known.pin
    slot = profile.keys.get(str(known.values.get("key.name", "")), KeySlot(name="", ref=0, pin=name))
    using = "input" in OPERATIONS[str(known.values["op"])].names
    if using and slot.policy is PinPolicy.NEVER:
        return ""
    return f"the PIN {name} before each use" if using and slot.policy is PinPolicy.ALWAYS else f"the PIN {name}"


def _is_tlv(node: Node | None) -> bool:
    return isinstance(node, DataObject) or (isinstance(node, Join) and any(map(_is_tlv, node.parts)))


def _header(node: Node, known: Given) -> tuple[int, str]:
    """The value of one byte of the header and the name that it comes from."""
    spans: list[Span] = []
    data = _render(node, known, spans)
    if len(data) != 1:
        raise InputError(f"one byte of the header is {len(data)} bytes long in this example")
    return data[0], spans[0].name if spans else ""


def _render(node: Node, known: Given, spans: list[Span], offset: int = 0) -> bytes:
    """The bytes of a template; `spans` gets the places of names, counted from `offset`."""
    match node:
        case Literal():
            return node.data
        case Name():
            return _named(node.name, known, spans, offset)
        case Join():
            whole = b""
            for part in node.parts:
                whole += _render(part, known, spans, offset + len(whole))
            return whole
        case DataObject():
            body = _render(node.value, known, [])
            head = node.tag + length_bytes(len(body))
            return head + _render(node.value, known, spans, offset + len(head))
        case Table():
            return _render(_chosen(node, known), known, spans, offset)
        case _:
            raise InputError("a part of a template cannot be explained")


def _chosen(table: Table, known: Given) -> Node:
    """The entry for the fact; where only a card's answer would tell, the first, as an example."""
    if table.by not in known.values:
        example = next(iter(table.entries))
        remark = (table.by, f"{example!r} in this example, it depends on the card's answer")
        if remark not in known.about:
            known.about.append(remark)
        return table.entries[example]
    entry = table.entries.get(known.values[table.by])
    if entry is None:
        raise NotSupported(f"the profile has no entry for {table.by} = {known.values[table.by]!r}")
    return entry


def _named(name: str, known: Given, spans: list[Span], offset: int) -> bytes:
    value = known.values.get(name)
    if isinstance(value, int):
        value = bytes((value,))
    if isinstance(value, bytes) and NAMES[name].kind is not NameKind.SECRET:
        spans.append(Span(start=offset, end=offset + len(value), name=name, known=True))
        return value
    if name not in known.placeholders:
        raise InputError(f"nothing is known of ${name} without a card")
    size = known.placeholders[name].size
    spans.append(Span(start=offset, end=offset + size, name=name, known=False))
    return bytes(size)


def _parts(data: bytes, start: int, end: int, spans: list[Span]) -> tuple[Part, ...]:
    """The data objects between two offsets; none where there is something else, or only a placeholder."""
    if any(span.start <= start < span.end and not span.known for span in spans):
        return ()
    try:
        items = parse(data[start:end])
    except ReplyError:
        return ()
    found: list[Part] = []
    for item in items:
        body_end = start + len(item.encode())
        body = body_end - len(item.value)
        inner = _parts(data, body, body_end, spans) if item.constructed else ()
        found.append(Part(tag=item.tag, start=body, end=body_end, parts=inner))
        start = body_end
    return tuple(found)


def _sent(limits: Limits, apdu: CommandApdu, spans: tuple[Span, ...], unknown: Mapping[str, str]) -> Iterator[str]:
    """The command as it goes over the line, in one piece, extended, or as a chain."""
    size, limit = len(apdu.data), min(limits.send, MAX_SHORT_DATA)
    wanted = limits.extended is Extended.YES or (limits.extended is Extended.ATR and not limits.chaining)
    extended = apdu.extended or (wanted and size > limit)
    if extended or size <= limit:
        yield _line(replace(apdu, extended=extended), spans, unknown, 0, size)
        return
    if not limits.chaining:
        raise NotSupported(f"{size} bytes do not fit in one command of this card, which takes {limit}")
    for start in range(0, size, limit):
        end = min(start + limit, size)
        final = end == size
        block = replace(apdu, cla=apdu.cla if final else apdu.cla | _CHAINING, le=apdu.le if final else None)
        yield _line(block, spans, unknown, start, end)


def _line(apdu: CommandApdu, spans: tuple[Span, ...], unknown: Mapping[str, str], start: int, end: int) -> str:
    block = replace(apdu, data=apdu.data[start:end])
    encoded = block.encode().hex().upper()
    head, tail = encoded[8 : 2 * block.data_offset], encoded[2 * (block.data_offset + len(block.data)) :]
    fields = (
        f"<{unknown[field]}:1>" if field in unknown else f"{getattr(apdu, field):02X}"
        for field in ("cla", "ins", "p1", "p2")
    )
    if not block.data:
        return " ".join((*fields, encoded[8:])).rstrip()
    return " ".join((*fields, head, _text(apdu.data, spans, start, end), tail)).rstrip()


def _text(data: bytes, spans: tuple[Span, ...], start: int, end: int) -> str:
    """Bytes in hexadecimal, with <name:size> for those that only a card or a person knows."""
    found, at = "", start
    for span in spans:
        first, last = max(span.start, start), min(span.end, end)
        if span.known or first >= last:
            continue
        found += data[at:first].hex().upper() + f"<{span.name}:{last - first}>"
        at = last
    return found + data[at:end].hex().upper()
