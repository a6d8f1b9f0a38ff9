"""Calling the operator: a command of his own that is run when a card can be taken out (a lamp, a sound, a conveyor)."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Sequence
from queue import Full, Queue
from threading import Thread
from types import TracebackType
from typing import Self

from cardcore.personalise.events import CardDone, CardParked, CardRefused, Event, ReaderStopped, TakeOut

LOG = logging.getLogger("cardcore.personalise.calling")
SECONDS = 30.0
"""How long the command may take."""
_WAITING = 256
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "SYSTEMROOT", "TEMP")
"""All that the command gets of our environment: secrets of the plan may stand in it (`env:VAR`)."""


class Caller:
    """A listener that runs a command for each card to be taken out, one after the other, and holds up no reader.

    The command is given as a list of words; no shell reads it. What there is to say stands in its environment:
    `CARDCORE_READER`, `CARDCORE_OK` (1 or 0), `CARDCORE_HOLDER`, `CARDCORE_SERIAL`, `CARDCORE_REASON`. A command that
    fails or takes longer than 30 s is a warning in the log, and nothing more: cards do not depend on it.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)
        self._last: dict[str, dict[str, str]] = {}
        self._queue: Queue[dict[str, str] | None] = Queue(_WAITING)
        self._thread = Thread(target=self._work, name="caller", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let the calls that are waiting be made."""
        self._queue.put(None)
        self._thread.join()

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, CardDone):
            self._last[event.reader] = {"HOLDER": event.holder, "SERIAL": event.serial, "REASON": ""}
        elif isinstance(event, CardParked):
            self._last[event.reader] = {"HOLDER": event.holder, "SERIAL": event.serial, "REASON": event.reason.value}
        elif isinstance(event, CardRefused):
            self._last[event.reader] = {"HOLDER": "", "SERIAL": event.serial, "REASON": event.reason.value}
        elif isinstance(event, TakeOut):
            self._put({"READER": event.reader, "OK": str(int(event.ok)), **self._last.pop(event.reader, {})})
        elif isinstance(event, ReaderStopped):
            self._put({"READER": event.reader, "OK": "0", "REASON": "reader-stopped"})

    def _put(self, call: dict[str, str]) -> None:
        try:
            self._queue.put_nowait(call)
        except Full:
            LOG.warning("the command for cards to be taken out is too slow: one call is left out")

    def _work(self) -> None:
        while (call := self._queue.get()) is not None:
            inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
            told = {f"CARDCORE_{name}": value.replace("\0", "") for name, value in call.items()}
            try:
                ended = subprocess.run(  # noqa: S603 - the operator's own command, as a list of words
                    self._command,
                    env={**inherited, **told},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=SECONDS,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                LOG.warning("%s cannot be run: %s", self._command[0], type(error).__name__)
            else:
                if ended.returncode:
                    LOG.warning("%s ended with status %d", self._command[0], ended.returncode)
