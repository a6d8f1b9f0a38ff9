"""`cardcore admin`: the administrator's key of a card."""

from __future__ import annotations

import click

from cardcore.cli.authorising import authenticate_admin, obtain_admin
from cardcore.cli.context import Context, pass_context
from cardcore.cli.options import admin_option, examples
from cardcore.cli.secrets import SOURCE, Source

CIPHERS = ("3des", "aes128", "aes192", "aes256")


@click.group()
def admin() -> None:
    """The administrator's key: verify, change."""


@admin.command(epilog=examples("cardcore admin verify --admin file:admin.hex"))
@admin_option
@pass_context
def verify(context: Context, admin: Source | None) -> None:
    """Check the admin key."""
    with context.card() as card:
        authenticate_admin(card, admin)
    context.output.result({"verified": True}, "the admin key is right")


@admin.command(epilog=examples("cardcore admin change --admin env:OLD --new-admin env:NEW --cipher aes256"))
@admin_option
@click.option("--new-admin", type=SOURCE, metavar="SRC", help="Source of the new admin key, in hexadecimal.")
@click.option("--cipher", type=click.Choice(CIPHERS), help="Cipher of the new key. Default: the one that fits it.")
@pass_context
def change(context: Context, admin: Source | None, new_admin: Source | None, cipher: str | None) -> None:
    """Replace the admin key. Nobody can bring a lost one back."""
    with (
        context.card() as card,
        obtain_admin(card, admin, "--admin") as old,
        obtain_admin(card, new_admin, "--new-admin", new=True) as new,
    ):
        card.authenticate_admin(old)
        card.change_admin_key(new, cipher or "")
    context.output.result({"changed": True}, "the admin key was changed")
