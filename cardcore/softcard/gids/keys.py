"""Keys: choosing one, signing, deciphering, generating, importing, telling the public half (GIDS 2.0, 9.5)."""

from __future__ import annotations

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1

from cardcore.apdu import CommandApdu
from cardcore.errors import ReplyError
from cardcore.softcard import keys
from cardcore.softcard.application import Refusal
from cardcore.softcard.context import require_parameters
from cardcore.softcard.gids.algorithms import (
    ADMIN_KEY_SIZE,
    AUTHENTICATION_MECHANISM,
    KEY_TYPES,
    Mode,
    key_file,
)
from cardcore.softcard.gids.context import GidsContext, Operation, byte_of, value_of
from cardcore.softcard.gids.state import File
from cardcore.softcard.rsa import decrypt_pkcs1, from_crt, private_operation, sign_pkcs1
from cardcore.sw import Sw
from cardcore.tlv import encode, parse_one

_SET_TO_USE = 0x41
_SET_TO_VERIFY = frozenset({0x81, 0xC1})
_ALGORITHM, _KEY, _PRIVATE_KEY = 0x80, 0x83, 0x84
_SIGN, _DECIPHER = (0x9E, 0x9A), (0x80, 0x86)
_PUBLIC_KEY = 0x7F49
_GENERATE = 0xAC
_IMPORT, _TEMPLATE, _VALUE = 0x70, 0xA5, 0x87
_SYMMETRIC, _RSA = 1, 2
_LEAST_PADDING = 11
_INTEGERS = 9  # version, n, e, d, p, q, dp, dq, qinv (RFC 8017, A.1.2)


def manage_environment(gids: GidsContext, command: CommandApdu) -> bytes:
    """MANAGE SECURITY ENVIRONMENT, SET: the key of what follows, and a mechanism that its file lists."""
    if command.p1 in _SET_TO_VERIFY:
        reference, mechanism = byte_of(command.data, _KEY), AUTHENTICATION_MECHANISM
    elif command.p1 == _SET_TO_USE:
        mechanism, reference = byte_of(command.data, _ALGORITHM), byte_of(command.data, _PRIVATE_KEY)
    else:
        raise Refusal(Sw.FUNCTION_NOT_SUPPORTED)
    file = gids.key_file(reference)
    if (command.p2, mechanism) not in file.header.mechanisms:
        raise Refusal(Sw.REFERENCE_DATA_NOT_USABLE)
    gids.require(file, Operation.USE_KEY)
    identifier = key_file(reference)
    verifying = command.p1 in _SET_TO_VERIFY
    gids.environment = replace(
        gids.environment,
        key=None if verifying else identifier,
        mechanism=mechanism,
        admin_key=identifier if verifying else None,
    )
    return b""


def perform(gids: GidsContext, command: CommandApdu) -> bytes:
    """PERFORM SECURITY OPERATION: compute a signature, or decipher, with the key that was chosen."""
    if (command.p1, command.p2) not in (_SIGN, _DECIPHER):
        raise Refusal(Sw.INCORRECT_P1_P2)
    file = None if gids.environment.key is None else gids.state.files.get(gids.environment.key)
    if file is None:
        raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
    gids.require(file, Operation.USE_KEY)
    key = gids.private_key(file)
    use = _sign if (command.p1, command.p2) == _SIGN else _decipher
    try:
        return use(key, gids.environment.mechanism & 0xF0, command.data)
    except ValueError:
        raise Refusal(Sw.INCORRECT_DATA) from None


def _sign(key: RSAPrivateKey, mode: int, data: bytes) -> bytes:
    size = key.key_size // 8
    if mode == Mode.SIGN_RAW:
        return private_operation(key, data)
    if mode != Mode.SIGN_PKCS1:
        raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
    if len(data) > size - _LEAST_PADDING:
        raise Refusal(Sw.WRONG_LENGTH)
    return sign_pkcs1(key, data)


def _decipher(key: RSAPrivateKey, mode: int, data: bytes) -> bytes:
    if mode not in (Mode.RAW, Mode.DECIPHER_PKCS1, Mode.DECIPHER_OAEP):
        raise Refusal(Sw.FUNCTION_NOT_SUPPORTED)
    if len(data) != key.key_size // 8:
        raise Refusal(Sw.WRONG_LENGTH)
    if mode == Mode.DECIPHER_OAEP:
        return key.decrypt(data, OAEP(MGF1(SHA1()), SHA1(), None))  # noqa: S303 - the hash of the standard's default
    return private_operation(key, data) if mode == Mode.RAW else decrypt_pkcs1(key, data)


def generate(gids: GidsContext, command: CommandApdu) -> bytes:
    """GENERATE ASYMMETRIC KEY PAIR into an existing key file; the reply is the public key."""
    require_parameters(command.p1, command.p2)
    template = value_of(command.data, _GENERATE)
    reference, algorithm = byte_of(template, _KEY), byte_of(template, _ALGORITHM)
    gids.require(gids.key_file(reference), Operation.GENERATE)
    if algorithm not in KEY_TYPES:
        raise Refusal(Sw.FUNCTION_NOT_SUPPORTED)
    key = keys.generate(KEY_TYPES[algorithm])
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("not an RSA key")
    return encode(_PUBLIC_KEY, _store(gids, reference, key))


def _store(gids: GidsContext, reference: int, key: RSAPrivateKey) -> bytes:
    public = keys.public_objects(key)
    gids.store_key(reference, key, keys.to_bytes(key), public)
    return public


def public_key(gids: GidsContext, request: bytes) -> bytes:
    """GET DATA with 70{84 key, A5{7F49 80}}: the public half of a key."""
    reference = byte_of(request, _PRIVATE_KEY)
    value_of(request, _TEMPLATE)
    file = gids.key_file(reference)
    gids.require(file, Operation.GET)
    if file.pair is None:
        raise Refusal(Sw.DATA_NOT_FOUND)
    return encode(_PUBLIC_KEY, file.pair.public)


def import_key(gids: GidsContext, data: bytes) -> bytes:
    """PUT DATA with 70{84 key, A5{83 type, 84 00, 87 value}}: a symmetric key, or an RSA key as RSAPrivateKey."""
    template = value_of(data, _IMPORT)
    reference = byte_of(template, _PRIVATE_KEY)
    fields = value_of(template, _TEMPLATE)
    file = gids.key_file(reference)
    gids.require(file, Operation.PUT)
    if byte_of(fields, _PRIVATE_KEY, 0):
        raise Refusal(Sw.FUNCTION_NOT_SUPPORTED)  # the key would come encrypted under another one
    kind, value = byte_of(fields, _KEY, _SYMMETRIC), value_of(fields, _VALUE)
    if kind == _SYMMETRIC and len(value) == ADMIN_KEY_SIZE:
        _store_symmetric(gids, reference, file, value)
    elif kind == _RSA:
        _store(gids, reference, _rsa_key(value))
    else:
        raise Refusal(Sw.REFERENCE_DATA_NOT_USABLE)
    return b""


def _store_symmetric(gids: GidsContext, reference: int, file: File, value: bytes) -> None:
    gids.commit(gids.state.with_file(key_file(reference), replace(file, symmetric=value, pair=None)))


def _rsa_key(value: bytes) -> RSAPrivateKey:
    """The key in an RSAPrivateKey (RFC 8017, A.1.2), whose numbers may lack the leading zero that DER asks for."""
    try:
        sequence = parse_one(value)
        numbers = [int.from_bytes(item.value) for item in sequence.children() if item.tag == 0x02]
        if sequence.tag != 0x30 or len(numbers) != _INTEGERS:
            raise ValueError("no RSAPrivateKey")
        n, p, q, dp, dq, qinv = numbers[1], *numbers[4:]
        key = from_crt(p, q, dp, dq, qinv)
        if key.private_numbers().public_numbers.n != n or keys.type_of(key) not in KEY_TYPES.values():
            raise ValueError("the numbers do not belong together")
    except (ReplyError, ValueError, ArithmeticError):
        raise Refusal(Sw.REFERENCE_DATA_NOT_USABLE) from None
    return key
