"""Agents for tests: a process of its own with a played person, in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from csp_frontend import endpoint
from csp_frontend.client import Client
from csp_frontend.endpoint import Endpoint, NoAgent

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0
# Wine gives certificates that it makes a random serial number, negative ones too: cryptography does not like these.
_ODD_SERIAL = "ignore:Parsed a serial number"
_MAIN = Path(__file__).with_name("agent_main.py")


class RunningAgent:
    """An agent whose files are in `folder`; as a context manager it runs inside the `with`."""

    def __init__(
        self,
        folder: Path,
        *,
        env: Mapping[str, str] | None = None,
        answers: Mapping[str, str] | None = None,
        deaf: Sequence[str] = (),
        configuration: str = "",
        as_command: bool = False,
    ) -> None:
        """With `as_command` it is `personal-csp agent` itself, that asks as it would for a person."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.file = folder / endpoint.FILE_NAME
        self._asked = folder / "asked"
        self._script = json.dumps({"answers": dict(answers or {}), "deaf": list(deaf), "asked": str(self._asked)})
        self._arguments = ["-m", "csp_frontend", "agent"] if as_command else [str(_MAIN), self._script]
        (folder / "config.toml").write_text(configuration, encoding="utf-8")
        self.env = {
            **(os.environ if env is None else env),
            "PYTHONPATH": str(ROOT),
            endpoint.ENVIRONMENT: str(folder),
            "PERSONAL_CSP_CONFIG": str(folder / "config.toml"),
        }
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.end(signal.SIGKILL if error else signal.SIGTERM)

    @property
    def process(self) -> subprocess.Popen[str]:
        """The agent's process."""
        assert self._process is not None
        return self._process

    def start(self) -> Endpoint:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-W", _ODD_SERIAL, *self._arguments],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                found = endpoint.read(self.file)
            except NoAgent:
                found = None
            if found is not None and found.pid == self._process.pid:
                return found
            time.sleep(0.02)
        self._process.kill()
        raise AssertionError(f"the agent did not start: {self._process.communicate()[0]}\n{self.log}")

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it by a signal. One that ends by itself has nothing to say."""
        process, self._process = self.process, None
        process.send_signal(number)
        said = process.communicate(timeout=PATIENCE)[0]
        assert number == signal.SIGKILL or (process.returncode, said) == (0, ""), said

    def client(self, program: str = "test") -> Client:
        """A client of it, as one process."""
        return Client(self.file, program=program)

    @property
    def log(self) -> str:
        """Its log."""
        path = self.folder / "agent.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The questions that were put to the person."""
        if not self._asked.exists():
            return []
        return [json.loads(line) for line in self._asked.read_text(encoding="utf-8").splitlines()]

    def resident(self) -> int:
        """Bytes of memory that it has now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def threads(self) -> int:
        """How many threads it has now."""
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))
