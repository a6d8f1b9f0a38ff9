"""`cardcore personalise settle`: which of two secrets a parked card has, by a person's word and one question to it."""

from __future__ import annotations

from pathlib import Path

import click

from cardcore.cli.context import Context, pass_context
from cardcore.cli.options import examples
from cardcore.cli.personalise_run import journal_place, opened_journal, opener_for, store_option, unlock_option
from cardcore.cli.secrets import Source
from cardcore.errors import InputError


@click.command(
    epilog=examples("cardcore personalise settle staff.yaml --has new --unlock file:safe.key"),
)
@click.argument("plan", metavar="PLAN", type=click.Path(dir_okay=False, path_type=Path))
@store_option
@click.option("--has", type=click.Choice(["old", "new"]), required=True, help="Which secret the card has, you say.")
@unlock_option
@pass_context
def settle(
    context: Context, plan: Path, store: str | None, has: str, unlock: Source | None, unlock_passphrase: Source | None
) -> None:
    """Say which secret the card in the reader has, where the card does not tell.

    That is so where a change of it was interrupted. The secret is proved to the card once. If it is refused, that has
    cost a try, and nothing else has changed; the last try is never spent. If it is right, the card goes on when it is
    inserted in a run.
    """
    from cardcore.personalise.jobs import keeping_for
    from cardcore.personalise.plan_reading import read_plan
    from cardcore.personalise.settling import settle as settle_card
    from cardcore.personalise.settling import uncertain_secret

    read = read_plan(plan)
    keeping = keeping_for(read, opener_for(read, unlock, unlock_passphrase))
    with opened_journal(journal_place(store, plan)) as journal, context.card() as card:
        serial = card.serial()
        record = journal.find(card.profile.id, serial)
        if record is None:
            raise InputError(f"the card {serial} is nobody's in this journal")
        name = uncertain_secret(journal, record)
        settle_card(journal, read, keeping, card, record, new=has == "new")
    document = {"holder": record.holder, "serial": serial, "secret": name, "has": has}
    context.output.result(document, f"the card has the {has} {name}; it goes on when it is inserted in a run")
