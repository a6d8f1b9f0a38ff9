"""The CMP server that comes with OpenSSL, for tests: it answers every order with one certificate that it was given."""

from __future__ import annotations

import http.client
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock

from tests.unit.personalise.authority import Authority
from tests.unit.personalise.tlsserver import Asked, Told, serving

_PATIENCE = 30.0


@contextmanager
def mock_server(folder: Path, ca: Authority, *options: str | Path) -> Iterator[tuple[str, Forward]]:
    """`openssl cmp -port` with more options, behind TLS: its URL, and what went through.

    What it says is in server.log.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["openssl", "cmp", "-config", "", "-port", str(port), *map(str, options)]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            _wait_for(port, process, folder / "server.log")
            with closing(Forward(f"127.0.0.1:{port}")) as forward, serving(folder, ca, forward) as url:
                yield f"{url}/pkix/", forward
        finally:
            process.terminate()
            process.wait(_PATIENCE)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text("utf-8", "replace"))


class Forward:
    """Stands as a TLS server before one that speaks HTTP only; `asked` is what went through, `spoil` changes answers.

    It keeps its connection: OpenSSL's server ends a transaction with the connection that it began on.
    """

    def __init__(self, place: str) -> None:
        self.asked: list[Asked] = []
        self.spoil: Callable[[bytes], bytes] = lambda data: data
        self._connection = http.client.HTTPConnection(place, timeout=_PATIENCE)
        self._lock = Lock()

    def __call__(self, asked: Asked) -> Told:
        headers = {"Content-Type": asked.headers["Content-Type"], "Connection": "keep-alive"}
        with self._lock:
            self.asked.append(asked)
            response = self._answer(asked, headers)
            kind = {"Content-Type": response.headers["Content-Type"]}
            return Told(status=response.status, headers=kind, body=self.spoil(response.read()))

    def _answer(self, asked: Asked, headers: dict[str, str]) -> http.client.HTTPResponse:
        for _ in range(2):  # the server closes the connection, whatever it said before, when a transaction is over
            with suppress(http.client.RemoteDisconnected, ConnectionError):
                self._connection.request(asked.method, asked.path, asked.body, headers)
                return self._connection.getresponse()
            self._connection.close()
        raise ConnectionError("the server does not answer")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
