"""What a command answers: text for people, or one JSON document."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

import click

from cardcore.cli.errors import OptionError
from cardcore.lines import shown

Document = Mapping[str, object]


class Output:
    """Where results (stdout) and messages (stderr) of one command go."""

    def __init__(self, *, json_wanted: bool) -> None:
        self.json_wanted = json_wanted

    def result(self, document: Document, people: str | Iterable[str] = ()) -> None:
        """The command's answer: the document with `--json`, else the text."""
        if self.json_wanted:
            _say(_json(document, indent=2))
            return
        for line in (people,) if isinstance(people, str) else people:
            _say(line)

    def event(self, document: Document, people: str) -> None:
        """One of several answers over time: a line each, with `--json` a JSON document per line."""
        _say(_json(document) if self.json_wanted else people)
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """A message on stderr that is not the answer; none with `--json`."""
        if not self.json_wanted:
            click.echo(text, err=True)

    def prompt(self, message: str, seconds: int) -> None:
        """What a person has to do at the reader, and how long they have, at once on stderr; with `--json` too."""
        document = {"prompt": {"message": message, "seconds": seconds}}
        click.echo(_json(document) if self.json_wanted else f"{message} (within {seconds} seconds).", err=True)
        sys.stderr.flush()

    def binary(self, data: bytes) -> None:
        """Bytes on stdout, as they are."""
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def _say(text: str) -> None:
    """A line on stdout; what its encoding has no room for is escaped, so that no answer is lost for one character."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding))


def _json(document: Document, indent: int | None = None) -> str:
    """The document as JSON; only UTF-8 has room for every character, and an escaped surrogate is JSON's own escape."""
    import json

    return json.dumps(document, indent=indent, ensure_ascii=not _is_utf8(sys.stdout.encoding))


def _is_utf8(encoding: str | None) -> bool:
    return (encoding or "utf-8").lower().replace("-", "").replace("_", "") == "utf8"


def refuse_terminal(what: str) -> None:
    """OptionError if stdout is a terminal: binary data would garble it."""
    if sys.stdout.isatty():
        raise OptionError(
            f"the {what} is binary, and stdout is a terminal", hint="Name a file with --out, or use a pipe."
        )


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in aligned columns under headers; on a terminal as wide as it is, with the headers set off.

    Control characters are shown as escapes: what stands there may come from a card.
    """
    safe = [[shown(cell) for cell in row] for row in rows]
    if sys.stdout.isatty() and rows:
        return _terminal_table(headers, safe)
    cells = [list(headers), *safe]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _terminal_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        grid.add_column(header)
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    console = Console()
    with console.capture() as captured:
        console.print(grid)
    return captured.get().rstrip("\n").splitlines()


def pairs(rows: Iterable[tuple[str, str]]) -> list[str]:
    """`name: value` lines, the values aligned; a row without a name goes on with the one before.

    Control characters in values are shown as escapes.
    """
    listed = list(rows)
    width = max((len(name) for name, _ in listed), default=0) + 1
    return [f"{name + ':' if name else '':<{width}} {shown(value)}".rstrip() for name, value in listed]


def count(number: int, noun: str) -> str:
    """`1 key`, `2 keys`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
