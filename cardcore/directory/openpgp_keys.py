"""Keys as OpenPGP describes them: algorithm attributes (OpenPGP card 3.4, 4.4.3.9), fingerprints (RFC 9580)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cardcore import keytypes
from cardcore.errors import NotSupported
from cardcore.keytypes import KeyType, Kind

if TYPE_CHECKING:
    from cardcore.keytypes import PublicKey

DECIPHER = 0xB8
_RSA, _ECDH, _ECDSA = 1, 18, 19
_PUBLIC_KEY_TOO = b"\xff"
_RSA_SIZES = range(1024, 4097, 512)
_DEFAULT_RSA_END = bytes.fromhex("001100")  # exponent of 17 bits, import of e, p, q
_OIDS = {
    "ecp256": bytes.fromhex("2A8648CE3D030107"),
    "ecp384": bytes.fromhex("2B81040022"),
    "ecp521": bytes.fromhex("2B81040023"),
}
# Length, version, hash and cipher of the key derivation (RFC 9580, 11.5.1), as GnuPG chooses them for each curve.
_DERIVATION = {
    "ecp256": bytes.fromhex("03010807"),
    "ecp384": bytes.fromhex("03010908"),
    "ecp521": bytes.fromhex("03010A09"),
}


def kind_of(attributes: bytes) -> str:
    """The name of the key type that algorithm attributes stand for, empty if it is none that cardcore knows."""
    if attributes[:1] == bytes((_RSA,)):
        bits = int.from_bytes(attributes[1:3])
        return f"rsa{bits}" if bits in _RSA_SIZES else ""
    curve = attributes[1:].removesuffix(_PUBLIC_KEY_TOO)
    return next((name for name, oid in _OIDS.items() if oid == curve), "")


def attributes_for(kind: KeyType, ref: int, present: bytes, offered: Sequence[bytes]) -> bytes:
    """The attributes of a type for the key `ref`: one that the card offers, else made after those `present` there."""
    fitting = [attributes for attributes in offered if kind_of(attributes) == kind.name]
    if fitting:
        return fitting[0]
    if offered:
        names = dict.fromkeys(filter(None, map(kind_of, offered)))
        raise NotSupported(f"this card has no {kind.name} key there", hint=f"It takes {', '.join(names)}.")
    if kind.kind is Kind.RSA:
        end = present[3:] if present[:1] == bytes((_RSA,)) else _DEFAULT_RSA_END
        return bytes((_RSA,)) + kind.bits.to_bytes(2) + end
    return bytes((_algorithm(ref),)) + _OIDS[kind.name]


def _algorithm(ref: int) -> int:
    return _ECDH if ref == DECIPHER else _ECDSA


def fingerprint(public: PublicKey, ref: int, created: int) -> bytes:
    """The 20 bytes of a version 4 fingerprint (RFC 9580, 5.5.4.2); `created` is in seconds since 1970."""
    body = b"\x04" + created.to_bytes(4) + _material(public, ref)
    return hashlib.sha1(b"\x99" + len(body).to_bytes(2) + body, usedforsecurity=False).digest()


def _material(public: PublicKey, ref: int) -> bytes:
    """Algorithm and key material of a public key packet (RFC 9580, 5.5.5)."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return bytes((_RSA,)) + _mpi(numbers.n) + _mpi(numbers.e)
    name = keytypes.type_of(public).name
    oid = _OIDS[name]
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    material = bytes((_algorithm(ref), len(oid))) + oid + _mpi(int.from_bytes(point))
    return material + _DERIVATION[name] if ref == DECIPHER else material


def _mpi(number: int) -> bytes:
    """A multiprecision integer (RFC 9580, 3.2): its length in bits, and its bytes."""
    return number.bit_length().to_bytes(2) + number.to_bytes((number.bit_length() + 7) // 8)
