"""A plan without cards: the commands that each step would send, secrets and what only a card knows left open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cardcore.errors import CardError
from cardcore.explaining import Explained, Wish, explain
from cardcore.personalise.plan import CardPlan, Plan
from cardcore.personalise.secret_steps import can_change
from cardcore.personalise.sequence import steps_for
from cardcore.personalise.steps import SET_UP
from cardcore.profile.model import Profile, Usage

_ADMIN_PROCEDURES: Mapping[str, tuple[str, ...]] = {
    "witness-mutual": ("authenticate-witness", "authenticate-answer"),
    "challenge-single": ("authenticate-challenge", "authenticate-response"),
    "mutual-or-single": ("authenticate-witness", "authenticate-answer"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """One operation of the profile: its commands, or why they cannot be told without a card."""

    operation: str
    commands: tuple[Explained, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedStep:
    """A step and its operations, in order; none for what happens beside the card."""

    name: str
    operations: tuple[Rehearsed, ...]


def rehearsal(plan: Plan) -> dict[str, list[RehearsedStep]]:
    """The steps for each kind of card in the plan, by profile."""
    return {name: list(_steps(card)) for name, card in plan.cards.items()}


def _steps(plan: CardPlan) -> Iterator[RehearsedStep]:
    log_in = [Wish(operation=name) for name in _admin_operations(plan)]
    log_in += [Wish(operation="verify", pin=name) for name in plan.pins if name == "user"]
    yield RehearsedStep(name="log in", operations=tuple(_rehearsed(plan.profile, log_in)))
    for step in steps_for(plan):
        kind, _, about = step.name.partition(":")
        yield RehearsedStep(name=step.name, operations=tuple(_rehearsed(plan.profile, _wishes(plan, kind, about))))


def _admin_operations(plan: CardPlan) -> tuple[str, ...]:
    admin = plan.profile.admin
    return () if admin is None or admin.pin or plan.admin is None else _ADMIN_PROCEDURES.get(admin.procedure, ())


def _wishes(plan: CardPlan, kind: str, about: str) -> list[Wish]:
    """The operations of a step, by its name."""
    profile = plan.profile
    match kind:
        case "initialise":
            names = (SET_UP, "activate") if SET_UP in profile.operations else ("write",)
            return [Wish(operation=name) for name in names if name in profile.operations]
        case "key":
            operation = "import" if plan.keys[about].imported else "generate"
            return [Wish(operation=operation, key=about, type_name=plan.keys[about].type)]
        case "request" if plan.keys[about].imported is None:
            return [Wish(operation="sign", key=about, type_name=plan.keys[about].type)]
        case "certificate" | "label":
            return [Wish(operation=name, key=about) for name in ("write",) if name in profile.operations]
        case "object":
            return [Wish(operation="write"), Wish(operation="read")]
        case "verify":
            return [_use(plan, about)]
        case "secret":
            return _secret(plan, about)
        case "check":
            tries = dict.fromkeys(profile.pins[name].tries for name in plan.pins)
            return [Wish(operation=name) for name in tries if name in profile.operations]
    return []


def _use(plan: CardPlan, key: str) -> Wish:
    usage, type_name = plan.profile.keys[key].usage, plan.keys[key].type
    if Usage.SIGN in usage:
        return Wish(operation="sign", key=key, type_name=type_name)
    return Wish(operation="decipher" if type_name.startswith("rsa") else "agree", key=key, type_name=type_name)


def _secret(plan: CardPlan, name: str) -> list[Wish]:
    if name in plan.pins:
        operation = "change" if can_change(plan.profile, name) and plan.pins[name].initial else "unblock"
        return [Wish(operation=operation, pin=name)]
    return [Wish(operation=one) for one in (*_admin_operations(plan), "admin-change", *_admin_operations(plan))]


def _rehearsed(profile: Profile, wishes: list[Wish]) -> Iterator[Rehearsed]:
    for wish in wishes:
        try:
            yield Rehearsed(operation=wish.operation, commands=explain(profile, wish).commands)
        except CardError as error:
            yield Rehearsed(operation=wish.operation, commands=(), problem=error.message)
