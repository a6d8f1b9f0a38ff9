"""Hash objects against published vectors, their states, HMAC and MAC; all through the provider's functions."""

from __future__ import annotations

import hashlib
import struct

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from csp_frontend import blobs
from csp_frontend.blobs import PlainBlob
from csp_frontend.configuration import Configuration
from csp_frontend.constants import Alg, Code, Flag, Hp, Kp
from csp_frontend.provider import ClientSession
from tests.frontend.bench import VERIFY, Bench
from tests.frontend.refusals import refused

# RFC 1321, A.5; FIPS 180-4 (examples of NIST's Cryptographic Standards and Guidelines): the hash of "abc"
ABC = {
    Alg.CALG_MD5: "900150983cd24fb0d6963f7d28e17f72",
    Alg.CALG_SHA1: "a9993e364706816aba3e25717850c26c9cd0d89d",
    Alg.CALG_SHA_256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    Alg.CALG_SHA_384: "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
    "8086072ba1e7cc2358baeca134c825a7",
    Alg.CALG_SHA_512: "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    Alg.CALG_SSL3_SHAMD5: "900150983cd24fb0d6963f7d28e17f72a9993e364706816aba3e25717850c26c9cd0d89d",
}
# hash, key, data, HMAC: RFC 2202, 2 and 3 (cases 2 and 6); RFC 4231, 4.3 and 4.7
HMAC = (
    (Alg.CALG_MD5, b"Jefe", b"what do ya want for nothing?", "750c783e6ab0b503eaa86e310a5db738"),
    (
        Alg.CALG_MD5,
        b"\xaa" * 80,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd",
    ),
    (Alg.CALG_SHA1, b"Jefe", b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    (
        Alg.CALG_SHA_256,
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        Alg.CALG_SHA_384,
        b"Jefe",
        b"what do ya want for nothing?",
        "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
    ),
    (
        Alg.CALG_SHA_512,
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
        "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
    ),
)


@pytest.fixture
def client() -> ClientSession:
    return Bench().client()


@pytest.fixture
def context(client: ClientSession) -> int:
    return client.CPAcquireContext(None, VERIFY)


def value(client: ClientSession, context: int, handle: int) -> bytes:
    found = client.CPGetHashParam(context, handle, Hp.HP_HASHVAL, 64, 0).data
    assert found is not None
    return found


def session_key(client: ClientSession, context: int, algorithm: Alg, key: bytes, flags: int = 0) -> int:
    return client.CPImportKey(context, blobs.build_plain(PlainBlob(algorithm=algorithm, key=key)), 0, flags)


def hmac_info(algorithm: int, inner: bytes = b"", outer: bytes = b"") -> bytes:
    sizes = struct.pack("<II", algorithm, len(inner)), struct.pack("<I", len(outer))
    return sizes[0] + inner + sizes[1] + outer


@pytest.mark.parametrize("algorithm", ABC, ids=lambda algorithm: algorithm.name)
def test_hashes(client: ClientSession, context: int, algorithm: Alg) -> None:
    handle = client.CPCreateHash(context, algorithm, 0, 0)
    for byte in b"abc":
        client.CPHashData(context, handle, bytes((byte,)), 0)
    assert client.CPGetHashParam(context, handle, Hp.HP_ALGID, 4, 0).data == algorithm.to_bytes(4, "little")
    size = client.CPGetHashParam(context, handle, Hp.HP_HASHSIZE, 4, 0).data
    assert size == (len(ABC[algorithm]) // 2).to_bytes(4, "little")
    assert value(client, context, handle).hex() == ABC[algorithm]
    assert value(client, context, handle).hex() == ABC[algorithm]


@pytest.mark.parametrize(("algorithm", "key", "data", "wanted"), HMAC)
def test_hmac(client: ClientSession, context: int, algorithm: Alg, key: bytes, data: bytes, wanted: str) -> None:
    imported = session_key(client, context, Alg.CALG_RC2, key, Flag.CRYPT_IPSEC_HMAC_KEY)
    handle = client.CPCreateHash(context, Alg.CALG_HMAC, imported, 0)
    client.CPSetHashParam(context, handle, Hp.HP_HMAC_INFO, hmac_info(algorithm), 0)
    client.CPHashData(context, handle, data, 0)
    twin = client.CPDuplicateHash(context, handle, 0, 0)
    assert value(client, context, handle).hex() == wanted
    assert value(client, context, twin).hex() == wanted


def test_hmac_with_strings_of_its_own(client: ClientSession, context: int) -> None:
    imported = session_key(client, context, Alg.CALG_AES_128, bytes(16))
    handle = client.CPCreateHash(context, Alg.CALG_HMAC, imported, 0)
    client.CPSetHashParam(context, handle, Hp.HP_HMAC_INFO, hmac_info(Alg.CALG_SHA1, b"in", b"out"), 0)
    client.CPHashData(context, handle, b"text", 0)
    inner = hashlib.sha1(b"in".ljust(64, b"\0") + b"text", usedforsecurity=False).digest()
    outer = hashlib.sha1(b"out".ljust(64, b"\0") + inner, usedforsecurity=False).digest()
    assert value(client, context, handle) == outer


def test_hmac_wants_its_hash_first(client: ClientSession, context: int) -> None:
    imported = session_key(client, context, Alg.CALG_AES_128, bytes(16))
    handle = client.CPCreateHash(context, Alg.CALG_HMAC, imported, 0)
    with refused(Code.NTE_BAD_HASH_STATE):
        client.CPHashData(context, handle, b"early", 0)
    for parameter in (Hp.HP_HASHVAL, Hp.HP_HASHSIZE):
        with refused(Code.NTE_BAD_HASH_STATE):
            client.CPGetHashParam(context, handle, parameter, 64, 0)
    for wrong in (Alg.CALG_HMAC, Alg.CALG_SSL3_SHAMD5, 0x1234):
        with refused(Code.NTE_BAD_ALGID):
            client.CPSetHashParam(context, handle, Hp.HP_HMAC_INFO, hmac_info(wrong), 0)
    for malformed in (
        b"",
        hmac_info(Alg.CALG_MD5)[:-1],
        hmac_info(Alg.CALG_MD5) + b"x",
        hmac_info(Alg.CALG_MD5, bytes(65)),
    ):
        with refused(Code.ERROR_INVALID_PARAMETER):
            client.CPSetHashParam(context, handle, Hp.HP_HMAC_INFO, malformed, 0)
    client.CPSetHashParam(context, handle, Hp.HP_HMAC_INFO, hmac_info(Alg.CALG_MD5), 0)
    with refused(Code.NTE_BAD_HASH_STATE):
        client.CPSetHashParam(context, handle, Hp.HP_HMAC_INFO, hmac_info(Alg.CALG_MD5), 0)


def test_mac_is_the_last_block_of_the_encrypted_message(client: ClientSession, context: int) -> None:
    """CBC with padding and an IV of zeros, held against the library's AES."""
    message = bytes(range(50))
    imported = session_key(client, context, Alg.CALG_AES_128, bytes(range(16)))
    handle = client.CPCreateHash(context, Alg.CALG_MAC, imported, 0)
    for start in range(0, 50, 7):
        client.CPHashData(context, handle, message[start : start + 7], 0)
    twin = client.CPDuplicateHash(context, handle, 0, 0)
    cipher = Cipher(AES(bytes(range(16))), modes.CBC(bytes(16))).encryptor().update(message + b"\x0e" * 14)
    assert value(client, context, handle) == value(client, context, twin) == cipher[-16:]
    encrypted = client.CPEncrypt(context, imported, 0, True, 0, message, 50, 64).data
    assert encrypted == cipher


@pytest.mark.parametrize("algorithm", [Alg.CALG_RC2, Alg.CALG_DES, Alg.CALG_3DES])
def test_a_mac_is_as_long_as_a_block(client: ClientSession, context: int, algorithm: Alg) -> None:
    key = client.CPGenKey(context, algorithm, 0)
    handle = client.CPCreateHash(context, Alg.CALG_MAC, key, 0)
    client.CPDestroyKey(context, key)
    assert len(value(client, context, handle)) == 8


def test_keys_belong_to_keyed_hashes_only(client: ClientSession, context: int) -> None:
    stream = client.CPGenKey(context, Alg.CALG_RC4, 0)
    for algorithm, key in ((Alg.CALG_MAC, stream), (Alg.CALG_MAC, 0), (Alg.CALG_HMAC, 0), (Alg.CALG_MD5, stream)):
        with refused(Code.NTE_BAD_KEY):
            client.CPCreateHash(context, algorithm, key, 0)
    for no_hash in (Alg.CALG_RC4, 0x8001):
        with refused(Code.NTE_BAD_ALGID):
            client.CPCreateHash(context, no_hash, 0, 0)
    with refused(Code.NTE_BAD_FLAGS):
        client.CPCreateHash(context, Alg.CALG_MD5, 0, 1)


def test_a_finished_hash_takes_nothing_more(client: ClientSession, context: int) -> None:
    handle = client.CPCreateHash(context, Alg.CALG_SHA1, 0, 0)
    with refused(Code.NTE_BAD_FLAGS):
        client.CPHashData(context, handle, b"", Flag.CRYPT_USERDATA)
    assert client.CPGetHashParam(context, handle, Hp.HP_HASHVAL, None, 0).size == 20
    client.CPHashData(context, handle, b"the size was asked for, the value was not", 0)
    with refused(Code.ERROR_MORE_DATA):
        client.CPGetHashParam(context, handle, Hp.HP_HASHVAL, 19, 0)
    client.CPHashData(context, handle, b"nor was it told", 0)
    twin = client.CPDuplicateHash(context, handle, 0, 0)
    value(client, context, handle)
    key = client.CPGenKey(context, Alg.CALG_AES_128, 0)
    with refused(Code.NTE_BAD_HASH_STATE):
        client.CPHashData(context, handle, b"late", 0)
    with refused(Code.NTE_BAD_HASH_STATE):
        client.CPHashSessionKey(context, handle, key, 0)
    with refused(Code.NTE_BAD_HASH_STATE):
        client.CPSetHashParam(context, handle, Hp.HP_HASHVAL, bytes(20), 0)
    client.CPHashData(context, twin, b"a twin is not finished", 0)


def test_a_value_can_be_set(client: ClientSession, context: int) -> None:
    handle = client.CPCreateHash(context, Alg.CALG_SSL3_SHAMD5, 0, 0)
    with refused(Code.NTE_BAD_LEN):
        client.CPSetHashParam(context, handle, Hp.HP_HASHVAL, bytes(35), 0)
    client.CPSetHashParam(context, handle, Hp.HP_HASHVAL, bytes(range(36)), 0)
    assert value(client, context, handle) == bytes(range(36))


def test_parameters_that_hashes_do_not_have(client: ClientSession, context: int) -> None:
    handle = client.CPCreateHash(context, Alg.CALG_SHA1, 0, 0)
    with refused(Code.NTE_BAD_TYPE):
        client.CPGetHashParam(context, handle, 99, 64, 0)
    with refused(Code.NTE_BAD_TYPE):
        client.CPSetHashParam(context, handle, Hp.HP_HASHSIZE, bytes(4), 0)
    with refused(Code.NTE_BAD_TYPE):
        client.CPSetHashParam(context, handle, Hp.HP_HMAC_INFO, hmac_info(Alg.CALG_MD5), 0)
    with refused(Code.ERROR_INVALID_PARAMETER):
        client.CPSetHashParam(context, handle, Hp.HP_HASHVAL, None, 0)
    for call in (client.CPGetHashParam, client.CPSetHashParam):
        with refused(Code.NTE_BAD_FLAGS):
            call(context, handle, Hp.HP_HASHVAL, None, 1)
    with refused(Code.NTE_BAD_FLAGS):
        client.CPDuplicateHash(context, handle, 0, 1)
    with refused(Code.ERROR_INVALID_PARAMETER):
        client.CPDuplicateHash(context, handle, 1, 0)


def test_hashing_a_session_key(client: ClientSession, context: int) -> None:
    """By default from the last byte to the first; CRYPT_LITTLE_ENDIAN as the key is kept."""
    key = session_key(client, context, Alg.CALG_AES_128, bytes(range(16)))
    for flags, hashed in ((0, bytes(range(16))[::-1]), (Flag.CRYPT_LITTLE_ENDIAN, bytes(range(16)))):
        handle = client.CPCreateHash(context, Alg.CALG_SHA_256, 0, 0)
        client.CPHashSessionKey(context, handle, key, flags)
        assert value(client, context, handle) == hashlib.sha256(hashed).digest()
    with refused(Code.NTE_BAD_FLAGS):
        client.CPHashSessionKey(context, handle, key, 2)


def test_deriving_a_key_finishes_the_hash(client: ClientSession, context: int) -> None:
    handle = client.CPCreateHash(context, Alg.CALG_SHA_256, 0, 0)
    client.CPHashData(context, handle, b"password", 0)
    key = client.CPDeriveKey(context, Alg.CALG_AES_256, handle, Flag.CRYPT_EXPORTABLE)
    exported = client.CPExportKey(context, key, 0, 8, 0, 100).data
    assert exported is not None
    assert blobs.parse_plain(exported).key == hashlib.sha256(b"password").digest()
    assert client.CPGetKeyParam(context, key, Kp.KP_KEYLEN, 4, 0).data == (256).to_bytes(4, "little")
    with refused(Code.NTE_BAD_HASH_STATE):
        client.CPHashData(context, handle, b"more", 0)
    with refused(Code.NTE_BAD_FLAGS):
        client.CPDeriveKey(context, Alg.CALG_AES_256, handle, Flag.CRYPT_UPDATE_KEY)
    with refused(Code.NTE_BAD_ALGID):
        client.CPDeriveKey(context, Alg.CALG_RSA_KEYX, handle, 0)
    for unfit in (Alg.CALG_SSL3_SHAMD5, Alg.CALG_MAC):
        other = client.CPCreateHash(context, unfit, key if unfit is Alg.CALG_MAC else 0, 0)
        with refused(Code.NTE_BAD_HASH):
            client.CPDeriveKey(context, Alg.CALG_RC4, other, 0)


def test_old_hashes_can_be_forbidden() -> None:
    bench = Bench(Configuration(forbidden=frozenset({"md5", "sha1", "ssl3_shamd5", "mac", "hmac"})))
    client = bench.client()
    context = client.CPAcquireContext(None, VERIFY)
    key = client.CPGenKey(context, Alg.CALG_AES_128, 0)
    for algorithm in (Alg.CALG_MD5, Alg.CALG_SHA1, Alg.CALG_SSL3_SHAMD5, Alg.CALG_MAC, Alg.CALG_HMAC):
        with refused(Code.NTE_BAD_ALGID):
            client.CPCreateHash(context, algorithm, key, 0)
    assert client.CPCreateHash(context, Alg.CALG_SHA_256, 0, 0)


def test_a_forbidden_hash_makes_no_hmac() -> None:
    client = Bench(Configuration(forbidden=frozenset({"md5"}))).client()
    context = client.CPAcquireContext(None, VERIFY)
    key = client.CPGenKey(context, Alg.CALG_AES_128, 0)
    handle = client.CPCreateHash(context, Alg.CALG_HMAC, key, 0)
    with refused(Code.NTE_BAD_ALGID):
        client.CPSetHashParam(context, handle, Hp.HP_HMAC_INFO, hmac_info(Alg.CALG_MD5), 0)
    client.CPSetHashParam(context, handle, Hp.HP_HMAC_INFO, hmac_info(Alg.CALG_SHA1), 0)
