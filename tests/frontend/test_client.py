"""The client: what it sends, hash data gathered into messages, and what it makes of an agent that goes or errs."""

from __future__ import annotations

import inspect
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from csp_frontend import wire
from csp_frontend.agent import Agent
from csp_frontend.agent_clients import Answer, Clients
from csp_frontend.calls import BY_NAME, BY_NUMBER, CALLS, Output
from csp_frontend.client import Client
from csp_frontend.client_functions import Functions
from csp_frontend.constants import Acquire, Code
from csp_frontend.errors import CspError
from csp_frontend.wire import MESSAGE_SIZE, Call, Hello, Kind, Value

HANDLE = Value(kind=Kind.HANDLE, content=77)
Row = tuple[object, ...]


class Recorder:
    """Answers every call with what is set for its function, and keeps what was asked, from all clients."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, Row]] = []
        self.answers: dict[str, Answer] = {}
        self.closed = threading.Event()

    def answer(self, call: Call) -> Answer:
        name = BY_NUMBER[call.number].name
        row = tuple(value.content for value in wire.owned(call).values)  # to last, beyond the next message
        self.calls.append((name, call.thread, row))
        return self.answers.get(name, (0, ()))

    def cancel(self) -> None:
        pass

    def close(self) -> None:
        self.closed.set()

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.calls]

    @property
    def hashed(self) -> list[bytes]:
        return [row[2] for name, _, row in self.calls if name == "CPHashData" and isinstance(row[2], bytes)]


class Running:
    """An agent in this process that records."""

    def __init__(self, folder: Path) -> None:
        self.recorder = Recorder()
        self.file = folder / "agent"
        self._folder = folder
        self.start()

    def start(self) -> None:
        self.agent = Agent(Clients(self._session), files=[self.file], lock=self._folder / "lock")
        self.agent.start()

    def _session(self, hello: Hello, connection: socket.socket) -> Recorder:
        return self.recorder


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    running.agent.stop()


@pytest.fixture
def client(running: Running) -> Iterator[Client]:
    with Client(running.file) as client:
        yield client


# The functions


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_the_functions_have_the_parameters_of_the_table(call: object) -> None:
    row = BY_NAME[getattr(call, "name", "")]
    signature = inspect.signature(getattr(Functions, row.name))
    assert list(signature.parameters)[1:] == [parameter.name for parameter in row.inputs]


def test_what_is_sent_and_answered(running: Running, client: Client) -> None:
    answers = running.recorder.answers
    answers["CPAcquireContext"] = (0, (HANDLE,))
    answers["CPGetProvParam"] = (0, (Value(kind=Kind.NUMBER, content=3), Value(kind=Kind.BYTES, content=b"abc")))
    answers["CPExportKey"] = (0, (Value(kind=Kind.NUMBER, content=9), Value(kind=Kind.NOTHING)))
    answers["CPGenRandom"] = (0, (Value(kind=Kind.BYTES, content=b"rr"),))
    assert client.CPAcquireContext("name\u00e9", 5) == 77
    assert client.CPGetProvParam(1, 2, 10, 0) == Output(size=3, data=b"abc")
    assert client.CPExportKey(1, 2, 0, 6, 0, None) == Output(size=9)
    assert client.CPGenRandom(1, 2, b"") == b"rr"
    client.CPReleaseContext(1, 0)
    assert [(name, row) for name, _, row in running.recorder.calls] == [
        ("CPAcquireContext", ("name\u00e9", 5, 0)),
        ("CPGetProvParam", (1, 2, 10, 0)),
        ("CPExportKey", (1, 2, 0, 6, 0, None)),
        ("CPGenRandom", (1, 2, b"")),
        ("CPReleaseContext", (1, 0)),
    ]


@pytest.mark.parametrize("arguments", [(), (1,), (1, 2, 3), ("1", 2), (None, 2), (1, 1 << 32)])
def test_arguments_that_are_not_the_functions(running: Running, client: Client, arguments: Row) -> None:
    with pytest.raises(CspError) as caught:
        client.call("CPReleaseContext", *arguments)  # type: ignore[arg-type] # wrong on purpose
    assert caught.value.code in (Code.ERROR_INVALID_PARAMETER, Code.SCARD_F_COMM_ERROR)
    assert running.recorder.calls == []


def test_errors_have_code_and_size(running: Running, client: Client) -> None:
    running.recorder.answers["CPGetProvParam"] = (234, (Value(kind=Kind.NUMBER, content=12),))
    running.recorder.answers["CPReleaseContext"] = (int(Code.NTE_BAD_UID), ())
    with pytest.raises(CspError) as caught:
        client.CPGetProvParam(1, 2, 10, 0)
    assert (caught.value.code, caught.value.size) == (Code.ERROR_MORE_DATA, 12)
    with pytest.raises(CspError) as caught:
        client.CPReleaseContext(1, 0)
    assert (caught.value.code, caught.value.size) == (Code.NTE_BAD_UID, 0)


@pytest.mark.parametrize(
    "answer",
    [
        (0, ()),
        (0, (Value(kind=Kind.NUMBER, content=1),)),
        (0, (HANDLE, HANDLE)),
        (0xDEADBEEF, ()),
        (5, ()),
        (234, (HANDLE,)),
        (234, (Value(kind=Kind.NUMBER, content=1),) * 2),
    ],
)
def test_an_agent_that_answers_something_else(running: Running, client: Client, answer: Answer) -> None:
    running.recorder.answers["CPAcquireContext"] = answer
    with pytest.raises(CspError) as caught:
        client.CPAcquireContext(None, 0)
    assert caught.value.code == Code.SCARD_F_COMM_ERROR


def test_each_thread_has_its_connection_and_tells_its_number(running: Running, client: Client) -> None:
    client.CPReleaseContext(1, 0)
    numbers = []

    def work() -> None:
        client.CPReleaseContext(2, 0)
        numbers.append(threading.get_native_id())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [number for _, number, _ in running.recorder.calls] == [threading.get_native_id(), *numbers]
    assert len(running.agent.clients.all()) == 1
    assert not running.recorder.closed.is_set()


def test_handles_outlive_the_thread_that_made_them(running: Running, client: Client) -> None:
    """The thread's connection was the first of the process: the client keeps it."""
    thread = threading.Thread(target=lambda: client.CPReleaseContext(1, 0))
    thread.start()
    thread.join()
    client.CPReleaseContext(1, 0)
    assert not running.recorder.closed.is_set()
    client.close()
    assert running.recorder.closed.wait(10.0)


# Hash data


def test_pieces_are_gathered(running: Running, client: Client) -> None:
    pieces = [bytes([number]) * 4096 for number in range(200)]
    for piece in pieces:
        client.CPHashData(1, 2, piece, 0)
    assert running.recorder.hashed == pieces[:1]
    running.recorder.answers["CPSignHash"] = (0, (Value(kind=Kind.NUMBER, content=0), Value(kind=Kind.NOTHING)))
    client.CPSignHash(1, 2, 1, None, 0, None)
    assert running.recorder.hashed == [pieces[0], b"".join(pieces[1:])]
    assert running.recorder.names == ["CPHashData", "CPHashData", "CPSignHash"]


def test_messages_have_one_mebibyte(running: Running, client: Client) -> None:
    client.CPHashData(1, 2, bytes(2 * MESSAGE_SIZE + 5), 0)
    assert [len(data) for data in running.recorder.hashed] == [MESSAGE_SIZE, MESSAGE_SIZE]
    client.CPHashData(1, 2, bytes(MESSAGE_SIZE - 6), 0)
    assert len(running.recorder.hashed) == 2
    client.CPHashData(1, 2, b"x", 0)
    assert [len(data) for data in running.recorder.hashed] == [MESSAGE_SIZE] * 3


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("CPGetHashParam", (1, 2, 2, None, 0)),
        ("CPSetHashParam", (1, 2, 2, b"", 0)),
        ("CPSignHash", (1, 2, 1, None, 0, None)),
        ("CPVerifySignature", (1, 2, b"", 3, None, 0)),
        ("CPDuplicateHash", (1, 2, 0, 0)),
        ("CPHashSessionKey", (1, 2, 3, 0)),
        ("CPDeriveKey", (1, 0x6801, 2, 0)),
        ("CPEncrypt", (1, 3, 2, True, 0, b"", 0, 0)),
        ("CPDecrypt", (1, 3, 2, True, 0, b"", 0)),
        ("CPHashData", (1, 2, b"c", 1)),
    ],
)
def test_whoever_wants_the_hash_gets_all_of_it(
    running: Running, client: Client, name: str, arguments: tuple[int | bytes | None, ...]
) -> None:
    for piece in (b"a", b"b"):
        client.CPHashData(1, 2, piece, 0)
    refused = {"CPGetHashParam", "CPSignHash", "CPDuplicateHash", "CPDeriveKey", "CPEncrypt", "CPDecrypt"}
    if name in refused:
        running.recorder.answers[name] = (int(Code.NTE_FAIL), ())
        with pytest.raises(CspError):
            client.call(name, *arguments)
    else:
        client.call(name, *arguments)
    assert running.recorder.hashed[:2] == [b"a", b"b"]
    assert running.recorder.names[-1] == name
    client.CPHashData(1, 2, b"d", 0)
    assert running.recorder.hashed[-1] == b"d"  # the first after another function goes at once


def test_other_hashes_and_functions_wait_for_nothing(running: Running, client: Client) -> None:
    for piece in (b"a", b"b"):
        client.CPHashData(1, 2, piece, 0)
    client.CPHashData(1, 3, b"x", 0)
    client.CPSetProvParam(1, 2, None, 0)
    assert running.recorder.hashed == [b"a", b"x"]


def test_a_wrong_context_spoils_nothing(running: Running, client: Client) -> None:
    for piece in (b"a", b"b"):
        client.CPHashData(1, 2, piece, 0)
    running.recorder.answers["CPHashData"] = (0, ())
    client.CPHashData(9, 2, b"c", 0)
    sent = [row[:3] for name, _, row in running.recorder.calls if name == "CPHashData"]
    assert sent == [(1, 2, b"a"), (1, 2, b"b"), (9, 2, b"c")]


@pytest.mark.parametrize("end", [("CPDestroyHash", (1, 2)), ("CPReleaseContext", (1, 0))])
def test_what_nobody_wants_is_not_sent(running: Running, client: Client, end: tuple[str, tuple[int, int]]) -> None:
    for piece in (b"a", b"b"):
        client.CPHashData(1, 2, piece, 0)
    client.call(end[0], *end[1])
    client.CPHashData(1, 2, b"c", 0)
    assert running.recorder.hashed == [b"a", b"c"]


def test_a_refused_piece_is_refused_at_once(running: Running, client: Client) -> None:
    running.recorder.answers["CPHashData"] = (int(Code.NTE_BAD_HASH_STATE), ())
    for _ in range(2):
        with pytest.raises(CspError) as caught:
            client.CPHashData(1, 2, b"a", 0)
        assert caught.value.code == Code.NTE_BAD_HASH_STATE
    assert running.recorder.hashed == [b"a", b"a"]


def test_a_call_after_a_failed_one_is_always_seen_by_the_agent(running: Running, client: Client) -> None:
    """It resets the detailed reason of the last error, which the agent keeps."""
    for piece in (b"a", b"b"):
        client.CPHashData(1, 2, piece, 0)
    running.recorder.answers["CPSetProvParam"] = (int(Code.NTE_FAIL), ())
    with pytest.raises(CspError):
        client.CPSetProvParam(1, 2, None, 0)
    client.CPHashData(1, 2, b"c", 0)
    assert running.recorder.hashed == [b"a", b"b", b"c"]


def test_threads_add_to_one_hash(running: Running, client: Client) -> None:
    client.CPHashData(1, 2, b"a", 0)

    def work() -> None:
        for _ in range(300):
            client.CPHashData(1, 2, b"x" * 1000, 0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.CPSetHashParam(1, 2, 2, b"", 0)
    assert b"".join(running.recorder.hashed) == b"a" + b"x" * 1_200_000


# An agent that goes


def test_a_client_connects_again(running: Running, client: Client) -> None:
    client.CPReleaseContext(1, 0)
    running.agent.stop()
    running.start()
    client.CPReleaseContext(2, 0)
    assert [row for _, _, row in running.recorder.calls] == [(1, 0), (2, 0)]


def test_what_waited_for_the_old_agent_does_not_reach_the_new_one(running: Running, client: Client) -> None:
    for piece in (b"a", b"b"):
        client.CPHashData(1, 2, piece, 0)
    running.agent.stop()
    running.start()
    client.CPReleaseContext(9, 0)
    client.CPHashData(1, 2, b"c", 0)
    client.CPSetHashParam(1, 2, 2, b"", 0)
    assert running.recorder.hashed == [b"a", b"c"]


def test_no_agent_is_an_error_with_a_code(running: Running, client: Client) -> None:
    running.agent.stop()
    for _ in range(2):
        with pytest.raises(CspError) as caught:
            client.CPReleaseContext(1, 0)
        assert caught.value.code == Code.NTE_PROVIDER_DLL_FAIL
    running.start()


class Fleeting(Recorder):
    """Ends the connections of its agent in the middle of the first call."""

    def __init__(self, running: Running) -> None:
        super().__init__()
        self._running = running

    def answer(self, call: Call) -> Answer:
        self.calls.append((BY_NUMBER[call.number].name, call.thread, ()))
        if len(self.calls) == 1:
            for connection in list(self._running.agent._connections):
                connection.abandon()
        return 0, (HANDLE,)


def test_opening_a_container_is_tried_again(running: Running, client: Client) -> None:
    running.recorder = Fleeting(running)
    assert client.CPAcquireContext(None, Acquire.CRYPT_SILENT) == 77
    assert running.recorder.names == ["CPAcquireContext"] * 2


@pytest.mark.parametrize("flags", [Acquire.CRYPT_NEWKEYSET, Acquire.CRYPT_DELETEKEYSET])
def test_what_changes_something_is_not_tried_again(running: Running, client: Client, flags: int) -> None:
    running.recorder = Fleeting(running)
    with pytest.raises(CspError) as caught:
        client.CPAcquireContext(None, flags)
    assert caught.value.code == Code.SCARD_E_SERVICE_STOPPED
    assert running.recorder.names == ["CPAcquireContext"]


def test_an_answer_that_no_frame_holds_is_an_error(running: Running, client: Client) -> None:
    running.recorder.answers["CPGenRandom"] = (0, (Value(kind=Kind.BYTES, content=bytes(wire.MAX_FRAME)),))
    with pytest.raises(CspError) as caught:
        client.CPGenRandom(1, 0xFFFFFFFF, b"")
    assert caught.value.code == Code.NTE_NO_MEMORY
