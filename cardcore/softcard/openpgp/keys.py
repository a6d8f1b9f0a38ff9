"""Private keys: GENERATE, import, PSO, INTERNAL AUTHENTICATE, MSE (OpenPGP card 3.4, 7.2.10 to 7.2.14, 7.2.18)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cardcore.apdu import CommandApdu
from cardcore.errors import ReplyError
from cardcore.softcard import keys
from cardcore.softcard.application import Refusal
from cardcore.softcard.context import items_of, require_parameters
from cardcore.softcard.keys import KeyType, PrivateKey
from cardcore.softcard.openpgp.algorithms import SLOTS, Crt, key_type
from cardcore.softcard.openpgp.context import Access, OpenPgpContext
from cardcore.softcard.openpgp.objects import private_key_of
from cardcore.softcard.openpgp.state import KeyRecord
from cardcore.softcard.rsa import decrypt_pkcs1, from_crt, sign_pkcs1
from cardcore.softcard.vault import seal
from cardcore.sw import Sw
from cardcore.tlv import encode, require

_GENERATE, _READ = 0x80, 0x81
_PUBLIC_KEY = 0x7F49
_E, _P, _Q, _QINV, _DP, _DQ, _N = 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97
_SCALAR, _POINT = 0x92, 0x99
_RSA_INDICATOR = 0x00
_MOST_OF_MODULUS = 40  # per cent, 7.2.10
_PREFIXED_X25519 = 33
_MAX_SIGNATURES = 0xFFFFFF
# DigestInfo up to the hash itself (RFC 8017, 9.2 note 1), and that hash's length: all that a strict card signs.
_SHA_2: Mapping[int, bytes] = MappingProxyType(
    {
        32: bytes.fromhex("3031300D060960864801650304020105000420"),
        48: bytes.fromhex("3041300D060960864801650304020205000430"),
        64: bytes.fromhex("3051300D060960864801650304020305000440"),
    }
)


def generate(card: OpenPgpContext, command: CommandApdu) -> bytes:
    """GENERATE ASYMMETRIC KEY PAIR: P1 80 makes a key of the type that the attributes say, 81 tells the public key."""
    if command.p1 not in (_GENERATE, _READ) or command.p2:
        raise Refusal(Sw.INCORRECT_P1_P2)
    items = items_of(command.data)
    if len(items) != 1 or items[0].tag not in set(Crt):
        raise Refusal(Sw.INCORRECT_DATA)
    crt = Crt(items[0].tag)
    if command.p1 == _GENERATE:
        card.require(Access.ADMIN)
        _store(card, crt, keys.generate(_type_of_slot(card, crt)), generated=True)
    return encode(_PUBLIC_KEY, card.record(crt).public)


def import_key(card: OpenPgpContext, command: CommandApdu) -> bytes:
    """PUT DATA, odd instruction, 3FFF: a private key as an extended header list 4D."""
    require_parameters(command.p1, command.p2, 0x3F, 0xFF)
    card.require(Access.ADMIN)
    crt, lengths, joined = private_key_of(command.data)
    parts: dict[int, bytes] = {}
    for tag, length in lengths:
        parts[tag], joined = joined[:length], joined[length:]
    kind = _type_of_slot(card, crt)
    try:
        key = _rsa(parts) if kind.startswith("rsa") else _curve(kind, parts)
    except (ValueError, ArithmeticError):
        raise Refusal(Sw.INCORRECT_DATA) from None
    if keys.type_of(key) != kind or joined:
        raise Refusal(Sw.INCORRECT_DATA)
    _store(card, crt, key, generated=False)
    return b""


def _rsa(parts: dict[int, bytes]) -> RSAPrivateKey:
    """The key of the numbers that are there; e, p, q suffice, the others must fit."""
    numbers = {tag: int.from_bytes(part) for tag, part in parts.items()}
    if not {_E, _P, _Q} <= set(numbers):
        raise ValueError("e, p and q are wanted")
    e, p, q = numbers[_E], numbers[_P], numbers[_Q]
    dp, dq, qinv = pow(e, -1, p - 1), pow(e, -1, q - 1), pow(q, -1, p)
    expected = {_E: e, _P: p, _Q: q, _QINV: qinv, _DP: dp, _DQ: dq, _N: p * q}
    if any(expected.get(tag) != number for tag, number in numbers.items()):
        raise ValueError("the numbers do not belong together")
    return from_crt(p, q, dp, dq, qinv)


def _curve(kind: KeyType, parts: dict[int, bytes]) -> PrivateKey:
    if set(parts) - {_POINT} != {_SCALAR}:
        raise ValueError("the secret number is wanted, and perhaps the public key")
    scalar = parts[_SCALAR]
    # OpenPGP keeps the secret number of Curve25519 as a number, so the bytes come turned round (RFC 9580, 5.5.5.6.1.1).
    return keys.from_scalar(kind, scalar[::-1] if kind == KeyType.X25519 else scalar)


def _type_of_slot(card: OpenPgpContext, crt: Crt) -> KeyType:
    return key_type(crt, card.state.objects[SLOTS[crt].attributes])


def _store(card: OpenPgpContext, crt: Crt, key: PrivateKey, *, generated: bool) -> None:
    public = keys.public_objects(key)
    sealed = seal(card.state.vault.public, keys.to_bytes(key), public)
    card.commit(card.state.with_key(crt, KeyRecord(generated=generated, public=public, sealed=sealed)))


def perform(card: OpenPgpContext, command: CommandApdu) -> bytes:
    """PERFORM SECURITY OPERATION: compute a digital signature (9E 9A) or decipher (80 86)."""
    operation = {(0x9E, 0x9A): _sign, (0x80, 0x86): _decipher}.get((command.p1, command.p2))
    if operation is None:
        raise Refusal(Sw.INCORRECT_P1_P2)
    return operation(card, command.data)


def _sign(card: OpenPgpContext, data: bytes) -> bytes:
    key = card.private_key(Crt.SIGNATURE, Access.SIGN)
    if card.state.strict and isinstance(key, RSAPrivateKey) and data not in _strict_inputs(data):
        raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
    result = _signature(key, data)
    if card.state.pin_each_time:
        card.revoke(Access.SIGN)
    card.commit(replace(card.state, signatures=min(card.state.signatures + 1, _MAX_SIGNATURES)))
    return result


def _strict_inputs(data: bytes) -> list[bytes]:
    return [prefix + data[len(prefix) :] for size, prefix in _SHA_2.items() if len(data) == len(prefix) + size]


def authenticate(card: OpenPgpContext, command: CommandApdu) -> bytes:
    """INTERNAL AUTHENTICATE (7.2.13): sign with the authentication key, or the one that MSE chose."""
    require_parameters(command.p1, command.p2, 0, 0)
    return _signature(card.private_key(card.security.authenticate, Access.USER), command.data)


def _signature(key: PrivateKey, data: bytes) -> bytes:
    """RSA: DigestInfo or anything else, padded here. ECDSA: a hash, the result r||s. EdDSA: a message."""
    if not data:
        raise Refusal(Sw.WRONG_LENGTH)
    if isinstance(key, RSAPrivateKey):
        size = key.key_size // 8
        if len(data) * 100 > size * _MOST_OF_MODULUS:
            raise Refusal(Sw.WRONG_LENGTH)
        return sign_pkcs1(key, data)
    if isinstance(key, EllipticCurvePrivateKey):
        r, s = decode_dss_signature(keys.ecdsa_sign(key, data))
        return b"".join(number.to_bytes(key.key_size // 8) for number in (r, s))
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(data)
    raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)


def _decipher(card: OpenPgpContext, data: bytes) -> bytes:
    key = card.private_key(card.security.decipher, Access.USER)
    try:
        return _unpadded(key, data) if isinstance(key, RSAPrivateKey) else _agreed(key, data)
    except (ValueError, ReplyError):
        raise Refusal(Sw.INCORRECT_DATA) from None


def _unpadded(key: RSAPrivateKey, data: bytes) -> bytes:
    """RSA: padding indicator 00 and the cryptogram; the result without its padding (RFC 8017, 7.2.2)."""
    if data[:1] != bytes((_RSA_INDICATOR,)):
        raise ValueError("no padding indicator for RSA")
    return decrypt_pkcs1(key, data[1:])


def _agreed(key: PrivateKey, data: bytes) -> bytes:
    """ECDH: the other side's public key in A6 / 7F49 / 86; the result is the bare shared secret."""
    peer = require(data, [0xA6, _PUBLIC_KEY, 0x86])
    if isinstance(key, X25519PrivateKey) and len(peer) == _PREFIXED_X25519:
        peer = peer[1:]
    return keys.agree(key, peer)


def manage_environment(card: OpenPgpContext, command: CommandApdu) -> bytes:
    """MANAGE SECURITY ENVIRONMENT (7.2.18): the key, 2 or 3, for PSO DECIPHER (B8) or INTERNAL AUTHENTICATE (A4)."""
    chosen = {encode(0x83, bytes((SLOTS[crt].number,))): crt for crt in (Crt.DECIPHER, Crt.AUTHENTICATION)}
    if command.p1 != 0x41 or command.p2 not in (Crt.DECIPHER, Crt.AUTHENTICATION):
        raise Refusal(Sw.INCORRECT_P1_P2)
    crt = chosen.get(command.data)
    if crt is None:
        raise Refusal(Sw.INCORRECT_DATA)
    if command.p2 == Crt.DECIPHER:
        card.security = replace(card.security, decipher=crt)
    else:
        card.security = replace(card.security, authenticate=crt)
    return b""
