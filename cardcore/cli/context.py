"""What every command is given: the global options, the card that they choose, and where the answer goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cardcore.cli.output import Output

if TYPE_CHECKING:
    from cardcore import Card
    from cardcore.transport.base import Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The global options of one command line."""

    reader: str | None
    profile: str | None
    trace: Path | None
    verbosity: int
    output: Output

    @contextmanager
    def card(self) -> Iterator[Card]:
        """The card that the options choose, identified and selected; given back at the end."""
        from cardcore import open_card

        with open_card(self.reader, profile=self.profile, trace=self.trace) as card:
            if self.verbosity:
                self.output.note(f"card in {card.reader}, profile {card.profile.id} ({card.reason})")
            yield card

    @contextmanager
    def transport(self) -> Iterator[Transport]:
        """The connection to the chosen card as it is, nothing selected; without --reader the only card there is."""
        from cardcore import open_transport

        transport = open_transport(self.reader or _only_occupied(), trace=self.trace)
        try:
            yield transport
        finally:
            transport.close()


def _only_occupied() -> str:
    from cardcore.errors import NoCard, NoReader
    from cardcore.transport import pcsc

    occupied = [state.name for state in pcsc.list_readers() if state.present]
    if not occupied:
        raise NoCard("no reader holds a card", hint="Insert a card, or name a software card with --reader soft:NAME.")
    if len(occupied) > 1:
        raise NoReader("several readers hold a card", hint=f"Choose one with --reader: {'; '.join(occupied)}.")
    return occupied[0]


@contextmanager
def logging_to_stderr(verbosity: int) -> Iterator[None]:
    """Let the library's log through to stderr: from -vv on with every APDU, its secrets masked."""
    if not verbosity:
        yield
        return
    import logging

    class StderrHandler(logging.Handler):
        """Writes to whatever stderr is at the moment."""

        def emit(self, record: logging.LogRecord) -> None:
            """Write one record."""
            click.echo(self.format(record), err=True)

    handler, logger = StderrHandler(), logging.getLogger("cardcore")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if verbosity >= 2 else logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


pass_context = click.make_pass_decorator(Context)
