"""Session keys: making, deriving and duplicating them, their parameters, and encrypting data with them."""

from __future__ import annotations

import hashlib
import secrets
import threading

from csp_frontend import ciphers
from csp_frontend.algorithms import Algorithm
from csp_frontend.ciphers import Rc4
from csp_frontend.constants import PKCS5_PADDING, USUAL_PERMISSIONS, Alg, Code, Flag, Kp, Mode, Permission
from csp_frontend.errors import CspError, require_flags

_ROOM = 16
"""Bytes of a key and the salt that it is made with."""
_MOST_SALT = 24
"""Bytes that a program may set: so many do Microsoft's providers take."""
_SALTED = (Alg.CALG_RC2, Alg.CALG_RC4)
_MAX_EFFECTIVE = 1024
_DERIVED_LONG = frozenset({Alg.CALG_3DES, Alg.CALG_AES_128, Alg.CALG_AES_192, Alg.CALG_AES_256})
_SHA2 = frozenset({"sha256", "sha384", "sha512"})
_INNER, _OUTER, _PAD = 0x36, 0x5C, 64

KEY_FLAGS = Flag.CRYPT_EXPORTABLE | Flag.CRYPT_CREATE_SALT | Flag.CRYPT_NO_SALT | Flag.CRYPT_USER_PROTECTED
"""Flags that a session key can be made with; asking for protection is met by never leaving the process."""


class SessionKey:
    """A key of a cipher. `key` has no salt in it; `lock` is held for whatever changes or uses the state."""

    def __init__(self, algorithm: Algorithm, key: bytes, flags: int) -> None:
        self.algorithm = algorithm
        self.key = key
        self.exportable = bool(flags & Flag.CRYPT_EXPORTABLE)
        self.lock = threading.RLock()
        self.salt = _salt(algorithm, key, flags)
        self.effective_bits = min(8 * len(key), _MAX_EFFECTIVE)
        self.mode = Mode.CRYPT_MODE_CBC
        self.iv = bytes(algorithm.block)
        self._register: bytes | None = None
        self._stream: Rc4 | None = None

    def copy(self) -> SessionKey:
        """A key in the same state that goes its own way from here."""
        with self.lock:
            twin = SessionKey(self.algorithm, self.key, Flag.CRYPT_EXPORTABLE * self.exportable)
            twin.salt, twin.effective_bits = self.salt, self.effective_bits
            twin.mode, twin.iv = self.mode, self.iv
            twin._register = self._register
            twin._stream = self._stream and self._stream.copy()
            return twin

    def _restart(self) -> None:
        self._register = self._stream = None

    # Parameters

    def get(self, parameter: int) -> bytes:
        """KP_ parameters of a session key; NTE_BAD_TYPE for others."""
        match parameter:
            case Kp.KP_IV:
                return self.iv
            case Kp.KP_SALT:
                return self.salt
            case _ if parameter in (number := self._numbers()):
                return number[parameter].to_bytes(4, "little")
        raise CspError(Code.NTE_BAD_TYPE, f"a session key has no parameter {parameter}")

    def _numbers(self) -> dict[int, int]:
        permissions = USUAL_PERMISSIONS | (Permission.CRYPT_EXPORT if self.exportable else 0)
        found: dict[int, int] = {
            Kp.KP_ALGID: self.algorithm.id,
            Kp.KP_KEYLEN: 8 * len(self.key),
            Kp.KP_BLOCKLEN: 8 * self.algorithm.block,
            Kp.KP_MODE: self.mode if self.algorithm.block else 0,
            Kp.KP_PERMISSIONS: permissions,
            Kp.KP_EFFECTIVE_KEYLEN: 7 * len(self.key) if self.algorithm.is_des else self.effective_bits,
        }
        if self.algorithm.block:
            found |= {Kp.KP_PADDING: PKCS5_PADDING, Kp.KP_MODE_BITS: 8}
        return found

    def set(self, parameter: int, data: bytes) -> None:
        """Set a KP_ parameter; a message that has been begun begins anew. NTE_BAD_DATA for values that are none."""
        with self.lock:
            match parameter:
                case Kp.KP_IV if self.algorithm.block and len(data) == self.algorithm.block:
                    self.iv = data
                case Kp.KP_SALT if self.algorithm.id in _SALTED and len(data) == len(self.salt):
                    self.salt = data
                case Kp.KP_SALT_EX if self.algorithm.id in _SALTED and len(data) <= _MOST_SALT:
                    self.salt = data
                case Kp.KP_IV | Kp.KP_SALT | Kp.KP_SALT_EX:
                    raise CspError(Code.NTE_BAD_DATA, f"{len(data)} bytes do not go with {self.algorithm.name}")
                case _:
                    self._set_number(parameter, data)
            self._restart()

    def _set_number(self, parameter: int, data: bytes) -> None:
        if len(data) != 4:
            raise CspError(Code.NTE_BAD_DATA, f"the parameter {parameter} has four bytes")
        number = int.from_bytes(data, "little")
        match parameter:
            case Kp.KP_PADDING if self.algorithm.block and number == PKCS5_PADDING:
                pass
            case Kp.KP_MODE if self.algorithm.block and number in set(Mode):
                self.mode = Mode(number)
            case Kp.KP_MODE_BITS if self.algorithm.block and number == 8:
                pass
            case Kp.KP_EFFECTIVE_KEYLEN if self.algorithm.id is not Alg.CALG_RC2:
                raise CspError(Code.NTE_BAD_TYPE, f"keys of {self.algorithm.name} have one effective length")
            case Kp.KP_EFFECTIVE_KEYLEN if 1 <= number <= _MAX_EFFECTIVE:
                self.effective_bits = number
            case Kp.KP_PERMISSIONS if number & Permission.CRYPT_EXPORT == 0 or self.exportable:
                self.exportable = bool(number & Permission.CRYPT_EXPORT)
            case Kp.KP_PADDING | Kp.KP_MODE | Kp.KP_MODE_BITS | Kp.KP_EFFECTIVE_KEYLEN | Kp.KP_PERMISSIONS:
                raise CspError(Code.NTE_BAD_DATA, f"{number} is no value of the parameter {parameter} here")
            case _:
                raise CspError(Code.NTE_BAD_TYPE, f"the parameter {parameter} of a session key cannot be set")

    # Encryption

    def require_blocks(self, size: int) -> None:
        """NTE_BAD_DATA if so many bytes are no whole blocks of a block cipher."""
        if self.algorithm.block and size % self.algorithm.block:
            raise CspError(Code.NTE_BAD_DATA, f"{size} bytes are no whole blocks")

    def encrypted_size(self, size: int, *, final: bool) -> int:
        """How many bytes of ciphertext there are for so many of plain text."""
        block = self.algorithm.block
        return (size // block + 1) * block if block and final else size

    def encrypt(self, data: bytes, *, final: bool) -> bytes:
        """Encrypt a part of a message, padded if it is the last; NTE_BAD_DATA for half a block that is not."""
        with self.lock:
            block = self.algorithm.block
            if block and final:
                pad = block - len(data) % block
                data += bytes((pad,)) * pad
            found = self._run(data, encrypt=True) if block else self._streamed(data)
            if final:
                self._restart()
            return found

    def decrypt(self, data: bytes, *, final: bool) -> bytes:
        """Decrypt a part of a message, unpadded if it is the last; NTE_BAD_DATA where there is no padding."""
        with self.lock:
            block = self.algorithm.block
            found = self._run(data, encrypt=False) if block else self._streamed(data)
            if final:
                self._restart()
            return _unpadded(found, block) if block and final else found

    def _run(self, data: bytes, *, encrypt: bool) -> bytes:
        self.require_blocks(len(data))
        cipher = ciphers.block_cipher(self.algorithm.id, self.key + self.salt, self.effective_bits)
        register = self.iv if self._register is None else self._register
        function = ciphers.encrypt if encrypt else ciphers.decrypt
        found, self._register = function(cipher, self.mode, register, data)
        return found

    def _streamed(self, data: bytes) -> bytes:
        if self._stream is None:
            self._stream = Rc4(self.key + self.salt)
        return self._stream.update(data)


def _unpadded(data: bytes, block: int) -> bytes:
    """What is left without the padding (RFC 8018, 6.1.1), one error for each defect."""
    pad = data[-1] if data else 0
    if not 1 <= pad <= block or data[-pad:] != bytes((pad,)) * pad:
        raise CspError(Code.NTE_BAD_DATA, "the last block has no padding")
    return data[:-pad]


def _salt(algorithm: Algorithm, key: bytes, flags: int) -> bytes:
    """The salt of a new key: by default eleven zeros for a key of 40 bits, nothing for others."""
    if algorithm.id not in _SALTED or flags & Flag.CRYPT_NO_SALT or len(key) >= _ROOM:
        return b""
    if flags & Flag.CRYPT_CREATE_SALT:
        return secrets.token_bytes(_ROOM - len(key))
    return bytes(_ROOM - len(key)) if len(key) == 5 else b""


def check_flags(flags: int) -> int:
    """The flags in the low half, NTE_BAD_FLAGS if there are others; the high half is a length in bits."""
    low = flags & 0xFFFF
    require_flags(low, KEY_FLAGS)
    return low


def generate(algorithm: Algorithm, flags: int) -> SessionKey:
    """A random key of the length in the flags' upper half."""
    low = check_flags(flags)
    key = secrets.token_bytes(algorithm.key_size(flags >> 16))
    return SessionKey(algorithm, with_parity(key) if algorithm.is_des else key, low)


def with_parity(key: bytes) -> bytes:
    """A DES key whose bytes have an odd number of ones."""
    return bytes(byte & 0xFE | (byte & 0xFE).bit_count() % 2 ^ 1 for byte in key)


def derive(algorithm: Algorithm, hash_name: str, value: bytes, flags: int) -> SessionKey:
    """A key out of a hash value, as the documentation of CryptDeriveKey describes it in its remarks."""
    low = check_flags(flags)
    size = algorithm.key_size(flags >> 16)
    material = value
    if size > len(value) or (algorithm.id in _DERIVED_LONG and hash_name not in _SHA2):
        material = b"".join(_padded_hash(hash_name, value, byte) for byte in (_INNER, _OUTER))
    if size > len(material):
        raise CspError(Code.NTE_BAD_LEN, f"{hash_name} is too short for a key of {8 * size} bits")
    return SessionKey(algorithm, material[:size], low)


def _padded_hash(hash_name: str, value: bytes, byte: int) -> bytes:
    padded = bytes(a ^ byte for a in value.ljust(_PAD, b"\x00"))
    return hashlib.new(hash_name, padded, usedforsecurity=False).digest()


def restore(algorithm: Algorithm, key: bytes, flags: int, *, any_length: bool = False) -> SessionKey:
    """A key that came in a blob; NTE_BAD_DATA if it is no key of the algorithm. `any_length` is for keys of HMAC."""
    fits = algorithm.min_bits <= 8 * len(key) <= algorithm.max_bits
    if algorithm.is_des:
        fits = 7 * len(key) == algorithm.max_bits
    if not (fits or (any_length and algorithm.id is Alg.CALG_RC2 and key)):
        raise CspError(Code.NTE_BAD_DATA, f"{len(key)} bytes are no key of {algorithm.name}")
    return SessionKey(algorithm, key, flags)
