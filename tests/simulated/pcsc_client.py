"""Processes that are PC/SC clients, and cards for them: libpcsclite finds its service once per process."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0
PRELUDE = """
import json, sys, time
from cardcore.errors import CardError
from cardcore.transport import pcsc

def say(value):
    print(json.dumps(value), flush=True)

def wait():
    assert sys.stdin.readline()

def attempt(call):
    try:
        result = call()
    except CardError as error:
        return [type(error).__name__, error.message]
    return result.hex() if isinstance(result, bytes) else result

def send(card, command):
    return attempt(lambda: card.transmit(bytes.fromhex(command)))

readers = sys.argv[1:]
AID, VERIFY, VERIFIED = "00a4040005a000000308", "0020008008313233343536ffff", "00200080"
"""


class Client:
    """A process that is a PC/SC client; it says JSON lines, and waits for a word where its script does."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._said: Queue[str] = Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def hear(self, patience: float = PATIENCE) -> Any:  # noqa: ANN401 -- whatever the script says
        """The next thing that the script says."""
        return json.loads(self._said.get(timeout=patience))

    def go_on(self) -> None:
        """End the script's next, or present, `wait()`."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Let the script come to its end, and make sure that it was a good one."""
        assert self.process.wait(PATIENCE) == 0

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.put(line)


@contextmanager
def client(env: dict[str, str], script: str, *readers: str) -> Iterator[Client]:
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PRELUDE + script, *readers],
        env={**env, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Client(process)
        finally:
            process.kill()


class EchoCard:
    """Answers each command with its own bytes; T=1 only, and silent about extended length."""

    atr = bytes.fromhex("3b80800101")

    def process(self, command: bytes) -> bytes:
        """The command, and 9000."""
        return command + b"\x90\x00"

    def reset(self) -> None:
        """Nothing to forget."""

    def power_off(self) -> None:
        """Nothing to forget."""


class OldCard(EchoCard):
    """A card that speaks T=0 only."""

    atr = bytes.fromhex("3b00")
