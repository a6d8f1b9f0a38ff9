"""RSA on bare numbers (RFC 8017, 5.1.2 and 5.2.1), the private operation under any padding; and PKCS #1 v1.5 on it."""

from __future__ import annotations

import secrets
from math import gcd, lcm

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, RSAPublicNumbers

_LEAST_FILLING = 8  # RFC 8017, 7.2.1 and 9.2


def private_operation(key: RSAPrivateKey, block: bytes) -> bytes:
    """Raise `block` to the private exponent: signs a padded block, or decrypts a cryptogram.

    `block` and the result are as long as the modulus; ValueError if the block is not, or not below the modulus.
    By the Chinese remainder theorem, blinded, and checked with the public key before anything leaves, so that
    a fault in one half does not give the factors away.
    """
    numbers = key.private_numbers()
    e, n = numbers.public_numbers.e, numbers.public_numbers.n
    size = (n.bit_length() + 7) // 8
    message = int.from_bytes(block)
    if len(block) != size or message >= n:
        raise ValueError("the block does not fit the modulus")
    blind = _blinding_factor(n)
    blinded = message * pow(blind, e, n) % n
    at_p, at_q = pow(blinded, numbers.dmp1, numbers.p), pow(blinded, numbers.dmq1, numbers.q)
    joined = at_q + (at_p - at_q) * numbers.iqmp % numbers.p * numbers.q
    result = joined * pow(blind, -1, n) % n
    if pow(result, e, n) != message:
        raise ArithmeticError("the RSA result does not check")
    return result.to_bytes(size)


def _blinding_factor(n: int) -> int:
    while True:
        candidate = secrets.randbelow(n - 2) + 2
        if gcd(candidate, n) == 1:
            return candidate


def from_crt(p: int, q: int, dp: int, dq: int, qinv: int) -> RSAPrivateKey:
    """The private key with these five CRT numbers (RFC 8017, 3.2); ValueError if they do not belong together."""
    if min(p, q) < 3 or p == q:
        raise ValueError("no RSA primes")
    e = pow(dp, -1, p - 1)
    d = pow(e, -1, lcm(p - 1, q - 1))
    if dq != d % (q - 1) or qinv != pow(q, -1, p):
        raise ValueError("the CRT numbers do not belong together")
    public = RSAPublicNumbers(e, p * q)
    return RSAPrivateNumbers(p=p, q=q, d=d, dmp1=dp, dmq1=dq, iqmp=qinv, public_numbers=public).private_key()


def sign_pkcs1(key: RSAPrivateKey, content: bytes) -> bytes:
    """RSASSA-PKCS1-v1_5 (RFC 8017, 8.2.1) with `content` in place of DigestInfo; ValueError if it does not fit."""
    filling = key.key_size // 8 - 3 - len(content)
    if filling < _LEAST_FILLING:
        raise ValueError("too much to sign with this key")
    return private_operation(key, b"\x00\x01" + b"\xff" * filling + b"\x00" + content)


def decrypt_pkcs1(key: RSAPrivateKey, cryptogram: bytes) -> bytes:
    """RSAES-PKCS1-v1_5 (RFC 8017, 7.2.2): the message; ValueError if the padding is not right."""
    block = private_operation(key, cryptogram)
    end = block.find(b"\x00", 2)
    if block[:2] != b"\x00\x02" or end < 2 + _LEAST_FILLING:
        raise ValueError("no PKCS #1 encryption block")
    return block[end + 1 :]
