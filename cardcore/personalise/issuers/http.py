"""HTTP to an issuer: bounded, verified, redirected to nobody else, and clear about what may have happened."""

from __future__ import annotations

import base64
import secrets
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from cardcore.errors import InputError
from cardcore.keyfiles import Identity
from cardcore.personalise.issuers import files
from cardcore.personalise.issuers.base import IssuerError, IssuerUncertain, IssuerUnreachable
from cardcore.personalise.issuers.settings import SecretSource

MOST_BYTES = 1 << 20
MOST_REDIRECTS = 3
LONGEST_WAIT = 30 * 86_400.0
_SHOWN = 300

BUSY = frozenset({408, 429, 503})
UNPROCESSED = frozenset({401, 404, 405})
"""Statuses by which a server says that it did not look at what was sent: it has no time, or not for us, or not here."""

# By these alerts a TLS server turns the client away before it has looked at a request (RFC 8446, 6.2).
_TURNED_AWAY = (
    *("CERTIFICATE_REQUIRED", "UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED", "CERTIFICATE_UNKNOWN"),
    *("ACCESS_DENIED", "HANDSHAKE_FAILURE", "UNSUPPORTED_CERTIFICATE", "CERTIFICATE_REVOKED"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a server answered; the body has at most 1 MiB."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def said(self) -> str:
        """The beginning of a body of text, in one line of printable characters; empty for anything else."""
        kind = self.headers.get("content-type", "")
        text = self.body[:_SHOWN].decode("utf-8", "replace") if kind.startswith("text/plain") else ""
        return "".join(character for character in " ".join(text.split()) if character.isprintable())

    @property
    def retry_after(self) -> float | None:
        """Retry-After (RFC 9110, 10.2.3) in seconds, at most 30 days; None if the server did not say."""
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            return min(float(text[:9]), LONGEST_WAIT)
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
        return min(max(seconds, 0.0), LONGEST_WAIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A name and where its password comes from, for HTTP Basic authentication (RFC 7617)."""

    user: str
    password: SecretSource

    def header(self) -> str:
        """The value of the header Authorization."""
        with self.password() as secret:
            return "Basic " + base64.b64encode(self.user.encode() + b":" + secret.reveal()).decode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server: where it is, whom to trust, who the client is. `timeout` is in seconds, for a whole exchange too."""

    url: httpx.URL
    timeout: float
    login: Login | None = None
    client: httpx.Client = field(repr=False)

    def get(self, url: httpx.URL) -> Reply:
        """GET; whatever fails is IssuerUnreachable, because asking changes nothing."""
        with _failures(lambda problem: IssuerUnreachable(f"{self.url.host} {problem}")):
            return self._exchange("GET", url, b"", {})

    def post(self, url: httpx.URL, body: bytes, kind: str, *, token: str = "") -> Reply:
        """POST; IssuerUncertain with the token where the request may have arrived and the answer did not."""
        with _failures(lambda problem: IssuerUncertain(f"{self.url.host} {problem}", token=token)):
            return self._exchange("POST", url, body, {"Content-Type": kind})

    def close(self) -> None:
        """Close all connections."""
        self.client.close()

    def _exchange(self, method: str, url: httpx.URL, body: bytes, headers: dict[str, str]) -> Reply:
        for _ in range(MOST_REDIRECTS + 1):
            reply = self._once(method, url, body, headers)
            place = reply.headers.get("location", "")
            if not 300 <= reply.status < 400:
                return reply
            url = self._redirected(url, place)
        raise IssuerUnreachable(f"{self.url.host} redirects in a circle", hint="Check the URL; nothing was issued.")

    def _redirected(self, url: httpx.URL, place: str) -> httpx.URL:
        """Where a redirect leads: only to the same server (RFC 7030, 3.2.1), and never out of TLS."""
        try:
            target = url.join(place)
        except httpx.InvalidURL as error:
            raise IssuerUnreachable(f"{self.url.host} redirects to nowhere") from error
        if (target.scheme, target.host, target.port) != (self.url.scheme, self.url.host, self.url.port):
            raise IssuerUnreachable(
                f"{self.url.host} redirects to another server, {target.host or 'none'}",
                hint="That is not followed. If it is right, write that address into the plan; nothing was issued.",
            )
        return target

    def _once(self, method: str, url: httpx.URL, body: bytes, headers: dict[str, str]) -> Reply:
        # Not decoded: what is compressed could be any size.
        sent = {"Accept-Encoding": "identity", **headers}
        if self.login is not None:
            sent["Authorization"] = self.login.header()
        until = time.monotonic() + self.timeout
        with self.client.stream(method, url, content=body or None, headers=sent) as response:
            found = bytearray()
            for chunk in response.iter_raw():
                found += chunk
                if len(found) > MOST_BYTES:
                    raise httpx.RemoteProtocolError(f"sends more than {MOST_BYTES} bytes")
                if time.monotonic() > until:
                    raise httpx.ReadTimeout("the whole answer did not come in time")
            return Reply(status=response.status_code, headers={**response.headers}, body=bytes(found))


def connect(
    url: str,
    timeout: float,
    *,
    trust: Path | None,
    identity: Identity | None = None,
    login: Login | None = None,
    plain: bool = False,
) -> Server:
    """A server, nothing sent to it yet; InputError for a URL that cannot be meant. `plain` allows http too."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise InputError(f"{url!r} is no URL", hint="Write it as https://HOST or https://HOST:PORT.") from error
    allowed = ("https", "http") if plain else ("https",)
    if parsed.scheme not in allowed or not parsed.host or parsed.userinfo or parsed.fragment:
        raise InputError(
            f"{parsed.copy_with(userinfo=b'')} cannot be an issuer's URL",
            hint=f"Write {' or '.join(allowed)}://HOST[:PORT]; who logs in has a place of its own.",
        )
    context = _context(trust, identity) if parsed.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # No proxies, certificates or passwords by way of the environment: the plan says everything.
    client = httpx.Client(
        verify=context,
        timeout=timeout,
        trust_env=False,
        follow_redirects=False,
        headers={"User-Agent": "cardcore"},
    )
    return Server(url=parsed, timeout=timeout, login=login, client=client)


def _context(trust: Path | None, identity: Identity | None) -> ssl.SSLContext:
    if trust is None:
        raise InputError("an https URL needs `trust`", hint="Name the file of the CA certificate of the server.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(
        cadata="".join(found.public_bytes(Encoding.PEM).decode() for found in files.certificates(trust))
    )
    if identity is not None:
        _present(context, identity)
    return context


def _present(context: ssl.SSLContext, identity: Identity) -> None:
    """Let the context show who the client is. It takes keys from files only, so the key is there encrypted."""
    password = secrets.token_hex(32)
    form = BestAvailableEncryption(password.encode())
    with TemporaryDirectory(prefix="cardcore-") as name:
        key, chain = Path(name, "key.pem"), Path(name, "chain.pem")
        key.write_bytes(identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, form))
        chain.write_bytes(b"".join(found.public_bytes(Encoding.PEM) for found in identity.certificates))
        context.load_cert_chain(chain, key, password)


@contextmanager
def _failures(otherwise: Callable[[str], IssuerError]) -> Iterator[None]:
    """Map the library's errors: what happened before anything was sent is certain, for the rest the caller says."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
        raise IssuerUnreachable(f"the issuer cannot be reached: {_reason(error)}", hint=_advice(error)) from error
    except httpx.HTTPError as error:
        alert = _tls_reason(error)
        if any(name in alert for name in _TURNED_AWAY):
            raise IssuerUnreachable(
                f"the issuer's server does not accept the client's certificate ({alert})",
                hint="Check `certificate` and `key` of the issuer; nothing was issued.",
            ) from error
        raise otherwise(f"did not answer properly: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _advice(error: Exception) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "The server is not the one that `trust` and the URL's host name speak of; nothing was sent."
    return ""


def _tls_reason(error: BaseException) -> str:
    """The reason that OpenSSL gave, if one is behind the error."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, ssl.SSLError):
            return behind.reason or ""
        behind = behind.__cause__ or behind.__context__
    return ""
