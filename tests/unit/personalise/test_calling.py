"""The operator's own command for cards to be taken out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cardcore.personalise import calling
from cardcore.personalise.calling import Caller
from cardcore.personalise.events import CardDone, CardParked, CardRefused, Event, ReaderStopped, TakeOut
from cardcore.personalise.reasons import Reason, Refusal

WRITE = (
    "import os, sys; print(*(f'{name[9:]}={value}' for name, value in sorted(os.environ.items())"
    " if name.startswith('CARDCORE_')), 'SECRET' in os.environ, sep='|', file=open(sys.argv[1], 'a'))"
)


def calls(folder: Path, *events: Event) -> list[str]:
    file = folder / "calls"
    with Caller([sys.executable, "-c", WRITE, str(file)]) as caller:
        for event in events:
            caller(event)
    return file.read_text().splitlines()


def test_each_card_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "123456")
    done = CardDone(reader="A", holder="h1", card=1, serial="s1", seconds=1.0, apdus=5)
    parked = CardParked(
        reader="B",
        holder="h2",
        card=2,
        serial="s2",
        reason=Reason.TRIES_SPENT,
        detail="",
        advice="",
        continues=False,
    )
    refused = CardRefused(reader="B", serial="s3", reason=Refusal.HOLDS_KEYS, detail="", advice="")
    found = calls(
        tmp_path,
        done,
        parked,
        TakeOut(reader="A", ok=True),
        TakeOut(reader="B", ok=False),
        refused,
        TakeOut(reader="B", ok=False),
        ReaderStopped(reader="B", detail="", advice=""),
    )
    assert found == [
        "HOLDER=h1|OK=1|READER=A|REASON=|SERIAL=s1|False",
        "HOLDER=h2|OK=0|READER=B|REASON=tries-spent|SERIAL=s2|False",
        "HOLDER=|OK=0|READER=B|REASON=holds-keys|SERIAL=s3|False",
        "OK=0|READER=B|REASON=reader-stopped|False",
    ]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("/nonexistent/command",), "cannot be run: FileNotFoundError"),
        ((sys.executable, "-c", "raise SystemExit(3)"), "ended with status 3"),
        ((sys.executable, "-c", "import time; time.sleep(30)"), "cannot be run: TimeoutExpired"),
    ],
)
def test_a_command_that_fails_is_a_warning(
    command: tuple[str, ...], said: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "SECONDS", 0.5)
    with Caller(command) as caller:
        caller(TakeOut(reader="A", ok=True))
    assert said in caplog.text


def test_a_slow_command_holds_up_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caller = Caller(["true"])  # not started: nobody takes the calls
    for _ in range(300):
        caller(TakeOut(reader="A", ok=True))
    assert "too slow" in caplog.text
