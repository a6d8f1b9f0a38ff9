"""The agent's own business: one instance, who may talk to it, limits, the end. No card is needed."""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from csp_frontend import endpoint, handshake, wire
from csp_frontend.agent import Agent
from csp_frontend.agent_clients import Answer, Clients
from csp_frontend.agent_connection import Limits
from csp_frontend.client_link import Link
from csp_frontend.endpoint import Endpoint, NoAgent
from csp_frontend.stream import FrameStream
from csp_frontend.wire import Call, Challenge, Hello, Proof, Refusal, Reply, Welcome

PATIENCE = 10.0


class Session:
    """A session whose calls take until they are let go on."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self.closed = threading.Event()
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def answer(self, call: Call) -> Answer:
        if call.number == 1:
            self.begun.set()
            self.go_on.wait(PATIENCE)
        return 0, call.values

    def cancel(self) -> None:
        self.cancelled.set()
        self.go_on.set()

    def close(self) -> None:
        self.closed.set()


class Running:
    """An agent in this process, over sessions that do nothing."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.sessions: list[Session] = []
        self.file = folder / "agent"
        self.agent = Agent(Clients(self._session), files=[self.file], lock=folder / "lock", limits=limits)
        self.endpoint = self.agent.start()

    def _session(self, hello: Hello, connection: socket.socket) -> Session:
        self.sessions.append(Session())
        return self.sessions[-1]

    def connect(self) -> FrameStream:
        return FrameStream(socket.create_connection(("127.0.0.1", self.endpoint.port), timeout=PATIENCE))


@pytest.fixture
def running(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    running = Running(tmp_path, getattr(request, "param", Limits()))
    yield running
    running.agent.stop()


def until(condition: threading.Event) -> None:
    assert condition.wait(PATIENCE)


def refusal(stream: FrameStream) -> Refusal:
    """The refusal that the agent says, and that it says nothing after it."""
    answer = wire.decode(stream.receive(wire.MAX_GREETING, PATIENCE))
    assert isinstance(answer, Refusal)
    with pytest.raises((EOFError, ConnectionError)):
        stream.receive(wire.MAX_GREETING, PATIENCE)
    stream.close()
    return answer


def hello(process: bytes = b"p" * 16) -> bytes:
    return wire.encode(handshake.hello(pid=os.getpid(), process=process, program="test"))


def challenged(stream: FrameStream, greeting: bytes) -> tuple[Challenge, bytes]:
    stream.send_bytes(greeting)
    body = bytes(stream.receive(wire.MAX_GREETING, PATIENCE))
    answer = wire.decode(body)
    assert isinstance(answer, Challenge)
    return answer, body


# The endpoint file


def test_the_endpoint_file_is_for_the_user_alone(running: Running) -> None:
    assert stat.S_IMODE(running.file.stat().st_mode) == 0o600
    assert running.endpoint.secret.hex() in running.file.read_text()
    assert running.endpoint.secret.hex() not in repr(running.endpoint)
    assert endpoint.read(running.file) == running.endpoint


def test_every_run_has_another_secret() -> None:
    assert Endpoint.fresh(1).secret != Endpoint.fresh(1).secret


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_that_others_can_reach_is_not_trusted(running: Running, mode: int) -> None:
    running.file.chmod(mode)
    with pytest.raises(NoAgent, match="others"):
        endpoint.read(running.file)
    running.file.chmod(0o600)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 100,
        b"personal-csp agent 2\nport 1\npid 1\nsecret " + b"0" * 64 + b"\n",
        b"personal-csp agent 1\nport 0\npid 1\nsecret " + b"0" * 64 + b"\n",
        b"personal-csp agent 1\nport 65536\npid 1\nsecret " + b"0" * 64 + b"\n",
        b"personal-csp agent 1\nport 1\npid 4294967296\nsecret " + b"0" * 64 + b"\n",
        b"personal-csp agent 1\nport 1\npid 1\nsecret " + b"0" * 63 + b"\n",
        b"personal-csp agent 1\nport 1\npid 1\nsecret " + b"0" * 64 + b"\nmore\n",
    ],
)
def test_a_damaged_endpoint_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "agent"
    file.touch(0o600)
    file.write_bytes(content)
    with pytest.raises(NoAgent):
        endpoint.read(file)


def test_an_agent_takes_away_its_own_endpoint_only(tmp_path: Path) -> None:
    file, ours, other = tmp_path / "agent", Endpoint.fresh(1), Endpoint.fresh(2)
    endpoint.write(file, other)
    endpoint.remove(file, ours)
    assert endpoint.read(file) == other
    endpoint.remove(file, other)
    endpoint.remove(file, other)
    assert list(tmp_path.iterdir()) == []


# The handshake


def test_it_listens_on_the_loopback_only(running: Running) -> None:
    addresses = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    port = f"{running.endpoint.port:04X}"
    assert next(address for address in addresses if address.endswith(f":{port}")) == f"0100007F:{port}"
    assert not [line for line in Path("/proc/net/tcp6").read_text().splitlines() if f":{port} " in line]


def test_a_client_with_the_secret_is_welcome(running: Running) -> None:
    link = Link(running.file, b"p" * 16)
    assert link.welcome.pid == os.getpid()
    assert link.call(7, (), 1) == (0, ())
    link.close()


def test_a_client_without_the_secret_learns_nothing(running: Running) -> None:
    stream = running.connect()
    challenged(stream, hello())
    stream.send(Proof(proof=bytes(32)))
    assert refusal(stream).status == wire.UNKNOWN
    assert running.sessions == []


def test_a_proof_cannot_be_used_again(running: Running) -> None:
    """What another connection sent, to the last byte, is worth nothing in this one: the agent's nonce differs."""
    greeting = hello()
    first = running.connect()
    challenge, body = challenged(first, greeting)
    proof = handshake.answer(running.endpoint.secret, greeting[4:], body, challenge)
    first.send(proof)
    assert isinstance(wire.decode(first.receive(wire.MAX_GREETING, PATIENCE)), Welcome)
    second = running.connect()
    challenged(second, greeting)
    second.send(proof)
    assert refusal(second).status == wire.UNKNOWN
    first.close()


def test_the_agents_proof_cannot_be_sent_back(running: Running) -> None:
    stream = running.connect()
    challenge, _ = challenged(stream, hello())
    stream.send(Proof(proof=challenge.proof))
    assert refusal(stream).status == wire.UNKNOWN


def test_a_client_says_nothing_to_a_false_agent(running: Running) -> None:
    """Whoever got the port of an agent that has ended does not know the secret, and never sees a proof or a call."""
    heard = []

    def pretend(listener: socket.socket) -> None:
        stream = FrameStream(listener.accept()[0])
        heard.append(wire.decode(stream.receive(wire.MAX_GREETING, PATIENCE)))
        stream.send(Challenge(chosen=1, nonce=bytes(32), proof=bytes(32)))
        with pytest.raises(EOFError):
            stream.receive(wire.MAX_GREETING, PATIENCE)
        stream.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        other = Endpoint(port=listener.getsockname()[1], pid=1, secret=running.endpoint.secret)
        endpoint.write(running.file, other)
        thread = threading.Thread(target=pretend, args=(listener,))
        thread.start()
        with pytest.raises(NoAgent, match="not the agent"):
            Link(running.file, b"p" * 16)
        thread.join(PATIENCE)
    assert len(heard) == 1


@pytest.mark.parametrize(
    ("lowest", "highest", "chosen"), [(1, 1, 1), (1, 9, 1), (2, 9, None), (0, 0, None), (5, 1, None)]
)
def test_versions(running: Running, lowest: int, highest: int, chosen: int | None) -> None:
    stream = running.connect()
    stream.send(Hello(lowest=lowest, highest=highest, pid=1, process=b"p" * 16, nonce=bytes(32), program=""))
    if chosen is None:
        assert "versions" in refusal(stream).reason
    else:
        answer = wire.decode(stream.receive(wire.MAX_GREETING, PATIENCE))
        assert isinstance(answer, Challenge)
        assert answer.chosen == chosen
        stream.close()


@pytest.mark.parametrize("running", [Limits(handshake=0.2)], indirect=True)
@pytest.mark.parametrize("said", [0, 1, 20, 1000])
def test_a_handshake_has_to_come_to_its_end(running: Running, said: int) -> None:
    """Whoever says the beginning of a hello, or all of it, and then nothing, is heard for so long and no longer."""
    stream = running.connect()
    stream.send_bytes(hello()[:said])
    deadline = time.monotonic() + PATIENCE
    with suppress(EOFError, ConnectionError):
        while time.monotonic() < deadline:
            stream.receive(wire.MAX_GREETING, PATIENCE)
    assert time.monotonic() < deadline
    stream.close()


@pytest.mark.parametrize("running", [Limits(greetings=3)], indirect=True)
def test_strangers_are_few_and_clients_remain(running: Running) -> None:
    known = Link(running.file, b"p" * 16)
    strangers = [running.connect() for _ in range(4)]
    with pytest.raises((EOFError, ConnectionError)):
        strangers[-1].receive(wire.MAX_GREETING, PATIENCE)
    assert known.call(7, (), 1) == (0, ())
    for stranger in strangers:
        stranger.close()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:  # as soon as they have gone there is room again
        try:
            Link(running.file, b"q" * 16).close()
            break
        except NoAgent:
            time.sleep(0.02)
    else:
        pytest.fail("no room for a client")
    known.close()


@pytest.mark.parametrize("running", [Limits(per_process=2)], indirect=True)
def test_a_process_has_so_many_connections(running: Running) -> None:
    links = [Link(running.file, b"p" * 16) for _ in range(2)]
    with pytest.raises(NoAgent, match="2 connections"):
        Link(running.file, b"p" * 16)
    for link in (*links, Link(running.file, b"q" * 16)):
        link.close()


# Calls


@pytest.mark.parametrize(
    "frame",
    [
        Call(sequence=2, thread=1, number=7),
        Call(sequence=0, thread=1, number=7),
        Reply(sequence=1, status=0),
        Proof(proof=bytes(32)),
    ],
)
def test_a_frame_out_of_turn_ends_the_connection(running: Running, frame: Call | Reply | Proof) -> None:
    link = Link(running.file, b"p" * 16)
    assert link._stream is not None
    link._stream.send(frame)
    assert refusal(link._stream).status == wire.MALFORMED
    until(running.sessions[0].closed)


def test_a_call_cannot_be_sent_again(running: Running) -> None:
    link = Link(running.file, b"p" * 16)
    assert link._stream is not None
    call = wire.encode(Call(sequence=1, thread=1, number=7))
    link._stream.send_bytes(call)
    assert isinstance(wire.decode(link._stream.receive(wire.MAX_FRAME, PATIENCE)), Reply)
    link._stream.send_bytes(call)
    assert refusal(link._stream).status == wire.MALFORMED


def test_whoever_talks_during_a_call_is_cut_off(running: Running) -> None:
    link = Link(running.file, b"p" * 16)
    assert link._stream is not None
    link._stream.send(Call(sequence=1, thread=1, number=1))
    until(running.sessions[0].begun)
    link._stream.send(Call(sequence=2, thread=1, number=1))
    until(running.sessions[0].cancelled)
    until(running.sessions[0].closed)
    link.close()


def test_handles_belong_to_the_process_and_die_with_its_last_connection(running: Running) -> None:
    first, second = Link(running.file, b"p" * 16), Link(running.file, b"p" * 16)
    stranger = Link(running.file, b"q" * 16)
    assert len(running.sessions) == 2
    first.close()
    assert second.call(7, (), 1) == (0, ())
    assert not running.sessions[0].closed.is_set()
    second.close()
    until(running.sessions[0].closed)
    assert not running.sessions[1].closed.is_set()
    again = Link(running.file, b"p" * 16)
    assert len(running.sessions) == 3
    again.close()
    stranger.close()


def test_a_client_that_goes_in_the_middle_of_a_call_is_noticed(running: Running) -> None:
    link = Link(running.file, b"p" * 16)
    assert link._stream is not None
    link._stream.send(Call(sequence=1, thread=1, number=1))
    until(running.sessions[0].begun)
    begin = time.monotonic()
    link.close()
    until(running.sessions[0].cancelled)
    assert time.monotonic() - begin < 1.0
    assert running.agent.clients.all() == []
    until(running.sessions[0].closed)


def test_one_lost_connection_of_two_leaves_the_process(running: Running) -> None:
    link, other = Link(running.file, b"p" * 16), Link(running.file, b"p" * 16)
    assert link._stream is not None
    link._stream.send(Call(sequence=1, thread=1, number=1))
    until(running.sessions[0].begun)
    link.close()
    deadline = time.monotonic() + PATIENCE
    while running.agent.clients.all()[0].alive != 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not running.sessions[0].cancelled.is_set()
    assert other.call(7, (), 1) == (0, ())
    running.sessions[0].go_on.set()
    other.close()
    until(running.sessions[0].closed)


@pytest.mark.parametrize("running", [Limits(idle=0.2)], indirect=True)
def test_silence_ends_connections_but_not_the_last_one(running: Running) -> None:
    first, second = Link(running.file, b"p" * 16), Link(running.file, b"p" * 16)
    deadline = time.monotonic() + PATIENCE
    while first.usable and second.usable and time.monotonic() < deadline:
        time.sleep(0.02)
    assert first.usable != second.usable
    time.sleep(0.5)
    left = first if first.usable else second
    assert left.call(7, (), 1) == (0, ())
    assert not running.sessions[0].closed.is_set()
    first.close()
    second.close()


def test_stopping_ends_calls_and_connections(tmp_path: Path) -> None:
    running = Running(tmp_path, Limits())
    link = Link(running.file, b"p" * 16)
    assert link._stream is not None
    link._stream.send(Call(sequence=1, thread=1, number=1))
    until(running.sessions[0].begun)
    running.agent.stop()
    assert running.sessions[0].closed.is_set()
    assert not running.file.exists()
    assert not link.usable
    link.close()
