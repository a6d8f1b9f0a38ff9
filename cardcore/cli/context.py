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
    cache: bool = True

    @contextmanager
    def card(self) -> Iterator[Card]:
        """The card that the options choose, identified and selected; given back at the end."""
        from cardcore import open_card

        with open_card(self.reader, profile=self.profile, trace=self.trace, cache=self.cache) as card:
            if self.verbosity:
                self.output.note(f"card in {card.reader}, profile {card.profile.id} ({card.reason})")
            yield card

    @contextmanager
    def transport(self) -> Iterator[Transport]:
        """The connection to the chosen card as it is, nothing selected; without --reader the only card there is."""
        from cardcore import open_transport

        with forgetting():
            transport = open_transport(self.reader or only_occupied(), trace=self.trace)
            try:
                yield transport
            finally:
                transport.close()


@contextmanager
def forgetting() -> Iterator[None]:
    """Whatever is sent meanwhile may change any card, so nothing is remembered of one."""
    from cardcore import cache

    cache.clear()
    try:
        yield
    finally:
        cache.clear()


def only_occupied() -> str:
    """The reader that holds a card, if there is only one; NoCard, NoReader."""
    from cardcore.errors import NoCard, NoReader
    from cardcore.transport import pcsc

    occupied = [state.name for state in pcsc.list_readers() if state.present]
    if not occupied:
        raise NoCard("no reader holds a card", hint="Insert a card, or name a software card with --reader soft:NAME.")
    if len(occupied) > 1:
        raise NoReader("several readers hold a card", hint=f"Choose one with --reader: {'; '.join(occupied)}.")
    return occupied[0]


@contextmanager
def logging_to_stderr(verbosity: int, *, as_json: bool) -> Iterator[None]:
    """Let the library's log through to stderr: warnings, each once; from -vv on every APDU, its secrets masked.

    With `--json` there are no warnings unless -v asks for them: a program expects one document there.
    """
    import logging

    class StderrHandler(logging.Handler):
        """Writes to whatever stderr is at the moment."""

        def __init__(self) -> None:
            super().__init__(logging.ERROR if as_json and not verbosity else logging.NOTSET)
            self._warned: set[str] = set()

        def emit(self, record: logging.LogRecord) -> None:
            """Write one record."""
            text = self.format(record)
            if record.levelno != logging.WARNING:
                click.echo(text, err=True)
            elif text not in self._warned:
                self._warned.add(text)
                click.echo(f"warning: {text}", err=True)

    handler, logger = StderrHandler(), logging.getLogger("cardcore")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel((logging.WARNING, logging.INFO, logging.DEBUG)[min(verbosity, 2)])
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


pass_context = click.make_pass_decorator(Context)
