"""A CA that speaks EST (RFC 7030, with RFC 8951): /cacerts, /csrattrs, /simpleenroll."""

from __future__ import annotations

import base64
import re
from threading import Lock

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from pyasn1.codec.der import decoder
from pyasn1.error import PyAsn1Error
from pyasn1_alt_modules import rfc7030

from cardcore.errors import InputError
from cardcore.personalise.issuers import files, http
from cardcore.personalise.issuers.base import (
    Issued,
    IssuerRefused,
    IssuerUncertain,
    IssuerUnreachable,
    Order,
    Pending,
    ordered_before,
)
from cardcore.personalise.issuers.chains import UNREADABLE, above
from cardcore.personalise.issuers.settings import EstCa
from cardcore.personalise.requests import requested_key

_REQUEST = "application/pkcs10"
_PENDING = "pending"
_CHALLENGE_PASSWORD = "1.2.840.113549.1.9.7"  # noqa: S105 - an object identifier
_LABEL = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)
_SPACE = re.compile(rb"\s+")


class EstIssuer:
    """Enrols at an EST server. The first order asks for the CA's certificates, so that an outage shows early."""

    def __init__(self, settings: EstCa) -> None:
        if settings.label and not _LABEL.fullmatch(settings.label):
            raise InputError(f"{settings.label!r} is no label of an EST server", hint="Use letters, digits and dashes.")
        self._settings = settings
        identity = None
        if settings.key is not None:
            identity = files.identity(settings.key, settings.certificate, settings.passphrase)
        login = None
        if settings.user and settings.password is not None:
            login = http.Login(user=settings.user, password=settings.password)
        if identity is None and login is None:
            raise InputError(
                "an EST server has to know who asks", hint="Give certificate and key, or user and password."
            )
        self._server = http.connect(
            settings.url, settings.timeout, trust=settings.trust, identity=identity, login=login
        )
        self._lock = Lock()
        self._authorities: tuple[x509.Certificate, ...] | None = None

    def order(self, order: Order) -> Issued | Pending:
        """Enrol: one POST, after the CA's certificates are known."""
        authorities = self._prepared()
        reply = self._server.post(self._url("simpleenroll"), base64.encodebytes(order.request), _REQUEST)
        if reply.status == 202:
            return Pending(token=_PENDING, after=reply.retry_after)
        _refuse(reply)
        return _issued(order, reply, authorities)

    def ask(self, order: Order, token: str) -> Issued | Pending:
        """Repeat the request, as the protocol wants it after 202 (RFC 7030, 4.2.3), and else only where it may be."""
        if token == _PENDING or self._settings.idempotent:
            with ordered_before(token):
                return self.order(order)
        raise IssuerUncertain(
            "EST has no way to ask what became of an order whose answer was lost",
            hint="Look it up at the CA. If the server gives the same request the same certificate, say "
            "`idempotent: true` for this issuer.",
        )

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def _url(self, path: str) -> httpx.URL:
        label = f"{self._settings.label}/" if self._settings.label else ""
        return self._server.url.copy_with(path=f"/.well-known/est/{label}{path}", query=None)

    def _prepared(self) -> tuple[x509.Certificate, ...]:
        with self._lock:
            if self._authorities is None:
                self._authorities = self._cacerts()
                self._refuse_impossible_wishes()
            return self._authorities

    def _cacerts(self) -> tuple[x509.Certificate, ...]:
        """The CA's certificates (RFC 7030, 4.1)."""
        reply = self._server.get(self._url("cacerts"))
        if reply.status != 200:
            raise IssuerUnreachable(
                f"the EST server does not give its CA certificates (HTTP status {reply.status})",
                hint="Check `url` and `label`.",
            )
        try:
            return _certificates(reply.body)
        except UNREADABLE as error:
            raise IssuerUnreachable("the EST server's CA certificates cannot be read") from error

    def _refuse_impossible_wishes(self) -> None:
        """Read which attributes the CA wants (RFC 7030, 4.5); a challenge password cannot be had from a card.

        It would tie the request to this TLS connection (3.5), and the card has signed the request before.
        """
        reply = self._server.get(self._url("csrattrs"))
        if reply.status != 200:
            return  # 204 and 404: the CA has no wishes
        try:
            wishes, _ = decoder.decode(_decoded(reply.body), asn1Spec=rfc7030.CsrAttrs())
        except (PyAsn1Error, ValueError) as error:
            raise IssuerUnreachable("the EST server's wishes for requests (csrattrs) cannot be read") from error
        if any(str(wish.getComponent()) == _CHALLENGE_PASSWORD for wish in wishes if wish.getName() == "oid"):
            raise IssuerRefused(
                "the EST server wants requests that hold a value of the TLS connection (challengePassword)",
                hint="A request that was signed on a card cannot; let the server do without (RFC 7030, 3.5).",
            )


def _refuse(reply: http.Reply) -> None:
    """Raise what a status other than 200 and 202 means (RFC 7030, 4.2.3)."""
    status, said = reply.status, f": {reply.said}" if reply.said else ""
    if status == 200:
        return
    if status in http.BUSY:
        raise IssuerUnreachable(f"the EST server has no time (HTTP status {status}){said}")
    if status in http.UNPROCESSED:
        raise IssuerUnreachable(
            f"the EST server does not take orders from this client here (HTTP status {status}){said}",
            hint="Check `url`, `label`, and how the client proves who it is; nothing was issued.",
        )
    if 400 <= status < 500:
        raise IssuerRefused(f"the EST server refused (HTTP status {status}){said}")
    raise IssuerUncertain(f"the EST server failed (HTTP status {status}){said}")


def _issued(order: Order, reply: http.Reply, authorities: tuple[x509.Certificate, ...]) -> Issued:
    try:
        found = _certificates(reply.body)
        public = requested_key(order.request)
        own = next((certificate for certificate in found if certificate.public_key() == public), found[0])
    except UNREADABLE as error:
        raise IssuerUncertain("the EST server succeeded, but what it returned is no certificate") from error
    return Issued(certificate=own.public_bytes(Encoding.DER), chain=above(own, (*found, *authorities)))


def _certificates(body: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a certs-only CMS message; ValueError if there are none."""
    found = tuple(pkcs7.load_der_pkcs7_certificates(_decoded(body)))
    if not found:
        raise ValueError("no certificates")
    return found


def _decoded(body: bytes) -> bytes:
    """The DER in a body: base64 whatever the headers say (RFC 8951, 3.2.1); ValueError if it is not."""
    return base64.b64decode(_SPACE.sub(b"", body), validate=True)
