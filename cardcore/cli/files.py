"""Files that commands read and write: `-` is stdin or stdout, and a file is written whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import TypeGuard

import click

from cardcore.cli.errors import OptionError
from cardcore.errors import InputError

STREAM = "-"


def read(name: str | None) -> bytes:
    """The bytes of a file, or of stdin for `-` and None."""
    if not is_file(name):
        if sys.stdin.isatty():
            click.echo("reading from the terminal; Ctrl-D ends it", err=True)
        return sys.stdin.buffer.read()
    if not name:
        raise OptionError("the name of the file is empty", hint="Name a file, or - for stdin.")
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror}", hint="Check the path and your rights.") from error


def is_file(name: str | None) -> TypeGuard[str]:
    """Whether a file is named, and not stdin or stdout."""
    return name is not None and name != STREAM


def check_target(name: str | None) -> None:
    """OptionError if the file can surely not be written, so that nothing is done in vain."""
    if not is_file(name):
        return
    if not name:
        raise OptionError("the name of the file is empty", hint="Name a file, or - for stdout.")
    path = Path(name)
    if path.is_dir():
        raise OptionError(f"{name} is a directory", hint="Name a file.")
    if not path.parent.is_dir():
        raise OptionError(f"the directory {path.parent} does not exist", hint="Create it first.")
    writable = path if path.exists() and not path.is_file() else path.parent
    if not os.access(writable, os.W_OK):
        raise OptionError(f"{writable} is not writable", hint="Check your rights.")


def write(name: str, data: bytes, *, secret: bool = False) -> None:
    """Write a file through a new one that replaces it; a secret one is readable by its owner only (mode 0600)."""
    path = Path(os.path.realpath(name))
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # a device or a pipe
            return
        _replace(path, data, 0o600 if secret else _usual_mode(path))
    except OSError as error:
        raise InputError(f"cannot write {name}: {error.strerror}", hint="Check the path and your rights.") from error


def _usual_mode(path: Path) -> int:
    """The mode of the file that is there, else what the umask leaves."""
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def _replace(path: Path, data: bytes, mode: int) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
