"""The list of readers, and what happens to readers and service, against real pcscd and real vpcd."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cardcore.softcard import volatile_card
from tests.simulated.pcsc_client import EchoCard, OldCard, client
from tests.simulated.rig import PcscRig

pytestmark = pytest.mark.pcsc


@pytest.fixture
def rig() -> Iterator[PcscRig]:
    with PcscRig(readers=2) as rig:
        yield rig


def test_readers_are_listed(rig: PcscRig) -> None:
    script = """
def listed():
    return [[state.name, state.present, state.atr.hex(), state.mute, state.in_use] for state in pcsc.list_readers()]
say(listed())
card = pcsc.connect(readers[0])
say(listed())
"""
    rig.insert(0, EchoCard())
    first, second = rig.reader_names
    with client(rig.env, script, first) as peer:
        assert peer.hear() == [[first, True, "3b80800101", False, False], [second, False, "", False, False]]
        assert peer.hear()[0] == [first, True, "3b80800101", False, True]
        peer.end()


def test_without_a_service(tmp_path: Path) -> None:
    script = """
for call in (pcsc.list_readers, lambda: pcsc.connect("any"), lambda: next(pcsc.watch(1.0))):
    say(attempt(call)[0])
say(attempt(lambda: pcsc.control_reader("any", 1))[0])
"""
    with client({**os.environ, "PCSCLITE_CSOCK_NAME": str(tmp_path / "nobody")}, script) as peer:
        assert [peer.hear() for _ in range(4)] == ["NoService"] * 4
        peer.end()


def test_importing_opens_nothing(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(0.2)
        with client({**os.environ, "PCSCLITE_CSOCK_NAME": str(path)}, "") as peer:
            peer.end()
        with pytest.raises(TimeoutError):
            listener.accept()


WATCHER = """
import signal, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    for event in pcsc.watch(30.0):
        say([event.kind, event.reader, event.atr.hex()])
except KeyboardInterrupt:
    say("interrupted")
"""


def test_insertion_and_removal_are_seen_and_ctrl_c_is_heard(rig: PcscRig) -> None:
    first, second = rig.reader_names
    rig.insert(1, OldCard())
    with client(rig.env, WATCHER) as peer:
        start = [peer.hear() for _ in range(3)]
        assert start == [["reader-added", first, ""], ["reader-added", second, ""], ["inserted", second, "3b00"]]
        rig.insert(0, EchoCard())
        assert peer.hear() == ["inserted", first, "3b80800101"]
        rig.remove(1)
        assert peer.hear() == ["removed", second, "3b00"]
        rig.remove(0)
        assert peer.hear() == ["removed", first, "3b80800101"]
        started = time.monotonic()
        peer.process.send_signal(signal.SIGINT)
        assert peer.hear() == "interrupted"
        assert time.monotonic() - started < 2
        peer.end()


def test_a_watch_ends_in_time_or_when_it_is_told_to(rig: PcscRig) -> None:
    script = """
import threading
started = time.monotonic()
events = len(list(pcsc.watch(0.4)))
say([events, time.monotonic() - started])
stop = threading.Event()
threading.Timer(0.3, stop.set).start()
say(len(list(pcsc.watch(stop=stop))))
"""
    with client(rig.env, script) as peer:
        events, seconds = peer.hear()
        assert events == 2
        assert 0.4 <= seconds < 3
        assert peer.hear() == 2
        peer.end()


def test_a_restart_of_the_service_is_survived(tmp_path: Path) -> None:
    """The service is stopped under a connection and under a watch; another one takes its place."""
    place = tmp_path / "socket"
    script = """
card = pcsc.connect(readers[0])
events = pcsc.watch(60.0)
def tell():
    event = next(events)
    say([event.kind, event.reader])
for _ in range(3):
    tell()
wait()
say(send(card, AID)[0])
card.close()
while True:
    tell()
"""
    with PcscRig(readers=2) as new, ExitStack() as stack:
        old = stack.enter_context(PcscRig(readers=2))
        place.symlink_to(old.env["PCSCLITE_CSOCK_NAME"])
        old.insert(0, volatile_card("piv"))
        first, second = old.reader_names
        with client({**old.env, "PCSCLITE_CSOCK_NAME": str(place)}, script, first) as peer:
            start = [peer.hear() for _ in range(3)]
            assert start == [["reader-added", first], ["inserted", first], ["reader-added", second]]
            stack.close()
            peer.go_on()
            assert peer.hear() == "NoService"
            lost = [peer.hear() for _ in range(3)]
            assert lost == [["removed", first], ["reader-removed", first], ["reader-removed", second]]
            place.unlink()
            place.symlink_to(new.env["PCSCLITE_CSOCK_NAME"])
            assert [peer.hear() for _ in range(2)] == [["reader-added", first], ["reader-added", second]]
            new.insert(1, EchoCard())
            assert peer.hear() == ["inserted", second]
