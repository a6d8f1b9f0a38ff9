"""Where the agent listens, and the secret that it shares with its clients: one file that only the user can read."""

from __future__ import annotations

import os
import re
import secrets
import stat
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from platformdirs import user_state_path

from cardcore.errors import CardError, InputError
from csp_frontend.handshake import SECRET_SIZE

APPLICATION = "personal-csp"
ENVIRONMENT = "PERSONAL_CSP_DIR"
FILE_NAME = "agent"
_MOST_BYTES = 4096
_FORM = re.compile(
    r"personal-csp agent 1\nport (?P<port>[1-9][0-9]{0,4})\npid (?P<pid>[1-9][0-9]{0,9})\n"
    rf"secret (?P<secret>[0-9a-f]{{{2 * SECRET_SIZE}}})\n"
)


class NoAgent(CardError):
    """No agent runs, or its file cannot be used."""

    code = "no-agent"
    default_hint = "Start it with `personal-csp agent`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The agent's port on 127.0.0.1, its process, and the secret of this run of it."""

    port: int
    pid: int
    secret: bytes = field(repr=False)

    @classmethod
    def fresh(cls, port: int) -> Self:
        """An endpoint of this process with a new secret."""
        return cls(port=port, pid=os.getpid(), secret=secrets.token_bytes(SECRET_SIZE))

    def text(self) -> str:
        """The file's content: four lines, each a word and a value."""
        return f"personal-csp agent 1\nport {self.port}\npid {self.pid}\nsecret {self.secret.hex()}\n"


def directory() -> Path:
    """Where endpoint, lock and log are: `PERSONAL_CSP_DIR` if set, else the user's state directory.

    On Windows that is `%LOCALAPPDATA%\\personal-csp`, whose access list lets nobody else in.
    """
    chosen = os.environ.get(ENVIRONMENT)
    return Path(chosen) if chosen else user_state_path(APPLICATION, appauthor=False)


def default_path() -> Path:
    """The endpoint file that clients look for."""
    return directory() / FILE_NAME


def make_directory(path: Path) -> None:
    """Make it, with mode 0700, if there is none; InputError for one that is another user's, or open to everybody.

    Whoever can write there can put links in the places of the agent's files.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform == "win32":
        return
    status = path.stat()
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & stat.S_IWOTH:
        raise InputError(
            f"others may write into {path}, so the agent keeps no files there",
            hint=f"Choose another directory ({ENVIRONMENT}), or take their rights away.",
        )


def write(path: Path, endpoint: Endpoint) -> None:
    """Put the file in its place at once and whole, mode 0600, in a directory as `make_directory` makes it."""
    make_directory(path.parent)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii", newline="\n") as file:
            file.write(endpoint.text())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read(path: Path) -> Endpoint:
    """The endpoint in a file; NoAgent if there is none, it is damaged, or others could have read or written it."""
    try:
        with path.open("rb") as file:
            _require_private(path, os.fstat(file.fileno()))
            data = file.read(_MOST_BYTES)
    except OSError as error:
        raise NoAgent(f"no agent has left its endpoint in {path}: {error.strerror}") from error
    found = _FORM.fullmatch(data.decode("ascii", "replace"))
    if found is None or int(found["port"]) > 0xFFFF or int(found["pid"]) > 0xFFFFFFFF:
        raise NoAgent(f"{path} is not an endpoint file")
    return Endpoint(port=int(found["port"]), pid=int(found["pid"]), secret=bytes.fromhex(found["secret"]))


def remove(path: Path, endpoint: Endpoint) -> None:
    """Take the file away, unless it is another agent's by now."""
    try:
        if read(path) == endpoint:
            path.unlink()
    except (NoAgent, FileNotFoundError):
        return


def _require_private(path: Path, status: os.stat_result) -> None:
    if sys.platform == "win32":
        return
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise NoAgent(f"{path} could have been read or written by others", hint="Delete it and start the agent again.")
