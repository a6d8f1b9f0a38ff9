"""`cardcore personalise run`: the run itself, what it tells while it lasts, and its rehearsal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING

import click

from cardcore.cli.context import Context, pass_context
from cardcore.cli.errors import OptionError
from cardcore.cli.options import TEXT, examples
from cardcore.cli.output import count
from cardcore.cli.secrets import SOURCE, Source, obtain
from cardcore.errors import CardError, InputError
from cardcore.lines import shown

if TYPE_CHECKING:
    from cardcore.cli.output import Output
    from cardcore.personalise.envelope import Opener
    from cardcore.personalise.events import Event, Listener
    from cardcore.personalise.jobs import Enrolling, Job
    from cardcore.personalise.journal import Journal
    from cardcore.personalise.plan import Plan
    from cardcore.personalise.records import Run, Totals
    from cardcore.personalise.rehearsal import RehearsedStep


class Unfinished(CardError):
    """The run ended, and not every holder has a finished card."""

    code = "unfinished"


def store_option(function: click.decorators.FC) -> click.decorators.FC:
    """The option --store."""
    what = "Journal: a file, or postgresql://...; default: beside the plan, PLAN.journal."
    return click.option("--store", metavar="PLACE", envvar="CARDCORE_STORE", help=what)(function)


def run_option(function: click.decorators.FC) -> click.decorators.FC:
    """The option --run."""
    what = "Name of the run; default: the plan's file name."
    return click.option("--run", "run_name", type=TEXT, metavar="NAME", help=what)(function)


def unlock_option(function: click.decorators.FC) -> click.decorators.FC:
    """The options --unlock and --unlock-passphrase."""
    key = click.option(
        "--unlock", type=SOURCE, metavar="SRC", help="Source of a recipient's private key, for the journal's secrets."
    )
    passphrase = click.option("--unlock-passphrase", type=SOURCE, metavar="SRC", help="Source of that key's password.")
    return key(passphrase(function))


def journal_place(store: str | None, plan: Path) -> str:
    """Where the journal is: as given, else beside the plan."""
    return store or str(plan.with_suffix(".journal"))


def opened_journal(place: str) -> Journal:
    """A journal that is there already; InputError if there is none."""
    from cardcore.personalise.journal import Journal

    if "://" not in place and not Path(place).exists():
        raise InputError(f"there is no journal {place}", hint="Name it with --store, or run the plan first.")
    return Journal.open(place)


def opener_for(plan: Plan, unlock: Source | None, passphrase: Source | None) -> Opener | None:
    """Who opens the journal's secrets; None if no key was given."""
    if unlock is None:
        return None
    from cardcore.personalise.envelope import opener

    with ExitStack() as stack:
        key = stack.enter_context(obtain(unlock, "recipient's private key", "--unlock"))
        password = None
        if passphrase is not None:
            password = stack.enter_context(obtain(passphrase, "password of the key", "--unlock-passphrase"))
        return opener(key, password, plan.recipients)


@click.command(
    epilog=examples(
        "cardcore personalise staff.yaml --dry-run",
        "cardcore personalise staff.yaml --first 1",
        "cardcore personalise staff.yaml --resume --unlock file:issuer.key",
        "cardcore personalise staff.yaml --reader 'soft:*'",
    )
)
@click.argument("plan", metavar="PLAN", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--reader", "readers", multiple=True, metavar="NAME", help="Reader to use, or soft:NAME; may be repeated."
)
@store_option
@run_option
@click.option("--resume", is_flag=True, help="Go on with a run that was begun.")
@click.option("--accept-changed-plan", "accept", is_flag=True, help="With --resume: go on by the plan as it is now.")
@click.option("--first", "first", type=click.IntRange(min=1), metavar="N", help="Only the first N holders: a pilot.")
@click.option("--dry-run", is_flag=True, help="Show every command that would be sent, and send nothing.")
@unlock_option
@click.option(
    "--station", type=TEXT, metavar="NAME", help="This station's name among several (PostgreSQL); default: machine:pid."
)
@click.option(
    "--station-timeout",
    type=click.FloatRange(1, 3600),
    default=30.0,
    show_default=True,
    help="Seconds of silence after which another station counts as dead.",
)
@click.option("--on-take-out", "command", metavar="COMMAND", help="Run it when a card can be taken out; no shell.")
@click.option("--beep/--no-beep", default=True, help="Ring the terminal's bell when a card can be taken out.")
@click.option(
    "--patience",
    type=click.FloatRange(0, 86400),
    default=300.0,
    show_default=True,
    help="Seconds to wait for an issuer.",
)
@pass_context
def run(
    context: Context,
    plan: Path,
    readers: tuple[str, ...],
    store: str | None,
    run_name: str | None,
    resume: bool,
    accept: bool,
    first: int | None,
    dry_run: bool,
    unlock: Source | None,
    unlock_passphrase: Source | None,
    station: str | None,
    station_timeout: float,
    command: str | None,
    beep: bool,
    patience: float,
) -> None:
    """Prepare cards: put them in and take them out in any order, in all readers at once.

    Every step is in the journal before and after it happens. Ctrl-C ends the run after the steps that are being done;
    what is unfinished then, or after a power cut, is gone on with by --resume.
    """
    from cardcore.personalise.plan_reading import read_plan

    read = read_plan(plan)
    if dry_run:
        rehearse(context.output, read)
        return
    if accept and not resume:
        raise OptionError("there is nothing to accept in a new run", hint="--accept-changed-plan goes with --resume.")
    from cardcore.personalise.journal import Journal

    opener = opener_for(read, unlock, unlock_passphrase)
    with ExitStack() as stack:
        journal = stack.enter_context(Journal.open(journal_place(store, plan)))
        if station is not None and not journal.store.is_shared:
            raise OptionError("stations share a database", hint="Name it with --store postgresql://USER@HOST/DATABASE.")
        stack.enter_context(journal.store.alone())
        begun = begin(journal, read, run_name or plan.stem, resume=resume)
        enrolling = enrol(context.output, journal, read, begun, resume=resume, accept=accept)
        emit = stack.enter_context(_listening(context.output, _words(command), beep=beep))
        job = _job(journal, read, begun, enrolling, emit, opener, first, patience)
        if journal.store.is_shared:
            job = _as_station(stack, job, station, station_timeout)
        names = readers or ((context.reader,) if context.reader else ())
        totals = _run(job, names, resume=resume)
    _tell_end(begun, totals)


def _words(command: str | None) -> list[str]:
    """A command line in words, as a shell would split it; nothing in it is expanded."""
    import shlex

    try:
        return shlex.split(command or "")
    except ValueError as error:
        raise OptionError(f"--on-take-out cannot be split into words: {error}", hint="Close its quotes.") from error


def _as_station(stack: ExitStack, job: Job, name: str | None, silent: float) -> Job:
    """The job as one station's part of the run, until the stack ends."""
    from dataclasses import replace

    from cardcore.personalise.stations import Pace, Station, station_name

    pace = Pace(beat=silent / 6, silent=silent)
    part = Station(job.journal, job.run.id, name or station_name(), within=job.within, pace=pace)
    return replace(job, station=stack.enter_context(part))


def begin(journal: Journal, plan: Plan, name: str, *, resume: bool) -> Run:
    """The run, new or gone on with. Stations join the one that the first has begun."""
    from cardcore.personalise.card_secrets import require_sources
    from cardcore.personalise.plan_parts import parts_of

    require_sources(plan)
    if resume:
        return journal.run(name)
    enter = journal.join if journal.store.is_shared else journal.begin
    return enter(name, plan=shown(str(plan.file)), digest=plan.digest.hex(), parts=parts_of(plan))


def _accept(output: Output, journal: Journal, begun: Run, plan: Plan) -> None:
    """The run is by the plan as it is now."""
    from cardcore.personalise.plan_changes import accept_changes

    different, parked = accept_changes(journal, begun, plan)
    if different:
        waiting = f"; {count(len(parked), 'card')} that were begun wait for a decision" if parked else ""
        output.note(f"accepted: {', '.join(different)}{waiting}")


def enrol(output: Output, journal: Journal, plan: Plan, begun: Run, *, resume: bool, accept: bool) -> Enrolling:
    """The run's holders, in the journal; PlanChanged if the run was begun by another plan that is not accepted."""
    from cardcore.personalise.jobs import Enrolling
    from cardcore.personalise.plan_changes import require_unchanged

    if accept:
        _accept(output, journal, begun, plan)
    else:
        require_unchanged(journal, begun, plan)
    enrolling = Enrolling(plan)
    journal.enrol(begun.id, enrolling, complete=True)
    if gone := journal.totals(begun.id).gone:
        output.note(f"{count(gone, 'holder')} without a card stand in the plan's source no more, and get none")
    if resume:
        journal.park_abandoned(begun.id)
    return enrolling


def _job(
    journal: Journal,
    plan: Plan,
    begun: Run,
    enrolling: Enrolling,
    emit: Listener,
    opener: Opener | None,
    first: int | None,
    patience: float,
) -> Job:
    from cardcore.personalise.jobs import IssuerShelf, Job, every_profile, keeping_for

    return Job(
        run=begun,
        plan=plan,
        journal=journal,
        issuers=IssuerShelf(plan),
        keeping=keeping_for(plan, opener),
        profiles=every_profile(),
        emit=emit,
        stop=Flag(),
        secret_fields=enrolling.secret_fields,
        within=first,
        patience=patience,
    )


def _run(job: Job, readers: tuple[str, ...], *, resume: bool) -> Totals:
    from cardcore.personalise.reader_sources import reader_source
    from cardcore.personalise.runner import Runner

    source = reader_source(readers)
    try:
        return Runner(job, source).run(resumed=resume)
    finally:
        source.close()
        job.issuers.close()


def _tell_end(begun: Run, totals: Totals) -> None:
    """Unfinished if somebody has no card yet: the exit status says so to programs."""
    left = totals.holders - totals.done
    if left:
        raise Unfinished(
            f"{left} of {totals.holders} holders have no finished card",
            hint=f"Go on with --resume; `cardcore personalise status` tells what is parked in the run {begun.name}.",
        )


@contextmanager
def _listening(output: Output, command: list[str], *, beep: bool) -> Iterator[Listener]:
    """Who hears of the run's events: a live view where a person watches, else a line for each; and his command."""
    import sys

    with ExitStack() as stack:
        listeners: list[Listener] = []
        if output.json_wanted or not sys.stdout.isatty():
            listeners.append(lambda event: _tell(output, event))
        else:
            from rich.console import Console

            from cardcore.cli.personalise_view import live_view

            listeners.append(stack.enter_context(live_view(Console(), beep=beep)))
        if command:
            from cardcore.personalise.calling import Caller

            listeners.append(stack.enter_context(Caller(command)))

        def emit(event: Event) -> None:
            for listener in listeners:
                listener(event)

        yield emit


def _tell(output: Output, event: Event) -> None:
    from cardcore.cli.personalise_events import document, sentence

    text = sentence(event)
    if text or output.json_wanted:
        output.event(document(event), text)


def rehearse(output: Output, plan: Plan) -> None:
    """Show the commands of every step for each kind of card in the plan."""
    from cardcore.personalise.rehearsal import rehearsal

    parts = rehearsal(plan)
    document = {
        "plan": plan.name,
        "cards": {profile: [_step_document(step) for step in steps] for profile, steps in parts.items()},
    }
    lines: list[str] = []
    for profile, steps in parts.items():
        lines.append(f"each card of the profile {profile}:")
        lines += [line for step in steps for line in _step_lines(step)]
    output.result(document, lines)


def _step_document(step: RehearsedStep) -> dict[str, object]:
    return {
        "step": step.name,
        "operations": [
            {
                "operation": one.operation,
                "apdus": [line.replace(" ", "") for command in one.commands for line in command.sent],
                "problem": one.problem or None,
            }
            for one in step.operations
        ],
    }


def _step_lines(step: RehearsedStep) -> list[str]:
    lines = [f"  {step.name}"]
    for one in step.operations:
        lines += [f"    > {line}" for command in one.commands for line in command.sent]
        lines += [f"    {one.operation}: {one.problem}"] if one.problem else []
    return lines
