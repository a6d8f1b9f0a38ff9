"""Envelopes: each recipient opens them, also with OpenSSL, and nobody else does."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from hypothesis import given
from hypothesis import strategies as st

from cardcore.errors import InputError
from cardcore.personalise.envelope import (
    EnvelopeError,
    Opener,
    Sealer,
    opener,
    recipient_certificate,
    sealer,
)
from cardcore.secret import Secret
from tests.unit.cli.openssl import openssl
from tests.unit.personalise.authority import authority
from tests.unit.personalise.plans import recipient, recipient_key

LABEL = "run-1/4711/pin:user"
NAMES = ("issuer", "deputy")


def opener_of(name: str) -> Opener:
    return Opener(recipient_key(name), [recipient(other) for other in NAMES])


@pytest.fixture(scope="module")
def envelope() -> bytes:
    return Sealer(recipients=tuple(recipient(name) for name in NAMES)).seal(Secret(b"472910"), LABEL)


@pytest.mark.parametrize("name", NAMES)
def test_each_recipient_opens_an_envelope(envelope: bytes, name: str) -> None:
    assert opener_of(name).open(envelope, LABEL).reveal() == b"472910"


@pytest.mark.parametrize("name", NAMES)
def test_openssl_opens_an_envelope(envelope: bytes, name: str, tmp_path: Path) -> None:
    key, file = tmp_path / "key.pem", tmp_path / "envelope"
    key.write_bytes(recipient_key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    file.write_bytes(envelope)
    arguments = ("cms", "-decrypt", "-inform", "DER", "-in", str(file), "-inkey", str(key))
    assert json.loads(openssl(*arguments)) == {"label": LABEL, "secret": b"472910".hex(), "text": "472910"}
    assert b"aes-256-cbc" in openssl("cms", "-cmsout", "-print", "-inform", "DER", "-in", str(file))


def test_an_envelope_of_openssl_is_opened(tmp_path: Path) -> None:
    certificate, content, file = tmp_path / "c.pem", tmp_path / "content", tmp_path / "envelope"
    certificate.write_bytes(recipient("issuer").public_bytes(Encoding.PEM))
    content.write_bytes(json.dumps({"label": LABEL, "secret": "00ff\r\n"[:4]}).encode())
    arguments = ("-encrypt", "-aes256", "-binary", "-outform", "DER", "-in", str(content), "-out", str(file))
    openssl("cms", *arguments, str(certificate))
    assert opener_of("issuer").open(file.read_bytes(), LABEL).reveal() == b"\x00\xff"


def test_keys_have_no_text(tmp_path: Path) -> None:
    made = Sealer(recipients=(recipient("issuer"),)).seal(Secret(b"\x01\xff"), LABEL)
    with opener_of("issuer").open_bytes(made) as content:
        assert json.loads(content.reveal()) == {"label": LABEL, "secret": "01ff"}


def test_an_envelope_is_for_one_secret(envelope: bytes) -> None:
    with pytest.raises(EnvelopeError, match="the envelope for run-1/4711/pin:puk holds another secret"):
        opener_of("issuer").open(envelope, "run-1/4711/pin:puk")


def test_nobody_else_opens_an_envelope() -> None:
    made = Sealer(recipients=(recipient("deputy"),)).seal(Secret(b"472910"), LABEL)
    with pytest.raises(EnvelopeError, match="cannot be opened with this key"):
        opener_of("issuer").open(made, LABEL)
    with pytest.raises(InputError, match="none of the plan's recipients"):
        Opener(recipient_key("stranger"), [recipient("issuer")])


@given(place=st.integers(0, 10_000), bits=st.integers(1, 255))
def test_a_damaged_envelope_gives_no_other_secret(envelope: bytes, place: int, bits: int) -> None:
    damaged = bytearray(envelope)
    damaged[place % len(damaged)] ^= bits
    with suppress(EnvelopeError):  # else it was the part of the other recipient, or what people read
        assert opener_of("issuer").open(bytes(damaged), LABEL).reveal() == b"472910"


@given(data=st.binary(max_size=200))
def test_what_is_no_envelope(data: bytes) -> None:
    with pytest.raises(EnvelopeError):
        opener_of("issuer").open(data, LABEL)


@pytest.mark.parametrize(
    "content", [b"472910", b"[]", b"{}", b'{"label": 1, "secret": "x"}', b'{"secret": 5, "label": ""}']
)
def test_what_is_no_secret(content: bytes) -> None:
    made = Sealer(recipients=(recipient("issuer"),)).seal_bytes(Secret(content))
    with pytest.raises(EnvelopeError, match="no secret of a journal") as caught:
        opener_of("issuer").open(made, LABEL)
    assert caught.value.__cause__ is None


def test_an_opener_from_a_file(tmp_path: Path, envelope: bytes) -> None:
    file = tmp_path / "issuer.pem"
    file.write_bytes(recipient("issuer").public_bytes(Encoding.PEM))
    key = recipient_key("issuer")
    plain = Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    locked = Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")))
    packed = Secret(
        pkcs12.serialize_key_and_certificates(b"a", key, recipient("issuer"), None, BestAvailableEncryption(b"word"))
    )
    assert opener(plain, None, [file]).open(envelope, LABEL).reveal() == b"472910"
    assert opener(locked, Secret(b"word"), [file]).open(envelope, LABEL).reveal() == b"472910"
    assert opener(packed, Secret(b"word"), [file]).open(envelope, LABEL).reveal() == b"472910"
    with pytest.raises(InputError, match="password is wrong"):
        opener(locked, Secret(b"other"), [file])
    elliptic = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(InputError, match="no RSA key"):
        opener(Secret(elliptic), None, [file])


def test_recipients_have_rsa_keys_of_2048_bits(tmp_path: Path) -> None:
    good, short, elliptic = tmp_path / "good.pem", tmp_path / "short.pem", tmp_path / "ec.pem"
    good.write_bytes(recipient("issuer").public_bytes(Encoding.DER))
    short.write_bytes(recipient("short", bits=1024).public_bytes(Encoding.PEM))
    elliptic.write_bytes(authority().pem)
    assert isinstance(recipient_certificate(good).public_key(), rsa.RSAPublicKey)
    for file in (short, elliptic):
        with pytest.raises(InputError, match="not a certificate of an RSA key"):
            sealer([good, file])
