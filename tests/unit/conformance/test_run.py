"""Conformance runs on software cards: what passes, what is found, what is guarded."""

from __future__ import annotations

import re

import pytest

from cardcore.conformance import Outcome, Report, Secrets, Step, Wishes, conform
from cardcore.conformance.html import page
from cardcore.errors import CardRemoved, InputError
from cardcore.opening import open_on
from cardcore.secret import Secret
from cardcore.softcard import ScryptCost, SoftCard, volatile_card
from cardcore.transport.base import OPEN, Mask
from cardcore.transport.soft import SoftTransport

QUICK = ScryptCost(n=16)
PIN = "123456"
FAMILIES = {
    "piv": Secrets(pin=Secret(PIN.encode()), puk=Secret(b"12345678"), admin=Secret(bytes(range(1, 9)) * 3)),
    "openpgp": Secrets(pin=Secret(PIN.encode()), admin=Secret(b"12345678")),
    "isoapplet": Secrets(pin=Secret(PIN.encode()), puk=Secret(b"0123456789abcdef")),
    "gids": Secrets(pin=Secret(PIN.encode()), admin=Secret(bytes(24))),
}
WRONG, RIGHT = "a wrong PIN is refused", "the right PIN is taken"


class Listening(SoftTransport):
    """A software card that notes what it is sent, and can make each signature wrong or be taken away."""

    def __init__(self, card: SoftCard, *, garbled: bool = False, removed_at: int = 0) -> None:
        super().__init__(card, "tested")
        self.log: list[bytes] = []
        self._garbled, self._removed_at = garbled, removed_at

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        self.log.append(command)
        if len(self.log) == self._removed_at:
            raise CardRemoved("the card was removed")
        reply = super().transmit(command, mask)
        if self._garbled and command[1] in (0x87, 0xC0) and len(reply) > 40:
            return reply[:-3] + bytes((reply[-3] ^ 1,)) + reply[-2:]
        return reply


def new_card(family: str) -> SoftCard:
    return volatile_card(family, cost=QUICK)


def serial_of(card: SoftCard, family: str) -> str:
    with open_on(SoftTransport(card, "asked"), family) as opened:
        return opened.serial()


def run(card: SoftCard, family: str, *, destructive: bool = False, serial: str = "") -> Report:
    return conform(SoftTransport(card, "x"), family, FAMILIES[family], Wishes(destructive=destructive, serial=serial))


def step(report: Report, name: str) -> Step:
    return next(found for found in report.steps if found.name == name)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_does_what_its_profile_says(family: str) -> None:
    card = new_card(family)
    report = run(card, family, destructive=True, serial=serial_of(card, family))
    assert [found for found in report.steps if found.outcome is Outcome.FAILED] == []
    assert report.passed
    assert report.operations["generate"]
    assert report.operations["sign"]
    assert report.operations["change"]
    assert step(report, "sign PKCS #1 sha256").outcome is Outcome.PASSED
    assert step(report, WRONG).detail.endswith("tries left")
    assert report.commands > 40


@pytest.mark.parametrize("family", FAMILIES)
def test_without_being_asked_nothing_is_changed(family: str) -> None:
    transport = Listening(new_card(family))
    report = conform(transport, family, FAMILIES[family])
    reading_a_key = 0x4781
    sent = {command[1] for command in transport.log if int.from_bytes(command[1:3]) != reading_a_key}
    assert not sent & {0x24, 0x2C, 0x46, 0x47, 0xD6, 0xDA, 0xDB, 0xE0, 0xE4, 0x44, 0xF6, 0xFE}
    assert step(report, "what changes the card").outcome is Outcome.LEFT_OUT


@pytest.mark.parametrize("serial", ["", "12345678x"])
def test_a_destructive_run_wants_the_serial_number(serial: str) -> None:
    transport = Listening(new_card("piv"))
    with pytest.raises(InputError, match="serial number"):
        conform(transport, "piv", FAMILIES["piv"], Wishes(destructive=True, serial=serial))
    assert not {command[1] for command in transport.log} & {0x24, 0x2C, 0x47, 0xDB, 0xFE}


def test_the_last_tries_are_not_spent() -> None:
    card = new_card("piv")
    with open_on(SoftTransport(card, "spoilt"), "piv") as opened, pytest.raises(Exception, match="wrong PIN"):
        opened.verify("000000")
    report = run(card, "piv")
    assert step(report, WRONG).outcome is Outcome.LEFT_OUT
    assert step(report, RIGHT).outcome is Outcome.PASSED


def test_a_wrong_pin_ends_what_needs_it() -> None:
    card = new_card("piv")
    report = conform(SoftTransport(card, "x"), "piv", Secrets(pin=Secret(b"654321")))
    assert step(report, RIGHT).outcome is Outcome.FAILED
    with open_on(SoftTransport(card, "asked"), "piv") as opened:
        assert opened.pin_status().tries_left == 2, "one try for the PIN that was given, none for one made up"


def test_a_wrong_signature_is_found() -> None:
    card = new_card("piv")
    with open_on(SoftTransport(card, "made"), "piv") as opened:
        opened.authenticate_admin(bytes(range(1, 9)) * 3)
        opened.generate("9a", "rsa2048")
    report = conform(Listening(card, garbled=True), "piv", Secrets(pin=Secret(PIN.encode())))
    assert not report.passed
    assert step(report, "sign PKCS #1 sha256").outcome is Outcome.FAILED


def test_a_card_that_goes_away_ends_the_run() -> None:
    with pytest.raises(CardRemoved):
        conform(Listening(new_card("piv"), removed_at=6), "piv", FAMILIES["piv"])


def test_another_card_is_told() -> None:
    with pytest.raises(InputError, match="not one of the profile"):
        conform(SoftTransport(new_card("gids"), "x"), "piv", Secrets())


def test_without_a_pin_little_is_tried() -> None:
    report = conform(SoftTransport(new_card("piv"), "x"), "piv", Secrets())
    assert report.passed
    assert step(report, "everything that needs the PIN").outcome is Outcome.LEFT_OUT


def test_the_page_needs_nothing_else_and_trusts_nobody() -> None:
    steps = (
        Step(group="<b>", name="<i>", outcome=Outcome.FAILED, detail="<script>alert(1)</script>", commands=3),
        Step(group="card", name="fine", outcome=Outcome.PASSED),
    )
    html = page(
        Report(
            reader="<r>",
            atr="3B00",
            profile="p",
            name="<n>",
            verified="&",
            serial="",
            destructive=False,
            started="now",
            seconds=1,
            steps=steps,
            operations={"sign": True, "read": False},
        )
    )
    assert "<script" not in html
    assert not re.search(r"https?:|src=|href=|@import|url\(", html)
    assert "1 step failed" in html
    assert "1 of 2 run" in html
    assert html.count("<table>") == html.count("</table>") == 2
