"""Ten thousand malformed replies for every shipped profile: only CardErrors come out, and each job ends soon."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from dataclasses import dataclass

import pytest

from cardcore import opening
from cardcore.apdu import CommandApdu
from cardcore.card import Card
from cardcore.channel import Channel
from cardcore.errors import CardError
from cardcore.profile import catalog
from cardcore.tlv import encode
from tests.unit.core.fakes import FakeTransport
from tools.fuzz.jobs import jobs

REPLIES = 10_000
MOST_SECONDS = 2.0
SEED = 20_261_123
TAGS = (
    *(0x01, 0x02, 0x03, 0x04, 0x06, 0x0C, 0x18, 0x30, 0x31, 0x53, 0x5C, 0x61, 0x6E, 0x70, 0x71, 0x73, 0x7C, 0x7E),
    *(0x80, 0x81, 0x82, 0x83, 0x84, 0x86, 0x97, 0xA0, 0xA1, 0xA4, 0xA5, 0xA8, 0xC4, 0x4F, 0x5F20, 0x7F21, 0x7F49),
    *(0x7F4E, 0x7F71, 0x67, 0x62, 0x6F, 0xDF1F, 0xDF20, 0xDF22, 0xDF23),
)
STATUS = (0x9000, 0x9000, 0x9000, 0x6282, 0x63C3, 0x6A82, 0x6A88, 0x6982, 0x6985, 0x6D00, 0x6B00, 0x6984, 0x6F00)
PROMISES = (0x6100, 0x6110, 0x6C00, 0x6C20)
SHELF = catalog.catalog([catalog.shipped_directory()])
REAL = sorted(name for name in SHELF.sources if not SHELF.load(name).abstract)


@dataclass(frozen=True, slots=True, kw_only=True)
class Liar:
    """Makes up replies, the same ones in each run."""

    dice: random.Random

    def reply(self, command: CommandApdu) -> bytes:
        """Anything a card should not say, and now and then something that it might."""
        promise = self.dice.random() < 0.03
        return self.data() + self.dice.choice(PROMISES if promise else STATUS).to_bytes(2)

    def data(self) -> bytes:
        """Nothing, noise, or data objects that are right, cut short or spoilt."""
        kind = self.dice.random()
        if kind < 0.1:
            return b""
        if kind < 0.3:
            return self.dice.randbytes(self.dice.choice((1, 2, 8, 33, 64, 65, 128, 256)))
        whole = bytearray(self.objects(0))
        if kind < 0.5 and whole:
            whole[self.dice.randrange(len(whole))] ^= 1 << self.dice.randrange(8)
        return bytes(whole[: self.dice.randrange(len(whole) + 1)] if kind > 0.8 else whole)

    def objects(self, depth: int) -> bytes:
        """Some data objects, one after the other and inside one another."""
        found = b""
        for _ in range(self.dice.randrange(1, 4)):
            deeper = depth < 4 and self.dice.random() < 0.5
            value = self.objects(depth + 1) if deeper else self.dice.randbytes(self.dice.choice((0, 1, 2, 4, 20, 65)))
            found += encode(self.dice.choice(TAGS), value)
        return found


@pytest.mark.parametrize("name", REAL)
def test_only_card_errors_come_out(name: str) -> None:
    profile = SHELF.load(name)
    liar = Liar(dice=random.Random(f"{SEED} {name}"))  # noqa: S311 - not for secrets, for repeating
    todo, replies, slowest = list(jobs(profile).values()), 0, 0.0
    while replies < REPLIES:
        for job in todo:
            transport = FakeTransport(liar.reply)
            started = time.process_time()
            card = Card(profile, Channel(transport), aid=b"".join(profile.match.aids[:1]), selected=True)
            with suppress(CardError):
                job(card)
            with suppress(CardError):
                card.close()
            slowest = max(slowest, time.process_time() - started)
            replies += len(transport.sent)
    assert slowest < MOST_SECONDS


def test_no_card_is_found_in_noise_but_card_errors() -> None:
    candidates = [SHELF.candidate(name) for name in REAL]
    liar = Liar(dice=random.Random(SEED))  # noqa: S311 - as above
    for _ in range(300):
        transport = FakeTransport(liar.reply)
        with suppress(CardError):
            opening.identify(transport, candidates)
        assert len(transport.sent) < 1000
