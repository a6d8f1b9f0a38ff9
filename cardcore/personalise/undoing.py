"""Cards that count no longer: reset, or replaced by another one."""

from __future__ import annotations

from cardcore.card import Card
from cardcore.errors import InputError
from cardcore.personalise.journal import Journal
from cardcore.personalise.records import CardRecord, CertificateRecord, Run
from cardcore.personalise.states import CardState
from cardcore.resetting import factory_reset

UNDONE = "undone"


def undo(journal: Journal, card: Card, record: CardRecord) -> list[CertificateRecord]:
    """Reset a card, and return the certificates that have to be revoked; its holder is the next to get one.

    NotSupported, before anything is changed, if the card has no reset. If this is interrupted after the reset, the
    journal still has the card: it is undone again, which then resets a card that is blank.
    """
    factory_reset(card)
    return _ended(journal, record, CardState.UNDONE, UNDONE)


def replace(journal: Journal, run: Run, holder: str, why: str) -> tuple[CardRecord, list[CertificateRecord]]:
    """A holder's card counts no longer: the old card, and the certificates that have to be revoked.

    InputError if the holder has none.
    """
    journal.holder(run.id, holder)
    counting = (CardState.ACTIVE, CardState.PARKED, CardState.WAITING, CardState.DONE)
    cards = journal.cards(run.id, *counting, holder=holder)
    if not cards:
        raise InputError(f"{holder} has no card in the run {run.name}", hint="The next run gives him one.")
    return cards[-1], _ended(journal, cards[-1], CardState.REPLACED, why)


def _ended(journal: Journal, record: CardRecord, state: CardState, why: str) -> list[CertificateRecord]:
    with journal.change() as change:
        change.ended(record.id, state, why[:100])
    return [one for one in journal.revocations(record.run) if one.card == record.id]
