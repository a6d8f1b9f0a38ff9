"""The top of the command: its global options, the table of commands, and the end of every error."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import click

from cardcore import __version__
from cardcore.cli import errors
from cardcore.cli.context import Context, logging_to_stderr
from cardcore.cli.lazy import COMPLETION, PROGRAM, Entry, LazyGroup
from cardcore.cli.options import examples
from cardcore.cli.output import Output


class Root(LazyGroup):
    """All commands, in the order in which a person meets them."""

    table: ClassVar[Mapping[str, Entry]] = {
        "readers": Entry("readers:readers", "List readers, their features, and the cards in them."),
        "info": Entry("info:info", "Show what is on the card."),
        "demo": Entry("demo:demo", "Show what cardcore does, on a software card."),
        "init": Entry("lifecycle:init", "Make a blank card usable."),
        "reset": Entry("lifecycle:reset", "Reset the card to its factory state."),
        "pin": Entry("pin:pin", "PINs: state, verify, change, unblock."),
        "admin": Entry("admin:admin", "The administrator's key: verify, change."),
        "key": Entry("key:key", "Key pairs: list, generate, import, delete, rename, public."),
        "cert": Entry("cert:cert", "Certificates: list, export, import, request, ..."),
        "sign": Entry("sign:sign", "Sign FILE, or stdin."),
        "verify": Entry("verify:verify", "Verify the signature of FILE, or stdin."),
        "decrypt": Entry("decrypt:decrypt", "Decrypt FILE, or stdin."),
        "object": Entry("object:objects", "Data objects: list, read, write."),
        "personalise": Entry("personalise:personalise", "Prepare cards from a plan: PINs, keys, certificates, data."),
        "profile": Entry("profile:profile", "Card profiles: list, show, check, explain, ..."),
        "apdu": Entry("apdu:apdu", "Send raw command APDUs and decode the replies."),
        "shell": Entry("shell:shell", "Type commands, one after the other."),
        "trace": Entry("trace:trace", "Traces that --trace recorded: show."),
        "soft": Entry("soft:soft", "Software cards: create, list, delete, attach."),
        "completion": Entry("completion:completion", "Print the completion script of a shell."),
    }
    aliases: ClassVar[Mapping[str, str]] = {"personalize": "personalise"}


@click.command(
    cls=Root,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "cardcore demo",
        "cardcore info",
        "cardcore key generate 9a --type rsa2048 --out public.pem",
        "cardcore sign --key 9a letter.txt --out letter.sig",
        "cardcore --reader soft:alice --json key list",
    ),
)
@click.option(
    "--reader", envvar="CARDCORE_READER", metavar="NAME", help="Reader's name or part of it, soft:NAME, replay:FILE."
)
@click.option("--profile", envvar="CARDCORE_PROFILE", metavar="NAME", help="Card profile to use; spares the search.")
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document; errors too, on stderr.")
@click.option(
    "--trace",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Record the exchange, secrets masked.",
)
@click.option(
    "--no-cache", is_flag=True, help="Neither use nor keep what is remembered of cards (CARDCORE_NO_CACHE=1)."
)
@click.option("-v", "--verbose", "verbosity", count=True, help="Say more; -vv shows every APDU, secrets masked.")
@click.version_option(version=__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def cardcore(
    ctx: click.Context,
    reader: str | None,
    profile: str | None,
    as_json: bool,
    trace: Path | None,
    no_cache: bool,
    verbosity: int,
) -> None:
    """Use smart cards: keys, PINs, certificates, signatures, decryption.

    Options stand before the command. Without --reader, the only reader that holds a supported card is used.
    PIN options take a source of the secret, never the secret: prompt, pad, env:VAR, file:PATH or fd:N.
    """
    ctx.with_resource(logging_to_stderr(verbosity, as_json=as_json))
    ctx.obj = Context(
        reader=reader or None,
        profile=profile or None,
        trace=trace,
        verbosity=verbosity,
        output=Output(json_wanted=as_json),
        cache=not no_cache,
    )


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status; every error is told here."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if os.environ.get(COMPLETION, "").startswith("powershell"):
        from cardcore.cli.completion import register

        register()
    try:
        cardcore.main(args=given, prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except SystemExit as end:  # completion, and a pipe that was closed
        return end.code if isinstance(end.code, int) else errors.EXIT_FAILED
    except (Exception, KeyboardInterrupt) as error:
        return _failed(error, given)
    return errors.EXIT_OK


def _failed(error: Exception | KeyboardInterrupt, given: Sequence[str]) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return errors.EXIT_USAGE
    if isinstance(error, OSError) and error.errno == errno.EPIPE:
        _silence()  # whoever read the answer has seen enough
        return errors.EXIT_FAILED
    verbosity = max((len(word) - 1 for word in given if word.startswith("-v") and not word.strip("-v")), default=0)
    return errors.show(error, as_json="--json" in given, verbosity=max(verbosity, given.count("-v")))


def _silence() -> None:
    """Let the interpreter's last flush go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
