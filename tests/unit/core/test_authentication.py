"""PINs: a try is never wasted, never risked unasked, and the PIN shows up nowhere."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cardcore.authentication import Authentication
from cardcore.errors import (
    CardError,
    CardRemoved,
    CardReset,
    InputError,
    LastTry,
    NotSupported,
    PinBlocked,
    PinError,
    ReplyError,
    StatusError,
)
from cardcore.pinpad.entry import PadEntry
from cardcore.profile.template import Values
from cardcore.secret import Secret
from tests.unit.core.fakecard import PIN, PUK, WRONG, FakeCard, piv, without
from tests.unit.core.fakes import Answer

NEW = b"654321"


def secret(text: bytes) -> Secret:
    """A PIN as a caller would hold it."""
    return Secret(text)


@pytest.fixture
def card() -> FakeCard:
    return FakeCard()


def test_verify_asks_for_the_counter_and_sends_the_pin_once(card: FakeCard) -> None:
    session, authentication = card.authentication()
    authentication.verify(secret(PIN))
    assert card.instructions == ["20", "20+"]
    assert card.spent == [b"123456\xff\xff"]
    assert (session.verified, session.fresh_pin) == ({"user"}, "user")
    assert card.transport.events == ["begin", "transmit", "transmit", "end"]


def test_the_pin_is_masked_on_its_way(card: FakeCard) -> None:
    card.authentication()[1].verify(secret(PIN))
    assert [mask.command for mask in card.transport.masks] == [(), ((5, 13),)]


def test_a_wrong_pin_tells_what_is_left(card: FakeCard) -> None:
    session, authentication = card.authentication()
    with pytest.raises(PinError, match="wrong PIN, 2 tries left") as caught:
        authentication.verify(secret(WRONG))
    assert (caught.value.tries_left, caught.value.sw) == (2, 0x63C2)
    assert len(card.spent) == 1
    assert session.verified == set()


def test_a_wrong_pin_takes_back_what_was_verified(card: FakeCard) -> None:
    session, authentication = card.authentication()
    authentication.verify(secret(PIN))
    with pytest.raises(PinError):
        authentication.verify(secret(WRONG))
    assert (session.verified, session.fresh_pin) == (set(), "")


def test_one_try_left_is_one_try_and_no_plural(card: FakeCard) -> None:
    card.tries[0x80] = 2
    with pytest.raises(PinError, match=r"1 try left$"):
        card.authentication()[1].verify(secret(WRONG))


# Where VERIFY fails, it is not sent again


@pytest.mark.parametrize("answer", ["6982", "6700", "6A80", "6A86", "6A88", "6B00", "6D00", "6E00", "6F00", "6581"])
@pytest.mark.parametrize("selected_elsewhere", [False, True])
def test_verify_is_not_repeated_after_an_error(card: FakeCard, answer: str, selected_elsewhere: bool) -> None:
    card.refusal = answer
    if selected_elsewhere:
        card.counter[0x80] = "6D00"
    with pytest.raises(CardError):
        card.authentication()[1].verify(secret(PIN))
    assert len(card.spent) == 1


@pytest.mark.parametrize("answer", ["6C08", "6C00", "6108", "6100", "6283", "6300", "63C2", "6983", "6984", "9100"])
def test_verify_is_not_repeated_after_any_other_answer(card: FakeCard, answer: str) -> None:
    session, authentication = card.authentication()
    card.refusal = answer
    card.answers[0xC0] = "6F00"
    with pytest.raises(CardError):
        authentication.verify(secret(PIN))
    assert len(card.spent) == 1
    assert session.verified == set()


@pytest.mark.parametrize("error", [CardReset("reset"), CardRemoved("gone")])
def test_verify_is_not_repeated_after_a_lost_exchange(card: FakeCard, error: CardReset | CardRemoved) -> None:
    session, authentication = card.authentication()
    card.refusal = error
    with pytest.raises(type(error)):
        authentication.verify(secret(PIN))
    assert len(card.spent) == 1
    assert session.verified == set()
    assert card.transport.events[-1] == "end"


@pytest.mark.parametrize("error", [CardReset("reset"), CardRemoved("gone")])
def test_no_pin_is_sent_when_the_counter_cannot_be_asked(card: FakeCard, error: CardReset | CardRemoved) -> None:
    card.counter[0x80] = error
    with pytest.raises(type(error)):
        card.authentication()[1].verify(secret(PIN))
    assert card.spent == []


def test_after_a_reset_at_the_beginning_the_pin_is_sent_once(card: FakeCard) -> None:
    session, authentication = card.authentication()
    card.reset()
    authentication.verify(secret(PIN))
    assert card.instructions == ["A4+", "20", "20+"]
    assert session.verified == {"user"}


def test_a_lost_selection_shows_before_the_pin_is_sent(card: FakeCard) -> None:
    card.selected = False
    card.authentication()[1].verify(secret(PIN))
    assert card.instructions == ["20", "A4+", "20", "20+"]


# The counter


def test_with_one_try_left_nothing_is_sent(card: FakeCard) -> None:
    card.tries[0x80] = 1
    with pytest.raises(LastTry) as caught:
        card.authentication()[1].verify(secret(PIN))
    assert caught.value.tries_left == 1
    assert card.spent == []


@pytest.mark.parametrize("pin", [PIN, WRONG])
def test_the_last_try_is_sent_once_on_demand(card: FakeCard, pin: bytes) -> None:
    card.tries[0x80] = 1
    authentication = card.authentication()[1]
    if pin == PIN:
        authentication.verify(secret(pin), last_try=True)
    else:
        with pytest.raises(PinBlocked, match="the PIN is blocked now"):
            authentication.verify(secret(pin), last_try=True)
    assert len(card.spent) == 1


@pytest.mark.parametrize("last_try", [False, True])
def test_a_blocked_pin_is_not_sent(card: FakeCard, last_try: bool) -> None:
    card.tries[0x80] = 0
    with pytest.raises(PinBlocked) as caught:
        card.authentication()[1].verify(secret(PIN), last_try=last_try)
    assert (caught.value.tries_left, card.spent) == (0, [])
    assert "unblock" in caught.value.hint


def test_a_hidden_counter_does_not_stop_the_pin(card: FakeCard) -> None:
    card.counter[0x80] = "9000"
    authentication = card.authentication()[1]
    assert authentication.status().tries_left is None
    authentication.verify(secret(PIN))
    assert len(card.spent) == 1


@pytest.mark.parametrize("answer", ["6D00", "6A86", "6A80", "6A88", "6E00", "6700", "6985", "6B00", "6300", "6F00"])
def test_a_card_without_the_query_takes_the_pin_once(card: FakeCard, answer: str) -> None:
    card.counter[0x80] = answer
    authentication = card.authentication()[1]
    assert authentication.status().tries_left is None
    authentication.verify(secret(PIN))
    assert len(card.spent) == 1


def test_a_profile_without_the_query_does_not_ask(card: FakeCard) -> None:
    authentication = card.authentication(without(piv(), "retries"))[1]
    assert authentication.status().tries_left is None
    authentication.verify(secret(PIN))
    assert card.instructions == ["20+"]


def test_what_the_card_does_not_say_is_asked_after_a_refusal(card: FakeCard) -> None:
    card.refusal = "6982"
    with pytest.raises(PinError, match="wrong PIN, 3 tries left") as caught:
        card.authentication()[1].verify(secret(PIN))
    assert (caught.value.sw, caught.value.tries_left) == (0x6982, 3)
    assert card.instructions == ["20", "20+", "20"]


def test_a_refusal_that_blocked_the_pin_is_told_as_such(card: FakeCard) -> None:
    answers: Iterator[Answer] = iter(["63C2", "6983"])
    card.refusal = "6300"
    card.counter = Answers(answers)
    with pytest.raises(PinBlocked, match="blocked now"):
        card.authentication()[1].verify(secret(PIN))
    assert len(card.spent) == 1


class Answers(dict[int, Answer]):
    """Answers to the query in order, whatever the reference."""

    def __init__(self, answers: Iterator[Answer]) -> None:
        super().__init__()
        self._answers = answers

    def get(self, key: int, default: object = None) -> Answer:
        """The next answer."""
        return next(self._answers)


@pytest.mark.parametrize("sw", range(0x63C0, 0x63D0))
def test_every_counter_is_understood(card: FakeCard, sw: int) -> None:
    card.counter[0x80] = f"{sw:04X}"
    state = card.authentication()[1].status()
    assert state.tries_left == sw & 0x0F
    assert state.blocked is (sw == 0x63C0)
    assert not state.verified


def test_the_state_of_a_verified_pin(card: FakeCard) -> None:
    card.verified = True
    state = card.authentication()[1].status()
    assert (state.name, state.label, state.tries_left, state.verified) == ("user", "PIN", None, True)


def test_tries_may_be_read_as_a_number(card: FakeCard) -> None:
    profile = piv()
    user = replace(profile.pins["user"], tries="version")
    profile = replace(profile, pins={"user": user})
    card.answers[0xFD] = "9000"
    assert card.authentication(profile)[1].status().tries_left is None


# Change and unblock


def test_change_sends_both_blocks_once(card: FakeCard) -> None:
    card.authentication()[1].change(secret(PIN), secret(NEW))
    assert card.instructions == ["20", "24+"]
    assert card.spent == [b"123456\xff\xff654321\xff\xff"]
    assert card.transport.masks[-1].command == ((5, 13), (13, 21))


@pytest.mark.parametrize("name", ["user", "puk"])
def test_change_with_a_wrong_pin_is_not_repeated(card: FakeCard, name: str) -> None:
    with pytest.raises(PinError, match="2 tries left") as caught:
        card.authentication()[1].change(secret(WRONG), secret(NEW), name)
    assert caught.value.message.startswith(f"wrong {'PIN' if name == 'user' else 'PUK'}")
    assert len(card.spent) == 1


def test_unblock_goes_by_the_counter_of_the_puk(card: FakeCard) -> None:
    card.tries[0x80] = 0
    authentication = card.authentication()[1]
    authentication.unblock(secret(PUK), secret(NEW))
    assert card.spent == [b"12345678654321\xff\xff"]
    card.tries[0x81] = 1
    with pytest.raises(LastTry, match="PUK"):
        authentication.unblock(secret(PUK), secret(NEW))
    assert len(card.spent) == 1
    with pytest.raises(PinBlocked, match="the PUK is blocked now") as caught:
        authentication.unblock(secret(b"87654321"), secret(NEW), last_try=True)
    assert caught.value.hint == "Nothing on this card unblocks it."
    with pytest.raises(PinBlocked, match="the PUK is blocked"):
        authentication.unblock(secret(PUK), secret(NEW), last_try=True)
    assert len(card.spent) == 2


def test_what_nothing_unblocks_is_not_supported(card: FakeCard) -> None:
    with pytest.raises(NotSupported, match="not unblocked with a PUK"):
        card.authentication()[1].unblock(secret(PUK), secret(NEW), "puk")
    with pytest.raises(NotSupported, match="no PIN named so") as caught:
        card.authentication()[1].verify(secret(PIN), "so")
    assert "user, puk" in caught.value.hint
    assert card.transport.sent == []


@pytest.mark.parametrize("pin", [b"", b"12345", b"123456789", b"12345a", "\uff11\uff12\uff13".encode()[:8]])
def test_a_pin_of_the_wrong_form_is_not_sent(card: FakeCard, pin: bytes) -> None:
    authentication = card.authentication()[1]
    with pytest.raises(InputError):
        authentication.verify(secret(pin))
    with pytest.raises(InputError):
        authentication.change(secret(PIN), secret(pin))
    with pytest.raises(InputError):
        authentication.unblock(secret(PUK), secret(pin))
    assert card.transport.sent == []


# Logout


def test_logout_ends_what_verify_began(card: FakeCard) -> None:
    session, authentication = card.authentication()
    authentication.verify(secret(PIN))
    authentication.logout()
    assert card.transport.sent[-1] == bytes.fromhex("0020FF80")
    assert (session.verified, session.fresh_pin, card.verified) == (set(), "", False)
    authentication.logout()
    assert len(card.transport.sent) == 3


def test_logout_without_a_command_for_it_forgets_at_least(card: FakeCard) -> None:
    session, authentication = card.authentication(without(piv(), "logout"))
    authentication.verify(secret(PIN))
    authentication.logout()
    assert session.verified == set()
    assert len(card.transport.sent) == 2


# Nothing shows the PIN

DIGITS = b"314159"
FORMS = (DIGITS.decode(), DIGITS.hex(), DIGITS.hex().upper(), repr(DIGITS), DIGITS.hex(" "), str(list(DIGITS)))


@pytest.mark.parametrize(
    "answer", ["63C2", "6983", "6982", "6700", "6C08", "6108", "6D00", CardReset("reset"), CardRemoved("gone"), b"\x90"]
)
@pytest.mark.parametrize("operation", ["verify", "change", "unblock"])
def test_no_error_shows_the_pin(card: FakeCard, answer: Answer, operation: str) -> None:
    card.refusal = answer
    card.answers[0xC0] = "6F00"
    authentication = card.authentication()[1]
    with pytest.raises(CardError) as caught:
        attempt(authentication, operation)
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=False).format())
    error: BaseException | None = caught.value
    while error is not None:
        shown += f"{error!s}{error!r}{error.args!r}{vars(error)!r}"
        error = error.__cause__ or error.__context__
    assert not [form for form in FORMS if form in shown]


def attempt(authentication: Authentication, operation: str) -> None:
    """Use the PIN in one of the three ways."""
    match operation:
        case "verify":
            authentication.verify(secret(DIGITS))
        case "change":
            authentication.change(secret(DIGITS), secret(DIGITS))
        case _:
            authentication.unblock(secret(DIGITS), secret(DIGITS))


@pytest.mark.parametrize("pin", [DIGITS[:5], DIGITS + b"x", DIGITS * 2])
def test_no_complaint_about_its_form_shows_the_pin(card: FakeCard, pin: bytes) -> None:
    with pytest.raises(InputError) as caught:
        card.authentication()[1].verify(secret(pin))
    assert pin.decode() not in f"{caught.value!r}{caught.value.hint}{caught.value.args}"


def test_a_secret_shows_and_gives_away_nothing() -> None:
    held = Secret(DIGITS)
    assert (repr(held), str(held), f"{held}", len(held)) == ("<secret>", "<secret>", "<secret>", 6)
    with pytest.raises(TypeError, match="pickled"):
        held.__reduce__()
    assert held != Secret(DIGITS)
    with held:
        assert held.reveal() == DIGITS
    assert held.reveal() == b""


def test_the_block_is_wiped_after_use(card: FakeCard, monkeypatch: pytest.MonkeyPatch) -> None:
    session, authentication = card.authentication()
    held: list[Secret] = []
    run = session.run

    def watched(operation: str, values: Values, pad: PadEntry | None = None) -> object:
        held.extend(value for value in values.values() if isinstance(value, Secret))
        return run(operation, values, pad)

    monkeypatch.setattr(session, "run", watched)
    pin = secret(PIN)
    authentication.verify(pin)
    assert [block.reveal() for block in held] == [b""]
    assert pin.reveal() == PIN


def test_a_status_that_is_no_refusal_is_a_status_error(card: FakeCard) -> None:
    card.refusal = "6700"
    with pytest.raises(StatusError):
        card.authentication()[1].verify(secret(PIN))
    card.refusal = b"\x90"
    with pytest.raises(ReplyError):
        card.authentication()[1].verify(secret(PIN))
