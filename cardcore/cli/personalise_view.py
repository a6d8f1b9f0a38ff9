"""What an operator sees during a run: each reader, the totals, the pace; and the bell when a card can be taken out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import time
from typing import TYPE_CHECKING

from cardcore.personalise.events import Event, TakeOut
from cardcore.personalise.progress import Progress, ReaderLine, ReaderState, Snapshot

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.table import Table

    from cardcore.personalise.events import Listener

_PER_SECOND = 4
_BAR = 30
_STYLES = {
    ReaderState.EMPTY: "dim",
    ReaderState.READING: "cyan",
    ReaderState.WORKING: "cyan",
    ReaderState.WAITING: "yellow",
    ReaderState.TAKE_OUT: "bold green",
    ReaderState.STOPPED: "bold red",
}
_BUSY = (ReaderState.READING, ReaderState.WORKING, ReaderState.WAITING)


@contextmanager
def live_view(console: Console, *, beep: bool = True) -> Iterator[Listener]:
    """A table on the console that follows the run; the listener to be called with the run's events."""
    from rich.live import Live

    progress = Progress()

    class Frame:
        """Rendered anew at each refresh."""

        def __rich__(self) -> Group:
            return picture(progress.snapshot(time()), time())

    with Live(Frame(), console=console, refresh_per_second=_PER_SECOND):

        def listen(event: Event) -> None:
            progress(event)
            if beep and isinstance(event, TakeOut):
                console.bell()

        yield listen


def picture(snapshot: Snapshot, now: float) -> Group:
    """The whole view at one moment; `now` in seconds since 1970."""
    from rich.console import Group
    from rich.text import Text

    done = round(_BAR * snapshot.done / snapshot.holders) if snapshot.holders else 0
    bar = Text("█" * done, style="green") + Text("░" * (_BAR - done), style="dim")
    return Group(_readers(snapshot, now), Text(), bar + Text(f"  {totals(snapshot)}"))


def _readers(snapshot: Snapshot, now: float) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    table.add_column("reader", no_wrap=True, max_width=28)
    table.add_column("holder", no_wrap=True, max_width=24)
    table.add_column("step", no_wrap=True, min_width=28)
    table.add_column("time", no_wrap=True, justify="right", min_width=5)
    table.add_column("", ratio=1)
    for line in snapshot.readers:
        style = "bold red" if line.failed else _STYLES[line.state]
        spent = clock(now - line.since) if line.state in _BUSY and line.since else ""
        table.add_row(
            Text(line.reader),
            Text(line.holder),
            Text(doing(line), style=style),
            Text(spent),
            Text(line.detail, style="red" if line.failed else ""),
        )
    return table


def doing(line: ReaderLine) -> str:
    """What a reader is doing, in a few words."""
    if line.state in (ReaderState.WORKING, ReaderState.WAITING) and line.steps:
        waits = "waits: " if line.state is ReaderState.WAITING else ""
        return f"{line.number:>2}/{line.steps} {waits}{line.step}"
    return line.state.value


def totals(snapshot: Snapshot) -> str:
    """How far the run is and how fast, in one line; what cannot be told yet is left out."""
    parts = [f"{snapshot.done} of {snapshot.holders} done"]
    if snapshot.parked:
        parts.append(f"{snapshot.parked} parked")
    if snapshot.refused:
        parts.append(f"{snapshot.refused} refused")
    parts.append(clock(snapshot.elapsed))
    if snapshot.per_hour is not None:
        parts.append(f"{snapshot.per_hour:.0f} cards/h")
    if snapshot.seconds_left:
        parts.append(f"about {clock(snapshot.seconds_left)} left")
    return " · ".join(parts)


def clock(seconds: float) -> str:
    """`4:05`, `1:02:03`."""
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
