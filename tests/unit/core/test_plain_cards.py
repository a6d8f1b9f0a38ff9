"""Cards without a directory of their own, and administrators who have a PIN: small profiles made here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cardcore.apdu import CommandApdu
from cardcore.card import Card
from cardcore.channel import Channel
from cardcore.directory import Directory, Setup, open_directory
from cardcore.engine import Engine
from cardcore.errors import (
    AdminRequired,
    CardError,
    InputError,
    LastTry,
    NotFound,
    NotSupported,
    PinError,
    PinRequired,
    ProfileError,
    ReplyError,
)
from cardcore.pin import PinKdf, PinSpec
from cardcore.profile.model import Admin, Algorithm, InputForm, KeySlot, Needs, Operation, Profile, Reply, Step
from cardcore.profile.template import Join, Literal, Name
from cardcore.secret import Secret
from cardcore.session import Session
from tests.unit.core.fakes import Answer, FakeTransport
from tests.unit.core.softpiv import certificate

KEY = ec.generate_private_key(ec.SECP256R1())
POINT = KEY.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
ZERO = Literal(data=b"\x00")
PIN, ADMIN = b"123456", b"12345678"


def one(name: str, ins: int, *names: str, reply: Reply | None = None, needs: Needs | None = None) -> Operation:
    """An operation of one step with these values as its data."""
    data = Join(parts=tuple(Name(name=part) for part in names)) if names else None
    only = Step(cla=ZERO, ins=Literal(data=bytes((ins,))), p1=ZERO, p2=ZERO, data=data, reply=reply, needs=needs)
    return Operation(name=name, steps=(only,))


def plain(*operations: Operation, kdf: PinKdf | None = None) -> Profile:
    """A profile with one key, a user's and an administrator's PIN, and these operations."""
    pins = {
        "user": PinSpec(name="user", ref=1, minimum=4, maximum=8, tries="retries", kdf=kdf),
        "so": PinSpec(name="so", ref=2, minimum=4, maximum=8, label="SO PIN", tries="retries"),
    }
    return Profile(
        id="plain",
        name="Plain",
        origin="here",
        pins=pins,
        admin=Admin(ref=0, procedure="", ciphers={}, pin="so"),
        keys={"1": KeySlot(name="1", ref=1, certificate=b"\xcc\x01"), "2": KeySlot(name="2", ref=2)},
        algorithms={"ec": Algorithm(name="ec", types=("ecp256",), sign=InputForm.HASH)},
        objects={"label": b"\x01"},
        operations={operation.name: operation for operation in operations},
    )


VERIFY = one("verify", 0x20, "pin.block")
RETRIES = Operation(name="retries", steps=(replace(one("retries", 0x20).steps[0], retries=True),))
READ = one("read", 0xB0, "object", reply=Reply())
WRITE = one("write", 0xD6, "object", "content")
UNBLOCK = one("unblock", 0x2C, "new_pin.block", needs=Needs.ADMIN)


def card_of(profile: Profile, answers: Mapping[int, Answer] | None = None) -> tuple[Card, FakeTransport]:
    """A card that answers each instruction in one way, 9000 by default."""

    def answer(command: CommandApdu) -> Answer:
        if command.ins == 0x20 and not command.data:
            return (answers or {}).get(0, "63C3")
        return (answers or {}).get(command.ins, "9000")

    transport = FakeTransport(answer)
    return Card(profile, Channel(transport), selected=True), transport


def directory_of(card: Card) -> Directory:
    """The card's directory."""
    return open_directory(card.profile.directory, card.authentication._session)


# Objects and certificates as they stand


def test_objects_are_read_and_written_bare() -> None:
    card, transport = card_of(plain(READ, WRITE), {0xB0: "C0FFEE9000"})
    assert card.read("label") == bytes.fromhex("C0FFEE")
    card.write("0102", b"new")
    assert [command.data for command in transport.commands] == [b"\x01", b"\x01\x02new"]


def test_certificates_stand_where_the_profile_says() -> None:
    made = certificate(KEY.public_key())
    der = made.public_bytes(Encoding.DER)
    card, transport = card_of(plain(READ, WRITE), {0xB0: der + b"\x90\x00"})
    assert card.certificate("1") == made
    assert card.certificate("2") is None
    assert card.certificates() == {"1": made}
    assert directory_of(card).holdings() == ["certificate 1"]
    card.write_certificate("1", made)
    card.delete_certificate("1")
    written = [command.data for command in transport.commands if command.ins == 0xD6]
    assert b"".join(written) == b"\xcc\x01" + der + b"\xcc\x01"
    with pytest.raises(NotSupported, match="no place for a certificate of key 2"):
        card.write_certificate("2", made)
    with pytest.raises(InputError, match="too large"):
        directory_of(card).store_certificate(card.profile.keys["1"], bytes(65537))


def test_an_absent_certificate() -> None:
    for answer in ("6A82", "9000"):
        card, _ = card_of(plain(READ), {0xB0: answer})
        assert card.certificate("1") is None
        with pytest.raises(NotFound, match="neither metadata nor certificate"):
            card.key("1")
        assert card.keys() == []
    card, _ = card_of(plain())
    assert card.certificate("1") is None


def test_a_serial_number_as_it_is() -> None:
    assert card_of(plain())[0].serial() == ""
    serial = one("serial", 0xF8, reply=Reply())
    assert card_of(plain(serial), {0xF8: "ABCD9000"})[0].serial() == "abcd"
    assert card_of(plain(serial), {0xF8: "6D00"})[0].serial() == ""
    assert card_of(plain(one("serial", 0xF8, reply=Reply(byte=0))), {0xF8: "079000"})[0].serial() == "7"


def test_a_blank_card_of_an_unknown_kind() -> None:
    card, _ = card_of(plain())
    with pytest.raises(NotSupported, match="does not say how"):
        directory_of(card).initialise(Setup())
    with pytest.raises(NotSupported, match="does not say how"):
        card.initialise()


def test_an_operation_that_gives_no_bytes() -> None:
    shaped = one("read", 0xB0, "object", reply=Reply(byte=0))
    card, _ = card_of(plain(shaped), {0xB0: "019000"})
    with pytest.raises(ReplyError, match="gives no bytes"):
        card.read("label")
    card, _ = card_of(plain(one("sign", 0x2A, "input", reply=Reply(byte=0))), {0x2A: "019000"})
    with pytest.raises(ReplyError, match="gives no bytes"):
        card.sign("1", b"x", key_type="ecp256")
    card, _ = card_of(plain(one("generate", 0x46)))
    with pytest.raises(ReplyError, match="gives no public key"):
        card.generate("1", "ecp256")
    card, _ = card_of(plain(one("key-info", 0xF7)))
    with pytest.raises(ReplyError, match="gives no fields"):
        card.key("1")


def test_random_bytes_come_in_as_many_parts_as_it_takes() -> None:
    card, transport = card_of(plain(one("challenge", 0x84, reply=Reply())), {0x84: "01020304050607089000"})
    assert card.random(20) == (bytes(range(1, 9)) * 3)[:20]
    assert len(transport.sent) == 3
    card, _ = card_of(plain(one("challenge", 0x84, reply=Reply())))
    with pytest.raises(NotSupported, match="no random bytes"):
        card.random(1)


def test_the_public_key_has_an_operation_of_its_own() -> None:
    told = Reply(fields={"type": Reply(byte=0, values={1: "ecp256"})})
    public = one("public-key", 0x46, reply=Reply(path=(0x7F49,), point=0x86))
    card, transport = card_of(
        plain(one("key-info", 0xF7, reply=told), public, WRITE),
        {0xF7: "019000", 0x46: bytes.fromhex("7F49438641") + POINT + b"\x90\x00"},
    )
    assert card.key("1").public is None
    assert card.public_key("1") == KEY.public_key()
    card.write_certificate("1", certificate(KEY.public_key()))
    other = certificate(ec.generate_private_key(ec.SECP256R1()).public_key())
    with pytest.raises(InputError, match="for another key"):
        card.write_certificate("1", other)
    assert sum(command.ins == 0x46 for command in transport.commands) == 3


def test_deleting_a_key_may_want_the_pin_first() -> None:
    delete = one("delete-key", 0xE4, "key.ref", needs=Needs.PIN)
    card, transport = card_of(plain(VERIFY, delete))
    with pytest.raises(PinRequired):
        card.delete_key("1")
    assert transport.sent == []
    card.verify(PIN)
    card.delete_key("1")
    assert transport.commands[-1].data == b"\x01"


# Administrators with a PIN


def test_the_admin_key_may_be_a_pin() -> None:
    card, transport = card_of(plain(VERIFY, RETRIES, one("logout", 0x21)))
    card.authenticate_admin(ADMIN)
    assert is_admin(card)
    assert transport.commands[-1].data == ADMIN
    card.logout()
    assert not is_admin(card)
    with pytest.raises(NotSupported, match="has a PIN"):
        card.change_admin_key(ADMIN)


def test_a_refused_admin_pin_takes_the_authority_back() -> None:
    answers: dict[int, Answer] = {0x20: "9000"}
    card, transport = card_of(plain(VERIFY, RETRIES, UNBLOCK), answers)
    card.authenticate_admin(ADMIN)
    answers[0x20] = "63C2"
    with pytest.raises(PinError, match="wrong SO PIN, 2 tries left"):
        card.authenticate_admin(ADMIN)
    assert not is_admin(card)
    sent = len(transport.sent)
    with pytest.raises(AdminRequired):
        card.authentication.unblock(None, secret_of(PIN))
    assert len(transport.sent) == sent


def test_the_last_try_of_an_admin_pin_is_guarded() -> None:
    card, transport = card_of(plain(VERIFY, RETRIES), {0: "63C1"})
    with pytest.raises(LastTry):
        card.authenticate_admin(ADMIN)
    assert not [command for command in transport.commands if command.data]
    card.authentication.admin(secret_of(ADMIN), last_try=True)
    assert is_admin(card)


def test_the_administrator_sets_a_pin_anew() -> None:
    card, transport = card_of(plain(VERIFY, RETRIES, UNBLOCK))
    with pytest.raises(AdminRequired):
        card.authentication.unblock(None, secret_of(PIN))
    card.authenticate_admin(ADMIN)
    card.authentication.unblock(None, secret_of(PIN))
    assert transport.commands[-1].data == PIN
    card, _ = card_of(plain(VERIFY, one("unblock", 0x2C, "new_pin.block")))
    with pytest.raises(NotSupported, match="cannot set"):
        card.authentication.unblock(None, secret_of(PIN))


def test_the_admin_key_may_unblock() -> None:
    profile = plain(VERIFY, RETRIES, UNBLOCK)
    profile = replace(profile, pins={**profile.pins, "user": replace(profile.pins["user"], unblock="admin")})
    answers: dict[int, Answer] = {}
    card, transport = card_of(profile, answers)
    card.unblock_pin(ADMIN, PIN)
    assert [command.data for command in transport.commands if command.data] == [ADMIN, PIN]
    assert not is_admin(card)
    answers[0] = "63C1"
    with pytest.raises(LastTry):
        card.unblock_pin(ADMIN, PIN)
    card.unblock_pin(ADMIN, PIN, last_try=True)


def is_admin(card: Card) -> bool:
    """Whether the administrator counts as authenticated."""
    return card.authentication._session.admin


def secret_of(text: bytes) -> Secret:
    """A secret."""
    return Secret(text)


# PINs that are hashed

FIELDS = Reply(
    fields={
        "method": Reply(path=(0x81,), byte=0, values={0: "none", 3: "iterated-salted"}),
        "hash": Reply(path=(0x82,), byte=0, values={8: "sha256"}),
        "count": Reply(path=(0x83,)),
        "salt": Reply(path=(0x84,)),
    }
)
SALT = bytes(range(8))


@pytest.mark.parametrize(
    ("answer", "block"),
    [
        ("8101038201088304000000148408" + SALT.hex() + "9000", hashlib.sha256(((SALT + PIN) * 2)[:20]).digest()),
        ("8101009000", PIN),
        ("9000", PIN),
        ("6A88", PIN),
    ],
)
def test_a_pin_is_hashed_as_the_card_says(answer: str, block: bytes) -> None:
    profile = plain(VERIFY, one("kdf", 0xCA, reply=FIELDS), kdf=PinKdf.ITERATED_SALTED)
    card, transport = card_of(profile, {0xCA: answer})
    card.verify(PIN)
    assert transport.commands[-1].data == block


@pytest.mark.parametrize("answer", ["8101059000", "8101039000", "810103830100840100" + "9000", "810103", "FF9000"])
def test_a_pin_is_not_sent_where_it_is_not_known_how(answer: str) -> None:
    profile = plain(VERIFY, one("kdf", 0xCA, reply=FIELDS), kdf=PinKdf.ITERATED_SALTED)
    card, transport = card_of(profile, {0xCA: answer})
    with pytest.raises(CardError):
        card.verify(PIN)
    assert not [command for command in transport.commands if command.data]


def test_an_unknown_directory_is_a_fault_of_the_profile() -> None:
    with pytest.raises(ProfileError, match="no directory named shelf") as caught:
        open_directory(
            "shelf",
            Session(Engine(Profile(id="x", name="x", origin=""), Channel(FakeTransport(lambda _: "9000"))), b""),
        )
    assert "pkcs15" in caught.value.hint
