"""Two readers with keypads behind a private pcscd, and a process that is the client."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from padreader import Behaviour, PadService, VirtualReader
from padreader.reader import PlayedCard

from tests.unit import house

READERS = ("Direct Pad", "Stepping Pad")
_PROCESS = house.ROOT / "tests" / "simulated" / "cli_process.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command line ended."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # noqa: ANN401 -- whatever the command answers
        """The document on stdout."""
        return json.loads(self.out)

    @property
    def prompts(self) -> list[dict[str, Any]]:
        """What the person was told to do, with --json."""
        lines = [json.loads(line) for line in self.err.splitlines()]
        return [line["prompt"] for line in lines if "prompt" in line]

    @property
    def error(self) -> dict[str, Any]:
        """The error, with --json."""
        found: dict[str, Any] = json.loads(self.err.splitlines()[-1])["error"]
        return found


class PadBench:
    """The readers, and command lines on them."""

    def __init__(self, service: PadService, process: subprocess.Popen[str]) -> None:
        self.service = service
        self._process = process

    def reader(self, name: str) -> VirtualReader:
        """The reader, for whoever stands in front of it."""
        return self.service.readers[name]

    def run(self, *arguments: str) -> Ended:
        """Run one command line of `cardcore`."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(arguments) + "\n")
        stdin.flush()
        status, out, err = json.loads(stdout.readline())
        return Ended(status=status, out=out, err=err)

    def on(self, name: str, *arguments: str) -> Ended:
        """Run a command on the card in a reader, with JSON answers."""
        return self.run("--json", "--reader", self.service.full_name(name), *arguments)

    def insert(self, name: str, card: PlayedCard) -> None:
        """Put a card in; clients see it when this returns."""
        self.reader(name).insert(card)
        self.expect(name, "present")

    def expect(self, name: str, state: str) -> None:
        """Wait until clients see the reader like that."""
        waited = self.run("wait", self.service.full_name(name), state)
        assert waited.status == 0, f"{waited.err}\n{self.service.log[-2000:]}"


@contextmanager
def pad_bench() -> Iterator[PadBench]:
    """The first reader takes PINs in one command, the second step by step."""
    with PadService(*READERS) as service:
        service.readers["Stepping Pad"].behaviour = Behaviour(direct=False, tells_gone=True)
        command = [sys.executable, "-W", "error", str(_PROCESS)]
        env = {**service.env, "PYTHONPATH": str(house.ROOT), "PIN": "123456", "ADMIN": "00" * 24}
        with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield PadBench(service, process)
            finally:
                process.kill()
