"""What the program adds to the time that cards take: several readers at once, memory, and a plan with many holders.

The cards take real time: 20 ms for each APDU and 2 s for a key, slept in a process of their own, so that their
software costs the program nothing, as cards of plastic would. Each reader works on so many cards one after the other;
the speed-up is how many more cards per second all readers finish than one. One reader is measured anew before each
number of readers, because other work on the machine slows down both alike.
Run: `.venv/bin/python tools/bench/personalise.py`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event as Flag
from threading import Thread

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from cardcore.personalise.events import Event, TakeOut  # noqa: E402 - found through the line above
from cardcore.personalise.jobs import Enrolling, IssuerShelf, Job, keeping_for  # noqa: E402 - the same
from cardcore.personalise.journal import Journal  # noqa: E402 - the same
from cardcore.personalise.plan_reading import read_plan  # noqa: E402 - the same
from cardcore.personalise.runner import Runner  # noqa: E402 - the same
from cardcore.profile.match import Candidate  # noqa: E402 - the same
from cardcore.softcard import ScryptCost, volatile_card  # noqa: E402 - the same
from cardcore.transport.readers import ReaderState  # noqa: E402 - the same
from cardcore.transport.soft import SoftTransport  # noqa: E402 - the same
from tests.unit.personalise.plans import folder_of  # noqa: E402 - the same
from tests.unit.personalise.small_plans import SMALL  # noqa: E402 - the same

READERS = (2, 4, 8, 16)
CARDS = 4
APDU_SECONDS, KEY_SECONDS = 0.020, 2.0
GENERATE = 0x47
HOLDERS = 100_000
GOALS = {"speed-up": 0.95, "seconds": 2.0, "megabytes": 200.0}
KIBIBYTES_PER_MEGABYTE = 1024


class RemoteCard:
    """A card in another process."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    @property
    def atr(self) -> bytes:
        """The answer to reset."""
        return self._ask("atr")

    def process(self, command: bytes) -> bytes:
        """One command."""
        return self._ask(command)

    def reset(self) -> None:
        """Warm reset."""
        self._ask("reset")

    def power_off(self) -> None:
        """The card is taken out; the next one is another card."""
        self._ask("next")

    def _ask(self, question: str | bytes) -> bytes:
        self._pipe.send(question)
        answer = self._pipe.recv()
        return bytes(answer)


def house(pipes: Sequence[Connection]) -> None:
    """The process of the cards: a thread for each."""
    threads = [Thread(target=play, args=(pipe,)) for pipe in pipes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def play(pipe: Connection) -> None:
    """One slot with a blank card after the other."""
    quick = ScryptCost(n=2, r=1, p=1)
    card = volatile_card("piv", blank=True, cost=quick)
    while (question := pipe.recv()) is not None:
        if question == "next":
            card = volatile_card("piv", blank=True, cost=quick)
            pipe.send(b"")
        elif question == "reset":
            card.reset()
            pipe.send(b"")
        elif question == "atr":
            pipe.send(card.atr)
        else:
            time.sleep(KEY_SECONDS if question[1] == GENERATE else APDU_SECONDS)
            pipe.send(card.process(question))


class Desk:
    """Readers in which a new card lies as soon as the last one was taken out."""

    endless = True

    def __init__(self, readers: int) -> None:
        self._taken: Counter[str] = Counter({str(number): 0 for number in range(readers)})

    def __call__(self, event: Event) -> None:
        """Take a card out when that is asked for."""
        if isinstance(event, TakeOut):
            self._taken[event.reader] += 1

    def now(self) -> Sequence[ReaderState]:
        """Every reader with its next card."""
        return [ReaderState(name=name, present=number < CARDS, events=number) for name, number in self._taken.items()]

    def close(self) -> None:
        """Nothing is open."""


def staff(holders: int) -> str:
    """Their records."""
    rows = [f"{number},Holder {number},h{number}@example.org" for number in range(holders)]
    return "\n".join(["employee,name,mail", *rows, ""])


def personalise(folder: Path, readers: int) -> float:
    """Seconds that so many readers take for their cards."""
    plan = read_plan(folder_of(folder, SMALL["piv"], staff(readers * CARDS)))
    ends = [multiprocessing.Pipe() for _ in range(readers)]
    process = multiprocessing.get_context("fork").Process(target=house, args=([theirs for _, theirs in ends],))
    process.start()
    slots = {str(number): RemoteCard(ours) for number, (ours, _) in enumerate(ends)}
    desk = Desk(readers)
    with Journal.open(folder / "journal") as journal:
        run = journal.begin("bench", plan="bench", digest="")
        enrolling = Enrolling(plan)
        journal.enrol(run.id, enrolling)
        job = Job(
            run=run,
            plan=plan,
            journal=journal,
            issuers=IssuerShelf(plan),
            keeping=keeping_for(plan),
            profiles=tuple(Candidate.of(card.profile) for card in plan.cards.values()),
            emit=desk,
            stop=Flag(),
            secret_fields=enrolling.secret_fields,
        )
        begin = time.perf_counter()
        totals = Runner(job, desk, lambda reader: SoftTransport(slots[reader], reader)).run()
        took = time.perf_counter() - begin
        job.issuers.close()
    for ours, _ in ends:
        ours.send(None)
    process.join()
    if totals.done != readers * CARDS:
        raise SystemExit(f"only {totals.done} of {readers * CARDS} cards are done")
    return took


def enrol(folder: Path) -> float:
    """Seconds until a run with very many holders could take its first card."""
    file = folder_of(folder, SMALL["piv"], staff(HOLDERS))
    begin = time.perf_counter()
    plan = read_plan(file)
    with Journal.open(folder / "journal") as journal:
        run = journal.begin("bench", plan="bench", digest="")
        journal.enrol(run.id, Enrolling(plan))
        return time.perf_counter() - begin


def measured(what: str) -> tuple[float, float, float]:
    """Seconds, megabytes at most, and seconds of processor time, of this part in a process of its own."""
    command = [sys.executable, __file__, what]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this file
    seconds, megabytes, processor = json.loads(answer.stdout)
    return seconds, megabytes, processor


def part(what: str) -> None:
    """One part, in a process of its own: prints what `measured` reads."""
    os.environ["MASTER"] = "ab" * 32
    with tempfile.TemporaryDirectory() as folder:
        took = enrol(Path(folder)) if what == "enrol" else personalise(Path(folder), int(what))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([took, usage.ru_maxrss / KIBIBYTES_PER_MEGABYTE, usage.ru_utime + usage.ru_stime]))


def main() -> None:
    """Print the figures and whether the goals are reached."""
    if len(sys.argv) > 1:
        part(sys.argv[1])
        return
    for readers in READERS:
        single, _, _ = measured("1")
        seconds, megabytes, processor = measured(str(readers))
        speed_up = readers * single / seconds
        print(
            f"{readers:>2} readers: {readers * CARDS:>2} cards in {seconds:5.1f} s, one reader its {CARDS} in "
            f"{single:5.1f} s: speed-up {speed_up:5.2f} ({speed_up / readers:.0%} of ideal, "
            f"goal {GOALS['speed-up']:.0%}), {megabytes:.0f} MB, "
            f"{processor / (readers * CARDS):.2f} s of processor time per card",
            flush=True,
        )
    seconds, megabytes, _ = measured("enrol")
    print(
        f"{HOLDERS} holders: first card after {seconds:.2f} s (goal {GOALS['seconds']} s), "
        f"{megabytes:.0f} MB (goal {GOALS['megabytes']:.0f} MB)"
    )


if __name__ == "__main__":
    main()
