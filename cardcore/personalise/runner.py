"""A run: every reader at once, cards put in and taken out in any order, until everybody has one or a person ends it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from threading import Event as Flag
from time import monotonic, time

from cardcore.opening import open_transport
from cardcore.personalise.events import RunEnded, RunStarted
from cardcore.personalise.jobs import Job
from cardcore.personalise.lanes import Connect, Lane
from cardcore.personalise.reader_sources import ReaderSource
from cardcore.personalise.reasons import PARKINGS, Reason
from cardcore.personalise.records import CardRecord, Totals
from cardcore.personalise.states import CardState
from cardcore.transport.reader_events import EventKind, changes
from cardcore.transport.readers import ReaderState

POLL_SECONDS = 0.2
_SWITCH_SECONDS = 0.0005
"""A reader whose card has answered has little to compute; the interpreter's usual 5 ms are a quarter of a command."""
_OTHERS_SECONDS = 1.0
"""How often a station looks whether the last card was finished at another one."""

_COMES_BACK = frozenset({Reason.CARD_REMOVED, Reason.READER_FAILED})
"""A card that was parked for one of these is probably still at the station."""


class Runner:
    """Works on the cards in all readers of a source. `run` may be called once."""

    def __init__(self, job: Job, source: ReaderSource, connect: Connect = open_transport) -> None:
        self._job = job
        self._source = source
        self._connect = connect
        self._lanes: dict[str, Lane] = {}
        self._ended = Flag()
        self._failure: BaseException | None = None
        self._began_at = time()

    def run(self, *, resumed: bool = False) -> Totals:
        """Work until all holders have their cards, no reader is left that could go on, or `Job.stop` is set.

        What the journal or the program itself got wrong is raised when every reader has come to the end of its step.
        """
        began = monotonic()
        self._tell_start(resumed=resumed)
        switching = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_SECONDS)
        try:
            self._follow()
        finally:
            sys.setswitchinterval(switching)
            self._job.stop.set()
            for lane in self._lanes.values():
                lane.close()
            totals = self._totals()
            self._job.journal.end(self._job.run.id)
            self._job.emit(
                RunEnded(
                    run=self._job.run.name,
                    holders=totals.holders,
                    done=totals.done,
                    parked=totals.parked,
                    waiting=totals.waiting,
                    seconds=monotonic() - began,
                )
            )
        if self._failure is not None:
            raise self._failure
        return totals

    def _tell_start(self, *, resumed: bool) -> None:
        totals = self._totals()
        self._job.emit(
            RunStarted(
                run=self._job.run.name,
                plan=self._job.plan.name,
                holders=totals.holders,
                done=totals.done,
                resumed=resumed,
            )
        )

    def _totals(self) -> Totals:
        return self._job.journal.totals(self._job.run.id, self._job.within)

    def _follow(self) -> None:
        """Look at the readers again and again, and hand each card that was put in to its reader's thread."""
        before: Mapping[str, ReaderState] = {}
        settled = self._is_over()
        looked = monotonic()
        while not settled and not self._job.stop.is_set() and self._failure is None:
            after = {state.name: state for state in self._source.now()}
            for event in changes(before, after):
                if event.kind is EventKind.INSERTED:
                    self._lane(event.reader).insert(event.atr)
            before = after
            others = self._job.station is not None and monotonic() - looked > _OTHERS_SECONDS
            if self._ended.wait(POLL_SECONDS) or not after or others:
                self._ended.clear()
                settled = self._is_over()
                looked = monotonic()

    def _lane(self, reader: str) -> Lane:
        if reader not in self._lanes:
            self._lanes[reader] = Lane(self._job, reader, self._connect, self._card_ended)
        return self._lanes[reader]

    def _card_ended(self, failure: BaseException | None) -> None:
        if failure is not None and self._failure is None:
            self._failure = failure
        self._ended.set()

    def _is_over(self) -> bool:
        """Whether nothing that could happen would bring the run forward."""
        lanes = list(self._lanes.values())
        if not all(lane.idle for lane in lanes):
            return False
        totals = self._totals()
        if self._job.station is not None and totals.active:
            return False  # another station finishes them, or is found to have gone
        if not self._source.endless and (lanes or not self._source.now()):
            return True
        if lanes and all(lane.stopped for lane in lanes) and len(lanes) == len(self._source.now()):
            return True
        if totals.holders > totals.done + totals.assigned:
            return False
        left = self._job.journal.cards(self._job.run.id, CardState.PARKED, CardState.WAITING)
        return not any(self._may_come(card) for card in left)

    def _may_come(self, card: CardRecord) -> bool:
        """Whether a card that is not finished may be put in: it was not yet in this sitting, or not to the end."""
        if card.reason is None or not PARKINGS[card.reason].continues:
            return False
        return card.reason in _COMES_BACK or card.touched_at < self._began_at
