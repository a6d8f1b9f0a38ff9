"""RSA keys for tests, made at run time, and the private operation by plain arithmetic: the oracle's other half."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

HASHES: dict[str, hashes.HashAlgorithm] = {
    "md5": hashes.MD5(),  # noqa: S303 - an oracle for what old cards and protocols still use
    "sha1": hashes.SHA1(),  # noqa: S303 - the same
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


@cache
def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    """An RSA key of that size, the same for a whole test run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def raw_private(key: rsa.RSAPrivateKey, block: bytes) -> bytes:
    """RSADP / RSASP1 (RFC 8017, 5.1.2, 5.2.1): the block to the power of d."""
    numbers = key.private_numbers()
    modulus = numbers.public_numbers.n
    return pow(int.from_bytes(block), numbers.d, modulus).to_bytes((modulus.bit_length() + 7) // 8)


def raw_public(key: rsa.RSAPublicKey, block: bytes) -> bytes:
    """RSAEP / RSAVP1 (RFC 8017, 5.1.1, 5.2.2): the block to the power of e."""
    numbers = key.public_numbers()
    return pow(int.from_bytes(block), numbers.e, numbers.n).to_bytes((numbers.n.bit_length() + 7) // 8)
