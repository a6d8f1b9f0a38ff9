"""One person and many clients: one question at a time, and none for a client that has gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cardcore import Secret
from csp_frontend.dialog import DialogQueue, NobodyDialog
from csp_frontend.prompts import Answer, PinRequest, ScriptedDialog, question

PATIENCE = 10.0


class Slow:
    """A dialog whose questions stay until they are answered or withdrawn."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.given: list[Secret] = []
        self.answer = threading.Event()
        self.shown = 0
        self.most = 0

    def ask(self, request: PinRequest) -> Secret | None:
        self.asked.append(request.client)
        self.shown += 1
        self.most = max(self.most, self.shown)
        self.answer.wait(PATIENCE)
        self.shown -= 1
        self.given.append(Secret(b"123456"))
        return self.given[-1]


class Withdrawable(Slow):
    """The same, and it can be taken off the screen."""

    def __init__(self) -> None:
        super().__init__()
        self.withdrawn = 0

    def withdraw(self) -> None:
        self.withdrawn += 1
        self.answer.set()


@contextmanager
def asking(queue: DialogQueue, client: str, gone: threading.Event) -> Iterator[Callable[[], Answer | None]]:
    """A thread that asks for a client; what is yielded waits for its answer."""
    answers: list[Answer | None] = []

    def work() -> None:
        with queue.working_for(gone):
            answers.append(queue.ask(PinRequest(client=client)))

    thread = threading.Thread(target=work)
    thread.start()

    def answer() -> Answer | None:
        thread.join(PATIENCE)
        return answers[0]

    try:
        yield answer
    finally:
        gone.set()
        thread.join(PATIENCE)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_questions_are_put_one_after_the_other() -> None:
    slow = Slow()
    queue = DialogQueue(slow)
    with asking(queue, "a", threading.Event()) as first:
        until(lambda: slow.asked == ["a"])
        with asking(queue, "b", threading.Event()) as second, asking(queue, "c", threading.Event()) as third:
            time.sleep(0.2)
            assert slow.asked == ["a"]
            slow.answer.set()
            given = [answer() for answer in (first, second, third)]
    assert [secret.reveal() for secret in given if isinstance(secret, Secret)] == [b"123456"] * 3
    assert slow.most == 1


def test_the_question_of_a_client_that_goes_is_withdrawn() -> None:
    dialog, gone = Withdrawable(), threading.Event()
    queue = DialogQueue(dialog)
    with asking(queue, "a", gone) as answer:
        until(lambda: dialog.asked == ["a"])
        gone.set()
        assert answer() is None
    assert dialog.withdrawn
    until(lambda: bool(dialog.given) and len(dialog.given[0]) == 0)  # what came too late is wiped


def test_the_thread_goes_on_where_nothing_can_be_withdrawn() -> None:
    slow, gone = Slow(), threading.Event()
    queue = DialogQueue(slow)
    with asking(queue, "a", gone) as answer:
        until(lambda: slow.asked == ["a"])
        gone.set()
        assert answer() is None
        with asking(queue, "b", threading.Event()) as later:
            time.sleep(0.2)
            assert slow.asked == ["a"]  # the old question still stands on the terminal
            slow.answer.set()
            assert later() is not None
    assert len(slow.given[0]) == 0


def test_a_client_that_goes_while_it_waits_is_never_asked_for() -> None:
    slow, gone = Slow(), threading.Event()
    queue = DialogQueue(slow)
    with asking(queue, "a", threading.Event()) as first:
        until(lambda: slow.asked == ["a"])
        with asking(queue, "b", gone) as second:
            gone.set()
            assert second() is None
        slow.answer.set()
        assert first() is not None
    assert slow.asked == ["a"]


def test_a_dialog_that_fails_is_a_question_that_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def ask(self, request: PinRequest) -> Secret | None:
            raise ValueError("123456")

    assert DialogQueue(Broken()).ask(PinRequest()) is None
    assert "ValueError" in caplog.text
    assert "123456" not in caplog.text


def test_nobody_answers_nothing() -> None:
    assert NobodyDialog().ask(PinRequest()) is None


def test_answers_and_cancellations_pass_through() -> None:
    queue = DialogQueue(ScriptedDialog(["1234", None]))
    first = queue.ask(PinRequest())
    assert isinstance(first, Secret)
    assert first.reveal() == b"1234"
    assert queue.ask(PinRequest()) is None


def test_what_the_inner_dialog_can_do_the_queue_can_do() -> None:
    inner = ScriptedDialog(changes_pins=True)
    queue = DialogQueue(inner)
    assert queue.changes_pins()
    take_off = queue.tell(PinRequest(), "Enter it", 3)
    assert inner.shown == 1
    take_off()
    assert inner.shown == 0
    nobody = DialogQueue(NobodyDialog())
    assert not nobody.changes_pins()
    nobody.tell(PinRequest(), "Enter it", 3)()


def test_a_question_that_is_withdrawn_before_it_appears_never_stays() -> None:
    """The dialog can be taken off the screen only once it is there: it is tried until it has gone."""

    class Late(Withdrawable):
        def ask(self, request: PinRequest) -> Secret | None:
            time.sleep(0.2)
            self.answer.clear()
            return super().ask(request)

    late, gone = Late(), threading.Event()
    queue = DialogQueue(late)
    with asking(queue, "a", gone) as answer:
        gone.set()
        assert answer() is None
    until(lambda: bool(late.given))
    assert late.withdrawn > 1


def test_what_others_say_does_not_steer_the_terminal() -> None:
    """A program's text, its name, and what a card calls itself."""
    text = question(
        PinRequest(text="\x1b[2J\nPIN of the other card: ", token="\x1b]0;x\x07", client="a\rb\u202e" * 200)
    )
    assert text.isprintable()
    assert text.startswith('The program says: "?[2J?PIN of the other card: " PIN of ?]0;x? for a?b?')
    assert len(text) < 500
