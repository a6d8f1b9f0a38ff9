"""Certificate requests and self-signed certificates whose signature a card makes.

The parts that are signed are put together here as DER (RFC 2986, RFC 5280); `sign` is any callable that signs bytes.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cardcore.errors import InputError
from cardcore.keytypes import Kind, type_of
from cardcore.padding import digest_size
from cardcore.profile.model import Scheme, Usage
from cardcore.tlv import encode

if TYPE_CHECKING:
    from cryptography import x509

    from cardcore.keytypes import PublicKey

Sign = Callable[[bytes], bytes]

HASHES = ("sha256", "sha384", "sha512")
MAX_DAYS = 100 * 366

_BOOLEAN, _INTEGER, _BITS, _OCTETS, _NULL, _OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
_SET, _SEQUENCE, _UTC_TIME, _GENERALIZED_TIME = 0x31, 0x30, 0x17, 0x18
_VERSION_3 = encode(0xA0, encode(_INTEGER, b"\x02"))
_VERSION_1 = encode(_INTEGER, b"\x00")
_FIRST_GENERALIZED_YEAR = 2050  # RFC 5280, 4.1.2.5
_SERIAL_BYTES = 20  # RFC 5280, 4.1.2.2

_EXTENSION_REQUEST = encode(_OID, bytes.fromhex("2A864886F70D01090E"))  # RFC 2985, 5.4.2
_PSS = encode(_OID, bytes.fromhex("2A864886F70D01010A"))
_MGF1 = encode(_OID, bytes.fromhex("2A864886F70D010108"))
_DIGESTS = {name: encode(_OID, bytes.fromhex(f"6086480165030402{number:02X}")) for number, name in enumerate(HASHES, 1)}
_WITH_RSA = {name: encode(_OID, bytes.fromhex(f"2A864886F70D0101{11 + i:02X}")) for i, name in enumerate(HASHES)}
_WITH_ECDSA = {name: encode(_OID, bytes.fromhex(f"2A8648CE3D0403{2 + i:02X}")) for i, name in enumerate(HASHES)}

# Names that people write in distinguished names beside those of RFC 4514, 3.
_MORE_NAMES: Mapping[str, str] = {
    "E": "1.2.840.113549.1.9.1",
    "EMAIL": "1.2.840.113549.1.9.1",
    "EMAILADDRESS": "1.2.840.113549.1.9.1",
    "SERIALNUMBER": "2.5.4.5",
    "GN": "2.5.4.42",
    "SN": "2.5.4.4",
    "T": "2.5.4.12",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A key that signs certificates: its public half, how to sign with it, and under which algorithm."""

    public: PublicKey
    sign: Sign
    hash_name: str = "sha256"
    scheme: Scheme | None = None

    @property
    def algorithm(self) -> bytes:
        """AlgorithmIdentifier of the signatures; InputError if key, scheme and hash do not go together."""
        return algorithm_identifier(type_of(self.public).kind, self.hash_name, self.scheme)


def parse_name(text: str) -> x509.Name:
    """A distinguished name as in RFC 4514, `CN=Alice,O=Example,C=DE`; InputError if it is none."""
    from cryptography import x509

    overrides = {name: x509.ObjectIdentifier(oid) for name, oid in _MORE_NAMES.items()}
    try:
        found = x509.Name.from_rfc4514_string(text, overrides)
    except ValueError as error:
        reason = f": {error}" if str(error) else ""
        raise InputError(
            f"{text!r} is no distinguished name{reason}", hint="Write it as in CN=Alice,O=Example,C=DE (RFC 4514)."
        ) from error
    if not found.rdns:
        raise InputError("the distinguished name is empty", hint="Write it as in CN=Alice,O=Example,C=DE (RFC 4514).")
    return found


def algorithm_identifier(kind: Kind, hash_name: str, scheme: Scheme | None = None) -> bytes:
    """AlgorithmIdentifier of a signature (RFC 4055, section 3 and 5; RFC 5758, 3.2)."""
    if hash_name not in HASHES:
        raise InputError(f"the hash {hash_name} is not for certificates", hint=f"Use one of {', '.join(HASHES)}.")
    chosen = scheme or (Scheme.PKCS1 if kind is Kind.RSA else Scheme.ECDSA)
    if (chosen is Scheme.ECDSA) != (kind is Kind.EC) or chosen is Scheme.OAEP:
        raise InputError(f"the scheme {chosen} does not go with a key of kind {kind}")
    if chosen is Scheme.ECDSA:
        return encode(_SEQUENCE, _WITH_ECDSA[hash_name])
    if chosen is Scheme.PKCS1:
        return encode(_SEQUENCE, _WITH_RSA[hash_name] + encode(_NULL, b""))
    digest = encode(_SEQUENCE, _DIGESTS[hash_name] + encode(_NULL, b""))
    salt = encode(_INTEGER, bytes((digest_size(hash_name),)))
    parameters = encode(0xA0, digest) + encode(0xA1, encode(_SEQUENCE, _MGF1 + digest)) + encode(0xA2, salt)
    return encode(_SEQUENCE, _PSS + encode(_SEQUENCE, parameters))


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a certificate says: from when to when (UTC, whole seconds) which key belongs to whom, and the extensions."""

    subject: x509.Name
    issuer: x509.Name
    public: PublicKey
    start: datetime
    end: datetime
    extensions: tuple[x509.Extension[x509.ExtensionType], ...]


def request(subject: x509.Name, signer: Signer, extensions: Iterable[x509.Extension[x509.ExtensionType]] = ()) -> bytes:
    """A PKCS #10 certificate request as DER (RFC 2986, 4): subject and public key, and the extensions that are wanted.

    The extensions stand in the attribute extensionRequest (RFC 2985, 5.4.2).
    """
    wanted = b"".join(_extension(entry) for entry in extensions)
    attribute = encode(_SEQUENCE, _EXTENSION_REQUEST + encode(_SET, encode(_SEQUENCE, wanted))) if wanted else b""
    body = _VERSION_1 + subject.public_bytes() + _key_info(signer.public) + encode(0xA0, attribute)
    return _signed(encode(_SEQUENCE, body), signer)


def certificate(body: Body, signer: Signer) -> bytes:
    """A certificate of version 3 as DER (RFC 5280, 4.1) with a random serial number, signed by the issuer's key."""
    validity = encode(_SEQUENCE, _time(body.start) + _time(body.end))
    extensions = encode(0xA3, encode(_SEQUENCE, b"".join(_extension(entry) for entry in body.extensions)))
    names = body.issuer.public_bytes() + validity + body.subject.public_bytes()
    return _signed(
        encode(_SEQUENCE, _VERSION_3 + _serial() + signer.algorithm + names + _key_info(body.public) + extensions),
        signer,
    )


def self_signed(
    subject: x509.Name, signer: Signer, *, days: int, usage: frozenset[Usage] = frozenset(), now: datetime | None = None
) -> bytes:
    """A self-signed certificate as DER (RFC 5280, 4.1), valid from now on for `days` days, not for issuing others.

    `usage` is what the key can do besides signing; it goes into the extension keyUsage.
    """
    if not 1 <= days <= MAX_DAYS:
        raise InputError(f"a certificate cannot be valid for {days} days", hint=f"Choose 1 to {MAX_DAYS}.")
    start = (now or datetime.now(UTC)).replace(microsecond=0)
    body = Body(
        subject=subject,
        issuer=subject,
        public=signer.public,
        start=start,
        end=start + timedelta(days=days),
        extensions=_own_extensions(signer.public, usage),
    )
    return certificate(body, signer)


def _signed(body: bytes, signer: Signer) -> bytes:
    signature = signer.sign(body)
    return encode(_SEQUENCE, body + signer.algorithm + encode(_BITS, b"\x00" + signature))


def _key_info(public: PublicKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _serial() -> bytes:
    """20 random bytes whose first bit is 0 and whose second is 1: positive, and always as long."""
    number = bytearray(secrets.token_bytes(_SERIAL_BYTES))
    number[0] = number[0] & 0x3F | 0x40
    return encode(_INTEGER, bytes(number))


def _time(moment: datetime) -> bytes:
    if moment.year < _FIRST_GENERALIZED_YEAR:
        return encode(_UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode("ascii"))
    return encode(_GENERALIZED_TIME, moment.strftime("%Y%m%d%H%M%SZ").encode("ascii"))


def _own_extensions(public: PublicKey, usage: frozenset[Usage]) -> tuple[x509.Extension[x509.ExtensionType], ...]:
    from cryptography import x509

    key_usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=Usage.DECIPHER in usage and type_of(public).kind is Kind.RSA,
        data_encipherment=False,
        key_agreement=Usage.AGREE in usage and type_of(public).kind is Kind.EC,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    found = ((x509.BasicConstraints(ca=False, path_length=None), True), (key_usage, True), (identifier, False))
    return tuple(x509.Extension(value.oid, critical, value) for value, critical in found)


def _extension(entry: x509.Extension[x509.ExtensionType]) -> bytes:
    from cryptography import x509

    flag = encode(_BOOLEAN, b"\xff") if entry.critical else b""
    # An object identifier's DER out of a library that does not give it away: as the only part of a usage list.
    oid = x509.ExtendedKeyUsage([entry.oid]).public_bytes()[2:]
    return encode(_SEQUENCE, oid + flag + encode(_OCTETS, entry.value.public_bytes()))
