"""`cardcore personalise`: cards prepared from a plan, one or ten thousand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import click

from cardcore.cli import findings
from cardcore.cli.context import Context, pass_context
from cardcore.cli.lazy import Entry, LazyGroup
from cardcore.cli.options import examples
from cardcore.cli.output import count
from cardcore.errors import ProfileError

DEFAULT = "run"
"""The command that is meant where none is named: `personalise PLAN` is `personalise run PLAN`."""

STATUS = "--status"


class Personalise(LazyGroup):
    """The commands about plans. The first argument is one of them, or a plan for the first of them."""

    table: ClassVar[Mapping[str, Entry]] = {
        "run": Entry("personalise_run:run", "Prepare cards; meant where no command is named."),
        "status": Entry("personalise_status:status", "Show runs, their stations, parked cards."),
        "report": Entry("personalise_status:report", "Write what came of a run, or of one card."),
        "retry": Entry("personalise_retry:retry", "Let parked cards go on."),
        "settle": Entry("personalise_settle:settle", "Find out which of two secrets a card has."),
        "undo": Entry("personalise_cards:undo", "Reset a card; its holder gets another one."),
        "replace": Entry("personalise_cards:replace", "Give a holder another card."),
        "letters": Entry("personalise_letters:letters", "Write the PIN letters of finished cards."),
        "check": Entry("personalise:check", "Check a plan, its holders and its secrets."),
        "schema": Entry("personalise:schema", "Print the JSON schema of plans."),
    }

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments, with the name of the command that is meant where none is named."""
        return super().parse_args(ctx, with_command(args, self.table))


def with_command(arguments: Sequence[str], commands: Mapping[str, object]) -> list[str]:
    """Arguments that begin with a command's name: `PLAN ...` runs a plan, `--status` asks for the status.

    A plan that is named like a command is written ./NAME.
    """
    given = list(arguments)
    if not given or given[0] in commands or given[0] in ("-h", "--help"):
        return given
    if STATUS in given:
        return ["status", *(word for word in given if word != STATUS)]
    return [DEFAULT, *given]


@click.command(
    cls=Personalise,
    epilog=examples(
        "cardcore personalise check staff.yaml",
        "cardcore personalise staff.yaml --first 1",
        "cardcore personalise staff.yaml --resume",
        "cardcore personalise --status",
    ),
)
def personalise() -> None:
    """Prepare cards from a plan: PINs, keys, certificates, data.

    Without a command's name, PLAN is run. A plan that is named like a command is written ./NAME.
    """


@click.command(epilog=examples("cardcore personalise check staff.yaml"))
@click.argument("plan", metavar="PLAN", type=click.Path(dir_okay=False, path_type=Path))
@pass_context
def check(context: Context, plan: Path) -> None:
    """Check a plan, its holders and its secrets.

    Every error is told, with line and column and what to do; exit status 7 if there is one. No card and no issuer is
    needed.
    """
    from cardcore.personalise.plan_check import check_plan

    report = check_plan(plan)
    errors = len(report.errors)
    warnings = len(report.findings) - errors
    document = {
        "plan": str(plan),
        "name": report.plan.name if report.plan else None,
        "holders": report.holders,
        "cards": dict(report.cards),
        "findings": [findings.document(finding) for finding in report.findings],
        "unnamed": report.unnamed,
        "errors": errors,
    }
    people = [line for finding in report.findings for line in findings.lines(finding)]
    people += [f"and {count(report.unnamed, 'holder')} more with an error"] if report.unnamed else []
    people += [f"cards of the profile {name}: for {count(number, 'holder')}" for name, number in report.cards.items()]
    people.append(f"{count(report.holders, 'holder')}: {count(errors, 'error')}, {count(warnings, 'warning')}")
    context.output.result(document, people)
    if errors:
        first = report.errors[0]
        hint = first.hint or "Correct the plan."
        raise ProfileError(first.message, file=first.file, line=first.line, column=first.column, hint=hint)


@click.command(epilog=examples("cardcore personalise schema > cardcore-plan.json"))
@pass_context
def schema(context: Context) -> None:
    """Print the JSON schema of plans, for editors that complete and check while you type."""
    from cardcore.personalise.plan_schema import build

    built = build()
    context.output.result(built, json.dumps(built, indent=2))
