"""The helper program that carries out what `certificates` wants: started with the agent, and anew when it ends."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

LOG = logging.getLogger("csp_frontend.certificates")
PROGRAM = "personal-csp-store.exe"
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
_STEADY_SECONDS = 60.0


def usual_command() -> tuple[str, ...]:
    """The helper beside the DLLs, on Windows; elsewhere there are no such stores, and so nothing."""
    program = Path(__file__).with_name("dll") / PROGRAM
    return (str(program),) if sys.platform == "win32" and program.is_file() else ()


class StoreHelper:
    """Runs the helper from `start` to `stop`; one that keeps ending at once is tried ever more seldom."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_running, name="store helper", daemon=True)

    def start(self) -> None:
        """Begin, if there is a helper."""
        if self._command:
            self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._ending.set()
        with self._lock:
            if self._process is not None:
                self._process.terminate()
        if self._thread.is_alive():
            self._thread.join()

    def _keep_running(self) -> None:
        pause = FIRST_PAUSE
        while not self._ending.is_set():
            steady = self._run()
            pause = FIRST_PAUSE if steady else min(2 * pause, LONGEST_PAUSE)
            self._ending.wait(pause)

    def _run(self) -> bool:
        """Run it to its end; whether it was at work for a while."""
        flags = 0x08000000 if sys.platform == "win32" else 0  # CREATE_NO_WINDOW
        with self._lock:
            if self._ending.is_set():
                return True
            try:
                self._process = subprocess.Popen(  # noqa: S603 - a program of ours, by its full path
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    creationflags=flags,
                )
            except OSError as error:
                LOG.warning("%s cannot be started: %s", self._command[0], error.strerror)
                return False
        try:
            self._process.wait(_STEADY_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.wait()
            return True
        if not self._ending.is_set():
            LOG.info("%s has ended with status %d", self._command[0], self._process.returncode)
        return False
