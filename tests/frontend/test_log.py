"""The agent's log: private, turned over before it grows, one line for each record whatever is in it."""

from __future__ import annotations

import logging
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from csp_frontend import agent_log
from csp_frontend.agent import Agent
from csp_frontend.agent_clients import Clients, Session
from csp_frontend.client_link import Link
from csp_frontend.endpoint import NoAgent
from csp_frontend.wire import Hello


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    names = ("csp_frontend", "cardcore")
    before = {name: (logging.getLogger(name).propagate, logging.getLogger(name).level) for name in names}
    yield tmp_path / "state" / "agent.log"
    for name, (propagate, level) in before.items():
        logger = logging.getLogger(name)
        agent_log.stop(logger)
        logger.propagate = propagate
        logger.setLevel(level)


def test_it_is_turned_over_and_stays_private(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_log, "MAX_BYTES", 2000)
    agent_log.start(path, "info")
    for number in range(500):
        logging.getLogger("csp_frontend.calls").warning("line %d", number)
    files = sorted(path.parent.iterdir())
    assert len(files) == agent_log.KEPT + 1
    assert all(file.stat().st_size <= 2000 for file in files)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "line 499" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("level", "heard"), [("error", 1), ("warning", 2), ("info", 3), ("debug", 4)])
def test_levels(path: Path, level: str, heard: int) -> None:
    agent_log.start(path, level)
    logger = logging.getLogger("cardcore.something")
    for say in (logger.debug, logger.info, logger.warning, logger.error):
        say("said")
    assert path.read_text(encoding="utf-8").count("said") == heard


def test_the_terminal_hears_it_too(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent_log.start(path, "info", terminal=True)
    logging.getLogger("csp_frontend.agent").info("half a character: \ud800")
    assert "half a character" in path.read_text(encoding="utf-8")
    agent_log.start(None, "info")
    logging.getLogger("csp_frontend.agent").info("unheard")
    assert "unheard" not in path.read_text(encoding="utf-8")
    assert "unheard" not in capsys.readouterr().err


def test_a_fault_of_the_agent_is_told_without_its_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who knows what is in it: an error of a library repeats what it was given."""

    def nobody(hello: Hello, connection: socket.socket) -> Session:
        raise ValueError("314159")

    agent = Agent(Clients(nobody), files=[tmp_path / "agent"], lock=tmp_path / "lock")
    agent.start()
    try:
        with pytest.raises(NoAgent):
            Link(tmp_path / "agent", bytes(16))
    finally:
        agent.stop()
    assert "fault of the agent: ValueError" in caplog.text
    assert "in nobody" in caplog.text
    assert "ValueError: 314159" not in caplog.text
