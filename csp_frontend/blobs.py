"""Key blobs and other structures of wincrypt.h, declared with construct; all numbers little endian.

Whatever a program hands over is hostile: sizes are bounded before anything is computed from them, and a blob ends where
its structure does.
"""

from __future__ import annotations

from dataclasses import dataclass

from construct import Bytes, ConstructError, GreedyBytes, Int8ul, Int16ul, Int32ul, Prefixed, Struct, Terminated, this

from csp_frontend.constants import Alg, Blob, Code
from csp_frontend.errors import CspError

MAX_BLOB = 8192
_VERSION = 2
_MIN_BITS, _MAX_BITS = 384, 16384
_MAX_EXPONENT = 0xFFFFFFFF
_RSA1, _RSA2 = 0x31415352, 0x32415352
_RSA = (Alg.CALG_RSA_KEYX, Alg.CALG_RSA_SIGN)

_HEADER = Struct("type" / Int8ul, "version" / Int8ul, "reserved" / Int16ul, "algorithm" / Int32ul)
HEADER_SIZE = _HEADER.sizeof()
_RSAPUBKEY = Struct("magic" / Int32ul, "bits" / Int32ul, "exponent" / Int32ul)
_RSAPUBKEY_SIZE = _RSAPUBKEY.sizeof()
_PUBLIC = Struct("modulus" / Bytes(this._.size), Terminated)
_PRIVATE = Struct(
    "modulus" / Bytes(this._.size),
    "p" / Bytes(this._.half),
    "q" / Bytes(this._.half),
    "dp" / Bytes(this._.half),
    "dq" / Bytes(this._.half),
    "qinv" / Bytes(this._.half),
    "d" / Bytes(this._.size),
    Terminated,
)
_SIMPLE = Struct("algorithm" / Int32ul, "encrypted" / GreedyBytes)
_PLAIN = Struct("key" / Prefixed(Int32ul, GreedyBytes), Terminated)
_HMAC_INFO = Struct(
    "algorithm" / Int32ul,
    "inner" / Prefixed(Int32ul, GreedyBytes),
    "outer" / Prefixed(Int32ul, GreedyBytes),
    Terminated,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKeyBlob:
    """PUBLICKEYBLOB: an RSA key, for exchange or for signatures, with a modulus of `bits` bits."""

    algorithm: Alg
    bits: int
    exponent: int
    modulus: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PrivateKeyBlob:
    """PRIVATEKEYBLOB: an RSA key pair; the numbers are not yet checked against each other."""

    public: PublicKeyBlob
    p: int
    q: int
    dp: int
    dq: int
    qinv: int
    d: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleBlob:
    """SIMPLEBLOB: a session key encrypted for an RSA key; `encrypted` is as RFC 8017 has it, big endian."""

    algorithm: int
    wrapped_by: Alg
    encrypted: bytes


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PlainBlob:
    """PLAINTEXTKEYBLOB: a session key as it is."""

    algorithm: int
    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacInfo:
    """HMAC_INFO: the hash, and the two strings, empty for the usual ones."""

    algorithm: int
    inner: bytes
    outer: bytes


def kind_of(blob: bytes) -> int:
    """The blob's type, from its header; NTE_BAD_DATA without one, NTE_BAD_VER for another version."""
    if not HEADER_SIZE <= len(blob) <= MAX_BLOB:
        raise CspError(Code.NTE_BAD_DATA, f"{len(blob)} bytes are no key blob")
    header = _HEADER.parse(blob)
    if header.version != _VERSION:
        raise CspError(Code.NTE_BAD_VER, f"key blobs of version {header.version}")
    return int(header.type)


def _split(blob: bytes, wanted: Blob) -> tuple[int, bytes]:
    """The algorithm in the header of a blob of this type, and what follows."""
    if kind_of(blob) != wanted:
        raise CspError(Code.NTE_BAD_TYPE, f"a blob of type {blob[0]} instead of {wanted.name}")
    return int(_HEADER.parse(blob).algorithm), blob[HEADER_SIZE:]


def _rsa(algorithm: int) -> Alg:
    if algorithm not in _RSA:
        raise CspError(Code.NTE_BAD_ALGID, f"{algorithm:#x} is no algorithm for RSA keys")
    return Alg(algorithm)


def _sizes(body: bytes, magic: int) -> tuple[int, int]:
    """Modulus size in bits and public exponent out of RSAPUBKEY."""
    try:
        found = _RSAPUBKEY.parse(body)
    except ConstructError as error:
        raise _malformed() from error
    if found.magic != magic or not _MIN_BITS <= found.bits <= _MAX_BITS or found.bits % 16:
        raise _malformed()
    if found.exponent < 3 or found.exponent % 2 == 0:
        raise CspError(Code.NTE_BAD_DATA, f"{found.exponent} is no public exponent")
    return int(found.bits), int(found.exponent)


def _public(algorithm: Alg, bits: int, exponent: int, modulus: bytes) -> PublicKeyBlob:
    number = int.from_bytes(modulus, "little")
    if number % 2 == 0 or number.bit_length() <= bits - 8:
        raise CspError(Code.NTE_BAD_DATA, "the modulus is even, or far shorter than the blob says")
    return PublicKeyBlob(algorithm=algorithm, bits=bits, exponent=exponent, modulus=number)


def _malformed() -> CspError:
    return CspError(Code.NTE_BAD_DATA, "the key blob is malformed")


def parse_public(blob: bytes) -> PublicKeyBlob:
    """A PUBLICKEYBLOB; NTE_BAD_DATA, NTE_BAD_ALGID, NTE_BAD_VER or NTE_BAD_TYPE."""
    identifier, body = _split(blob, Blob.PUBLICKEYBLOB)
    algorithm = _rsa(identifier)
    bits, exponent = _sizes(body, _RSA1)
    try:
        found = _PUBLIC.parse(body[_RSAPUBKEY_SIZE:], size=bits // 8)
    except ConstructError as error:
        raise _malformed() from error
    return _public(algorithm, bits, exponent, found.modulus)


def parse_private(blob: bytes) -> PrivateKeyBlob:
    """A PRIVATEKEYBLOB that is not encrypted; errors as `parse_public`."""
    identifier, body = _split(blob, Blob.PRIVATEKEYBLOB)
    algorithm = _rsa(identifier)
    bits, exponent = _sizes(body, _RSA2)
    try:
        found = _PRIVATE.parse(body[_RSAPUBKEY_SIZE:], size=bits // 8, half=bits // 16)
    except ConstructError:
        raise _malformed() from None  # what construct would show is a private key
    return PrivateKeyBlob(
        public=_public(algorithm, bits, exponent, found.modulus),
        p=int.from_bytes(found.p, "little"),
        q=int.from_bytes(found.q, "little"),
        dp=int.from_bytes(found.dp, "little"),
        dq=int.from_bytes(found.dq, "little"),
        qinv=int.from_bytes(found.qinv, "little"),
        d=int.from_bytes(found.d, "little"),
    )


def parse_simple(blob: bytes) -> SimpleBlob:
    """A SIMPLEBLOB encrypted for an RSA key; errors as `parse_public`."""
    algorithm, body = _split(blob, Blob.SIMPLEBLOB)
    try:
        found = _SIMPLE.parse(body)
    except ConstructError as error:
        raise _malformed() from error
    if not _MIN_BITS // 8 <= len(found.encrypted) <= _MAX_BITS // 8:
        raise _malformed()
    return SimpleBlob(algorithm=algorithm, wrapped_by=_rsa(found.algorithm), encrypted=found.encrypted[::-1])


def parse_plain(blob: bytes) -> PlainBlob:
    """A PLAINTEXTKEYBLOB; errors as `parse_public`."""
    algorithm, body = _split(blob, Blob.PLAINTEXTKEYBLOB)
    try:
        found = _PLAIN.parse(body)
    except ConstructError:
        raise _malformed() from None  # what construct would show is a key
    return PlainBlob(algorithm=algorithm, key=found.key)


def parse_hmac_info(data: bytes) -> HmacInfo:
    """HMAC_INFO as `calls.Length.HMAC_INFO` describes it; ERROR_INVALID_PARAMETER if it is malformed."""
    try:
        found = _HMAC_INFO.parse(data[:MAX_BLOB])
    except ConstructError as error:
        raise CspError(Code.ERROR_INVALID_PARAMETER, "HMAC_INFO is malformed") from error
    return HmacInfo(algorithm=found.algorithm, inner=found.inner, outer=found.outer)


def _header(kind: Blob, algorithm: int) -> bytes:
    found: bytes = _HEADER.build({"type": kind, "version": _VERSION, "reserved": 0, "algorithm": algorithm})
    return found


def build_public(key: PublicKeyBlob) -> bytes:
    """A PUBLICKEYBLOB; NTE_BAD_KEY for a key with an exponent that has no place in one."""
    if key.exponent > _MAX_EXPONENT:
        raise CspError(Code.NTE_BAD_KEY, "the public exponent has more than 32 bits")
    numbers = _RSAPUBKEY.build({"magic": _RSA1, "bits": key.bits, "exponent": key.exponent})
    size = key.bits // 8
    body = _PUBLIC.build({"modulus": key.modulus.to_bytes(size, "little")}, size=size)
    return _header(Blob.PUBLICKEYBLOB, key.algorithm) + bytes(numbers) + bytes(body)


def build_simple(blob: SimpleBlob) -> bytes:
    """A SIMPLEBLOB."""
    body = _SIMPLE.build({"algorithm": blob.wrapped_by, "encrypted": blob.encrypted[::-1]})
    return _header(Blob.SIMPLEBLOB, blob.algorithm) + bytes(body)


def build_plain(blob: PlainBlob) -> bytes:
    """A PLAINTEXTKEYBLOB."""
    return _header(Blob.PLAINTEXTKEYBLOB, blob.algorithm) + bytes(_PLAIN.build({"key": blob.key}))


def simple_size(bits: int) -> int:
    """The size of a SIMPLEBLOB for an RSA key."""
    return HEADER_SIZE + 4 + bits // 8
