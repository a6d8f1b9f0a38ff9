"""A private PostgreSQL for tests: a cluster of its own in a folder of its own, reached by a socket there."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROGRAMS = Path("/usr/lib/postgresql")
_USER = "postgres"


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a running server's database, which is empty; the server ends with the `with`."""
    folder = Path(tempfile.mkdtemp(prefix="cardcore-pg-"))
    server = _Server(folder)
    try:
        server.start()
        try:
            yield f"postgresql://{_USER}@/postgres?host={folder}"
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Server:
    """The cluster in a folder. PostgreSQL refuses to run as root: then its own user runs it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._account = pwd.getpwnam(_USER) if os.geteuid() == 0 else None
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)
            folder.chmod(0o755)

    def start(self) -> None:
        """Make the cluster and start the server. Its data are not synced to the disk: they are not to last."""
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", _USER, "-N")
        options = f"-k {self._folder} -c listen_addresses= -c fsync=off -c max_connections=100"
        self._run("pg_ctl", "-D", str(self._data), "-o", options, "-l", str(self._folder / "log"), "-w", "start")

    def stop(self) -> None:
        """End the server, and every connection with it."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _run(self, program: str, *arguments: str) -> None:
        newest = max(_PROGRAMS.glob(f"*/bin/{program}"), key=lambda path: int(path.parts[-3]))
        account = self._account
        ended = subprocess.run(
            [newest, *arguments],
            cwd=self._folder,
            user=None if account is None else account.pw_uid,
            group=None if account is None else account.pw_gid,
            extra_groups=None if account is None else [],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the server keeps it, and a pipe would be waited for
            stderr=subprocess.STDOUT,
            check=False,
        )
        if ended.returncode:
            log = self._folder / "log"
            raise RuntimeError(f"{program} failed: {log.read_text() if log.exists() else 'no log'}")
