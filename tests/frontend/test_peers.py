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

from csp_frontend import peers

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
