"""This driver on a GIDS software card: what it sends, what it keeps in order, what it refuses."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given
from hypothesis import strategies as st

from cardcore.card import Card
from cardcore.channel import Channel
from cardcore.directory.gids import FileTable, GidsDirectory
from cardcore.directory.gids.filesystem import compress
from cardcore.engine import Engine
from cardcore.errors import (
    AdminRequired,
    CardError,
    InputError,
    NotFound,
    NotSupported,
    PinRequired,
    ReplyError,
    SecurityStatus,
)
from cardcore.opening import open_on
from cardcore.profile.catalog import catalog, shipped_directory
from cardcore.profile.model import KeySpec, Usage
from cardcore.session import Session
from cardcore.softcard import ScryptCost, SoftCard, volatile_card
from cardcore.transport.soft import SoftTransport
from tests.unit.personalise.authority import authority

COST = ScryptCost(n=16)
PIN, ADMIN = "123456", bytes(24)
AID = bytes.fromhex("A00000039742544659")
SELECT, READ_CONTAINERS, TRIES, VERIFY = "00a4", "00cba010045c02df23", "00cb3fff045c027f71", "0020"
MSE_SIGN, SIGN = "002241b6", "002a9e9a"


class Watched:
    """A software card that remembers what it was asked, and can be told to answer something else."""

    def __init__(self, card: SoftCard) -> None:
        self.card = card
        self.commands: list[str] = []
        self.instead: Callable[[bytes], bytes | None] = lambda command: None

    @property
    def atr(self) -> bytes:
        return self.card.atr

    def process(self, command: bytes) -> bytes:
        self.commands.append(command.hex())
        return self.instead(command) or self.card.process(command)

    def reset(self) -> None:
        self.card.reset()

    def power_off(self) -> None:
        self.card.power_off()

    def sent(self) -> list[str]:
        """The commands since this was asked last."""
        commands, self.commands = self.commands, []
        return commands


def watched(*, blank: bool = False) -> Watched:
    return Watched(volatile_card("gids", blank=blank, cost=COST))


def driver(card: Watched) -> Card:
    return open_on(SoftTransport(card, "gids"), "gids")


@pytest.fixture
def card() -> Watched:
    return watched()


@pytest.fixture
def keyed(card: Watched) -> Watched:
    """A card with a key in slot 1."""
    with driver(card) as open_card:
        open_card.verify(PIN)
        open_card.generate("1", "rsa1024")
    card.sent()
    return card


def begin(commands: list[str], *beginnings: str) -> bool:
    return len(commands) == len(beginnings) and all(map(str.startswith, commands, beginnings))


def test_a_signature_with_a_known_type_takes_five_commands(keyed: Watched) -> None:
    """Beside the SELECTs of other families where none is named; a warm one takes two."""
    with driver(keyed) as open_card:
        open_card.sign("1", b"message", pin=PIN, key_type="rsa1024")
        assert begin(keyed.sent(), SELECT, TRIES, VERIFY, MSE_SIGN, SIGN)
        open_card.sign("1", b"message", key_type="rsa1024")
        assert begin(keyed.sent(), MSE_SIGN, SIGN)


def test_the_type_is_found_with_one_more(keyed: Watched) -> None:
    with driver(keyed) as open_card:
        open_card.sign("1", b"message", pin=PIN)
        assert begin(keyed.sent(), SELECT, READ_CONTAINERS, TRIES, VERIFY, MSE_SIGN, SIGN)


def test_all_keys_are_listed_with_one_reading(keyed: Watched) -> None:
    with driver(keyed) as open_card:
        assert len(open_card.keys()) == 1
        assert begin(keyed.sent(), SELECT, READ_CONTAINERS)


def test_identification_among_all_families_finds_it(card: Watched) -> None:
    with open_on(SoftTransport(card, "gids")) as open_card:
        assert open_card.profile.id == "gids"


def test_a_blank_card_is_initialised_as_the_tool_does() -> None:
    blank = watched(blank=True)
    with driver(blank) as open_card:
        assert open_card.keys() == []
        assert open_card.serial() == ""
        assert open_card.certificate("1") is None
        with pytest.raises(NotFound, match="container map"):
            open_card.key("1")
        open_card.initialise(pin="4711", admin=bytes(range(24)))
        assert len(bytes.fromhex(open_card.serial())) == 16
        open_card.verify("4711")
        open_card.generate("1", "rsa1024")
        open_card.authenticate_admin(bytes(range(24)))


@pytest.mark.parametrize("stop", range(1, 33))
def test_an_initialisation_that_was_interrupted_is_begun_again(stop: int) -> None:
    """Whatever command is the last that the card sees before its power fails."""
    blank = watched(blank=True)
    with driver(blank) as open_card:
        blank.sent()
        blank.instead = lambda command: b"\x6f\x00" if len(blank.commands) > stop else None
        with pytest.raises(CardError):
            open_card.initialise(pin="1111", admin=bytes(range(24)))
    blank.instead = lambda command: None
    blank.reset()
    with driver(blank) as open_card:
        open_card.initialise(pin=PIN, admin=ADMIN)
        open_card.verify(PIN)
        open_card.authenticate_admin(ADMIN)
        open_card.generate("1", "rsa1024")
        assert open_card.read("mscp/cmapfile") == open_card.read("cmapfile")


@pytest.mark.parametrize(
    ("given_pin", "puk", "admin", "label"),
    [
        (None, None, ADMIN, ""),
        (PIN, None, None, ""),
        (PIN, "12345678", ADMIN, ""),
        (PIN, None, ADMIN, "my card"),
        (PIN, None, bytes(16), ""),
        ("123", None, ADMIN, ""),
    ],
)
def test_what_does_not_fit_a_blank_card_is_refused(
    given_pin: str | None, puk: str | None, admin: bytes | None, label: str
) -> None:
    blank = watched(blank=True)
    with driver(blank) as open_card:
        with pytest.raises(InputError):
            open_card.initialise(label, pin=given_pin, puk=puk, admin=admin)
        assert not any(command.startswith("0024") for command in blank.sent())


def test_a_card_in_use_is_not_initialised(keyed: Watched) -> None:
    with driver(keyed) as open_card, pytest.raises(InputError, match=r"container .*key 1"):
        open_card.initialise(pin=PIN, admin=ADMIN)


def test_nothing_is_changed_without_the_pin(keyed: Watched) -> None:
    with driver(keyed) as open_card:
        for change in (lambda: open_card.generate("1", "rsa1024"), lambda: open_card.delete_key("1")):
            with pytest.raises(PinRequired):
                change()
        with pytest.raises(SecurityStatus):
            open_card.write("cardapps", b"x")
        with pytest.raises(AdminRequired):
            open_card.change_admin_key(bytes(range(24)))
        assert len(open_card.keys()) == 1


def test_a_key_is_replaced_with_its_container_and_certificate(keyed: Watched) -> None:
    with driver(keyed) as open_card:
        before = GidsDirectory(open_card._session).containers()
        open_card.verify(PIN)
        public = open_card.generate("1", "rsa2048")
        (container,) = GidsDirectory(open_card._session).containers()
        assert container.bits == 2048
        assert container.name != before[0].name
        assert open_card.public_key("1") == public


def test_an_orphaned_key_file_does_not_hinder(card: Watched) -> None:
    """A program that was interrupted may have left a file that no map names."""
    with driver(card) as open_card:
        open_card.verify(PIN)
        open_card._session.run("create-key", {"key.file": b"\xb0\x81", "key.ref": 0x81, "key.type": "rsa2048"})
        open_card.generate("1", "rsa1024")
        assert open_card.key("1").type is not None


def test_the_key_file_is_made_as_opensc_makes_it(card: Watched) -> None:
    with driver(card) as open_card:
        open_card.verify(PIN)
        open_card.generate("1", "rsa2048")
    assert (
        "00e000004962478201188302b0818c058f10101000a537b809800107830181950140b809800187830181950140b809800147830181950140"
        "b609800117830181950140b609800157830181950140"
    ) in card.sent()


def test_changes_are_counted_for_other_programs(keyed: Watched) -> None:
    with driver(keyed) as open_card:
        open_card.verify(PIN)
        before = open_card.read("cardcf")
        open_card.write("mscp/cmapfile", open_card.read("cmapfile"))
        after = open_card.read("cardcf")
        assert (before[:4], int.from_bytes(before[4:], "little") + 1) == (
            after[:4],
            int.from_bytes(after[4:], "little"),
        )


def test_the_reading_is_renewed_when_another_program_was_there(keyed: Watched) -> None:
    with driver(keyed) as one, driver(keyed) as other:
        assert len(one.keys()) == 1
        other.verify(PIN)
        other.generate("2", "rsa1024")
        assert [info.slot.name for info in one.keyring.all()] == ["1", "2"]


def test_objects_by_name_path_and_identifier(card: Watched) -> None:
    with driver(card) as open_card:
        assert open_card.read("cardid").hex() == open_card.read("A012DF20").hex() == open_card.serial()
        assert open_card.read("mscp/cmapfile") == b""
        for absent in ("mscp/kxc00", "A010DF7F"):
            with pytest.raises(NotFound):
                open_card.read(absent)
        for nonsense in ("nothing", "A010"):
            with pytest.raises(InputError):
                open_card.read(nonsense)


def test_a_signature_only_container_is_told_as_such(keyed: Watched) -> None:
    """As pkcs15-init makes it where decryption is not asked for."""
    with driver(keyed) as open_card:
        open_card.verify(PIN)
        record = bytearray(open_card.read("cmapfile"))
        record[-4:] = record[-2:] + record[-4:-2]
        open_card.write("cmapfile", bytes(record))
        found = open_card.key("1").slot
        assert (found.usage, found.key_spec) == (frozenset({Usage.SIGN}), KeySpec.SIGNATURE)
        open_card._directory.store_certificate(found, b"\x30\x00")
        assert open_card.read("mscp/ksc00") != b""
        assert open_card._directory.certificate(found) == b"\x30\x00"


def test_a_certificate_stored_plain_is_read(keyed: Watched) -> None:
    with driver(keyed) as open_card:
        open_card.verify(PIN)
        slot = open_card.profile.keys["1"]
        open_card._directory.store_certificate(slot, b"\x30\x03\x02\x01\x01")
        open_card.write("mscp/kxc00", b"\x30\x00")
        assert open_card._directory.certificate(slot) == b"\x30\x00"


def test_the_roots_of_an_enterprise(keyed: Watched) -> None:
    ours = [authority(f"Root {number}").certificate for number in range(2)]
    bag = pkcs7.serialize_certificates(ours, Encoding.DER)
    with driver(keyed) as open_card:
        assert open_card.other_certificates() == []
        open_card.verify(PIN)
        table = FileTable.parse(open_card.read("A000DF1F")).with_file("mscp", "msroots", 0xA010)
        open_card.write("A000DF1F", table.encode())
        assert open_card.other_certificates() == []
        for content in (bag, compress(bag)):
            open_card.write("mscp/msroots", content)
            found = open_card.other_certificates()
            assert sorted(map(ours.index, found)) == [0, 1], "a SET has an order of its own"
        many = [authority(f"Root {number}").certificate for number in range(33)]
        for content in (b"\x30\x00", b"nonsense", compress(pkcs7.serialize_certificates(many, Encoding.DER))):
            open_card.write("mscp/msroots", content)
            with pytest.raises(ReplyError):
                open_card.other_certificates()
    with driver(watched(blank=True)) as open_card:
        assert open_card.other_certificates() == []


def test_a_container_gets_another_name(keyed: Watched) -> None:
    with driver(keyed) as open_card:
        open_card.verify(PIN)
        open_card.generate("2", "rsa1024")
        keyed.sent()
        open_card.name_key("2", "Anne's key \N{GREEK SMALL LETTER OMEGA}")
        assert open_card.key("2").container == "Anne's key \N{GREEK SMALL LETTER OMEGA}"
        first = open_card.key("1").container
        for name in ("", "x" * 40, "a\0b", first.upper()):
            with pytest.raises(InputError):
                open_card.name_key("2", name)
        with pytest.raises(NotFound):
            open_card.name_key("3", "nobody")
        open_card.name_key("2", "x" * 39)
        open_card.name_key("2", "x" * 39)
    with driver(keyed) as open_card:
        open_card.verify(PIN)
        assert [open_card.key(name).container for name in ("1", "2")] == [first, "x" * 39]
        assert len(open_card.sign("2", b"data", key_type="rsa1024")) == 128


def test_keys_of_other_types_are_refused_before_anything_is_sent(card: Watched) -> None:
    with driver(card) as open_card:
        open_card.verify(PIN)
        card.sent()
        for name in ("ecp256", "rsa512"):
            with pytest.raises(NotSupported):
                open_card.generate("1", name)
        with pytest.raises(NotSupported):
            open_card.random(8)
        assert card.sent() == []


def test_another_object_than_was_asked_for_is_refused(card: Watched) -> None:
    with driver(card) as open_card:
        card.instead = lambda command: bytes.fromhex("DF2100 9000") if command[1] == 0xCB else None
        with pytest.raises(ReplyError, match="DF21"):
            open_card.serial()


def test_logging_out_ends_what_was_proved(keyed: Watched) -> None:
    with driver(keyed) as open_card:
        open_card.verify(PIN)
        open_card.logout()
        with pytest.raises(SecurityStatus):
            open_card.sign("1", b"message")


@given(st.lists(st.binary(max_size=120), min_size=1, max_size=8))
def test_a_hostile_card_is_refused_or_endured(replies: list[bytes]) -> None:
    hostile = watched()
    answers = iter([*replies, *[b""] * 200])

    def instead(command: bytes) -> bytes | None:
        tag = b"\xdf" + command[8:9]
        body = next(answers)
        return tag + bytes((len(body),)) + body + b"\x90\x00" if command[1] == 0xCB else None

    profile = catalog([shipped_directory()]).load("gids")
    directory = GidsDirectory(Session(Engine(profile, Channel(SoftTransport(hostile, "hostile"))), AID))
    hostile.instead = instead
    slot = profile.keys["1"]
    for attempt in (directory.serial, directory.containers, directory.holdings):
        endured(attempt)
    endured(lambda: directory.key(slot))
    endured(lambda: directory.certificate(slot))
    endured(lambda: directory.delete_certificate(slot))
    endured(lambda: directory.store_certificate(slot, os.urandom(16)))
    endured(lambda: directory.strike(slot))


def endured(attempt: Callable[[], object]) -> None:
    try:
        attempt()
    except CardError:
        return


def test_an_imported_key_is_secret_on_the_way(card: Watched, caplog: pytest.LogCaptureFixture) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with caplog.at_level("DEBUG"), driver(card) as open_card:
        open_card.verify(PIN)
        open_card.import_key("5", key)
    secret = key.private_numbers().p.to_bytes(128).hex()
    assert secret[:40] not in caplog.text.lower()
