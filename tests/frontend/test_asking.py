"""Changing and unblocking a PIN in passing, as the provider sees it: the dialog is played, the card is not."""

from __future__ import annotations

import pytest

from cardcore import PinError, Secret
from csp_frontend.configuration import Configuration
from csp_frontend.constants import AT_SIGNATURE, Code, Nx
from csp_frontend.prompts import (
    Answer,
    Keypad,
    NewPin,
    Note,
    PadStep,
    PinRequest,
    PinRules,
    Purpose,
    ScriptedDialog,
)
from tests.frontend.bench import PIN, SILENT, WRONG, Bench, piv_card
from tests.frontend.refusals import refused
from tests.frontend.test_pinpads import READER
from tests.frontend.test_pinpads import Keypad as PlayedKeypad
from tests.frontend.test_pins import CARD, nx, sign, sign_in

PUK, NEW = "12345678", "654321"


def changing(tries: int = 3) -> Bench:
    """A dialog that can change PINs."""
    bench = Bench(soft_alice=piv_card(("9a", "9c"), pin_tries=tries))
    return _with_changing_dialog(bench)


def _with_changing_dialog(bench: Bench) -> Bench:
    bench.dialog = ScriptedDialog(changes_pins=True)
    bench.provider.keeper._person._dialog = bench.dialog
    return bench


def change(old: str = PIN, new: str = NEW) -> NewPin:
    return NewPin(code=Secret(old.encode()), new=Secret(new.encode()))


def unblock(puk: str = PUK, new: str = NEW) -> NewPin:
    return NewPin(unblock=True, code=Secret(puk.encode()), new=Secret(new.encode()))


def notes(bench: Bench) -> list[Note]:
    return [request.note for request in bench.dialog.requests]


def test_the_question_says_what_may_be_done() -> None:
    bench = changing()
    bench.dialog.expect(PIN, PIN)
    client = bench.client("mail")
    sign(client)
    sign(client, rf"{CARD}0x9c", key_spec=AT_SIGNATURE)
    [first, second] = bench.dialog.requests
    assert (first.purpose, first.key, second.key) == (Purpose.SIGN, "PIV Authentication", "Digital Signature")
    assert first.rules == PinRules(minimum=6, maximum=8, digits=True)
    assert first.changes
    assert first.unblocking is not None
    assert (first.unblocking.label, first.unblocking.tries_left) == ("PUK", 3)
    assert (first.client, first.pid, first.checked) == ("mail", 1, False)


def test_a_dialog_that_cannot_is_not_asked_to() -> None:
    bench = Bench(soft_alice=piv_card())
    bench.dialog.expect(PIN)
    sign(bench.client())
    [request] = bench.dialog.requests
    assert (request.changes, request.unblocking, request.keypad) == (False, None, False)


def test_a_changed_pin_is_asked_for_anew_and_forgotten_by_all() -> None:
    bench = changing()
    bench.dialog.expect(PIN)
    other = bench.client("other")
    sign(other)
    answer = change()
    bench.dialog.expect(answer, NEW)
    sign(bench.client())
    assert notes(bench)[1:] == [Note.NOTHING, Note.CHANGED]
    assert answer.code is not None
    assert len(answer.code) == 0, "it is wiped"
    assert other.owner.names() == []
    with refused(Code.NTE_SILENT_CONTEXT):
        sign(other, flags=SILENT)
    with bench.readers.open("soft:alice") as card:
        card.verify(NEW)


@pytest.mark.parametrize(
    ("answer", "note", "left"),
    [
        (change(old=WRONG), Note.WRONG_PIN, 2),
        (change(new="12"), Note.REFUSED, 3),
        (unblock(puk="00000000"), Note.WRONG_PUK, 3),
        (unblock(new="abcdef"), Note.REFUSED, 3),
    ],
)
def test_a_pin_that_is_not_set(answer: NewPin, note: Note, left: int) -> None:
    bench = changing()
    bench.dialog.expect(answer, None)
    with refused(Code.SCARD_W_CANCELLED_BY_USER):
        sign(bench.client())
    assert notes(bench) == [Note.NOTHING, note]
    assert bench.dialog.requests[-1].tries_left == left


def test_a_pin_that_gets_blocked_can_be_unblocked_at_once() -> None:
    bench = changing()
    bench.dialog.expect(WRONG, WRONG, WRONG, unblock(), NEW)
    sign(bench.client())
    told = [(request.tries_left, request.blocked) for request in bench.dialog.requests]
    assert told == [(3, False), (2, False), (1, False), (0, True), (3, False)]
    assert bench.dialog.requests[-1].note is Note.UNBLOCKED


def test_a_pin_that_stays_blocked_is_told_as_such() -> None:
    bench = changing(tries=1)
    bench.dialog.expect(WRONG, None, None)
    client = bench.client()
    context = client.CPAcquireContext(CARD, 0)
    handle = client.CPCreateHash(context, 0x8004, 0, 0)
    for _ in range(2):
        with refused(Code.NTE_FAIL):
            client.CPSignHash(context, handle, 1, None, 0, 256)
        assert nx(client, context) == Nx.ERROR_NX_PIN_BLOCKED
    with refused(Code.NTE_SILENT_CONTEXT):
        sign(client, flags=SILENT)


def test_a_blocked_puk_is_not_offered() -> None:
    bench = changing()
    bench.dialog.expect(*[unblock(puk="00000000") for _ in range(3)], PIN)
    sign(bench.client())
    left = [request.unblocking and request.unblocking.tries_left for request in bench.dialog.requests]
    assert left == [3, 2, 1, None]


def spend_two(bench: Bench) -> None:
    with bench.readers.open("soft:alice") as card:
        for _ in range(2):
            with pytest.raises(PinError):
                card.verify(WRONG)


def test_a_last_try_that_the_person_did_not_see_is_not_spent() -> None:
    """The counter has sunk since they were asked, by another program."""
    bench = changing()

    class Meanwhile(ScriptedDialog):
        def ask(self, request: PinRequest) -> Answer | None:
            if not self.requests:
                spend_two(bench)
            return super().ask(request)

    bench.provider.keeper._person._dialog = bench.dialog = Meanwhile([change(old=WRONG), None], changes_pins=True)
    with refused(Code.SCARD_W_CANCELLED_BY_USER):
        sign(bench.client())
    assert notes(bench) == [Note.NOTHING, Note.NOTHING]
    assert [request.tries_left for request in bench.dialog.requests] == [3, 1]


def keypad_bench(keypad: PlayedKeypad, tries: int) -> Bench:
    bench = Bench(Configuration())
    bench.readers.around = keypad.around
    bench.readers.plug("Keypad", piv_card(pin_tries=tries))
    return _with_changing_dialog(bench)


def test_on_a_keypad_the_last_try_is_confirmed_before_the_card_is_held() -> None:
    keypad = PlayedKeypad()
    bench = keypad_bench(keypad, tries=1)
    keypad.entries = [PIN]
    bench.dialog.expect(None, Keypad.READY)
    client = bench.client()
    with refused(Code.SCARD_W_CANCELLED_BY_USER):
        sign(client, READER)
    assert keypad.count == 0
    sign(client, READER)
    assert keypad.count == 1
    assert [request.keypad for request in bench.dialog.requests] == [True] * 3
    assert bench.dialog.shown == 0, "what was shown for the keypad is taken off the screen"


def test_on_a_keypad_with_tries_left_only_the_keypad_is_shown() -> None:
    keypad = PlayedKeypad()
    bench = keypad_bench(keypad, tries=3)
    keypad.entries = [WRONG, PIN]
    sign_in(client := bench.client(), client.CPAcquireContext(READER, 0))
    assert [request.step for request in bench.dialog.requests] == [PadStep.VERIFY] * 2
    assert bench.dialog.shown == 0
