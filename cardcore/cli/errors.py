"""From an exception to what the person sees, and to the exit status: the one place where that is decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeGuard

import click

from cardcore.errors import (
    AdminRequired,
    CardError,
    InputError,
    LastTry,
    NoCard,
    NoReader,
    NoService,
    NotFound,
    NotSupported,
    PinBlocked,
    PinEntryCancelled,
    PinEntryLength,
    PinEntryMismatch,
    PinEntryTimeout,
    PinError,
    PinRequired,
    ProfileError,
    TransportError,
)
from cardcore.lines import shown
from cardcore.sources import SourceError


class OptionError(InputError):
    """An option is missing, or what it names cannot be used."""

    code = "usage"


class BadSignature(CardError):
    """A signature is not by the key, or not of the data."""

    code = "bad-signature"
    default_hint = "Was it made with the same file, key, --hash, --scheme and --no-oid?"


EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

# The most special class that an error belongs to decides.
EXIT_STATUS: Mapping[type[BaseException], int] = {
    Exception: EXIT_FAILED,
    CardError: EXIT_FAILED,
    OptionError: EXIT_USAGE,
    SourceError: EXIT_USAGE,
    PinRequired: EXIT_USAGE,
    AdminRequired: EXIT_USAGE,
    click.UsageError: EXIT_USAGE,
    NoService: 3,
    NoReader: 3,
    NoCard: 3,
    PinError: 4,
    PinBlocked: 5,
    NotSupported: 6,
    ProfileError: 7,
    TransportError: 8,
    PinEntryCancelled: 9,
    PinEntryTimeout: 10,
    PinEntryMismatch: 11,
    PinEntryLength: 12,
    click.Abort: EXIT_INTERRUPTED,
    KeyboardInterrupt: EXIT_INTERRUPTED,
}

_GLOBAL_OPTIONS = frozenset({"--reader", "--profile", "--json", "--trace", "--no-cache", "-v", "-vv", "--verbose"})
_HINTS: Mapping[type[CardError], str] = {
    LastTry: "Make sure of it, then repeat the command with --last-try: a wrong one blocks it."
}
_OPTIONAL = frozenset({"alembic", "fpdf", "httpx", "pyasn1", "pyasn1_alt_modules", "sqlalchemy"})
_OPTIONAL_ON_STATIONS = frozenset({"procrastinate", "psycopg"})
_FALLBACK_HINTS: Mapping[type[BaseException], str] = {
    ProfileError: "Correct the file; `cardcore profile check` tells all that is wrong with a profile.",
    InputError: "See what the command takes: --help.",
    NotSupported: "`cardcore profile show` tells what this kind of card can do.",
    NotFound: "`cardcore info` and `cardcore object list` tell what is on the card.",
}
_FALLBACK_HINT = "Run it again with -vv to see every step."


class Report(NamedTuple):
    """An error as it is told; `sw` is the status word in hexadecimal."""

    code: str
    message: str
    hint: str
    sw: str | None = None
    tries_left: int | None = None


def exit_status(error: BaseException) -> int:
    """The exit status of the command that an error ended."""
    return next(EXIT_STATUS[kind] for kind in type(error).__mro__ if kind in EXIT_STATUS)


def report_of(error: BaseException) -> Report:
    """What there is to say about an error."""
    if isinstance(error, CardError):
        sw, left = getattr(error, "sw", None), getattr(error, "tries_left", None)
        return Report(
            code=error.code,
            message=_one_line(error.message),
            hint=_one_line(_HINTS.get(type(error), error.hint)) or _fallback(error),
            sw=None if sw is None else f"{sw:04X}",
            tries_left=left,
        )
    if isinstance(error, click.UsageError):
        return Report(code="usage", message=_usage_message(error), hint=_usage_hint(error))
    if isinstance(error, click.ClickException):
        return Report(code="failed", message=_one_line(error.format_message()), hint=_FALLBACK_HINT)
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return Report(code="interrupted", message="interrupted", hint="What was not confirmed may not have happened.")
    if isinstance(error, ModuleNotFoundError) and (extra := _extra_of(error)):
        missing = f"{error.name} is not installed, which this command needs"
        return Report(code="not-installed", message=missing, hint=f"Install it: pip install 'cardcore[{extra}]'")
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return Report(code="file", message=f"{where}{error.strerror or error}", hint="Check the path and your rights.")
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Report(
        code="internal", message=_one_line(f"unexpected: {what}"), hint="Please report it with what -vv shows."
    )


def _fallback(error: CardError) -> str:
    """A hint for an error that brings none, by its kind."""
    return next((_FALLBACK_HINTS[kind] for kind in type(error).__mro__ if kind in _FALLBACK_HINTS), _FALLBACK_HINT)


def show(error: BaseException, *, as_json: bool, verbosity: int) -> int:
    """Tell the error on stderr and return the exit status.

    A traceback only from `-vv` on, and never for a wrong command line: there may be a secret in it.
    """
    if verbosity >= 2 and not isinstance(error, click.ClickException):
        import traceback

        click.echo("".join(traceback.format_exception(error)).rstrip(), err=True)
    report = report_of(error)
    if as_json:
        import json

        click.echo(json.dumps({"error": report._asdict()}), err=True)
    else:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {report.message}", err=True)
        click.echo(f"{click.style('hint:', bold=True)}  {report.hint}", err=True)
    return exit_status(error)


def _extra_of(error: ModuleNotFoundError) -> str:
    """Which extra of cardcore brings the module that was not found; empty if none does."""
    package = (error.name or "").partition(".")[0]
    if package in _OPTIONAL_ON_STATIONS:
        return "stations"
    return "personalise" if package in _OPTIONAL else ""


def _one_line(text: str) -> str:
    return shown(" ".join(text.split()))


def _usage_message(error: click.UsageError) -> str:
    """Click's message without what the person typed where no argument belongs: it may have been a PIN."""
    if _is_misplaced(error):
        return "a global option stands behind the command"
    message = _one_line(error.format_message())
    if message.startswith("Got unexpected extra argument"):
        return "there are more arguments than this command takes"
    return message[:1].lower() + message[1:].rstrip(".")


def _is_misplaced(error: click.UsageError) -> TypeGuard[click.NoSuchOption]:
    return isinstance(error, click.NoSuchOption) and error.option_name in _GLOBAL_OPTIONS


def _usage_hint(error: click.UsageError) -> str:
    if _is_misplaced(error):
        return f"Put {error.option_name} before the command: cardcore {error.option_name} ..."
    hint = getattr(error, "hint", "")
    if hint:
        return str(hint)
    if error.ctx is None:
        return "See `cardcore --help`."
    return f"See `{_one_line(error.ctx.command_path)} --help`."
