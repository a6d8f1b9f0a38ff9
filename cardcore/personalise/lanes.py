"""One reader during a run: a thread that works on its cards, one after the other, as people put them in."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread
from time import sleep

from cardcore.errors import CardError, CardRemoved, NoCard, NoReader, ReaderBusy
from cardcore.personalise.events import CardInserted, CardRefused, ReaderStopped, TakeOut
from cardcore.personalise.jobs import Job
from cardcore.personalise.reasons import REFUSALS, Refusal
from cardcore.personalise.worker import Outcome, Worker
from cardcore.transport.base import Transport

Connect = Callable[[str], Transport]
"""Connects to the card in a reader, by the reader's name."""

_BUSY_TRIES, _BUSY_SECONDS = 20, 0.25  # other programs look at a card that was just inserted


class Lane:
    """A reader's thread. `ended` is called after each card, with what went wrong beside the card, if anything did."""

    def __init__(self, job: Job, reader: str, connect: Connect, ended: Callable[[BaseException | None], None]) -> None:
        self.reader = reader
        self.stopped = False
        self._job = job
        self._connect = connect
        self._ended = ended
        self._worker = Worker(job, reader)
        self._inbox: SimpleQueue[bytes | None] = SimpleQueue()
        self._lock = Lock()
        self._waiting = 0
        self._thread = Thread(target=self._run, name=f"reader {reader}", daemon=True)
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether no card is in work or waits for it."""
        with self._lock:
            return self._waiting == 0

    def insert(self, atr: bytes) -> None:
        """A card was put in."""
        with self._lock:
            self._waiting += 1
        self._inbox.put(atr)

    def close(self) -> None:
        """Wait for the card in work, and end."""
        self._inbox.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (atr := self._inbox.get()) is not None:
            failure: BaseException | None = None
            try:
                if not self.stopped and not self._job.stop.is_set():
                    self._handle(atr)
            except BaseException as error:  # the runner raises it in its own thread
                failure = error
            with self._lock:
                self._waiting -= 1
            self._ended(failure)

    def _handle(self, atr: bytes) -> None:
        self._job.emit(CardInserted(reader=self.reader, atr=atr))
        try:
            transport = self._opened()
        except (CardRemoved, NoCard, NoReader):
            return  # it was taken out at once
        except CardError as error:
            self._job.emit(
                CardRefused(
                    reader=self.reader,
                    serial="",
                    reason=Refusal.UNREADABLE,
                    detail=error.message,
                    advice=REFUSALS[Refusal.UNREADABLE],
                )
            )
            return
        outcome = self._worker.handle(transport)
        self._job.emit(TakeOut(reader=self.reader, ok=outcome.done))
        if outcome.stops:
            self._stop(outcome)

    def _opened(self) -> Transport:
        for _ in range(_BUSY_TRIES):
            try:
                return self._connect(self.reader)
            except ReaderBusy:
                sleep(_BUSY_SECONDS)
        return self._connect(self.reader)

    def _stop(self, outcome: Outcome) -> None:
        self.stopped = True
        self._job.emit(ReaderStopped(reader=self.reader, detail=outcome.detail, advice=outcome.advice))
