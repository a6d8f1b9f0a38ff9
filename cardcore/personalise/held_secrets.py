"""The PINs, PUKs and admin key of one card: which it has now, by the plan and the journal, and which it is to get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cardcore.personalise.card_secrets import CardSecrets
from cardcore.personalise.envelope import Opener, Sealer
from cardcore.personalise.parking import Parked
from cardcore.personalise.plan import AdminPlan, Derived, FromField, Given, PinPlan, Published, Random, SecretRule
from cardcore.personalise.reasons import Reason
from cardcore.personalise.records import SecretRecord
from cardcore.personalise.states import SecretState
from cardcore.secret import Secret

ADMIN = "admin"
"""The name of the admin key among the secrets; where the administrator has a PIN, it has this name too."""


_SOURCES: Mapping[type[SecretRule], str] = {
    Random: "random",
    Derived: "derived",
    Given: "given",
    FromField: "field",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A secret that a card is to get. `envelope` is None if the plan gives it again."""

    name: str
    secret: Secret
    source: str
    envelope: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How secrets are kept in the journal: sealed for the plan's recipients; opened with the key of one of them.

    Without recipients nothing is sealed, and without a key nothing is opened.
    """

    sealer: Sealer | None = None
    opener: Opener | None = None


class HeldSecrets:
    """What is known of the secrets of one card. Whoever has it closes it: the secrets are wiped then."""

    def __init__(self, rules: CardSecrets, label: str, keeping: Keeping, records: Iterable[SecretRecord]) -> None:
        plan = rules.plan
        self._rules = rules
        self._label = label
        self._keeping = keeping
        self._plans: dict[str, PinPlan | AdminPlan] = dict(plan.pins)
        if plan.admin is not None:
            self._plans[ADMIN] = plan.admin
        self._records: dict[str, SecretRecord] = {}
        self._ever: set[str] = set()
        for record in records:
            if record.state is SecretState.CURRENT:
                self._ever.add(record.name)
            if record.state is not SecretState.FORMER:
                self._records[record.name] = record  # the last generation comes last
        self._known: dict[str, Secret] = {}

    def root(self, name: str) -> str:
        """The name under which the plan has the secret: one password may be several of a card's PINs."""
        plan = self._plans.get(name)
        return plan.same_as or name if isinstance(plan, PinPlan) else name

    def plan(self, name: str) -> PinPlan | AdminPlan | None:
        """What the plan says of a secret; None if it does not name it."""
        return self._plans.get(name)

    def ever_changed(self, name: str) -> bool:
        """Whether the card certainly had another secret than its first one before what was proposed last."""
        return name in self._ever

    def published(self, name: str) -> bool:
        """Whether a fresh card has the value that everybody knows."""
        plan = self._plans.get(name)
        return plan is not None and isinstance(plan.initial, Given) and isinstance(plan.initial.source, Published)

    def fresh(self, name: str) -> Secret | None:
        """The secret of a fresh card, which the caller wipes; None if it has none yet."""
        return self._initial(name)

    def uncertain(self, name: str) -> bool:
        """Whether a new secret was proposed and the card may or may not have it."""
        record = self._records.get(name)
        return record is not None and record.state is SecretState.PROPOSED

    def changed(self, name: str) -> bool:
        """Whether the card has a secret that was given to it in this run."""
        record = self._records.get(name)
        return record is not None and record.state is SecretState.CURRENT

    def find(self, name: str) -> Secret | None:
        """The secret that the card has now; None if that is not known here and now."""
        name = self.root(name)
        if name not in self._known:
            found = self._find(name)
            if found is not None:
                self._known[name] = found
        return self._known.get(name)

    def _find(self, name: str) -> Secret | None:
        plan, record = self._plans.get(name), self._records.get(name)
        if plan is None or self.uncertain(name):
            return None
        if record is None:
            return self._initial(name)
        opener = self._keeping.opener
        if record.envelope is not None and opener is not None:
            return opener.open(record.envelope, f"{self._label}/{name}")
        return None if isinstance(self._rule(name), Random) else self._made(name)

    def _rule(self, name: str) -> SecretRule | None:
        """By which rule the card gets its new secret; an unchanging one is that of the fresh card."""
        plan = self._plans[name]
        return plan.final if plan.final is not None else plan.initial

    def _initial(self, name: str) -> Secret | None:
        rules = self._rules
        return rules.initial_admin() if self._is_admin(name) else rules.initial_pin(name)

    def _made(self, name: str) -> Secret | None:
        """A secret by the final rule, or the initial one if that stays."""
        rules = self._rules
        final = rules.final_admin() if self._is_admin(name) else rules.final_pin(name)
        return self._initial(name) if final is None else final

    def _is_admin(self, name: str) -> bool:
        return isinstance(self._plans.get(name), AdminPlan)

    def get(self, name: str) -> Secret:
        """The secret that the card has now; Parked if it cannot be known without a person."""
        name = self.root(name)
        found = self.find(name)
        if found is not None:
            return found
        if name not in self._plans:
            raise Parked(Reason.PLAN_FAILED, f"the plan does not say which {name} the card has")
        if self.uncertain(name):
            raise Parked(
                Reason.UNKNOWN_OUTCOME, f"whether the card has the old or the new {name} cannot be told by reading it"
            )
        if self._records.get(name) is None:
            raise Parked(Reason.PLAN_FAILED, f"the plan does not say which {name} a fresh card has")
        raise Parked(Reason.UNLOCK_NEEDED, f"the {name} of the card is in the journal only, encrypted")

    def propose(self, name: str, *, first: bool = False) -> Proposal:
        """A new secret by the plan's rule, sealed for the journal; `first`: that of a card that has none yet."""
        plan = self._plans.get(name)
        initial = first and plan is not None and plan.initial is not None
        rule = None if plan is None else plan.initial if initial else self._rule(name)
        secret = None if rule is None else self._initial(name) if initial else self._made(name)
        if rule is None or secret is None:
            raise Parked(Reason.PLAN_FAILED, f"the plan does not say which {name} the card is to get")
        sealer = self._keeping.sealer
        if sealer is None and isinstance(rule, Random):
            raise Parked(Reason.PLAN_FAILED, f"nobody could open the random {name}: the plan names no recipients")
        envelope = None if sealer is None or isinstance(rule, Derived) else sealer.seal(secret, f"{self._label}/{name}")
        return Proposal(name=name, secret=secret, source=_SOURCES[type(rule)], envelope=envelope)

    def proposal(self, name: str) -> Proposal | None:
        """The first secret of a card as it was proposed, where the card may have taken it; None if none was proposed.

        Parked if it cannot be known without a person.
        """
        record = self._records.get(name)
        if record is None or record.state is not SecretState.PROPOSED:
            return None
        opener, plan = self._keeping.opener, self._plans.get(name)
        if record.envelope is None:
            secret = self._initial(name) if plan is not None and plan.initial is not None else self._made(name)
        else:
            secret = None if opener is None else opener.open(record.envelope, f"{self._label}/{name}")
        if secret is None:
            raise Parked(Reason.UNLOCK_NEEDED, f"the {name} that the card may have is in the journal only, encrypted")
        return Proposal(name=name, secret=secret, source=record.source, envelope=record.envelope)

    def settled(self, record: SecretRecord, secret: Secret | None) -> None:
        """The card has the secret of this record now; None: it is not known here."""
        self._records[record.name] = record
        self._known.pop(record.name, None)
        if secret is not None:
            self._known[record.name] = secret

    def proposed(self, record: SecretRecord) -> None:
        """A proposal stands in the journal: from now on it is not certain what the card has."""
        self._records[record.name] = record
        self._known.pop(record.name, None)

    def withdrawn(self, name: str, before: SecretRecord | None, secret: Secret | None) -> None:
        """The card has certainly not taken a proposal: it has what it had."""
        self._records.pop(name, None)
        if before is not None:
            self._records[name] = before
        if secret is not None:
            self._known[name] = secret

    def record(self, name: str) -> SecretRecord | None:
        """The record of the secret that counts now."""
        return self._records.get(name)

    def close(self) -> None:
        """Wipe every secret."""
        for secret in self._known.values():
            secret.wipe()
        self._known.clear()
