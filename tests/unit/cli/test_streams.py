"""A process whose streams are closed, as schedulers and services start it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit import house
from tests.unit.cli.shell import ADMIN, Shell

FAILED, USAGE = 1, 2


def started(shell: Shell, closing: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command on the card in a process of its own, with what the shell closes for it."""
    command = [sys.executable, "-W", "error", "-m", "cardcore", "--reader", "soft:alice", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(house.ROOT), "ADMIN": ADMIN}
    return subprocess.run(
        ["bash", "-c", f'exec "$@" {closing}', "bash", *command],
        cwd=shell.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_is_signed_that_cannot_be_read(shell: Shell) -> None:
    shell.generate("9a", "rsa2048")
    ended = started(shell, "<&-", "sign", "--key", "9a", "--pin", "env:PIN", "--out", "x.sig")
    assert ended.returncode == FAILED
    assert "stdin: it is closed" in ended.stderr
    assert not (shell.folder / "x.sig").exists()


def test_nobody_is_asked(shell: Shell) -> None:
    ended = started(shell, "<&-", "pin", "verify")
    assert ended.returncode == USAGE
    assert "no terminal" in ended.stderr
    assert started(shell, "<&-", "shell").returncode == FAILED


@pytest.mark.parametrize("closing", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_what_nobody_hears_costs_nothing(shell: Shell, closing: str) -> None:
    line = ("key", "generate", "9a", "--type", "ecp256", "--admin", "env:ADMIN", "--out", "public.pem")
    assert started(shell, closing, *line).returncode == 0
    assert Path(shell.folder / "public.pem").read_bytes().startswith(b"-----BEGIN PUBLIC KEY-----")
    assert started(shell, closing, "info").returncode == 0
    assert started(shell, closing, "key", "public", "9c").returncode == FAILED


def test_no_file_takes_the_number_of_a_stream(shell: Shell) -> None:
    """Or the messages of programs that are started from here would be in it: here the trace would be stdout."""
    script = (
        "import os, sys\n"
        "from cardcore.cli import main\n"
        "sys.argv = ['cardcore', '--version']\n"
        "main()\n"
        "print(os.open('next', os.O_CREAT | os.O_WRONLY), file=open('number', 'w'))\n"
    )
    command = ["bash", "-c", 'exec "$@" <&- >&- 2>&-', "bash", sys.executable, "-c", script]
    subprocess.run(command, cwd=shell.folder, env={**os.environ, "PYTHONPATH": str(house.ROOT)}, check=True)
    assert int((shell.folder / "number").read_text()) > 2
