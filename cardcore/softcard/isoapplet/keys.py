"""Private keys: MANAGE SECURITY ENVIRONMENT, GENERATE, PERFORM SECURITY OPERATION, PUT DATA (ISO 7816-8:2021)."""

from __future__ import annotations

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, Hash

from cardcore.apdu import CommandApdu
from cardcore.errors import ReplyError
from cardcore.softcard import keys
from cardcore.softcard.application import Refusal
from cardcore.softcard.isoapplet.context import IsoContext
from cardcore.softcard.isoapplet.curves import COFACTOR, CURVES, DOMAIN, POINT, PRIME
from cardcore.softcard.isoapplet.tree import SW_DATA_INVALID
from cardcore.softcard.keys import KeyType, PrivateKey
from cardcore.softcard.records import KeyRecord
from cardcore.softcard.rsa import decrypt_pkcs1, from_crt, sign_pkcs1
from cardcore.softcard.vault import seal
from cardcore.sw import Sw
from cardcore.tlv import encode, parse, parse_one

MAX_KEYS = 16
_SET, _RESTORE = 0x41, 0xF3
_GENERATION, _SIGNATURE, _CONFIDENTIALITY = 0x00, 0xB6, 0xB8
_RSA_GENERATION, _EC_GENERATION = 0xF3, 0xEC
_RSA_PKCS1, _ECDSA_SHA1 = 0x11, 0x21
_ALGORITHM, _PRIVATE_REFERENCE = 0x80, 0x84
_PUBLIC_KEY = 0x7F49
_RSA_PRIVATE, _EC_PRIVATE = 0x7F48, 0xE0
_P, _Q, _QINV, _DP, _DQ = 0x92, 0x93, 0x94, 0x95, 0x96
_SECRET_NUMBER = 0x88
_MAX_SIGNED = 245  # what PKCS #1 leaves of a block of 256


def manage_environment(iso: IsoContext, command: CommandApdu) -> bytes:
    """MSE SET (41) for generation (00), signature (B6) or decryption (B8); RESTORE (F3) clears the environment."""
    iso.require_pin()
    if command.p1 == _RESTORE:
        iso.security = replace(iso.security, algorithm=0, reference=-1)
        return b""
    if command.p1 != _SET:
        raise Refusal(Sw.FUNCTION_NOT_SUPPORTED)
    fields = _fields(command.data)
    algorithm, reference = fields.get(_ALGORITHM, b""), fields.get(_PRIVATE_REFERENCE, b"")
    if len(algorithm) != 1 or len(reference) != 1 or reference[0] >= MAX_KEYS:
        raise Refusal(SW_DATA_INVALID)
    _check_environment(iso, command.p2, algorithm[0], reference[0])
    iso.security = replace(iso.security, algorithm=algorithm[0], reference=reference[0])
    return b""


def _check_environment(iso: IsoContext, template: int, algorithm: int, reference: int) -> None:
    allowed = {
        _GENERATION: (_RSA_GENERATION, _EC_GENERATION),
        _SIGNATURE: (_RSA_PKCS1, _ECDSA_SHA1),
        _CONFIDENTIALITY: (_RSA_PKCS1,),
    }
    if algorithm not in allowed.get(template, ()):
        raise Refusal(Sw.FUNCTION_NOT_SUPPORTED)
    if template == _GENERATION:
        return
    record = iso.state.keys.get(reference)
    if record is None or record.kind.startswith("rsa") is not (algorithm == _RSA_PKCS1):
        raise Refusal(SW_DATA_INVALID)


def generate(iso: IsoContext, command: CommandApdu) -> bytes:
    """GENERATE ASYMMETRIC KEY PAIR: 46 42 00 for RSA; 46 00 00 with the domain parameters for a curve."""
    iso.require_pin()
    wanted = {_RSA_GENERATION: 0x42, _EC_GENERATION: 0x00}.get(iso.security.algorithm)
    if wanted is None:
        raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
    if (command.p1, command.p2) != (wanted, 0x00):
        raise Refusal(Sw.INCORRECT_P1_P2)
    is_rsa = iso.security.algorithm == _RSA_GENERATION
    kind = KeyType.RSA2048 if is_rsa else _curve(_fields(command.data))
    record = _store(iso, kind, keys.generate(kind))
    return encode(_PUBLIC_KEY, record.public)


def put_data(iso: IsoContext, command: CommandApdu) -> bytes:
    """PUT DATA 3F FF: import a private key where the environment for generation says (ISO 7816-8:2021, annex C)."""
    iso.require_pin()
    if (command.p1, command.p2) != (0x3F, 0xFF):
        raise Refusal(Sw.INCORRECT_P1_P2)
    outer = {_RSA_GENERATION: _RSA_PRIVATE, _EC_GENERATION: _EC_PRIVATE}.get(iso.security.algorithm)
    if outer is None:
        raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
    try:
        template = parse_one(command.data)
    except ReplyError:
        raise Refusal(SW_DATA_INVALID) from None
    if template.tag != outer:
        raise Refusal(Sw.INCORRECT_DATA)
    fields = _fields(template.value)
    try:
        kind, key = _imported_rsa(fields) if outer == _RSA_PRIVATE else _imported_ec(fields)
    except (KeyError, ValueError, ArithmeticError):
        raise Refusal(SW_DATA_INVALID) from None
    _store(iso, kind, key)
    return b""


def _imported_rsa(fields: dict[int, bytes]) -> tuple[KeyType, PrivateKey]:
    p, q, qinv, dp, dq = (int.from_bytes(fields[tag]) for tag in (_P, _Q, _QINV, _DP, _DQ))
    key = from_crt(p, q, dp, dq, qinv)
    if key.key_size != 2048:
        raise ValueError("only keys of 2048 bits")
    return KeyType.RSA2048, key


def _imported_ec(fields: dict[int, bytes]) -> tuple[KeyType, PrivateKey]:
    kind = _curve(fields)
    size = len(CURVES[kind][PRIME])
    return kind, keys.from_scalar(kind, fields[_SECRET_NUMBER].rjust(size, b"\x00"))


def _curve(fields: dict[int, bytes]) -> KeyType:
    """The curve with these domain parameters; 6A81 for one that the card has not, 6984 if a parameter is missing."""
    if not {*DOMAIN, COFACTOR} <= set(fields):
        raise Refusal(SW_DATA_INVALID)
    for kind, domain in CURVES.items():
        if all(fields[tag].lstrip(b"\x00") == domain[tag].lstrip(b"\x00") for tag in DOMAIN):
            return kind
    raise Refusal(Sw.FUNCTION_NOT_SUPPORTED)


def _store(iso: IsoContext, kind: KeyType, key: PrivateKey) -> KeyRecord:
    public = keys.public_objects(key)
    if kind in CURVES:
        domain = b"".join(encode(tag, value) for tag, value in CURVES[kind].items())
        public = domain + encode(POINT, _fields(public)[POINT]) + encode(COFACTOR, b"\x00\x01")
    record = KeyRecord(kind=kind, public=public, sealed=seal(iso.state.vault.public, keys.to_bytes(key), public))
    iso.commit(iso.state.with_key(iso.security.reference, record))
    return record


def perform(iso: IsoContext, command: CommandApdu) -> bytes:
    """PSO: COMPUTE DIGITAL SIGNATURE (9E 9A) or DECIPHER (80 86) with the key of the environment."""
    iso.require_pin()
    record = iso.state.keys.get(iso.security.reference)
    key = None if record is None else iso.private_key(record)
    if (command.p1, command.p2) == (0x9E, 0x9A):
        return _sign(iso.security.algorithm, key, command)
    if (command.p1, command.p2) == (0x80, 0x86):
        return _decipher(iso.security.algorithm, key, command.data)
    raise Refusal(Sw.INCORRECT_P1_P2)


def _sign(algorithm: int, key: PrivateKey | None, command: CommandApdu) -> bytes:
    """RSA: any bytes, padded here (RFC 8017, 9.2, with what comes in place of T). ECDSA: hashed here with SHA-1."""
    if algorithm == _RSA_PKCS1 and isinstance(key, RSAPrivateKey):
        if len(command.data) > _MAX_SIGNED:
            raise Refusal(Sw.WRONG_LENGTH)
        if command.le and command.le < key.key_size // 8:
            raise Refusal(0x6C00)
        return sign_pkcs1(key, command.data)
    if algorithm == _ECDSA_SHA1 and isinstance(key, EllipticCurvePrivateKey):
        machine = Hash(SHA1())  # noqa: S303 - the hash that this version of the applet has
        machine.update(command.data)
        return keys.ecdsa_sign(key, machine.finalize())
    raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)


def _decipher(algorithm: int, key: PrivateKey | None, data: bytes) -> bytes:
    """Padding indicator 00, cryptogram; the padding of RFC 8017, 7.2 is taken off here."""
    if data[:1] != b"\x00":
        raise Refusal(Sw.INCORRECT_DATA)
    if algorithm != _RSA_PKCS1 or not isinstance(key, RSAPrivateKey):
        raise Refusal(Sw.FUNCTION_NOT_SUPPORTED)
    if len(data) - 1 != key.key_size // 8:
        raise Refusal(Sw.WRONG_LENGTH)
    try:
        return decrypt_pkcs1(key, data[1:])
    except ValueError:
        raise Refusal(Sw.INCORRECT_DATA) from None


def _fields(data: bytes) -> dict[int, bytes]:
    try:
        return {item.tag: item.value for item in parse(data)}
    except ReplyError:
        raise Refusal(SW_DATA_INVALID) from None
