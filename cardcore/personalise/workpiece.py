"""One card in work: the card itself, whose it is, what the plan and the journal say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cardcore.card import Card
from cardcore.errors import CardError, LastTry, PinBlocked, PinError
from cardcore.personalise.held_secrets import ADMIN, HeldSecrets
from cardcore.personalise.holding import Hold
from cardcore.personalise.issuers.base import Issuer
from cardcore.personalise.journal import Journal
from cardcore.personalise.parking import Parked
from cardcore.personalise.plan import CardPlan, with_card
from cardcore.personalise.reasons import Reason
from cardcore.personalise.records import CardRecord, Result, StepRecord
from cardcore.personalise.states import StepState
from cardcore.profile.model import PinPolicy

if TYPE_CHECKING:
    from cardcore.keytypes import PublicKey
    from cardcore.personalise.changes import Change

Pause = Callable[[str, float, str], None]
"""Waits so many seconds for a step's sake, and tells why; Parked if the run is stopped meanwhile."""


class Issuers(Protocol):
    """The plan's issuers by name, opened when they are first wanted."""

    def issuer(self, name: str) -> Issuer:
        """The issuer of that name."""
        ...

    def close(self) -> None:
        """Close those that were opened."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a card is worked on with.

    `hold` records what is done with it. `patience` is how long one card waits for an issuer, in seconds.
    """

    run: str
    journal: Journal
    hold: Hold
    issuers: Issuers
    pause: Pause
    patience: float = 300.0


class Workpiece:
    """A card in a reader that belongs to a holder. It remembers what was proved to the card since it was inserted."""

    def __init__(
        self,
        card: Card,
        record: CardRecord,
        plan: CardPlan,
        fields: Mapping[str, str],
        secrets: HeldSecrets,
        around: Surroundings,
    ) -> None:
        self.card = card
        self.record = record
        self.plan = plan
        self.fields = with_card(fields, record.serial, record.profile)
        self.secrets = secrets
        self.around = around
        self.steps: dict[str, StepRecord] = around.journal.steps(record.id)
        """What had been begun when the card was inserted."""
        self._results: dict[str, Result] = {}
        self._logged_in = False
        self._resets = card.resets

    @property
    def journal(self) -> Journal:
        """The journal."""
        return self.around.journal

    def change(self) -> AbstractContextManager[Change]:
        """One transaction about the card; NotHeld if others have decided about it meanwhile."""
        return self.around.hold.change()

    def note_done(self, step: str, result: Result) -> None:
        """A step is done, and the journal has it."""
        self._results[step] = result

    def is_done(self, step: str) -> bool:
        """Whether a step is done, now or by what the journal said when the card was inserted."""
        known = self.steps.get(step)
        return step in self._results or (known is not None and known.state is StepState.DONE)

    def result(self, step: str) -> Result:
        """What a step that is done has found out; Parked if it is not done."""
        if not self.is_done(step):
            raise Parked(Reason.CARD_FAILED, f"the step {step} is not done")
        return self._results[step] if step in self._results else self.steps[step].result or {}

    def public_key(self, key: str) -> PublicKey:
        """The public key as it was recorded when it was generated or imported."""
        from cardcore import keyfiles

        return keyfiles.public_key(bytes.fromhex(str(self.result(f"key:{key}")["public_key"])))

    # What is proved to the card

    def log_in(self) -> None:
        """Prove the admin key and the PINs that the work needs, once; the first refusal parks the card for good.

        Each is the secret that the card has by plan and journal: nothing is guessed.
        """
        if self._logged_in and self._resets == self.card.resets:
            return
        self._resets = self.card.resets
        try:
            self.log_in_as_admin()
            for name in self.user_pins():
                self.card.verify(self.secrets.get(name), name)
        except (LastTry, PinBlocked):
            raise
        except PinError as error:
            raise refused_secret(error) from error
        self._logged_in = True

    def log_in_as_admin(self) -> None:
        """Prove the admin key, or the admin's PIN, if the plan names it."""
        admin = self.card.profile.admin
        if admin is None:
            return
        if admin.pin:
            if admin.pin in self.plan.pins:
                self.card.authenticate_admin(self.secrets.get(admin.pin))
        elif self.plan.admin is not None:
            plan = self.plan.admin
            cipher = plan.cipher if self.secrets.changed(ADMIN) else plan.initial_cipher
            self.card.authenticate_admin(self.secrets.get(ADMIN), cipher)

    def user_pins(self) -> list[str]:
        """The PINs that are verified once: the user's and those of the plan's keys, each under its first name."""
        profile, plans = self.card.profile, self.plan.pins
        wanted = {profile.keys[key].pin for key in self.plan.keys if profile.keys[key].policy is not PinPolicy.NEVER}
        wanted |= {"user"} & plans.keys()
        named = (name for name in plans if name in wanted and not plans[name].same_as)
        return [name for name in named if plans[name].initial is not None or self.secrets.record(name) is not None]

    def pin_for(self, key: str) -> str:
        """The name of the PIN that a key wants."""
        return self.card.profile.keys[key].pin

    def forget_proofs(self) -> None:
        """What was proved is to be proved anew before the next step that needs it."""
        self._logged_in = False


def refused_secret(error: CardError) -> Parked:
    """The card refused a secret that it should have: the plan is wrong, so the reader takes no more cards."""
    return Parked(Reason.AUTHENTICATION_FAILED, error.message, stops=True)
