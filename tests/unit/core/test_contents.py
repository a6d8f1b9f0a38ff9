"""Certificates and data objects of a PIV card, whole ones and hostile ones."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from cardcore import tlv
from cardcore.card import Card
from cardcore.directory.base import MAX_CERTIFICATE
from cardcore.errors import AdminRequired, InputError, NotFound, ReplyError, SecurityStatus
from tests.unit.core.fakecard import piv, without
from tests.unit.core.softpiv import ADMIN, PIN, certificate, new_card


@pytest.fixture
def card() -> Iterator[Card]:
    with new_card() as card:
        yield card


@pytest.fixture
def managed(card: Card) -> Card:
    card.authenticate_admin(ADMIN)
    return card


# Certificates


@pytest.mark.parametrize("extra", [0, 600, 3000])
@pytest.mark.parametrize("extended", [False, True])
def test_a_certificate_comes_back(extended: bool, extra: int) -> None:
    with new_card(extended=extended) as card:
        card.authenticate_admin(ADMIN)
        public = card.generate("9a", "ecp256")
        made = certificate(public, extra=extra)
        card.write_certificate("9a", made)
        assert card.certificate("9a") == made
        assert card.certificates() == {"9a": made}
        card.delete_certificate("9a")
        assert card.certificate("9a") is None
        assert card.certificates() == {}


def test_a_certificate_for_another_key_needs_force(managed: Card) -> None:
    managed.generate("9a", "ecp256")
    other = certificate(ec.generate_private_key(ec.SECP256R1()).public_key())
    with pytest.raises(InputError, match="for another key than 9a"):
        managed.write_certificate("9a", other)
    assert managed.certificate("9a") is None
    managed.write_certificate("9a", other, force=True)
    managed.write_certificate("9d", other)
    assert managed.certificate("9a") == managed.certificate("9d") == other


def store(card: Card, der: bytes, info: bytes = b"\x00") -> None:
    """Write what some other program could have written as the certificate of 9A."""
    content = tlv.encode(0x70, der) + tlv.encode(0x71, info) + tlv.encode(0xFE, b"")
    card.write("5FC105", content)


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_a_compressed_certificate_is_unpacked(managed: Card, compress: Callable[[bytes], bytes]) -> None:
    made = certificate(ec.generate_private_key(ec.SECP256R1()).public_key(), extra=600)
    store(managed, compress(made.public_bytes(Encoding.DER)), b"\x01")
    assert managed.certificate("9a") == made


HOSTILE = {
    "a bomb": (gzip.compress(bytes(10_000_000)), b"\x01", "more than 65536 bytes"),
    "a byte too much": (gzip.compress(bytes(MAX_CERTIFICATE + 1)), b"\x01", "more than 65536 bytes"),
    "not compressed": (b"\x30\x00", b"\x01", "is not"),
    "cut off": (gzip.compress(bytes(1000))[:-9], b"\x01", "ends early"),
    "compressed nothing": (gzip.compress(b""), b"\x01", "malformed"),
    "no certificate": (b"\x30\x00", b"\x00", "malformed"),
    "no DER": (b"\xff" * 20, b"\x00", "malformed"),
}


@pytest.mark.parametrize(("der", "info", "message"), HOSTILE.values(), ids=HOSTILE)
def test_a_malformed_certificate_is_a_reply_error(managed: Card, der: bytes, info: bytes, message: str) -> None:
    store(managed, der, info)
    with pytest.raises(ReplyError, match=message):
        managed.certificate("9a")


def test_the_largest_certificate_is_refused_before_it_is_written(
    managed: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = certificate(ec.generate_private_key(ec.SECP256R1()).public_key())
    monkeypatch.setattr("cardcore.directory.piv.MAX_CERTIFICATE", 100)
    with pytest.raises(InputError, match="too large"):
        managed.write_certificate("9a", made)


def test_an_object_without_a_certificate_in_it(managed: Card) -> None:
    managed.write("5FC105", tlv.encode(0x71, b"\x00"))
    assert managed.certificate("9a") is None
    managed.write("5FC105", b"\xff\xff")
    with pytest.raises(ReplyError):
        managed.certificate("9a")


# Data objects


@pytest.mark.parametrize("size", [1, 100, 255, 256, 3000])
@pytest.mark.parametrize("extended", [False, True])
def test_an_object_comes_back(extended: bool, size: int) -> None:
    with new_card(extended=extended) as card:
        card.authenticate_admin(ADMIN)
        card.write("security", bytes(index & 0xFF for index in range(size)))
        assert card.read("security") == card.read("5fc106") == bytes(index & 0xFF for index in range(size))
        card.write("security", b"")
        with pytest.raises(NotFound):
            card.read("security")


def test_objects_that_are_there_or_not(card: Card) -> None:
    assert tlv.find(card.read("chuid"), [0x34])
    assert tlv.find(card.read("discovery"), [0x4F])
    with pytest.raises(SecurityStatus):
        card.read("printed")
    with pytest.raises(NotFound):
        card.read("5FC1FF")
    with pytest.raises(InputError, match="unknown object picture") as caught:
        card.read("picture")
    assert "chuid" in caught.value.hint
    with pytest.raises(AdminRequired):
        card.write("chuid", b"")


def test_reading_does_not_cost_what_was_proved(managed: Card) -> None:
    managed.verify(PIN)
    for name in ("security", "5FC1FF"):
        with pytest.raises(NotFound):
            managed.read(name)
    assert managed.pin_status().verified
    managed.write("security", b"x")


def test_a_serial_number_or_else_the_guid() -> None:
    with new_card() as card:
        assert card.serial().isdigit()
        guid = tlv.require(card.read("chuid"), [0x34]).hex()
    with new_card(without(piv(), "serial")) as card:
        assert len(card.serial()) == len(guid) == 32
    with new_card(without(piv(), "serial"), blank=True) as card:
        assert card.serial() == ""
