"""Who is at the other end of a connection, by the system's word."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from csp_frontend import peers
from csp_frontend.agent import Agent
from csp_frontend.agent_clients import Clients, Session
from csp_frontend.agent_connection import Limits
from csp_frontend.wire import Hello

CLIENT = """
import socket, sys
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
sys.stdin.read()
"""


@contextmanager
def connected() -> Iterator[tuple[socket.socket, int]]:
    """A connection that another process has made, and its number."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        process = subprocess.Popen([sys.executable, "-c", CLIENT, port], stdin=subprocess.PIPE, text=True)
        try:
            accepted, _ = listener.accept()
            with accepted:
                yield accepted, process.pid
        finally:
            process.communicate("")


def program() -> str:
    return Path(sys.executable).resolve().name


def test_the_owner_is_found_whatever_it_says_of_itself() -> None:
    with connected() as (connection, pid):
        for guess in (pid, os.getpid(), 0, 1 << 22):
            assert peers.owner_of(connection, guess) == peers.Process(pid=pid, program=program())


def test_what_a_client_says_of_itself_is_kept_where_it_differs() -> None:
    with connected() as (connection, pid):
        lying = peers.client_info(connection, 1, "Bank")
        assert (lying.pid, lying.program, lying.checked, lying.claimed) == (pid, program(), True, "Bank")
        honest = peers.client_info(connection, pid, program().upper())
        assert (honest.pid, honest.checked, honest.claimed) == (pid, True, "")


def test_where_the_system_does_not_tell(tmp_path: Path) -> None:
    with connected() as (connection, pid):
        before, peers._PROC = peers._PROC, tmp_path
        try:
            info = peers.client_info(connection, pid, "Bank")
        finally:
            peers._PROC = before
        assert (info.pid, info.program, info.checked, info.claimed) == (pid, "Bank", False, "")


def table(path: Path, *rows: tuple[int, int, int]) -> None:
    """/proc/net/tcp with connections from one port to another, each of a user."""
    lines = ["  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"]
    for number, (near, far, uid) in enumerate(rows):
        ends = f"0100007F:{near:04X} 0100007F:{far:04X}"
        lines.append(f"   {number}: {ends} 01 00000000:00000000 00:00000000 00000000 {uid:5} 0 4711 1 0 20 4 30 10 -1")
    (path / "net").mkdir(exist_ok=True)
    (path / "net" / "tcp").write_text("\n".join(lines) + "\n", encoding="ascii")


def ports(connection: socket.socket) -> tuple[int, int]:
    """Of the other end: its own, and ours."""
    return connection.getpeername()[1], connection.getsockname()[1]


def test_connections_of_other_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = os.geteuid() + 4321
    with connected() as (ours, _), connected() as (theirs, _), connected() as (administrator, _):
        assert peers.strangers([ours, theirs]) == [], "by the real table"
        monkeypatch.setattr(peers, "_PROC", tmp_path)
        assert peers.strangers([ours, theirs]) == [], "nobody tells"
        table(tmp_path, (*ports(ours), os.geteuid()), (*ports(theirs), other), (*ports(administrator), 0))
        assert peers.strangers([ours, theirs, administrator]) == [theirs]
        theirs.close()
        assert peers.strangers([ours, theirs]) == []
        (tmp_path / "net" / "tcp").write_text("rubbish\n1 2 3 4 5 6 7 x\n")
        assert peers.strangers([ours]) == []


def test_other_users_cannot_keep_the_users_programs_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(hello: Hello, connection: socket.socket) -> Session:
        raise AssertionError("nobody knows the secret here")

    agent = Agent(Clients(nobody), files=[], lock=tmp_path / "lock", limits=Limits(greetings=3, handshake=30.0))
    port = agent.start().port
    monkeypatch.setattr(peers, "_PROC", tmp_path)
    try:
        crowd = [socket.create_connection(("127.0.0.1", port), timeout=20.0) for _ in range(3)]
        table(tmp_path, *((one.getsockname()[1], port, os.geteuid() + 4321) for one in crowd))
        with socket.create_connection(("127.0.0.1", port), timeout=20.0) as ours:
            ours.sendall((4).to_bytes(4, "little") + bytes(4))
            assert ours.recv(4), "it is heard, and refused for what it says"
        assert [one.recv(1) for one in crowd] == [b""] * 3
        for one in crowd:
            one.close()
    finally:
        agent.stop()


def test_a_connection_that_has_ended() -> None:
    with connected() as (connection, pid):
        connection.close()
        assert peers.owner_of(connection, pid) is None


def test_the_table_of_windows() -> None:
    """MIB_TCPTABLE_OWNER_PID as documented: state, local address and port, remote address and port, process."""

    def row(local: int, remote: int, pid: int) -> bytes:
        ports = [int.from_bytes(port.to_bytes(2), "little") for port in (local, remote)]
        return struct.pack("<6I", 5, 0x0100007F, ports[0], 0x0100007F, ports[1], pid)

    table = struct.pack("<I", 2) + row(0x1234, 0x5678, 11) + row(0x5678, 0x1234, 22)
    assert peers._row_owner(table, 0x1234, 0x5678) == 11
    assert peers._row_owner(table, 0x5678, 0x1234) == 22
    assert peers._row_owner(table, 1, 2) == 0
    assert peers._row_owner(table[:20], 0x1234, 0x5678) == 0
