"""Which process really is at the other end of a connection over the loopback interface, by the system's own word.

What a client says of itself in its Hello is what it likes to say. Linux and Windows tell who owns the other end of a
connection; where they do not, or the answer is not clear, there is none.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from csp_frontend.callers import ClientInfo

_PROC = Path("/proc")
_ESTABLISHED = "01"
_MOST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process by its number, and the name of its program."""

    pid: int
    program: str


def client_info(connection: socket.socket, pid: int, program: str) -> ClientInfo:
    """Who is at the other end: the system's word if it has one, else what the client says of itself.

    Programs under Wine have another number there, and their own name only in their own words; it is kept as such.
    """
    found = owner_of(connection, pid)
    if found is None:
        return ClientInfo(pid=pid, program=program)
    same = found.program.casefold() in (program.casefold(), PureWindowsPath(program).stem.casefold())
    return ClientInfo(pid=found.pid, program=found.program, checked=True, claimed="" if same else program)


def owner_of(connection: socket.socket, guess: int = 0) -> Process | None:
    """The process that has the peer's end; `guess` is looked at first. None where the system does not tell.

    Systems without /proc/net/tcp, as macOS, do not.
    """
    try:
        near, far = connection.getsockname()[1], connection.getpeername()[1]
    except OSError:
        return None
    if sys.platform == "win32":
        return _windows_owner(far, near)
    return _linux_owner(far, near, guess)


def _linux_owner(local: int, remote: int, guess: int) -> Process | None:
    inode = _inode(local, remote)
    if not inode:
        return None
    wanted = f"socket:[{inode}]"
    for pid in _candidates(guess):
        if _holds(pid, wanted):
            return Process(pid=pid, program=_linux_program(pid))
    return None


def _inode(local: int, remote: int) -> str:
    """The socket with these ports as /proc/net/tcp has it (proc_net_tcp(5)); the addresses are both 127.0.0.1."""
    ends = (f"0100007F:{local:04X}", f"0100007F:{remote:04X}")
    with suppress(OSError), open(_PROC / "net" / "tcp", encoding="ascii") as table:
        for line in table:
            fields = line.split()
            if tuple(fields[1:3]) == ends and fields[3] == _ESTABLISHED:
                return fields[9]
    return ""


def strangers(connections: Iterable[socket.socket]) -> list[socket.socket]:
    """Those connections whose other end is another user's, root's aside; none where the system does not tell."""
    if sys.platform == "win32":
        return []
    owners: dict[tuple[str, str], int] = {}
    with suppress(OSError, ValueError), open(_PROC / "net" / "tcp", encoding="ascii") as table:
        owners = {(fields[1], fields[2]): int(fields[7]) for fields in map(str.split, list(table)[1:])}
    return [found for found in connections if owners.get(_far_end(found), 0) not in (0, os.geteuid())]


def _far_end(connection: socket.socket) -> tuple[str, str]:
    """The row of a connection's other end in /proc/net/tcp."""
    try:
        return f"0100007F:{connection.getpeername()[1]:04X}", f"0100007F:{connection.getsockname()[1]:04X}"
    except OSError:
        return "", ""


def _candidates(guess: int) -> list[int]:
    """All processes, the one that the client says it is first."""
    with suppress(OSError):
        return [guess, *(int(entry) for entry in os.listdir(_PROC) if entry.isdigit() and int(entry) != guess)]
    return [guess]


def _holds(pid: int, wanted: str) -> bool:
    folder = _PROC / str(pid) / "fd"
    with suppress(OSError):  # another user's, or it has ended
        return any(_target(folder / entry) == wanted for entry in os.listdir(folder))
    return False


def _target(link: Path) -> str:
    with suppress(OSError):
        return os.readlink(link)
    return ""


def _linux_program(pid: int) -> str:
    """The name of the file that runs. What a process calls itself (comm, argv) it could have chosen."""
    with suppress(OSError):
        return os.path.basename(os.readlink(_PROC / str(pid) / "exe")).removesuffix(" (deleted)")[:_MOST_NAME]
    return ""


def _windows_owner(local: int, remote: int) -> Process | None:
    if sys.platform == "win32":
        pid = _windows_pid(local, remote)
        return Process(pid=pid, program=_windows_program(pid)) if pid else None
    return None


def _windows_pid(local: int, remote: int) -> int:
    """GetExtendedTcpTable with TCP_TABLE_OWNER_PID_CONNECTIONS: rows of six DWORDs, ports in network order."""
    if sys.platform == "win32":
        import ctypes

        size = ctypes.c_ulong(0)
        call = ctypes.windll.iphlpapi.GetExtendedTcpTable
        call(None, ctypes.byref(size), False, socket.AF_INET, 4, 0)
        buffer = ctypes.create_string_buffer(size.value + 4096)  # it may have grown meanwhile
        size = ctypes.c_ulong(len(buffer))
        if call(buffer, ctypes.byref(size), False, socket.AF_INET, 4, 0):
            return 0
        return _row_owner(buffer.raw, local, remote)
    return 0


def _row_owner(table: bytes, local: int, remote: int) -> int:
    """The process in the row of a MIB_TCPTABLE_OWNER_PID that has these ports, 0 without one."""
    (count,) = struct.unpack_from("<I", table)
    for number in range(min(count, (len(table) - 4) // 24)):
        _, _, near, _, far, pid = struct.unpack_from("<6I", table, 4 + 24 * number)
        if (_port(near), _port(far)) == (local, remote):
            return int(pid)
    return 0


def _port(number: int) -> int:
    return (number & 0xFF) << 8 | number >> 8 & 0xFF


def _windows_program(pid: int) -> str:
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        kernel = ctypes.windll.kernel32
        kernel.OpenProcess.restype = wintypes.HANDLE
        handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
        if not handle:
            return ""
        try:
            size = wintypes.DWORD(1024)
            buffer = ctypes.create_unicode_buffer(size.value)
            done = kernel.QueryFullProcessImageNameW(wintypes.HANDLE(handle), 0, buffer, ctypes.byref(size))
            return PureWindowsPath(buffer.value).name[:_MOST_NAME] if done else ""
        finally:
            kernel.CloseHandle(wintypes.HANDLE(handle))
    return ""
