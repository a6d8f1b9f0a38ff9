"""Several stations on one database: each takes the holders' jobs from one engine, and parks the cards of a dead one."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Select, select, text

from cardcore.errors import CardError
from cardcore.personalise.changes import JournalConflict
from cardcore.personalise.holding import Hold, NotHeld
from cardcore.personalise.job_engine import HolderJob, JobEngine, Waiting
from cardcore.personalise.journal import Journal
from cardcore.personalise.journal_file import StoreError
from cardcore.personalise.reasons import Reason
from cardcore.personalise.records import CardRecord
from cardcore.personalise.states import CardState, HolderState
from cardcore.personalise.station_records import station_closed, station_opened, station_seen
from cardcore.personalise.tables import HOLDERS

LOG = logging.getLogger("cardcore.personalise.stations")
BEAT_SECONDS = 5.0
SILENT_SECONDS = 30.0
"""A station from which nothing was heard for so long is taken for dead."""
_ANY = "any"
_HAVE_JOBS = text(
    "SELECT args ->> 'holder' FROM procrastinate_jobs"
    " WHERE status IN ('todo', 'doing') AND (args ->> 'run')::int = :run"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a station says that it lives, and after how long without that it is taken for dead, in seconds."""

    beat: float = BEAT_SECONDS
    silent: float = SILENT_SECONDS


def station_name() -> str:
    """A station's name where none was given: its machine's, and the process."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Station:
    """One station's part in a run, as a context manager: a `Dispatch` whose holders come from the engine.

    While it is open, a thread tells the others that it lives, gives jobs to holders who have none, and parks the cards
    of stations that died. Those are never worked on again by themselves: somebody has to bring the card.
    """

    def __init__(
        self, journal: Journal, run: int, name: str, *, within: int | None = None, pace: Pace | None = None
    ) -> None:
        self._journal = journal
        self._run = run
        self._name = name
        self._within = within
        self._pace = pace or Pace()
        self._engine = JobEngine(journal.store.address)
        self._jobs: dict[int, int] = {}
        self._lock = Lock()
        self._ending = Event()
        self._thread = Thread(target=self._watch, name="station", daemon=True)

    def __enter__(self) -> Self:
        self._engine.__enter__()
        try:
            station_opened(self._journal.store, self._name, run=self._run, silent=self._pace.silent)
            self._park_the_dead(self._engine.stalled(self._pace.silent))
            self._add_jobs()
        except BaseException:
            self._engine.__exit__(None, None, None)
            raise
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        try:
            station_closed(self._journal.store, self._name)
        finally:
            self._engine.__exit__(None, None, None)

    # The dispatch

    def claim(self, profile: str, serial: str, reader: str) -> CardRecord | None:
        """Make a card that of the holder whose job is next.

        A holder who waits while nobody's job does is one whose station died before it touched a card: the job comes
        back when that is noticed, and the card waits for it.
        """
        deadline = time.monotonic() + self._pace.silent + 3 * self._pace.beat
        card = self._claim_now(profile, serial, reader)
        while card is None and self._somebody_waits(profile) and time.monotonic() < deadline:
            if self._ending.wait(self._pace.beat):
                break
            card = self._claim_now(profile, serial, reader)
        return card

    def _somebody_waits(self, profile: str) -> bool:
        waiting = self._waiting().where(HOLDERS.c.profiles.is_(None) | HOLDERS.c.profiles.contains(f"|{profile}|"))
        with self._journal.store.read() as connection:
            return connection.execute(waiting.limit(1)).first() is not None

    def _claim_now(self, profile: str, serial: str, reader: str) -> CardRecord | None:
        while (job := self._engine.fetch(self._queues(profile))) is not None:
            try:
                card = self._journal.claim(
                    self._run, profile, serial, reader=reader, station=self._name, holder=job.holder
                )
            except BaseException:
                self._engine.give_back(job.id)
                raise
            if card is not None:
                self._keep(card.id, job.id)
                return card
            self._engine.finish(job.id, done=True)  # the holder has a card by now
        return None

    def take_up(self, card: CardRecord, reader: str) -> CardRecord:
        """Go on with a card in a job of its own."""
        return self._in_own_job(card, lambda: self._journal.take_up(card, reader=reader, station=self._name))

    def take_over(self, card: CardRecord, serial: str, reader: str) -> CardRecord:
        """Make a new card that of the holder of a parked one, in a job of its own."""
        return self._in_own_job(card, lambda: self._journal.take_over(card, serial, reader=reader, station=self._name))

    def _in_own_job(self, card: CardRecord, take: Callable[[], CardRecord]) -> CardRecord:
        """What no other station can do at the same time for the holder of the card."""
        job = self._engine.take(self._run, card.holder, _queue(self._run, f"{self._name}/{card.holder}"))
        if job is None:
            raise JournalConflict(f"another station works on the card of {card.holder}")
        try:
            taken = take()
        except BaseException:
            self._engine.finish(job.id, done=True)
            raise
        self._keep(taken.id, job.id)
        return taken

    def ended(self, card: int, *, done: bool) -> None:
        """The work on a card has ended."""
        with self._lock:
            job = self._jobs.pop(card, None)
        if job is not None:
            self._engine.finish(job, done=done)

    def _keep(self, card: int, job: int) -> None:
        with self._lock:
            self._jobs[card] = job

    def _queues(self, profile: str) -> list[str]:
        """The queues of this run whose holders take a card of this kind."""
        return [_queue(self._run, fitting) for fitting in self._kinds() if fitting is None or f"|{profile}|" in fitting]

    def _kinds(self) -> list[str | None]:
        query = select(HOLDERS.c.profiles).where(HOLDERS.c.run == self._run).distinct()
        with self._journal.store.read() as connection:
            return [row.profiles for row in connection.execute(query)]

    # What goes on beside the cards

    def _watch(self) -> None:
        while not self._ending.wait(self._pace.beat):
            try:
                self._engine.beat()
                station_seen(self._journal.store, self._name)
                self._park_the_dead(self._engine.stalled(self._pace.silent))
                self._add_jobs()
            except CardError as error:  # what could not be done now is done at the next beat, which has to come
                LOG.warning("%s", error.message)

    def _park_the_dead(self, jobs: Iterable[HolderJob]) -> None:
        for job in jobs:
            try:
                self._give_up(job)
            except (
                NotHeld,
                StoreError,
            ) as error:  # it lives, or stands still amidst a transaction: see at the next beat
                LOG.warning("the card of %s is not parked yet: %s", job.holder, error.message)

    def _give_up(self, job: HolderJob) -> None:
        held = self._journal.cards(job.run, CardState.ACTIVE, holder=job.holder)
        for card in held:
            with Hold(self._journal.store, card).change(waits=False) as change:
                change.parked(card.id, Reason.STATION_GONE, f"the station {card.station} went away with the card")
            LOG.warning("station %s is gone: the card of %s is parked", card.station, card.holder)
        if held or self._journal.holder(job.run, job.holder).state is not HolderState.WAITING:
            self._engine.finish(job.id, done=False)
        else:
            self._engine.give_back(job.id)

    def _add_jobs(self) -> None:
        """A job for each holder who waits for a card and has none; the stations do that one after the other."""
        with self._journal.store.write() as connection:
            self._journal.store.exclude_others(connection)
            have = {row[0] for row in connection.execute(_HAVE_JOBS, {"run": self._run})}
            self._engine.add(
                Waiting(
                    run=self._run,
                    holder=row.holder,
                    queue=_queue(self._run, row.profiles),
                    urgent=row.urgent,
                )
                for row in connection.execute(self._waiting())
                if row.holder not in have
            )

    def _waiting(self) -> Select[Any]:
        """Those of the run who wait for a card, in order."""
        waiting = (
            select(HOLDERS.c.holder, HOLDERS.c.profiles, HOLDERS.c.urgent)
            .where(HOLDERS.c.run == self._run, HOLDERS.c.state == HolderState.WAITING)
            .order_by(HOLDERS.c.position)
        )
        return waiting if self._within is None else waiting.where(HOLDERS.c.position < self._within)


def _queue(run: int, whose: str | None) -> str:
    """A queue's name: it becomes part of a channel's, which has 63 characters."""
    return f"{run}/{_ANY if whose is None else sha256(whose.encode()).hexdigest()[:32]}"
