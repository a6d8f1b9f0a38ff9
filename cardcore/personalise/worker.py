"""One card in one reader, from its insertion to the end of the work on it: identified, refused or taken, every step."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from time import monotonic

from cardcore.card import Card
from cardcore.errors import AdminRequired, CardError, CardReset, PinRequired, SecurityStatus, UnknownCard
from cardcore.opening import open_among
from cardcore.personalise.card_secrets import CardSecrets
from cardcore.personalise.changes import JournalConflict
from cardcore.personalise.events import (
    CardDone,
    CardParked,
    CardRefused,
    HolderAssigned,
    StepEnded,
    StepStarted,
    Waiting,
)
from cardcore.personalise.held_secrets import HeldSecrets
from cardcore.personalise.holding import Hold, NotHeld
from cardcore.personalise.jobs import Job
from cardcore.personalise.journal_file import StoreError
from cardcore.personalise.parking import Parked, Refused, meaning
from cardcore.personalise.plan import CardPlan, with_card
from cardcore.personalise.reasons import PARKINGS, Reason, Refusal
from cardcore.personalise.records import CardRecord, Result
from cardcore.personalise.secret_steps import find_pins
from cardcore.personalise.sequence import steps_for
from cardcore.personalise.states import CardState, StepState
from cardcore.personalise.steps import INITIALISE, SET_UP, Step, is_numbered
from cardcore.personalise.workpiece import Surroundings, Workpiece
from cardcore.transport.base import Transport
from cardcore.transport.faults import CountingTransport

_SERIAL_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a card: whether it is done, and whether its reader takes no more cards."""

    done: bool
    stops: bool = False
    detail: str = ""
    advice: str = ""


class Worker:
    """Works on the cards of one reader, one after the other."""

    def __init__(self, job: Job, reader: str) -> None:
        self._job = job
        self._reader = reader

    def handle(self, transport: Transport) -> Outcome:
        """Do all that can be done for the card behind the transport, which is closed in the end.

        Whatever goes wrong with the card is told by events and stands in the journal; StoreError, where the journal
        itself fails, ends the run.
        """
        counter = CountingTransport(transport)
        serial = ""
        try:
            with open_among(counter, lambda: self._job.profiles) as card:
                serial = card.serial()
                record, plan, resumed = self._taken(card, serial)
                return self._held(card, counter, record, plan, resumed=resumed)
        except Refused as error:
            return self._refused(error.reason, error.message, serial)
        except StoreError:
            raise
        except UnknownCard as error:
            return self._refused(Refusal.UNKNOWN_CARD, error.message, serial)
        except CardError as error:
            return self._refused(Refusal.UNREADABLE, error.message, serial)

    def _refused(self, reason: Refusal, detail: str, serial: str) -> Outcome:
        error = Refused(reason, detail)
        self._job.journal.refuse(self._job.run.id, reader=self._reader, serial=serial, reason=reason, detail=detail)
        self._job.emit(CardRefused(reader=self._reader, serial=serial, reason=reason, detail=detail, advice=error.hint))
        return Outcome(done=reason is Refusal.FINISHED, detail=detail, advice=error.hint)

    # Whose card it is

    def _taken(self, card: Card, serial: str) -> tuple[CardRecord, CardPlan, bool]:
        """The card's record, its plan, and whether it was begun before; Refused before anything was written."""
        plan = self._job.plan.cards.get(card.profile.id)
        if plan is None:
            raise Refused(Refusal.NOT_IN_PLAN, f"the plan has no entry for cards of the profile {card.profile.id}")
        known = self._known(card, serial)
        if known is not None:
            try:
                return self._job.dispatch.take_up(known, self._reader), plan, True
            except JournalConflict as error:
                if self._known(card, serial) is not None:
                    raise Refused(Refusal.ELSEWHERE, error.message) from error
        gets_secrets = plan.initialise is not None and SET_UP in card.profile.operations
        if not serial and not gets_secrets:
            raise Refused(Refusal.NO_SERIAL, "the card tells no serial number")
        self._require_blank(card, plan)
        chosen = serial or secrets.token_bytes(_SERIAL_BYTES).hex()
        try:
            record = self._job.dispatch.claim(card.profile.id, chosen, self._reader)
            if record is None and gets_secrets:
                record = self._instead(card.profile.id, chosen)
        except JournalConflict as error:
            raise Refused(Refusal.BELONGS, error.message) from error
        if record is None:
            raise Refused(Refusal.NO_HOLDER, "no holder waits for a card of this kind")
        return record, plan, False

    def _known(self, card: Card, serial: str) -> CardRecord | None:
        """The record of a card that was begun before; Refused if it is not to be gone on with."""
        record = self._job.journal.find(card.profile.id, serial) if serial else None
        if record is None:
            return None
        if record.run != self._job.run.id:
            raise Refused(Refusal.BELONGS, f"the card is that of {record.holder} in another run")
        if record.state is CardState.DONE:
            raise Refused(Refusal.FINISHED, f"the card of {record.holder} is finished")
        if record.state is CardState.PARKED and record.reason and not PARKINGS[record.reason].continues:
            raise Refused(Refusal.PARKED, f"the card of {record.holder} is parked: {record.reason}")
        return record

    def _instead(self, profile: str, serial: str) -> CardRecord | None:
        """Make a blank card that of somebody whose card was pulled while it was blank too, as nobody else waits.

        It may be that very card, or another: no secret is on either.
        """
        for record in self._job.journal.cards(self._job.run.id, CardState.PARKED):
            continues = record.reason is None or PARKINGS[record.reason].continues
            if record.profile != profile or not continues:
                continue
            if is_numbered(self._job.journal.steps(record.id).get(INITIALISE)):
                continue
            try:
                return self._job.dispatch.take_over(record, serial, self._reader)
            except JournalConflict:
                continue  # another reader was faster
        return None

    @staticmethod
    def _require_blank(card: Card, plan: CardPlan) -> None:
        """Refused if the card holds keys or certificates, or anything where the plan takes it for blank."""
        held = [f"key {info.slot.name}" for info in card.keys()]  # noqa: SIM118 - a card is no mapping
        held += [f"certificate {name}" for name in card.certificates()]
        if plan.initialise is not None and not held:
            held = card.holdings()
        if held:
            raise Refused(Refusal.HOLDS_KEYS, f"the card holds {', '.join(held)}")

    # The work

    def _held(
        self, card: Card, counter: CountingTransport, record: CardRecord, plan: CardPlan, *, resumed: bool
    ) -> Outcome:
        """Work on a card, and let it go at the end, however that comes."""
        done = False
        try:
            outcome = self._work(card, counter, record, plan, resumed=resumed)
            done = outcome.done
            return outcome
        finally:
            self._job.dispatch.ended(record.id, done=done)

    def _work(
        self, card: Card, counter: CountingTransport, record: CardRecord, plan: CardPlan, *, resumed: bool
    ) -> Outcome:
        began, sent = monotonic(), counter.count
        steps = steps_for(plan)
        self._job.emit(
            HolderAssigned(
                reader=self._reader,
                holder=record.holder,
                card=record.id,
                serial=record.serial,
                profile=record.profile,
                steps=len(steps),
                resumed=resumed,
            )
        )
        held: list[HeldSecrets] = []
        hold = Hold(self._job.journal.store, record)
        try:
            work = self._workpiece(card, record, plan, hold)
            held.append(work.secrets)
            self._run_steps(work, steps, counter)
            with work.change() as change:
                change.finished(record.id)
        except StoreError:
            raise
        except CardError as error:
            return self._put_aside(hold, record, error)
        finally:
            for one in held:
                one.close()
        self._job.emit(
            CardDone(
                reader=self._reader,
                holder=record.holder,
                card=record.id,
                serial=record.serial,
                seconds=monotonic() - began,
                apdus=counter.count - sent,
            )
        )
        return Outcome(done=True)

    def _workpiece(self, card: Card, record: CardRecord, plan: CardPlan, hold: Hold) -> Workpiece:
        job = self._job
        fields = {**job.journal.holder(record.run, record.holder).record, **job.secret_fields(record.holder)}
        if not plan.is_for(fields):
            raise Parked(Reason.PLAN_FAILED, f"the plan gives {record.holder} another kind of card")
        rules = CardSecrets(plan=plan, fields=with_card(fields, record.serial, record.profile), serial=record.serial)
        label = f"{job.run.name}/{record.holder}/{record.serial}"
        held = HeldSecrets(rules, label, job.keeping, job.journal.secrets(record.id))
        around = Surroundings(
            run=job.run.name,
            journal=job.journal,
            hold=hold,
            issuers=job.issuers,
            pause=lambda step, seconds, detail: self._pause(record, step, seconds, detail),
            patience=job.patience,
        )
        return Workpiece(card, record, plan, fields, held, around)

    def _run_steps(self, work: Workpiece, steps: list[Step], counter: CountingTransport) -> None:
        """Every step that is not done; one that waits for its issuer lets those of its kind go ahead."""
        waiting: Parked | None = None
        for number, step in enumerate(steps, 1):
            if waiting is not None and not step.independent:
                break
            known = work.steps.get(step.name)
            if known is not None and known.state is StepState.DONE:
                continue
            if self._job.stop.is_set():
                raise Parked(Reason.STOPPED, "the run was stopped")
            try:
                self._run_step(work, step, number, counter, begun=known is not None)
            except Parked as error:
                if error.reason is not Reason.CERTIFICATE_PENDING:
                    raise
                waiting = error
        if waiting is not None:
            raise waiting

    def _run_step(self, work: Workpiece, step: Step, number: int, counter: CountingTransport, *, begun: bool) -> None:
        card, began, sent = work.record.id, monotonic(), counter.count
        if step.logs_in:
            find_pins(work)
            work.log_in()
        result = step.look(work) if begun else None
        found = result is not None
        if result is None:
            step.prepare(work)
            with work.change() as change:
                change.step_started(card, step.name, number, again=begun)
                step.start(work, change)
            self._job.emit(StepStarted(reader=self._reader, card=card, step=step.name, number=number))
            result = self._done(work, step)
        seconds, apdus = monotonic() - began, counter.count - sent
        with work.change() as change:
            change.step_done(card, step.name, seconds=seconds, apdus=apdus, found=found, result=result)
            step.end(work, change, result)
        work.note_done(step.name, result)
        self._job.emit(
            StepEnded(
                reader=self._reader,
                card=card,
                step=step.name,
                number=number,
                seconds=seconds,
                apdus=apdus,
                found=found,
            )
        )

    @staticmethod
    def _done(work: Workpiece, step: Step) -> Result:
        """Do the step; CardReset if another program took away what had been proved to the card."""
        resets = work.card.resets
        try:
            return step.run(work)
        except (AdminRequired, PinRequired, SecurityStatus) as error:
            if work.card.resets == resets:
                raise
            raise CardReset("another program has reset the card") from error

    def _pause(self, record: CardRecord, step: str, seconds: float, detail: str) -> None:
        self._job.emit(Waiting(reader=self._reader, card=record.id, step=step, seconds=seconds, detail=detail))
        if self._job.stop.wait(seconds):
            raise Parked(Reason.STOPPED, "the run was stopped while the card waited for an issuer")

    def _put_aside(self, hold: Hold, record: CardRecord, error: CardError) -> Outcome:
        """The card is not done: it is parked, unless others have decided about it meanwhile."""
        try:
            if isinstance(error, NotHeld):
                raise error
            return self._parked(hold, record, error)
        except NotHeld as lost:
            return self._left(self._job.journal.card(record.id), lost)

    def _left(self, now: CardRecord, lost: NotHeld) -> Outcome:
        """Others have decided about the card, whose record is that now: only its operator is told."""
        if now.state is CardState.PARKED and now.reason is not None:
            return self._told(now, now.reason, now.detail or "")
        if now.state in (CardState.REPLACED, CardState.UNDONE):
            detail = f"the card of {now.holder} counts no longer since it was in work: it is {now.state}"
            return self._refused(Refusal.HOLDS_KEYS, detail, now.serial)
        return self._refused(Refusal.ELSEWHERE, lost.message, now.serial)

    def _parked(self, hold: Hold, record: CardRecord, error: CardError) -> Outcome:
        meant = meaning(error)
        advice = PARKINGS[meant.reason].advice
        detail = error.message if not error.hint or error.hint == advice else f"{error.message}. {error.hint}"
        with hold.change() as change:
            change.parked(record.id, meant.reason, detail)
        return self._told(record, meant.reason, detail, stops=meant.stops)

    def _told(self, record: CardRecord, reason: Reason, detail: str, *, stops: bool = False) -> Outcome:
        """A parked card's operator knows why."""
        parking = PARKINGS[reason]
        self._job.emit(
            CardParked(
                reader=self._reader,
                holder=record.holder,
                card=record.id,
                serial=record.serial,
                reason=reason,
                detail=detail,
                advice=parking.advice,
                continues=parking.continues,
            )
        )
        return Outcome(done=False, stops=stops, detail=detail, advice=parking.advice)
