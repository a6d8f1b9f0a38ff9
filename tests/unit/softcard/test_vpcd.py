"""The card's end of the virtual reader's protocol, against a reader that the test plays."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cardcore.softcard import ScryptCost, SoftCard, serve, volatile_card

SELECT = bytes.fromhex("00A4040005A000000308")
ASK = bytes.fromhex("0020008000")
VERIFY = bytes.fromhex("0020008008313233343536FFFF")
OFF, ON, RESET, ATR = b"\x00", b"\x01", b"\x02", b"\x04"


@pytest.fixture
def card() -> SoftCard:
    return volatile_card("piv", cost=ScryptCost(n=16))


class Reader:
    """A reader's end of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def tell(self, message: bytes) -> None:
        # Length and data apart, as the real driver sends them.
        self._connection.sendall(len(message).to_bytes(2))
        self._connection.sendall(message)

    def ask(self, message: bytes) -> bytes:
        self.tell(message)
        return self._read(int.from_bytes(self._read(2)))

    def _read(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            found += self._connection.recv(size - len(found))
        return found


@contextmanager
def accepted(listener: socket.socket) -> Iterator[Reader]:
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(5)
        yield Reader(connection)


@contextmanager
def served(
    card: SoftCard, *, delay_ms: float = 0.0, seen: list[tuple[bytes, bytes]] | None = None
) -> Iterator[tuple[socket.socket, threading.Event]]:
    """The card looks for a reader at a port of the test's own; gives the listening socket and the sign of insertion."""
    stop, inserted = threading.Event(), threading.Event()
    exchanges = seen if seen is not None else []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        thread = threading.Thread(
            target=serve,
            args=(card, "127.0.0.1", listener.getsockname()[1], stop),
            kwargs={
                "inserted": inserted,
                "delay_ms": delay_ms,
                "watch": lambda command, response: exchanges.append((command, response)),
            },
        )
        thread.start()
        try:
            yield listener, inserted
        finally:
            stop.set()
            thread.join(5)
        assert not thread.is_alive()


def test_commands_and_control_codes(card: SoftCard) -> None:
    seen: list[tuple[bytes, bytes]] = []
    with served(card, seen=seen) as (listener, inserted), accepted(listener) as reader:
        reader.tell(ON)
        assert reader.ask(ATR) == card.atr
        assert inserted.is_set()
        assert reader.ask(SELECT)[-2:] == b"\x90\x00"
        assert reader.ask(VERIFY) == reader.ask(ASK) == b"\x90\x00"
        reader.tell(RESET)
        assert reader.ask(ASK).hex() == "6986"
        assert reader.ask(SELECT)[-2:] == b"\x90\x00"
        reader.tell(OFF)
        assert reader.ask(ASK).hex() == "6986"
    assert [command for command, _ in seen] == [SELECT, VERIFY, ASK, ASK, SELECT, ASK]
    assert not inserted.is_set()


def test_a_reader_that_comes_back_finds_a_fresh_card(card: SoftCard) -> None:
    with served(card) as (listener, _):
        with accepted(listener) as reader:
            assert reader.ask(SELECT)[-2:] == b"\x90\x00"
        with accepted(listener) as reader:
            assert reader.ask(ASK).hex() == "6986"


def test_a_slow_card(card: SoftCard) -> None:
    with served(card, delay_ms=30) as (listener, _), accepted(listener) as reader:
        started = time.monotonic()
        reader.ask(SELECT)
        assert time.monotonic() - started >= 0.03


def test_a_reader_that_is_not_there_yet_is_waited_for(card: SoftCard) -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    thread = threading.Thread(target=serve, args=(card, "127.0.0.1", port, stop))
    thread.start()
    time.sleep(0.1)
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(5)
        with accepted(listener) as reader:
            assert reader.ask(ATR) == card.atr
        stop.set()
        thread.join(5)
    assert not thread.is_alive()
