"""`cardcore shell`: one command after the other on a card that stays open."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from cardcore.cli import errors, typed
from cardcore.cli.context import Context, pass_context
from cardcore.cli.held import HeldContext, Holder
from cardcore.cli.options import examples
from cardcore.errors import InputError

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import History

_OWN = ("help", "exit")
_ENDS = frozenset({"exit", "quit"})
_WELCOME = "Commands as on the command line, or a command APDU in hexadecimal. Tab completes; help, exit."


@click.command(
    epilog=examples(
        "cardcore --reader soft:alice shell",
        "cardcore --reader replay:trace.jsonl shell < commands.txt",
    )
)
@pass_context
def shell(context: Context) -> None:
    """Type commands, one after the other.

    Commands are those of the command line, without `cardcore`; a line of hexadecimal digits is sent as it is. The card
    stays open in between, and what was proved to it holds. Without a terminal, lines are read from stdin; the exit
    status is then that of the first command that failed.
    """
    holder = Holder()
    held = HeldContext(
        reader=context.reader,
        profile=context.profile,
        trace=context.trace,
        verbosity=context.verbosity,
        output=context.output,
        holder=holder,
        held_reader=context.reader,
    )
    root = click.get_current_context().find_root().command
    if not isinstance(root, click.Group):
        raise InputError("the shell belongs to a command with commands")
    interactive = _has_terminal()
    lines = _typed_lines(root, holder) if interactive else _piped_lines()
    try:
        status = _run(root, held, lines)
    finally:
        holder.give_back()
    if status and not interactive:
        raise SystemExit(status)


def _piped_lines() -> Iterator[str]:
    """The lines of stdin; bytes that are not in its encoding become surrogates, which are part of no name."""
    for line in sys.stdin.buffer:
        yield line.decode(sys.stdin.encoding, "surrogateescape").rstrip("\r\n")


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _run(root: click.Group, held: HeldContext, lines: Iterable[str]) -> int:
    """Run line after line; the exit status of the first that failed."""
    first = errors.EXIT_OK
    for line in lines:
        try:
            words = typed.words_of(line)
            if words[:1] and words[0] in _ENDS:
                break
            _one(root, held, words)
        except (Exception, KeyboardInterrupt) as error:
            status = errors.show(error, as_json=held.output.json_wanted, verbosity=held.verbosity)
            first = first or status
        sys.stdout.flush()
    return first


def _one(root: click.Group, held: HeldContext, words: list[str]) -> None:
    """Run one command; an empty line is none."""
    context = click.Context(root, info_name="cardcore", obj=held)
    if not words:
        return
    if words[0] == "help":
        words = [*words[1:], "--help"]
        if words == ["--help"]:
            click.echo(root.get_help(context))
            return
    if words[0] == "shell":
        raise InputError("this is the shell", hint="Leave it with exit.")
    name, command, rest = root.resolve_command(context, words)
    if command is None:
        raise InputError(f"there is no command {words[0]}", hint="help lists them.")
    with suppress(click.exceptions.Exit), command.make_context(name, rest, parent=context) as inner:
        command.invoke(inner)


def _typed_lines(root: click.Group, holder: Holder) -> Iterator[str]:
    """What a person types, with history and completion, until the end of input."""
    click.echo(_WELCOME)
    session = _session(root, holder)
    while True:
        card = holder.card
        where = "cardcore" if card is None else f"{card.reader} {card.profile.id}"
        try:
            yield session.prompt(f"{where}> ")
        except KeyboardInterrupt:
            continue  # as in other shells: the line is dropped
        except EOFError:
            return


def _session(root: click.Group, holder: Holder) -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document

    def keys() -> list[str]:
        return [] if holder.card is None else list(holder.card.profile.keys)

    def objects() -> list[str]:
        return [] if holder.card is None else list(holder.card.profile.objects)

    class Words(Completer):
        """Completes commands, options, and the names of profiles, keys and objects."""

        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
            """How the line up to the cursor can go on."""
            line = document.text_before_cursor
            for part, word, meaning in typed.completions(root, line, keys=keys, objects=objects, own=_OWN):
                yield Completion(word, start_position=-len(part), display_meta=meaning)

    return PromptSession(completer=Words(), history=_history(), complete_while_typing=False)


def _history() -> History:
    """Lines of earlier sessions, in a file that only its owner reads; none that could hold a secret."""
    import os

    from platformdirs import user_state_path
    from prompt_toolkit.history import FileHistory

    from cardcore.masking import ChainMasker

    masker = ChainMasker()

    class Discreet(FileHistory):
        """A history that does not remember secrets."""

        def append_string(self, string: str) -> None:
            """Remember a line, unless there may be a secret in it."""
            if typed.may_be_remembered(string, masker):
                super().append_string(string)

    path = user_state_path("cardcore", appauthor=False, ensure_exists=True) / "history"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    return Discreet(str(path))
