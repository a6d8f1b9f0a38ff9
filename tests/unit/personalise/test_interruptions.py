"""The card is pulled, or reset, before and after every APDU of its plan; then it is put in again, in another reader."""

from __future__ import annotations

from functools import partial
from itertools import cycle
from pathlib import Path

import pytest

from cardcore.personalise.events import Event, HolderAssigned
from cardcore.personalise.jobs import keeping_for
from cardcore.personalise.reasons import PARKINGS, Reason
from cardcore.personalise.states import CardState
from cardcore.softcard import SoftCard, keys
from cardcore.softcard.keys import KeyType
from cardcore.transport.base import OPEN, Mask, Transport
from cardcore.transport.faults import CountingTransport, FaultKind, FaultPlan, FaultTransport
from tests.unit.personalise.audit import audit, issued, unfinished
from tests.unit.personalise.bureau import Bureau, fresh
from tests.unit.personalise.killed import MASTER
from tests.unit.personalise.plans import folder_of, recipient_opener
from tests.unit.personalise.small_plans import ONE, SMALL

INTERRUPTIONS = (
    ("piv", FaultKind.REMOVED_BEFORE),
    ("piv", FaultKind.REMOVED_AFTER),
    ("openpgp", FaultKind.REMOVED_AFTER),
    ("openpgp", FaultKind.RESET),
    ("gids", FaultKind.REMOVED_AFTER),
    ("isoapplet", FaultKind.REMOVED_AFTER),
)
MOST_UNKNOWN = {"piv": 0, "openpgp": 5, "gids": 0, "isoapplet": 0}
"""Exchanges after whose interruption a person has to decide: the admin's PIN, where the card tells nothing of it."""


@pytest.fixture(autouse=True)
def _master(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER", MASTER)


@pytest.fixture(autouse=True)
def _keys_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """To make RSA keys takes longer than all else here. No card makes so many that one comes again."""
    at_hand = {kind: cycle([keys.generate(kind) for _ in range(8)]) for kind in (KeyType.RSA1024, KeyType.RSA2048)}
    made = keys.generate
    monkeypatch.setattr(keys, "generate", lambda kind: next(at_hand[kind]) if kind in at_hand else made(kind))


class Verifies(CountingTransport):
    """Counts the PINs that were refused: no try may be spent by going on."""

    def __init__(self, inner: Transport) -> None:
        super().__init__(inner)
        self.refused = 0

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Look at the answers to VERIFY, CHANGE REFERENCE DATA and RESET RETRY COUNTER that carry a secret."""
        reply = super().transmit(command, mask)
        if command[1] in (0x20, 0x24, 0x2C) and len(command) > 5 and reply[-2:-1] == b"\x63":
            self.refused += 1
        return reply


@pytest.mark.slow
@pytest.mark.parametrize(("application", "kind"), INTERRUPTIONS)
def test_interrupted_at_each_exchange(in_memory: Path, application: str, kind: FaultKind) -> None:
    looking, exchanges = exchanges_of(in_memory / "whole", application)
    assert exchanges - looking >= 30
    unknown = []
    for at in (1, *range(looking, exchanges + 1)):
        plan = folder_of(in_memory / str(at), SMALL[application], ONE)
        bureau, card = Bureau(plan), fresh(application)
        outcome = bureau.insert(card, partial(faulty, FaultPlan(kind=kind, at=at)))
        if not outcome.done:
            put_in_again(bureau, card)
        if audit(bureau, card) != "done":
            unknown.append(at)
        wanted = sum(key.certificate is not None for key in bureau.plan.cards[application].keys.values())
        assert issued(plan.parent) == wanted
        bureau.close()
    assert len(unknown) <= MOST_UNKNOWN[application], unknown


def faulty(plan: FaultPlan, inner: Transport) -> Transport:
    """The card behind a fault."""
    return FaultTransport(inner, plan)


def exchanges_of(folder: Path, application: str) -> tuple[int, int]:
    """How many exchanges a card takes that nobody interrupts: until it is somebody's, which only reads, and in all."""
    bureau = Bureau(folder_of(folder, SMALL[application], ONE))
    seen: list[CountingTransport] = []
    looking: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, HolderAssigned):
            looking.append(seen[0].count)

    object.__setattr__(bureau.job, "emit", listen)

    def counted(inner: Transport) -> Transport:
        seen.append(CountingTransport(inner))
        return seen[-1]

    assert bureau.insert(fresh(application), counted).done
    bureau.close()
    return looking[0], seen[0].count


def put_in_again(bureau: Bureau, card: SoftCard) -> None:
    """The same card in another reader: it goes on, with a recipient's key if need be; no secret is tried in vain."""
    for record in unfinished(bureau):
        assert record.state is CardState.PARKED
        assert record.reason in (Reason.CARD_REMOVED, Reason.READER_FAILED), record.detail
        assert PARKINGS[record.reason].continues
    seen: list[Verifies] = []

    def watched(inner: Transport) -> Transport:
        seen.append(Verifies(inner))
        return seen[-1]

    bureau.insert(card, watched, "B")
    if [one.reason for one in unfinished(bureau)] == [Reason.UNLOCK_NEEDED]:
        object.__setattr__(bureau.job, "keeping", keeping_for(bureau.plan, recipient_opener()))
        bureau.insert(card, watched, "B")
    assert {one.refused for one in seen} == {0}
