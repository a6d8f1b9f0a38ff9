"""Keys: KEY INFORMATION, GENERATE KEY PAIR, security environment, signatures, deciphering (manual, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from cardcore.apdu import CommandApdu
from cardcore.softcard import keys
from cardcore.softcard.application import Refusal
from cardcore.softcard.context import items_of, require_parameters
from cardcore.softcard.keys import KeyType
from cardcore.softcard.larkspur.context import LarkspurContext
from cardcore.softcard.records import KeyRecord
from cardcore.softcard.rsa import decrypt_pkcs1, sign_pkcs1
from cardcore.softcard.vault import seal
from cardcore.sw import Sw
from cardcore.tlv import encode

SIGNATURE_KEY = 0x01
REFERENCES = range(0x01, 0x04)
OWN_CLASS = 0x80
_SIZES: Mapping[bytes, KeyType] = MappingProxyType(
    {bits.to_bytes(2, "little"): KeyType(f"rsa{bits}") for bits in (1024, 2048)}
)
_SIZE, _MODULUS, _EXPONENT, _PUBLIC_KEY = 0x90, 0x81, 0x82, 0x7F49
_SET = 0xF1
_SIGN, _DECIPHER = 0xB6, 0xB8
_MECHANISMS: Mapping[int, bytes] = MappingProxyType({_SIGN: b"\x01\x10", _DECIPHER: b"\x01\x20"})
_REFERENCE, _MECHANISM = 0xC1, 0xC2
_INDICATOR = b"\x81"


def information(card: LarkspurContext, command: CommandApdu) -> bytes:
    """KEY INFORMATION (80 48): the size of a key, and its public half."""
    _require_own(command)
    record = card.record(_reference(command))
    size = next(size for size, kind in _SIZES.items() if kind == record.kind)
    return encode(_SIZE, size) + record.public


def generate(card: LarkspurContext, command: CommandApdu) -> bytes:
    """GENERATE KEY PAIR (80 46): with PIN 1, in place of the key before; the reply is the public key."""
    _require_own(command)
    reference = _reference(command)
    card.require_pin()
    kind = _SIZES.get(_objects(command.data).get(_SIZE, b""))
    if kind is None:
        raise Refusal(Sw.INCORRECT_DATA)
    key = keys.generate(kind)
    public = _public(key)
    record = KeyRecord(kind=kind, public=public, sealed=seal(card.state.vault.public, keys.to_bytes(key), public))
    card.commit(card.state.with_key(reference, record))
    return public


def _public(key: keys.PrivateKey) -> bytes:
    """Modulus and exponent, the least significant byte first."""
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("not an RSA key")
    numbers = key.public_key().public_numbers()
    modulus = encode(_MODULUS, numbers.n.to_bytes(key.key_size // 8, "little"))
    return encode(_PUBLIC_KEY, modulus + encode(_EXPONENT, numbers.e.to_bytes(3, "little")))


def manage_environment(card: LarkspurContext, command: CommandApdu) -> bytes:
    """MANAGE SECURITY ENVIRONMENT (80 22 F1): key and mechanism for signatures (B6) or deciphering (B8)."""
    _require_own(command)
    wanted = _MECHANISMS.get(command.p2)
    if command.p1 != _SET or wanted is None:
        raise Refusal(Sw.INCORRECT_P1_P2)
    objects = _objects(command.data)
    if objects.get(_MECHANISM) != wanted or len(objects.get(_REFERENCE, b"")) != 1:
        raise Refusal(Sw.INCORRECT_DATA)
    key = objects[_REFERENCE][0]
    card.record(key)
    if (key, command.p2) == (SIGNATURE_KEY, _DECIPHER):
        raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
    card.security = replace(card.security, purpose=command.p2, mechanism=wanted, key=key)
    return b""


def perform(card: LarkspurContext, command: CommandApdu) -> bytes:
    """PERFORM SECURITY OPERATION: COMPUTE DIGITAL SIGNATURE (9E 9A) or DECIPHER (80 86)."""
    purpose = {(0x9E, 0x9A): _SIGN, (0x80, 0x86): _DECIPHER}.get((command.p1, command.p2))
    if purpose is None:
        raise Refusal(Sw.INCORRECT_P1_P2)
    if card.security.purpose != purpose:
        raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
    key = _private_key(card)
    try:
        return sign_pkcs1(key, command.data) if purpose == _SIGN else _deciphered(key, command.data)
    except ValueError:
        raise Refusal(Sw.INCORRECT_DATA) from None


def _private_key(card: LarkspurContext) -> RSAPrivateKey:
    """The key of the environment; the signature key is open once for each VERIFY."""
    vault = card.require_pin()
    if card.security.key == SIGNATURE_KEY:
        if not card.security.fresh:
            raise Refusal(Sw.SECURITY_STATUS)
        card.security = replace(card.security, fresh=False)
    key = card.unseal(vault, card.record(card.security.key))
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("not an RSA key")
    return key


def _deciphered(key: RSAPrivateKey, data: bytes) -> bytes:
    """The padding indicator 81 and the cryptogram; the message without its padding."""
    if not data.startswith(_INDICATOR):
        raise ValueError("no padding indicator")
    return decrypt_pkcs1(key, data[1:])


def _require_own(command: CommandApdu) -> None:
    if command.cla != OWN_CLASS:
        raise Refusal(Sw.CLA_NOT_SUPPORTED)


def _reference(command: CommandApdu) -> int:
    require_parameters(command.p1, command.p2, 0, command.p2)
    if command.p2 not in REFERENCES:
        raise Refusal(Sw.INCORRECT_P1_P2)
    return command.p2


def _objects(data: bytes) -> dict[int, bytes]:
    return {item.tag: item.value for item in items_of(data)}
