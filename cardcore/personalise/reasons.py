"""Why a card is parked or refused, and what to do then. docs/personalise.md has a section for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Reason(StrEnum):
    """Why a card that belongs to a holder is not finished."""

    CARD_REMOVED = "card-removed"
    READER_FAILED = "reader-failed"
    STOPPED = "stopped"
    LET_GO_ON = "let-go-on"
    STATION_GONE = "station-gone"
    CERTIFICATE_PENDING = "certificate-pending"
    ISSUER_UNREACHABLE = "issuer-unreachable"
    ISSUER_UNCERTAIN = "issuer-uncertain"
    ISSUER_REFUSED = "issuer-refused"
    UNLOCK_NEEDED = "unlock-needed"
    AUTHENTICATION_FAILED = "authentication-failed"
    TRIES_SPENT = "tries-spent"
    UNKNOWN_OUTCOME = "unknown-outcome"
    VERIFICATION_FAILED = "verification-failed"
    CARD_FAILED = "card-failed"
    PLAN_FAILED = "plan-failed"
    PLAN_CHANGED = "plan-changed"


class Refusal(StrEnum):
    """Why a card is not taken; nothing was written to it."""

    UNKNOWN_CARD = "unknown-card"
    NOT_IN_PLAN = "not-in-plan"
    UNREADABLE = "unreadable"
    NO_SERIAL = "no-serial"
    HOLDS_KEYS = "holds-keys"
    BELONGS = "belongs-to-somebody"
    FINISHED = "finished"
    PARKED = "parked"
    ELSEWHERE = "elsewhere"
    NO_HOLDER = "no-holder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parking:
    """What a reason means: `continues` if inserting the card again is enough, and what to do, in whole sentences.

    `retry`: once what was wrong is put right, a person's `retry` lets the card go on.
    """

    continues: bool
    advice: str
    retry: bool = False


PARKINGS: Mapping[Reason, Parking] = MappingProxyType(
    {
        Reason.CARD_REMOVED: Parking(
            continues=True, advice="Insert the card again, in any reader: it goes on where it was."
        ),
        Reason.READER_FAILED: Parking(
            continues=True, advice="Check the reader and its cable, then insert the card again, in any reader."
        ),
        Reason.STOPPED: Parking(continues=True, advice="Insert the card again in a run with --resume."),
        Reason.LET_GO_ON: Parking(
            continues=True, advice="Somebody has decided that it goes on: insert it in a run with --resume."
        ),
        Reason.STATION_GONE: Parking(
            continues=True, advice="Bring the card from the station that went away, and insert it in any reader."
        ),
        Reason.CERTIFICATE_PENDING: Parking(
            continues=True, advice="Put the card aside; insert it again when the issuer has answered."
        ),
        Reason.ISSUER_UNREACHABLE: Parking(
            continues=True, advice="Bring the issuer back, then insert the card again. Nothing was issued."
        ),
        Reason.ISSUER_UNCERTAIN: Parking(
            continues=True,
            advice="Ask the issuer about the order that is named; when it answers again, insert the card again.",
        ),
        Reason.ISSUER_REFUSED: Parking(
            continues=False,
            retry=True,
            advice="Correct the holder's record or the plan, then `cardcore personalise retry` and insert it again.",
        ),
        Reason.UNLOCK_NEEDED: Parking(
            continues=True,
            advice="Resume with --unlock and the private key of a recipient, then insert the card again.",
        ),
        Reason.AUTHENTICATION_FAILED: Parking(
            continues=False,
            retry=True,
            advice="Find out which secret the card has and correct the plan before any other card is tried; then "
            "`cardcore personalise retry`, or `undo`.",
        ),
        Reason.TRIES_SPENT: Parking(
            continues=False,
            advice="Somebody has spent the tries of this card. `cardcore personalise undo` it, or put it away.",
        ),
        Reason.UNKNOWN_OUTCOME: Parking(
            continues=False,
            advice="The card has one of two secrets, which are both in the journal. `cardcore personalise settle` asks "
            "it once for the one that you name; `undo` resets it, and its holder gets a new card.",
        ),
        Reason.VERIFICATION_FAILED: Parking(
            continues=False, advice="Do not hand it out: `cardcore personalise undo` it, or put it away."
        ),
        Reason.CARD_FAILED: Parking(
            continues=False,
            retry=True,
            advice="If the card is in order, `cardcore personalise retry` and insert it again; else `undo` it.",
        ),
        Reason.PLAN_FAILED: Parking(
            continues=False,
            retry=True,
            advice="Correct the plan or the holder's record, then `cardcore personalise retry` and insert it again.",
        ),
        Reason.PLAN_CHANGED: Parking(
            continues=False,
            retry=True,
            advice="`cardcore personalise undo` it, and its holder gets a card by the new plan; or `retry`, and what "
            "is not done yet is done by the new plan.",
        ),
    }
)
"""What to do with a parked card, by reason."""

REFUSALS: Mapping[Refusal, str] = MappingProxyType(
    {
        Refusal.UNKNOWN_CARD: "No profile knows this card. Put it aside.",
        Refusal.NOT_IN_PLAN: "The plan has no entry for this kind of card. Put it aside, or add one.",
        Refusal.UNREADABLE: "Take the card out and insert it again; if that does not help, put it aside.",
        Refusal.NO_SERIAL: "A card that cannot be told from others cannot be personalised. Put it aside.",
        Refusal.HOLDS_KEYS: "Reset it first (`cardcore reset`), if all that it holds may be lost.",
        Refusal.BELONGS: "It stands in the journal of another run. `cardcore personalise undo` it there first.",
        Refusal.FINISHED: "It is finished. Take it out.",
        Refusal.PARKED: "It waits for a decision: see `cardcore personalise status`.",
        Refusal.ELSEWHERE: "Another station works on it, or has just died: try again in a minute.",
        Refusal.NO_HOLDER: "No holder waits for a card of this kind. Take it out.",
    }
)
"""What to do with a card that was refused, by reason."""
