"""Reads the `reply` of a step: where in the response the result stands, and what it is."""

from __future__ import annotations

from typing import NamedTuple

from cardcore.profile import reader
from cardcore.profile.model import Reply
from cardcore.profile.tree import Scalar, Tree, shown
from cardcore.profile.vocabulary import NameKind

REPLY_KEYS = ("path", "find", "byte", "values", "rsa", "ec", "fields", "order")
_NUMBERED = ("byte", "values")
_MAX_PATH = 16


class _Rsa(NamedTuple):
    modulus: int | None = None
    exponent: int | None = None
    fixed: bytes = b""
    whole: bool = False


def read_reply(node: Tree) -> Reply:
    """The reply that a mapping describes; `{}` is the whole data field."""
    section = reader.section(node, REPLY_KEYS, "a reply")
    _check_forms(section)
    rsa = section.read("rsa", _rsa, _Rsa())
    return Reply(
        path=section.read("path", read_path, ()),
        find=section.read("find", reader.tag, None),
        byte=section.read("byte", lambda value: reader.integer(value, 0, 0xFF), None),
        values=section.read("values", _values, {}),
        modulus=rsa.modulus,
        exponent=rsa.exponent,
        fixed_exponent=rsa.fixed,
        whole_modulus=rsa.whole,
        point=section.read("ec", _point, None),
        fields=section.read("fields", _fields, {}),
        little_endian=section.read("order", lambda value: reader.choice(value, ("little", "big")) == "little", False),
    )


def _check_forms(section: reader.Section) -> None:
    """A reply is one thing: a number or word, a public key, or fields."""
    forms = [
        form
        for form, keys in (("a number", _NUMBERED), ("a public key", ("rsa", "ec")), ("fields", ("fields",)))
        if any(section.get(key) is not None for key in keys)
    ]
    if len(forms) > 1:
        raise section.place.error(f"a reply cannot be {' and '.join(forms)}", "Put each into its own field.")
    if section.get("order") is not None and section.get("fields") is not None:
        raise section.need("order").place.error("`order` stands beside `fields`", "Put it into those of the fields.")


def read_path(node: Tree) -> tuple[int, ...]:
    """A list of tags, one per level."""
    tags = tuple(reader.tag(item) for item in reader.items(node))
    if len(tags) > _MAX_PATH:
        raise node.place.error(f"expected at most {_MAX_PATH} tags, found {len(tags)}")
    return tags


def _values(node: Tree) -> dict[int, str]:
    names: dict[int, str] = {}
    for key, value in reader.entries(node, "a mapping of numbers to names"):
        number = reader.integer(key, 0, 0xFFFFFFFF)
        if number in names:
            raise key.place.error(f"the value {shown(key)} stands twice")
        names[number] = reader.name(value)
    return names


def _rsa(node: Tree) -> _Rsa:
    section = reader.section(node, ("n", "e"), "an RSA public key")
    modulus, exponent = section.need("n"), section.need("e")
    fixed = reader.hex_bytes(exponent, 1, 8) if isinstance(exponent, Scalar) and not exponent.plain else b""
    tag = None if fixed else reader.tag(exponent)
    if isinstance(modulus, Scalar) and modulus.plain and modulus.text == "whole":
        if not fixed:
            raise exponent.place.error(
                "the whole reply is the modulus, so the exponent is fixed", 'Write its bytes, as "010001".'
            )
        return _Rsa(fixed=fixed, whole=True)
    return _Rsa(modulus=reader.tag(modulus), exponent=tag, fixed=fixed)


def _point(node: Tree) -> int:
    return reader.tag(reader.section(node, ("point",), "an EC public key").need("point"))


def _fields(node: Tree) -> dict[str, Reply]:
    return {reader.name(key): read_reply(value) for key, value in reader.entries(node, "a mapping of fields")}


def saved_kind(reply: Reply) -> NameKind | None:
    """What a later step may use the result as; None if it is a public key or fields, which it cannot use."""
    if reply.fields or reply.whole_modulus or reply.modulus is not None or reply.point is not None:
        return None
    if reply.values:
        return NameKind.WORD
    return NameKind.BYTES if reply.byte is None else NameKind.BYTE
