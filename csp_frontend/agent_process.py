"""The agent's process: configuration, log, provider and server put together; from start to a clean end."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from cardcore import __version__
from csp_frontend import agent_log, wire
from csp_frontend import endpoint as endpoints
from csp_frontend.agent import LOCK_NAME, Agent
from csp_frontend.agent_clients import Clients, printable
from csp_frontend.agent_connection import Limits
from csp_frontend.agent_instance import AlreadyRunning, InstanceLock
from csp_frontend.agent_readers import LastingReaders
from csp_frontend.agent_session import AgentSession
from csp_frontend.certificates import CertificateKeeper
from csp_frontend.configuration import Configuration
from csp_frontend.dialog import DialogQueue
from csp_frontend.endpoint import Endpoint, NoAgent
from csp_frontend.peers import client_info
from csp_frontend.prompts import PinDialog
from csp_frontend.provider import Provider
from csp_frontend.store_helper import StoreHelper, usual_command
from csp_frontend.wire import Hello

NAMES_FILE = "containers.json"
START_SECONDS = 15.0
STOP_SECONDS = 15.0
_POLL_SECONDS = 0.05


class AgentProcess:
    """Everything that runs in the agent's process."""

    def __init__(
        self,
        configuration: Configuration,
        dialog: PinDialog,
        *,
        directory: Path | None = None,
        files: Sequence[Path] = (),
        limits: Limits | None = None,
        helper: Sequence[str] | None = None,
    ) -> None:
        """`directory` is where endpoint, lock and log are; `files` are more places for the endpoint.

        `helper` is the program for the certificate stores; None: the usual one, if this is Windows.
        """
        place = directory or endpoints.directory()
        self._dialog = DialogQueue(dialog)
        self._readers = LastingReaders()
        self.provider = Provider(configuration, self._dialog, readers=self._readers, names_file=place / NAMES_FILE)
        self._certificates = CertificateKeeper(self.provider.pool, on=configuration.certificates)
        self._helper = StoreHelper(usual_command() if helper is None else helper)
        self._since = time.time()
        self.agent = Agent(
            Clients(self._session),
            files=(place / endpoints.FILE_NAME, *files),
            lock=place / LOCK_NAME,
            limits=limits,
        )

    def start(self) -> Endpoint:
        """Begin to serve; AlreadyRunning if this user has an agent."""
        endpoint = self.agent.start()
        self._helper.start()
        return endpoint

    def stop(self) -> None:
        """End every connection, give the cards back."""
        self._helper.stop()
        self._certificates.stop()
        self.agent.stop()
        self.provider.close()
        self._readers.close()

    def run(self) -> None:
        """Serve until a signal or a client ends it."""

        def asked(_signal: int, _frame: FrameType | None) -> None:
            self.agent.ask_to_stop()

        before = {number: signal.signal(number, asked) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            self.start()
            gc.freeze()  # what is loaded now stays: looking through it for garbage would only hold calls up
            try:
                while not self.agent.wait(_POLL_SECONDS * 10):  # in slices: Windows hears Ctrl-C only in between
                    pass
            finally:
                self.stop()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def status(self) -> Mapping[str, object]:
        """What there is to say about the agent: no secret among it."""
        clients = self.agent.clients.all()
        return {
            "agent": {"version": __version__, "protocol": wire.VERSION, "pid": os.getpid(), "since": self._since},
            "clients": [
                {"program": client.program, "pid": client.pid, "connections": client.alive, "since": client.since}
                for client in clients
            ],
            "tokens": [
                {"reader": token.reader, "serial": token.serial, "profile": token.card.profile.id}
                for token in self.provider.pool.opened()
            ],
            "cached_pins": [
                {"pin": pin, "token": token, "program": client.program, "pid": client.pid}
                for client in clients
                if isinstance(client.session, AgentSession)
                for token, pin in client.session.remembered()
            ],
            "certificates": {
                "on": self._certificates.on,
                "foreign": [one.hex() for one in self._certificates.foreign()],
            },
        }

    def _session(self, hello: Hello, connection: socket.socket) -> AgentSession:
        program = printable(hello.program)
        return AgentSession(
            self.provider.client(client_info(connection, hello.pid, program)),
            self._dialog,
            name=f"{program} ({hello.pid})",
            status=self.status,
            stop=self.agent.ask_to_stop,
            certificates=self._certificates,
        )


def log_path() -> Path:
    """Where the agent writes its log."""
    return endpoints.directory() / agent_log.FILE_NAME


def start_detached(options: Sequence[str] = ()) -> None:
    """Start an agent that outlives this process, and wait until it answers; NoAgent if it does not in time.

    `options` are those of `personal-csp agent` that it gets.
    """
    # -P: nothing is imported from the working directory, which is the one of whoever starts it, and may be anybody's
    arguments = [sys.executable, "-P", "-m", "csp_frontend", "agent", *options]
    flags = 0x00000208 if sys.platform == "win32" else 0  # DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP
    process = subprocess.Popen(  # noqa: S603 - this program itself
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        creationflags=flags,
        close_fds=True,
    )
    threading.Thread(target=process.wait, name="agent's end", daemon=True).start()
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if is_running():
            return
        time.sleep(_POLL_SECONDS)
    raise NoAgent("the agent did not start", hint=f"Look into {log_path()}, or run `personal-csp agent --foreground`.")


def is_running() -> bool:
    """Whether an agent of this user answers."""
    from csp_frontend.client_link import Link

    try:
        Link(endpoints.default_path(), os.urandom(wire.PROCESS_SIZE)).close()
    except NoAgent:
        return False
    return True


def stop_running() -> bool:
    """Ask the agent to end and wait until it has; False if none runs, NoAgent if it does not end in time."""
    from csp_frontend.client import Client

    if not is_running():
        return False
    with Client() as client:
        client.stop_agent()
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if _is_free():
            return True
        time.sleep(_POLL_SECONDS)
    raise NoAgent("the agent does not end", hint=f"Look into {log_path()}.")


def _is_free() -> bool:
    """Whether another agent could start now."""
    lock = InstanceLock(endpoints.directory() / LOCK_NAME)
    try:
        lock.acquire()
    except AlreadyRunning:
        return False
    lock.release()
    return True
