"""Reads the key slots and algorithms of a profile."""

from __future__ import annotations

from collections.abc import Collection

from cardcore.keytypes import KEY_TYPES, Kind
from cardcore.padding import HASHES
from cardcore.profile import reader
from cardcore.profile.model import (
    Algorithm,
    DecipherResult,
    InputForm,
    KeySlot,
    KeySpec,
    PinPolicy,
    Scheme,
    SignatureForm,
    Usage,
)
from cardcore.profile.sections import known_pin
from cardcore.profile.template import Literal, Node, Table
from cardcore.profile.templates import Scope, byte, data
from cardcore.profile.tree import Scalar, Tree, shown
from cardcore.profile.vocabulary import ALGORITHM_NAMES, IN_TABLE, NAMES

SLOT_KEYS = ("ref", "label", "file", "certificate", "usage", "pin", "policy", "key_spec")
RANGE = "range"
RANGE_KEYS = ("first", "last", "number_from", *(key for key in SLOT_KEYS if key != "ref"))
ALGORITHM_KEYS = ("types", "byte", "oid", "scheme", "sign", "signature", "hashes", "decipher", "agree")

_FORMS = {
    Kind.RSA: frozenset(InputForm) - {InputForm.HASH_LEFT_PADDED},
    Kind.EC: frozenset({InputForm.HASH, InputForm.HASH_LEFT_PADDED, InputForm.MESSAGE}),
}
_SCHEMES = {Kind.RSA: (Scheme.PKCS1, Scheme.PSS, Scheme.OAEP), Kind.EC: (Scheme.ECDSA,)}


def read_keys(node: Tree, pins: Collection[str], problems: reader.Problems) -> dict[str, KeySlot]:
    """The key slots by name, those that are named and those that a range numbers; `pins` are the PINs' names."""
    slots: dict[str, KeySlot] = {}
    places: dict[tuple[int, bytes], str] = {}
    for key, value in problems.attempt((), reader.entries, node, "a mapping of key slots"):
        read = _range if key.text == RANGE else _named
        for slot in problems.attempt((), read, key, value, pins):
            taken = places.setdefault((slot.ref, slot.file), slot.name)
            if slot.name in slots:
                problems.note(key.place, f"the key slot {slot.name} stands twice")
            elif taken != slot.name:
                problems.note(key.place, f"the key slots {taken} and {slot.name} have the same ref 0x{slot.ref:02X}")
            slots[slot.name] = slot
    return slots


def _named(key: Scalar, node: Tree, pins: Collection[str]) -> tuple[KeySlot, ...]:
    section = reader.section(node, SLOT_KEYS, "a key slot")
    return (_slot(section, reader.name(key), reader.integer(section.need("ref"), 0, 0xFF), 0, pins),)


def _range(key: Scalar, node: Tree, pins: Collection[str]) -> tuple[KeySlot, ...]:
    """Slots with consecutive refs, named by numbers; `file` and `certificate` are the first slot's and count along."""
    section = reader.section(node, RANGE_KEYS, "a range of key slots")
    first = reader.integer(section.need("first"), 0, 0xFF)
    last = reader.integer(section.need("last"), first, 0xFF)
    number = section.read("number_from", lambda value: reader.integer(value, 0, 0xFFFF), 1)
    return tuple(
        _slot(section, str(number + offset), first + offset, offset, pins) for offset in range(last - first + 1)
    )


def _slot(section: reader.Section, name: str, ref: int, offset: int, pins: Collection[str]) -> KeySlot:
    policy = section.read("policy", lambda value: reader.form(value, PinPolicy), PinPolicy.ONCE)
    pin_node = section.get("pin")
    pin = "user" if pin_node is None else reader.name(pin_node)
    if pin_node is not None or policy is not PinPolicy.NEVER:
        known_pin(section.place if pin_node is None else pin_node.place, pin, pins)
    return KeySlot(
        name=name,
        ref=ref,
        label=section.read("label", reader.text, ""),
        file=section.read("file", lambda value: _counted(value, offset), b""),
        certificate=section.read("certificate", lambda value: _counted(value, offset), b""),
        usage=section.read("usage", _usage, frozenset(Usage)),
        pin=pin,
        policy=policy,
        key_spec=section.read("key_spec", lambda value: reader.form(value, KeySpec), None),
    )


def _counted(node: Tree, offset: int) -> bytes:
    """An identifier, `offset` further than it stands there."""
    first = reader.hex_bytes(node, 1, 32)
    number = int.from_bytes(first) + offset
    if number >> (8 * len(first)):
        raise node.place.error(f"{shown(node)} cannot count up to {offset} further")
    return number.to_bytes(len(first))


def _usage(node: Tree) -> frozenset[Usage]:
    return frozenset(reader.form(item, Usage) for item in reader.items(node))


def read_algorithms(node: Tree, problems: reader.Problems) -> dict[str, Algorithm]:
    """The algorithms by name."""
    entries = problems.attempt((), reader.entries, node, "a mapping of algorithms")
    found = [problems.attempt(None, _algorithm, key, value) for key, value in entries]
    return {algorithm.name: algorithm for algorithm in found if algorithm is not None}


def _algorithm(key: Scalar, node: Tree) -> Algorithm:
    name = reader.name(key)
    section = reader.section(node, ALGORITHM_KEYS, "an algorithm")
    types = tuple(reader.choice(item, KEY_TYPES) for item in reader.items(section.need("types")))
    scope = Scope(what=f"the algorithm {name}", names={known: NAMES[known] for known in ALGORITHM_NAMES})
    algorithm = Algorithm(
        name=name,
        types=types,
        byte=section.read("byte", lambda value: byte(value, scope), None),
        oid=section.read("oid", lambda value: _oid(value, scope), None),
        scheme=section.read("scheme", lambda value: reader.form(value, Scheme), None),
        sign=section.read("sign", lambda value: reader.form(value, InputForm), None),
        signature=section.read("signature", lambda value: reader.form(value, SignatureForm), SignatureForm.AS_IS),
        hashes=section.read("hashes", _hashes, ()),
        decipher=section.read("decipher", lambda value: reader.form(value, DecipherResult), None),
        agree=section.read("agree", reader.boolean, False),
    )
    kinds = {KEY_TYPES[one].kind for one in types}
    if len(kinds) > 1:
        raise section.need("types").place.error("an algorithm is for RSA keys or for EC keys", "Make it two.")
    _check_tables(section, algorithm)
    _check_use(section, algorithm)
    _check_kind(section, algorithm, kinds.pop())
    return algorithm


def _oid(node: Tree, scope: Scope) -> Node:
    template = data(node, scope, IN_TABLE)
    if template == Literal(data=b""):
        raise node.place.error("the oid is empty")
    return template


def _hashes(node: Tree) -> tuple[str, ...]:
    return tuple(reader.choice(item, HASHES) for item in reader.items(node))


def _check_tables(section: reader.Section, algorithm: Algorithm) -> None:
    """A table by type or size has an entry for each type that the algorithm serves."""
    for key, node in (("byte", algorithm.byte), ("oid", algorithm.oid)):
        if not isinstance(node, Table):
            continue
        for one in algorithm.types:
            fact = {"key.type": one, "key.size": KEY_TYPES[one].bits}.get(node.by)
            if fact is not None and fact not in node.entries:
                raise section.need(key).place.error(f"the table has no entry for {one}, a type of this algorithm")


def _check_use(section: reader.Section, algorithm: Algorithm) -> None:
    """The parts that go only with a signature, and that the algorithm is good for something."""
    if algorithm.sign is None and algorithm.decipher is None and not algorithm.agree:
        raise section.place.error("the algorithm does nothing", "Give it sign, decipher or agree.")
    for key in ("signature", "hashes"):
        if section.get(key) is not None and algorithm.sign is None:
            raise section.need(key).place.error(f"`{key}` is for algorithms that sign", "Add `sign`, or remove it.")
    if algorithm.sign is InputForm.PADDED:
        for key in ("scheme", "hashes"):
            if section.get(key) is not None:
                raise section.need(key).place.error(f"the host pads, so `{key}` has no effect", "Remove it.")
    if algorithm.scheme is Scheme.OAEP and algorithm.sign is not None:
        raise section.need("scheme").place.error("oaep is for deciphering only")
    if algorithm.scheme in (Scheme.PSS, Scheme.ECDSA) and algorithm.decipher is not None:
        raise section.need("scheme").place.error(f"{algorithm.scheme.value} is for signing only")


def _check_kind(section: reader.Section, algorithm: Algorithm, kind: Kind) -> None:
    """What goes with RSA keys only, and what with EC keys only."""
    if algorithm.sign is not None and algorithm.sign not in _FORMS[kind]:
        allowed = ", ".join(sorted(_FORMS[kind]))
        raise section.need("sign").place.error(f"{algorithm.sign.value} does not go with {kind} keys", f"{allowed} do.")
    if algorithm.scheme is not None and algorithm.scheme not in _SCHEMES[kind]:
        raise section.need("scheme").place.error(f"{algorithm.scheme.value} does not go with {kind} keys")
    if kind is Kind.EC and algorithm.decipher is not None:
        raise section.need("decipher").place.error("EC keys do not decipher", "Key agreement is `agree: true`.")
    if kind is Kind.RSA and algorithm.agree:
        raise section.need("agree").place.error("RSA keys do not agree on secrets")
    if algorithm.sign is None:
        return
    plain = algorithm.signature is SignatureForm.AS_IS
    if kind is Kind.EC and plain:
        raise section.place.error("an EC algorithm that signs says how: `signature: der` or `signature: rs`")
    if kind is Kind.RSA and not plain:
        raise section.need("signature").place.error("an RSA signature is always as-is")
