"""Replies to results: what a profile's `reply` takes out of the data field of a response (pure functions)."""

from __future__ import annotations

from cardcore import tlv
from cardcore.errors import ReplyError
from cardcore.keytypes import EcPoint, RsaNumbers
from cardcore.profile.model import Reply

Result = bytes | int | str | RsaNumbers | EcPoint | dict[str, "Result | None"]
"""What a reply holds: bytes, a number, a name out of a table, a public key, or a named result per field."""


def extract(reply: Reply, data: bytes) -> Result:
    """Take the result that `reply` describes out of `data`; ReplyError if it is not there.

    Among `fields` a missing one is None; one that is there and malformed is a ReplyError all the same.
    """
    value = _locate(reply, data)
    if value is None:
        tags = reply.path if reply.find is None else (*reply.path, reply.find)
        raise ReplyError(f"the reply lacks the data object {'/'.join(f'{tag:X}' for tag in tags)}")
    return _interpret(reply, value)


def _locate(reply: Reply, data: bytes) -> bytes | None:
    value = tlv.find(data, reply.path) if reply.path else data
    if value is None or reply.find is None:
        return value
    return next((item.value for _, item in tlv.walk(value) if item.tag == reply.find), None)


def _interpret(reply: Reply, value: bytes) -> Result:
    if reply.fields:
        return {name: _optional(part, value) for name, part in reply.fields.items()}
    if reply.whole_modulus or reply.modulus is not None or reply.point is not None:
        return _public_key(reply, value)
    if reply.byte is not None:
        return _named(reply, _byte(value, reply.byte))
    if reply.values:
        return _named(reply, _number(reply, value, "value"))
    return value[::-1] if reply.little_endian else value


def _optional(reply: Reply, data: bytes) -> Result | None:
    value = _locate(reply, data)
    return None if value is None else _interpret(reply, value)


def _byte(value: bytes, index: int) -> int:
    if index >= len(value):
        raise ReplyError(f"the reply has {len(value)} bytes where byte {index} was wanted")
    return value[index]


def _named(reply: Reply, number: int) -> int | str:
    if not reply.values:
        return number
    return reply.values.get(number) or f"0x{number:02X}"


def _public_key(reply: Reply, value: bytes) -> RsaNumbers | EcPoint:
    if reply.whole_modulus:
        return _rsa(reply, value, None)
    parts: dict[int, bytes] = {}
    for item in tlv.parse(value):
        parts.setdefault(item.tag, item.value)
    if reply.modulus in parts:
        exponent = None if reply.exponent is None else parts.get(reply.exponent, b"")
        return _rsa(reply, parts[reply.modulus], exponent)
    if reply.point in parts:
        return EcPoint(point=parts[reply.point])
    raise ReplyError("the reply holds no public key of a form that the profile describes")


def _rsa(reply: Reply, modulus: bytes, exponent: bytes | None) -> RsaNumbers:
    return RsaNumbers(
        modulus=_number(reply, modulus, "RSA modulus"),
        # A fixed exponent stands in the profile as people write numbers, whatever the card's byte order.
        exponent=int.from_bytes(reply.fixed_exponent) if exponent is None else _number(reply, exponent, "RSA exponent"),
    )


def _number(reply: Reply, value: bytes, what: str) -> int:
    if not value:
        raise ReplyError(f"the {what} in the reply is empty or missing")
    return int.from_bytes(value, "little" if reply.little_endian else "big")
