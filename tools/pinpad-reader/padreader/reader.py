"""The reader as `ifd.c` sees it: answers requests over a Unix socket, tells of cards that come and go."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from typing import Protocol

from padreader.behaviour import CODES, Behaviour, Feature
from padreader.keypad import CardPulled, Keypad, Unplugged
from padreader.person import CANCEL, Person
from padreader.structures import Job, Malformed, parse_modify, parse_verify

GET_FEATURE_REQUEST = 0x42000000 + 3400
# Results of ifdhandler.h.
SUCCESS, COMMUNICATION_ERROR, NOT_SUPPORTED, PRESENT, ABSENT = 0, 612, 614, 615, 616
_Answer = tuple[int, bytes]
_CARD_GONE = bytes.fromhex("64A1")
_POWER_OFF = 0


class PlayedCard(Protocol):
    """What the reader needs of a card; every software card has it."""

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


class VirtualReader:
    """A reader that listens on `path`, to be used as a context manager; `person` stands in front of it.

    `watch` gets each command and response, PINs and all. `jobs` are the entries that hosts have asked for.
    """

    def __init__(
        self,
        path: Path,
        person: Person | None = None,
        behaviour: Behaviour | None = None,
        watch: Callable[[bytes, bytes], None] | None = None,
    ) -> None:
        self.path = path
        self.person = person or Person()
        self.behaviour = behaviour or Behaviour()
        self.watch = watch
        self.jobs: list[Job] = []
        self._card: PlayedCard | None = None
        self._listener: socket.socket | None = None
        self._connections: list[socket.socket] = []
        self._events: list[socket.socket] = []
        self._keys: Queue[int] = Queue()
        self._steps: _Steps | None = None
        self._guard = threading.RLock()

    def __enter__(self) -> VirtualReader:
        self.plug()
        return self

    def __exit__(self, *exception: object) -> None:
        self.unplug()

    def insert(self, card: PlayedCard) -> None:
        """Put a card in."""
        self._card = card
        self._tell()

    def remove(self) -> None:
        """Take the card out; it loses its power."""
        card, self._card = self._card, None
        if card is not None:
            card.power_off()
        self._tell()

    def plug(self) -> None:
        """Connect the reader to the computer."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path))
        self.path.chmod(0o777)  # the folder around it decides who may come; pcscd may be somebody else
        listener.listen()
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def unplug(self) -> None:
        """Disconnect it: whoever waits for an answer gets none."""
        if self._listener is None:
            return
        _shut(self._listener)
        self._listener = None
        self._steps = None
        self.path.unlink()
        if self._card is not None:
            self._card.power_off()
        with self._guard:
            for connection in self._connections:
                _shut(connection)
            self._connections.clear()
            self._events.clear()

    def _tell(self) -> None:
        with self._guard:
            for connection in list(self._events):
                try:
                    connection.sendall(b"!")
                except OSError:  # the driver has closed it, and makes another one when it needs it
                    self._events.remove(connection)
                    _shut(connection)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._guard:
                if self._listener is not listener:  # unplugged just now
                    _shut(connection)
                    return
                self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if connection.recv(1) != b"R":
                with self._guard:
                    self._events.append(connection)
                    connection.sendall(b"!")  # a card may have come between the driver's last look and now
                return
            while True:
                head = _receive(connection, 5)
                data = _receive(connection, int.from_bytes(head[1:]))
                result, answer = self._answer(head[:1], data)
                connection.sendall(result.to_bytes(4) + len(answer).to_bytes(4) + answer)
        except (OSError, Unplugged):
            with self._guard:
                _shut(connection)

    def _answer(self, what: bytes, data: bytes) -> _Answer:
        match what:
            case b"P":
                return (ABSENT if self._card is None else PRESENT), b""
            case b"W":
                return self._power(data[0])
            case b"T":
                return self._gone() if self._card is None else (SUCCESS, self._send(data))
            case b"C":
                return self._control(int.from_bytes(data[:4]), data[4:])
        return NOT_SUPPORTED, b""

    def _power(self, action: int) -> _Answer:
        if self._card is None:
            return ABSENT, b""
        if action == _POWER_OFF:
            self._card.power_off()
            return SUCCESS, b""
        self._card.reset()
        return SUCCESS, self._card.atr

    def _send(self, command: bytes) -> bytes:
        if self._card is None:
            raise CardPulled
        response = self._card.process(command)
        if self.watch is not None:
            self.watch(command, response)
        return response

    def _gone(self) -> _Answer:
        return ABSENT, b""

    def _control(self, code: int, data: bytes) -> _Answer:
        if code == GET_FEATURE_REQUEST:
            return SUCCESS, self.behaviour.feature_list()
        if code - CODES not in self.behaviour.features():
            return NOT_SUPPORTED, b""
        match Feature(code - CODES):
            case Feature.PIN_PROPERTIES:
                return SUCCESS, self.behaviour.pin_properties()
            case Feature.TLV_PROPERTIES:
                return SUCCESS, self.behaviour.tlv_properties()
            case feature if self._card is None:
                return self._without_card(feature)
            case feature:
                return self._operate(feature, data)

    def _without_card(self, feature: Feature) -> _Answer:
        if feature in (Feature.KEY_PRESSED, Feature.VERIFY_FINISH, Feature.MODIFY_FINISH) and self._steps is not None:
            return self._operate(feature, b"")  # the entry has ended by that
        return self._pulled()

    def _pulled(self) -> _Answer:
        return (SUCCESS, _CARD_GONE) if self.behaviour.tells_gone else (ABSENT, b"")

    def _operate(self, feature: Feature, data: bytes) -> _Answer:
        match feature:
            case Feature.KEY_PRESSED:
                return SUCCESS, bytes((self._next_key(),))
            case Feature.ABORT:
                self.person.will(CANCEL)
                return SUCCESS, b""
            case Feature.VERIFY_FINISH | Feature.MODIFY_FINISH:
                return (NOT_SUPPORTED, b"") if self._steps is None else self._finish(self._steps)
        try:
            job = parse_verify(data) if "VERIFY" in feature.name else parse_modify(data)
        except Malformed:
            return NOT_SUPPORTED, b""
        self.jobs.append(job)
        if "DIRECT" in feature.name:
            return self._perform(job)
        if self._steps is not None:
            self._finish(self._steps)  # whoever began that has gone; the person is asked once at a time
        self._keys = Queue()
        self._steps = _Steps(lambda: self._perform(job))
        return SUCCESS, b""

    def _next_key(self) -> int:
        try:
            return self._keys.get_nowait()
        except Empty:
            return 0

    def _finish(self, steps: _Steps) -> _Answer:
        self._steps = None
        return steps.result()

    def _perform(self, job: Job) -> _Answer:
        keypad = Keypad(
            behaviour=self.behaviour, ask=self.person.answer, send=self._send, pressed=lambda key: self._keys.put(key)
        )
        try:
            return SUCCESS, keypad.perform(job)
        except CardPulled:
            self.remove()
            return self._pulled()
        except Unplugged:
            self.unplug()
            raise


class _Steps:
    """An entry that goes on while the host does something else, from START to FINISH."""

    def __init__(self, entry: Callable[[], _Answer]) -> None:
        self._entry = entry
        self._answer: _Answer = (COMMUNICATION_ERROR, b"")
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def result(self) -> _Answer:
        """How it ended; waits for that."""
        self._thread.join()
        return self._answer

    def _run(self) -> None:
        try:
            self._answer = self._entry()
        except Unplugged:
            return  # nobody is there to hear an answer


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # the other side was faster
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _receive(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            raise ConnectionError("the driver closed the connection")
        received += part
    return received
