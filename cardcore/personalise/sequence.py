"""The steps of a card in their order, as the plan says. docs/personalise.md explains why it is this one."""

from __future__ import annotations

from cardcore.personalise.key_steps import (
    GenerateStep,
    ImportStep,
    LabelStep,
    RequestStep,
    VerifyStep,
    WriteCertificateStep,
)
from cardcore.personalise.ordering import OrderStep
from cardcore.personalise.plan import CardPlan, KeyPlan
from cardcore.personalise.secret_steps import AdminStep, PinStep
from cardcore.personalise.steps import SET_UP, CheckStep, InitialiseStep, ObjectStep, Step


def steps_for(plan: CardPlan) -> list[Step]:
    """The steps for a card; always the same for the same plan, so that a journal can be gone on with.

    Secrets change late: until then a card that went wrong can still be worked on with what everybody knows. The PINs
    of the holder change before the keys are tried, so that they are tried as they will be used. PUKs and the admin key
    come last: as long as they are the old ones they set a PIN of which nobody knows whether it was changed.
    """
    profile = plan.profile
    keys = list(plan.keys.values())
    steps: list[Step] = [] if plan.initialise is None else [InitialiseStep(plan.initialise)]
    steps += [GenerateStep(key) if key.imported is None else ImportStep(key) for key in keys]
    for kind in (RequestStep, OrderStep):
        steps += [kind(key, key.certificate) for key in keys if key.certificate is not None]
    steps += [WriteCertificateStep(key) for key in keys if _has_certificate(key)]
    steps += [LabelStep(key) for key in keys if key.label is not None]
    steps += [ObjectStep(name, content) for name, content in plan.objects.items()]
    admin = "" if profile.admin is None else profile.admin.pin
    changed = [name for name, pin in plan.pins.items() if pin.final is not None and not _is_first(plan, name)]
    holders = [name for name in changed if profile.pins[name].unblock and name != admin]
    steps += [PinStep(name) for name in holders]
    steps += [VerifyStep(key) for key in keys]
    steps += [PinStep(name) for name in changed if name not in holders and name != admin]
    steps += [PinStep(name) for name in changed if name == admin]
    if plan.admin is not None and plan.admin.final is not None and not _is_first_admin(plan):
        steps.append(AdminStep())
    return [*steps, CheckStep()]


def _has_certificate(key: KeyPlan) -> bool:
    return key.certificate is not None or (key.imported is not None and key.imported.with_certificate)


def _sets_secrets(plan: CardPlan) -> bool:
    return plan.initialise is not None and SET_UP in plan.profile.operations


def _is_first(plan: CardPlan, name: str) -> bool:
    """Whether the PIN is set where the card is initialised, and so not changed afterwards."""
    return _sets_secrets(plan) and plan.pins[name].initial is None and name in ("user", "puk")


def _is_first_admin(plan: CardPlan) -> bool:
    return _sets_secrets(plan) and plan.admin is not None and plan.admin.initial is None
