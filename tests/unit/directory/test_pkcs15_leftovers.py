"""Writes of certificates and keys that are cut off, over and over: nothing is lost or left, nobody else's is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from cardcore.card import Card
from cardcore.directory.pkcs15 import der
from cardcore.errors import CardRemoved, NotSupported
from cardcore.opening import open_on
from cardcore.softcard.isoapplet import files
from cardcore.tlv import encode
from cardcore.transport.base import OPEN, Mask
from cardcore.transport.faults import FaultKind, FaultPlan, FaultTransport
from cardcore.transport.soft import SoftTransport
from tests.unit.core.softpiv import certificate
from tests.unit.directory.isocard import IsoCard, iso_card

PIN, PUK = "123456", "0123456789abcdef"
CUTS = (FaultKind.REMOVED_BEFORE, FaultKind.REMOVED_AFTER)
CREATE, DELETE = 0xE0, 0xE4
APPLICATION = "3F005015"
Job = Callable[[Card], object]


@cache
def key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(0x1000 + number, ec.SECP256R1())


@cache
def made(number: int, extra: int) -> x509.Certificate:
    """A certificate of that key, by about so many bytes longer."""
    return certificate(key(number).public_key(), extra=extra)


def issued(number: int, extra: int = 0) -> x509.Certificate:
    """The one certificate of that key and size."""
    return made(number, extra)


def prepared(keys: int = 1) -> IsoCard:
    """A card with keys 1, 2, ..., and nothing else."""
    card = iso_card()
    with used(card) as opened:
        for number in range(1, keys + 1):
            opened.import_key(str(number), key(number))
    return card


@contextmanager
def used(card: IsoCard, transport: SoftTransport | FaultTransport | None = None) -> Iterator[Card]:
    """The card, which is initialised if it is blank, with its PIN verified; without power afterwards."""
    try:
        with open_on(transport or SoftTransport(card.soft, "iso"), "isoapplet") as opened:
            if not card.files:
                opened.initialise("Test", pin=PIN, puk=PUK)
            opened.verify(PIN)
            yield opened
    finally:
        card.soft.power_off()


def cut(card: IsoCard, job: Job, kind: FaultKind, at: int) -> bool:
    """The job, but the card is pulled out at that exchange; False if it was over before."""
    transport = FaultTransport(SoftTransport(card.soft, "iso"), FaultPlan(kind=kind, at=at))
    with suppress(CardRemoved), used(card, transport) as opened:
        job(opened)
    return transport.count >= at


def cuts(card: IsoCard, job: Job) -> Iterator[int]:
    """The job once for each of its exchanges and each way to cut it off there, on the one card."""
    at = 1
    while all(cut(card, job, kind, at) for kind in CUTS):
        yield at
        at += 1


def writing(number: int, extra: int = 0) -> Job:
    return lambda card: card.write_certificate(str(number), issued(number, extra))


class Noting(SoftTransport):
    """Keeps the instructions that the card is sent, and its status words."""

    def __init__(self, card: IsoCard) -> None:
        super().__init__(card.soft, "iso")
        self.log: list[tuple[int, int]] = []

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        reply = super().transmit(command, mask)
        self.log.append((command[1], int.from_bytes(reply[-2:])))
        return reply


def test_a_write_that_nothing_disturbs_looks_for_nothing() -> None:
    card = prepared(keys=3)
    transport = Noting(card)
    with used(card, transport) as opened:
        for number in (1, 2, 3):
            opened.write_certificate(str(number), issued(number))
        transport.log.clear()
        opened.write_certificate("3", issued(3, 60))
    assert {sw for _, sw in transport.log} <= {0x9000, 0x6282}  # no SELECT of a file that is not there
    sent = [instruction for instruction, _ in transport.log]
    assert sent.count(CREATE) == sent.count(DELETE) == 1
    assert sent.index(CREATE) < sent.index(DELETE)


def test_certificates_cut_off_at_every_command_over_and_over() -> None:
    card = prepared(keys=2)
    with used(card) as opened:
        opened.write_certificate("2", issued(2))
    times = 0
    for extra in (0, 600, 300):
        for _ in cuts(card, writing(1, extra)):
            times += len(CUTS)
            assert len(card.values - card.named) <= 1
            assert card.named <= card.values
            with used(card) as opened:
                found = opened.certificates()
                assert found["2"] == issued(2)
                assert found.get("1") in (None, issued(1, 0), issued(1, 600), issued(1, 300))
        with used(card) as opened:
            opened.write_certificate("1", issued(1, extra))
            assert opened.certificates() == {"1": issued(1, extra), "2": issued(2)}
            opened.sign("1", b"message", hash="sha1")
        assert card.values == card.named
        assert len(card.values) == 4
    assert times > 100


def test_a_first_certificate_cut_off_at_every_command() -> None:
    """The list of certificates and its entry in EF.ODF are made by the way."""
    at = 1
    while True:
        card = prepared()
        before = card.files
        kept = [cut(card, writing(1, 600), kind, at) for kind in CUTS]
        with used(card) as opened:
            opened.write_certificate("1", issued(1))
            assert opened.certificates() == {"1": issued(1)}
        assert set(card.files) == set(before) | {0x3400, 0x4404}
        assert card.values == card.named
        if not any(kept):
            break
        at += 1
    assert at > 20


def test_a_list_that_was_never_entered_leaves_nothing_behind_the_new_entry() -> None:
    card = prepared()
    begun = encode(der.SEQUENCE, der.sequence(der.text("An entry that is longer than the one to come " * 4)))
    with used(card) as opened:
        opened.write(APPLICATION + "4404", begun.ljust(1024, b"\x00"))
        opened.write_certificate("1", issued(1))
    with used(card) as opened:
        assert opened.certificates() == {"1": issued(1)}


def generating(card: Card) -> None:
    card.generate("1", "ecp256")


def test_keys_cut_off_at_every_command_over_and_over() -> None:
    card = prepared()
    for _ in cuts(card, generating):
        assert len(card.values - card.named) <= 1
    with used(card) as opened:
        public = opened.generate("1", "ecp256")
        assert opened.public_key("1") == public
        opened.generate("2", "ecp256")
    assert card.values == card.named
    assert len(card.values) == 2


def test_what_earlier_versions_have_left_is_taken_one_by_one() -> None:
    card = prepared()
    left = bytes.fromhex("308201F4") + bytes(500)
    with used(card) as opened:
        for number in range(17):
            opened.write(f"{APPLICATION}34{number:02X}", (left, bytes(300))[number % 2])
        opened.write_certificate("1", issued(1))
        opened.write_certificate("1", issued(1, 300))
        assert opened.certificates() == {"1": issued(1, 300)}
    assert 0x3401 in card.named


OTHERS = {
    "a note": b"Remember the milk",
    "a value with something behind it": der.sequence(der.octets(b"x" * 20)) + b"more",
    "a value that goes beyond the file": bytes.fromhex("308201F4") + bytes(100),
    "random bytes": bytes(range(0x80, 0xF0)),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_files_of_another_kind_are_left_alone(other: bytes) -> None:
    card = prepared()
    with used(card) as opened:
        opened.write(APPLICATION + "3400", other)
        opened.write_certificate("1", issued(1))
        assert opened.read(APPLICATION + "3400") == other
    assert 0x3401 in card.named


def with_list(card: IsoCard, kind: int, fid: str, entry: bytes) -> None:
    """Another list, in a file, and entered in EF.ODF."""
    with used(card) as opened:
        opened.write(APPLICATION + fid, entry.ljust(300, b"\x00"))
        odf = opened.read(APPLICATION + "5031").rstrip(b"\x00")
        opened.write(APPLICATION + "5031", odf + encode(kind, der.sequence(der.octets(bytes.fromhex(fid)))))


@pytest.mark.parametrize("path", ["3400", "50153400", "3F0050153400"])
@pytest.mark.parametrize("kind", [0xA2, 0xA3, 0xA5, 0xA6, 0xA7, 0xA9])
def test_a_file_that_any_list_names_is_left_alone(kind: int, path: str) -> None:
    card = prepared()
    named = der.sequence(der.octets(b"\x77"))
    where = der.sequence(der.octets(bytes.fromhex(path)))
    entry = der.sequence(der.sequence(der.text("Somebody's")), der.sequence(), encode(0xA1, where))
    with_list(card, kind, "4477", entry)
    with used(card) as opened:
        opened.write(APPLICATION + "3400", named)
        opened.write_certificate("1", issued(1))
        assert opened.read(APPLICATION + "3400") == named
    assert card.values == {0x3300, 0x3400, 0x3401}


def test_nothing_is_deleted_if_a_list_cannot_be_read() -> None:
    card = prepared()
    with_list(card, 0xA7, "4477", b"\x30\x82\x7f\xff")
    with used(card) as opened:
        opened.write(APPLICATION + "3400", bytes(100))
        opened.write_certificate("1", issued(1))
    assert 0x3400 in card.files
    assert 0x3401 in card.named


@pytest.mark.parametrize("limit", ["MAX_FILES", "MAX_MEMORY"])
def test_a_full_card_has_room_again_where_something_was_left(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    card = prepared()
    with used(card) as opened:
        opened.write_certificate("1", issued(1))
        for fid in ("3301", "3305", "3405"):
            opened.write(APPLICATION + fid, bytes(400))
    size = sum(len(content) for content in card.files.values())
    monkeypatch.setattr(files, limit, {"MAX_FILES": len(card.files) + 1, "MAX_MEMORY": size}[limit])
    with used(card) as opened:
        opened.write_certificate("1", issued(1, 600))
        assert opened.certificates() == {"1": issued(1, 600)}
    assert card.values == card.named
    monkeypatch.setattr(files, limit, {"MAX_FILES": len(card.files) + 1, "MAX_MEMORY": 0}[limit])
    before = card.files
    with used(card) as opened, pytest.raises(NotSupported, match="no room"):
        opened.write_certificate("1", issued(1, 900))
    assert card.values == card.named
    assert set(card.files) == set(before)


def test_identifiers_that_are_in_use_elsewhere_are_passed_over() -> None:
    card = prepared()
    with used(card) as opened:
        opened.write("3F003400", bytes(10))
        opened.write_certificate("1", issued(1))
    assert 0x3400 in card.files
    assert 0x3401 in card.named
