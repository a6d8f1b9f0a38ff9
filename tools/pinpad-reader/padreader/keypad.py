"""One PIN entry on the keypad, from the structure to the status word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from padreader.behaviour import Behaviour
from padreader.person import CANCEL, PULL, TIMEOUT, UNPLUG
from padreader.structures import Job, Malformed, fill

TIMED_OUT, CANCELLED, DIFFERENT, WRONG_LENGTH = (bytes.fromhex(word) for word in ("6400", "6401", "6402", "6403"))
REJECTED = bytes.fromhex("6B80")
KEY_DIGIT, KEY_ENTER, KEY_CANCEL, KEY_TIMEOUT, KEY_ABORTED = 0x2B, 0x0D, 0x1B, 0x0E, 0x40
_NO_TIMEOUT = 60
_ENDINGS = {TIMEOUT: (KEY_TIMEOUT, TIMED_OUT), CANCEL: (KEY_CANCEL, CANCELLED)}


class CardPulled(Exception):
    """The card was taken out meanwhile."""


class Unplugged(Exception):
    """The reader was unplugged meanwhile."""


class _Ended(Exception):
    """The entry ended without a PIN."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(answer.hex())
        self.answer = answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Keypad:
    """The keypad of a reader: `ask` shows a text and gives what the person does, `pressed` is told of each key."""

    behaviour: Behaviour
    ask: Callable[[str, float], str]
    send: Callable[[bytes], bytes]
    pressed: Callable[[int], None]

    def perform(self, job: Job) -> bytes:
        """The card's answer, or the reader's own status word; CardPulled and Unplugged."""
        if self._rejects(job):
            return REJECTED
        if self.behaviour.swapped:
            job = replace(job, minimum=job.maximum, maximum=job.minimum)
        if self.behaviour.probes:
            self.send(job.command[:4])
        try:
            return self.send(fill(job, self._pins(job)))
        except Malformed:
            return REJECTED
        except _Ended as ended:
            return ended.answer

    def _rejects(self, job: Job) -> bool:
        wanted = self.behaviour
        return (
            job.condition != 0x02
            or (wanted.messages is not None and job.messages not in wanted.messages)
            or (wanted.omit_lc and job.variable and len(job.command) > 4)
            or (wanted.fixed_only and job.variable)
        )

    def _pins(self, job: Job) -> list[str]:
        pins = [self._field(job, "PIN" if not job.new else "OLD PIN")] if job.old else []
        if job.new:
            pins.append(self._field(job, "NEW PIN"))
        if job.confirm and self._field(job, "CONFIRM PIN") != pins[-1]:
            raise _Ended(DIFFERENT)
        return pins

    def _field(self, job: Job, text: str) -> str:
        done = self.ask(text, float(job.seconds or _NO_TIMEOUT))
        if done in _ENDINGS:
            key, answer = _ENDINGS[done]
            self.pressed(key)
            raise _Ended(answer)
        if done == PULL:
            self.pressed(KEY_ABORTED)
            raise CardPulled
        if done == UNPLUG:
            raise Unplugged
        for _ in done:
            self.pressed(KEY_DIGIT)
        if not job.minimum <= len(done) <= job.maximum:
            self.pressed(KEY_ABORTED)
            raise _Ended(WRONG_LENGTH)
        self.pressed(KEY_ENTER)
        return done
