"""Entries that say what is not so: one name for two keys, one file for two values, a directory as a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from cardcore.card import Card
from cardcore.directory.pkcs15 import der, encoding
from cardcore.errors import InputError, ReplyError
from cardcore.keytypes import KEY_TYPES
from cardcore.opening import open_on
from cardcore.profile.model import KeySlot
from cardcore.softcard import ScryptCost, SoftCard, volatile_card
from cardcore.tlv import encode
from cardcore.transport.faults import CountingTransport
from cardcore.transport.soft import SoftTransport
from tests.unit.core.softpiv import certificate
from tests.unit.directory.isocard import IsoCard, iso_card

PIN, PUK = "123456", "0123456789abcdef"
APPLICATION = "3F005015"
PRKDF, PUKDF, CDF, ODF, TOKEN_INFO = (APPLICATION + fid for fid in ("4402", "4403", "4404", "5031", "5032"))
MINE, OTHER = (ec.derive_private_key(0x2000 + number, ec.SECP256R1()) for number in range(2))
KIND = KEY_TYPES["ecp256"]


@pytest.fixture(scope="module")
def certificates() -> tuple[x509.Certificate, x509.Certificate]:
    """Of either key."""
    return certificate(MINE.public_key()), certificate(OTHER.public_key())


@pytest.fixture
def card(certificates: tuple[x509.Certificate, x509.Certificate]) -> IsoCard:
    """A card with key 1 and its certificate, in 3300 and 3400."""
    made = iso_card()
    with used(made, PIN) as opened:
        opened.initialise("Test", pin=PIN, puk=PUK)
        opened.import_key("1", MINE)
        opened.write_certificate("1", certificates[0])
    return made


@contextmanager
def used(card: IsoCard, pin: str = "") -> Iterator[Card]:
    """The card, opened anew, with its PIN verified if it is given."""
    try:
        with open_on(SoftTransport(card.soft, "iso"), "isoapplet") as opened:
            if pin and card.files:
                opened.verify(pin)
            yield opened
    finally:
        card.soft.power_off()


def path(fid: str) -> bytes:
    return bytes.fromhex(APPLICATION + fid)


def private_entry(key_id: bytes, ref: int = 5) -> bytes:
    slot = KeySlot(name="other", ref=ref)
    return encoding.private_key(
        slot, KIND, key_id=key_id, auth_id=b"\xff", where=bytes.fromhex(APPLICATION), generated=False
    )


def public_entry(key_id: bytes, fid: str) -> bytes:
    return encoding.public_key(KeySlot(name="other", ref=5), KIND, key_id=key_id, where=path(fid))


def certificate_entry(key_id: bytes, where: bytes) -> bytes:
    return encoding.certificate(KeySlot(name="other", ref=5), key_id=key_id, where=where)


def put_first(card: IsoCard, listing: str, *entries: bytes) -> None:
    """Write entries before those of a list."""
    with used(card, PIN) as opened:
        present = opened.read(listing).rstrip(b"\x00")
        opened.write(listing, (b"".join(entries) + present).ljust(len(opened.read(listing)), b"\x00"))


def put(card: IsoCard, fid: str, content: bytes) -> None:
    with used(card, PIN) as opened:
        opened.write(APPLICATION + fid, content)


@pytest.mark.parametrize("twin", [b"\x00\x01", b"\x00\x00\x01"])
def test_identifiers_that_differ_by_zeros_are_of_different_keys(
    card: IsoCard, certificates: tuple[x509.Certificate, x509.Certificate], twin: bytes
) -> None:
    put(card, "3355", encoding.public_value(OTHER.public_key()))
    put(card, "3455", certificates[1].public_bytes(Encoding.DER))
    put_first(card, PRKDF, private_entry(twin))
    put_first(card, PUKDF, public_entry(twin, "3355"))
    put_first(card, CDF, certificate_entry(twin, path("3455")))
    with used(card) as opened:
        listed = opened.keys()
        assert [(info.slot.name, info.slot.ref) for info in listed] == [("1", 0), (twin.hex(), 5)]
        assert opened.public_key("1") == MINE.public_key()
        assert opened.public_key(twin.hex()) == OTHER.public_key()
        assert opened.certificates() == {"1": certificates[0], twin.hex(): certificates[1]}


def test_a_key_without_identifier_has_no_name(card: IsoCard) -> None:
    put_first(card, PRKDF, private_entry(b""))
    with used(card) as opened:
        listed = opened.keys()
        assert [info.slot.name for info in listed] == ["1"]


def test_a_public_key_of_another_type_than_its_key_is_not_believed(card: IsoCard) -> None:
    odd = ec.derive_private_key(5, ec.SECP384R1()).public_key()
    put(card, "3355", encoding.public_value(odd))
    put_first(card, PUKDF, public_entry(b"\x01", "3355"))
    with used(card) as opened, pytest.raises(ReplyError, match="of another"):
        opened.public_key("1")


@pytest.mark.parametrize("entry", [private_entry(b"\x02", ref=0x100), private_entry(b"\x07" * 256)])
def test_what_fits_no_command_is_refused(card: IsoCard, entry: bytes) -> None:
    put_first(card, PRKDF, entry)
    with used(card) as opened, pytest.raises(ReplyError):
        opened.keys()


def with_lists(card: IsoCard, kind: int, sizes: tuple[int, ...], entry: Callable[[int], bytes]) -> None:
    """More lists of a kind, in files of their own, with so many entries each."""
    number, odf = 0, b""
    for place, size in enumerate(sizes):
        entries = [entry(number + index) for index in range(size)]
        number += size
        put(card, f"47{place:02X}", b"".join(entries))
        odf += encode(kind, encoding.path(path(f"47{place:02X}")))
    put_first(card, ODF, odf)


def test_more_keys_than_any_card_has(card: IsoCard) -> None:
    with_lists(card, 0xA0, (64, 64), lambda number: private_entry(number.to_bytes(2)))
    with used(card) as opened:
        with pytest.raises(ReplyError, match="more than 128 keys"):
            opened.keys()
        assert opened.certificate("1") is not None


def test_more_entries_than_any_card_has(card: IsoCard) -> None:
    with_lists(card, 0xA4, (256, 256), lambda number: certificate_entry(number.to_bytes(2), path("3400")))
    transport = CountingTransport(SoftTransport(card.soft, "iso"))
    with open_on(transport, "isoapplet") as opened, pytest.raises(ReplyError, match="more than 512"):
        opened.certificates()
    assert transport.count < 300


def numbered_iso(size: int) -> SoftCard:
    """A card that is given a serial number of that size."""
    made = iso_card()
    with used(made) as opened:
        opened.initialise("Test", pin=PIN, puk=PUK, serial=b"\x12" * size)
    return made.soft


def numbered_gids(size: int) -> SoftCard:
    made = volatile_card("gids", blank=True, cost=ScryptCost(n=16))
    with open_on(SoftTransport(made, "gids")) as opened:
        opened.initialise(pin=PIN, admin=bytes(range(24)), serial=b"\x12" * size)
    return made


@pytest.mark.parametrize("size", [64, 65, 5000])
@pytest.mark.parametrize("made", [numbered_iso, numbered_gids])
def test_serial_numbers_end_somewhere(made: Callable[[int], SoftCard], size: int) -> None:
    with open_on(SoftTransport(made(size), "numbered")) as opened:
        if size <= 64:
            assert opened.serial() == "12" * size
        else:
            with pytest.raises(ReplyError, match=f"serial number of {size} bytes"):
                opened.serial()


def test_a_file_that_two_certificates_share_goes_with_the_last(
    card: IsoCard, certificates: tuple[x509.Certificate, x509.Certificate]
) -> None:
    put_first(card, PRKDF, private_entry(b"\x02"))
    put_first(card, CDF, certificate_entry(b"\x02", path("3400")))
    with used(card, PIN) as opened:
        opened.delete_certificate("1")
        assert opened.certificates() == {"2": certificates[0]}
        opened.write_certificate("2", certificates[1], force=True)
        assert opened.certificates() == {"2": certificates[1]}
    assert card.values == card.named


@pytest.mark.parametrize("kind", [0xA5, 0xA6, 0xA7])
def test_a_file_that_an_entry_of_another_list_names_stays(card: IsoCard, kind: int) -> None:
    where = encode(0xA1, encoding.path(path("3400")))
    entry = der.sequence(der.sequence(der.text("x")), der.sequence(der.octets(b"\x99")), encode(0xA1, where))
    with_lists(card, kind, (1,), lambda number: entry)
    with used(card, PIN) as opened:
        opened.delete_certificate("1")
        assert opened.certificates() == {}
    assert 0x3400 in card.files


PRECIOUS = ("3F00", APPLICATION, ODF, TOKEN_INFO, CDF, PRKDF, "3F002F00", "3F006000", APPLICATION + "6001")


@pytest.mark.parametrize("where", PRECIOUS)
@pytest.mark.parametrize("change", ["delete", "replace"])
def test_what_is_no_value_is_not_deleted(
    card: IsoCard, certificates: tuple[x509.Certificate, x509.Certificate], where: str, change: str
) -> None:
    make_directories(card)
    put_first(card, PRKDF, private_entry(b"\x02"))
    put_first(card, CDF, certificate_entry(b"\x02", bytes.fromhex(where)))
    before = set(card.files)
    with used(card, PIN) as opened:
        if change == "delete":
            opened.delete_certificate("2")
        else:
            opened.write_certificate("2", certificates[1], force=True)
    assert before <= set(card.files)
    with used(card) as opened:
        assert opened.certificate("1") == certificates[0]


def make_directories(card: IsoCard) -> None:
    """Two directories with a file each: below the MF, and below the application."""
    transport = SoftTransport(card.soft, "iso")
    with open_on(transport, "isoapplet") as opened:
        opened.verify(PIN)
        for parent, fid in (("3F00", "6000"), ("5015", "6001")):
            select, directory = f"00A4000C02{parent}", f"00E00000096F078201388302{fid}"
            for command in (select, directory, f"00E00000096F078201018302{fid[:2]}1{fid[3]}"):
                assert transport.transmit(bytes.fromhex(command)) == b"\x90\x00"
    card.soft.power_off()


def test_a_directory_with_one_of_our_numbers_is_not_what_was_left(
    card: IsoCard, certificates: tuple[x509.Certificate, x509.Certificate]
) -> None:
    """The card reads the file before in place of a directory: a blank one, which was left, shall not stand for it."""
    transport = SoftTransport(card.soft, "iso")
    put(card, "3401", bytes(100))
    with open_on(transport, "isoapplet") as opened:
        opened.verify(PIN)
        for command in (
            "00A4000C025015",
            "00E00000096F07820138830234FF",
            "00A4000C0234FF",
            "00E00000096F07820101830234EE",
        ):
            assert transport.transmit(bytes.fromhex(command)) == b"\x90\x00"
    card.soft.power_off()
    with used(card, PIN) as opened:
        room = opened.keyring._directory._room  # type: ignore[attr-defined]  # this family's
        with opened.transaction():
            opened.read(APPLICATION + "3401")
            assert not room._delete_if_left(path("34FF"), b"")
            assert room._delete_if_left(path("3401"), b"")
    assert 0x34EE in card.files


@pytest.mark.parametrize("size", [32769, 65536, 100_000])
def test_what_no_offset_reaches_is_not_written(card: IsoCard, size: int) -> None:
    """Bit 8 of P1 would make another file of it."""
    before = card.files
    with used(card, PIN) as opened:
        for fid in ("3299", "3400"):
            with pytest.raises(InputError, match=f"{size} bytes"):
                opened.write(APPLICATION + fid, bytes(size))
        slot = opened.keyring.slot("1")
        with pytest.raises(InputError):
            opened.keyring._directory.store_certificate(slot, bytes(size))
    assert without_times(card.files) == without_times(before)


def without_times(files: dict[int, bytes]) -> dict[int, bytes]:
    """All but EF.TokenInfo, where the time of a change stands that may have come to nothing."""
    return {fid: content for fid, content in files.items() if fid != 0x5032}


def test_keys_that_a_profile_names_otherwise_are_not_there() -> None:
    made = volatile_card("isoapplet", cost=ScryptCost(n=16))
    with open_on(SoftTransport(made, "iso")) as opened:
        slot = KeySlot(name="signer", ref=3)
        opened.verify(PIN)
        for refused in (opened.keyring._directory.delete_certificate, opened.keyring._directory.strike):
            with pytest.raises(InputError, match="no identifier"):
                refused(slot)
