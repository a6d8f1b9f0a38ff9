"""Ciphers with CryptoAPI's modes: blocks in CBC, ECB and CFB with 8 bits, and the stream cipher RC4.

The feedback register is a value, so that a key can be duplicated in the middle of a message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4, TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from csp_frontend.constants import Alg, Mode
from csp_frontend.rc2 import BLOCK as RC2_BLOCK
from csp_frontend.rc2 import Rc2
from csp_frontend.rc4 import AnyLengthRc4

_SKIP = 1 << 16


class BlockCipher(Protocol):
    """One key of a block cipher; data is whole blocks, `register` one block."""

    def blocks(self, data: bytes, *, encrypt: bool) -> bytes:
        """Each block by itself (ECB)."""
        ...

    def chain(self, register: bytes, data: bytes, *, encrypt: bool) -> bytes:
        """Blocks in a chain (CBC)."""
        ...


def block_cipher(algorithm: Alg, key: bytes, effective_bits: int) -> BlockCipher:
    """The cipher with a key, salt included; `effective_bits` is for RC2."""
    if algorithm is Alg.CALG_RC2:
        return _Rc2Cipher(Rc2(key, effective_bits))
    if algorithm in (Alg.CALG_DES, Alg.CALG_3DES_112, Alg.CALG_3DES):
        return _LibraryCipher(TripleDES((key * 3)[:24]))  # K K K is DES, K1 K2 K1 is 3DES with two keys
    return _LibraryCipher(AES(key))


class _LibraryCipher:
    def __init__(self, algorithm: AES | TripleDES) -> None:
        self._algorithm = algorithm

    def blocks(self, data: bytes, *, encrypt: bool) -> bytes:
        cipher = Cipher(self._algorithm, modes.ECB())  # noqa: S305 - a mode that CryptoAPI has, and a part of CFB
        return (cipher.encryptor() if encrypt else cipher.decryptor()).update(data)

    def chain(self, register: bytes, data: bytes, *, encrypt: bool) -> bytes:
        cipher = Cipher(self._algorithm, modes.CBC(register))
        return (cipher.encryptor() if encrypt else cipher.decryptor()).update(data)


class _Rc2Cipher:
    def __init__(self, cipher: Rc2) -> None:
        self._cipher = cipher

    def blocks(self, data: bytes, *, encrypt: bool) -> bytes:
        one = self._cipher.encrypt_block if encrypt else self._cipher.decrypt_block
        return b"".join(map(one, _split(data)))

    def chain(self, register: bytes, data: bytes, *, encrypt: bool) -> bytes:
        if not encrypt:
            return _xor(self.blocks(data, encrypt=False), (register + data)[: len(data)])
        found = []
        for block in _split(data):
            register = self._cipher.encrypt_block(_xor(block, register))
            found.append(register)
        return b"".join(found)


def _split(data: bytes) -> list[bytes]:
    return [data[start : start + RC2_BLOCK] for start in range(0, len(data), RC2_BLOCK)]


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left) ^ int.from_bytes(right)).to_bytes(len(left))


def encrypt(cipher: BlockCipher, mode: Mode, register: bytes, data: bytes) -> tuple[bytes, bytes]:
    """Encrypt whole blocks from a state of the feedback register; gives the ciphertext and the next state."""
    if mode is Mode.CRYPT_MODE_ECB:
        return cipher.blocks(data, encrypt=True), register
    if mode is Mode.CRYPT_MODE_CBC:
        found = cipher.chain(register, data, encrypt=True)
    else:
        found = _cfb(cipher, register, data, lambda plain, secret: secret)
    return found, (register + found)[-len(register) :]


def decrypt(cipher: BlockCipher, mode: Mode, register: bytes, data: bytes) -> tuple[bytes, bytes]:
    """Decrypt whole blocks from a state of the feedback register; as `encrypt`."""
    if mode is Mode.CRYPT_MODE_ECB:
        return cipher.blocks(data, encrypt=False), register
    if mode is Mode.CRYPT_MODE_CBC:
        found = cipher.chain(register, data, encrypt=False)
    else:
        found = _cfb(cipher, register, data, lambda secret, plain: secret)
    return found, (register + data)[-len(register) :]


def _cfb(cipher: BlockCipher, register: bytes, data: bytes, fed_back: Callable[[int, int], int]) -> bytes:
    """CFB with 8 bits (SP 800-38A, 6.3); `fed_back` chooses the ciphertext out of what came in and what goes out."""
    found = bytearray()
    for byte in data:
        found.append(byte ^ cipher.blocks(register, encrypt=True)[0])
        register = register[1:] + bytes((fed_back(byte, found[-1]),))
    return bytes(found)


class Rc4:
    """The key stream of one message; a copy goes on from the same place."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._position = 0
        known = 8 * len(key) in ARC4.key_sizes
        self._stream = Cipher(ARC4(key), None).encryptor() if known else AnyLengthRc4(key)

    def update(self, data: bytes) -> bytes:
        """Encrypt or decrypt the next bytes, which is the same."""
        self._position += len(data)
        return self._stream.update(data)

    def copy(self) -> Rc4:
        """A stream at the same place."""
        twin = Rc4(self._key)
        while twin._position < self._position:
            twin.update(bytes(min(_SKIP, self._position - twin._position)))
        return twin
