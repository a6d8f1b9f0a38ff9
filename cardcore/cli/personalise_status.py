"""`cardcore personalise status` and `report`: how far runs are, which stations work, what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cardcore.cli import files
from cardcore.cli.context import Context, pass_context
from cardcore.cli.errors import OptionError
from cardcore.cli.options import TEXT, examples
from cardcore.cli.output import table
from cardcore.cli.personalise_run import journal_place, opened_journal, run_option, store_option

if TYPE_CHECKING:
    from cardcore.personalise.journal import Journal
    from cardcore.personalise.records import CardRecord, Run
    from cardcore.personalise.report import RunReport
    from cardcore.personalise.station_records import StationRecord

FORMS = ("html", "json", "csv", "revocations")


@click.command(
    epilog=examples(
        "cardcore personalise status staff.yaml", "cardcore personalise --status --store postgresql://bureau@db/cards"
    )
)
@click.argument("plan", metavar="[PLAN]", required=False, type=click.Path(dir_okay=False, path_type=Path))
@store_option
@pass_context
def status(context: Context, plan: Path | None, store: str | None) -> None:
    """Show every run of a journal: how far it is, its stations, cards that wait for somebody."""
    from cardcore.personalise.station_records import stations

    with opened_journal(_place(store, plan)) as journal:
        documents, lines = [], []
        for run in journal.runs():
            working = stations(journal.store, run.id)
            documents.append(_run_document(journal, run, working))
            lines += _run_lines(journal, run, working)
    context.output.result({"runs": documents}, lines or "the journal has no run yet")


def _place(store: str | None, plan: Path | None) -> str:
    if store is None and plan is None:
        raise OptionError("which journal?", hint="Name the plan, or the journal with --store.")
    return store if plan is None and store is not None else journal_place(store, plan or Path())


def _unfinished(journal: Journal, run: Run) -> list[CardRecord]:
    from cardcore.personalise.states import CardState

    return journal.cards(run.id, CardState.PARKED, CardState.WAITING)


def _run_document(journal: Journal, run: Run, working: list[StationRecord]) -> dict[str, object]:
    from cardcore.personalise.reasons import PARKINGS
    from cardcore.personalise.report_forms import moment

    totals = journal.totals(run.id)
    return {
        "run": run.name,
        "plan": run.plan,
        "started": moment(run.started_at),
        "ended": moment(run.ended_at),
        "holders": totals.holders,
        "done": totals.done,
        "active": totals.active,
        "parked": totals.parked,
        "waiting": totals.waiting,
        "stations": [
            {
                "station": one.name,
                "since": moment(one.since),
                "silent": round(one.silent, 1),
                "ended": one.ended,
                "working": one.working,
                "done": one.done,
            }
            for one in working
        ],
        "cards": [
            {
                "holder": card.holder,
                "serial": card.serial,
                "state": card.state.value,
                "reason": card.reason,
                "detail": card.detail,
                "advice": None if card.reason is None else PARKINGS[card.reason].advice,
                "station": card.station or None,
            }
            for card in _unfinished(journal, run)
        ],
    }


def _run_lines(journal: Journal, run: Run, working: list[StationRecord]) -> list[str]:
    from cardcore.personalise.reasons import PARKINGS

    totals = journal.totals(run.id)
    lines = [f"run {run.name}: {totals.done} of {totals.holders} holders have their card, {totals.active} in work"]
    if working:
        rows = [
            (one.name, "ended" if one.ended else f"heard of {one.silent:.0f} s ago", str(one.working), str(one.done))
            for one in working
        ]
        lines += table(("station", "state", "in work", "done"), rows)
    unfinished = _unfinished(journal, run)
    if unfinished:
        rows = [
            (card.serial, card.holder, card.reason or "", PARKINGS[card.reason].advice if card.reason else "")
            for card in unfinished
        ]
        lines += table(("parked card", "holder", "reason", "what to do"), rows)
    return lines


@click.command(
    epilog=examples(
        "cardcore personalise report staff.yaml --out report.html",
        "cardcore personalise report staff.yaml --form csv --out cards.csv",
        "cardcore personalise report staff.yaml --form revocations",
        "cardcore personalise report staff.yaml --card 12345678 --out card.html",
    )
)
@click.argument("plan", metavar="PLAN", type=click.Path(dir_okay=False, path_type=Path))
@store_option
@run_option
@click.option("--form", type=click.Choice(FORMS), help="Default: by the name of --out, else json.")
@click.option("--card", type=TEXT, metavar="SERIAL", help="Certificate of personalisation of one card: html or json.")
@click.option("--out", metavar="FILE", help="Where to write it; default: stdout.")
@pass_context
def report(
    context: Context,
    plan: Path,
    store: str | None,
    run_name: str | None,
    form: str | None,
    card: str | None,
    out: str | None,
) -> None:
    """Write what came of a run: a page with charts, JSON, its cards or revocations as CSV."""
    files.check_target(out)
    chosen = form or _form_of(out)
    if card is not None and chosen not in ("html", "json"):
        raise OptionError(f"a single card has no form {chosen}", hint="Use --form html or json.")
    with opened_journal(journal_place(store, plan)) as journal:
        run = journal.run(run_name or plan.stem)
        text = _card_text(journal, run, card, chosen) if card is not None else _run_text(journal, run, chosen)
    if out is None:
        context.output.binary(text.encode())
        return
    Path(out).write_text(text, encoding="utf-8", newline="")
    context.output.result({"run": run.name, "form": chosen, "out": out}, f"written to {out}")


def _form_of(out: str | None) -> str:
    ending = Path(out or "").suffix.lstrip(".").lower()
    return {"htm": "html"}.get(ending, ending) if ending in (*FORMS, "htm") else "json"


def _run_text(journal: Journal, run: Run, form: str) -> str:
    from cardcore.personalise.report import read_report

    return _rendered(read_report(journal, run), form)


def _rendered(found: RunReport, form: str) -> str:
    import json

    from cardcore.personalise import report_forms
    from cardcore.personalise.report_html import report_page

    if form == "html":
        return report_page(found)
    if form == "csv":
        return report_forms.cards_table(found)
    if form == "revocations":
        return report_forms.revocations_table(found)
    return json.dumps(report_forms.report_document(found), indent=2, ensure_ascii=False) + "\n"


def _card_text(journal: Journal, run: Run, serial: str, form: str) -> str:
    import json

    from cardcore.cli.personalise_cards import newest_card
    from cardcore.personalise.card_certificate import read_card
    from cardcore.personalise.report_forms import card_document
    from cardcore.personalise.report_html import card_page

    found = read_card(journal, newest_card(journal, run, serial).id)
    return card_page(found) if form == "html" else json.dumps(card_document(found), indent=2, ensure_ascii=False) + "\n"
