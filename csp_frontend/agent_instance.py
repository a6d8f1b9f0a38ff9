"""One agent per user: whoever holds the lock file is it. The system lets the lock go when its holder dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cardcore.errors import CardError
from csp_frontend.endpoint import make_directory

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class AlreadyRunning(CardError):
    """Another agent of this user runs."""

    code = "already-running"
    default_hint = "Look at it with `personal-csp status`, or end it with `personal-csp agent --stop`."


class InstanceLock:
    """The lock file; held from `acquire` to `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def acquire(self) -> None:
        """Take the lock; AlreadyRunning if another process has it, InputError if others may write beside it."""
        make_directory(self._path.parent)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise AlreadyRunning("an agent of this user runs already") from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the lock go; the file stays, so that nobody can lock one that is just being deleted."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


if sys.platform == "win32":

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
