"""Session keys against published vectors, and their modes, padding, salt and duplicates."""

from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csp_frontend.algorithms import ALGORITHMS, Algorithm, Policy
from csp_frontend.ciphers import Rc4
from csp_frontend.constants import Alg, Code, Flag, Kp, Mode
from csp_frontend.rc2 import Rc2
from csp_frontend.rc4 import AnyLengthRc4
from csp_frontend.session_keys import SessionKey, derive, generate, restore, with_parity
from tests.frontend.refusals import refused

# RFC 2268, section 5: key, effective bits, plain text, ciphertext
RC2 = (
    ("0000000000000000", 63, "0000000000000000", "ebb773f993278eff"),
    ("ffffffffffffffff", 64, "ffffffffffffffff", "278b27e42e2f0d49"),
    ("3000000000000000", 64, "1000000000000001", "30649edf9be7d2c2"),
    ("88", 64, "0000000000000000", "61a8a244adacccf0"),
    ("88bca90e90875a", 64, "0000000000000000", "6ccf4308974c267f"),
    ("88bca90e90875a7f0f79c384627bafb2", 64, "0000000000000000", "1a807d272bbe5db1"),
    ("88bca90e90875a7f0f79c384627bafb2", 128, "0000000000000000", "2269552ab0f85ca6"),
    (
        "88bca90e90875a7f0f79c384627bafb216f80a6f85920584c42fceb0be255daf1e",
        129,
        "0000000000000000",
        "5b78d3a43dfff1f1",
    ),
)
NOW = b"Now is the time for all ".hex()
DES_KEY, DES_IV = "0123456789abcdef", "1234567890abcdef"
AES_IV = "000102030405060708090a0b0c0d0e0f"
AES_PLAIN = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
# algorithm, key, mode, IV, plain text, ciphertext (both whole blocks), source
BLOCKS = (
    # FIPS 81, tables B1, C1, D3
    (Alg.CALG_DES, DES_KEY, Mode.CRYPT_MODE_ECB, DES_IV, NOW, "3fa40e8a984d48156a271787ab8883f9893d51ec4b563b53"),
    (Alg.CALG_DES, DES_KEY, Mode.CRYPT_MODE_CBC, DES_IV, NOW, "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6"),
    (Alg.CALG_DES, DES_KEY, Mode.CRYPT_MODE_CFB, DES_IV, NOW, "f31fda07011462ee187f43d80a7cd9b5b0d290da6e5b9a87"),
    # NIST SP 800-67, appendix B.1
    (
        Alg.CALG_3DES,
        "0123456789abcdef23456789abcdef01456789abcdef0123",
        Mode.CRYPT_MODE_ECB,
        DES_IV,
        b"The qufck brown fox jump".hex(),
        "a826fd8ce53b855fcce21c8112256fe668d5c05dd9b6b900",
    ),
    # NIST SP 800-38A, F.1.1, F.2.1, F.2.3, F.2.5
    (
        Alg.CALG_AES_128,
        "2b7e151628aed2a6abf7158809cf4f3c",
        Mode.CRYPT_MODE_ECB,
        AES_IV,
        AES_PLAIN,
        "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf",
    ),
    (
        Alg.CALG_AES_128,
        "2b7e151628aed2a6abf7158809cf4f3c",
        Mode.CRYPT_MODE_CBC,
        AES_IV,
        AES_PLAIN,
        "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2",
    ),
    (
        Alg.CALG_AES_192,
        "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
        Mode.CRYPT_MODE_CBC,
        AES_IV,
        AES_PLAIN,
        "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a",
    ),
    (
        Alg.CALG_AES_256,
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        Mode.CRYPT_MODE_CBC,
        AES_IV,
        AES_PLAIN,
        "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d",
    ),
    # NIST SP 800-38A, F.3.7: the first 16 of its 18 bytes
    (
        Alg.CALG_AES_128,
        "2b7e151628aed2a6abf7158809cf4f3c",
        Mode.CRYPT_MODE_CFB,
        AES_IV,
        "6bc1bee22e409f96e93d7e117393172a",
        "3b79424c9c0dd436bace9e0ed4586a4f",
    ),
)
CIPHERS = [algorithm for algorithm in ALGORITHMS.values() if algorithm.is_cipher]
BLOCK_CIPHERS = [algorithm for algorithm in CIPHERS if algorithm.block]


def dword(value: int) -> bytes:
    return value.to_bytes(4, "little")


def block_key(algorithm: Alg, key: str, mode: Mode, iv: str) -> SessionKey:
    found = restore(ALGORITHMS[algorithm], bytes.fromhex(key), 0)
    found.set(Kp.KP_MODE, dword(mode))
    found.set(Kp.KP_IV, bytes.fromhex(iv))
    return found


@pytest.mark.parametrize(("key", "bits", "plain", "cipher"), RC2)
def test_rc2(key: str, bits: int, plain: str, cipher: str) -> None:
    rc2 = Rc2(bytes.fromhex(key), bits)
    assert rc2.encrypt_block(bytes.fromhex(plain)).hex() == cipher
    assert rc2.decrypt_block(bytes.fromhex(cipher)).hex() == plain


@pytest.mark.parametrize(("key", "bits"), [(b"", 64), (bytes(129), 64), (b"k", 0), (b"k", 1025)])
def test_rc2_refuses_what_it_cannot_be(key: bytes, bits: int) -> None:
    with pytest.raises(ValueError, match="RC2 takes"):
        Rc2(key, bits)


@pytest.mark.parametrize(("algorithm", "key", "mode", "iv", "plain", "cipher"), BLOCKS)
def test_block_ciphers(algorithm: Alg, key: str, mode: Mode, iv: str, plain: str, cipher: str) -> None:
    data = bytes.fromhex(plain)
    assert block_key(algorithm, key, mode, iv).encrypt(data, final=False).hex() == cipher
    assert block_key(algorithm, key, mode, iv).decrypt(bytes.fromhex(cipher), final=False) == data


def test_two_key_3des_is_3des_with_the_first_key_again() -> None:
    two = block_key(Alg.CALG_3DES_112, "0123456789abcdef23456789abcdef01", Mode.CRYPT_MODE_CBC, DES_IV)
    three = block_key(Alg.CALG_3DES, "0123456789abcdef23456789abcdef01" + DES_KEY, Mode.CRYPT_MODE_CBC, DES_IV)
    assert two.encrypt(b"some data", final=True) == three.encrypt(b"some data", final=True)


# RFC 6229: the first sixteen bytes of the key stream
@pytest.mark.parametrize(
    ("key", "stream"),
    [
        ("0102030405", "b2396305f03dc027ccc3524a0a1118a8"),
        ("0102030405060708090a0b0c0d0e0f10", "9ac7cc9a609d1ef7b2932899cde41b97"),
    ],
)
def test_rc4(key: str, stream: str) -> None:
    found = restore(ALGORITHMS[Alg.CALG_RC4], bytes.fromhex(key), Flag.CRYPT_NO_SALT)
    assert found.encrypt(bytes(16), final=True).hex() == stream
    assert found.decrypt(bytes.fromhex(stream), final=True) == bytes(16)


@pytest.mark.parametrize(
    ("key", "plain", "encrypted"),
    [
        (b"Key", b"Plaintext", "bbf316e8d940af0ad3"),
        (b"Wiki", b"pedia", "1021bf0420"),
        (b"Secret", b"Attack at dawn", "45a01f645fc35b383552544b9bf5"),
    ],
)
def test_rc4_with_keys_of_any_length(key: bytes, plain: bytes, encrypted: str) -> None:
    """The examples that everybody quotes; and the library where it takes the length."""
    assert AnyLengthRc4(key).update(plain).hex() == encrypted
    for size in (5, 16, 32):
        ours, library = AnyLengthRc4(key.ljust(size)), Rc4(key.ljust(size))
        for part in (b"", bytes(1), bytes(300)):
            assert ours.update(part) == library.update(part)


@pytest.mark.parametrize("algorithm", [Alg.CALG_RC2, Alg.CALG_RC4])
@pytest.mark.parametrize("bits", range(40, 129, 8))
def test_keys_of_every_length_with_salts_of_every_length(algorithm: Alg, bits: int) -> None:
    key = generate(ALGORITHMS[algorithm], bits << 16)
    seen = set()
    for size in range(25):
        key.set(Kp.KP_SALT_EX, bytes(size))
        seen.add(encrypted := key.encrypt(b"a message", final=True))
        assert key.copy().decrypt(encrypted, final=True) == b"a message"
    assert len(seen) == 25


@pytest.mark.parametrize("algorithm", CIPHERS, ids=lambda algorithm: algorithm.name)
@pytest.mark.parametrize("mode", [Mode.CRYPT_MODE_CBC, Mode.CRYPT_MODE_ECB, Mode.CRYPT_MODE_CFB])
def test_a_message_in_parts_is_the_message_whole(algorithm: Algorithm, mode: Mode) -> None:
    key = generate(algorithm, 0)
    if algorithm.block:
        key.set(Kp.KP_MODE, dword(mode))
    message = bytes(range(77))
    whole = key.encrypt(message, final=True)
    parts = key.encrypt(message[:16], final=False) + key.encrypt(message[16:64], final=False)
    assert parts + key.encrypt(message[64:], final=True) == whole
    opened = key.decrypt(whole[:48], final=False) + key.decrypt(whole[48:], final=True)
    assert opened == message
    assert len(whole) == key.encrypted_size(len(message), final=True)


@pytest.mark.parametrize("algorithm", CIPHERS, ids=lambda algorithm: algorithm.name)
def test_a_duplicate_goes_on_by_itself_from_the_same_place(algorithm: Algorithm) -> None:
    key = generate(algorithm, Flag.CRYPT_EXPORTABLE)
    key.encrypt(bytes(70_000 // 16 * 16), final=False)
    twin = key.copy()
    ours = key.encrypt(bytes(32), final=False)
    assert twin.encrypt(bytes(32), final=False) == ours
    assert twin.exportable
    assert twin.encrypt(bytes(16), final=True) == key.encrypt(bytes(16), final=True)


@pytest.mark.parametrize("algorithm", BLOCK_CIPHERS, ids=lambda algorithm: algorithm.name)
def test_half_blocks_and_bad_padding_are_refused(algorithm: Algorithm) -> None:
    key = generate(algorithm, 0)
    for size in (1, algorithm.block - 1, algorithm.block + 1):
        with refused(Code.NTE_BAD_DATA):
            key.decrypt(bytes(size), final=True)
        with refused(Code.NTE_BAD_DATA):
            key.encrypt(bytes(size), final=False)
    with refused(Code.NTE_BAD_DATA):
        key.decrypt(b"", final=True)
    key.set(Kp.KP_MODE, dword(Mode.CRYPT_MODE_ECB))
    for last in (bytes(algorithm.block), bytes(algorithm.block - 2) + b"\x01\x02", b"\xff" * algorithm.block):
        damaged = key.encrypt(last, final=False)
        with refused(Code.NTE_BAD_DATA):
            key.decrypt(damaged, final=True)


@given(data=st.binary(max_size=100), algorithm=st.sampled_from(CIPHERS))
def test_what_was_encrypted_is_decrypted(data: bytes, algorithm: Algorithm) -> None:
    key = generate(algorithm, 0)
    assert key.decrypt(key.encrypt(data, final=True), final=True) == data


# Length in bits, flags, bytes of key, bytes of salt: "Salt Value Functionality" in Microsoft's documentation.
@pytest.mark.parametrize(
    ("bits", "flags", "key_size", "salt_size"),
    [
        (0, 0, 16, 0),
        (40, 0, 5, 11),
        (40, Flag.CRYPT_NO_SALT, 5, 0),
        (40, Flag.CRYPT_CREATE_SALT, 5, 11),
        (56, 0, 7, 0),
        (56, Flag.CRYPT_CREATE_SALT, 7, 9),
        (128, Flag.CRYPT_CREATE_SALT, 16, 0),
    ],
)
@pytest.mark.parametrize("algorithm", [Alg.CALG_RC2, Alg.CALG_RC4])
def test_salt(algorithm: Alg, bits: int, flags: int, key_size: int, salt_size: int) -> None:
    key = generate(ALGORITHMS[algorithm], bits << 16 | flags)
    assert (len(key.key), len(key.salt)) == (key_size, salt_size)
    if flags != Flag.CRYPT_CREATE_SALT:
        assert key.get(Kp.KP_SALT) == bytes(salt_size)


def test_a_zero_salt_is_not_no_salt() -> None:
    algorithm = ALGORITHMS[Alg.CALG_RC4]
    with_salt, without = restore(algorithm, b"abcde", 0), restore(algorithm, b"abcde", Flag.CRYPT_NO_SALT)
    assert with_salt.encrypt(bytes(8), final=True) != without.encrypt(bytes(8), final=True)
    without.set(Kp.KP_SALT_EX, bytes(11))
    assert with_salt.encrypt(bytes(8), final=True) == without.encrypt(bytes(8), final=True)


def test_the_effective_length_of_rc2_counts() -> None:
    key = restore(ALGORITHMS[Alg.CALG_RC2], bytes.fromhex(RC2[5][0]), 0)
    key.set(Kp.KP_MODE, dword(Mode.CRYPT_MODE_ECB))
    assert key.encrypt(bytes(8), final=False).hex() == RC2[6][3]
    key.set(Kp.KP_EFFECTIVE_KEYLEN, dword(64))
    assert key.encrypt(bytes(8), final=False).hex() == RC2[5][3]
    assert key.get(Kp.KP_EFFECTIVE_KEYLEN) == dword(64)


# Lengths that CPGenKey takes in the upper half of its flags, and some that it does not.
@pytest.mark.parametrize(
    ("algorithm", "good", "bad"),
    [
        (Alg.CALG_RC2, (0, 40, 64, 128), (32, 41, 136)),
        (Alg.CALG_RC4, (0, 40, 56, 128), (8, 44, 256)),
        (Alg.CALG_DES, (0, 56, 64), (40, 128)),
        (Alg.CALG_3DES_112, (0, 112, 128), (56, 192)),
        (Alg.CALG_3DES, (0, 168, 192), (112, 128)),
        (Alg.CALG_AES_128, (0, 128), (192,)),
        (Alg.CALG_AES_192, (0, 192), (128,)),
        (Alg.CALG_AES_256, (0, 256), (128,)),
    ],
)
def test_lengths(algorithm: Alg, good: tuple[int, ...], bad: tuple[int, ...]) -> None:
    for bits in good:
        assert generate(ALGORITHMS[algorithm], bits << 16).get(Kp.KP_ALGID) == dword(algorithm)
    for bits in bad:
        with refused(Code.NTE_BAD_FLAGS):
            generate(ALGORITHMS[algorithm], bits << 16)
    for flags in (Flag.CRYPT_UPDATE_KEY, 0x20, 0x8000):
        with refused(Code.NTE_BAD_FLAGS):
            generate(ALGORITHMS[algorithm], flags)


def test_des_keys_are_made_with_odd_parity() -> None:
    key = generate(ALGORITHMS[Alg.CALG_3DES], 0).key
    assert all(byte.bit_count() % 2 for byte in key)
    assert with_parity(bytes.fromhex("0001fe07")).hex() == "0101fe07"


# algorithm, hash, what the hashed bytes begin with, four of these bytes encrypted
DERIVED = [
    (Alg.CALG_DES, "md5", 24, "f375cc7c6c0bcf93"),
    (Alg.CALG_3DES_112, "md5", 25, "5170e0b7000d3e21"),
    (Alg.CALG_3DES, "md5", 26, "582375253f8825eb"),
    (Alg.CALG_RC2, "md5", 27, "901c774587dd1c2e"),
    (Alg.CALG_RC4, "md5", 28, "c44cd2f1"),
    (Alg.CALG_AES_128, "md5", 33, "976692026dec33f84e821120c7e2e6e8"),
    (Alg.CALG_AES_192, "md5", 34, "9bda73f4f3069307c932f1d8d496d17d"),
    (Alg.CALG_AES_256, "md5", 35, "2a0fe9a96f537c9e07e6c3c915997ca8"),
    (Alg.CALG_DES, "sha1", 36, "d4d8aa44ac5e0b8d"),
    (Alg.CALG_3DES_112, "sha1", 37, "d81cbc6c92d309bf"),
    (Alg.CALG_3DES, "sha1", 38, "bd585a8898f8699a"),
    (Alg.CALG_RC2, "sha1", 39, "ccfb1a4d29ad3e65"),
    (Alg.CALG_RC4, "sha1", 40, "7a343d3c"),
    (Alg.CALG_AES_128, "sha1", 45, "39cbafd78b754a3bd20e0db164578858"),
    (Alg.CALG_AES_192, "sha1", 46, "a91383ca21a2f0be13bc55043808a9c4"),
    (Alg.CALG_AES_256, "sha1", 47, "e16ca8540e24676dcaa2fe84f09b7866"),
    (Alg.CALG_DES, "sha256", 48, "860d8cf4c0224add"),
    (Alg.CALG_3DES_112, "sha256", 49, "2de763f6584d9aa6"),
    (Alg.CALG_3DES, "sha256", 50, "20aa66d0ac839d99"),
    (Alg.CALG_RC2, "sha256", 51, "8c0119477ed2102c"),
    (Alg.CALG_RC4, "sha256", 52, "fa54139c"),
    (Alg.CALG_AES_128, "sha256", 57, "f875c6718bb654d3dcff0e848a3f1946"),
    (Alg.CALG_AES_192, "sha256", 58, "35f220c76cb28e513ec76b3e64a505df"),
    (Alg.CALG_AES_256, "sha256", 59, "8ceb1fd37877f5bf7ade8d2ca516cce9"),
]


@pytest.mark.parametrize(("algorithm", "hash_name", "start", "encrypted"), DERIVED)
def test_keys_are_derived_as_on_windows(algorithm: Alg, hash_name: str, start: int, encrypted: str) -> None:
    """Values that Wine's tests of this function (dlls/rsaenh/tests, test_key_derivation) also meet on Windows."""
    data = bytes((start + number) & 0xFF for number in range(512))
    value = hashlib.new(hash_name, data, usedforsecurity=False).digest()
    key = derive(ALGORITHMS[algorithm], hash_name, value, 0)
    assert key.encrypt(data[:4], final=True).hex() == encrypted


def test_key_derivation_of_office_documents() -> None:
    """ECMA-376 standard encryption ([MS-OFFCRYPTO] 2.3.4.7) is CryptDeriveKey; values of msoffcrypto-tool's test."""
    salt = bytes.fromhex("e88266490c5bd1eebd2b4394e3f830ef")
    value = hashlib.sha1(salt + "Password1234_".encode("utf-16-le"), usedforsecurity=False).digest()
    for turn in range(50_000):
        value = hashlib.sha1(struct.pack("<I", turn) + value, usedforsecurity=False).digest()
    value = hashlib.sha1(value + bytes(4), usedforsecurity=False).digest()
    key = derive(ALGORITHMS[Alg.CALG_AES_128], "sha1", value, 0)
    assert key.key.hex() == "40b13a71f90b966e375408f2d181a1aa"


@pytest.mark.parametrize(
    ("algorithm", "hash_name", "start"),
    [
        (Alg.CALG_RC2, "md5", True),
        (Alg.CALG_RC4, "sha1", True),
        (Alg.CALG_DES, "md5", True),
        (Alg.CALG_3DES, "sha1", False),
        (Alg.CALG_3DES_112, "md5", True),
        (Alg.CALG_AES_128, "md5", False),
        (Alg.CALG_AES_256, "sha1", False),
        (Alg.CALG_AES_256, "sha256", True),
        (Alg.CALG_3DES, "sha512", True),
    ],
)
def test_where_derivation_takes_the_start_of_the_hash(algorithm: Alg, hash_name: str, start: bool) -> None:
    value = hashlib.new(hash_name, b"x", usedforsecurity=False).digest()
    key = derive(ALGORITHMS[algorithm], hash_name, value, 0).key
    assert (value.startswith(key)) is start


def test_a_policy_forbids_algorithms() -> None:
    policy = Policy(frozenset({"rc4", "des", "rsa-short"}))
    for forbidden in (Alg.CALG_RC4, Alg.CALG_DES):
        with refused(Code.NTE_BAD_ALGID):
            policy.cipher(forbidden)
        assert forbidden not in {algorithm.id for algorithm in policy.listed()}
    assert policy.cipher(Alg.CALG_3DES).block == 8
    policy.check_rsa(2048)
    with refused(Code.NTE_BAD_ALGID):
        policy.check_rsa(1024)
    for no_cipher in (0x6699, Alg.CALG_SHA1):
        with refused(Code.NTE_BAD_ALGID):
            policy.cipher(no_cipher)
