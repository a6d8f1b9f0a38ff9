"""Paddings and signature encodings that the host computes (RFC 8017 PKCS #1 v2.2; ECDSA forms of SEC 1)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping

from cardcore.errors import InputError, ReplyError
from cardcore.tlv import encode, parse, parse_one

MD5SHA1 = "md5sha1"
"""The 36-byte MD5 + SHA-1 concatenation that TLS 1.0 and SSL 3 sign; it never has an OID."""

_OIDS: Mapping[str, str] = {
    "md5": "2A864886F70D0205",
    "sha1": "2B0E03021A",
    "sha224": "608648016503040204",
    "sha256": "608648016503040201",
    "sha384": "608648016503040202",
    "sha512": "608648016503040203",
}
_SEQUENCE, _INTEGER, _OCTETS, _OID, _NULL = 0x30, 0x02, 0x04, 0x06, 0x05

HASHES = (*_OIDS, MD5SHA1)


def digest(name: str, message: bytes) -> bytes:
    """Hash `message`; `name` is one of HASHES."""
    if name == MD5SHA1:
        return _plain_digest("md5", message) + _plain_digest("sha1", message)
    return _plain_digest(name, message)


def digest_size(name: str) -> int:
    """Size of the hash in bytes."""
    return len(digest(name, b""))


def _plain_digest(name: str, message: bytes) -> bytes:
    if name not in _OIDS:
        raise InputError(f"unknown hash {name}", hint=f"Use one of {', '.join(HASHES)}.")
    return hashlib.new(name, message, usedforsecurity=False).digest()


def digest_info(name: str, value: bytes) -> bytes:
    """DigestInfo of a hash value: SEQUENCE { AlgorithmIdentifier with NULL, OCTET STRING } (RFC 8017, 9.2 step 2)."""
    if name not in _OIDS:
        raise InputError(f"the hash {name} has no object identifier", hint="Ask for the signature without OID.")
    algorithm = encode(_SEQUENCE, encode(_OID, bytes.fromhex(_OIDS[name])) + encode(_NULL, b""))
    return encode(_SEQUENCE, algorithm + encode(_OCTETS, value))


def pkcs1_sign_block(content: bytes, size: int) -> bytes:
    """EMSA-PKCS1-v1_5 block of `size` bytes around `content` (RFC 8017, 9.2); InputError if it does not fit."""
    if len(content) > size - 11:
        raise InputError(
            f"{len(content)} bytes cannot be signed with a {size * 8}-bit RSA key",
            hint=f"PKCS #1 v1.5 leaves room for {size - 11} bytes.",
        )
    return b"\x00\x01" + b"\xff" * (size - 3 - len(content)) + b"\x00" + content


def pkcs1_unpad(block: bytes) -> bytes:
    """Message inside an RSAES-PKCS1-v1_5 block (RFC 8017, 7.2.2), with one and the same error for each defect."""
    end = block.find(b"\x00", 2)
    if len(block) < 11 or block[:2] != b"\x00\x02" or end < 10:
        raise ReplyError("the decrypted block has no PKCS #1 v1.5 padding", hint="Was it encrypted for this key?")
    return block[end + 1 :]


def mgf1(seed: bytes, size: int, hash_name: str) -> bytes:
    """Mask of `size` bytes (RFC 8017, B.2.1); InputError for a hash that PSS and OAEP cannot have."""
    if hash_name == MD5SHA1:
        raise InputError(f"the hash {MD5SHA1} is for PKCS #1 v1.5 signatures only")
    blocks = -(-size // digest_size(hash_name))
    return b"".join(digest(hash_name, seed + counter.to_bytes(4)) for counter in range(blocks))[:size]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def pss_block(value: bytes, hash_name: str, bits: int, salt: bytes | None = None) -> bytes:
    """EMSA-PSS encoding of a hash value for a modulus of `bits` bits (RFC 8017, 9.1.1).

    The salt is as long as the hash, and random unless given. The result is as long as the modulus.
    """
    if len(value) != digest_size(hash_name):
        raise InputError(f"{len(value)} bytes are not a {hash_name} value")
    salt = secrets.token_bytes(len(value)) if salt is None else salt
    em_bits = bits - 1
    size = -(-em_bits // 8)
    if size < len(value) + len(salt) + 2:
        raise InputError(f"a {bits}-bit key is too short for PSS with {hash_name}")
    hashed = digest(hash_name, bytes(8) + value + salt)
    data = bytes(size - len(salt) - len(hashed) - 2) + b"\x01" + salt
    masked = bytearray(_xor(data, mgf1(hashed, len(data), hash_name)))
    masked[0] &= 0xFF >> (8 * size - em_bits)
    return (bytes(masked) + hashed + b"\xbc").rjust(-(-bits // 8), b"\x00")


def oaep_unpad(block: bytes, hash_name: str, label: bytes = b"") -> bytes:
    """Message inside an EME-OAEP block as long as the modulus (RFC 8017, 7.1.2 step 3), one error for each defect."""
    size = digest_size(hash_name)
    failed = ReplyError("the decrypted block has no OAEP padding", hint="Is it OAEP, with this hash and this key?")
    if len(block) < 2 * size + 2:
        raise failed
    masked_seed, masked_data = block[1 : 1 + size], block[1 + size :]
    seed = _xor(masked_seed, mgf1(masked_data, size, hash_name))
    data = _xor(masked_data, mgf1(seed, len(masked_data), hash_name))
    start = data.find(b"\x01", size)
    well_formed = start >= 0 and not any(data[size:start])
    if block[0] or not well_formed or not secrets.compare_digest(data[:size], digest(hash_name, label)):
        raise failed
    return data[start + 1 :]


def left_padded_hash(value: bytes, size: int) -> bytes:
    """The hash cut to its leftmost `size` bytes, or padded on the left (FIPS 186-5, 6.4.1 step 2)."""
    return value[:size].rjust(size, b"\x00")


def ecdsa_der(raw: bytes) -> bytes:
    """ECDSA-Sig-Value (RFC 3279, 2.2.3) from r||s of equal halves."""
    if not raw or len(raw) % 2:
        raise ReplyError(f"{len(raw)} bytes are not an r||s signature")
    half = len(raw) // 2
    return encode(_SEQUENCE, _der_integer(raw[:half]) + _der_integer(raw[half:]))


def ecdsa_raw(der: bytes, size: int) -> bytes:
    """r||s of `size` bytes each from an ECDSA-Sig-Value; ReplyError if it is not one."""
    outer = parse_one(der)
    numbers = parse(outer.value)
    if outer.tag != _SEQUENCE or [number.tag for number in numbers] != [_INTEGER, _INTEGER]:
        raise ReplyError("the signature is not a DER SEQUENCE of two integers")
    try:
        return b"".join(int.from_bytes(number.value).to_bytes(size) for number in numbers)
    except OverflowError as error:
        raise ReplyError(f"the signature's numbers do not fit in {size} bytes") from error


def _der_integer(value: bytes) -> bytes:
    number = int.from_bytes(value)
    return encode(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1))
