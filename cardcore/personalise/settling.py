"""A secret of which nobody knows whether a card has taken it: a person says which one it has, the card is asked once.

Nothing is guessed, nothing is tried twice, and the last try is never spent: see `cardcore.authentication`.
"""

from __future__ import annotations

from cardcore.card import Card
from cardcore.errors import InputError, NotSupported
from cardcore.personalise.card_secrets import CardSecrets
from cardcore.personalise.held_secrets import ADMIN, HeldSecrets, Keeping
from cardcore.personalise.jobs import Enrolling
from cardcore.personalise.journal import Journal
from cardcore.personalise.plan import CardPlan, Plan, with_card
from cardcore.personalise.reasons import Reason
from cardcore.personalise.records import CardRecord
from cardcore.personalise.states import CardState, SecretState, StepState
from cardcore.secret import Secret

_STEP = "secret:"


def uncertain_secret(journal: Journal, record: CardRecord) -> str:
    """The name of the secret for which a card is parked; InputError if it is parked for something else."""
    started = [step.step for step in journal.steps(record.id).values() if step.state is StepState.STARTED]
    names = [step.removeprefix(_STEP) for step in started if step.startswith(_STEP)]
    if record.state is not CardState.PARKED or record.reason is not Reason.UNKNOWN_OUTCOME or not names:
        raise InputError(
            f"no secret of the card {record.serial} is in doubt", hint="See `cardcore personalise status`."
        )
    return names[0]


def settle(journal: Journal, plan: Plan, keeping: Keeping, card: Card, record: CardRecord, *, new: bool) -> CardRecord:
    """Prove to the card, once, the new secret or the one before; the card then goes on when it is inserted in a run.

    PinError if the card refuses it: a try is spent, and nothing has changed. LastTry before that would be the last one.
    """
    name = uncertain_secret(journal, record)
    held = _held(journal, plan, keeping, record, new=new)
    try:
        secret = held.proposal(name) if new else None
        given = held.get(name) if secret is None else secret.secret
        try:
            _prove(card, plan.cards[record.profile], name, given, new=new)
        finally:
            given.wipe()
    finally:
        held.close()
    generation = _proposed(journal, record, name)
    with journal.change() as change:
        if new:
            change.settle(record.id, name, generation)
        else:
            change.withdraw(record.id, name, generation)
            change.step_undone(record.id, _STEP + name)
        change.let_go_on(record.id)
    return journal.card(record.id)


def _proposed(journal: Journal, record: CardRecord, name: str) -> int:
    """The generation that is in doubt: the last one."""
    kept = [one for one in journal.secrets(record.id) if one.name == name and one.state is SecretState.PROPOSED]
    return kept[-1].generation


def _held(journal: Journal, plan: Plan, keeping: Keeping, record: CardRecord, *, new: bool) -> HeldSecrets:
    """What is known of the card's secrets; without `new` as it was before the secret in doubt was proposed."""
    found = plan.cards.get(record.profile)
    if found is None:
        raise InputError(f"the plan has no entry for cards of the profile {record.profile}")
    enrolling = Enrolling(plan)
    for _ in enrolling:  # secrets that stand in the holders' records are nowhere else
        continue
    fields = {**journal.holder(record.run, record.holder).record, **enrolling.secret_fields(record.holder)}
    rules = CardSecrets(plan=found, fields=with_card(fields, record.serial, record.profile), serial=record.serial)
    run = next(one for one in journal.runs() if one.id == record.run)
    kept = [one for one in journal.secrets(record.id) if new or one.state is not SecretState.PROPOSED]
    return HeldSecrets(rules, f"{run.name}/{record.holder}/{record.serial}", keeping, kept)


def _prove(card: Card, plan: CardPlan, name: str, secret: Secret, *, new: bool) -> None:
    """One command that shows whether the card has this secret; NotSupported for one that shows only in its use."""
    admin = card.profile.admin
    if admin is not None and name == (admin.pin or ADMIN):
        cipher = "" if plan.admin is None else plan.admin.cipher if new else plan.admin.initial_cipher
        card.authenticate_admin(secret, cipher)
    elif card.profile.pins[name].unblock:
        card.verify(secret, name)
    else:
        raise NotSupported(
            f"the card tells only by its use whether it has a {name}", hint="`cardcore personalise undo` resets it."
        )
