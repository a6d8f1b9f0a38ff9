"""The kinds of key pair by name (`rsa2048`, `ecp256`, ...), and their way to and from `cryptography` objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from cardcore.errors import InputError, NotSupported, ReplyError
from cardcore.secret import Secret

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
    PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Kind(StrEnum):
    """The mathematics behind a key."""

    RSA = "rsa"
    EC = "ec"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyType:
    """A kind of key pair; `bits` is the size of the modulus or of the field, `curve` its name in `cryptography`."""

    name: str
    kind: Kind
    bits: int
    curve: str = ""

    @property
    def size(self) -> int:
        """Modulus or field size in bytes."""
        return -(-self.bits // 8)


KEY_TYPES: Mapping[str, KeyType] = {
    entry.name: entry
    for entry in (
        *(KeyType(name=f"rsa{bits}", kind=Kind.RSA, bits=bits) for bits in (512, 768, 1024, 1536, 2048, 3072, 4096)),
        KeyType(name="ecp256", kind=Kind.EC, bits=256, curve="secp256r1"),
        KeyType(name="ecp384", kind=Kind.EC, bits=384, curve="secp384r1"),
        KeyType(name="ecp521", kind=Kind.EC, bits=521, curve="secp521r1"),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RsaNumbers:
    """An RSA public key as its two numbers."""

    modulus: int
    exponent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EcPoint:
    """An elliptic-curve public key as the encoded point that the card sent (SEC 1, 2.3.3)."""

    point: bytes


def key_type(name: str) -> KeyType:
    """The key type of that name; InputError that lists the names if there is none."""
    if name not in KEY_TYPES:
        raise InputError(f"unknown key type {name}", hint=f"Use one of {', '.join(KEY_TYPES)}.")
    return KEY_TYPES[name]


def type_of(key: PublicKey | PrivateKey) -> KeyType:
    """The type of a `cryptography` key; NotSupported for kinds that no card profile speaks of."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    is_rsa = isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey)
    curve = key.curve.name if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey) else ""
    bits: int = getattr(key, "key_size", 0)
    for entry in KEY_TYPES.values():
        if (is_rsa or curve) and entry.bits == bits and entry.curve == curve:
            return entry
    raise NotSupported(f"keys of this kind ({type(key).__name__}, {bits} bits) are not supported")


def public_key(numbers: RsaNumbers | EcPoint, kind: KeyType | None = None) -> PublicKey:
    """A `cryptography` public key from what a card returned; ReplyError if that is no valid key of the type."""
    try:
        key = _rsa_key(numbers) if isinstance(numbers, RsaNumbers) else _ec_key(numbers, kind)
    except ValueError as error:
        raise ReplyError(f"the card returned an invalid public key: {error}") from error
    if kind is not None and key.key_size != kind.bits:
        raise _misfit(key.key_size, kind)
    return key


def require_size(numbers: RsaNumbers | EcPoint, kind: KeyType) -> None:
    """ReplyError if what a card returned is of another size than the type; whether it is a valid key is not asked."""
    if isinstance(numbers, RsaNumbers) and numbers.modulus.bit_length() != kind.bits:
        raise _misfit(numbers.modulus.bit_length(), kind)


def _misfit(bits: int, kind: KeyType) -> ReplyError:
    return ReplyError(f"the card returned a public key of {bits} bits as one of type {kind.name}")


def _rsa_key(numbers: RsaNumbers) -> rsa.RSAPublicKey:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.RSAPublicNumbers(numbers.exponent, numbers.modulus).public_key()


def _ec_key(numbers: EcPoint, kind: KeyType | None) -> ec.EllipticCurvePublicKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    curves: dict[str, ec.EllipticCurve] = {
        "secp256r1": ec.SECP256R1(),
        "secp384r1": ec.SECP384R1(),
        "secp521r1": ec.SECP521R1(),
    }
    found = kind or next(
        (entry for entry in KEY_TYPES.values() if entry.curve and 1 + 2 * entry.size == len(numbers.point)), None
    )
    if found is None or not found.curve:
        raise ReplyError(f"a point of {len(numbers.point)} bytes is on no supported curve")
    return ec.EllipticCurvePublicKey.from_encoded_point(curves[found.curve], numbers.point)


def load_certificate(der: bytes) -> x509.Certificate:
    """A certificate as an object of `cryptography`; ReplyError if it is malformed."""
    from cryptography import x509

    try:
        return x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion) as error:
        raise ReplyError(f"the certificate is malformed: {error}") from error


def certificates_in(bag: bytes) -> list[bytes]:
    """The DER certificates in a PKCS #7 message of nothing else (RFC 2315, 9.1); ReplyError if it is malformed."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

    try:
        return [one.public_bytes(Encoding.DER) for one in pkcs7.load_der_pkcs7_certificates(bag)]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ReplyError(f"the certificates are no PKCS #7 message: {error}") from error


def certified_key(certificate: x509.Certificate) -> PublicKey:
    """The public key in a certificate; NotSupported for kinds that no card profile speaks of."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise NotSupported(f"the certificate's public key cannot be used: {error}") from error
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise NotSupported(f"the certificate's public key is of a kind ({type(key).__name__}) that is not supported")
    return key


def private_values(key: PrivateKey) -> dict[str, Secret | bytes]:
    """The named parts of a private key for a profile's `import` operation, each as long as the card wants it.

    RSA: p, q, dp, dq, qinv of half the modulus size; d of its size; n and e public. EC: d of field size, public point.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    kind = type_of(key)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        scalar = key.private_numbers().private_value
        return {"private.d": Secret(scalar.to_bytes(kind.size)), "private.public": point}
    numbers = key.private_numbers()
    public = numbers.public_numbers
    half = kind.size // 2
    parts = {"p": numbers.p, "q": numbers.q, "dp": numbers.dmp1, "dq": numbers.dmq1, "qinv": numbers.iqmp}
    if any(part.bit_length() > 8 * half for part in parts.values()):
        raise NotSupported("the primes of this RSA key are of different lengths, which cards do not take")
    values: dict[str, Secret | bytes] = {f"private.{name}": Secret(part.to_bytes(half)) for name, part in parts.items()}
    values["private.d"] = Secret(numbers.d.to_bytes(kind.size))
    values["private.n"] = public.n.to_bytes(kind.size)
    values["private.e"] = public.e.to_bytes(-(-public.e.bit_length() // 8))
    return values
