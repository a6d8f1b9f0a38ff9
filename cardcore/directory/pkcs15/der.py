"""The few DER types that ISO 7816-15 uses, read strictly and written canonically (ITU-T X.690)."""

from __future__ import annotations

from collections.abc import Iterable

from cardcore.errors import ReplyError
from cardcore.tlv import Tlv, encode, parse

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID, ENUMERATED = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0A
UTF8_STRING, GENERALIZED_TIME, SEQUENCE = 0x0C, 0x18, 0x30
_MAX_INTEGER = 8
_MAX_BITS = 64


def sequence(*parts: bytes, tag: int = SEQUENCE) -> bytes:
    """A SEQUENCE, or another constructed type, of encoded parts."""
    return encode(tag, b"".join(parts))


def integer(value: int) -> bytes:
    """An INTEGER that is not negative."""
    return encode(INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


def octets(value: bytes) -> bytes:
    """An OCTET STRING."""
    return encode(OCTET_STRING, value)


def text(value: str, tag: int = UTF8_STRING) -> bytes:
    """A UTF8String."""
    return encode(tag, value.encode())


def bits(positions: Iterable[int]) -> bytes:
    """A BIT STRING with named bits: trailing zeros are left out (X.690, 11.2.2)."""
    numbers = set(positions)
    if not numbers:
        return encode(BIT_STRING, b"\x00")
    count = max(numbers) + 1
    unused = -count % 8
    value = sum(1 << (count - 1 - number) for number in numbers) << unused
    return encode(BIT_STRING, bytes((unused,)) + value.to_bytes((count + unused) // 8))


def read_integer(item: Tlv) -> int:
    """The value of an INTEGER or ENUMERATED of up to 8 bytes, whatever its tag; ReplyError if it has none."""
    if not 1 <= len(item.value) <= _MAX_INTEGER:
        raise ReplyError(f"an INTEGER of {len(item.value)} bytes")
    return int.from_bytes(item.value, signed=True)


def read_bits(item: Tlv) -> frozenset[int]:
    """The numbers of the bits that are set in a BIT STRING of up to 64 bits."""
    value = item.value
    if not value or value[0] > 7 or len(value) > 1 + _MAX_BITS // 8 or (len(value) == 1 and value[0]):
        raise ReplyError("a malformed BIT STRING")
    count = 8 * (len(value) - 1) - value[0]
    number = int.from_bytes(value[1:]) >> value[0]
    return frozenset(position for position in range(count) if number >> (count - 1 - position) & 1)


def read_text(item: Tlv) -> str:
    """The text of a UTF8String; what is no UTF-8 is shown as such, for many cards have Latin-1 there."""
    return item.value.decode("utf-8", "replace")


class Reader:
    """Takes the parts of a constructed value one after the other."""

    def __init__(self, value: bytes, what: str) -> None:
        self._items = parse(value)
        self._what = what

    @property
    def tag(self) -> int | None:
        """The tag of the next part, None at the end."""
        return self._items[0].tag if self._items else None

    def next(self, *tags: int) -> Tlv:
        """The next part, which must be there and have one of the tags (if any are given)."""
        if not self._items or (tags and self._items[0].tag not in tags):
            wanted = " or ".join(f"{tag:X}" for tag in tags) or "another part"
            raise ReplyError(f"{self._what} lacks {wanted}")
        return self._items.pop(0)

    def optional(self, *tags: int) -> Tlv | None:
        """The next part if it has one of the tags."""
        return self._items.pop(0) if self._items and self._items[0].tag in tags else None

    def rest(self) -> list[Tlv]:
        """All parts that are left."""
        items, self._items = self._items, []
        return items
