"""The card management key 9B: proving it, and changing it (SP 800-73-4 part 2, 3.2.4 and appendix A.1)."""

from __future__ import annotations

import hmac
import os
from dataclasses import replace

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from cardcore.apdu import CommandApdu
from cardcore.softcard.application import Refusal
from cardcore.softcard.piv.algorithms import ADMIN_KEY_SIZES, REFERENCE_ADMIN, Algorithm, TouchPolicy
from cardcore.softcard.piv.context import PivContext
from cardcore.softcard.piv.state import AdminKey
from cardcore.sw import Sw
from cardcore.tlv import encode

FACTORY_KEY = bytes.fromhex("010203040506070801020304050607080102030405060708")
_WITNESS = 0x80
_CHALLENGE = 0x81
_RESPONSE = 0x82
_TEMPLATE = 0x7C
_TOUCH = {0xFF: TouchPolicy.NEVER, 0xFE: TouchPolicy.ALWAYS}


def authenticate(piv: PivContext, algorithm: int, fields: dict[int, bytes]) -> bytes:
    """GENERAL AUTHENTICATE with 9B, one step of either procedure.

    Mutual: the host asks for a witness, returns it decrypted with a challenge of its own, and gets that
    encrypted. External: the host asks for a challenge and returns it encrypted. Each witness and challenge
    serves once; a wrong answer takes an earlier proof back.
    """
    key = piv.state.admin
    if (algorithm or Algorithm.TDES) != key.algorithm:
        raise Refusal(Sw.INCORRECT_DATA)
    witness, challenge = piv.security.witness, piv.security.challenge
    piv.security = replace(piv.security, witness=b"", challenge=b"")
    filled = {tag for tag, value in fields.items() if value}
    if set(fields) == {_WITNESS} and not filled:
        piv.security = replace(piv.security, witness=os.urandom(block_size(key)))
        return _answer(_WITNESS, encrypt(key, piv.security.witness))
    if set(fields) == {_CHALLENGE} and not filled:
        piv.security = replace(piv.security, challenge=os.urandom(block_size(key)))
        return _answer(_CHALLENGE, piv.security.challenge)
    if set(fields) - {_RESPONSE} == {_WITNESS, _CHALLENGE} and filled == {_WITNESS, _CHALLENGE}:
        if len(fields[_CHALLENGE]) != block_size(key):
            raise Refusal(Sw.INCORRECT_DATA)
        _prove(piv, witness, fields[_WITNESS])
        return _answer(_RESPONSE, encrypt(key, fields[_CHALLENGE]))
    if filled == {_RESPONSE} == set(fields):
        _prove(piv, challenge and encrypt(key, challenge), fields[_RESPONSE])
        return b""
    raise Refusal(Sw.INCORRECT_DATA)


def _prove(piv: PivContext, expected: bytes, given: bytes) -> None:
    piv.security = replace(piv.security, admin=bool(expected) and hmac.compare_digest(expected, given))
    piv.require_admin()


def _answer(tag: int, value: bytes) -> bytes:
    return encode(_TEMPLATE, encode(tag, value))


def set_key(piv: PivContext, command: CommandApdu) -> bytes:
    """SET MANAGEMENT KEY (vendor, FF): algorithm, 9B, length, key; P2 is FE for one that wants a touch, else FF.

    Wants the present one proved.
    """
    touch = _TOUCH.get(command.p2)
    if command.p1 != 0xFF or touch is None:
        raise Refusal(Sw.INCORRECT_P1_P2)
    piv.require_admin()
    data = command.data
    if len(data) < 3 or data[1] != REFERENCE_ADMIN or data[2] != len(data) - 3:
        raise Refusal(Sw.INCORRECT_DATA)
    if data[0] not in ADMIN_KEY_SIZES or ADMIN_KEY_SIZES[Algorithm(data[0])] != data[2]:
        raise Refusal(Sw.INCORRECT_DATA)
    key = make_key(data[3:], Algorithm(data[0]))
    piv.commit(replace(piv.state, admin=replace(key, touch_policy=touch)))
    return b""


def make_key(value: bytes, algorithm: Algorithm) -> AdminKey:
    """A management key, marked as the published factory one where it is."""
    factory = algorithm == Algorithm.TDES and value == FACTORY_KEY
    return AdminKey(algorithm=algorithm, value=value, factory=factory)


def block_size(key: AdminKey) -> int:
    """Block length of the key's cipher in bytes."""
    return 8 if key.algorithm == Algorithm.TDES else 16


def encrypt(key: AdminKey, block: bytes) -> bytes:
    """Encrypt one block with the management key."""
    cipher = TripleDES(key.value) if key.algorithm == Algorithm.TDES else AES(key.value)
    encryptor = Cipher(cipher, ECB()).encryptor()  # noqa: S305 - single blocks of random data, as the standard has it
    return encryptor.update(block) + encryptor.finalize()
