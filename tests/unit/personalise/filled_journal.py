"""A journal with a run in it: some cards done, one parked, one replaced, one refused."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from cardcore.personalise.changes import Change
from cardcore.personalise.issuers.base import Issued
from cardcore.personalise.journal import Journal
from cardcore.personalise.reasons import Reason, Refusal
from cardcore.personalise.records import CardRecord, Enrolment, Run
from cardcore.personalise.states import CardState
from tests.unit.personalise.authority import authority, key, order

PLAN = "Staff <badges> & more"
STEPS = {"identify": 0.2, "generate 9a": 2.5, "order 9a": 0.4, "write certificate 9a": 0.3, "verify 9a": 0.15}
SECRET = "718293"


def filled(place: str | Path, cards: int = 4) -> tuple[Journal, Run]:
    """A journal with `cards` holders; the last one's card is parked, the first one's was replaced."""
    journal = Journal.open(place)
    run = journal.begin("r1", plan=PLAN, digest="ab" * 32)
    journal.enrol(run.id, [Enrolment(holder=f"=h{number}", record={"name": "Eve"}) for number in range(cards)])
    for number in range(cards):
        card = journal.claim(run.id, "piv", f"s{number}", reader="Reader 1")
        assert card is not None
        _work(journal, card, finished=number < cards - 1)
    _replace(journal, run)
    journal.refuse(run.id, reader="Reader 2", serial="x9", reason=Refusal.HOLDS_KEYS, detail="it holds 9a")
    return journal, run


def _work(journal: Journal, card: CardRecord, *, finished: bool) -> None:
    for number, (step, seconds) in enumerate(STEPS.items(), 1):
        with journal.change() as change:
            change.step_started(card.id, step, number)
        with journal.change() as change:
            change.step_done(card.id, step, seconds=seconds * (1 + card.id / 10), apdus=3 * number, found=number == 1)
    with journal.change() as change:
        change.propose(card.id, "user", "random", SECRET.encode()[::-1])
        change.settle(card.id, "user", 1)
        _certify(change, card)
    with journal.change() as change:
        if finished:
            change.finished(card.id)
        else:
            change.parked(card.id, Reason.CARD_REMOVED, "the card was taken out")


def _certify(change: Change, card: CardRecord) -> None:
    made = order(f"r1/{card.holder}/{card.id}/9a", key(f"card {card.id}"))
    reference = made.reference
    change.requested(card.id, "9a", reference=reference, request=made.request, public_key=bytes([card.id]) * 32)
    change.ordered(card.id, "9a")
    certificate = authority().issue(made).public_bytes(Encoding.DER)
    change.issued(card.id, "9a", Issued(certificate=certificate, chain=()))
    change.written(card.id, "9a")


def _replace(journal: Journal, run: Run) -> None:
    first = journal.cards(run.id)[0]
    with journal.change() as change:
        change.ended(first.id, CardState.REPLACED, "superseded")
