"""Hash objects: plain hashes, HMAC and MAC, each open until its value is asked for or set."""

from __future__ import annotations

import hashlib
import threading
from typing import Protocol, Self

from csp_frontend.algorithms import Algorithm
from csp_frontend.constants import Alg, Code, Mode
from csp_frontend.errors import CspError
from csp_frontend.session_keys import SessionKey

_INNER, _OUTER = 0x36, 0x5C


class Digest(Protocol):
    """What computes a value: fed piece by piece."""

    def update(self, data: bytes) -> None:
        """Take more data."""
        ...

    def digest(self) -> bytes:
        """The value over all of it."""
        ...

    def copy(self) -> Self:
        """An independent one in the same state."""
        ...


class _Joined:
    """Several hashes of the same data, one behind the other."""

    def __init__(self, parts: list[hashlib._Hash]) -> None:
        self._parts = parts

    def update(self, data: bytes) -> None:
        for part in self._parts:
            part.update(data)

    def digest(self) -> bytes:
        return b"".join(part.digest() for part in self._parts)

    def copy(self) -> Self:
        return type(self)([part.copy() for part in self._parts])


class _Hmac:
    """HMAC (RFC 2104) with inner and outer strings of any length up to the block, as HMAC_INFO has them."""

    def __init__(self, inner: hashlib._Hash, outer: hashlib._Hash) -> None:
        self._inner = inner
        self._outer = outer

    @classmethod
    def begin(cls, hash_name: str, key: bytes, inner: bytes, outer: bytes) -> Self:
        size = _new(hash_name).block_size
        if len(key) > size:
            key = _new(hash_name, key).digest()
        inner, outer = inner or bytes((_INNER,)) * size, outer or bytes((_OUTER,)) * size
        if max(len(inner), len(outer)) > size:
            raise CspError(Code.ERROR_INVALID_PARAMETER, "the strings of the HMAC are longer than a block of its hash")
        return cls(_new(hash_name, _mixed(key, inner, size)), _new(hash_name, _mixed(key, outer, size)))

    def update(self, data: bytes) -> None:
        self._inner.update(data)

    def digest(self) -> bytes:
        outer = self._outer.copy()
        outer.update(self._inner.digest())
        return outer.digest()

    def copy(self) -> Self:
        return type(self)(self._inner.copy(), self._outer.copy())


def _mixed(key: bytes, text: bytes, size: int) -> bytes:
    return bytes(a ^ b for a, b in zip(key.ljust(size, b"\x00"), text.ljust(size, b"\x00"), strict=True))


class _Mac:
    """The last block of the data encrypted with CBC, padded as a message is."""

    def __init__(self, key: SessionKey, rest: bytes = b"") -> None:
        self._key = key
        self._rest = rest

    @classmethod
    def begin(cls, key: SessionKey) -> Self:
        own = SessionKey(key.algorithm, key.key, 0)
        own.salt, own.effective_bits, own.iv = key.salt, key.effective_bits, key.iv
        own.mode = Mode.CRYPT_MODE_CBC
        return cls(own)

    def update(self, data: bytes) -> None:
        data = self._rest + data
        whole = len(data) - len(data) % self._key.algorithm.block
        self._key.encrypt(data[:whole], final=False)
        self._rest = data[whole:]

    def digest(self) -> bytes:
        return self._key.copy().encrypt(self._rest, final=True)

    def copy(self) -> Self:
        return type(self)(self._key.copy(), self._rest)


def _new(hash_name: str, data: bytes = b"") -> hashlib._Hash:
    return hashlib.new(hash_name, data, usedforsecurity=False)


class HashObject:
    """One hash: it takes data until it is finished. `lock` is held for whatever changes or uses the state.

    `hash_name` is what the core calls it; empty for HMAC and MAC, which cannot be signed.
    """

    def __init__(self, algorithm: Algorithm, key: SessionKey | None = None) -> None:
        self.algorithm = algorithm
        self.lock = threading.RLock()
        self._key: bytes = b""
        self._digest: Digest | None = None
        self._value: bytes | None = None
        self._size = algorithm.default_bits // 8
        if algorithm.id is Alg.CALG_MAC and key is not None and key.algorithm.block:
            self._digest, self._size = _Mac.begin(key), key.algorithm.block
        elif algorithm.id is Alg.CALG_HMAC and key is not None:
            self._key = key.key
        elif key is not None or not algorithm.hash_name:
            raise CspError(Code.NTE_BAD_KEY, f"{algorithm.name} does not go with this key, or without one")
        elif algorithm.id is Alg.CALG_SSL3_SHAMD5:
            self._digest = _Joined([_new("md5"), _new("sha1")])
        else:
            self._digest = _new(algorithm.hash_name)

    @property
    def hash_name(self) -> str:
        """What the core calls the hash; empty if it is keyed."""
        return self.algorithm.hash_name

    @property
    def size(self) -> int:
        """Bytes of the value; NTE_BAD_HASH_STATE for HMAC as long as nobody said of which hash."""
        if not self._size:
            raise CspError(Code.NTE_BAD_HASH_STATE, "the hash of the HMAC has not been set")
        return self._size

    def use_hmac(self, algorithm: Algorithm, inner: bytes, outer: bytes) -> None:
        """HP_HMAC_INFO: of which hash the HMAC is made; before any data."""
        with self.lock:
            if self.algorithm.id is not Alg.CALG_HMAC:
                raise CspError(Code.NTE_BAD_TYPE, f"{self.algorithm.name} is no HMAC")
            if self._digest is not None or self._value is not None:
                raise CspError(Code.NTE_BAD_HASH_STATE, "the hash of the HMAC has been set")
            if not algorithm.hash_name or algorithm.id is Alg.CALG_SSL3_SHAMD5:
                raise CspError(Code.NTE_BAD_ALGID, f"there is no HMAC with {algorithm.name}")
            self._digest = _Hmac.begin(algorithm.hash_name, self._key, inner, outer)
            self._size = algorithm.default_bits // 8

    def update(self, data: bytes) -> None:
        """Hash more data; NTE_BAD_HASH_STATE when the value is fixed."""
        with self.lock:
            if self._value is not None or self._digest is None:
                raise CspError(Code.NTE_BAD_HASH_STATE, "the hash takes no data")
            self._digest.update(data)

    def value(self) -> bytes:
        """The value; from now on no data is taken."""
        with self.lock:
            if self._value is None:
                if self._digest is None:
                    raise CspError(Code.NTE_BAD_HASH_STATE, "the hash of the HMAC has not been set")
                self._value = self._digest.digest()
            return self._value

    def set_value(self, value: bytes) -> None:
        """HP_HASHVAL: use this value; NTE_BAD_HASH_STATE when it is fixed, NTE_BAD_LEN for another size."""
        with self.lock:
            if self._value is not None:
                raise CspError(Code.NTE_BAD_HASH_STATE, "the hash is finished")
            if len(value) != self.size:
                raise CspError(Code.NTE_BAD_LEN, f"{len(value)} bytes are no value of {self.algorithm.name}")
            self._value = value

    def copy(self) -> HashObject:
        """An independent hash in the same state."""
        with self.lock:
            twin = object.__new__(HashObject)
            twin.algorithm, twin.lock = self.algorithm, threading.RLock()
            twin._key, twin._value, twin._size = self._key, self._value, self._size
            twin._digest = None if self._digest is None else self._digest.copy()
            return twin
