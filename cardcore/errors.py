"""The one tree of exceptions. Every error says what happened (message) and what to do (hint)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar


class CardError(Exception):
    """Base of everything that cardcore raises on purpose.

    `code` is a stable machine-readable name, `hint` one sentence that says what to do.
    """

    code: ClassVar[str] = "card-error"
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint


class InputError(CardError):
    """The caller's own data cannot be used: a wrong size, an unreadable file, an impossible combination."""

    code = "input"


class PinRequired(InputError):
    """The operation needs a PIN that was not given; nothing was sent."""

    code = "pin-required"
    default_hint = "Give the PIN (--pin on the command line)."


class AdminRequired(InputError):
    """The operation needs the administrator's key, which was not given; nothing was sent."""

    code = "admin-required"
    default_hint = "Give the admin key (--admin on the command line)."


class TransportError(CardError):
    """The exchange with the reader or card failed below the APDU level."""

    code = "transport"
    default_hint = "Take the card out, put it in again and repeat the command."


class NoService(TransportError):
    """No PC/SC service is running."""

    code = "no-service"
    default_hint = "Start the smart-card service (pcscd on Linux, SCardSvr on Windows)."


class NoReader(TransportError):
    """The reader that was asked for does not exist, or none is connected."""

    code = "no-reader"
    default_hint = "Connect a reader, or name one that `cardcore readers` lists."


class NoCard(TransportError):
    """The reader holds no card."""

    code = "no-card"
    default_hint = "Insert the card."


class CardRemoved(TransportError):
    """The card was taken out while it was in use."""

    code = "card-removed"
    default_hint = "Insert the card again; whatever was not confirmed may not have happened."


class CardReset(TransportError):
    """Another program reset the card: its selected application and verified PINs are gone."""

    code = "card-reset"
    default_hint = "Repeat the command."


class ReaderBusy(TransportError):
    """Another program holds the card exclusively."""

    code = "reader-busy"
    default_hint = "Close the other program that uses the card, or try again in a moment."


class StatusError(CardError):
    """The card answered with a status word that means failure (ISO 7816-4, 5.6).

    `sw` is the 16-bit status word.
    """

    code = "status"

    def __init__(self, message: str, *, sw: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.sw = sw


class SecurityStatus(StatusError):
    """The card wants an authentication that has not happened (6982)."""

    code = "security-status"
    default_hint = "Give the PIN or the admin key that this operation needs."


class NotFound(StatusError):
    """The card holds no such key, file or data object (6A82, 6A83, 6A88)."""

    code = "not-found"


class PinError(CardError):
    """A PIN, PUK or admin key was refused, or was not sent because it might do harm.

    `tries_left` is what the card still allows, None where the card does not say.
    """

    code = "wrong-pin"

    def __init__(self, message: str, *, sw: int | None = None, tries_left: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.sw = sw
        self.tries_left = tries_left


class LastTry(PinError):
    """One try is left, so nothing was sent: a wrong PIN would block the card."""

    code = "last-try"
    default_hint = "Make sure of the PIN, then repeat with the explicit override for the last try."


class PinBlocked(PinError):
    """The PIN is blocked (6983, or a counter of zero)."""

    code = "pin-blocked"
    default_hint = "Unblock it with the PUK (`cardcore pin unblock`)."


class PinEntryError(CardError):
    """The entry on the reader's keypad ended without a PIN: the card saw nothing, and no try was spent.

    `sw` is the status word by which the reader said so (PC/SC part 10, 2.5.4).
    """

    code = "pin-entry"
    default_hint = "No try was spent. Repeat the command to enter it again."

    def __init__(self, message: str, *, sw: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.sw = sw


class PinEntryCancelled(PinEntryError):
    """The person pressed the cancel key (6401)."""

    code = "pin-entry-cancelled"


class PinEntryTimeout(PinEntryError):
    """Nobody entered the PIN in time (6400)."""

    code = "pin-entry-timeout"


class PinEntryMismatch(PinEntryError):
    """The new PIN was entered differently the second time (6402)."""

    code = "pin-entry-mismatch"


class PinEntryLength(PinEntryError):
    """Fewer or more digits were entered than the PIN may have (6403)."""

    code = "pin-entry-length"


class NotSupported(CardError):
    """The card or its profile cannot do what was asked; nothing was sent."""

    code = "not-supported"


class UnknownCard(NotSupported):
    """No profile matches the card."""

    code = "unknown-card"
    default_hint = "Write a profile for it (see docs/profile-authors.md), or name one with --profile."


class ReplyError(CardError):
    """The card's reply does not have the form that the profile or the standard asks for."""

    code = "reply"
    default_hint = "Record the exchange with --trace and compare it with the card's manual."


class ProfileError(CardError):
    """A profile, plan or configuration is not valid. `line` and `column` count from 1; 0 is unknown."""

    code = "profile"

    def __init__(self, message: str, *, file: str | Path = "", line: int = 0, column: int = 0, hint: str = "") -> None:
        place = f":{line}:{column}" if line else ""
        where = f"{file}{place}: " if file else ""
        super().__init__(where + message, hint=hint)
        self.reason = message
        self.file = str(file)
        self.line = line
        self.column = column
