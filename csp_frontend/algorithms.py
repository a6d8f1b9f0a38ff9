"""The algorithms of the provider: names, key lengths, blocks, and which of them a configuration forbids."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from csp_frontend.constants import Alg, Code
from csp_frontend.errors import CspError

_ENUMALGS = struct.Struct("<III20s")
_ENUMALGS_EX = struct.Struct("<IIIIII20sI40s")
ENUMALGS_SIZE, ENUMALGS_EX_SIZE = _ENUMALGS.size, _ENUMALGS_EX.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """One algorithm; lengths in bits, without the parity of DES keys. `block` is in bytes, 0 where there is none.

    `policy` is its name in a configuration's list of forbidden algorithms; `hash_name` is what the core calls a hash.
    """

    id: Alg
    name: str
    long_name: str
    policy: str = ""
    hash_name: str = ""
    default_bits: int = 0
    min_bits: int = 0
    max_bits: int = 0
    block: int = 0

    @property
    def is_cipher(self) -> bool:
        """Whether it encrypts data with a session key."""
        return self.id & 0xE000 == 0x6000

    @property
    def is_hash(self) -> bool:
        """Whether it is a hash, keyed or not."""
        return self.id & 0xE000 == 0x8000

    @property
    def is_des(self) -> bool:
        """Whether each byte of its keys has a bit of parity."""
        return self.policy in ("des", "3des", "3des-112")

    def key_size(self, bits: int) -> int:
        """Bytes of a key of that many bits; 0 is the default. CspError NTE_BAD_FLAGS if there is no such key."""
        wanted = bits or self.default_bits
        if self.is_des and wanted == self.max_bits // 7 * 8:
            wanted = self.max_bits
        if wanted % 8 or not self.min_bits <= wanted <= self.max_bits:
            raise CspError(Code.NTE_BAD_FLAGS, f"{self.name} has no keys of {bits} bits")
        return wanted // 7 if self.is_des else wanted // 8


def _cipher(identifier: Alg, name: str, policy: str, bits: tuple[int, int], block: int) -> Algorithm:
    low, high = bits
    return Algorithm(
        id=identifier,
        name=name,
        long_name=name,
        policy=policy,
        default_bits=high,
        min_bits=low,
        max_bits=high,
        block=block,
    )


def _hash(identifier: Alg, name: str, long_name: str, hash_name: str, bits: int) -> Algorithm:
    policy = "ssl3_shamd5" if hash_name == "md5sha1" else hash_name or name.lower()
    return Algorithm(
        id=identifier,
        name=name,
        long_name=long_name,
        policy=policy,
        hash_name=hash_name,
        default_bits=bits,
        min_bits=bits,
        max_bits=bits,
    )


def _rsa(identifier: Alg, name: str, long_name: str) -> Algorithm:
    return Algorithm(
        id=identifier, name=name, long_name=long_name, default_bits=2048, min_bits=512, max_bits=4096, policy="rsa"
    )


ALGORITHMS: Mapping[int, Algorithm] = MappingProxyType(
    {
        algorithm.id: algorithm
        for algorithm in (
            _cipher(Alg.CALG_RC2, "RC2", "rc2", (40, 128), 8),
            _cipher(Alg.CALG_RC4, "RC4", "rc4", (40, 128), 0),
            _cipher(Alg.CALG_DES, "DES", "des", (56, 56), 8),
            _cipher(Alg.CALG_3DES_112, "3DES TWO KEY", "3des-112", (112, 112), 8),
            _cipher(Alg.CALG_3DES, "3DES", "3des", (168, 168), 8),
            _cipher(Alg.CALG_AES_128, "AES 128", "aes", (128, 128), 16),
            _cipher(Alg.CALG_AES_192, "AES 192", "aes", (192, 192), 16),
            _cipher(Alg.CALG_AES_256, "AES 256", "aes", (256, 256), 16),
            _hash(Alg.CALG_SHA1, "SHA-1", "Secure Hash Algorithm (SHA-1)", "sha1", 160),
            _hash(Alg.CALG_SHA_256, "SHA-256", "Secure Hash Algorithm (SHA-256)", "sha256", 256),
            _hash(Alg.CALG_SHA_384, "SHA-384", "Secure Hash Algorithm (SHA-384)", "sha384", 384),
            _hash(Alg.CALG_SHA_512, "SHA-512", "Secure Hash Algorithm (SHA-512)", "sha512", 512),
            _hash(Alg.CALG_MD5, "MD5", "Message Digest 5 (MD5)", "md5", 128),
            _hash(Alg.CALG_SSL3_SHAMD5, "SSL3 SHAMD5", "SSL3 SHAMD5", "md5sha1", 288),
            _hash(Alg.CALG_MAC, "MAC", "Message Authentication Code", "", 0),
            _hash(Alg.CALG_HMAC, "HMAC", "Hash-based MAC", "", 0),
            _rsa(Alg.CALG_RSA_SIGN, "RSA_SIGN", "RSA Signature"),
            _rsa(Alg.CALG_RSA_KEYX, "RSA_KEYX", "RSA Key Exchange"),
        )
    }
)
"""Every algorithm by its ALG_ID, in the order in which they are listed."""

SHORT_RSA = 2048
"""RSA keys of fewer bits are what a configuration calls `rsa-short`."""


class Policy:
    """Which algorithms may be used."""

    def __init__(self, forbidden: frozenset[str] = frozenset()) -> None:
        self._forbidden = forbidden

    def allows(self, algorithm: Algorithm) -> bool:
        """Whether it is not forbidden; what is built of a forbidden part is asked for by itself."""
        return algorithm.policy not in self._forbidden

    def check_rsa(self, bits: int) -> None:
        """NTE_BAD_ALGID for an RSA key that is forbidden for its length."""
        if bits < SHORT_RSA and "rsa-short" in self._forbidden:
            raise CspError(Code.NTE_BAD_ALGID, f"RSA keys of {bits} bits are forbidden by the configuration")

    def known(self, identifier: int) -> Algorithm:
        """The algorithm; NTE_BAD_ALGID if there is none or it is forbidden."""
        found = ALGORITHMS.get(identifier)
        if found is None:
            raise CspError(Code.NTE_BAD_ALGID, f"there is no algorithm {identifier:#x}")
        if not self.allows(found):
            raise CspError(Code.NTE_BAD_ALGID, f"{found.name} is forbidden by the configuration")
        return found

    def cipher(self, identifier: int) -> Algorithm:
        """The algorithm of a session key; NTE_BAD_ALGID as `known`, and for anything else."""
        found = self.known(identifier)
        if not found.is_cipher:
            raise CspError(Code.NTE_BAD_ALGID, f"{found.name} is not for session keys")
        return found

    def listed(self) -> tuple[Algorithm, ...]:
        """All that may be used, in order."""
        return tuple(algorithm for algorithm in ALGORITHMS.values() if self.allows(algorithm))


def enumalgs(algorithm: Algorithm) -> bytes:
    """PROV_ENUMALGS: ALG_ID, default length, and the name with its length."""
    name = algorithm.name.encode()
    return _ENUMALGS.pack(algorithm.id, algorithm.default_bits, len(name) + 1, name)


def enumalgs_ex(algorithm: Algorithm) -> bytes:
    """PROV_ENUMALGS_EX: as `enumalgs`, with shortest and longest length, no protocols, and a longer name."""
    name, long_name = algorithm.name.encode(), algorithm.long_name.encode()
    return _ENUMALGS_EX.pack(
        algorithm.id,
        algorithm.default_bits,
        algorithm.min_bits,
        algorithm.max_bits,
        0,
        len(name) + 1,
        name,
        len(long_name) + 1,
        long_name,
    )
