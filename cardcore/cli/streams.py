"""What stands in for streams that whoever started the process has closed, as schedulers and services do."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import NoReturn

_STANDARD = 2
"""The highest number of a standard stream."""


class _Closed(io.RawIOBase):
    """Input that is not there: reading says so. An empty one would be signed as an empty message."""

    def readable(self) -> bool:
        """It is asked for nothing else."""
        return True

    def readinto(self, buffer: object) -> NoReturn:
        """OSError."""
        raise OSError(errno.EBADF, "it is closed", "stdin")


def stand_in() -> None:
    """Give every stream that is closed a substitute: input that cannot be read, output that goes nowhere.

    Their numbers are taken first. Else the next file that is opened gets one of them, and with it whatever another
    program, started from here, says.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STANDARD:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_Closed()), encoding="utf-8")
    if sys.stdout is None:
        sys.stdout = _nowhere()
    if sys.stderr is None:
        sys.stderr = _nowhere()


def _nowhere() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.FileIO(os.devnull, "w"), encoding="utf-8", errors="backslashreplace", write_through=True)
