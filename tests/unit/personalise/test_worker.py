"""One card in one reader, from its insertion to the end; what is refused, what is parked, and how it goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cardcore.errors import CardError
from cardcore.opening import open_on
from cardcore.personalise.events import CardDone, CardParked, CardRefused, Event, HolderAssigned, StepEnded, Waiting
from cardcore.personalise.issuers.base import (
    Issued,
    Issuer,
    IssuerRefused,
    IssuerUncertain,
    IssuerUnreachable,
    Order,
    Pending,
)
from cardcore.personalise.reasons import Reason, Refusal
from cardcore.personalise.states import CardState, HolderState, SecretState
from cardcore.personalise.undoing import replace, undo
from cardcore.softcard import Secrets, SoftCard, volatile_card
from cardcore.transport.soft import SoftTransport
from tests.unit.personalise.audit import audit, issued
from tests.unit.personalise.bureau import QUICK, Bureau, fresh
from tests.unit.personalise.killed import MASTER
from tests.unit.personalise.plans import ALL, STAFF, folder_of
from tests.unit.personalise.small_plans import ONE, SMALL

Answer = Callable[[], Issued | Pending]


@pytest.fixture(autouse=True)
def _master(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER", MASTER)


class Moody:
    """An issuer that does with each call what was laid down for it, then what the real one does."""

    def __init__(self, real: Issuer, *moods: CardError | Pending | str) -> None:
        self.real = real
        self.moods = list(moods)
        self.calls: list[str] = []

    def issuer(self, name: str) -> Issuer:
        """The only one."""
        return self

    def order(self, order: Order) -> Issued | Pending:
        """Order, or not."""
        return self._answer("order", lambda: self.real.order(order))

    def ask(self, order: Order, token: str) -> Issued | Pending:
        """Ask, or not."""
        return self._answer("ask", lambda: self.real.ask(order, token))

    def close(self) -> None:
        """Nothing."""

    def _answer(self, call: str, really: Answer) -> Issued | Pending:
        self.calls.append(call)
        mood = self.moods.pop(0) if self.moods else "well"
        if mood == "issues, and is not heard":
            really()
            raise IssuerUncertain("the answer did not arrive")
        if isinstance(mood, CardError):
            raise mood
        return mood if isinstance(mood, Pending) else really()


def moody(bureau: Bureau, *moods: CardError | Pending | str) -> Moody:
    """A bureau whose issuer has moods."""
    issuer = Moody(bureau.issuers.issuer("staff"), *moods)
    object.__setattr__(bureau.job, "issuers", issuer)
    return issuer


def piv(folder: Path, **options: float) -> Bureau:
    """A bureau for one holder."""
    return Bureau(folder_of(folder, SMALL["piv"], ONE), patience=options.get("patience", 0.0))


@pytest.mark.parametrize("application", ["piv", "openpgp", "gids", "isoapplet"])
def test_a_card_is_personalised(tmp_path: Path, application: str) -> None:
    bureau = Bureau(folder_of(tmp_path, ALL.replace("730", "30")))
    outcome = bureau.insert(fresh(application))
    assert outcome.done
    assert len(bureau.told(CardDone)) == 1
    (assigned,) = (event for event in bureau.events if isinstance(event, HolderAssigned))
    ended = [event.number for event in bureau.events if isinstance(event, StepEnded)]
    assert ended == list(range(1, assigned.steps + 1))


@pytest.mark.parametrize("application", list(SMALL))
def test_an_auditor_finds_everything(tmp_path: Path, application: str) -> None:
    bureau, card = Bureau(folder_of(tmp_path, SMALL[application], ONE)), fresh(application)
    assert bureau.insert(card).done
    assert audit(bureau, card) == "done"


# Cards that are not taken


def refusal(bureau: Bureau) -> Refusal:
    """Why the last card was refused."""
    found = [event for event in bureau.events if isinstance(event, CardRefused)]
    return found[-1].reason


def test_a_card_with_a_key_is_refused(tmp_path: Path) -> None:
    bureau, card = piv(tmp_path), fresh()
    with open_on(SoftTransport(card, "before"), "piv") as opened:
        opened.authenticate_admin(bytes.fromhex("010203040506070801020304050607080102030405060708"))
        opened.generate("82", "ecp256")
    assert not bureau.insert(card).done
    assert refusal(bureau) is Refusal.HOLDS_KEYS
    assert bureau.journal.holder(bureau.run.id, "1001").state is HolderState.WAITING


def test_a_card_that_is_not_blank_is_refused(tmp_path: Path) -> None:
    bureau = piv(tmp_path)
    bureau.insert(fresh(blank=False))
    assert refusal(bureau) is Refusal.HOLDS_KEYS


def test_a_finished_card_and_one_too_many_are_refused(tmp_path: Path) -> None:
    bureau, card = piv(tmp_path), fresh()
    bureau.insert(card)
    bureau.insert(card)
    assert refusal(bureau) is Refusal.FINISHED
    bureau.insert(fresh())
    assert refusal(bureau) is Refusal.NO_HOLDER


def test_a_card_of_another_run_is_refused(tmp_path: Path) -> None:
    bureau, card = piv(tmp_path), fresh()
    bureau.insert(card)
    bureau.close()
    other = Bureau(tmp_path / "plan.yaml", run="second")
    other.insert(card)
    assert refusal(other) is Refusal.BELONGS


def test_a_card_that_the_plan_does_not_have_is_refused(tmp_path: Path) -> None:
    bureau = Bureau(folder_of(tmp_path, ALL.replace("730", "30")))
    object.__setattr__(bureau.job.plan, "cards", {"piv": bureau.plan.cards["piv"]})
    bureau.insert(fresh("openpgp"))
    assert refusal(bureau) is Refusal.NOT_IN_PLAN


def test_an_unknown_card_is_refused(tmp_path: Path) -> None:
    bureau = piv(tmp_path)
    bureau.insert(fresh("openpgp"))
    assert refusal(bureau) is Refusal.UNKNOWN_CARD
    assert [one.reason for one in bureau.journal.refused(bureau.run.id)] == [Refusal.UNKNOWN_CARD]


# Secrets that are wrong


def other_secrets(**given: bytes) -> SoftCard:
    """A card that somebody has changed before."""
    return volatile_card("piv", Secrets(**given), blank=True, cost=QUICK)


@pytest.mark.parametrize("given", [{"admin": bytes(23) + b"\x01"}, {"pin": b"654321"}])
def test_a_wrong_plan_stops_the_reader_at_the_first_refusal(tmp_path: Path, given: dict[str, bytes]) -> None:
    bureau = piv(tmp_path)
    outcome = bureau.insert(card := other_secrets(**given))
    assert outcome.stops
    (parked,) = (event for event in bureau.events if isinstance(event, CardParked))
    assert parked.reason is Reason.AUTHENTICATION_FAILED
    assert not parked.continues
    with open_on(SoftTransport(card, "after"), "piv") as opened:
        assert opened.pin_status("user").tries_left in (2, 3)
    bureau.insert(card)
    assert refusal(bureau) is Refusal.PARKED


def test_a_card_that_says_that_it_was_changed_is_not_tried(tmp_path: Path) -> None:
    bureau = piv(tmp_path)
    outcome = bureau.insert(card := other_secrets(puk=b"87654321"))
    assert outcome.stops
    assert "not that of the factory" in outcome.detail
    with open_on(SoftTransport(card, "after"), "piv") as opened:
        assert opened.pin_status("puk").tries_left == 3


def test_a_parked_card_goes_on_when_a_person_says_so(tmp_path: Path) -> None:
    bureau, card = piv(tmp_path), fresh()
    moody(bureau, IssuerRefused("no"))
    bureau.insert(card)
    (record,) = bureau.journal.cards(bureau.run.id)
    assert (record.state, record.reason) == (CardState.PARKED, Reason.ISSUER_REFUSED)
    assert not bureau.insert(card).done
    bureau.journal.retry(record.id)
    assert bureau.insert(card).done
    assert audit(bureau, card) == "done"


# Issuers


def test_an_issuer_that_is_away_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bureau = piv(tmp_path, patience=60.0)
    monkeypatch.setattr(bureau.job.stop, "wait", lambda seconds: False)
    issuer = moody(bureau, *(IssuerUnreachable("away") for _ in range(3)))
    assert bureau.insert(fresh()).done
    assert [event.seconds for event in bureau.events if isinstance(event, Waiting)] == [1.0, 2.0, 4.0]
    assert issuer.calls == ["order"] * 5


def test_an_issuer_that_stays_away_parks_the_card_and_it_goes_on(tmp_path: Path) -> None:
    bureau, card = piv(tmp_path), fresh()
    issuer = moody(bureau, IssuerUnreachable("away"))
    assert not bureau.insert(card).done
    (record,) = bureau.journal.cards(bureau.run.id)
    assert record.reason is Reason.ISSUER_UNREACHABLE
    assert bureau.insert(card).done
    assert issuer.calls == ["order", "order", "order"]
    assert audit(bureau, card) == "done"


def test_an_uncertain_order_is_asked_for_and_never_given_twice(tmp_path: Path) -> None:
    bureau, card = piv(tmp_path), fresh()
    issuer = moody(bureau, "issues, and is not heard")
    bureau.insert(card)
    (record,) = bureau.journal.cards(bureau.run.id)
    assert record.reason is Reason.ISSUER_UNCERTAIN
    assert bureau.insert(card).done
    assert issuer.calls == ["order", "ask", "order"]
    assert issued(tmp_path) == 2
    assert audit(bureau, card) == "done"


def test_an_order_that_was_lost_is_given_again_after_asking(tmp_path: Path) -> None:
    bureau, card = piv(tmp_path), fresh()
    issuer = moody(bureau, IssuerUncertain("no answer"))
    bureau.insert(card)
    assert bureau.insert(card).done
    assert issuer.calls == ["order", "ask", "order", "order"]
    assert issued(tmp_path) == 2


def test_certificates_that_come_later_are_all_ordered_first(tmp_path: Path) -> None:
    bureau, card = piv(tmp_path), fresh()
    issuer = moody(bureau, Pending(token="1"), Pending(token="2"))
    bureau.insert(card)
    assert issuer.calls == ["order", "order"]
    (record,) = bureau.journal.cards(bureau.run.id)
    assert (record.state, record.reason) == (CardState.WAITING, Reason.CERTIFICATE_PENDING)
    assert bureau.insert(card).done
    assert issuer.calls == ["order", "order", "ask", "order", "ask", "order"]
    assert audit(bureau, card) == "done"


def test_an_issuer_is_not_asked_before_its_time(tmp_path: Path) -> None:
    bureau, card = piv(tmp_path), fresh()
    issuer = moody(bureau, Pending(token="1", after=3600.0), Pending(token="2", after=3600.0))
    bureau.insert(card)
    bureau.insert(card)
    assert issuer.calls == ["order", "order"]


# What people decide


def test_an_undone_card_is_as_new(tmp_path: Path) -> None:
    bureau, card = piv(tmp_path), fresh()
    bureau.insert(card)
    with open_on(SoftTransport(card, "undo"), "piv") as opened:
        record = bureau.journal.find("piv", opened.serial())
        assert record is not None
        revoked = undo(bureau.journal, opened, record)
    assert sorted(one.key for one in revoked) == ["9a", "9c"]
    assert bureau.insert(card).done
    assert audit(bureau, card) == "done"
    assert [one.attempt for one in bureau.journal.cards(bureau.run.id)] == [1, 2]


def test_a_replaced_card_counts_no_longer(tmp_path: Path) -> None:
    bureau = Bureau(folder_of(tmp_path, SMALL["piv"], STAFF))
    lost, other = fresh(), fresh()
    bureau.insert(lost)
    record, revoked = replace(bureau.journal, bureau.run, "1001", "lost")
    assert [one.revoke for one in revoked] == ["lost", "lost"]
    bureau.insert(other)
    assert bureau.journal.cards(bureau.run.id)[-1].holder == record.holder
    bureau.insert(lost)
    assert refusal(bureau) is Refusal.HOLDS_KEYS


def test_a_stopped_run_parks_the_card_between_two_steps(tmp_path: Path) -> None:
    bureau, card = piv(tmp_path), fresh()

    def stop_after_a_step(event: Event) -> None:
        if isinstance(event, StepEnded):
            bureau.job.stop.set()

    object.__setattr__(bureau.job, "emit", stop_after_a_step)
    bureau.insert(card)
    (record,) = bureau.journal.cards(bureau.run.id)
    assert record.reason is Reason.STOPPED
    assert len(bureau.journal.steps(record.id)) == 1
    bureau.job.stop.clear()
    object.__setattr__(bureau.job, "emit", bureau.events.append)
    assert bureau.insert(card).done


def test_a_forgotten_pin_is_set_anew_by_the_puk(tmp_path: Path) -> None:
    bureau, card = piv(tmp_path), fresh()

    def stop_after_the_pin(event: Event) -> None:
        if isinstance(event, StepEnded) and event.step == "secret:user":
            bureau.job.stop.set()

    object.__setattr__(bureau.job, "emit", stop_after_the_pin)
    bureau.insert(card)
    bureau.close()
    again = Bureau(tmp_path / "plan.yaml")
    assert again.insert(card).done
    (record,) = again.journal.cards(again.run.id)
    states = [one.state for one in again.journal.secrets(record.id) if one.name == "user"]
    assert states == [SecretState.FORMER, SecretState.CURRENT]
    assert audit(again, card) == "done"


# A card about which others decide while it is in work


def test_a_card_that_is_replaced_while_it_is_in_work(tmp_path: Path) -> None:
    """It is not finished, and its holder gets another one."""
    bureau, card = piv(tmp_path), fresh()

    def told(event: Event) -> None:
        bureau.events.append(event)
        if isinstance(event, StepEnded) and event.step == "key:9a":
            replace(bureau.journal, bureau.run, "1001", "lost")

    object.__setattr__(bureau.job, "emit", told)
    assert not bureau.insert(card).done
    assert refusal(bureau) is Refusal.HOLDS_KEYS
    (old,) = bureau.journal.cards(bureau.run.id)
    assert old.state is CardState.REPLACED
    object.__setattr__(bureau.job, "emit", bureau.events.append)
    assert bureau.insert(fresh()).done
    assert [one.state for one in bureau.journal.cards(bureau.run.id)] == [CardState.REPLACED, CardState.DONE]


def test_a_card_that_is_parked_by_others_while_it_is_in_work(tmp_path: Path) -> None:
    """A station that was silent too long leaves the card as the others have left it, and it goes on then."""
    bureau, card = piv(tmp_path), fresh()

    def told(event: Event) -> None:
        bureau.events.append(event)
        if isinstance(event, StepEnded) and event.step == "key:9c":
            with bureau.journal.change() as change:
                change.parked(event.card, Reason.STATION_GONE, "nothing was heard")

    object.__setattr__(bureau.job, "emit", told)
    assert not bureau.insert(card).done
    (parked,) = bureau.told(CardParked)
    assert isinstance(parked, CardParked)
    assert parked.reason is Reason.STATION_GONE
    (record,) = bureau.journal.cards(bureau.run.id)
    assert (record.state, record.reason) == (CardState.PARKED, Reason.STATION_GONE)
    object.__setattr__(bureau.job, "emit", bureau.events.append)
    assert bureau.insert(card, reader="B").done
    assert audit(bureau, card) == "done"
