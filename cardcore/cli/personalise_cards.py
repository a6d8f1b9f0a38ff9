"""`cardcore personalise undo`, `replace`: cards that count no longer, as people decide."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cardcore.cli.context import Context, pass_context
from cardcore.cli.errors import OptionError
from cardcore.cli.options import TEXT, examples
from cardcore.cli.output import count, table
from cardcore.cli.personalise_run import journal_place, opened_journal, run_option, store_option
from cardcore.errors import InputError

if TYPE_CHECKING:
    from cardcore.personalise.journal import Journal
    from cardcore.personalise.records import CardRecord, CertificateRecord, Run

_plan = click.argument("plan", metavar="PLAN", type=click.Path(dir_okay=False, path_type=Path))


def newest_card(journal: Journal, run: Run, serial: str) -> CardRecord:
    """The newest card of the run with this serial number."""
    known = [one for one in journal.cards(run.id) if one.serial.lower() == serial.lower()]
    if not known:
        raise InputError(f"the run {run.name} has no card {serial}", hint="See `cardcore personalise report`.")
    return known[-1]


@click.command(
    epilog=examples("cardcore personalise undo staff.yaml", "cardcore --reader soft:a personalise undo p.yaml")
)
@_plan
@store_option
@click.option("--yes-destroy", metavar="SERIAL", help="Serial number of the card; spares typing it.")
@pass_context
def undo(context: Context, plan: Path, store: str | None, yes_destroy: str | None) -> None:
    """Reset the card in the reader to its factory state; its holder gets another one.

    Everything on the card is lost. Its certificates are listed for revocation.
    """
    from cardcore.personalise.undoing import undo as undo_card

    with opened_journal(journal_place(store, plan)) as journal, context.card() as card:
        serial = card.serial()
        record = journal.find(card.profile.id, serial)
        if record is None:
            raise InputError(
                f"the card {serial} is nobody's in this journal", hint="Reset it with `cardcore reset`, if need be."
            )
        _confirm(context, card.holdings(), record, yes_destroy)
        revoked = undo_card(journal, card, record)
    lines = [f"the card {serial} is as it left the factory; {record.holder} gets another one"]
    context.output.result(_ended(record, revoked), lines + _revocation_lines(revoked))


def _confirm(context: Context, holdings: list[str], record: CardRecord, given: str | None) -> None:
    """The serial number, given or typed, after what is lost was named; OptionError otherwise."""
    what = ", ".join(holdings) or "nothing"
    context.output.note(f"The card {record.serial} of {record.holder} holds {what}. All of it is lost.")
    if given is None:
        if not sys.stdin.isatty():
            raise OptionError("nobody can be asked", hint=f"Say which card: --yes-destroy {record.serial}.")
        given = click.prompt("Type the card's serial number to reset it", err=True)
    if given != record.serial:
        raise OptionError("that is not the card's serial number; nothing was changed", hint=f"It is {record.serial}.")


@click.command(epilog=examples("cardcore personalise replace staff.yaml 1001 --why lost"))
@_plan
@click.argument("holder", type=TEXT, metavar="HOLDER")
@click.option("--why", type=TEXT, default="replaced", show_default=True, help="Why; it is noted with the certificates.")
@store_option
@run_option
@pass_context
def replace(context: Context, plan: Path, holder: str, why: str, store: str | None, run_name: str | None) -> None:
    """Give a holder another card: the next one that is inserted.

    The old one counts no longer, wherever it is. Its certificates are listed for revocation.
    """
    from cardcore.personalise.undoing import replace as replace_card

    with opened_journal(journal_place(store, plan)) as journal:
        run = journal.run(run_name or plan.stem)
        record, revoked = replace_card(journal, run, holder, why)
    lines = [f"{holder} gets another card; the card {record.serial} counts no longer"]
    context.output.result(_ended(record, revoked), lines + _revocation_lines(revoked))


def _ended(record: CardRecord, revoked: list[CertificateRecord]) -> dict[str, object]:
    certificates = [
        {"key": one.key, "issuer": one.issuer, "serial": one.serial, "subject": one.subject, "reference": one.reference}
        for one in revoked
    ]
    return {"holder": record.holder, "serial": record.serial, "revoke": certificates}


def _revocation_lines(revoked: list[CertificateRecord]) -> list[str]:
    if not revoked:
        return []
    rows = [(one.key, one.serial or "maybe issued", one.issuer or one.reference) for one in revoked]
    return [f"{count(len(revoked), 'certificate')} to be revoked:", *table(("key", "serial", "issuer"), rows)]
