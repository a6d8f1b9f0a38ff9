"""A secret in doubt: the person's word is put to the card once, and the journal believes the card."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from cardcore.errors import InputError, LastTry, PinError
from cardcore.opening import open_on
from cardcore.personalise.jobs import keeping_for
from cardcore.personalise.reasons import Reason
from cardcore.personalise.records import CardRecord
from cardcore.personalise.settling import settle
from cardcore.personalise.states import CardState
from cardcore.softcard import SoftCard
from cardcore.transport.base import OPEN, Mask, Transport
from cardcore.transport.faults import CountingTransport, FaultKind, FaultPlan, FaultTransport
from cardcore.transport.soft import SoftTransport
from tests.unit.personalise.audit import audit
from tests.unit.personalise.bureau import Bureau, fresh
from tests.unit.personalise.killed import MASTER
from tests.unit.personalise.plans import folder_of, recipient_opener
from tests.unit.personalise.small_plans import ONE, SMALL

CHANGE, ADMIN_PIN, TRIES = 0x24, 0x83, 3


@pytest.fixture(autouse=True)
def _master(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER", MASTER)


class Watch(CountingTransport):
    """Notes at which exchange the admin's PIN is changed."""

    changed_at = 0

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Look at the command, and send it."""
        reply = super().transmit(command, mask)
        if (command[1], command[3]) == (CHANGE, ADMIN_PIN):
            self.changed_at = self.count
        return reply


def in_doubt(folder: Path, kind: FaultKind) -> tuple[Bureau, SoftCard, CardRecord]:
    """A card that was pulled in the command that changes the admin's PIN."""
    seen: list[Watch] = []

    def watched(inner: Transport) -> Transport:
        seen.append(Watch(inner))
        return seen[-1]

    trial = Bureau(folder_of(folder / "trial", SMALL["openpgp"], ONE))
    assert trial.insert(fresh("openpgp"), watched).done
    trial.close()
    bureau, card = Bureau(folder_of(folder / "real", SMALL["openpgp"], ONE), unlock=True), fresh("openpgp")
    bureau.insert(card, partial(pulled, FaultPlan(kind=kind, at=seen[0].changed_at)))
    bureau.insert(card)
    (record,) = bureau.journal.cards(bureau.run.id)
    assert record.reason is Reason.UNKNOWN_OUTCOME
    return bureau, card, record


def pulled(plan: FaultPlan, inner: Transport) -> Transport:
    """A card behind a fault."""
    return FaultTransport(inner, plan)


def say(bureau: Bureau, card: SoftCard, record: CardRecord, *, new: bool) -> None:
    """Somebody says which one the card has."""
    keeping = keeping_for(bureau.plan, recipient_opener())
    with open_on(SoftTransport(card, "settle"), "openpgp") as opened:
        settle(bureau.journal, bureau.plan, keeping, opened, record, new=new)


def tries(card: SoftCard) -> int | None:
    """How many the admin's PIN has left."""
    with open_on(SoftTransport(card, "look"), "openpgp") as opened:
        return next(status.tries_left for status in opened.pins() if status.name == "admin")


@pytest.mark.parametrize("happened", [True, False])
def test_the_right_word_lets_the_card_go_on(tmp_path: Path, happened: bool) -> None:
    bureau, card, record = in_doubt(tmp_path, FaultKind.REMOVED_AFTER if happened else FaultKind.REMOVED_BEFORE)
    say(bureau, card, record, new=happened)
    assert tries(card) == TRIES
    assert bureau.insert(card).done
    assert audit(bureau, card) == "done"


@pytest.mark.parametrize("happened", [True, False])
def test_a_wrong_word_costs_one_try_and_changes_nothing(tmp_path: Path, happened: bool) -> None:
    bureau, card, record = in_doubt(tmp_path, FaultKind.REMOVED_AFTER if happened else FaultKind.REMOVED_BEFORE)
    with pytest.raises(PinError):
        say(bureau, card, record, new=not happened)
    assert tries(card) == TRIES - 1
    assert bureau.journal.cards(bureau.run.id) == [record]
    say(bureau, card, record, new=happened)
    assert bureau.insert(card).done
    assert audit(bureau, card) == "done"


def test_the_last_try_is_never_spent(tmp_path: Path) -> None:
    bureau, card, record = in_doubt(tmp_path, FaultKind.REMOVED_AFTER)
    for _ in range(TRIES - 1):
        with pytest.raises(PinError):
            say(bureau, card, record, new=False)
    for new in (True, False):
        with pytest.raises(LastTry):
            say(bureau, card, record, new=new)
    assert tries(card) == 1


def test_a_card_that_is_in_no_doubt(tmp_path: Path) -> None:
    bureau, card = Bureau(folder_of(tmp_path, SMALL["openpgp"], ONE)), fresh("openpgp")
    assert bureau.insert(card).done
    (record,) = bureau.journal.cards(bureau.run.id)
    assert record.state is CardState.DONE
    with pytest.raises(InputError, match="in doubt"):
        say(bureau, card, record, new=True)


@pytest.mark.parametrize("new", [True, False])
def test_a_word_is_recorded_whole_or_not_at_all(tmp_path: Path, new: bool) -> None:
    """A power cut leaves no card of which the journal knows the secret and which yet waits for a word."""
    kind = FaultKind.REMOVED_AFTER if new else FaultKind.REMOVED_BEFORE
    bureau, card, record = in_doubt(tmp_path, kind)

    def cut(moment: str) -> None:
        if moment == "after":
            raise KeyboardInterrupt

    bureau.journal.store._hook = cut
    with pytest.raises(KeyboardInterrupt):
        say(bureau, card, record, new=new)
    bureau.journal.store._hook = None
    assert bureau.journal.card(record.id).reason is Reason.LET_GO_ON
    assert bureau.insert(card).done
