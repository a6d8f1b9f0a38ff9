"""New entries of PKCS#15 directory files, and the values that they point to (ISO 7816-15:2016, 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cardcore import keytypes
from cardcore.directory.pkcs15 import der
from cardcore.directory.pkcs15.entries import EC_KEY, RSA_KEY, USAGE_BITS, KeyEntry
from cardcore.errors import ReplyError
from cardcore.keytypes import EcPoint, KeyType, Kind, RsaNumbers
from cardcore.pin import PinEncoding, PinSpec
from cardcore.profile.model import KeySlot, Usage
from cardcore.tlv import encode, length_bytes, parse, parse_one

if TYPE_CHECKING:
    from cardcore.keytypes import PublicKey

AID = bytes.fromhex("A000000063504B43532D3135")
_PRIVATE, _MODIFIABLE = 0, 1
_SENSITIVE, _ALWAYS_SENSITIVE, _NEVER_EXTRACTABLE, _LOCAL = 0, 2, 3, 4
_ENCIPHER, _KEY_ENCIPHER, _VERIFY, _VERIFY_RECOVER, _NON_REPUDIATION = 0, 4, 6, 7, 9
_CASE_SENSITIVE, _INITIALIZED, _NEEDS_PADDING = 0, 4, 5
_PIN_TYPES = {PinEncoding.BCD: 0, PinEncoding.ASCII: 1, PinEncoding.FORMAT_2: 4, PinEncoding.HEX: 1}
_FALSE = bytes.fromhex("010100")


def path(where: bytes) -> bytes:
    """A Path to a whole file."""
    return der.sequence(der.octets(where))


def _common(label: str, flags: tuple[int, ...], auth_id: bytes = b"") -> bytes:
    return der.sequence(der.text(label), der.bits(flags), der.octets(auth_id) if auth_id else b"")


def _type_attributes(*parts: bytes) -> bytes:
    return der.sequence(der.sequence(*parts), tag=0xA1)


def private_key(slot: KeySlot, kind: KeyType, *, key_id: bytes, auth_id: bytes, where: bytes, generated: bool) -> bytes:
    """PrKDF entry of a key that was generated or imported; `where` is the application's path: the key is in no file."""
    possible = {Usage.SIGN, Usage.DECIPHER} if kind.kind is Kind.RSA else {Usage.SIGN, Usage.AGREE}
    usage = frozenset().union(*(USAGE_BITS[use] for use in possible & slot.usage)) - {_NON_REPUDIATION}
    access = (_SENSITIVE, _ALWAYS_SENSITIVE, _NEVER_EXTRACTABLE, _LOCAL) if generated else (_SENSITIVE,)
    return der.sequence(
        _common(slot.label or f"Key {slot.name}", (_PRIVATE, _MODIFIABLE), auth_id),
        der.sequence(der.octets(key_id), der.bits(usage), der.bits(access), der.integer(slot.ref)),
        _type_attributes(path(where), der.integer(kind.bits)),
        tag=RSA_KEY if kind.kind is Kind.RSA else EC_KEY,
    )


def public_key(slot: KeySlot, kind: KeyType, *, key_id: bytes, where: bytes) -> bytes:
    """PuKDF entry of a public key in a file."""
    rsa = kind.kind is Kind.RSA
    usage = (_ENCIPHER, _KEY_ENCIPHER, _VERIFY, _VERIFY_RECOVER) if rsa else (_VERIFY, _VERIFY_RECOVER)
    return der.sequence(
        _common(slot.label or f"Key {slot.name}", (_MODIFIABLE,)),
        der.sequence(der.octets(key_id), der.bits(usage), _FALSE),
        _type_attributes(path(where), *([der.integer(kind.bits)] if rsa else [])),
        tag=RSA_KEY if rsa else EC_KEY,
    )


def certificate(slot: KeySlot, *, key_id: bytes, where: bytes) -> bytes:
    """CDF entry of a certificate in a file."""
    return der.sequence(
        _common(slot.label or f"Certificate {slot.name}", (_MODIFIABLE,)),
        der.sequence(der.octets(key_id)),
        _type_attributes(path(where)),
    )


def pin(spec: PinSpec, *, auth_id: bytes, label: str) -> bytes:
    """AODF entry of a PIN (8.9.2): flags, type, lengths, reference, pad character."""
    flags = [_CASE_SENSITIVE, _INITIALIZED, *([_NEEDS_PADDING] if spec.pad_to else [])]
    attributes = der.sequence(
        der.bits(flags),
        encode(der.ENUMERATED, bytes((_PIN_TYPES[spec.encoding],))),
        der.integer(spec.minimum),
        der.integer(spec.pad_to or spec.maximum),
        der.integer(spec.maximum),
        encode(0x80, bytes((spec.ref,)) if spec.ref < 0x80 else bytes((0, spec.ref))),
        der.octets(bytes((spec.pad_byte,))) if spec.pad_to else b"",
    )
    return der.sequence(
        _common(label, (_PRIVATE, _MODIFIABLE)),
        der.sequence(der.octets(auth_id)),
        der.sequence(attributes, tag=0xA1),
    )


def token_info(serial: bytes, label: str, changed: bytes) -> bytes:
    """EF.TokenInfo (8.11): version 2016 is 1, flags: login required, random numbers; `changed` as GeneralizedTime."""
    return der.sequence(
        der.integer(1),
        der.octets(serial),
        der.text("cardcore"),
        der.text(label, 0x80),
        der.bits((1, 2)),
        der.sequence(encode(der.GENERALIZED_TIME, changed), tag=0xA5),
    )


def application(where: bytes, label: str) -> bytes:
    """Application template for EF.DIR (ISO 7816-4:2020, 12.2.4): identifier, label, path."""
    parts = (encode(0x4F, AID), encode(0x50, label.encode()), b"\x51" + length_bytes(len(where)) + where)
    return encode(0x61, b"".join(parts))


def public_value(key: PublicKey) -> bytes:
    """A public key as it is kept in a file: RSAPublicKey (RFC 8017, A.1.1), SubjectPublicKeyInfo for a curve."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def read_public_value(raw: bytes, entry: KeyEntry) -> PublicKey:
    """The public key in a file: RSAPublicKey, SubjectPublicKeyInfo or an OCTET STRING with a point; ReplyError else."""
    item = parse_one(raw)
    if item.tag == der.OCTET_STRING:
        return keytypes.public_key(EcPoint(point=item.value))
    parts = parse(item.value) if item.tag == der.SEQUENCE else []
    if [part.tag for part in parts] == [der.INTEGER, der.INTEGER] and entry.kind is Kind.RSA:
        modulus, exponent = (int.from_bytes(part.value) for part in parts)
        return keytypes.public_key(RsaNumbers(modulus=modulus, exponent=exponent))
    if [part.tag for part in parts] == [der.SEQUENCE, der.BIT_STRING]:
        return _from_info(raw)
    raise ReplyError("the public key's file holds no public key of a known form")


def _from_info(raw: bytes) -> PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(raw)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ReplyError("the public key's file is malformed") from error
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise ReplyError("the public key is neither RSA nor EC")
    return key
