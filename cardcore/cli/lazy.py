"""Groups whose commands are imported when they are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import ClassVar, NamedTuple

import click

PROGRAM = "cardcore"
COMPLETION = "_CARDCORE_COMPLETE"
"""The environment variable by which shells ask for completions."""


class Entry(NamedTuple):
    """Where a command is, as `module:attribute`, and its summary, so that the help of the group needs no import."""

    place: str
    summary: str


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports a module when one of them is used."""

    table: ClassVar[Mapping[str, Entry]] = {}
    aliases: ClassVar[Mapping[str, str]] = {}
    """Other spellings of commands, which the help does not list."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands' names in the order of the table, which is the order people meet them in."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        entry = self.table.get(self.aliases.get(cmd_name, cmd_name))
        if entry is None:
            return None
        module, _, attribute = entry.place.partition(":")
        command = getattr(import_module(f"cardcore.cli.{module}"), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.place} is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands in the help, out of the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self.table.items()])
