"""RSA on bare numbers (RFC 8017, 5.1.2 and 5.2.1): the private operation that a card offers under any padding."""

from __future__ import annotations

import secrets
from math import gcd, lcm

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, RSAPublicNumbers


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
