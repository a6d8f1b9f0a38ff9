"""Key blobs: round trips, OpenSSL as the other side, and whatever a hostile program may hand over."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from csp_frontend import blobs
from csp_frontend.blobs import PlainBlob, PublicKeyBlob, SimpleBlob
from csp_frontend.constants import Alg, Blob, Code
from csp_frontend.errors import CspError
from csp_frontend.rsa_keys import PublicKey, private_key
from tests.frontend.bench import other_key
from tests.frontend.refusals import refused
from tests.unit.core.rsakeys import rsa_key

PARSERS = (blobs.parse_public, blobs.parse_private, blobs.parse_simple, blobs.parse_plain)
EXPECTED = {None, Code.NTE_BAD_DATA, Code.NTE_BAD_VER, Code.NTE_BAD_TYPE, Code.NTE_BAD_ALGID}


def outcome(parse: Callable[[bytes], object], data: bytes) -> Code | None:
    """The code with which a parser refuses the bytes; None if it takes them. Any other error comes through."""
    try:
        parse(data)
    except CspError as error:
        return error.code
    return None


def private_blob(bits: int = 1024, algorithm: int = Alg.CALG_RSA_KEYX) -> bytes:
    """A PRIVATEKEYBLOB put together with struct, by the documentation of RSAPUBKEY."""
    key = rsa_key(bits) if bits != 2048 else other_key(0)
    numbers = key.private_numbers()
    public, size, half = numbers.public_numbers, bits // 8, bits // 16
    primes = (numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)
    parts = ((public.n, size), *((number, half) for number in primes), (numbers.d, size))
    body = b"".join(number.to_bytes(length, "little") for number, length in parts)
    return struct.pack("<BBHI4sII", 7, 2, 0, algorithm, b"RSA2", bits, public.e) + body


def public_blob(bits: int = 1024) -> bytes:
    numbers = rsa_key(bits).public_key().public_numbers()
    head = struct.pack("<BBHI4sII", 6, 2, 0, Alg.CALG_RSA_SIGN, b"RSA1", bits, numbers.e)
    return head + numbers.n.to_bytes(bits // 8, "little")


def test_public_keys() -> None:
    parsed = blobs.parse_public(public_blob())
    assert parsed.algorithm is Alg.CALG_RSA_SIGN
    assert PublicKey.from_blob(parsed).key == rsa_key(1024).public_key()
    assert blobs.build_public(parsed) == public_blob()
    assert blobs.kind_of(public_blob()) == Blob.PUBLICKEYBLOB


def test_a_modulus_shorter_than_the_blob_says() -> None:
    """Such keys exist; they keep their size from import to export."""
    short = PublicKeyBlob(algorithm=Alg.CALG_RSA_KEYX, bits=1024, exponent=3, modulus=(1 << 1020) + 1)
    blob = blobs.build_public(short)
    assert blobs.parse_public(blob) == short
    assert PublicKey.from_blob(short).blob() == short


def test_private_keys() -> None:
    parsed = blobs.parse_private(private_blob())
    assert private_key(parsed).private_numbers() == rsa_key(1024).private_numbers()
    assert "p=" not in repr(parsed)


def test_numbers_that_are_no_key() -> None:
    damaged = bytearray(private_blob())
    damaged[20 + 128] ^= 0xFF
    with refused(Code.NTE_BAD_DATA):
        private_key(blobs.parse_private(bytes(damaged)))
    with refused(Code.NTE_BAD_DATA):
        PublicKey.from_blob(PublicKeyBlob(algorithm=Alg.CALG_RSA_KEYX, bits=1024, exponent=3, modulus=2))


def test_simple_and_plain_blobs() -> None:
    simple = SimpleBlob(algorithm=Alg.CALG_RC4, wrapped_by=Alg.CALG_RSA_KEYX, encrypted=bytes(range(128)))
    encoded = blobs.build_simple(simple)
    assert encoded == struct.pack("<BBHII", 1, 2, 0, Alg.CALG_RC4, Alg.CALG_RSA_KEYX) + bytes(range(128))[::-1]
    assert blobs.parse_simple(encoded) == simple
    assert len(encoded) == blobs.simple_size(1024)
    plain = PlainBlob(algorithm=Alg.CALG_AES_128, key=bytes(range(16)))
    encoded = blobs.build_plain(plain)
    assert encoded == struct.pack("<BBHII", 8, 2, 0, Alg.CALG_AES_128, 16) + bytes(range(16))
    assert blobs.parse_plain(encoded) == plain
    assert "key=" not in repr(plain)


def test_an_exponent_that_has_no_place() -> None:
    with refused(Code.NTE_BAD_KEY):
        blobs.build_public(PublicKeyBlob(algorithm=Alg.CALG_RSA_KEYX, bits=1024, exponent=1 << 32, modulus=1 << 1023))


# offset, what is written there, the error
@pytest.mark.parametrize(
    ("offset", "wrong", "code"),
    [
        (0, b"\x01", Code.NTE_BAD_TYPE),
        (1, b"\x03", Code.NTE_BAD_VER),
        (4, b"\x01\x66\x00\x00", Code.NTE_BAD_ALGID),
        (8, b"RSA2", Code.NTE_BAD_DATA),
        (12, struct.pack("<I", 0), Code.NTE_BAD_DATA),
        (12, struct.pack("<I", 368), Code.NTE_BAD_DATA),
        (12, struct.pack("<I", 1008), Code.NTE_BAD_DATA),
        (12, struct.pack("<I", 1023), Code.NTE_BAD_DATA),
        (12, struct.pack("<I", 1040), Code.NTE_BAD_DATA),
        (12, struct.pack("<I", 0xFFFFFFF0), Code.NTE_BAD_DATA),
        (16, struct.pack("<I", 1), Code.NTE_BAD_DATA),
        (16, struct.pack("<I", 65536), Code.NTE_BAD_DATA),
        (20, b"\x00", Code.NTE_BAD_DATA),
        (20, b"\x01" + bytes(127), Code.NTE_BAD_DATA),
    ],
)
def test_what_is_wrong_with_a_public_key(offset: int, wrong: bytes, code: Code) -> None:
    blob = public_blob()
    with refused(code):
        blobs.parse_public(blob[:offset] + wrong + blob[offset + len(wrong) :])


@pytest.mark.parametrize("parse", PARSERS)
def test_every_truncation_and_extension_is_refused(parse: object) -> None:
    assert callable(parse)
    whole = {
        blobs.parse_public: public_blob(),
        blobs.parse_private: private_blob(),
        blobs.parse_simple: blobs.build_simple(
            SimpleBlob(algorithm=Alg.CALG_RC4, wrapped_by=Alg.CALG_RSA_KEYX, encrypted=bytes(48))
        ),
        blobs.parse_plain: blobs.build_plain(PlainBlob(algorithm=Alg.CALG_RC4, key=b"12345")),
    }[parse]
    parse(whole)
    for size in range(len(whole)):
        with refused(Code.NTE_BAD_DATA):
            parse(whole[:size])
    longer = whole + bytes(blobs.MAX_BLOB if parse is blobs.parse_simple else 1)
    with refused(Code.NTE_BAD_DATA):
        parse(longer)


def test_the_key_of_a_simple_blob_is_bounded() -> None:
    head = struct.pack("<BBHII", 1, 2, 0, Alg.CALG_RC4, Alg.CALG_RSA_KEYX)
    with refused(Code.NTE_BAD_DATA):
        blobs.parse_simple(head + bytes(2049))
    with refused(Code.NTE_BAD_ALGID):
        blobs.parse_simple(struct.pack("<BBHII", 1, 2, 0, Alg.CALG_RC4, Alg.CALG_RC4) + bytes(128))


@given(head=st.sampled_from([b"", b"\x06\x02", b"\x07\x02", b"\x01\x02", b"\x08\x02"]), rest=st.binary(max_size=400))
def test_any_bytes_are_parsed_or_refused(head: bytes, rest: bytes) -> None:
    for parse in PARSERS:
        assert outcome(parse, head + rest) in EXPECTED


@given(data=st.binary(max_size=200))
def test_any_bytes_are_hmac_info_or_refused(data: bytes) -> None:
    assert outcome(blobs.parse_hmac_info, data) in (None, Code.ERROR_INVALID_PARAMETER)


@given(
    position=st.integers(0, len(private_blob(1024)) - 1),
    byte=st.integers(0, 255),
)
def test_a_damaged_private_key_is_refused_or_a_key(position: int, byte: int) -> None:
    blob = bytearray(private_blob(1024))
    blob[position] = byte
    assert outcome(lambda data: private_key(blobs.parse_private(data)), bytes(blob)) in EXPECTED


@pytest.fixture(scope="module")
def openssl() -> str:
    found = shutil.which("openssl")
    assert found, "the openssl program is the other side of these tests"
    return found


def test_openssl_reads_our_public_key(openssl: str, tmp_path: Path) -> None:
    key = PublicKey(Alg.CALG_RSA_KEYX, other_key(0).public_key())
    (tmp_path / "blob").write_bytes(blobs.build_public(key.blob()))
    command = [openssl, "rsa", "-pubin", "-inform", "MSBLOB", "-in", "blob", "-outform", "DER", "-out", "der"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    der = key.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert (tmp_path / "der").read_bytes() == der


def test_we_read_the_private_key_of_openssl(openssl: str, tmp_path: Path) -> None:
    key = other_key(0)
    der = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    (tmp_path / "der").write_bytes(der)
    command = [openssl, "rsa", "-inform", "DER", "-in", "der", "-outform", "MSBLOB", "-out", "blob"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    blob = (tmp_path / "blob").read_bytes()
    found = private_key(blobs.parse_private(blob))
    assert found.private_numbers() == load_der_private_key(der, None).private_numbers()  # type: ignore[union-attr]  # RSA


def test_hmac_info_is_read_back() -> None:
    raw = struct.pack("<II", 0x8004, 8) + b"\x36" * 8 + struct.pack("<I", 0)
    assert blobs.parse_hmac_info(raw) == blobs.HmacInfo(algorithm=0x8004, inner=b"\x36" * 8, outer=b"")
    with refused(Code.ERROR_INVALID_PARAMETER):
        blobs.parse_hmac_info(raw[:-1])
