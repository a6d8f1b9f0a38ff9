"""Data objects and certificates that are not as they should be, on cards of which nothing else is asked."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from cardcore import keytypes, tlv
from cardcore.card import Card
from cardcore.directory.piv import PivDirectory
from cardcore.errors import InputError, NotFound, NotSupported, ReplyError
from cardcore.procedures import check_key
from cardcore.secret import Secret
from tests.unit.core.fakecard import piv, without
from tests.unit.core.fakes import FakeTransport
from tests.unit.core.softpiv import certificate, open_piv


def holding(data: bytes) -> Card:
    """A card whose every object has this data."""
    answers = {0xA4: b"\x90\x00", 0xCB: data + b"\x90\x00"}
    transport = FakeTransport(lambda command: answers.get(command.ins, b"\x6d\x00"))
    return open_piv(transport, without(piv(), "key-info"), selected=True)


@pytest.mark.parametrize("data", [b"", tlv.encode(0x53, b"")])
def test_an_empty_object_is_none(data: bytes) -> None:
    card = holding(data)
    with pytest.raises(NotFound, match="is empty"):
        card.read("chuid")
    assert card.certificate("9a") is None
    assert card.serial() == ""


@pytest.mark.parametrize("data", [tlv.encode(0x54, b"x"), tlv.encode(0x53, b"x") + b"\x00", b"\x53\x05x", b"\x53"])
def test_an_object_in_the_wrong_container(data: bytes) -> None:
    card = holding(data)
    for call in (lambda: card.read("chuid"), lambda: card.certificate("9a"), card.serial, card.certificates):
        with pytest.raises(ReplyError):
            call()


@pytest.mark.parametrize(("size", "shown"), [(4, "16909060"), (16, str(int.from_bytes(bytes([1, 2, 3, 4] * 4))))])
def test_a_serial_number_is_shown_in_decimal(size: int, shown: str) -> None:
    number = (bytes([1, 2, 3, 4]) * 4)[:size]
    assert open_piv(FakeTransport(lambda command: number + b"\x90\x00"), selected=True).serial() == shown


def test_a_serial_number_that_is_none() -> None:
    card = open_piv(FakeTransport(lambda command: b"\x01" * 2000 + b"\x90\x00"), selected=True)
    with pytest.raises(ReplyError, match="serial number of 2000 bytes"):
        card.serial()


@pytest.mark.parametrize("size", [64, 65, 200])
def test_a_guid_is_no_longer_than_a_serial_number(size: int) -> None:
    answers = {0xA4: b"\x90\x00", 0xCB: tlv.encode(0x53, tlv.encode(0x34, b"\x12" * size)) + b"\x90\x00"}
    transport = FakeTransport(lambda command: answers.get(command.ins, b"\x6d\x00"))
    card = open_piv(transport, selected=True)
    if size <= 64:
        assert card.serial() == "12" * size
    else:
        with pytest.raises(ReplyError, match=f"serial number of {size} bytes"):
            card.serial()


def test_whatever_is_there_makes_a_card_not_blank() -> None:
    card = holding(b"\xff\xff\xff")
    found = PivDirectory(card.authentication._session).holdings()
    assert "chuid" in found
    assert "certificate 9a" in found


def test_a_certificate_of_a_kind_of_key_that_no_card_has() -> None:
    odd = certificate(ed25519.Ed25519PrivateKey.generate().public_key())  # type: ignore[arg-type]  # that is the point
    der = odd.public_bytes(Encoding.DER)
    card = holding(tlv.encode(0x53, tlv.encode(0x70, der)))
    assert card.certificate("9a") == odd
    with pytest.raises(NotSupported, match="Ed25519"):
        card.key("9a")
    with pytest.raises(NotSupported, match="Ed25519"):
        card.write_certificate("9a", odd)


def test_a_certificate_whose_key_cannot_be_read() -> None:
    good = certificate(ec.generate_private_key(ec.SECP256R1()).public_key()).public_bytes(Encoding.DER)
    curve, unknown = bytes.fromhex("06082A8648CE3D030107"), bytes.fromhex("06082A8648CE3D03017F")
    assert good.count(curve) == 1
    spoilt = keytypes.load_certificate(good.replace(curve, unknown))
    with pytest.raises(NotSupported, match="cannot be used"):
        keytypes.certified_key(spoilt)
    version = good.replace(bytes.fromhex("A003020102"), bytes.fromhex("A003020107"), 1)
    assert version != good
    with pytest.raises(ReplyError, match="malformed"):
        keytypes.load_certificate(version)


@pytest.mark.parametrize(("cipher", "sizes"), [("3des", "24"), ("aes128", "16"), ("aes192", "24"), ("aes256", "32")])
def test_an_admin_key_of_the_wrong_length(cipher: str, sizes: str) -> None:
    for size in {0, 8, 16, 23, 24, 25, 32, 64} - {int(sizes)}:
        with pytest.raises(InputError, match=f"has {size} bytes") as caught:
            check_key(Secret(bytes(size)), cipher)
        assert sizes in caught.value.hint


@pytest.mark.parametrize("size", [0, 1, 23, 33, 65])
def test_a_shared_secret_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ReplyError, match=f"returned {size} bytes where 32"):
        agreeing(bytes(size)).agree("9d", PEER)


@pytest.mark.parametrize("size", [24, 31, 32])
def test_a_shared_secret_has_the_size_of_the_field(size: int) -> None:
    assert agreeing(b"\x05" * size).agree("9d", PEER) == bytes(32 - size) + b"\x05" * size


PEER = ec.generate_private_key(ec.SECP256R1()).public_key()


def agreeing(secret: bytes) -> Card:
    """A card with a P-256 key that answers key agreement with this."""
    answers = {0x87: tlv.encode(0x7C, tlv.encode(0x82, secret)), 0xF7: tlv.encode(0x01, b"\x11")}
    transport = FakeTransport(lambda command: answers.get(command.ins, b"") + b"\x90\x00")
    return open_piv(transport, selected=True)
