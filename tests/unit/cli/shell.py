"""Runs command lines in this process, as `cardcore` does, and keeps what they say."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cardcore import opening
from cardcore.cli.root import run
from cardcore.softcard import ScryptCost, SoftCardStore
from cardcore.transport.base import Transport
from cardcore.transport.faults import CountingTransport, FaultPlan, FaultTransport

APPLICATION = "piv"
PIN, PUK = "123456", "12345678"
ADMIN = "010203040506070801020304050607080102030405060708"
CARD = "alice"
QUICK = ScryptCost(n=2, r=1, p=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command line ended: exit status, stdout, stderr."""

    status: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        """What stood on stdout, as text."""
        return self.raw.decode()

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the command answers
        """The document on stdout."""
        return json.loads(self.raw)

    @property
    def error(self) -> dict[str, Any]:
        """The error object on stderr."""
        found: dict[str, Any] = json.loads(self.err)["error"]
        return found


class Terminal(io.TextIOWrapper):
    """Input that says that it is a terminal; stands in for `io.TextIOWrapper`."""

    def isatty(self) -> bool:
        """It does."""
        return True


class Shell:
    """A person at a keyboard with one software card, and the secrets in the environment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[bytes], folder: Path) -> None:
        self.monkeypatch = monkeypatch
        self.folder = folder
        self._capture = capture
        self._connect = opening._connect
        self.store = SoftCardStore(folder / "soft")
        monkeypatch.setenv("CARDCORE_SOFT_DIR", str(folder / "soft"))
        monkeypatch.chdir(folder)
        for name, value in (("PIN", PIN), ("PUK", PUK), ("ADMIN", ADMIN), ("WRONG", "000000"), ("NEW", "87654321")):
            monkeypatch.setenv(name, value)

    def create(self, name: str = CARD, *, blank: bool = False) -> None:
        """A software card whose PIN is cheap to check."""
        self.store.create(name, APPLICATION, blank=blank, cost=QUICK)

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Ended:
        """Run one command line."""
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self._capture.readouterr()
        status = run(arguments)
        out, err = self._capture.readouterr()
        return Ended(status=status, raw=out, err=err.decode())

    def card(self, *arguments: str, stdin: bytes = b"") -> Ended:
        """Run a command on the card."""
        return self("--reader", f"soft:{CARD}", *arguments, stdin=stdin)

    def ok(self, *arguments: str, stdin: bytes = b"") -> Ended:
        """Run a command on the card that has to succeed."""
        ended = self.card(*arguments, stdin=stdin)
        assert ended.status == 0, ended.err
        return ended

    def document(self, *arguments: str, stdin: bytes = b"") -> Any:  # noqa: ANN401 - as above
        """The JSON document of a command on the card that has to succeed."""
        return self.ok("--json", *arguments, stdin=stdin).json

    def file(self, name: str, content: bytes) -> str:
        """A file with this content; its path."""
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def generate(self, key: str, kind: str) -> str:
        """A key on the card; the path of its public half."""
        path = str(self.folder / f"{key}.pem")
        self.ok("key", "generate", key, "--type", kind, "--admin", "env:ADMIN", "--out", path)
        return path

    def terminal(self, *answers: str) -> list[str]:
        """Pretend that a person sits at a terminal and types these; gives the prompts that are shown."""
        prompts: list[str] = []
        typed = iter(answers)

        def ask(prompt: str) -> str:
            prompts.append(prompt)
            return next(typed)

        self.monkeypatch.setattr("getpass.getpass", ask)
        self.monkeypatch.setattr("cardcore.cli.secrets._has_terminal", lambda: True)
        return prompts

    def wrap(self, wrapper: Callable[[Transport], CountingTransport]) -> list[CountingTransport]:
        """Put something around every connection to a card from now on; gives what was put around."""
        wrapped: list[CountingTransport] = []

        def connect(reader: str) -> Transport:
            wrapped.append(wrapper(self._connect(reader)))
            return wrapped[-1]

        self.monkeypatch.setattr(opening, "_connect", connect)
        return wrapped

    def fail(self, plan: FaultPlan) -> None:
        """Let every connection to a card fail as planned from now on."""
        self.wrap(lambda inner: FaultTransport(inner, plan))
