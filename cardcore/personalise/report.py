"""What came of a run, read from its journal: cards, times, failures, what has to be revoked. No secret is among it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from sqlalchemy import func, select

from cardcore.personalise.journal import Journal
from cardcore.personalise.reasons import PARKINGS, REFUSALS, Reason
from cardcore.personalise.records import CardRecord, CertificateRecord, RefusedRecord, Run, Totals
from cardcore.personalise.states import CardState, StepState
from cardcore.personalise.tables import CARDS, STEPS

HOUR = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class CardLine:
    """One card: the seconds and command APDUs of all its steps, and how many of them are done."""

    card: CardRecord
    steps: int
    seconds: float
    apdus: int

    @property
    def advice(self) -> str:
        """What to do with it; empty if it is done."""
        return "" if self.card.reason is None else PARKINGS[self.card.reason].advice


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTimes:
    """How long one step took on all cards, in seconds, and how many APDUs on most; `found` counts recoveries."""

    step: str
    profile: str
    cards: int
    median: float
    slowest_tenth: float
    longest: float
    apdus: int
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """How many cards were finished in one hour; `start` in seconds since 1970."""

    start: float
    cards: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """A whole run at one moment."""

    run: Run
    totals: Totals
    cards: tuple[CardLine, ...]
    steps: tuple[StepTimes, ...]
    hours: tuple[Hour, ...]
    refused: tuple[RefusedRecord, ...]
    revocations: tuple[CertificateRecord, ...]

    def parked(self) -> Mapping[Reason, int]:
        """How many cards are parked for which reason."""
        return Counter(line.card.reason for line in self.cards if line.card.reason is not None)

    def refusals(self) -> Mapping[str, int]:
        """How many cards were not taken for which reason."""
        return Counter(record.reason.value for record in self.refused)


def read_report(journal: Journal, run: Run) -> RunReport:
    """The report of a run, as the journal has it now."""
    cards = journal.cards(run.id)
    sums = _sums(journal, run)
    return RunReport(
        run=run,
        totals=journal.totals(run.id),
        cards=tuple(_line(card, sums.get(card.id, (0, 0.0, 0))) for card in cards),
        steps=tuple(_step_times(journal, run)),
        hours=tuple(_hours(cards)),
        refused=tuple(journal.refused(run.id)),
        revocations=tuple(journal.revocations(run.id)),
    )


def refusal_advice(record: RefusedRecord) -> str:
    """What to do with a card that was not taken."""
    return REFUSALS[record.reason]


def _line(card: CardRecord, sums: tuple[int, float, int]) -> CardLine:
    steps, seconds, apdus = sums
    return CardLine(card=card, steps=steps, seconds=seconds, apdus=apdus)


def _sums(journal: Journal, run: Run) -> dict[int, tuple[int, float, int]]:
    query = (
        select(STEPS.c.card, func.count(), func.sum(STEPS.c.seconds), func.sum(STEPS.c.apdus))
        .join(CARDS, CARDS.c.id == STEPS.c.card)
        .where(CARDS.c.run == run.id, STEPS.c.state == StepState.DONE)
        .group_by(STEPS.c.card)
    )
    with journal.store.read() as connection:
        return {
            card: (int(steps), float(seconds or 0), int(apdus or 0))
            for card, steps, seconds, apdus in connection.execute(query)
        }


def _step_times(journal: Journal, run: Run) -> Iterable[StepTimes]:
    query = (
        select(CARDS.c.profile, STEPS.c.step, STEPS.c.seconds, STEPS.c.apdus, STEPS.c.found)
        .join(CARDS, CARDS.c.id == STEPS.c.card)
        .where(CARDS.c.run == run.id, STEPS.c.state == StepState.DONE)
        .order_by(CARDS.c.profile, STEPS.c.number)
    )
    measured: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    recovered: Counter[tuple[str, str]] = Counter()
    with journal.store.read() as connection:
        for profile, step, seconds, apdus, found in connection.execute(query):
            recovered[profile, step] += bool(found)
            measured[profile, step].append((float(seconds or 0), int(apdus or 0)))
    for (profile, step), values in measured.items():
        times = sorted(seconds for seconds, _ in values)
        yield StepTimes(
            step=step,
            profile=profile,
            cards=len(values),
            median=median(times),
            slowest_tenth=times[min(len(times) - 1, 9 * len(times) // 10)],
            longest=times[-1],
            apdus=int(median(apdus for _, apdus in values)),
            found=recovered[profile, step],
        )


def _hours(cards: Sequence[CardRecord]) -> Iterable[Hour]:
    """Every hour from the first finished card to the last, those without any too, up to a week of them."""
    ends = [card.ended_at for card in cards if card.state is CardState.DONE and card.ended_at is not None]
    if not ends:
        return
    counted = Counter(int(end // HOUR) for end in ends)
    first, last = min(counted), max(counted)
    if last - first < 7 * 24:
        yield from (Hour(start=hour * HOUR, cards=counted[hour]) for hour in range(first, last + 1))
    else:
        yield from (Hour(start=hour * HOUR, cards=count) for hour, count in sorted(counted.items()))
