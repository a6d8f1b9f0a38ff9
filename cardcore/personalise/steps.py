"""What a step of the work on a card is, and the steps that are not about keys or secrets."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar

from cardcore.errors import CardError, NotFound
from cardcore.personalise.held_secrets import ADMIN, Proposal
from cardcore.personalise.object_contents import object_bytes
from cardcore.personalise.parking import Parked
from cardcore.personalise.plan import Content, Initialise
from cardcore.personalise.reasons import Reason
from cardcore.personalise.records import Result, SecretRecord, StepRecord
from cardcore.personalise.states import SecretState, StepState
from cardcore.personalise.workpiece import Workpiece

if TYPE_CHECKING:
    from cardcore.personalise.changes import Change
    from cardcore.secret import Secret

INITIALISE = "initialise"
"""The name of the step that makes a blank card usable."""

SET_UP = "set-up"
"""The operation by which families whose blank cards have no secrets are given their first ones."""

SET_UP_AGAIN = "set-up-again"
"""The operation by which that is completed, with the same secrets, where the card keeps what it was given."""

_NUMBERED = "numbered"


class Step:
    """One step of the work on a card. It is recorded as started before `run`, and as done after it.

    `name` is unique among the steps of a card. `logs_in`: PINs and admin key are proved before. `independent`: it can
    go ahead while an earlier step waits for an issuer.
    """

    logs_in: ClassVar[bool] = True
    independent: ClassVar[bool] = False

    def __init__(self, name: str) -> None:
        self.name = name

    def prepare(self, work: Workpiece) -> None:
        """Look, by reading only, whether it can begin; Parked if it must not."""

    def start(self, work: Workpiece, change: Change) -> None:
        """Record, in the transaction that records the start, what has to stand there before the card is touched."""

    def run(self, work: Workpiece) -> Result:
        """Do it, and return what was found out."""
        raise AssertionError(self.name)

    def look(self, work: Workpiece) -> Result | None:
        """Its outcome is unknown: look at the card, without changing it, without spending a try.

        The result if it is done. None if it is not, or if doing it again comes to the same; Parked if only a person
        can tell.
        """
        return None

    def end(self, work: Workpiece, change: Change, result: Result) -> None:
        """Record, in the transaction that records the end, what else has come of it."""


class InitialiseStep(Step):
    """Makes a blank card usable. Families whose blank cards have no secrets get the first ones here.

    Done again after an interruption it begins anew, with other secrets; where the card keeps the first ones that it was
    given, with the same. That the card tells the serial number that was chosen for it is recorded before it keeps any.
    """

    logs_in = False

    def __init__(self, plan: Initialise) -> None:
        super().__init__(INITIALISE)
        self._plan = plan
        self._proposals: tuple[Proposal, ...] = ()
        self._kept: dict[str, Proposal] = {}

    def prepare(self, work: Workpiece) -> None:
        """The secrets that a card may have from an attempt that was interrupted; Parked if they cannot be known."""
        found = [work.secrets.proposal(name) for name in _first_secrets(work)] if _keeps(work) else []
        self._kept = {one.name: one for one in found if one is not None}

    def start(self, work: Workpiece, change: Change) -> None:
        """The first secrets, before the card has them."""
        names, kept = _first_secrets(work), self._kept
        self._proposals = tuple(kept.get(name) or work.secrets.propose(name, first=True) for name in names)
        for proposal in self._proposals:
            if proposal.name not in kept:
                record_proposal(work, change, proposal)

    def run(self, work: Workpiece) -> Result:
        """Initialise; where the card has factory secrets, its administrator has to be known for that."""
        if SET_UP not in work.card.profile.operations:
            work.log_in_as_admin()
        given: dict[str, Secret] = {proposal.name: proposal.secret for proposal in self._proposals}
        work.card.initialise(
            self._plan.label_for(work.fields),
            pin=given.get("user"),
            puk=given.get("puk"),
            admin=given.get(ADMIN),
            serial=bytes.fromhex(work.record.serial) if given else b"",
            # That it was blank was seen before it became the holder's. One that keeps secrets has none but his.
            again=bool(self._kept) or not _keeps(work),
            numbered=lambda: _note_number(work),
        )
        if given and work.card.serial() != work.record.serial:
            raise Parked(Reason.CARD_FAILED, "the card has not taken the serial number that was chosen for it")
        return {}

    def look(self, work: Workpiece) -> Result | None:
        """Done, but for `activate`, if nothing else comes after the serial number, and the card tells that."""
        if _keeps(work) or not is_numbered(work.steps.get(self.name)) or work.card.serial() != work.record.serial:
            return None
        work.card.activate()
        return {}

    def end(self, work: Workpiece, change: Change, result: Result) -> None:
        """The card has the first secrets now."""
        given = {proposal.name: proposal.secret for proposal in self._proposals}
        for name in _first_secrets(work):
            settle(work, change, name, given.get(name))


def is_numbered(step: StepRecord | None) -> bool:
    """Whether a card is known by its serial number from this step on, done or not; before it, one is like another."""
    return step is not None and (step.state is StepState.DONE or bool((step.result or {}).get(_NUMBERED)))


def _note_number(work: Workpiece) -> None:
    with work.change() as change:
        change.step_noted(work.record.id, INITIALISE, {_NUMBERED: True})


def _keeps(work: Workpiece) -> bool:
    """Whether the card keeps the first secrets that it was given: nothing but they completes its initialisation."""
    return SET_UP_AGAIN in work.card.profile.operations


def _first_secrets(work: Workpiece) -> list[str]:
    """The secrets that initialisation sets: all that the family has."""
    profile = work.card.profile
    if SET_UP not in profile.operations:
        return []
    names = [name for name in ("user", "puk") if name in profile.pins]
    return [*names, *([ADMIN] if profile.admin is not None else [])]


class ObjectStep(Step):
    """Writes a data object. Done again it writes the same (or other random bytes, of which nobody knows)."""

    def __init__(self, name: str, content: Content) -> None:
        super().__init__(f"object:{name}")
        self._object = name
        self._content = content

    def run(self, work: Workpiece) -> Result:
        """Write it, and read it back where the card lets it be read."""
        data = object_bytes(self._content, work.fields)
        work.card.write(self._object, data)
        try:
            found = work.card.read(self._object)
        except CardError as error:
            if isinstance(error, NotFound) and data:
                raise Parked(Reason.VERIFICATION_FAILED, f"the object {self._object} is not there") from error
            found = data  # some objects may be written and not read
        if found != data:
            raise Parked(Reason.VERIFICATION_FAILED, f"the object {self._object} is not what was written")
        return {"bytes": len(data), "sha256": sha256(data).hexdigest()}


class CheckStep(Step):
    """Looks at the finished card: every PIN of the plan has its tries, and every certificate of the plan is there."""

    logs_in = False

    def __init__(self) -> None:
        super().__init__("check")

    def run(self, work: Workpiece) -> Result:
        """Read the counters."""
        states = {status.name: status for status in work.card.pins()}
        tries = {name: states[name].tries_left for name in work.plan.pins if name in states}
        for name, left in tries.items():
            if left is not None and left < _LEAST_TRIES:
                raise Parked(Reason.VERIFICATION_FAILED, f"the PIN {name} has {left} tries left")
        return {"tries": tries}


_LEAST_TRIES = 2  # with one left nothing would send it any more


def record_proposal(work: Workpiece, change: Change, proposal: Proposal) -> None:
    """Into the journal, before the card gets it."""
    generation = change.propose(work.record.id, proposal.name, proposal.source, proposal.envelope)
    record = SecretRecord(
        card=work.record.id,
        name=proposal.name,
        generation=generation,
        state=SecretState.PROPOSED,
        source=proposal.source,
        envelope=proposal.envelope,
    )
    work.secrets.proposed(record)


def settle(work: Workpiece, change: Change, name: str, secret: Secret | None) -> None:
    """The card has what was proposed last; `secret` is None where that is known from the card alone."""
    record = work.secrets.record(name)
    if record is None:
        raise AssertionError(f"nothing was proposed for {name}")
    change.settle(work.record.id, name, record.generation)
    work.secrets.settled(replace(record, state=SecretState.CURRENT), secret)
