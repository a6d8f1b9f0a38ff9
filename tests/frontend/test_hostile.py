"""100,000 hostile frames: the agent lives, its memory stays as it is, and nothing is answered but an error."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from csp_frontend import endpoint, handshake, wire
from csp_frontend.calls import CALLS
from csp_frontend.client_link import Link
from csp_frontend.endpoint import Endpoint
from csp_frontend.marshalling import ON_THE_WIRE
from csp_frontend.stream import FrameStream
from csp_frontend.wire import Call, Challenge, Frame, Kind, Proof, Refusal, Reply, Value, Welcome
from tests.frontend.agents import RunningAgent

TOTAL = 100_000
THREADS = 4
STRANGERS = 16_000  # each needs a connection of its own, because it is the last thing that is heard on it
TURNCOATS = 1_600  # each needs a handshake too
PATIENCE = 20.0
MOST_GROWTH = 12 << 20
_CONTENTS: dict[Kind, tuple[int | bytes | str | None, ...]] = {
    Kind.NOTHING: (None,),
    Kind.NUMBER: (0, 1, 0x80000001, 0xFFFFFFFF),
    Kind.HANDLE: (0, 1, 0xFFFFFFFF, (1 << 64) - 1),
    Kind.BYTES: (b"", b"\0", bytes(4096), b"\xff" * 77),
    Kind.TEXT: ("", "\\\\.\\", "\\\\.\\nowhere\\", "x" * 500),
}
Sign = Callable[[str], None]


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same frames in every run


def value(source: random.Random, kind: Kind) -> Value:
    return Value(kind=kind, content=source.choice(_CONTENTS[kind]))


def values(source: random.Random) -> tuple[Value, ...]:
    return tuple(value(source, source.choice(list(Kind))) for _ in range(source.randrange(wire.MAX_VALUES - 2)))


def prefixed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "little") + body


def strange_bytes(source: random.Random, recorded: bytes) -> bytes:
    """What somebody sends who does not know the secret, or no protocol at all; whole, so that there is an answer."""
    call = wire.encode(Call(sequence=1, thread=1, number=source.randrange(30), values=()))
    hello = wire.encode(handshake.hello(pid=1, process=source.randbytes(16), program="x"))
    return source.choice(
        [
            call,
            wire.encode(Proof(proof=source.randbytes(32))),
            wire.encode(Reply(sequence=1, status=0)),
            wire.encode(Welcome(pid=1, software="1")),
            recorded,
            hello + recorded,
            prefixed(hello[4 : source.randrange(9, len(hello))]),
            prefixed(hello[4:] + b"\0"),
            prefixed(source.randbytes(source.randrange(4, 200))),
            source.randrange(wire.MAX_GREETING + 1, 1 << 32).to_bytes(4, "little") + source.randbytes(40),
            source.randrange(0, 4).to_bytes(4, "little"),
            b"GET / HTTP/1.1\r\n\r\n",
        ]
    )


def wrong_frame(source: random.Random) -> bytes:
    """What somebody sends who has been let in and breaks the rules."""
    choice = source.randrange(6)
    if choice == 0:  # parameters of other kinds than the function's, or too many
        return wire.encode(Call(sequence=1, thread=1, number=source.randrange(1, 26), values=(*values(source), *_ODD)))
    if choice == 1:
        return wire.encode(Call(sequence=1, thread=1, number=source.randrange(26, 0xFF01), values=values(source)))
    if choice == 2:
        return wire.encode(Call(sequence=source.randrange(2, 1 << 32), thread=1, number=1, values=()))
    if choice == 3:
        return wire.encode(Reply(sequence=1, status=0, values=values(source)))
    if choice == 4:
        return source.randrange(wire.MAX_FRAME + 1, 1 << 32).to_bytes(4, "little")
    body = bytearray(wire.encode(Call(sequence=1, thread=1, number=13, values=values(source)))[4:])
    return prefixed(bytes(body[: source.randrange(4, len(body))] if len(body) > 4 else body) + b"\7")


_ODD = (Value(kind=Kind.TEXT, content=""),) * 3


def useless_call(source: random.Random, sequence: int) -> Call:
    """What somebody sends who keeps to the rules and has no handle: kinds are right, contents are wild."""
    function = source.choice([call for call in CALLS if call.name != "CPAcquireContext"])
    kinds = [source.choice(ON_THE_WIRE[parameter.kind]) for parameter in function.inputs]
    made = tuple(value(source, kind) for kind in kinds)
    return Call(sequence=sequence, thread=source.randrange(1 << 32), number=function.number, values=made)


def answers(stream: FrameStream) -> Iterator[Frame]:
    """Everything that is said until the connection ends."""
    while True:
        try:
            yield wire.decode(stream.receive(wire.MAX_FRAME, PATIENCE))
        except (EOFError, ConnectionError):
            return


def strangers(found: Endpoint, seed: int, count: int, recorded: bytes, sign: Sign) -> None:
    source = seeded(seed)
    stock = [strange_bytes(source, recorded) for _ in range(500)]
    for number in range(count):
        stream = FrameStream(socket.create_connection(("127.0.0.1", found.port), timeout=PATIENCE))
        stream.send_bytes(stock[number % len(stock)])
        for answer in answers(stream):
            sign("refused" if isinstance(answer, Refusal | Challenge) else f"answered with {answer}")
        stream.close()


def turncoats(file: Path, seed: int, count: int, sign: Sign) -> None:
    source = seeded(seed)
    for _ in range(count):
        link = Link(file, source.randbytes(16))
        assert link._stream is not None
        link._stream.send_bytes(wrong_frame(source))
        for answer in answers(link._stream):
            sign("refused" if isinstance(answer, Refusal) else f"answered with {answer}")
        link.close()


def useless(file: Path, seed: int, count: int, sign: Sign) -> None:
    source = seeded(seed)
    link = Link(file, source.randbytes(16))
    for sequence in range(1, count + 1):
        call = useless_call(source, sequence)
        status, given = link.call(call.number, call.values, call.thread)
        sign("error" if status and not given else f"{call.number} answered with {status:08X} {given}")
    link.close()


def recording(file: Path, found: Endpoint) -> bytes:
    """A whole good conversation of a client, as somebody could have written it down."""
    hello = wire.encode(handshake.hello(pid=1, process=bytes(16), program="recorded"))
    stream = FrameStream(socket.create_connection(("127.0.0.1", found.port), timeout=PATIENCE))
    stream.send_bytes(hello)
    body = bytes(stream.receive(wire.MAX_GREETING, PATIENCE))
    challenge = wire.decode(body)
    assert isinstance(challenge, Challenge)
    proof = wire.encode(handshake.answer(found.secret, hello[4:], body, challenge))
    stream.send_bytes(proof)
    assert isinstance(wire.decode(stream.receive(wire.MAX_GREETING, PATIENCE)), Welcome)
    stream.close()
    return proof


def storm(file: Path, found: Endpoint, share: float, seed: int) -> Counter[str]:
    """So much of everything from several threads at once; what came back, and how often."""
    seen: Counter[str] = Counter()
    lock = threading.Lock()
    failed: list[BaseException] = []

    def sign(what: str) -> None:
        with lock:
            seen[what] += 1

    def work(number: int) -> None:
        try:
            strangers(found, number, int(STRANGERS * share) // THREADS, recorded, sign)
            turncoats(file, number, int(TURNCOATS * share) // THREADS, sign)
            useless(file, number, int((TOTAL - STRANGERS - TURNCOATS) * share) // THREADS, sign)
        except BaseException as error:
            failed.append(error)

    recorded = recording(file, found)
    threads = [threading.Thread(target=work, args=(seed + number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    return seen


@pytest.mark.slow
def test_a_hundred_thousand_hostile_frames(tmp_path: Path) -> None:
    with RunningAgent(tmp_path / "a", configuration='log-level = "error"\n') as agent:
        found = endpoint.read(agent.file)
        storm(agent.file, found, 0.05, 1)
        threads, before = _settled(agent), agent.resident()
        begin = time.monotonic()
        seen = storm(agent.file, found, 1.0, 100)
        seconds = time.monotonic() - begin
        growth = agent.resident() - before
        print(f"{TOTAL} frames in {seconds:.1f} s, {growth / 1024:.0f} KiB more of {before / 1024:.0f}: {dict(seen)}")
        assert set(seen) <= {"refused", "error"}
        assert seen["error"] == TOTAL - STRANGERS - TURNCOATS
        assert seen["refused"] > (STRANGERS + TURNCOATS) // 2  # a reset may overtake a refusal, not every one of them
        assert growth < MOST_GROWTH
        assert _settled(agent) <= threads
        with agent.client() as client:
            client.ping()
            assert len(client.status()["clients"]) == 1
        assert "fault" not in agent.log


def _settled(agent: RunningAgent) -> int:
    """How many threads the agent has when those of ended connections have gone."""
    deadline, count = time.monotonic() + PATIENCE, agent.threads()
    while count > 3 and time.monotonic() < deadline:
        time.sleep(0.05)
        count = agent.threads()
    return count
