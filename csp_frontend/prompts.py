"""How a person is asked for a PIN: what the question says, what may be answered, and the askers that need no window."""

from __future__ import annotations

import getpass
import sys
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Protocol, runtime_checkable

from cardcore import Secret

_MOST_SHOWN = 300


class Wanted(StrEnum):
    """What is asked for."""

    PIN = "pin"
    ADMIN = "admin"


class Purpose(StrEnum):
    """What is done with the key that the PIN is for."""

    USE = "use"
    SIGN = "sign"
    DECRYPT = "decrypt"
    GENERATE = "generate"
    IMPORT = "import"
    DELETE = "delete"
    CERTIFICATE = "certificate"


class Note(StrEnum):
    """How the person's wish to change or unblock the PIN ended, told with the next question."""

    NOTHING = ""
    CHANGED = "changed"
    UNBLOCKED = "unblocked"
    WRONG_PIN = "wrong-pin"
    WRONG_PUK = "wrong-puk"
    REFUSED = "refused"


class PadStep(StrEnum):
    """What is entered on a reader's keypad: the PIN; the PIN and a new one; the PUK and a new PIN."""

    VERIFY = "verify"
    CHANGE = "change"
    UNBLOCK = "unblock"


@dataclass(frozen=True, slots=True, kw_only=True)
class PinRules:
    """What a PIN may look like: its length in characters, and whether these are digits."""

    minimum: int = 1
    maximum: int = 255
    digits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unblocking:
    """What sets a forgotten PIN anew: the PUK, its rules, and its own tries."""

    label: str = "PUK"
    rules: PinRules = PinRules()
    tries_left: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PinRequest:
    """One question to the person.

    `label` is the PIN's name on the card, `token` and `reader` say which card, `key` which key and `purpose` what for.
    `client` and `pid` are the program that asks: by the system's word if `checked`, else by its own; `claimed` is what
    it calls itself where that differs. `tries_left` is None where the card does not tell; with 1 the person has to be
    warned, with 0 the PIN is blocked. `again` is set after a wrong PIN, `note` after another one was set. `changes`
    says that the PIN can be changed in passing, `unblocking` how it is unblocked. With `keypad` the PIN itself is
    entered at the reader. `window` is the program's window, 0 if it named none; `text` is what the program wants to be
    shown (PP_PIN_PROMPT_STRING).
    """

    wanted: Wanted = Wanted.PIN
    purpose: Purpose = Purpose.USE
    label: str = "PIN"
    token: str = ""
    reader: str = ""
    key: str = ""
    client: str = ""
    pid: int = 0
    checked: bool = False
    claimed: str = ""
    tries_left: int | None = None
    again: bool = False
    note: Note = Note.NOTHING
    rules: PinRules = PinRules()
    changes: bool = False
    unblocking: Unblocking | None = None
    keypad: bool = False
    step: PadStep = PadStep.VERIFY
    window: int = 0
    text: str = ""

    @property
    def last_try(self) -> bool:
        """Whether a wrong PIN would block the card."""
        return self.tries_left == 1

    @property
    def blocked(self) -> bool:
        """Whether no PIN is taken any more, before it has been unblocked."""
        return self.tries_left == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPin:
    """The person sets another PIN before the question is answered.

    `code` is the old PIN, or the PUK with `unblock`; both are None where they are entered on the reader's keypad.
    """

    unblock: bool = False
    code: Secret | None = None
    new: Secret | None = None

    def wipe(self) -> None:
        """Forget what was entered."""
        for secret in (self.code, self.new):
            if secret is not None:
                secret.wipe()


class Keypad(Enum):
    """The person is ready to enter the PIN on the reader's keypad."""

    READY = "ready"

    def wipe(self) -> None:
        """There is nothing to forget."""


Answer = Secret | NewPin | Keypad


class PinDialog(Protocol):
    """Asks the person. No transaction and no lock is held meanwhile, so it may take its time."""

    def ask(self, request: PinRequest) -> Answer | None:
        """What the person entered; None if they cancelled. `NewPin` and `Keypad` only where the question offers it."""
        ...


@runtime_checkable
class PinChanger(Protocol):
    """A dialog in which a PIN can be changed and unblocked."""

    def changes_pins(self) -> bool:
        """Whether it does, and so may answer with `NewPin` and `Keypad`."""
        ...


@runtime_checkable
class PadDialog(Protocol):
    """A dialog that can also show that a PIN has to be entered on the reader's keypad."""

    def tell(self, request: PinRequest, text: str, seconds: int) -> Callable[[], None]:
        """Show it, and return at once what takes it off the screen: called when the entry has ended.

        The card is held until then; the reader itself ends it after `seconds`.
        """
        ...


def nothing_shown() -> None:
    """Takes off the screen what leaves nothing there."""


class ScriptedDialog:
    """Answers from a list, for tests and automation; None in the list is a person who cancels, and so is its end."""

    def __init__(self, answers: Iterable[str | Answer | None] = (), *, changes_pins: bool = False) -> None:
        self._answers = deque(answers)
        self._changes_pins = changes_pins
        self.requests: list[PinRequest] = []
        self.shown = 0

    def expect(self, *answers: str | Answer | None) -> None:
        """Add answers."""
        self._answers.extend(answers)

    def changes_pins(self) -> bool:
        """As it was made."""
        return self._changes_pins

    def tell(self, request: PinRequest, text: str, seconds: int) -> Callable[[], None]:
        """Keep what is shown, in `requests`; `shown` counts what is on the screen now."""
        self.requests.append(request)
        self.shown += 1
        return self._taken_off

    def _taken_off(self) -> None:
        self.shown -= 1

    def ask(self, request: PinRequest) -> Answer | None:
        """Give the next answer, and keep the question in `requests`."""
        self.requests.append(request)
        answer = self._answers.popleft() if self._answers else None
        return Secret(answer.encode()) if isinstance(answer, str) else answer


class TerminalDialog:
    """Asks on the terminal, without echo; an empty answer cancels."""

    def __init__(self, read: Callable[[str], str] = getpass.getpass) -> None:
        self._read = read

    def tell(self, request: PinRequest, text: str, seconds: int) -> Callable[[], None]:
        """Say what has to be done at the reader."""
        print(f"{text} ({seconds} s)", file=sys.stderr)
        return nothing_shown

    def ask(self, request: PinRequest) -> Secret | None:
        """Put the question; None without a terminal."""
        try:
            answer = self._read(question(request))
        except (EOFError, KeyboardInterrupt, OSError):
            print(file=sys.stderr)
            return None
        return Secret(answer.encode()) if answer else None


def question(request: PinRequest) -> str:
    """The question in one line of words; what the program wants to be said is marked as such, and steers nothing."""
    parts = [f'The program says: "{_line(request.text)}"'] if request.text else []
    if request.again:
        parts.append("That was wrong.")
    if request.last_try:
        parts.append("This is the last try: a wrong one blocks the card.")
    elif request.tries_left is not None and request.again:
        parts.append(f"{request.tries_left} tries are left.")
    asker = f" for {_line(request.client)}" if request.client else ""
    parts.append(f"{_line(request.label)} of {_line(request.token or request.reader)}{asker}: ")
    return " ".join(parts)


def _line(text: str) -> str:
    """A text of others, fit for a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:_MOST_SHOWN])
