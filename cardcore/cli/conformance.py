"""`cardcore profile test`: whether a card does what its profile says."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cardcore.cli import files
from cardcore.cli.context import Context, pass_context
from cardcore.cli.errors import OptionError
from cardcore.cli.lifecycle import typed_serial
from cardcore.cli.options import admin_option, examples, pin_option, puk_option
from cardcore.cli.output import count, table
from cardcore.cli.profilenames import PROFILE
from cardcore.cli.progress import working
from cardcore.cli.secrets import Source, obtain, obtain_key
from cardcore.errors import CardError

if TYPE_CHECKING:
    from cardcore.conformance import Report, Secrets
    from cardcore.profile.model import Profile


class ConformanceFailed(CardError):
    """The card does not do what its profile says."""

    code = "conformance-failed"


@click.command(
    epilog=examples(
        "cardcore profile test ./mycard.yaml --pin prompt --report report.html",
        "cardcore profile test ./mycard.yaml --reader soft:alice --pin env:PIN --destructive --serial 12345678",
    )
)
@click.argument("name", metavar="FILE|NAME", type=PROFILE)
@click.option("--reader", metavar="NAME", help="As the global option.")
@pin_option
@puk_option
@admin_option
@click.option("--destructive", is_flag=True, help="Also change PINs, make, import and delete keys and certificates.")
@click.option(
    "--serial", default="", metavar="SERIAL", help="With --destructive: the card's serial number; spares typing it."
)
@click.option("--slow", is_flag=True, help="Also make RSA keys that take a card minutes.")
@click.option("--report", metavar="FILE", help="Write an HTML report that needs no other file.")
@pass_context
def test(
    context: Context,
    name: str,
    reader: str | None,
    pin: Source | None,
    puk: Source | None,
    admin: Source | None,
    destructive: bool,
    serial: str,
    slow: bool,
    report: str | None,
) -> None:
    """Test a card against its profile.

    Every signature and decryption is verified in software. A wrong PIN is tried only where two tries are left after
    it. Nothing on the card is changed without --destructive; with it, its keys and certificates are lost.
    """
    from cardcore.conformance import Wishes, conform
    from cardcore.profile import catalog

    if destructive and not serial and not sys.stdin.isatty():
        raise OptionError(
            "a destructive run has to be confirmed", hint="Add --serial with the serial number that `info` shows."
        )
    files.check_target(report)
    chosen = context if reader is None else replace(context, reader=reader)
    if destructive and not serial:
        with replace(chosen, profile=name).card() as card:
            serial = typed_serial(card.serial() or card.profile.id)
    wishes = Wishes(destructive=destructive, serial=serial, slow=slow)
    with ExitStack() as stack:
        secrets = _secrets(stack, catalog.load(name), pin, puk, admin)
        transport = stack.enter_context(chosen.transport())
        with working("testing the card"):
            found = conform(transport, name, secrets, wishes)
    _write(report, found)
    context.output.result({**_document(found), "report": report}, _people(found))
    failed = [step for step in found.steps if step.outcome == "failed"]
    if failed:
        raise ConformanceFailed(
            f"{count(len(failed), 'step')} failed, the first: {failed[0].group}: {failed[0].name}: {failed[0].detail}",
            hint="See what was sent with --trace FILE, and compare it with `cardcore profile explain`.",
        )


def _secrets(
    stack: ExitStack, profile: Profile, pin: Source | None, puk: Source | None, admin: Source | None
) -> Secrets:
    from cardcore.conformance import Secrets

    binary = profile.admin is not None and not profile.admin.pin
    admin_key = obtain_key if binary else obtain
    return Secrets(
        pin=None if pin is None else stack.enter_context(obtain(pin, "PIN", "--pin")),
        puk=None if puk is None else stack.enter_context(obtain(puk, "PUK", "--puk")),
        admin=None if admin is None else stack.enter_context(admin_key(admin, "admin key", "--admin")),
    )


def _write(report: str | None, found: Report) -> None:
    from cardcore.conformance.html import page

    if report is not None:
        Path(report).write_text(page(found), encoding="utf-8")


def _document(found: Report) -> dict[str, object]:
    from cardcore.conformance import Outcome

    return {
        "reader": found.reader,
        "atr": found.atr,
        "profile": {"id": found.profile, "name": found.name, "verified": found.verified},
        "serial": found.serial or None,
        "destructive": found.destructive,
        "started": found.started,
        "seconds": found.seconds,
        "commands": found.commands,
        "passed": found.count(Outcome.PASSED),
        "failed": found.count(Outcome.FAILED),
        "refused": found.count(Outcome.REFUSED),
        "left_out": found.count(Outcome.LEFT_OUT),
        "steps": [
            {
                "group": step.group,
                "name": step.name,
                "outcome": step.outcome.value,
                "detail": step.detail,
                "commands": step.commands,
                "milliseconds": step.milliseconds,
            }
            for step in found.steps
        ],
        "operations": [{"name": name, "run": ran} for name, ran in found.operations.items()],
    }


def _people(found: Report) -> list[str]:
    from cardcore.conformance import Outcome

    rows = [
        (step.group, step.name, step.outcome.value, str(step.commands), f"{step.milliseconds:.0f}", step.detail)
        for step in found.steps
    ]
    missing = [name for name, ran in found.operations.items() if not ran]
    counted = ", ".join(f"{found.count(outcome)} {outcome.value}" for outcome in Outcome)
    lines = [*table(("OF", "STEP", "RESULT", "APDUS", "MS", ""), rows), ""]
    lines += [f"operations not run: {', '.join(missing)}"] if missing else []
    return [*lines, f"{counted}; {count(found.commands, 'APDU')} in {found.seconds:.1f} s"]
