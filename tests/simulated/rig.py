"""A private PC/SC service with virtual readers for tests: real pcscd, real vpcd, software cards in threads.

    with PcscRig(readers=2) as rig:
        rig.insert(0, card)
        subprocess.run(["opensc-tool", "--atr"], env=rig.env)
        rig.remove(0)

It listens on a socket of its own, has its own reader configuration and ports, and never touches a service
that runs on the machine. Several rigs run side by side. Clients find it by `rig.env`; libpcsclite reads that
once per process, so a test that is itself a client has to be a process of its own.
"""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from padreader import pcscd

from cardcore.softcard.vpcd import PlayedCard, Watch, serve

DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
MAX_READERS = 16
_SLOTS = 2  # each reader that is configured for vpcd listens on two ports and is two readers for clients
_PATIENCE = 10.0
_READER_STATE = Path(__file__).with_name("reader_state.py")
_PORTS = range(20000, 32000, _SLOTS)  # below what systems hand out to clients


@dataclass(frozen=True, slots=True, kw_only=True)
class _Insertion:
    """A card in a reader: the thread that serves it, and the event that takes it out."""

    thread: threading.Thread
    stop: threading.Event


class PcscRig:
    """A private pcscd with `readers` virtual readers, to be used as a context manager.

    Their names begin with `name`: some programs take no reader that is not called as theirs are.
    """

    def __init__(self, readers: int = 2, name: str = "Rig") -> None:
        if not 1 <= readers <= MAX_READERS:
            raise ValueError(f"pcscd has 1 to {MAX_READERS} readers")
        pairs = (readers + 1) // _SLOTS
        self._bases: list[int] = []
        self._pairs = [f"{name} {chr(65 + pair)}" for pair in range(pairs)]
        self._names = [f"{pair} 00 0{slot}" for pair in self._pairs for slot in range(_SLOTS)]
        self._readers = readers
        self._insertions: dict[int, _Insertion] = {}
        self._cleanup = ExitStack()
        self._service: subprocess.Popen[bytes] | None = None
        self._folder = Path()

    @property
    def reader_names(self) -> tuple[str, ...]:
        """The readers' names as clients see them; an odd number asked for leaves one more, unused."""
        return tuple(self._names[: self._readers])

    @property
    def env(self) -> dict[str, str]:
        """The environment in which a process finds this service and no other."""
        return pcscd.environment(self._folder)

    @property
    def log(self) -> str:
        """What pcscd has said so far."""
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    def port(self, reader: int) -> int:
        """The TCP port where a card for this reader connects."""
        return self._bases[reader // _SLOTS] + reader % _SLOTS

    def __enter__(self) -> Self:
        with ExitStack() as cleanup:
            self._folder = Path(tempfile.mkdtemp(prefix="pcsc-rig-"))
            cleanup.callback(shutil.rmtree, self._folder)
            self._bases = [_free_pair() for _ in range(len(self._names) // _SLOTS)]
            self._configure()
            cleanup.callback(self._end_service)
            self._service = pcscd.start(self._folder)
            self._await("empty", *self._names)
            cleanup.callback(self._remove_all)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def insert(self, reader: int, card: PlayedCard, *, delay_ms: float = 0.0, watch: Watch | None = None) -> None:
        """Put a card into a reader; clients see it when this returns. For `delay_ms` and `watch` see `serve`."""
        if reader in self._insertions:
            raise ValueError(f"there is a card in reader {reader}")
        stop = threading.Event()
        thread = threading.Thread(
            target=serve,
            args=(card, "127.0.0.1", self.port(reader), stop),
            kwargs={"delay_ms": delay_ms, "watch": watch},
            name=f"card in reader {reader}",
            daemon=True,
        )
        self._insertions[reader] = _Insertion(thread=thread, stop=stop)
        thread.start()
        self._await("present", self._names[reader])

    def remove(self, reader: int) -> None:
        """Take the card out of a reader; clients see that when this returns."""
        self._stop(reader)
        self._await("empty", self._names[reader])

    def restart_service(self) -> None:
        """The service ends, and another one comes in its place; cards stay in their readers, and lose their power."""
        self._end_service()
        (self._folder / "socket").unlink(missing_ok=True)
        self._service = pcscd.start(self._folder)

    def _end_service(self) -> None:
        if self._service is not None:
            pcscd.end(self._service)

    @contextmanager
    def holding(self, reader: int, card: PlayedCard) -> Iterator[None]:
        """The card is in the reader inside the `with`, and taken out after it."""
        self.insert(reader, card)
        try:
            yield
        finally:
            self.remove(reader)

    def run(self, *command: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a client of this service to its end, whatever its exit status is."""
        return subprocess.run(
            command, env=self.env, cwd=self._folder, capture_output=True, text=True, timeout=timeout, check=False
        )

    def _stop(self, reader: int) -> None:
        insertion = self._insertions.pop(reader)
        insertion.stop.set()
        insertion.thread.join(_PATIENCE)

    def _remove_all(self) -> None:
        for reader in list(self._insertions):
            self._stop(reader)

    def _configure(self) -> None:
        folder = self._folder / "readers"
        folder.mkdir()
        # The driver keeps its two slots in globals, so that each pair of readers needs a library file of its own.
        # LIBPATH ends a reader's block; what comes after it would count for the next one.
        blocks = [
            f'FRIENDLYNAME "{self._pairs[number]}"\nDEVICENAME /dev/null:{base}\nCHANNELID {base}\n'
            f"LIBPATH {shutil.copy(DRIVER, self._folder / f'vpcd{number}.so')}\n"
            for number, base in enumerate(self._bases)
        ]
        (folder / "vpcd.conf").write_text("\n".join(blocks), encoding="ascii")

    def _await(self, state: str, *readers: str) -> None:
        waited = self.run(sys.executable, str(_READER_STATE), state, str(_PATIENCE), *readers)
        if waited.returncode:
            raise TimeoutError(f"no reader became {state}: {waited.stderr}\npcscd said: {self.log[-2000:]}")


def _free_pair() -> int:
    """The first of two neighbouring ports that are free now; another rig may want them only by a great accident."""
    while True:
        base = secrets.choice(_PORTS)
        if _is_free(base) and _is_free(base + 1):
            return base


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
