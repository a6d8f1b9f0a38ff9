"""A small bureau: a plan in a folder, its journal, and cards that are put before a worker."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import Event as Flag

from cardcore.personalise.events import Event
from cardcore.personalise.jobs import Enrolling, IssuerShelf, Job, keeping_for
from cardcore.personalise.journal import Journal
from cardcore.personalise.plan_parts import parts_of
from cardcore.personalise.plan_reading import read_plan
from cardcore.personalise.records import Run
from cardcore.personalise.store import Hook
from cardcore.personalise.worker import Outcome, Worker
from cardcore.profile.catalog import Catalog, catalog
from cardcore.profile.match import Candidate
from cardcore.softcard import ScryptCost, SoftCard, volatile_card
from cardcore.transport.base import Transport
from cardcore.transport.soft import SoftTransport
from tests.unit.personalise.plans import recipient_opener

QUICK = ScryptCost(n=2, r=1, p=1)
"""For cards whose file nobody will try to open."""


@cache
def _shelf() -> Catalog:
    """The profiles, each read once."""
    return catalog()


class Bureau:
    """A plan, its journal and what was told; `unlock` opens the journal's secrets."""

    def __init__(
        self, plan: Path, *, hook: Hook | None = None, unlock: bool = False, run: str = "first", patience: float = 0.0
    ) -> None:
        self.plan = read_plan(plan, _shelf())
        self.journal = Journal.open(plan.parent / "journal.db", hook)
        self.events: list[Event] = []
        known = [one for one in self.journal.runs() if one.name == run]
        self.run = known[0] if known else self._begun(run)
        enrolling = Enrolling(self.plan)
        self.journal.enrol(self.run.id, enrolling)
        self.journal.park_abandoned(self.run.id)
        self.issuers = IssuerShelf(self.plan)
        self.job = Job(
            run=self.run,
            plan=self.plan,
            journal=self.journal,
            issuers=self.issuers,
            keeping=keeping_for(self.plan, recipient_opener() if unlock else None),
            profiles=tuple(Candidate.of(card.profile) for card in self.plan.cards.values()),
            emit=self.events.append,
            stop=Flag(),
            secret_fields=enrolling.secret_fields,
            patience=patience,
        )

    def _begun(self, name: str) -> Run:
        plan = self.plan
        return self.journal.begin(name, plan=str(plan.file), digest=plan.digest.hex(), parts=parts_of(plan))

    def insert(
        self, card: SoftCard, wrap: Callable[[Transport], Transport] = lambda inner: inner, reader: str = "A"
    ) -> Outcome:
        """Put a card into a reader, and see what comes of it."""
        return Worker(self.job, reader).handle(wrap(SoftTransport(card, reader)))

    def told(self, kind: type[Event]) -> list[Event]:
        """The events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def close(self) -> None:
        """Close issuers and journal."""
        self.issuers.close()
        self.journal.close()


def fresh(application: str = "piv", *, blank: bool = True) -> SoftCard:
    """A new card of a family."""
    return volatile_card(application, blank=blank, cost=QUICK)


def folder_in_memory() -> Path:
    """A new folder on a file system in memory, if there is one: a process that is killed leaves there what it wrote."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="bureau-", dir=memory if memory.is_dir() else None))
