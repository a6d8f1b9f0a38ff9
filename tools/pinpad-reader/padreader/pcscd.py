"""A private pcscd: a socket of its own, readers of its own, and the machine's service left alone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

_PATIENCE = 10.0
_NOBODY = 65534
# Becomes pcscd, by systemd's protocol: the listening socket is file 3, and its own process id in the environment.
# As root it gives its rights up first, because pcscd would delete the other's files.
_LAUNCHER = f"""
import os, sys
os.dup2(int(sys.argv[1]), 3)
if os.geteuid() == 0:
    os.setgroups([]); os.setgid({_NOBODY}); os.setuid({_NOBODY})
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], ["pcscd", "--foreground", "--config", sys.argv[3]])
"""


def environment(folder: Path) -> dict[str, str]:
    """The environment in which a process finds the service of this folder and no other."""
    return {**os.environ, "PCSCLITE_CSOCK_NAME": str(folder / "socket")}


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start the service with the reader configuration in `folder`/readers; it writes `folder`/log."""
    folder.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener, (folder / "log").open("wb") as log:
        listener.bind(str(folder / "socket"))
        listener.listen(64)
        number = listener.fileno()
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER]
        command = [*launcher, str(number), _daemon(), str(folder / "readers")]
        return subprocess.Popen(command, pass_fds=[number], stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop the service."""
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _daemon() -> str:
    path = shutil.which("pcscd", path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        raise FileNotFoundError("pcscd is not installed")
    return path
