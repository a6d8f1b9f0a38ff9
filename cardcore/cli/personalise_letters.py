"""`cardcore personalise letters`: the PIN letters of finished cards, when somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cardcore.cli.context import Context, pass_context
from cardcore.cli.options import TEXT, examples
from cardcore.cli.output import count
from cardcore.cli.personalise_run import (
    journal_place,
    opened_journal,
    opener_for,
    run_option,
    store_option,
    unlock_option,
)
from cardcore.cli.secrets import Source
from cardcore.errors import InputError

if TYPE_CHECKING:
    from cardcore.personalise.records import CardRecord


@click.command(epilog=examples("cardcore personalise letters staff.yaml --unlock file:issuer.key"))
@click.argument("plan", metavar="PLAN", type=click.Path(dir_okay=False, path_type=Path))
@store_option
@run_option
@unlock_option
@click.option(
    "--holder", "holders", type=TEXT, multiple=True, metavar="ID", help="Only this holder's; may be repeated."
)
@pass_context
def letters(
    context: Context,
    plan: Path,
    store: str | None,
    run_name: str | None,
    unlock: Source | None,
    unlock_passphrase: Source | None,
    holders: tuple[str, ...],
) -> None:
    """Write the PIN letters of finished cards.

    They go to recipients, encrypted, or to a printer, as the plan says. PINs that were made at random are in
    the journal only: --unlock says where a recipient's private key is.
    """
    from cardcore.personalise.letter_run import LetterRun
    from cardcore.personalise.plan_reading import read_plan

    read = read_plan(plan)
    opener = opener_for(read, unlock, unlock_passphrase)
    written: list[dict[str, str]] = []
    with opened_journal(journal_place(store, plan)) as journal:
        run = LetterRun(read, journal, run_name or plan.stem, opener)
        for card in _chosen(run.cards(), holders):
            written.append({"holder": card.holder, "card": card.serial, "to": run.write(card)})
            context.output.note(f"{card.holder}: {written[-1]['to']}")
    context.output.result({"letters": written}, f"{count(len(written), 'letter')}")


def _chosen(cards: list[CardRecord], holders: tuple[str, ...]) -> Iterator[CardRecord]:
    """The cards of these holders, of all without any; InputError for one who has none."""
    known = {card.holder for card in cards}
    for holder in holders:
        if holder not in known:
            raise InputError(f"{holder} has no finished card in this run", hint="See `cardcore personalise report`.")
    yield from (card for card in cards if not holders or card.holder in holders)
