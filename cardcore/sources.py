"""Where a program finds secrets without a person: the environment, and files. Never the secret itself."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cardcore.errors import InputError
from cardcore.secret import Secret

MOST_BYTES = 4096


class SourceError(InputError):
    """What a secret was to come from is not there, or has nothing in it."""

    code = "usage"


class SourceKind(StrEnum):
    """What holds the secret."""

    ENVIRONMENT = "env"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A place that holds a secret: an environment variable, or a file; its last line break does not count.

    Calling it reads the secret: whoever calls it wipes what it returns. SourceError if there is none.
    """

    kind: SourceKind
    place: str

    def __call__(self) -> Secret:
        """The secret."""
        secret = Secret(environment(self.place) if self.kind is SourceKind.ENVIRONMENT else file(self.place))
        if not secret:
            raise SourceError(f"{self} is empty", hint="Check what fills it.")
        return secret

    def __str__(self) -> str:
        return f"{self.kind}:{self.place}"


def environment(name: str) -> bytes:
    """The value of an environment variable; SourceError if it is not set."""
    value = os.environ.get(name)
    if value is None:
        raise SourceError(f"the environment variable {name} is not set", hint=f"Set and export {name}.")
    return without_newline(os.fsencode(value) if sys.platform != "win32" else value.encode())


def file(name: str) -> bytes:
    """The first 4096 bytes of a file; SourceError if it cannot be read."""
    try:
        with Path(name).open("rb") as stream:
            return without_newline(stream.read(MOST_BYTES))
    except OSError as error:
        raise SourceError(f"cannot read {name}: {error.strerror}", hint="Check the path and your rights.") from error


def without_newline(data: bytes) -> bytes:
    """The bytes without the line break at their end."""
    return data.removesuffix(b"\n").removesuffix(b"\r")
