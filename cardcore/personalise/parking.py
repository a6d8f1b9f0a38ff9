"""Errors by which work on a card ends before the card is done, and what other errors mean for it."""

from __future__ import annotations

from dataclasses import dataclass

from cardcore.errors import (
    CardError,
    CardRemoved,
    CardReset,
    InputError,
    LastTry,
    NoCard,
    NoReader,
    NotSupported,
    PinBlocked,
    PinError,
    TransportError,
)
from cardcore.personalise.changes import JournalConflict
from cardcore.personalise.issuers.base import IssuerRefused, IssuerUncertain, IssuerUnreachable
from cardcore.personalise.reasons import PARKINGS, REFUSALS, Reason, Refusal


class Parked(CardError):
    """A card is put aside for a reason. `stops` says that its reader takes no more cards."""

    code = "parked"

    def __init__(self, reason: Reason, message: str, *, stops: bool = False) -> None:
        super().__init__(message, hint=PARKINGS[reason].advice)
        self.reason = reason
        self.stops = stops


class Refused(CardError):
    """A card is not taken; nothing was written to it."""

    code = "refused"

    def __init__(self, reason: Refusal, message: str, *, serial: str = "") -> None:
        super().__init__(message, hint=REFUSALS[reason])
        self.reason = reason
        self.serial = serial


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What an error means for the card: the reason for which it is parked, and whether the reader stops."""

    reason: Reason
    stops: bool = False


_MEANINGS: tuple[tuple[type[CardError], Meaning], ...] = (
    (CardRemoved, Meaning(reason=Reason.CARD_REMOVED)),
    (NoCard, Meaning(reason=Reason.CARD_REMOVED)),
    (NoReader, Meaning(reason=Reason.CARD_REMOVED)),
    (CardReset, Meaning(reason=Reason.READER_FAILED)),
    (TransportError, Meaning(reason=Reason.READER_FAILED)),
    (LastTry, Meaning(reason=Reason.TRIES_SPENT)),
    (IssuerRefused, Meaning(reason=Reason.ISSUER_REFUSED)),
    (IssuerUnreachable, Meaning(reason=Reason.ISSUER_UNREACHABLE)),
    (IssuerUncertain, Meaning(reason=Reason.ISSUER_UNCERTAIN)),
    (JournalConflict, Meaning(reason=Reason.VERIFICATION_FAILED)),
    (InputError, Meaning(reason=Reason.PLAN_FAILED)),
    (NotSupported, Meaning(reason=Reason.PLAN_FAILED)),
    (CardError, Meaning(reason=Reason.CARD_FAILED)),
)


def meaning(error: CardError) -> Meaning:
    """What an error means for the card on which it happened.

    A PIN or key that the card refused says that the plan is wrong for every card: the reader stops.
    """
    if isinstance(error, Parked):
        return Meaning(reason=error.reason, stops=error.stops)
    if isinstance(error, PinBlocked) and error.sw is None:  # it was blocked before anything was sent
        return Meaning(reason=Reason.TRIES_SPENT)
    if isinstance(error, PinError) and not isinstance(error, LastTry):
        return Meaning(reason=Reason.AUTHENTICATION_FAILED, stops=True)
    return next(meant for kind, meant in _MEANINGS if isinstance(error, kind))
