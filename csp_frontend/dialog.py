"""One person, many clients: questions are put one after the other, and withdrawn when the one who asked has gone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from cardcore import Secret
from csp_frontend.prompts import Answer, PadDialog, PinChanger, PinDialog, PinRequest, nothing_shown

LOG = logging.getLogger("csp_frontend.dialog")
_POLL_SECONDS = 0.05


@runtime_checkable
class Withdrawable(Protocol):
    """A dialog that can be taken off the screen before it is answered."""

    def withdraw(self) -> None:
        """Let `ask`, which runs in another thread, return None now."""
        ...


class NobodyDialog:
    """Where there is no person: every question is as good as cancelled."""

    def ask(self, request: PinRequest) -> Secret | None:
        """Say so in the log."""
        LOG.warning("nobody can be asked for the %s of %s", request.label, request.token or request.reader)
        return None


class DialogQueue:
    """A `PinDialog` for many threads over one that can show a single question.

    A thread that works for a client says so with `working_for`. When that client goes, its question is withdrawn, and
    its thread goes on at once, also where the inner dialog cannot be interrupted.
    """

    def __init__(self, inner: PinDialog) -> None:
        self._inner = inner
        self._turn = threading.Lock()
        self._asker = threading.local()

    @contextmanager
    def working_for(self, gone: threading.Event) -> Iterator[None]:
        """What this thread asks is asked for a client; `gone` is set when it has gone."""
        self._asker.gone = gone
        try:
            yield
        finally:
            del self._asker.gone

    def changes_pins(self) -> bool:
        """Whether the inner dialog does."""
        return isinstance(self._inner, PinChanger) and self._inner.changes_pins()

    def tell(self, request: PinRequest, text: str, seconds: int) -> Callable[[], None]:
        """Show it at once: the reader waits, and other questions may stand beside it."""
        return self._inner.tell(request, text, seconds) if isinstance(self._inner, PadDialog) else nothing_shown

    def ask(self, request: PinRequest) -> Answer | None:
        """Wait for the turn, then for the answer; None if the person cancels or the client goes."""
        gone: threading.Event = getattr(self._asker, "gone", None) or threading.Event()
        while not self._turn.acquire(timeout=_POLL_SECONDS):
            if gone.is_set():
                return None
        question = _Question(self._inner, request, self._turn)
        while not question.answered.wait(_POLL_SECONDS):
            if gone.is_set():
                question.withdraw()
                return None
        return question.take()


class _Question:
    """One question in a thread of its own; it holds the turn until the inner dialog has returned."""

    def __init__(self, inner: PinDialog, request: PinRequest, turn: threading.Lock) -> None:
        self.answered = threading.Event()
        self._inner = inner
        self._turn = turn
        self._lock = threading.Lock()
        self._withdrawn = False
        self._answer: Answer | None = None
        threading.Thread(target=self._put, args=(request,), name="question", daemon=True).start()

    def withdraw(self) -> None:
        """Nobody waits for the answer any more: it is wiped when it comes."""
        with self._lock:
            self._withdrawn = True
            if self._answer is not None:
                self._answer.wipe()
        if isinstance(self._inner, Withdrawable):
            threading.Thread(target=self._take_off, args=(self._inner,), name="withdrawal", daemon=True).start()

    def _take_off(self, inner: Withdrawable) -> None:
        """Until it has gone: it may be just about to appear."""
        while True:
            inner.withdraw()
            if self.answered.wait(_POLL_SECONDS):
                return

    def take(self) -> Answer | None:
        """The answer."""
        return self._answer

    def _put(self, request: PinRequest) -> None:
        answer: Answer | None = None
        try:
            answer = None if self._withdrawn else self._inner.ask(request)
        except Exception as error:
            LOG.error("the dialog failed: %s", type(error).__name__)
        finally:
            with self._lock:
                if self._withdrawn and answer is not None:
                    answer.wipe()
                self._answer = answer
            self._turn.release()
            self.answered.set()
