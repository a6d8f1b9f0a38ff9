"""`cardcore personalise retry`: parked cards that a person lets go on, one or a box of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cardcore.cli import files
from cardcore.cli.context import Context, pass_context
from cardcore.cli.errors import OptionError
from cardcore.cli.options import TEXT, examples
from cardcore.cli.output import count, table
from cardcore.cli.personalise_run import journal_place, opened_journal, run_option, store_option
from cardcore.errors import InputError
from cardcore.lines import is_line
from cardcore.personalise.reasons import Reason

if TYPE_CHECKING:
    from cardcore.cli.output import Output
    from cardcore.personalise.journal import Journal
    from cardcore.personalise.records import CardRecord, Run
    from cardcore.personalise.retrying import Asked, Verdict

REASONS = tuple(reason.value for reason in Reason)
_STDIN = "-"


@click.command(
    epilog=examples(
        "cardcore personalise retry staff.yaml 12345678",
        "cardcore personalise retry staff.yaml --reason issuer-refused --dry-run",
        "cardcore personalise retry staff.yaml --station desk-2",
        "cardcore personalise retry staff.yaml - < scanned.txt",
    )
)
@click.argument("plan", metavar="PLAN", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("cards", type=TEXT, metavar="[CARD]...", nargs=-1)
@click.option(
    "--holder", "holders", type=TEXT, multiple=True, metavar="ID", help="This holder's card; may be repeated."
)
@click.option(
    "--reason",
    "reasons",
    type=click.Choice(REASONS),
    metavar="REASON",
    multiple=True,
    help="The cards that are parked for this, as `status` tells it; may be repeated.",
)
@click.option("--all", "every", is_flag=True, help="The cards that wait for a decision, and are helped by `retry`.")
@click.option(
    "--station",
    "stations",
    type=TEXT,
    multiple=True,
    metavar="NAME",
    help="Of those only the ones that were last at this station; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and change nothing.")
@store_option
@run_option
@pass_context
def retry(
    context: Context,
    plan: Path,
    cards: tuple[str, ...],
    holders: tuple[str, ...],
    reasons: tuple[str, ...],
    every: bool,
    stations: tuple[str, ...],
    dry_run: bool,
    store: str | None,
    run_name: str | None,
) -> None:
    """Let parked cards go on, after whatever parked them was put right.

    They are named, each CARD by its serial number (- reads numbers from stdin, one a line), or chosen by --reason,
    --station or --all. What is done is told for each; one that is not parked keeps none of the others from going on.
    """
    _require_choice(named=bool(cards or holders), chosen=bool(reasons or every or stations))
    if every and reasons:
        raise OptionError("--all and --reason exclude each other", hint="--all is for every reason that `retry` helps.")
    with opened_journal(journal_place(store, plan)) as journal:
        run = journal.run(run_name or plan.stem)
        if len(cards) == 1 and not holders and not dry_run and cards[0] != _STDIN:
            _one(context.output, journal, run, cards[0])
            return
        asked = _named(journal, run, cards, holders) if cards or holders else _chosen(journal, run, reasons, stations)
        _several(context.output, journal, run, asked, dry_run=dry_run)


def _require_choice(*, named: bool, chosen: bool) -> None:
    """OptionError unless cards are either named or chosen."""
    if named and chosen:
        raise OptionError(
            "cards are either named or chosen", hint="Leave out the cards, or --reason, --all, --station."
        )
    if not (named or chosen):
        raise OptionError(
            "which cards?", hint="Name them, or their --holder; or choose them with --reason, --station or --all."
        )


def _one(output: Output, journal: Journal, run: Run, serial: str) -> None:
    from cardcore.cli.personalise_cards import newest_card

    found = journal.retry(newest_card(journal, run, serial).id)
    people = f"the card {found.serial} of {found.holder} goes on when it is inserted in a run"
    output.result(_described(found), people)


def _named(journal: Journal, run: Run, cards: Iterable[str], holders: Iterable[str]) -> list[Asked]:
    from cardcore.personalise.retrying import named

    return named(journal, run, list(_serials(cards)), holders)


def _serials(cards: Iterable[str]) -> Iterator[str]:
    """The serial numbers as given, those on stdin in the place of the dash."""
    for card in cards:
        if card != _STDIN:
            yield card
            continue
        text = files.read(_STDIN).decode("utf-8", "surrogateescape")
        for line in filter(None, map(str.strip, text.splitlines())):
            if not is_line(line):
                raise InputError("a line on stdin is no serial number", hint="Give one in each line, in UTF-8.")
            yield line


def _chosen(journal: Journal, run: Run, reasons: Iterable[str], stations: Iterable[str]) -> list[Asked]:
    from cardcore.personalise.retrying import chosen

    return chosen(journal, run, frozenset(map(Reason, reasons)), frozenset(stations))


def _several(output: Output, journal: Journal, run: Run, asked: list[Asked], *, dry_run: bool) -> None:
    """Decide about each, tell it, and end with InputError if one that was named cannot go on."""
    from cardcore.personalise.retrying import Answer, let_go_on

    verdicts = list(let_go_on(journal, asked, dry_run=dry_run))
    counts = {answer: sum(one.answer is answer for one in verdicts) for answer in Answer}
    document = {
        "run": run.name,
        "dry_run": dry_run,
        "go_on": counts[Answer.GOES_ON],
        "left": counts[Answer.LEFT],
        "refused": counts[Answer.REFUSED],
        "cards": [_verdict_document(one) for one in verdicts],
    }
    lines = _lines(verdicts, counts[Answer.GOES_ON], dry_run=dry_run)
    output.result(document, lines or f"there is no such card in the run {run.name}; nothing was done")
    if counts[Answer.REFUSED]:
        raise InputError(
            f"{counts[Answer.REFUSED]} of {count(len(verdicts), 'card')} cannot go on",
            hint="Each of them says why. The decision about the others stands.",
        )


def _lines(verdicts: list[Verdict], number: int, *, dry_run: bool) -> list[str]:
    if not verdicts:
        return []
    rows = [_row(one, dry_run=dry_run) for one in verdicts]
    go = "would go on" if dry_run else "goes on" if number == 1 else "go on"
    told = f"{count(number, 'card')} {go} when inserted in a run"
    return [*table(("card", "holder", "parked for", "now"), rows), told]


def _row(one: Verdict, *, dry_run: bool) -> tuple[str, str, str, str]:
    now = _now(one, dry_run=dry_run)
    return (one.name, "", "", now) if one.card is None else (one.card.serial, one.card.holder, one.was or "", now)


def _now(one: Verdict, *, dry_run: bool) -> str:
    from cardcore.personalise.retrying import Answer

    words = {
        Answer.GOES_ON: "would go on" if dry_run else "goes on",
        Answer.LEFT: "left as it is",
        Answer.REFUSED: "refused",
    }[one.answer]
    return f"{words}: {one.note}" if one.note else words


def _verdict_document(one: Verdict) -> dict[str, object]:
    card = dict.fromkeys(_DESCRIBED) if one.card is None else _described(one.card)
    return {"asked": one.name, "answer": one.answer.value, "note": one.note or None, "was": one.was, **card}


_DESCRIBED = ("card", "holder", "profile", "serial", "state", "reason", "detail")


def _described(card: CardRecord) -> dict[str, object]:
    values = (card.id, card.holder, card.profile, card.serial, card.state, card.reason, card.detail)
    return dict(zip(_DESCRIBED, values, strict=True))
