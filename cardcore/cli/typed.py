"""What a person types in the shell: words out of a line, what may be remembered of it, how it can go on."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from cardcore.errors import InputError

if TYPE_CHECKING:
    from cardcore.masking import ChainMasker

_HEX_LINE = re.compile(r"\s*([0-9A-Fa-f]{2}[\s:]*){2,}")
_SOURCE = re.compile(r"prompt|pad|(env|file|fd):.+")
_SECRET_OPTION = re.compile(r"--(new-)?(pin|puk|admin)|--password")

Names = Callable[[], Iterable[str]]


def words_of(line: str) -> list[str]:
    """The words of a line, quotes taken off; a line of hexadecimal digits is the command `apdu`."""
    if _HEX_LINE.fullmatch(line):
        return ["apdu", line.strip()]
    try:
        return shlex.split(line, comments=True)
    except ValueError as error:
        raise InputError(
            "a quotation mark is not closed", hint='Close it, or write \\" for one that is meant.'
        ) from error


def may_be_remembered(line: str, masker: ChainMasker | None = None) -> bool:
    """Whether a line can stand in a history: no raw command that carries a secret, no PIN where its source belongs.

    `masker` has seen the raw commands of the lines before, which may have begun a chain.
    """
    from cardcore.masking import ChainMasker

    try:
        words = words_of(line)
    except InputError:
        return False
    if words[:1] == ["apdu"]:
        known = masker or ChainMasker()
        secret = [_carries_secret(word, known) for word in words[1:]]  # each has to be seen
        return not any(secret)
    if words[:1] in (["pin"], ["admin"]) and any(word.isdigit() for word in words):
        return False
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, _, value = word.partition("=")
        if _SECRET_OPTION.fullmatch(option) and not _SOURCE.fullmatch(value or following):
            return False
    return True


def _carries_secret(text: str, masker: ChainMasker) -> bool:
    from cardcore.masking import OPEN

    if text.isdigit():
        return True  # what looks like a command of digits only may be a PIN
    try:
        return masker.mask(bytes.fromhex(text.replace(":", " "))) != OPEN
    except ValueError:
        return True  # a slip of the pen may be anything


def completions(
    root: click.Group, line: str, *, keys: Names, objects: Names, own: Sequence[str] = ()
) -> Iterator[tuple[str, str, str]]:
    """How the last word of a line can go on: the part that is there, the whole word, and what it means.

    Commands, options and their values as the command itself offers them; in addition the keys and objects of the card.
    """
    from click.shell_completion import ShellComplete

    try:
        before = shlex.split(line) if line.endswith(" ") or not line else shlex.split(line)[:-1]
    except ValueError:
        return
    word = "" if line.endswith(" ") else line.rsplit(" ", maxsplit=1)[-1]
    named = _named(root, before, keys, objects)
    if named is not None and not word.startswith("-"):
        yield from ((word, name, "") for name in named if name.startswith(word))
        return
    if not before:
        yield from ((word, name, "") for name in own if name.startswith(word))
    for item in ShellComplete(root, {}, "cardcore", "_CARDCORE_COMPLETE").get_completions(before, word):
        if item.type == "plain" and not (not before and item.value == "shell"):
            yield word, str(item.value), item.help or ""


def _named(root: click.Group, before: Sequence[str], keys: Names, objects: Names) -> Iterable[str] | None:
    """The names that can stand here if this is the place of a key or an object, else None."""
    command: click.Command = root
    rest = list(before)
    context = click.Context(root)
    while rest and isinstance(command, click.Group):
        inner = command.get_command(context, rest[0])
        if inner is None:
            return None
        command, rest = inner, rest[1:]
    options = {name: param for param in command.params if isinstance(param, click.Option) for name in param.opts}
    if rest and rest[-1] in options and not options[rest[-1]].is_flag:
        return keys() if options[rest[-1]].metavar == "KEY" else None
    first = next((param for param in command.params if isinstance(param, click.Argument)), None)
    if first is None or _positional(rest, options):
        return None
    return {"KEY": keys, "NAME|ID": objects}.get(first.metavar or "", lambda: None)()


def _positional(rest: Sequence[str], options: dict[str, click.Option]) -> list[str]:
    """The words that are no options and no options' values."""
    found, values = [], 0
    for word in rest:
        if values:
            values -= 1
        elif word in options:
            values = 0 if options[word].is_flag else 1
        else:
            found.append(word)
    return found
