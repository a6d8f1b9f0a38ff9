"""PINs of the OpenPGP card: tries, unblocking by reset code and administrator, hashed PINs."""

from __future__ import annotations

import hashlib

import pytest

from cardcore.card import Card
from cardcore.errors import AdminRequired, InputError, LastTry, NotSupported, PinBlocked, PinError, ReplyError
from cardcore.tlv import encode
from tests.unit.core.openpgp.openpgpline import ADMIN, PIN, Line

MESSAGE = b"a message"


def test_pins(card: Card) -> None:
    states = {status.name: status.tries_left for status in card.pins()}
    assert states == {"user": 3, "sign": 3, "admin": 3, "reset-code": 0}
    card.change_pin(PIN, "654321")
    card.verify("654321", "sign")
    card.change_pin(ADMIN, "87654321", "admin")
    with pytest.raises(PinError) as wrong:
        card.authenticate_admin(ADMIN)
    assert wrong.value.tries_left == 2
    card.authenticate_admin("87654321")
    card.logout()
    with pytest.raises(AdminRequired):
        card.write("login", b"x")


def test_the_last_try_is_spared(card: Card) -> None:
    for _ in range(2):
        with pytest.raises(PinError):
            card.verify("999999")
    with pytest.raises(LastTry):
        card.verify("999999")
    with pytest.raises(PinBlocked):
        card.verify("999999", last_try=True)
    with pytest.raises(PinBlocked):
        card.sign("authentication", MESSAGE, key_type="rsa2048", pin=PIN)
    with pytest.raises(PinBlocked):
        card.unblock_pin("resetcode", PIN)


def test_unblocking(admin: Card) -> None:
    with pytest.raises(NotSupported):
        admin.unblock_pin("resetcode", "resetting", "reset-code")
    admin.unblock_pin(None, "resetting", "reset-code")
    admin.unblock_pin("resetting", "654321")
    admin.verify("654321")
    admin.unblock_pin(None, PIN, "sign")
    admin.verify(PIN, "sign")
    with pytest.raises(NotSupported):
        admin.unblock_pin(None, "87654321", "admin")
    admin.logout()
    with pytest.raises(AdminRequired):
        admin.unblock_pin(None, PIN)
    with pytest.raises(NotSupported, match="PIN"):
        admin.change_admin_key(b"87654321")


def hashed(secret: str, salt: bytes, count: int, name: str = "sha256") -> bytes:
    """Iterated and salted S2K, the slow way."""
    once = salt + secret.encode()
    return hashlib.new(name, (once * (count // len(once) + 1))[:count]).digest()


@pytest.mark.parametrize(("name", "number"), [("sha256", b"\x08"), ("sha512", b"\x0a")])
def test_hashed_pins(admin: Card, line: Line, name: str, number: bytes) -> None:
    salts = {tag: bytes((tag,)) * 8 for tag in (0x84, 0x85, 0x86)}
    initial = hashed(PIN, salts[0x84], 100_000, name), hashed(ADMIN, salts[0x86], 100_000, name)
    wanted = {0x81: b"\x03", 0x82: number, 0x83: (100_000).to_bytes(4), **salts, 0x87: initial[0], 0x88: initial[1]}
    admin.write("kdf", b"".join(encode(tag, value) for tag, value in wanted.items()))
    for name_of_pin, secret in (("user", PIN), ("sign", PIN), ("admin", ADMIN)):
        admin.verify(secret, name_of_pin)
    admin.unblock_pin(None, "resetting", "reset-code")
    admin.unblock_pin("resetting", "654321")
    admin.change_pin("654321", "7654321")
    admin.verify("7654321")
    assert not [command for command in line.sent if b"654321" in command or b"resetting" in command]
    line.answers["00ca00f9"] = "6a88"
    with pytest.raises(PinError):
        admin.verify("7654321")


@pytest.mark.parametrize(
    "answer",
    [
        "810103 820108 830403E00000",
        "810103 820108 8304FFFFFFFF 84083030303030303030",
        "810103 820102 830403E00000 84083030303030303030",
        "810104 820108 830403E00000 84083030303030303030",
    ],
)
def test_a_hash_that_is_not_known_costs_no_try(card: Card, line: Line, answer: str) -> None:
    line.answers["00ca00f9"] = answer + "9000"
    with pytest.raises((ReplyError, InputError)):
        card.verify(PIN)
    line.answers.clear()
    assert card.pin_status().tries_left == 3
