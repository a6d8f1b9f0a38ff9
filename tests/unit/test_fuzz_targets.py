"""What is fuzzed is sound to begin with: every target takes its own seeds, spoilt ones too, within time and memory.

The long runs are `tools/fuzz/run`'s; this needs no atheris.
"""

from __future__ import annotations

import random
import time
import tracemalloc
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.fuzz.targets import TARGETS

MOST_SECONDS = 2.0
MOST_MEMORY = 64 << 20
MOST_SEEDS = 120
SPOILT = 3
SEED = 20_261_128


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_whole_and_spoilt(name: str) -> None:
    target = TARGETS[name]
    dice = random.Random(SEED)  # noqa: S311 - the same inputs in each run
    seeds = list(islice(target.seeds(), MOST_SEEDS))
    assert all(len(seed) <= 4 * target.longest for seed in seeds)
    slowest = 0.0
    tracemalloc.start()
    try:
        for seed in [b"", *seeds]:
            for data in [seed, *(spoilt(dice, seed) for _ in range(SPOILT))]:
                started = time.process_time()
                target.one(data)
                slowest = max(slowest, time.process_time() - started)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert slowest < MOST_SECONDS * 4  # tracing slows everything down
    assert peak < MOST_MEMORY


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_bytes(name: str, data: bytes) -> None:
    started = time.process_time()
    TARGETS[name].one(data)
    assert time.process_time() - started < MOST_SECONDS


YAML = st.text(st.sampled_from("{}[]:, $\"'0x19Aabiknoputy.-\n"), max_size=60)


@given(head=st.binary(min_size=2, max_size=2), text=YAML)
@settings(max_examples=400, deadline=None)
def test_any_template_is_refused_or_expanded(head: bytes, text: str) -> None:
    started = time.process_time()
    TARGETS["template"].one(head + text.encode())
    assert time.process_time() - started < MOST_SECONDS


def spoilt(dice: random.Random, data: bytes) -> bytes:
    """The same with a few bytes changed, left out or put in."""
    changed = bytearray(data or b"\0")
    for _ in range(dice.randrange(1, 6)):
        place = dice.randrange(len(changed) + 1)
        changed[place : place + dice.randrange(3)] = dice.randbytes(dice.randrange(4))
    return bytes(changed)
