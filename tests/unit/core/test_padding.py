"""Paddings against the `cryptography` library as the oracle, and the fixed tables of the standards."""

from __future__ import annotations

import hashlib
from itertools import product

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import padding as oracle
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from cardcore import padding
from cardcore.errors import InputError, ReplyError
from tests.unit.core.rsakeys import HASHES, raw_private, raw_public, rsa_key

# RFC 8017, 9.2, note 1
DIGEST_INFO = {
    "md5": "30 20 30 0c 06 08 2a 86 48 86 f7 0d 02 05 05 00 04 10",
    "sha1": "30 21 30 09 06 05 2b 0e 03 02 1a 05 00 04 14",
    "sha224": "30 2d 30 0d 06 09 60 86 48 01 65 03 04 02 04 05 00 04 1c",
    "sha256": "30 31 30 0d 06 09 60 86 48 01 65 03 04 02 01 05 00 04 20",
    "sha384": "30 41 30 0d 06 09 60 86 48 01 65 03 04 02 02 05 00 04 30",
    "sha512": "30 51 30 0d 06 09 60 86 48 01 65 03 04 02 03 05 00 04 40",
}
MESSAGE = b"what is signed"


@pytest.mark.parametrize("name", DIGEST_INFO)
def test_digest_info_is_the_prefix_of_the_standard(name: str) -> None:
    value = hashlib.new(name, MESSAGE).digest()
    assert padding.digest_info(name, value) == bytes.fromhex(DIGEST_INFO[name]) + value
    assert padding.digest(name, MESSAGE) == value
    assert padding.digest_size(name) == len(value)


def test_md5sha1_is_both_hashes_without_oid() -> None:
    value = hashlib.md5(MESSAGE).digest() + hashlib.sha1(MESSAGE).digest()  # noqa: S324 - TLS 1.0 has it so
    assert padding.digest("md5sha1", MESSAGE) == value
    assert padding.digest_size("md5sha1") == 36
    with pytest.raises(InputError, match="no object identifier"):
        padding.digest_info("md5sha1", value)


@pytest.mark.parametrize("name", ["sha3_256", "", "SHA256", "blake2b", "shake_128"])
def test_an_unknown_hash_is_refused(name: str) -> None:
    for call in (padding.digest_size, lambda name: padding.digest_info(name, b"")):
        with pytest.raises(InputError):
            call(name)


@pytest.mark.parametrize(("name", "bits"), list(product(DIGEST_INFO, (1024, 1025, 2048))))
def test_a_pkcs1_signature_is_verified_by_others(name: str, bits: int) -> None:
    key = rsa_key(bits)
    size = -(-bits // 8)
    block = padding.pkcs1_sign_block(padding.digest_info(name, padding.digest(name, MESSAGE)), size)
    assert len(block) == size
    key.public_key().verify(raw_private(key, block), MESSAGE, oracle.PKCS1v15(), HASHES[name])


@pytest.mark.parametrize("name", DIGEST_INFO)
def test_our_block_is_the_one_that_others_sign(name: str) -> None:
    key = rsa_key(2048)
    theirs = raw_public(key.public_key(), key.sign(MESSAGE, oracle.PKCS1v15(), HASHES[name]))
    assert padding.pkcs1_sign_block(padding.digest_info(name, padding.digest(name, MESSAGE)), 256) == theirs


def test_a_signature_without_oid_holds_the_bare_hash() -> None:
    key = rsa_key(2048)
    value = padding.digest("md5sha1", MESSAGE)
    signature = raw_private(key, padding.pkcs1_sign_block(value, 256))
    assert key.public_key().recover_data_from_signature(signature, oracle.PKCS1v15(), None) == value


def test_the_block_leaves_room_for_eleven_bytes() -> None:
    assert padding.pkcs1_sign_block(b"\xaa" * 53, 64) == b"\x00\x01" + b"\xff" * 8 + b"\x00" + b"\xaa" * 53
    assert padding.pkcs1_sign_block(b"", 64) == b"\x00\x01" + b"\xff" * 61 + b"\x00"
    with pytest.raises(InputError, match="512-bit"):
        padding.pkcs1_sign_block(b"\xaa" * 54, 64)


@pytest.mark.parametrize("size", [0, 1, 117, 245])
def test_what_others_encrypt_is_unpadded(size: int) -> None:
    key = rsa_key(2048)
    message = bytes(range(size))
    assert padding.pkcs1_unpad(raw_private(key, key.public_key().encrypt(message, oracle.PKCS1v15()))) == message


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"\x00\x02" + b"\x11" * 8,
        b"\x00\x02" + b"\x11" * 7 + b"\x00" + b"short padding",
        b"\x00\x02\x00" + b"\x11" * 20,
        b"\x00\x02" + b"\x11" * 30,
        b"\x00\x01" + b"\x11" * 8 + b"\x00" + b"signature",
        b"\x01\x02" + b"\x11" * 8 + b"\x00" + b"first byte",
        b"\x02" + b"\x11" * 9 + b"\x00" + b"no first byte",
    ],
)
def test_every_defect_of_an_encryption_block_gives_one_error(block: bytes) -> None:
    with pytest.raises(ReplyError, match="has no PKCS #1"):
        padding.pkcs1_unpad(block)


@given(st.binary(max_size=80))
def test_random_blocks_are_unpadded_or_refused(block: bytes) -> None:
    for unpad in (padding.pkcs1_unpad, lambda raw: padding.oaep_unpad(raw, "sha1")):
        try:
            assert len(unpad(block)) <= len(block) - 11
        except ReplyError:
            continue


@pytest.mark.parametrize(("name", "bits"), list(product(DIGEST_INFO, (1024, 1025, 2048))))
def test_a_pss_signature_is_verified_by_others(name: str, bits: int) -> None:
    key, value = rsa_key(bits), padding.digest(name, MESSAGE)
    if name == "sha512" and bits < 1041:  # 2 * 64 + 2 bytes, and one bit for the modulus
        with pytest.raises(InputError, match="too short for PSS"):
            padding.pss_block(value, name, bits)
        return
    scheme = oracle.PSS(oracle.MGF1(HASHES[name]), len(value))
    for _ in range(3):
        block = padding.pss_block(value, name, bits)
        assert len(block) == -(-bits // 8)
        key.public_key().verify(raw_private(key, block), MESSAGE, scheme, HASHES[name])


@pytest.mark.parametrize("size", [0, 20, 64])
def test_a_given_salt_is_used(size: int) -> None:
    key, value, salt = rsa_key(2048), padding.digest("sha256", MESSAGE), bytes(range(size))
    block = padding.pss_block(value, "sha256", 2048, salt)
    assert block == padding.pss_block(value, "sha256", 2048, salt)
    scheme = oracle.PSS(oracle.MGF1(HASHES["sha256"]), size)
    key.public_key().verify(raw_private(key, block), MESSAGE, scheme, HASHES["sha256"])


def test_two_salts_are_different() -> None:
    value = padding.digest("sha256", MESSAGE)
    assert padding.pss_block(value, "sha256", 2048) != padding.pss_block(value, "sha256", 2048)


def test_pss_wants_a_value_of_the_hash() -> None:
    with pytest.raises(InputError, match="31 bytes are not a sha256 value"):
        padding.pss_block(bytes(31), "sha256", 2048)


@pytest.mark.parametrize(("name", "bits"), list(product([*DIGEST_INFO][1:], (1024, 1025, 2048))))
def test_what_others_encrypt_with_oaep_is_unpadded(name: str, bits: int) -> None:
    key = rsa_key(bits)
    room = -(-bits // 8) - 2 * padding.digest_size(name) - 2
    if room < 0:
        with pytest.raises(ReplyError):
            padding.oaep_unpad(bytes(bits // 8), name)
        return
    for message in (b"", bytes(room), b"\x01" * room):
        scheme = oracle.OAEP(oracle.MGF1(HASHES[name]), HASHES[name], None)
        block = raw_private(key, key.public_key().encrypt(message, scheme))
        assert padding.oaep_unpad(block, name) == message


def test_the_label_of_oaep_counts() -> None:
    key = rsa_key(1024)
    scheme = oracle.OAEP(oracle.MGF1(HASHES["sha1"]), HASHES["sha1"], b"label")
    block = raw_private(key, key.public_key().encrypt(MESSAGE, scheme))
    assert padding.oaep_unpad(block, "sha1", b"label") == MESSAGE
    for wrong in ("sha1", "sha256"):
        with pytest.raises(ReplyError, match="no OAEP padding"):
            padding.oaep_unpad(block, wrong)


def oaep_block(data: bytes, first: int = 0) -> bytes:
    """An EME-OAEP block with SHA-1 around a data block of any shape."""
    seed = bytes(range(20))
    masked = bytes(a ^ b for a, b in zip(data, padding.mgf1(seed, len(data), "sha1"), strict=True))
    masked_seed = bytes(a ^ b for a, b in zip(seed, padding.mgf1(masked, 20, "sha1"), strict=True))
    return bytes((first,)) + masked_seed + masked


def test_every_defect_of_oaep_gives_one_error() -> None:
    label = padding.digest("sha1", b"")
    good = label + bytes(4) + b"\x01" + b"message"
    assert padding.oaep_unpad(oaep_block(good), "sha1") == b"message"
    bad = (
        oaep_block(good, first=1),
        oaep_block(label + bytes(3) + b"\x02" + b"\x01message"),
        oaep_block(label + bytes(12)),
        oaep_block(padding.digest("sha1", b"other") + bytes(4) + b"\x01" + b"message"),
        oaep_block(good)[:41],
    )
    for block in bad:
        with pytest.raises(ReplyError, match="no OAEP padding"):
            padding.oaep_unpad(block, "sha1")


def test_mgf1_of_sha1_is_the_published_one() -> None:
    assert padding.mgf1(b"foo", 3, "sha1").hex() == "1ac907"
    assert padding.mgf1(b"bar", 5, "sha1").hex() == "bc0c655e01"
    assert padding.mgf1(b"bar", 0, "sha1") == b""


def test_md5sha1_is_no_hash_for_pss_and_oaep() -> None:
    with pytest.raises(InputError, match="md5sha1"):
        padding.pss_block(bytes(36), "md5sha1", 2048)
    with pytest.raises(InputError, match="md5sha1"):
        padding.oaep_unpad(bytes(256), "md5sha1")


@pytest.mark.parametrize(
    ("value", "size", "result"), [("aabbcc", 2, "aabb"), ("aabbcc", 3, "aabbcc"), ("aabbcc", 5, "0000aabbcc")]
)
def test_a_hash_is_cut_on_the_right_and_filled_on_the_left(value: str, size: int, result: str) -> None:
    assert padding.left_padded_hash(bytes.fromhex(value), size).hex() == result


@pytest.mark.parametrize(
    ("raw", "der"),
    [
        ("01" + "02", "3006 020101 020102"),
        ("7f" + "80", "3007 02017f 02020080"),
        ("0001" + "ff00", "3008 020101 020300ff00"),
        ("0000" + "0001", "3006 020100 020101"),
        ("00ff" + "007f", "3007 020200ff 02017f"),
        ("00" + "00", "3006 020100 020100"),
    ],
)
def test_ecdsa_numbers_both_ways(raw: str, der: str) -> None:
    assert padding.ecdsa_der(bytes.fromhex(raw)) == bytes.fromhex(der)
    assert padding.ecdsa_raw(bytes.fromhex(der), len(raw) // 4) == bytes.fromhex(raw)


@given(st.integers(1, 66), st.data())
def test_ecdsa_forms_agree_with_the_oracle(size: int, data: st.DataObject) -> None:
    r, s = (int.from_bytes(data.draw(st.binary(min_size=size, max_size=size))) for _ in "rs")
    raw = r.to_bytes(size) + s.to_bytes(size)
    der = padding.ecdsa_der(raw)
    assert der == encode_dss_signature(r, s)
    assert decode_dss_signature(der) == (r, s)
    assert padding.ecdsa_raw(der, size) == raw


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_a_real_signature_survives_both_ways(curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    value = padding.digest("sha256", MESSAGE)
    for _ in range(5):
        signature = key.sign(value, ec.ECDSA(Prehashed(HASHES["sha256"])))
        assert padding.ecdsa_der(padding.ecdsa_raw(signature, -(-curve.key_size // 8))) == signature


@pytest.mark.parametrize(
    "der",
    [
        "",
        "3006020101",
        "3003020101",
        "3009020101020101020101",
        "3106020101020101",
        "3006020101040101",
        "30060201010201ff9000",
        "300702030101010201 01",
        "3008020101020300ffff",
        "02010102 0101",
        "308006020101020101",
    ],
)
def test_what_is_no_signature_of_one_byte_numbers_is_refused(der: str) -> None:
    with pytest.raises(ReplyError):
        padding.ecdsa_raw(bytes.fromhex(der), 1)


@pytest.mark.parametrize("raw", [b"", b"\x01", b"\x01\x02\x03"])
def test_what_has_no_equal_halves_is_refused(raw: bytes) -> None:
    with pytest.raises(ReplyError, match="not an r"):
        padding.ecdsa_der(raw)
