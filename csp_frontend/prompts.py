"""How a person is asked for a PIN: what the question says, and the two askers that need no window."""

from __future__ import annotations

import getpass
import sys
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from cardcore import Secret


class Wanted(StrEnum):
    """What is asked for."""

    PIN = "pin"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class PinRequest:
    """One question to the person.

    `label` is the PIN's name on the card, `token` and `reader` say which card, `client` which program. `tries_left` is
    None where the card does not tell; with 1 the person has to be warned. `again` is set after a wrong PIN. `window` is
    the program's window, 0 if it named none; `text` is what the program wants to be shown (PP_PIN_PROMPT_STRING).
    """

    wanted: Wanted = Wanted.PIN
    label: str = "PIN"
    token: str = ""
    reader: str = ""
    client: str = ""
    tries_left: int | None = None
    again: bool = False
    window: int = 0
    text: str = ""

    @property
    def last_try(self) -> bool:
        """Whether a wrong PIN would block the card."""
        return self.tries_left == 1


class PinDialog(Protocol):
    """Asks the person. No transaction and no lock is held meanwhile, so it may take its time."""

    def ask(self, request: PinRequest) -> Secret | None:
        """What the person entered; None if they cancelled."""
        ...


@runtime_checkable
class PadDialog(Protocol):
    """A dialog that can also show that a PIN has to be entered on the reader's keypad."""

    def tell(self, request: PinRequest, text: str, seconds: int) -> None:
        """Show it; returns at once. The card is held until the entry has ended, or `seconds` are over."""
        ...


class ScriptedDialog:
    """Answers from a list, for tests and automation; None in the list is a person who cancels, and so is its end."""

    def __init__(self, answers: Iterable[str | None] = ()) -> None:
        self._answers = deque(answers)
        self.requests: list[PinRequest] = []

    def expect(self, *answers: str | None) -> None:
        """Add answers."""
        self._answers.extend(answers)

    def tell(self, request: PinRequest, text: str, seconds: int) -> None:
        """Keep what is shown, in `requests`."""
        self.requests.append(request)

    def ask(self, request: PinRequest) -> Secret | None:
        """Give the next answer, and keep the question in `requests`."""
        self.requests.append(request)
        answer = self._answers.popleft() if self._answers else None
        return None if answer is None else Secret(answer.encode())


class TerminalDialog:
    """Asks on the terminal, without echo; an empty answer cancels."""

    def __init__(self, read: Callable[[str], str] = getpass.getpass) -> None:
        self._read = read

    def tell(self, request: PinRequest, text: str, seconds: int) -> None:
        """Say what has to be done at the reader."""
        print(f"{text} ({seconds} s)", file=sys.stderr)

    def ask(self, request: PinRequest) -> Secret | None:
        """Put the question; None without a terminal."""
        try:
            answer = self._read(question(request))
        except (EOFError, KeyboardInterrupt, OSError):
            print(file=sys.stderr)
            return None
        return Secret(answer.encode()) if answer else None


def question(request: PinRequest) -> str:
    """The question in one line of words."""
    parts = [request.text] if request.text else []
    if request.again:
        parts.append("That was wrong.")
    if request.last_try:
        parts.append("This is the last try: a wrong one blocks the card.")
    elif request.tries_left is not None and request.again:
        parts.append(f"{request.tries_left} tries are left.")
    asker = f" for {request.client}" if request.client else ""
    parts.append(f"{request.label} of {request.token or request.reader}{asker}: ")
    return " ".join(parts)
