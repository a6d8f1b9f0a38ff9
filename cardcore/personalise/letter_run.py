"""The letters of a run: which cards are finished, which PINs they have, and their letters."""

from __future__ import annotations

from contextlib import ExitStack

from cardcore.errors import InputError
from cardcore.personalise.card_secrets import CardSecrets
from cardcore.personalise.envelope import Opener
from cardcore.personalise.held_secrets import HeldSecrets
from cardcore.personalise.jobs import Enrolling, keeping_for
from cardcore.personalise.journal import Journal
from cardcore.personalise.letters import Letters
from cardcore.personalise.plan import Plan, with_card
from cardcore.personalise.records import CardRecord
from cardcore.personalise.states import CardState


class LetterRun:
    """Writes letters of one run's finished cards; InputError where the plan has no letters."""

    def __init__(self, plan: Plan, journal: Journal, run: str, opener: Opener | None) -> None:
        if plan.letters is None:
            raise InputError("the plan has no letters", hint="Add `letters` to it: see docs/personalise.md.")
        self._plan = plan
        self._pins = sorted(plan.letters.pins)
        self._letters = Letters(plan.letters)
        self._journal = journal
        self._run = journal.run(run)
        self._keeping = keeping_for(plan, opener)
        self._enrolling = Enrolling(plan)
        for _ in self._enrolling:  # fields that are secrets are in the holders' records only
            pass

    def cards(self) -> list[CardRecord]:
        """The finished cards."""
        return self._journal.cards(self._run.id, CardState.DONE)

    def write(self, card: CardRecord) -> str:
        """Write the letter of one card, and return where it went; Parked if its PINs are not known here."""
        holder = self._journal.holder(self._run.id, card.holder)
        fields = with_card({**holder.record, **self._enrolling.secret_fields(card.holder)}, card.serial, card.profile)
        plan = self._plan.card_for(card.profile, fields)
        if plan is None:
            raise InputError(f"the plan has no such card for {card.holder} any more", hint="Use the plan of the run.")
        rules = CardSecrets(plan=plan, fields=fields, serial=card.serial)
        label = f"{self._run.name}/{card.holder}/{card.serial}"
        with ExitStack() as stack:
            held = HeldSecrets(rules, label, self._keeping, self._journal.secrets(card.id))
            stack.callback(held.close)
            pins = {name: held.get(name) for name in self._pins}
            return self._letters.write(card.holder, card.serial, fields, pins)
