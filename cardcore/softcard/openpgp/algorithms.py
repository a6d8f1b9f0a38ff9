"""The three key slots, and algorithm attributes (OpenPGP card 3.4, 4.4.3.9 and 4.4.3.10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from cardcore.softcard.keys import KeyType


class Crt(IntEnum):
    """Control reference template that names a key (7.2.14)."""

    SIGNATURE = 0xB6
    DECIPHER = 0xB8
    AUTHENTICATION = 0xA4


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The data objects that belong to one key: `number` is its reference in MSE and in key information."""

    number: int
    attributes: int
    fingerprint: int
    authority: int
    time: int
    touch: int


SLOTS: Mapping[Crt, Slot] = MappingProxyType(
    {
        Crt.SIGNATURE: Slot(number=1, attributes=0xC1, fingerprint=0xC7, authority=0xCA, time=0xCE, touch=0xD6),
        Crt.DECIPHER: Slot(number=2, attributes=0xC2, fingerprint=0xC8, authority=0xCB, time=0xCF, touch=0xD7),
        Crt.AUTHENTICATION: Slot(number=3, attributes=0xC3, fingerprint=0xC9, authority=0xCC, time=0xD0, touch=0xD8),
    }
)

_RSA, _ECDH, _ECDSA, _EDDSA = 0x01, 0x12, 0x13, 0x16
_RSA_SIZES = {1024 * k: kind for k, kind in ((2, KeyType.RSA2048), (3, KeyType.RSA3072), (4, KeyType.RSA4096))}
_RSA_FORMATS = range(4)
_EXPONENT_BITS = frozenset({17, 32})
_PUBLIC_KEY_TOO = 0xFF
_OIDS: Mapping[KeyType, bytes] = MappingProxyType(
    {
        KeyType.ECP256: bytes.fromhex("2A8648CE3D030107"),
        KeyType.ECP384: bytes.fromhex("2B81040022"),
        KeyType.ED25519: bytes.fromhex("2B06010401DA470F01"),
        KeyType.X25519: bytes.fromhex("2B060104019755010501"),
    }
)
FACTORY_ATTRIBUTES = bytes.fromhex("010800001100")


def key_type(crt: Crt, attributes: bytes) -> KeyType:
    """The type of key that the attributes describe; ValueError if this slot cannot hold it, or they are malformed."""
    if attributes[:1] == bytes((_RSA,)):
        return _rsa_type(attributes)
    for kind, oid in _OIDS.items():
        if attributes in (whole := bytes((_algorithm(crt, kind),)) + oid, whole + bytes((_PUBLIC_KEY_TOO,))):
            return kind
    raise ValueError("unknown algorithm attributes")


def _rsa_type(attributes: bytes) -> KeyType:
    """01, bits of the modulus, bits of the exponent, import format; the format may be left out."""
    if len(attributes) not in (5, 6) or (len(attributes) == 6 and attributes[5] not in _RSA_FORMATS):
        raise ValueError("malformed RSA attributes")
    if int.from_bytes(attributes[3:5]) not in _EXPONENT_BITS:
        raise ValueError("no such RSA exponent")
    kind = _RSA_SIZES.get(int.from_bytes(attributes[1:3]))
    if kind is None:
        raise ValueError("no such RSA modulus")
    return kind


def _algorithm(crt: Crt, kind: KeyType) -> int:
    """The OpenPGP algorithm of a curve in a slot (RFC 9580, 9.1); 0, which is none, where they do not go together."""
    if kind == KeyType.ED25519:
        return 0 if crt == Crt.DECIPHER else _EDDSA
    if kind == KeyType.X25519:
        return _ECDH if crt == Crt.DECIPHER else 0
    return _ECDH if crt == Crt.DECIPHER else _ECDSA


def supported(crt: Crt) -> list[bytes]:
    """All attributes that the slot takes, as algorithm information FA lists them (4.4.3.11)."""
    rsa = [bytes((_RSA,)) + bits.to_bytes(2) + bytes.fromhex("001100") for bits in _RSA_SIZES]
    curves = [(_algorithm(crt, kind), oid) for kind, oid in _OIDS.items()]
    return rsa + [bytes((number,)) + oid for number, oid in curves if number]
