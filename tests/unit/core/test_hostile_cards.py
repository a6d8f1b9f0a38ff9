"""Cards that answer anything at all: only CardErrors come out, after a bounded number of commands."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from cardcore import opening, tlv
from cardcore.apdu import CommandApdu
from cardcore.card import Card
from cardcore.channel import MAX_ROUNDS
from cardcore.errors import CardError, CardRemoved
from cardcore.profile import catalog
from cardcore.profile.match import Candidate
from cardcore.tlv import Tlv
from tests.unit.core.fakecard import piv
from tests.unit.core.fakes import Answer, FakeTransport
from tests.unit.core.rsakeys import rsa_key
from tests.unit.core.softpiv import ADMIN, PIN, PUK, certificate, open_piv

PEER = ec.generate_private_key(ec.SECP256R1()).public_key()
CERTIFICATE = certificate(PEER)
MESSAGE = b"x"

JOBS: dict[str, Callable[[Card], object]] = {
    "sign": lambda card: card.sign("9a", MESSAGE, pin=PIN),
    "sign rsa": lambda card: card.sign("9a", MESSAGE, pin=PIN, key_type="rsa2048"),
    "sign ecdsa": lambda card: card.sign("9c", MESSAGE, pin=PIN, key_type="ecp256"),
    "decipher": lambda card: card.decipher("9d", bytes(256), pin=PIN, key_type="rsa2048"),
    "decipher oaep": lambda card: card.decipher("9d", bytes(256), scheme="oaep", pin=PIN, key_type="rsa2048"),
    "agree": lambda card: card.agree("9d", PEER, pin=PIN),
    "generate rsa": lambda card: generated(card, "rsa2048"),
    "generate ec": lambda card: generated(card, "ecp384"),
    "import": lambda card: as_admin(card).import_key("9a", rsa_key(1024)),
    "admin": lambda card: card.authenticate_admin(ADMIN),
    "admin cipher": lambda card: card.authenticate_admin(ADMIN, "3des"),
    "change admin": lambda card: as_admin(card).change_admin_key(bytes(24)),
    "key": lambda card: card.key("9a"),
    "keys": lambda card: card.keys(),
    "public key": lambda card: card.public_key("9a"),
    "certificate": lambda card: card.certificate("9a"),
    "certificates": lambda card: card.certificates(),
    "write certificate": lambda card: as_admin(card).write_certificate("9a", CERTIFICATE),
    "read": lambda card: card.read("chuid"),
    "serial": lambda card: card.serial(),
    "pins": lambda card: card.pins(),
    "verify": lambda card: card.verify(PIN),
    "change": lambda card: card.change_pin(PIN, PIN),
    "unblock": lambda card: card.unblock_pin(PUK, PIN),
    "random": lambda card: card.random(40),
    "initialise": lambda card: as_admin(card).initialise(),
    "delete": lambda card: as_admin(card).delete_key("9a"),
    "reset": lambda card: card.reset_card(),
}


def as_admin(card: Card) -> Card:
    """The card as if the admin key had been proved."""
    card.authentication._session.admin = True
    return card


def generated(card: Card, type_name: str) -> object:
    """A new key."""
    return as_admin(card).generate("9a", type_name)


some_bytes = st.one_of(st.binary(max_size=40), st.integers(240, 300).map(lambda size: b"\x5a" * size))
tags = st.sampled_from([0x01, 0x02, 0x03, 0x04, 0x53, 0x70, 0x71, 0x7C, 0x7F49, 0x80, 0x81, 0x82, 0x86, 0x34, 0x30])
trees = st.recursive(
    some_bytes,
    lambda inner: st.lists(st.tuples(tags, inner), min_size=1, max_size=4).map(
        lambda items: b"".join(Tlv(tag=tag, value=value).encode() for tag, value in items)
    ),
    max_leaves=8,
)
status_words = st.one_of(
    st.just(0x9000),
    st.sampled_from([0x6100, 0x6105, 0x6C00, 0x6C08, 0x6982, 0x6983, 0x63C0, 0x63C3, 0x6A82, 0x6A88, 0x6D00, 0x6A80]),
    st.integers(0, 0xFFFF),
)
answers = st.builds(lambda data, sw: data + sw.to_bytes(2), st.one_of(some_bytes, trees), status_words)
scripts = st.lists(answers, max_size=12)


def talker(script: list[bytes]) -> FakeTransport:
    """A card that says these things and then nothing more."""
    waiting = iter(script)
    return FakeTransport(lambda command: next(waiting, b"\x6f\x00"))


@pytest.mark.parametrize("name", JOBS)
@settings(max_examples=60)
@given(script=scripts)
def test_only_card_errors_come_out(name: str, script: list[bytes]) -> None:
    transport = talker(script)
    card = open_piv(transport, selected=True)
    with suppress(CardError):
        JOBS[name](card)
    card.close()
    compared = [raw for raw in transport.sent if raw[1] in (0x20, 0x24, 0x2C) and len(raw) > 5]
    assert len(compared) <= 1
    assert transport.events.count("begin") == transport.events.count("end")
    assert transport.events[-1] == "close"


@settings(max_examples=60)
@given(script=scripts)
def test_opening_survives_every_card(script: list[bytes]) -> None:
    transport = talker(script)
    with suppress(CardError):
        opening.identify(transport, [Candidate.of(piv())])
    assert len(transport.sent) <= len(script) + 4


@pytest.mark.parametrize("answer", ["9000", "6100", "AA61FF", "6C10", "6983", "6A82", "00" * 256 + "6100", "53029000"])
@pytest.mark.parametrize("name", JOBS)
def test_a_card_that_says_one_thing_only_comes_to_an_end(name: str, answer: str) -> None:
    raw = bytes.fromhex(answer)
    transport = FakeTransport(lambda command: raw)
    card = open_piv(transport, selected=True)
    slots = len(piv().keys) + len(piv().objects)
    with suppress(CardError):
        JOBS[name](card)
    assert len(transport.sent) <= 4 * slots + 2 * (MAX_ROUNDS + 1) * (slots if "61" in answer else 1)
    card.close()


def metadata(kind: int, public: bytes) -> bytes:
    """The answer to GET METADATA of a key."""
    return tlv.encode(1, bytes((kind,))) + tlv.encode(2, b"\x02\x01") + tlv.encode(3, b"\x01") + tlv.encode(4, public)


@pytest.mark.parametrize(
    ("kind", "public"),
    [
        (0x07, tlv.encode(0x81, b"\xff" * 128) + tlv.encode(0x82, b"\x01\x00\x01")),
        (0x07, tlv.encode(0x81, b"\xff" * 256) + tlv.encode(0x82, b"")),
        (0x07, tlv.encode(0x81, b"\xff" * 256)),
        (0x07, tlv.encode(0x86, b"\x04" + bytes(64))),
        (0x11, tlv.encode(0x86, b"\x04" + bytes(64))),
        (0x11, tlv.encode(0x81, b"\xff" * 128) + tlv.encode(0x82, b"\x01\x00\x01")),
        (0x11, b""),
    ],
)
def test_metadata_that_contradict_themselves(kind: int, public: bytes) -> None:
    reply = metadata(kind, public) + b"\x90\x00"
    transport = FakeTransport(lambda command: reply)
    with pytest.raises(CardError) as caught:
        open_piv(transport, selected=True).key("9a")
    assert caught.value.code == "reply"


def signing_card(modulus: bytes, exponent: bytes) -> Card:
    """A card that tells a public RSA key, as one of 2048 bits, and signs."""
    told = metadata(0x07, tlv.encode(0x81, modulus) + tlv.encode(0x82, exponent)) + b"\x90\x00"
    replies = {0xF7: told, 0x87: tlv.encode(0x7C, tlv.encode(0x82, bytes(256))) + b"\x90\x00"}
    return open_piv(FakeTransport(lambda command: replies.get(command.ins, b"\x90\x00")), selected=True)


def test_signing_takes_no_key_of_another_size_for_its_own() -> None:
    with pytest.raises(CardError, match="public key of 1024 bits"):
        signing_card(b"\xff" * 128, b"\x01\x00\x01").sign("9a", MESSAGE, pin=PIN)


def test_signing_needs_no_valid_public_key() -> None:
    card = signing_card(b"\xff" * 256, b"\x00")
    assert card.sign("9a", MESSAGE, pin=PIN) == bytes(256)
    with pytest.raises(CardError, match="invalid public key"):
        card.key("9a")


def test_a_key_of_an_unknown_type_is_there_but_cannot_be_used() -> None:
    reply = metadata(0xE0, tlv.encode(0x86, bytes(32))) + b"\x90\x00"
    card = open_piv(FakeTransport(lambda command: reply), selected=True)
    assert (card.key("9a").type, card.key("9a").public) == (None, None)
    with pytest.raises(CardError, match="not one that cardcore knows"):
        card.sign("9a", MESSAGE)


def test_no_shipped_profile_breaks_on_a_silent_card() -> None:
    shelf = catalog.catalog([catalog.shipped_directory()])
    candidates = [shelf.candidate(name) for name in shelf.sources]
    for answer in ("6D00", "9000", "6A82", "6283", b"\xff" * 30 + b"\x90\x00", CardRemoved("gone")):
        transport = FakeTransport(said(answer))
        with pytest.raises(CardError):
            opening.identify(transport, candidates)


def said(answer: Answer) -> Callable[[CommandApdu], Answer]:
    """Always the same."""
    return lambda command: answer
