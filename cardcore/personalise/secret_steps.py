"""Steps that give a card its final PINs, PUKs and admin key: recorded before the card has them, tried right after.

A change whose outcome is unknown is settled without a guess. Where a higher authority (a PUK, the administrator) can
set the secret whatever it is now, it sets one that was recorded before. Where reading tells, reading decides. Else the
card is parked: both secrets that it may have are in the journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cardcore.errors import NotSupported, PinError, StatusError
from cardcore.personalise.held_secrets import ADMIN, Proposal
from cardcore.personalise.parking import Parked
from cardcore.personalise.plan import AdminPlan
from cardcore.personalise.reasons import Reason
from cardcore.personalise.records import Result, SecretRecord
from cardcore.personalise.steps import Step, record_proposal, settle
from cardcore.personalise.workpiece import Workpiece, refused_secret
from cardcore.procedures import CIPHERS
from cardcore.profile.commands import applies
from cardcore.profile.model import Needs, Profile
from cardcore.profile.template import Value

if TYPE_CHECKING:
    from cardcore.personalise.changes import Change
    from cardcore.secret import Secret


class SecretStep(Step):
    """Gives the card one secret. It proves to the card what the change itself needs, no more."""

    logs_in: ClassVar[bool] = False

    def __init__(self, name: str) -> None:
        super().__init__(f"secret:{name}")
        self.secret = name
        self._before: SecretRecord | None = None
        self._old: Secret | None = None
        self._proposal: Proposal | None = None

    def from_factory(self, work: Workpiece) -> bool | None:
        """Whether the card says that it still has its factory value here; None where it does not tell."""
        return work.card.authentication.pin_from_factory(self.secret)

    def prepare(self, work: Workpiece) -> None:
        """Where the card should have its factory value it may say otherwise; then nothing is sent to it."""
        untouched = work.secrets.record(self.secret) is None and work.secrets.published(self.secret)
        if untouched and self.from_factory(work) is False:
            message = f"the card says that its {self.secret} is not that of the factory"
            raise Parked(Reason.AUTHENTICATION_FAILED, message, stops=True)

    def look(self, work: Workpiece) -> Result | None:
        """Done if the card had answered; else decided by its word, if it tells whether it has its factory value."""
        if work.secrets.changed(self.secret):
            return {"found": "changed"}
        if work.secrets.published(self.secret) and not work.secrets.ever_changed(self.secret):
            told = self.from_factory(work)
            if told is not None:
                return self._decided(work, happened=not told)
        return None

    def _decided(self, work: Workpiece, *, happened: bool) -> Result | None:
        """The card has told: what it has is what was proposed, or what it had."""
        if happened:
            return {"found": "changed"}
        record = work.secrets.record(self.secret)
        if record is not None:
            with work.change() as change:
                change.withdraw(work.record.id, self.secret, record.generation)
            work.secrets.withdrawn(self.secret, None, None)
        return None

    def start(self, work: Workpiece, change: Change) -> None:
        """The new secret is in the journal before the card gets it."""
        self._before = work.secrets.record(self.secret)
        self._old = None if work.secrets.plan(self.secret) is None else work.secrets.find(self.secret)
        self._proposal = work.secrets.propose(self.secret)
        record_proposal(work, change, self._proposal)

    def run(self, work: Workpiece) -> Result:
        """Change it and prove the new one; where the card refuses the change, nothing has happened."""
        proposal = self._proposed()
        try:
            self.change(work, proposal.secret)
        except (PinError, StatusError, NotSupported) as error:
            self._withdraw(work)
            if isinstance(error, PinError) and error.sw is not None:
                raise refused_secret(error) from error
            raise
        with work.change() as change:  # the card has said so
            settle(work, change, self.secret, proposal.secret)
        try:
            self.prove(work, proposal.secret)
        except (PinError, StatusError) as error:
            message = f"the card does not take the {self.secret} that it was just given: {error.message}"
            raise Parked(Reason.VERIFICATION_FAILED, message, stops=True) from error
        return {"source": proposal.source}

    def change(self, work: Workpiece, new: Secret) -> None:
        """One command that changes the secret."""
        raise AssertionError(self.name)

    def prove(self, work: Workpiece, new: Secret) -> None:
        """Show that the card has it now."""

    def end(self, work: Workpiece, change: Change, result: Result) -> None:
        """The card has it, as it was found to have."""
        if work.secrets.uncertain(self.secret):
            settle(work, change, self.secret, None)

    def _proposed(self) -> Proposal:
        if self._proposal is None:
            raise AssertionError(f"{self.name} was not started")
        return self._proposal

    def _withdraw(self, work: Workpiece) -> None:
        """The card refused: it has what it had. Of what was before it is uncertain nothing is said."""
        record = work.secrets.record(self.secret)
        if record is None or self._old is None:
            return
        with work.change() as change:
            change.withdraw(work.record.id, self.secret, record.generation)
            change.step_undone(work.record.id, self.name)
        work.secrets.withdrawn(self.secret, self._before, self._old)


class PinStep(SecretStep):
    """Gives the card a PIN or PUK: with the old one, or by who is above it."""

    def change(self, work: Workpiece, new: Secret) -> None:
        """With the old one if that is certain, else by the authority above it."""
        if self._old is not None and can_change(work.card.profile, self.secret):
            work.card.change_pin(self._old, new, self.secret)
        elif not set_from_above(work, self.secret, new):
            raise Parked(
                Reason.UNKNOWN_OUTCOME if self._before else Reason.PLAN_FAILED,
                f"which {self.secret} the card has is not known, and nothing above it can set it",
            )

    def prove(self, work: Workpiece, new: Secret) -> None:
        """Verify it, where it can be verified by itself."""
        spec = work.card.profile.pins[self.secret]
        if spec.unblock or self._is_admin(work):  # a PUK is proved by its use only
            work.card.verify(new, self.secret)
        else:
            work.forget_proofs()

    def _is_admin(self, work: Workpiece) -> bool:
        admin = work.card.profile.admin
        return admin is not None and admin.pin == self.secret

    def look(self, work: Workpiece) -> Result | None:
        """Where the card does not tell, done again if there is an authority that can set it."""
        found = super().look(work)
        if found is None and work.secrets.uncertain(self.secret) and authority(work, self.secret) is None:
            work.secrets.get(self.secret)  # says why that ends here
        return found


def find_pins(work: Workpiece) -> None:
    """Give the card other final PINs where those it has cannot be known here, and somebody above can set them."""
    for name in work.user_pins():
        forgotten = work.secrets.record(name) is not None and work.secrets.find(name) is None
        if forgotten and authority(work, name) is not None:
            _renew(work, name)


def _renew(work: Workpiece, name: str) -> None:
    step = PinStep(name)
    with work.change() as change:
        step.start(work, change)
    step.run(work)
    with work.change() as change:
        step.end(work, change, {})


def can_change(profile: Profile, name: str) -> bool:
    """Whether the card changes this PIN for one who knows it."""
    operation = profile.operations.get("change")
    spec = profile.pins[name]
    known: dict[str, Value | Secret] = {"pin.ref": spec.ref, "pin.name": name}
    return operation is not None and any(applies(step, known) for step in operation.steps)


def authority(work: Workpiece, name: str) -> str | None:
    """Which secret, known here and now, lets the card set this PIN whatever it is: a PUK's name, or the admin's."""
    profile = work.card.profile
    spec = profile.pins[name]
    above = spec.unblock
    admin = _admin_name(profile)
    if admin and admin != name and _set_by_admin(profile, name) and work.secrets.find(admin) is not None:
        return admin
    if above in work.plan.pins and above != name and work.secrets.find(above) is not None:
        return above
    return None


def _admin_name(profile: Profile) -> str:
    return "" if profile.admin is None else profile.admin.pin or ADMIN


def _set_by_admin(profile: Profile, name: str) -> bool:
    operation = profile.operations.get("unblock")
    known: dict[str, Value | Secret] = {"pin.ref": profile.pins[name].ref, "pin.name": name, "authority": "admin"}
    steps = () if operation is None else operation.steps
    return any(step.needs is Needs.ADMIN and applies(step, known) for step in steps)


def set_from_above(work: Workpiece, name: str, new: Secret) -> bool:
    """Set a PIN by the authority above it; False if none is known."""
    above = authority(work, name)
    if above is None:
        return False
    if above == _admin_name(work.card.profile):
        work.log_in_as_admin()
        work.card.unblock_pin(None, new, name)
    else:
        work.card.unblock_pin(work.secrets.get(above), new, name)
    work.forget_proofs()
    return True


class AdminStep(SecretStep):
    """Replaces the admin key: the old one is proved, the new one recorded, given, and proved at once."""

    def __init__(self) -> None:
        super().__init__(ADMIN)

    def change(self, work: Workpiece, new: Secret) -> None:
        """The old key was proved for this session; some commands since may have ended that."""
        if self._old is None or work.plan.admin is None:
            raise Parked(Reason.UNKNOWN_OUTCOME, "which admin key the card has cannot be told by reading it")
        old_cipher = work.plan.admin.cipher if self._before else work.plan.admin.initial_cipher
        work.card.authenticate_admin(self._old, old_cipher)
        work.card.change_admin_key(new, work.plan.admin.cipher)

    def prove(self, work: Workpiece, new: Secret) -> None:
        """Authenticate with the new key."""
        work.card.authenticate_admin(new, "" if work.plan.admin is None else work.plan.admin.cipher)

    def from_factory(self, work: Workpiece) -> bool | None:
        """Whether the card says that it still has the admin key of the factory."""
        return work.card.authentication.admin_from_factory()

    def look(self, work: Workpiece) -> Result | None:
        """Where the new key has another cipher than the old one can have, the card may tell which it has."""
        found = super().look(work)
        if found is not None or not work.secrets.uncertain(ADMIN):
            return found
        told, plan = work.card.admin_cipher(), work.plan.admin
        if plan is not None and told and told != plan.cipher:
            return self._decided(work, happened=False)
        if plan is not None and told and not self._had(work, plan):
            return self._decided(work, happened=True)
        work.secrets.get(ADMIN)  # says why it ends here
        return None

    def _had(self, work: Workpiece, plan: AdminPlan) -> bool:
        """Whether the fresh card's key may have been one of the new one's cipher."""
        fresh = work.secrets.fresh(ADMIN)
        fits = fresh is None or len(fresh) in CIPHERS[plan.cipher].key_sizes
        return fits and plan.initial_cipher in ("", plan.cipher)
