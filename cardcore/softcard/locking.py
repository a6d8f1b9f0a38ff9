"""One lock per card file, held across processes, that also carries the token of the last write."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

TOKEN_SIZE = 16
_LOCKED_BYTE = 1 << 20  # far behind the token, because Windows denies reading of what is locked
_RETRY_SECONDS = 0.01


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock file `path` exclusively; gives its open descriptor. Waits as long as it takes."""
    descriptor = _acquire(path)
    try:
        yield descriptor
    finally:
        _unlock(descriptor)
        os.close(descriptor)


def _acquire(path: Path) -> int:
    """Lock the file that bears the name now: another process may delete it between opening and locking."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        try:
            _lock(descriptor)
            current = _is_current(descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise
        if current:
            return descriptor
        os.close(descriptor)


def _is_current(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def read_token(descriptor: int) -> bytes:
    """The token of the last write, empty where the lock file is new."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, TOKEN_SIZE)


def renew_token(descriptor: int) -> bytes:
    """Store and return a new token; do so before the write that it announces."""
    token = os.urandom(TOKEN_SIZE)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, token)
    return token


if sys.platform == "win32":

    def _lock(descriptor: int) -> None:
        while True:
            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except OSError:
                time.sleep(_RETRY_SECONDS)
            else:
                return

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
