"""The job engine of several stations: `procrastinate` on PostgreSQL, called from threads.

A job is one holder's card. It is fetched by the station into whose reader a card was put, and by no other: the engine
locks it, and sees by heartbeats whether the station still lives. It never runs a job by itself, nor a second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job, Status
from psycopg import Error as PostgresError
from psycopg.errors import RaiseException
from sqlalchemy.engine import URL

from cardcore.personalise.changes import JournalConflict
from cardcore.personalise.journal_file import StoreError

T = TypeVar("T")
TASK = "cardcore.personalise"
_CALL_SECONDS = 60.0
_BATCH = 1000
_SCHEMA_THERE = "SELECT to_regclass('procrastinate_jobs') IS NOT NULL AS there"


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderJob:
    """A job: the holder `holder` of the run `run` is to get a card. `worker` is None once its station is forgotten."""

    id: int
    run: int
    holder: str
    worker: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A holder who is to get a job, in the queue of those kinds of card that will do; urgent ones go first."""

    run: int
    holder: str
    queue: str
    urgent: bool = False


class JobEngine:
    """A connection to the engine as one of its workers, with an event loop in a thread of its own.

    StoreError where the database does not answer.
    """

    def __init__(self, url: URL) -> None:
        place = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._app = App(connector=PsycopgConnector(conninfo=place, min_size=1, max_size=4))
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="job engine", daemon=True)
        self.worker = 0

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._call(self._open())
        except BaseException:
            self._end_loop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._call(self._close())
        finally:
            self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        await self._app.open_async()
        found = await self._app.connector.execute_query_one_async(_SCHEMA_THERE)
        if not found["there"]:
            await self._app.schema_manager.apply_schema_async()
        self.worker = await self._app.job_manager.register_worker()

    async def _close(self) -> None:
        try:
            await self._app.job_manager.unregister_worker(self.worker)
        finally:
            await self._app.close_async()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_SECONDS)
        except AlreadyEnqueued as error:
            raise JournalConflict("a holder's job waits already", hint="Try again in a minute.") from error
        except (ConnectorException, PostgresError, OSError, TimeoutError) as error:
            reason = str(error.__cause__ or error).strip().partition("\n")[0] or type(error).__name__
            raise StoreError(f"the job engine cannot be used: {reason}") from error

    def add(self, holders: Iterable[Waiting]) -> None:
        """Give each a job, in this order. Whoever has one that waits is to be left out by the caller."""
        jobs = [_new_job(one) for one in holders]
        for start in range(0, len(jobs), _BATCH):
            self._call(self._app.job_manager.batch_defer_jobs_async(jobs[start : start + _BATCH]))

    def take(self, run: int, holder: str, queue: str) -> HolderJob | None:
        """A job for this holder here and now, in a queue that nobody else looks into; None if another is at work."""
        job = self._call(self._app.job_manager.defer_job_async(_new_job(Waiting(run=run, holder=holder, queue=queue))))
        taken = self.fetch([queue])
        if taken is None and job.id is not None:
            self._call(self._app.job_manager.cancel_job_by_id_async(job.id, delete_job=True))
        return taken

    def fetch(self, queues: Sequence[str]) -> HolderJob | None:
        """Take the first job of these queues for this station; None if there is none, or all are being worked on."""
        job = self._call(self._app.job_manager.fetch_job(list(queues), self.worker))
        return None if job is None else _holder_job(job)

    def finish(self, job: int, *, done: bool) -> None:
        """The work of a job has ended: its card is done, or parked in the journal and never taken up by itself."""
        status = Status.SUCCEEDED if done else Status.FAILED
        self._call(_unless_ended(self._app.job_manager.finish_job_by_id_async(job, status, delete_job=done)))

    def give_back(self, job: int) -> None:
        """Let others have a job for which no card was touched."""
        self._call(_unless_ended(self._app.job_manager.retry_job_by_id_async(job, datetime.now(UTC))))

    def beat(self) -> None:
        """Tell the others that this station lives."""
        self._call(self._app.job_manager.update_heartbeat(self.worker))

    def stalled(self, silent: float) -> list[HolderJob]:
        """The jobs of stations from which nothing was heard for so many seconds."""
        found = self._call(self._app.job_manager.get_stalled_jobs(task_name=TASK, seconds_since_heartbeat=silent))
        return [_holder_job(job) for job in found]


async def _unless_ended(work: Coroutine[Any, Any, None]) -> None:
    """What is to end a job; that another station has seen it too, and was faster, is no fault."""
    try:
        await work
    except ConnectorException as error:
        if not isinstance(error.__cause__, RaiseException):
            raise


def _new_job(one: Waiting) -> Job:
    lock = f"{one.run}/{one.holder}"
    return Job(
        id=None,
        queue=one.queue,
        lock=lock,
        queueing_lock=lock,
        task_name=TASK,
        priority=int(one.urgent),
        task_kwargs={"run": one.run, "holder": one.holder},
    )


def _holder_job(job: Job) -> HolderJob:
    run, holder = job.task_kwargs.get("run"), job.task_kwargs.get("holder")
    if job.id is None or not isinstance(run, int) or not isinstance(holder, str):
        raise StoreError(f"the job {job.id} is none of ours")
    return HolderJob(id=job.id, run=run, holder=holder, worker=job.worker_id)
