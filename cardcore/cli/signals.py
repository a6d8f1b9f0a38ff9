"""Signals that end a program: what was begun with a card is ended first."""

from __future__ import annotations

import signal
from types import FrameType

_NAMES = ("SIGTERM", "SIGHUP")
_BY_SIGNAL = 128


def end_in_order() -> None:
    """Let these signals end the program as an error does, so that cards are given back logged out; once, then at once.

    One that whoever started the program has it ignore, as nohup does, stays ignored. The exit status is 128 and the
    signal's number, as shells have it.
    """
    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    raise SystemExit(_BY_SIGNAL + number)
