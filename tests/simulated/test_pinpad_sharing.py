"""What others meet while a PIN is entered: another thread, another program, whoever comes after one that was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from cardcore.softcard import volatile_card
from tests.simulated.issuedcards import COST, PIN
from tests.simulated.padbench import READERS, PadBench, pad_bench
from tests.simulated.pcsc_client import Client, client
from tests.unit import house

pytestmark = pytest.mark.pcsc

PATIENCE = 10.0
ENTER = """
import cardcore
from cardcore.errors import PinEntryTimeout
pad = cardcore.PinPad(prompt=lambda message, seconds: say([message, seconds]), seconds=int(readers[1]))
card = cardcore.open_card(readers[0])
say(attempt(lambda: card.verify(pad)))
say(card.pin_status().tries_left)
"""
OTHERS = """
import threading, cardcore
pad = cardcore.PinPad(seconds=20)
card = cardcore.open_card(readers[0])
thread = threading.Thread(target=lambda: say(["entered", attempt(lambda: card.verify(pad))]))
thread.start()
wait()
sign = lambda: card.sign("9a", b"m", key_type="rsa2048")
for call in (card.pin_status, card.pins, card.serial, lambda: card.random(8), sign):
    started = time.monotonic()
    say([attempt(call), time.monotonic() - started])
wait()
thread.join()
say([card.pin_status().verified, card.has_pin_pad])
"""
SECOND = """
import cardcore
say("here")
started = time.monotonic()
card = cardcore.open_card(readers[0])
with card.transaction():
    say([card.pin_status().tries_left, time.monotonic() - started])
wait()
"""


@pytest.fixture(scope="module")
def bench() -> Iterator[PadBench]:
    with pad_bench() as running:
        yield running


@pytest.fixture(params=READERS)
def reader(bench: PadBench, request: pytest.FixtureRequest) -> Iterator[str]:
    """A reader with a new card, and nobody in front of it."""
    name: str = request.param
    bench.reader(name).person.forget()
    bench.insert(name, volatile_card("piv", cost=COST))
    yield name
    bench.reader(name).remove()
    bench.expect(name, "empty")


def await_person(bench: PadBench, reader: str) -> None:
    assert bench.reader(reader).person.waits.wait(PATIENCE)


def test_a_status_request_from_another_thread(bench: PadBench, reader: str) -> None:
    with client(bench.service.env, OTHERS, bench.service.full_name(reader)) as peer:
        await_person(bench, reader)
        peer.go_on()
        for _ in range(5):
            (error, message), seconds = peer.hear()
            assert error == "ReaderBusy"
            assert "enter a PIN on its keypad" in message
            assert seconds < 3, "the reader itself would be busy for 20"
        bench.reader(reader).person.will(PIN)
        assert peer.hear() == ["entered", None]
        peer.go_on()
        assert peer.hear() == [True, True]
        peer.end()


def test_nobody_comes(bench: PadBench, reader: str) -> None:
    """The time is real here: the reader waits, and nobody types."""
    with client(bench.service.env, ENTER, bench.service.full_name(reader), "1") as peer:
        assert peer.hear() == [f"Enter the PIN on {bench.service.full_name(reader)}'s keypad", 1]
        started = time.monotonic()
        kind, message = peer.hear()
        assert 0.2 < time.monotonic() - started < PATIENCE
        assert (kind, message) == ("PinEntryTimeout", "the time for the entry on the keypad is over")
        assert peer.hear() == 3
        peer.end()


def test_a_second_program_waits_until_the_entry_has_ended(bench: PadBench, reader: str) -> None:
    name = bench.service.full_name(reader)
    with client(bench.service.env, ENTER, name, "20") as first, client(bench.service.env, SECOND, name) as second:
        first.hear()
        await_person(bench, reader)
        assert second.hear() == "here"
        time.sleep(0.5)
        bench.reader(reader).person.will(PIN)
        assert first.hear() is None
        _, seconds = second.hear()
        assert seconds < PATIENCE
        second.go_on()
        second.end()


def test_a_program_that_holds_the_card(bench: PadBench, reader: str) -> None:
    """Its transaction is waited for before anybody is asked for a PIN, and not disturbed."""
    name = bench.service.full_name(reader)
    holding = SECOND.replace("\nwait()", "").replace(
        "time.monotonic() - started])", "time.monotonic() - started])\n    wait()\n"
    )
    with client(bench.service.env, holding, name) as first:
        assert first.hear() == "here"
        assert first.hear()[0] == 3
        with client(bench.service.env, ENTER, name, "20") as second:
            assert not bench.reader(reader).person.waits.wait(1.0)
            bench.reader(reader).person.will(PIN)
            first.go_on()
            second.hear()
            assert second.hear() is None
        first.end()


def test_a_program_that_is_killed_during_the_entry(bench: PadBench, reader: str) -> None:
    """The reader is locked until its own time is over, which was set; then everything is as before."""
    name = bench.service.full_name(reader)
    seconds = 2
    with client(bench.service.env, ENTER, name, str(seconds)) as peer:
        await_person(bench, reader)
        started = time.monotonic()
        peer.process.kill()
        peer.process.wait()
    with client(bench.service.env, SECOND, name) as after:
        assert after.hear() == "here"
        assert after.hear()[0] == 3, "no try was spent"
        assert time.monotonic() - started < seconds + PATIENCE
        after.go_on()
        after.end()
    while bench.reader(reader).person.waits.is_set():  # step by step others get at the card meanwhile
        assert time.monotonic() - started < seconds + PATIENCE
        time.sleep(0.02)
    bench.reader(reader).person.will(PIN)
    assert bench.on(reader, "pin", "verify").status == 0


def test_a_person_is_told_at_once(bench: PadBench, reader: str) -> None:
    """The prompt is on stderr while the reader waits, with the time that is left, and the answer comes after it."""
    command = [sys.executable, "-m", "cardcore", "--reader", bench.service.full_name(reader), "pin", "verify"]
    env = {**bench.service.env, "PYTHONPATH": str(house.ROOT)}
    with subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        prompt = process.stderr.readline()
        assert prompt == f"Enter the PIN on {bench.service.full_name(reader)}'s keypad (within 30 seconds).\n"
        await_person(bench, reader)
        bench.reader(reader).person.will(PIN)
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out, err) == (0, "the PIN is right\n", "")


def interrupt(peer: Client) -> None:
    peer.process.send_signal(signal.SIGINT)


def test_ctrl_c_is_heard_when_the_entry_has_ended(bench: PadBench) -> None:
    """One long call into the reader cannot be left; step by step the entry is aborted."""
    for reader, at_once in zip(READERS, (False, True), strict=True):
        bench.reader(reader).person.forget()
        bench.insert(reader, volatile_card("piv", cost=COST))
        script = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)" + ENTER
        with client(bench.service.env, script, bench.service.full_name(reader), "20") as peer:
            await_person(bench, reader)
            interrupt(peer)
            ended = threading.Event()
            threading.Thread(target=lambda ended=ended, peer=peer: (peer.process.wait(), ended.set())).start()
            assert ended.wait(PATIENCE if at_once else 1.0) == at_once
            bench.reader(reader).person.will("cancel")
            assert ended.wait(PATIENCE)
        bench.reader(reader).remove()
        bench.expect(reader, "empty")
