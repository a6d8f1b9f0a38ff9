"""Private keys of a software card, of whatever application: making, storing and using them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from cardcore.tlv import encode

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey | X25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | Ed25519PublicKey | X25519PublicKey


class KeyType(StrEnum):
    """What kind and size of key pair."""

    RSA1024 = "rsa1024"
    RSA2048 = "rsa2048"
    RSA3072 = "rsa3072"
    RSA4096 = "rsa4096"
    ECP256 = "ecp256"
    ECP384 = "ecp384"
    ED25519 = "ed25519"
    X25519 = "x25519"


_CURVES: dict[KeyType, ec.EllipticCurve] = {KeyType.ECP256: ec.SECP256R1(), KeyType.ECP384: ec.SECP384R1()}
_HASH_OF_SIZE: dict[int, HashAlgorithm] = {32: SHA256(), 48: SHA384()}


def generate(kind: KeyType) -> PrivateKey:
    """Make a new private key; RSA has the public exponent 65537."""
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind])
    if kind == KeyType.ED25519:
        return Ed25519PrivateKey.generate()
    if kind == KeyType.X25519:
        return X25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=int(kind.removeprefix("rsa")))


def from_scalar(kind: KeyType, scalar: bytes) -> PrivateKey:
    """The private key on a curve with this secret number; ValueError if it is none."""
    if kind == KeyType.ED25519:
        return Ed25519PrivateKey.from_private_bytes(scalar)
    if kind == KeyType.X25519:
        return X25519PrivateKey.from_private_bytes(scalar)
    curve = _CURVES[kind]
    if len(scalar) != (curve.key_size + 7) // 8:
        raise ValueError("the secret number has not the size of the curve")
    return ec.derive_private_key(int.from_bytes(scalar), curve)


def type_of(key: PrivateKey) -> KeyType:
    """The type of a key; ValueError for a size or curve that the card does not know."""
    if isinstance(key, rsa.RSAPrivateKey):
        return KeyType(f"rsa{key.key_size}")
    if isinstance(key, Ed25519PrivateKey):
        return KeyType.ED25519
    if isinstance(key, X25519PrivateKey):
        return KeyType.X25519
    return KeyType(f"ecp{key.key_size}")


def public_objects(key: PrivateKey) -> bytes:
    """The data objects inside a public key template 7F49 (ISO 7816-8:2021, table 3): 81 n, 82 e or 86 point."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        exponent = numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8)
        return encode(0x81, numbers.n.to_bytes(key.key_size // 8)) + encode(0x82, exponent)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    else:
        point = key.public_key().public_bytes_raw()
    return encode(0x86, point)


def from_public_objects(kind: KeyType, objects: Mapping[int, bytes]) -> PublicKey:
    """The public key of which `public_objects` gave the data objects, here by tag."""
    if kind in _CURVES:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[kind], objects[0x86])
    if kind == KeyType.ED25519:
        return Ed25519PublicKey.from_public_bytes(objects[0x86])
    if kind == KeyType.X25519:
        return X25519PublicKey.from_public_bytes(objects[0x86])
    return rsa.RSAPublicNumbers(int.from_bytes(objects[0x82]), int.from_bytes(objects[0x81])).public_key()


def to_bytes(key: PrivateKey) -> bytes:
    """The key as DER PKCS#8 in clear; only ever for sealing."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def from_bytes(raw: bytes) -> PrivateKey:
    """The key that `to_bytes` gave; the numbers are the card's own, so RSA is not validated again."""
    key = load_der_private_key(raw, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, PrivateKey):
        raise ValueError("a kind of key that no software card makes")
    return key


def ecdsa_sign(key: ec.EllipticCurvePrivateKey, digest: bytes) -> bytes:
    """ECDSA over a ready hash, cut or filled with zeros on the left to the curve's size; the result is DER."""
    size = key.key_size // 8
    fitted = digest[:size].rjust(size, b"\x00")
    return key.sign(fitted, ec.ECDSA(Prehashed(_HASH_OF_SIZE[size])))


def agree(key: PrivateKey, peer: bytes) -> bytes:
    """The ECDH secret with the public point `peer` (uncompressed, or 32 bytes for X25519); ValueError if it is none."""
    if isinstance(key, X25519PrivateKey):
        return key.exchange(X25519PublicKey.from_public_bytes(peer))
    if not isinstance(key, ec.EllipticCurvePrivateKey) or peer[:1] != b"\x04":
        raise ValueError("no key agreement with this key and point")
    return key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(key.curve, peer))
