"""Puts a software card into a reader of vpcd, the virtual reader driver of PC/SC, over its TCP protocol.

Messages both ways are a 2-byte big-endian length and that many bytes. One byte is a control code (power off,
power on, reset, give the ATR; only the last has an answer), anything longer a command APDU.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Protocol

DEFAULT_PORT = 35963
_POLL_SECONDS = 0.05
_RETRY_SECONDS = 0.05
_MESSAGE_SECONDS = 10.0

Watch = Callable[[bytes, bytes], None]


class PlayedCard(Protocol):
    """What the reader needs of a card; `SoftCard` has it."""

    @property
    def atr(self) -> bytes:
        """The answer to reset."""
        ...

    def process(self, command: bytes) -> bytes:
        """Answer one command APDU."""
        ...

    def reset(self) -> None:
        """Warm reset."""
        ...

    def power_off(self) -> None:
        """Power is gone."""
        ...


class _Control(IntEnum):
    POWER_OFF = 0
    POWER_ON = 1
    RESET = 2
    GET_ATR = 4


def serve(
    card: PlayedCard,
    host: str = "localhost",
    port: int = DEFAULT_PORT,
    stop: threading.Event | None = None,
    *,
    inserted: threading.Event | None = None,
    delay_ms: float = 0.0,
    watch: Watch | None = None,
) -> None:
    """Serve the card to the reader at this port until `stop` is set, which is looked at every 50 ms.

    Waits for vpcd where it is not there yet, and connects again when it comes back. `inserted` is set while
    the card is in the reader. `delay_ms` makes every command take so much longer, as on a slow card. `watch`
    gets each command and its response, PINs and all: it is for tests.
    """
    stop = stop or threading.Event()
    inserted = inserted or threading.Event()
    while not stop.is_set():
        try:
            connection = socket.create_connection((host, port), timeout=_MESSAGE_SECONDS)
        except OSError:
            stop.wait(_RETRY_SECONDS)
            continue
        with connection:
            inserted.set()
            _talk(connection, _Player(card, delay_ms / 1000, watch), stop)
        inserted.clear()
        card.power_off()


class _Player:
    """Answers the reader's messages for one card."""

    def __init__(self, card: PlayedCard, delay: float, watch: Watch | None) -> None:
        self._card = card
        self._delay = delay
        self._watch = watch

    def answer(self, message: bytes) -> bytes | None:
        """The answer to one message, None where there is none."""
        if len(message) > 1:
            return self._exchange(message)
        code = message[0]
        if code == _Control.GET_ATR:
            return self._card.atr
        if code == _Control.POWER_OFF:
            self._card.power_off()
        elif code in (_Control.POWER_ON, _Control.RESET):
            self._card.reset()
        return None

    def _exchange(self, command: bytes) -> bytes:
        if self._delay:
            time.sleep(self._delay)
        response = self._card.process(command)
        if self._watch is not None:
            self._watch(command, response)
        return response


def _talk(connection: socket.socket, player: _Player, stop: threading.Event) -> None:
    """Exchange messages until the connection ends or the card is to be taken out."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while not stop.is_set():
            if not select.select([connection], [], [], _POLL_SECONDS)[0]:
                continue
            message = _receive(connection, int.from_bytes(_receive(connection, 2)))
            answer = player.answer(message) if message else None
            if answer is not None:
                connection.sendall(len(answer).to_bytes(2) + answer)
    except OSError:
        return


def _receive(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        # vpcd sends length and data apart; without a quick acknowledgement each command would take 40 ms.
        # The kernel takes the option back by itself, so it is set for every receive.
        _acknowledge_quickly(connection)
        part = connection.recv(size - len(received))
        if not part:
            raise ConnectionError("the reader closed the connection")
        received += part
    return received


def _acknowledge_quickly(connection: socket.socket) -> None:
    option = getattr(socket, "TCP_QUICKACK", None)
    if option is not None:
        connection.setsockopt(socket.IPPROTO_TCP, option, 1)
