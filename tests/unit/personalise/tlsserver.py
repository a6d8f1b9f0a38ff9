"""A small HTTPS server in a thread: certificates of its own, and a function that answers."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.unit.personalise.authority import Authority, key, named


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it arrived; `client` is the subject of the client's certificate, empty without one."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    client: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is answered. `cut` closes the connection in the middle of the body, `slow` waits before each byte."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False
    slow: float = 0.0


Answering = Callable[[Asked], Told]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answering: Answering
    stopping: threading.Event

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        told = self.answering(
            Asked(method=self.command, path=self.path, headers=dict(self.headers), body=body, client=self._client())
        )
        self.send_response(told.status)
        for name, value in told.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(told.body)))
        self.end_headers()
        if told.cut:
            self.wfile.write(told.body[: len(told.body) // 2])
            self.close_connection = True
        elif told.slow:
            self._drip(told)
        else:
            self.wfile.write(told.body)

    do_GET = do_POST = _serve

    def _drip(self, told: Told) -> None:
        for byte in told.body:
            if self.stopping.wait(told.slow):
                return
            self.wfile.write(bytes([byte]))

    def _client(self) -> str:
        if not isinstance(self.connection, ssl.SSLSocket):
            return ""
        found = self.connection.getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(found).subject.rfc4514_string() if found else ""

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are what the tests are about."""


def identity(folder: Path, authority: Authority, host: str) -> tuple[Path, Path]:
    """Files with a certificate for a host name, or for a client of that name, and with its key."""
    certificate, private = folder / f"{host}.pem", folder / f"{host}.key"
    made = authority.sign(named(host).public_key(key(host).public_key()))
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key(host).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, private


@contextmanager
def serving(folder: Path, authority: Authority, answering: Answering, host: str = "localhost") -> Iterator[str]:
    """Run a server whose certificate is for `host`; its URL. Clients may show a certificate of the same CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*identity(folder, authority, host))
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=authority.pem.decode())
    stopping = threading.Event()
    handler = type("Handler", (_Handler,), {"answering": staticmethod(answering), "stopping": stopping})
    with _Server(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"https://localhost:{server.server_address[1]}"
        finally:
            stopping.set()
            server.shutdown()
            thread.join()
