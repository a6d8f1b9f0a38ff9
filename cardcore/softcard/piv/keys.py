"""Private keys in slots: generate, import, use, describe, move (SP 800-73-4 part 2, 3.2.4, 3.3.2; vendor)."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from cardcore.apdu import CommandApdu
from cardcore.softcard import keys
from cardcore.softcard.application import Refusal
from cardcore.softcard.keys import KeyType, PrivateKey
from cardcore.softcard.piv import admin
from cardcore.softcard.piv.algorithms import (
    ALGORITHMS,
    KEY_SLOTS,
    KEY_TYPES,
    REFERENCE_ADMIN,
    REFERENCE_PIN,
    REFERENCE_PUK,
    Algorithm,
    Origin,
    PinPolicy,
    TouchPolicy,
    default_pin_policy,
)
from cardcore.softcard.piv.context import PivContext, fields_of
from cardcore.softcard.piv.state import PIN, PUK, KeyRecord
from cardcore.softcard.rsa import from_crt, private_operation
from cardcore.softcard.vault import seal
from cardcore.sw import Sw
from cardcore.tlv import encode

_TEMPLATE = 0x7C
_CHALLENGE = 0x81
_RESPONSE = 0x82
_EXPONENTIATION = 0x85
_GENERATE_TEMPLATE = 0xAC
_ALGORITHM = 0x80
_PIN_POLICY = 0xAA
_TOUCH_POLICY = 0xAB
_PUBLIC_KEY = 0x7F49
_CRT_TAGS = (0x01, 0x02, 0x03, 0x04, 0x05)
_SCALAR_TAGS = {KeyType.ECP256: 0x06, KeyType.ECP384: 0x06, KeyType.ED25519: 0x07, KeyType.X25519: 0x08}
_DELETE = 0xFF
_NO_ALGORITHM = 0xFF


def authenticate(piv: PivContext, command: CommandApdu) -> bytes:
    """GENERAL AUTHENTICATE (3.2.4): sign, decrypt or agree with a slot's key, or a step with the management key."""
    template = fields_of(command.data)
    if set(template) != {_TEMPLATE}:
        raise Refusal(Sw.INCORRECT_DATA)
    fields = fields_of(template[_TEMPLATE])
    if command.p2 == REFERENCE_ADMIN:
        return admin.authenticate(piv, command.p1, fields)
    record = _record(piv, command.p2)
    if command.p1 != record.algorithm or fields.get(_RESPONSE) != b"" or len(fields) != 2:
        raise Refusal(Sw.INCORRECT_DATA)
    key = piv.private_key(record)
    try:
        result = _use(key, fields)
    except ValueError:
        raise Refusal(Sw.INCORRECT_DATA) from None
    return encode(_TEMPLATE, encode(_RESPONSE, result))


def _use(key: PrivateKey, fields: dict[int, bytes]) -> bytes:
    if _EXPONENTIATION in fields:
        return keys.agree(key, fields[_EXPONENTIATION])
    if _CHALLENGE not in fields:
        raise ValueError("neither challenge nor exponentiation")
    if isinstance(key, RSAPrivateKey):
        return private_operation(key, fields[_CHALLENGE])
    if isinstance(key, EllipticCurvePrivateKey):
        return keys.ecdsa_sign(key, fields[_CHALLENGE])
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(fields[_CHALLENGE])
    raise ValueError("this key does not sign")


def generate(piv: PivContext, command: CommandApdu) -> bytes:
    """GENERATE ASYMMETRIC KEY PAIR (3.3.2): AC{80 algorithm, AA PIN policy, AB touch policy}; wants the admin."""
    piv.require_admin()
    slot = _slot(command.p2)
    if command.p1:
        raise Refusal(Sw.INCORRECT_P1_P2)
    template = fields_of(command.data)
    if set(template) != {_GENERATE_TEMPLATE}:
        raise Refusal(Sw.INCORRECT_DATA)
    fields = fields_of(template[_GENERATE_TEMPLATE])
    algorithm = fields.pop(_ALGORITHM, b"")
    pin_policy, touch_policy = _policies(fields, slot)
    if fields or len(algorithm) != 1:
        raise Refusal(Sw.INCORRECT_DATA)
    key = keys.generate(_key_type(algorithm[0]))
    record = _store(piv, slot, key, Origin.GENERATED, pin_policy, touch_policy)
    return encode(_PUBLIC_KEY, record.public)


def import_key(piv: PivContext, command: CommandApdu) -> bytes:
    """IMPORT ASYMMETRIC KEY (vendor, FE): P1 algorithm, P2 slot; 01 to 05 the RSA CRT numbers, 06 to 08 a scalar."""
    piv.require_admin()
    slot = _slot(command.p2)
    kind = _key_type(command.p1)
    fields = fields_of(command.data)
    pin_policy, touch_policy = _policies(fields, slot)
    try:
        key = _imported(kind, fields)
    except (ValueError, ArithmeticError):
        raise Refusal(Sw.INCORRECT_DATA) from None
    _store(piv, slot, key, Origin.IMPORTED, pin_policy, touch_policy)
    return b""


def _imported(kind: KeyType, fields: dict[int, bytes]) -> PrivateKey:
    if kind in _SCALAR_TAGS:
        if set(fields) != {_SCALAR_TAGS[kind]}:
            raise ValueError("one secret number is wanted")
        return keys.from_scalar(kind, fields[_SCALAR_TAGS[kind]])
    if set(fields) != set(_CRT_TAGS):
        raise ValueError("five CRT numbers are wanted")
    p, q, dp, dq, qinv = (int.from_bytes(fields[tag]) for tag in _CRT_TAGS)
    key = from_crt(p, q, dp, dq, qinv)
    if keys.type_of(key) != kind:
        raise ValueError("the key has another size")
    return key


def metadata(piv: PivContext, command: CommandApdu) -> bytes:
    """GET METADATA (vendor, F7): algorithm 01, policies 02, origin 03, public key 04, factory value 05, tries 06."""
    if command.p1:
        raise Refusal(Sw.INCORRECT_P1_P2)
    role = {REFERENCE_PIN: PIN, REFERENCE_PUK: PUK}.get(command.p2)
    if role is not None:
        tries = piv.state.tries[role]
        counters = bytes((tries.limit, tries.left))
        return encode(0x01, bytes((_NO_ALGORITHM,))) + encode(0x05, bytes((tries.factory,))) + encode(0x06, counters)
    if command.p2 == REFERENCE_ADMIN:
        key = piv.state.admin
        policies = bytes((PinPolicy.DEFAULT, key.touch_policy))
        return encode(0x01, bytes((key.algorithm,))) + encode(0x02, policies) + encode(0x05, bytes((key.factory,)))
    # Not 6A86: tools ask for the metadata of fingerprints (96) to learn that there are none.
    record = piv.state.keys.get(command.p2)
    if record is None:
        raise Refusal(Sw.DATA_NOT_FOUND)
    return (
        encode(0x01, bytes((record.algorithm,)))
        + encode(0x02, bytes((record.pin_policy, record.touch_policy)))
        + encode(0x03, bytes((record.origin,)))
        + encode(0x04, record.public)
    )


def move(piv: PivContext, command: CommandApdu) -> bytes:
    """MOVE KEY (vendor, F6): P1 new slot, or FF to delete; P2 slot. The certificate stays. Never overwrites a key."""
    piv.require_admin()
    record = _record(piv, command.p2)
    if command.data:
        raise Refusal(Sw.INCORRECT_DATA)
    emptied = piv.state.with_key(command.p2, None)
    if command.p1 == _DELETE:
        piv.commit(emptied)
        return b""
    if _slot(command.p1) in piv.state.keys:
        raise Refusal(Sw.INCORRECT_DATA)
    piv.commit(emptied.with_key(command.p1, record))
    return b""


def _store(
    piv: PivContext, slot: int, key: PrivateKey, origin: Origin, pin_policy: PinPolicy, touch_policy: TouchPolicy
) -> KeyRecord:
    vault = piv.state.open_vault if pin_policy == PinPolicy.NEVER else piv.state.vault
    public = keys.public_objects(key)
    record = KeyRecord(
        algorithm=ALGORITHMS[keys.type_of(key)],
        pin_policy=pin_policy,
        touch_policy=touch_policy,
        origin=origin,
        public=public,
        sealed=seal(vault.public, keys.to_bytes(key), public),
    )
    piv.commit(piv.state.with_key(slot, record))
    return record


def _policies(fields: dict[int, bytes], slot: int) -> tuple[PinPolicy, TouchPolicy]:
    """Take the policies out of `fields`; where none is named, the slot's own."""
    pin, touch = fields.pop(_PIN_POLICY, b"\x00"), fields.pop(_TOUCH_POLICY, b"\x00")
    try:
        pin_policy = PinPolicy(int.from_bytes(pin)) or default_pin_policy(slot)
        touch_policy = TouchPolicy(int.from_bytes(touch)) or TouchPolicy.NEVER
    except ValueError:
        raise Refusal(Sw.INCORRECT_DATA) from None
    return pin_policy, touch_policy


def _key_type(algorithm: int) -> KeyType:
    if algorithm not in KEY_TYPES:
        raise Refusal(Sw.INCORRECT_DATA)
    return KEY_TYPES[Algorithm(algorithm)]


def _slot(reference: int) -> int:
    if reference not in KEY_SLOTS:
        raise Refusal(Sw.INCORRECT_P1_P2)
    return reference


def _record(piv: PivContext, reference: int) -> KeyRecord:
    record = piv.state.keys.get(_slot(reference))
    if record is None:
        raise Refusal(Sw.DATA_NOT_FOUND)
    return record
