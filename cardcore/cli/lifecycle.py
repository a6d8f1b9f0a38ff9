"""`cardcore init` and `cardcore reset`: the beginning and the end of what is on a card."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from cardcore.cli.authorising import authenticate_admin
from cardcore.cli.context import Context, pass_context
from cardcore.cli.errors import OptionError
from cardcore.cli.options import TEXT, admin_option, examples, pin_option, puk_option
from cardcore.cli.progress import working
from cardcore.cli.secrets import Source, obtain, obtain_key
from cardcore.errors import InputError, NotSupported

if TYPE_CHECKING:
    from cardcore import Card, Secret


@click.command(
    epilog=examples("cardcore init --admin env:ADMIN", 'cardcore init --label "Alice" --pin prompt --puk prompt')
)
@click.option("--label", type=TEXT, default="", help="Name of the card, where its family has room for one.")
@pin_option
@puk_option
@admin_option
@pass_context
def init(context: Context, label: str, pin: Source | None, puk: Source | None, admin: Source | None) -> None:
    """Make a blank card usable. A card that holds anything is refused.

    Which secrets are wanted depends on the family: those that a blank card does not have yet are set, and an admin key
    that it has already must be proved.
    """
    with context.card() as card, ExitStack() as secrets:
        new: dict[str, Secret | None] = {"pin": None, "puk": None, "admin": None}
        for role, source in (("pin", pin), ("puk", puk)):
            if source is not None:
                new[role] = secrets.enter_context(obtain(source, f"new {role.upper()}", f"--{role}", new=True))
        if _admin_is_set(card):
            authenticate_admin(card, admin)
        elif admin is not None:
            new["admin"] = secrets.enter_context(obtain_key(admin, "new admin key", "--admin", new=True))
        with working("initialising the card"):
            card.initialise(label, pin=new["pin"], puk=new["puk"], admin=new["admin"])
        serial = card.serial()
    context.output.result(
        {"serial": serial or None, "initialised": True}, f"the card {serial} is ready".replace("  ", " ")
    )


def _admin_is_set(card: Card) -> bool:
    """Whether writing to the card takes an admin key, which it then has from the factory."""
    from cardcore.profile.model import Needs

    write = card.profile.operations.get("write")
    return card.profile.admin is not None and write is not None and Needs.ADMIN in {step.needs for step in write.steps}


@click.command(epilog=examples("cardcore reset", "cardcore --reader soft:alice reset --yes-destroy 12345678"))
@click.option("--yes-destroy", metavar="SERIAL", help="Serial number of the card; spares typing it.")
@pass_context
def reset(context: Context, yes_destroy: str | None) -> None:
    """Reset the card to its factory state. Every key and certificate on it is lost."""
    from cardcore.resetting import factory_reset

    with context.card() as card:
        if "reset" not in card.profile.operations:
            raise NotSupported(f"cards of the profile {card.profile.id} have no factory reset")
        serial = card.serial() or card.profile.id
        lost = _holdings(card)
        _confirm(context, serial, lost, yes_destroy)
        with working("resetting the card"):
            factory_reset(card)
    document = {"serial": serial, "reset": True, "lost": lost}
    context.output.result(document, f"the card {serial} is in its factory state; `cardcore init` makes it usable")


def _holdings(card: Card) -> list[str]:
    """What a reset destroys, in words."""
    with working("reading the card"), card.transaction():
        entries = card.keys()
        keys = [f"key {info.slot.name} ({info.type.name if info.type else 'unknown type'})" for info in entries]
        return keys + [
            f"certificate {name} ({found.subject.rfc4514_string()})" for name, found in card.certificates().items()
        ]


def _confirm(context: Context, serial: str, lost: list[str], given: str | None) -> None:
    """Go on only if the person names the card; InputError otherwise, with nothing done."""
    context.output.note(f"Resetting the card {serial} destroys:")
    for item in [*lost, "its PINs, and everything else on it"]:
        context.output.note(f"  {item}")
    if given is None:
        if not sys.stdin.isatty():
            raise OptionError("a reset has to be confirmed", hint=f"Repeat it with --yes-destroy {serial}.")
        given = typed_serial(serial)
    if given.strip() != serial:
        raise InputError("that is not the serial number of the card; nothing was done", hint=f"It is {serial}.")


def typed_serial(serial: str) -> str:
    """What a person at the terminal types when asked for the serial number of the card that is about to lose all."""
    given: str = click.prompt(f"Type the serial number {serial} to go on", err=True, default="", show_default=False)
    return given.strip()
