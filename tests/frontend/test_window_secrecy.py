"""What was typed into the PIN window is in its process's memory as long as it stands in a field, and no longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cardcore import Secret
from csp_frontend.prompts import Answer
from csp_frontend.window_dialog import WindowDialog
from tests.frontend.screens import Screen, Window, until
from tests.frontend.window_states import STATES
from tests.simulated.memories import memory

PIN, OLD = "73918264", "48261937"


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    with Screen() as screen:
        yield screen


class Asked:
    """A question in its window, and the answer when there is one."""

    def __init__(self, screen: Screen) -> None:
        self._dialog = WindowDialog()
        self.answers: list[Answer | None] = []
        self.thread = threading.Thread(target=self._ask)
        self.thread.start()
        self.window: Window = screen.window().ready()

    def _ask(self) -> None:
        self.answers.append(self._dialog.ask(STATES["sign"].request))

    def holds(self, digits: str) -> bool:
        """Whether the digits are anywhere in the memory of the window's process, as characters of any width."""
        process = self._dialog._asking
        assert process is not None
        content = memory(process.pid)
        return any(digits.encode(encoding) in content for encoding in ("ascii", "utf-16-le", "utf-32-le"))

    def enter(self, digits: str) -> None:
        """Type until all of it is there: a key that comes while a page is being built goes nowhere."""
        for _ in range(3):
            self.window.type(digits)
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                if self.holds(digits):
                    return
            self.window.press(*["BackSpace"] * len(digits))
        raise AssertionError("what was typed is nowhere")

    def end(self) -> None:
        self._dialog.withdraw()
        self.thread.join(30)


@contextmanager
def asked(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    for name, value in screen.env.items():
        monkeypatch.setenv(name, value)
    question = Asked(screen)
    try:
        yield question
    finally:
        question.end()


def test_a_pin_that_was_taken_back(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    with asked(screen, monkeypatch) as question:
        question.window.type(PIN)
        until(lambda: question.holds(PIN), "the control: what stands in the field is found")
        question.window.press(*["BackSpace"] * len(PIN))
        until(lambda: not question.holds(PIN), "it is still there")


def test_pins_on_a_page_that_was_left(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    with asked(screen, monkeypatch) as question:
        question.window.press("alt+h")
        question.enter(OLD)
        question.window.press("Return")
        question.enter(PIN)
        assert question.holds(OLD)
        question.window.press("alt+b")
        until(lambda: not (question.holds(OLD) or question.holds(PIN)), "they are still there")


def test_the_answer_is_what_was_typed(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    with asked(screen, monkeypatch) as question:
        question.window.type(PIN).press("Return")
        question.thread.join(30)
        [answer] = question.answers
        assert isinstance(answer, Secret)
        assert answer.reveal() == PIN.encode()
