"""One application on a card that other programs use too: what is taken up again, and what is forgotten."""

from __future__ import annotations

import pytest

from cardcore.errors import AdminRequired, CardRemoved, CardReset, NotFound, SecurityStatus, StatusError
from cardcore.profile.template import Value
from cardcore.secret import Secret
from tests.unit.core.fakecard import PIN, FakeCard, piv, without
from tests.unit.core.fakes import scripted

LOST = ("6A82", "6A83", "6A88", "6D00", "6E00", "6A81", "6982", "6985", "6986", "6A86", "6B00")
VERSION = "050701 9000"


@pytest.fixture
def card() -> FakeCard:
    card = FakeCard()
    card.answers = {0xFD: VERSION.replace(" ", ""), 0xF8: "000000019000", 0xCB: "6A82"}
    return card


def test_the_first_use_selects_the_application(card: FakeCard) -> None:
    session = card.session()
    session.forget()
    session.run("serial", {})
    session.run("serial", {})
    assert card.instructions == ["A4+", "F8", "F8"]


def test_a_selected_application_is_not_selected_again(card: FakeCard) -> None:
    session = card.session()
    session.run("serial", {})
    assert card.instructions == ["F8"]


@pytest.mark.parametrize("foreign", LOST)
def test_an_application_of_another_program_is_replaced_once(card: FakeCard, foreign: str) -> None:
    session = card.session()
    card.selected, card.foreign = False, foreign
    assert session.run("serial", {}) == bytes.fromhex("00000001")
    assert card.instructions == ["F8", "A4+", "F8"]
    assert card.transport.events.count("begin") == card.transport.events.count("end") == 1


@pytest.mark.parametrize("foreign", ["6700", "6F00", "6581", "6300", "6A80", "6A84"])
def test_other_failures_are_failures_at_once(card: FakeCard, foreign: str) -> None:
    session = card.session()
    card.selected, card.foreign = False, foreign
    with pytest.raises(StatusError):
        session.run("serial", {})
    assert card.instructions == ["F8"]


def test_a_failure_that_stays_is_told_after_one_repetition(card: FakeCard) -> None:
    session = card.session()
    with pytest.raises(NotFound):
        session.run("read", {"object": b"\x5f\xc1\x02"})
    assert card.instructions == ["CB+", "A4+", "CB+"]


def test_within_a_transaction_nothing_is_repeated_after_a_success(card: FakeCard) -> None:
    session = card.session()
    with session.transaction():
        session.run("serial", {})
        with pytest.raises(NotFound):
            session.run("read", {"object": b"\x5f\xc1\x02"})
    assert card.instructions == ["F8", "CB+"]


@pytest.mark.parametrize("operation", ["verify", "change", "unblock", "admin-change", "reset", "authenticate-answer"])
def test_what_must_not_be_repeated_is_not(card: FakeCard, operation: str) -> None:
    session = card.session()
    session.admin = True
    card.selected, card.foreign = False, "6D00"
    secret = Secret(b"12345678")
    values: dict[str, Value | Secret] = {
        "pin.ref": 0x80,
        "pin.name": "user",
        "pin.block": secret,
        "new_pin.block": secret,
        "puk.block": secret,
    }
    values |= {"admin.ref": 0x9B, "admin.alg": 3, "witness": b"w", "challenge": b"c"}
    values |= {"new_admin.alg": 3, "new_admin.length": 8, "new_admin.key": secret}
    with pytest.raises(StatusError):
        session.run(operation, values)
    assert len(card.transport.sent) == 1


# What was verified and SELECT would make the card forget


def test_a_missing_object_does_not_cost_the_verified_pin(card: FakeCard) -> None:
    session, authentication = card.authentication()
    authentication.verify(Secret(PIN))
    with pytest.raises(NotFound):
        session.run("read", {"object": b"\x5f\xc1\x02"})
    assert card.instructions == ["20", "20+", "CB+", "20"]
    assert session.verified == {"user"}
    assert card.verified


def test_a_missing_object_does_not_cost_the_proved_admin_key(card: FakeCard) -> None:
    session = card.session()
    session.admin = True
    with pytest.raises(NotFound):
        session.run("read", {"object": b"\x5f\xc1\x02"})
    assert card.instructions == ["CB+", "20"]
    assert session.admin


def test_a_lost_selection_is_still_noticed_with_a_pin_verified(card: FakeCard) -> None:
    session, authentication = card.authentication()
    authentication.verify(Secret(PIN))
    card.selected = card.verified = False
    assert session.run("serial", {}) == bytes.fromhex("00000001")
    assert card.instructions == ["20", "20+", "F8", "20", "A4+", "F8"]
    assert session.verified == set()


def test_a_pin_that_another_program_took_back_is_forgotten(card: FakeCard) -> None:
    session, authentication = card.authentication()
    authentication.verify(Secret(PIN))
    card.verified = False
    card.answers[0xCB] = "6982"
    with pytest.raises(SecurityStatus):
        session.run("read", {"object": b"\x5f\xc1\x09"})
    assert session.verified == set()
    assert session.fresh_pin == ""


@pytest.mark.parametrize("lacking", ["retries", "the pins"])
def test_without_a_counter_to_ask_select_is_sent(card: FakeCard, lacking: str) -> None:
    profile = without(piv(), lacking, "tries")
    session = card.session(profile)
    session.admin = True
    if lacking == "the pins":
        card.counter[0x80] = "6D00"
    with pytest.raises(NotFound):
        session.run("read", {"object": b"\x5f\xc1\x02"})
    assert "A4+" in card.instructions
    assert not session.admin


# Reset by another program


def test_a_reset_between_two_jobs_is_recovered_from(card: FakeCard) -> None:
    session, authentication = card.authentication()
    authentication.verify(Secret(PIN))
    session.admin = True
    losses = session.losses
    card.reset()
    assert session.run("serial", {}) == bytes.fromhex("00000001")
    assert (session.verified, session.fresh_pin, session.admin) == (set(), "", False)
    assert session.losses > losses
    assert card.instructions == ["20", "20+", "A4+", "F8"]
    assert card.transport.events[-5:] == ["reconnect", "begin", "transmit", "transmit", "end"]


def test_a_reset_within_a_job_is_told_and_the_next_job_works(card: FakeCard) -> None:
    session, authentication = card.authentication()
    authentication.verify(Secret(PIN))
    card.answers[0xF8] = CardReset("another program reset the card")
    with pytest.raises(CardReset):
        session.run("serial", {})
    assert session.verified == set()
    card.selected, card.answers[0xF8] = False, "000000029000"
    assert session.run("serial", {}) == bytes.fromhex("00000002")
    assert card.transport.events.count("begin") == card.transport.events.count("end")


def test_two_resets_in_a_row_are_told(card: FakeCard, monkeypatch: pytest.MonkeyPatch) -> None:
    session = card.session()
    card.reset()
    monkeypatch.setattr(card.transport, "reconnect", card.transport.another_resets)
    with pytest.raises(CardReset):
        session.run("serial", {})
    assert card.transport.sent == []


def test_a_removed_card_is_told_and_the_transaction_ends(card: FakeCard) -> None:
    session = card.session()
    card.answers[0xF8] = CardRemoved("gone")
    with pytest.raises(CardRemoved), session.transaction():
        session.run("serial", {})
    assert card.transport.events == ["begin", "transmit", "end"]


# The admin key


def test_without_the_admin_key_nothing_is_sent(card: FakeCard) -> None:
    session = card.session()
    with pytest.raises(AdminRequired):
        session.run("write", {"object": b"\x5f\xc1\x02", "content": b""})
    assert card.transport.sent == []


def test_an_admin_key_that_was_forgotten_is_asked_for_again(card: FakeCard) -> None:
    session = card.session()
    session.admin = True
    card.reset()
    with pytest.raises(AdminRequired):
        session.run("write", {"object": b"\x5f\xc1\x02", "content": b""})
    assert card.instructions == ["A4+"]
    session.admin = True
    card.selected = False
    with pytest.raises(AdminRequired):
        session.run("write", {"object": b"\x5f\xc1\x02", "content": b""})
    assert card.instructions == ["A4+", "DB+", "20", "A4+"]


def test_a_card_without_aid_is_not_selected() -> None:
    card = FakeCard()
    card.transport = type(card.transport)(scripted("000000019000"))
    session = card.session()
    session.aid = b""
    session.forget()
    assert session.run("serial", {}) == bytes.fromhex("00000001")
