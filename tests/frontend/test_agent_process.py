"""The agent as a process: one per user, killed, restarted, stopped, asked about itself. No card is needed."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from csp_frontend import wire
from csp_frontend.client import Client
from csp_frontend.constants import Code
from csp_frontend.errors import CspError
from tests.frontend.agents import RunningAgent

PATIENCE = 30.0


def test_one_agent_per_user(tmp_path: Path) -> None:
    with RunningAgent(tmp_path / "a") as agent:
        code = "import sys; from csp_frontend.command import main; sys.exit(main(['agent', '--foreground']))"
        second = subprocess.run(
            [sys.executable, "-c", code], env=agent.env, capture_output=True, text=True, timeout=60, check=False
        )
        assert second.returncode == 1
        assert "runs already" in second.stderr
        with agent.client() as client:
            client.ping()


def test_an_agent_that_was_killed_leaves_room_for_the_next(tmp_path: Path) -> None:
    agent = RunningAgent(tmp_path / "a")
    first = agent.start()
    with agent.client() as client:
        client.ping()
        agent.end(signal.SIGKILL)
        assert agent.file.exists()
        with pytest.raises(CspError) as caught:
            client.ping()
        assert caught.value.code == Code.NTE_PROVIDER_DLL_FAIL
        second = agent.start()
        client.ping()
    assert (first.pid, first.secret) != (second.pid, second.secret)
    agent.end()
    assert not agent.file.exists()


def test_a_client_can_start_the_agent(tmp_path: Path) -> None:
    agent = RunningAgent(tmp_path / "a")

    def starter() -> None:
        agent.start()

    with Client(agent.file, starter=starter) as client:
        client.ping()
    agent.end()


def test_a_clean_end_by_a_client(tmp_path: Path) -> None:
    agent = RunningAgent(tmp_path / "a")
    agent.start()
    with agent.client() as client:
        client.stop_agent()
    assert agent.process.wait(PATIENCE) == 0
    assert not agent.file.exists()
    assert "agent has stopped" in agent.log
    agent.end()


def test_what_the_agent_says_of_itself(tmp_path: Path) -> None:
    with RunningAgent(tmp_path / "a") as agent, agent.client("one") as one, agent.client("t\two") as two:
        two.ping()
        status = one.status()
        assert status["agent"]["pid"] == agent.process.pid
        assert status["agent"]["protocol"] == wire.VERSION
        assert [client["program"] for client in status["clients"]] == ["t?wo", "one"]
        assert [client["connections"] for client in status["clients"]] == [1, 1]


def test_errors_have_their_code_in_the_log(tmp_path: Path) -> None:
    with RunningAgent(tmp_path / "a") as agent, agent.client("bank\nfalse line") as client:
        with pytest.raises(CspError) as caught:
            client.CPReleaseContext(12345, 0)
        assert caught.value.code == Code.NTE_BAD_UID
        line = next(line for line in agent.log.splitlines() if "CPReleaseContext" in line)
        assert "NTE_BAD_UID (80090001)" in line
        assert "bank?false line" in line
    assert stat.S_IMODE((agent.folder / "agent.log").stat().st_mode) == 0o600
