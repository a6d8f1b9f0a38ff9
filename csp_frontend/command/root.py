"""The top of the command, and the end of every error."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType

import click

from cardcore.errors import CardError

PROGRAM = "personal-csp"
EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_NO_AGENT, EXIT_CONFIGURATION, EXIT_INTERRUPTED = 0, 1, 2, 3, 7, 130
_STATUS: Mapping[str, int] = MappingProxyType(
    {"no-agent": EXIT_NO_AGENT, "profile": EXIT_CONFIGURATION, "usage": EXIT_USAGE}
)
_COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "agent": "Run the agent that owns the cards, start or stop it.",
        "status": "Show the agent: clients, tokens, cached PINs by name, versions.",
        "call": "Call functions of the provider.",
        "register": "Let programs on Windows find the provider.",
        "unregister": "Take it out of the registry.",
    }
)

_MODULES: Mapping[str, str] = MappingProxyType({"unregister": "register"})


class UsageProblem(CardError):
    """What was typed cannot be used."""

    code = "usage"
    default_hint = f"See `{PROGRAM} call --help`."


class Root(click.Group):
    """All commands; the module of one is imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a person meets them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, out of the module of its name."""
        if cmd_name not in _COMMANDS:
            return None
        found = getattr(import_module(f"csp_frontend.command.{_MODULES.get(cmd_name, cmd_name)}"), cmd_name)
        if not isinstance(found, click.Command):
            raise TypeError(f"{cmd_name} is no command")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in the help, without an import."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.command(cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cardcore", prog_name=PROGRAM, message="%(prog)s %(version)s")
def personal_csp() -> None:
    """Serve cards to programs that speak CryptoAPI, through the provider `Personal CSP`."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status; every error is told here."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        ended = personal_csp.main(args=given, prog_name=PROGRAM, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return EXIT_USAGE
    except click.ClickException as error:
        return _tell("usage", error.format_message(), f"See `{PROGRAM} --help`.", "--json" in given)
    except CardError as error:
        return _tell(error.code, error.message, error.hint, "--json" in given)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return EXIT_INTERRUPTED
    return ended if isinstance(ended, int) else EXIT_OK


def _tell(code: str, message: str, hint: str, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps({"error": {"code": code, "message": message, "hint": hint}}), err=True)
    else:
        click.echo(f"error: {message}", err=True)
        click.echo(f"hint:  {hint or 'See docs/csp.md.'}", err=True)
    return _STATUS.get(code, EXIT_FAILED)
