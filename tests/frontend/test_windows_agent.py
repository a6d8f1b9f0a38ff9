"""The DLL when the agent is away, dies, hangs, comes back, or is not to be trusted; and what it leaves behind."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from csp_frontend import wire
from csp_frontend.agent import Agent
from csp_frontend.agent_clients import Answer, Clients
from csp_frontend.constants import Code
from csp_frontend.endpoint import Endpoint
from csp_frontend.wire import Call, Hello, Kind, Value
from tests.frontend.agents import ROOT, RunningAgent
from tests.frontend.cards import PIN, make
from tests.frontend.wine import Built, Ended, Wine, build, build_dll, escaped, windows_path
from tests.simulated.rig import PcscRig

pytestmark = [pytest.mark.pcsc, pytest.mark.slow]

ACCESS_DENIED = 5
THREADS = "16"
SECONDS = 6
ROUNDS = os.environ.get("PERSONAL_CSP_LEAK_ROUNDS", "10000")
PATIENCE = 60.0
LONG = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Wine with the DLL registered, and no agent."""

    wine: Wine
    built: Built

    @property
    def file(self) -> Path:
        """Where the DLL looks for the endpoint."""
        return self.wine.agent_folder / "agent"

    def run(self, group: str, *arguments: str, patience: float = PATIENCE) -> Ended:
        ended = self.wine.run(self.built.checks, group, *arguments, patience=patience)
        assert (ended.failed, ended.status) == ([], 0), ended.output
        return ended

    def one_call(self, code: int = 0) -> float:
        """One call that ends with this code; answers how many milliseconds it took."""
        return float(self.run("one-call", hex(code)).told("milliseconds")[0])

    def write(self, text: str, mode: int = 0o600) -> None:
        self.file.write_text(text, encoding="utf-8")
        self.file.chmod(mode)

    @contextmanager
    def running(self, group: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A program of checks that runs meanwhile; its output is a pipe."""
        process = subprocess.Popen(
            self.wine.command(self.built.checks, group, *arguments),
            env=self.wine.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate(timeout=PATIENCE)


@pytest.fixture(scope="module")
def wine_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    built = build(tmp_path_factory)
    with Wine(tmp_path_factory.mktemp("windows-agent") / "wine") as wine:
        yield Place(wine=wine, built=built)


@pytest.fixture
def place(wine_place: Place) -> Place:
    """With nothing left of the test before."""
    wine_place.file.unlink(missing_ok=True)
    wine_place.wine.register(wine_place.built.dll)
    return wine_place


# No agent


def test_without_an_agent_there_is_a_clear_error(place: Place) -> None:
    assert place.one_call(Code.NTE_PROVIDER_DLL_FAIL) < 20000


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text + "\n",
        lambda text: text.replace("agent 1", "agent 2"),
        lambda text: text.replace("port ", "port 0"),
        lambda text: text.replace("port ", "port 7"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("secret ", "secret A"),
        lambda text: text * 100,
    ],
)
def test_a_damaged_endpoint_file(place: Place, damage: Callable[[str], str]) -> None:
    place.write(damage(Endpoint(port=40000, pid=1, secret=secrets.token_bytes(32)).text()))
    place.one_call(Code.NTE_PROVIDER_DLL_FAIL)


@pytest.mark.parametrize("mode", [0o604, 0o602])
def test_an_endpoint_file_that_others_can_reach_is_not_used(place: Place, tmp_path: Path, mode: int) -> None:
    with RunningAgent(place.wine.agent_folder):
        place.one_call()
        place.file.chmod(mode)
        place.one_call(ACCESS_DENIED)
        place.file.chmod(0o600)
        place.one_call()


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 100, b"\x04\0\0\0\1\0\2\0"])
def test_who_does_not_know_the_secret_gets_a_greeting_and_nothing_else(place: Place, says: bytes) -> None:
    heard = bytearray()

    def listen(server: socket.socket) -> None:
        server.settimeout(PATIENCE)
        connection = server.accept()[0]
        with connection:
            connection.settimeout(PATIENCE)
            heard.extend(connection.recv(4096))
            connection.sendall(says)
            connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(4096):
                heard.extend(more)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=listen, args=(server,))
        thread.start()
        place.write(Endpoint(port=server.getsockname()[1], pid=1, secret=secrets.token_bytes(32)).text())
        server.settimeout(PATIENCE)
        place.one_call(Code.NTE_PROVIDER_DLL_FAIL)
        thread.join(PATIENCE)
    assert wire.size_of(bytes(heard[:4])) == len(heard) - 4
    assert isinstance(wire.decode(bytes(heard[4:])), Hello)


def test_the_agent_is_started_by_its_registered_command(place: Place, tmp_path: Path) -> None:
    log = tmp_path / "started"
    script = tmp_path / "start-agent"
    script.write_text(
        f"#!/bin/sh\necho \"$@\" >>'{log}'\nexec env PYTHONPATH='{ROOT}' PERSONAL_CSP_DIR='{place.wine.agent_folder}' "
        f"XDG_CONFIG_HOME='{tmp_path}' '{sys.executable}' -m csp_frontend \"$@\" >/dev/null 2>&1\n",
        encoding="utf-8",
    )
    script.chmod(0o700)
    key = r"[HKEY_CURRENT_USER\Software\Personal CSP]"
    for command in ("personal-csp agent", str(script), f'"{script.name}" agent', '"C:\\no\\such.exe" agent'):
        place.wine.registry(f'{key}\n"AgentCommand"="{escaped(command)}"\n')
        place.one_call(Code.NTE_PROVIDER_DLL_FAIL)
    command = f'"{windows_path(script)}" agent'
    place.wine.registry(f'{key}\n"AgentCommand"="{escaped(command)}"\n')
    try:
        place.one_call()
        assert log.read_text(encoding="utf-8") == "agent\n"
        place.one_call()
        assert log.read_text(encoding="utf-8") == "agent\n"
    finally:
        place.wine.registry(f'{key}\n"AgentCommand"=-\n')
        stop = [sys.executable, "-m", "csp_frontend", "agent", "--stop"]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PERSONAL_CSP_DIR": str(place.wine.agent_folder)}
        subprocess.run(stop, env=env, check=True, timeout=PATIENCE)


# An agent that goes


@pytest.fixture(scope="module")
def rig() -> Iterator[PcscRig]:
    with PcscRig(readers=1) as rig:
        rig.insert(0, make("piv").card)
        yield rig


def test_threads_and_an_agent_that_is_killed_and_comes_back(place: Place, rig: PcscRig, tmp_path: Path) -> None:
    container = f"\\\\.\\{rig.reader_names[0]}\\"
    agent = RunningAgent(place.wine.agent_folder, env={**rig.env, "CARDCORE_SOFT_DIR": str(tmp_path)})
    with agent, place.running("load", container, "1", PIN, THREADS, str(SECONDS)) as program:
        assert program.stdout is not None
        while not program.stdout.readline().startswith("# ready"):
            assert program.poll() is None
        time.sleep(SECONDS / 3)
        agent.end(signal.SIGKILL)
        time.sleep(SECONDS / 6)
        agent.start()
        said = program.communicate(timeout=PATIENCE * 2)[0]
    print(said)
    ended = Ended(status=program.returncode, output=said)
    assert (ended.failed, ended.status) == ([], 0)
    codes = {int(line.split()[0], 16) for line in ended.told("code")}
    assert codes
    # Calls under way, without an agent, and with handles of the one that has gone.
    assert codes <= {Code.SCARD_E_SERVICE_STOPPED, Code.NTE_PROVIDER_DLL_FAIL, Code.NTE_BAD_UID}


@contextmanager
def _asking(place: Place, rig: PcscRig, folder: Path, code: int) -> Iterator[RunningAgent]:
    """A program in the middle of a call for which a person is asked who does not answer; it ends with this code."""
    reader = rig.reader_names[0]
    env = {**rig.env, "CARDCORE_SOFT_DIR": str(folder)}
    agent = RunningAgent(place.wine.agent_folder, env=env, deaf=[reader])
    before = len(agent.asked)
    with agent, place.running("wait", f"\\\\.\\{reader}\\", hex(code)) as program:
        deadline = time.monotonic() + PATIENCE
        while len(agent.asked) == before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(agent.asked) == before + 1
        yield agent
        said = program.communicate(timeout=PATIENCE)[0]
        assert program.returncode == 0, said


def test_an_agent_that_dies_in_the_middle_of_a_call(place: Place, rig: PcscRig, tmp_path: Path) -> None:
    with _asking(place, rig, tmp_path, Code.SCARD_E_SERVICE_STOPPED) as agent:
        agent.end(signal.SIGKILL)
        agent.start()


def test_an_agent_that_hangs_in_the_middle_of_a_call(place: Place, rig: PcscRig, tmp_path: Path) -> None:
    """With a DLL that asks sooner; a person who takes longer than that is waited for."""
    times = {"CFLAGS": "-DPROBE_MILLISECONDS=1000 -DGREETING_MILLISECONDS=3000"}
    place.wine.register(build_dll(tmp_path / "dll", times))
    with _asking(place, rig, tmp_path, Code.SCARD_E_SERVICE_STOPPED) as agent:
        time.sleep(5)
        assert agent.process.poll() is None
        agent.process.send_signal(signal.SIGSTOP)
        time.sleep(12)
        agent.process.send_signal(signal.SIGCONT)


# An agent that errs


class Liar:
    """A session that answers every call with the same."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def answer(self, call: Call) -> Answer:
        return self._answer

    def cancel(self) -> None:
        """There is nothing to free."""

    def close(self) -> None:
        """There is nothing to free."""


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ((), Code.SCARD_F_COMM_ERROR),
        ((Value(kind=Kind.NUMBER, content=1),), Code.SCARD_F_COMM_ERROR),
        ((Value(kind=Kind.HANDLE, content=1),) * 2, Code.SCARD_F_COMM_ERROR),
        ((Value(kind=Kind.BYTES, content=bytes(1 << 20)),), Code.SCARD_F_COMM_ERROR),
        ((Value(kind=Kind.TEXT, content="text"),) * 32, Code.SCARD_F_COMM_ERROR),
    ],
    ids=str,
)
def test_answers_that_are_none(place: Place, tmp_path: Path, values: tuple[Value, ...], code: Code) -> None:
    agent = Agent(Clients(lambda *_: Liar((0, values))), files=[place.file], lock=tmp_path / "lock")
    agent.start()
    try:
        place.one_call(code)
    finally:
        agent.stop()


# What is left behind


def test_nothing_is_left_behind(place: Place) -> None:
    """Ten thousand contexts, some in threads of their own, some with hashes whose data waits."""
    with RunningAgent(place.wine.agent_folder) as agent:
        place.run("leaks", ROUNDS, "500", patience=LONG)
        deadline = time.monotonic() + PATIENCE
        with agent.client() as client:
            while len(client.status()["clients"]) > 1 and time.monotonic() < deadline:
                time.sleep(0.1)
            assert [one["program"] for one in client.status()["clients"]] == ["test"]
        assert agent.threads() < 20
