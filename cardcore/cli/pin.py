"""`cardcore pin`: the state of PINs, verifying, changing and unblocking them."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, NoReturn

import click

from cardcore.cli.authorising import authenticate_admin, obtain_pin, pin_label
from cardcore.cli.context import Context, pass_context
from cardcore.cli.errors import OptionError
from cardcore.cli.options import admin_option, examples, last_try_option, new_pin_option, pin_option, puk_option
from cardcore.cli.output import table
from cardcore.cli.secrets import Source
from cardcore.errors import NotSupported

if TYPE_CHECKING:
    from cardcore import PinStatus

name_option = click.option("--name", default="user", show_default=True, help="Which PIN, by its name in the profile.")


@click.group()
def pin() -> None:
    """PINs: state, verify, change, unblock."""


def describe(status: PinStatus) -> dict[str, object]:
    """The state of a PIN for JSON."""
    return {
        "name": status.name,
        "label": status.label,
        "tries_left": status.tries_left,
        "verified": status.verified,
        "blocked": status.blocked,
    }


def state_of(status: PinStatus) -> str:
    """The state of a PIN in words."""
    if status.blocked:
        return "blocked"
    if status.verified:
        return "verified"
    if status.tries_left is None:
        return "the card does not tell"
    return f"{status.tries_left} {'try' if status.tries_left == 1 else 'tries'} left"


@pin.command("status", epilog=examples("cardcore pin status", "cardcore --json pin status --name puk"))
@click.option("--name", help="Only this PIN, by its name in the profile.")
@pass_context
def show_status(context: Context, name: str | None) -> None:
    """Show how many tries are left, without spending one."""
    with context.card() as card:
        found = card.pins() if name is None else [card.pin_status(name)]
    rows = [(status.name, status.label, state_of(status)) for status in found]
    document = {"pins": [describe(status) for status in found]}
    context.output.result(document, table(("NAME", "LABEL", "STATE"), rows))


@pin.command(epilog=examples("cardcore pin verify", "cardcore pin verify --pin file:pin.txt"))
@name_option
@pin_option
@last_try_option
@pass_context
def verify(context: Context, name: str, pin: Source | None, last_try: bool) -> None:
    """Check a PIN. A wrong one costs a try."""
    with context.card() as card:
        label = pin_label(card, name)
        with obtain_pin(card, pin, label, "--pin") as secret:
            card.verify(secret, name, last_try=last_try)
    context.output.result({"name": name, "label": label, "verified": True}, f"the {label} is right")


@pin.command(epilog=examples("cardcore pin change", "cardcore pin change --name puk --pin env:OLD --new-pin env:NEW"))
@name_option
@pin_option
@new_pin_option
@last_try_option
@pass_context
def change(context: Context, name: str, pin: Source | None, new_pin: Source | None, last_try: bool) -> None:
    """Change a PIN that is known."""
    with context.card() as card:
        label = pin_label(card, name)
        with (
            obtain_pin(card, pin, label, "--pin") as old,
            obtain_pin(card, new_pin, f"new {label}", "--new-pin", new=True) as new,
        ):
            card.change_pin(old, new, name, last_try=last_try)
    context.output.result({"name": name, "label": label, "changed": True}, f"the {label} was changed")


@pin.command(epilog=examples("cardcore pin unblock", "cardcore pin unblock --puk env:PUK --new-pin env:PIN"))
@name_option
@puk_option
@admin_option
@new_pin_option
@last_try_option
@pass_context
def unblock(
    context: Context, name: str, puk: Source | None, admin: Source | None, new_pin: Source | None, last_try: bool
) -> None:
    """Set a new PIN with the PUK, or with --admin. A wrong PUK costs one of its own tries."""
    with context.card() as card:
        label = pin_label(card, name)
        unblocker = card.authentication.spec(name).unblock
        puk_label = pin_label(card, unblocker) if unblocker in card.profile.pins else "PUK"
        by_admin = admin is not None or (unblocker and unblocker not in card.profile.pins)
        if by_admin and puk is not None:
            _refuse_puk(label, both=admin is not None)
        if by_admin:
            authenticate_admin(card, admin)
        code = None if by_admin else obtain_pin(card, puk, puk_label, "--puk")
        with (
            nullcontext() if code is None else code,
            obtain_pin(card, new_pin, f"new {label}", "--new-pin", new=True) as new,
        ):
            card.unblock_pin(code, new, name, last_try=last_try)
    context.output.result({"name": name, "label": label, "unblocked": True}, f"the {label} was set anew")


def _refuse_puk(label: str, *, both: bool) -> NoReturn:
    """A PUK that would not be used is an error: whoever gives it counts on it."""
    if both:
        raise OptionError("--puk and --admin exclude each other", hint="Say which of them sets the new PIN.")
    raise NotSupported(f"the {label} of this card is not unblocked with a PUK", hint="Use --admin.")
