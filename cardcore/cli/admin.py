"""`cardcore admin`: the administrator's key of a card."""

from __future__ import annotations

import click

from cardcore.cli.authorising import Authority, obtain_admin, require_admin
from cardcore.cli.context import Context, pass_context
from cardcore.cli.options import admin_option, examples, last_try_option, pin_option
from cardcore.cli.secrets import SOURCE, Source

CIPHERS = ("3des", "aes128", "aes192", "aes256")


@click.group()
def admin() -> None:
    """The administrator's key: verify, change."""


@admin.command(
    short_help="Check the admin key.",
    epilog=examples("cardcore admin verify --admin file:admin.hex", "cardcore admin verify --pin prompt"),
)
@admin_option
@pin_option
@last_try_option
@pass_context
def verify(context: Context, admin: Source | None, pin: Source | None, last_try: bool) -> None:
    """Check the admin key, or the one that the card itself keeps behind its PIN."""
    with context.card() as card, Authority(card, pin=pin, admin=admin, last_try=last_try) as authority:
        require_admin(card)
        authority.prove_admin()
    context.output.result({"verified": True}, "the admin key is right")


@admin.command(epilog=examples("cardcore admin change --admin env:OLD --new-admin env:NEW --cipher aes256"))
@admin_option
@pin_option
@last_try_option
@click.option("--new-admin", type=SOURCE, metavar="SRC", help="Source of the new admin key, in hexadecimal.")
@click.option("--cipher", type=click.Choice(CIPHERS), help="Cipher of the new key. Default: the one that fits it.")
@pass_context
def change(
    context: Context,
    admin: Source | None,
    pin: Source | None,
    last_try: bool,
    new_admin: Source | None,
    cipher: str | None,
) -> None:
    """Replace the admin key. Nobody can bring a lost one back.

    A card that keeps its admin key behind the PIN keeps the new one then.
    """
    with context.card() as card, Authority(card, pin=pin, admin=admin, last_try=last_try) as authority:
        require_admin(card)
        authority.prove_admin()
        with obtain_admin(card, new_admin, "--new-admin", new=True) as new:
            card.change_admin_key(new, cipher or "")
    context.output.result({"changed": True}, "the admin key was changed")
