"""A CA that speaks CMP (RFC 9810, and its Lightweight Profile, RFC 9483) over HTTP (RFC 9811)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from threading import Lock

from cryptography import x509

from cardcore.certificates import parse_name
from cardcore.errors import CardError, InputError
from cardcore.keytypes import load_certificate
from cardcore.personalise.issuers import cmp_answers, cmp_requests, files, http
from cardcore.personalise.issuers.base import (
    Issued,
    IssuerRefused,
    IssuerUncertain,
    IssuerUnreachable,
    Order,
    Pending,
    WrongCertificate,
    ordered_before,
)
from cardcore.personalise.issuers.chains import above
from cardcore.personalise.issuers.checking import Checker
from cardcore.personalise.issuers.cmp_answers import Granted, Rejected, Status, Waiting
from cardcore.personalise.issuers.cmp_dialogue import Dialogue, State, Unprotected
from cardcore.personalise.issuers.cmp_mac import SharedSecret
from cardcore.personalise.issuers.cmp_messages import Body, Malformed, Message, directory_name
from cardcore.personalise.issuers.cmp_protection import Protection
from cardcore.personalise.issuers.cmp_signature import SigningKey
from cardcore.personalise.issuers.settings import CmpCa

_SHORTEST_PAUSE = 1.0
_NOBODY = x509.Name([]).public_bytes()
"""The empty distinguished name, for a recipient who need not be named."""


class CmpIssuer:
    """Orders with PKCS #10 requests (p10cr), so that the card's own signature proves the possession of its key.

    The first order is preceded by a question that changes nothing, so that a wrong secret, key or address shows before
    anything is ordered. Each transaction is in the journal before its first message is sent, and a certificate before
    it is confirmed.
    """

    def __init__(self, settings: CmpCa, checker: Checker) -> None:
        self._settings = settings
        self._checker = checker
        self._protection = _protection(settings)
        self._recipient = directory_name(
            parse_name(settings.recipient).public_bytes() if settings.recipient else _NOBODY
        )
        self._server = http.connect(settings.url, settings.timeout, trust=settings.trust, plain=settings.plain_http)
        self._lock = Lock()
        self._authorities: tuple[x509.Certificate, ...] | None = None

    def order(self, order: Order) -> Issued | Pending:
        """Order in a new transaction."""
        self._introduce()
        dialogue = self._dialogue()
        _remember(order, dialogue)
        answer = dialogue.send(Body.P10CR, order.request, implicit=self._settings.implicit)
        return self._concluded(order, dialogue, answer)

    def ask(self, order: Order, token: str) -> Issued | Pending:
        """Go on with the transaction of the token: confirm its certificate again, or ask after it."""
        state = State.from_token(token)
        if state is None:
            return self._without_transaction(order, token)
        dialogue = self._dialogue(state)
        if state.certificate:
            granted = Granted(request_id=state.request_id, certificate=state.certificate, others=state.others)
            return self._confirmed(order, dialogue, granted, again=True)
        try:
            answer = dialogue.send(Body.POLLREQ, cmp_requests.poll(state.request_id))
        except Unprotected as error:
            if state.waiting:
                raise
            return self._once_more(order, dialogue, error.message)
        read = self._read(dialogue, answer)
        if isinstance(read, Rejected) and not state.waiting:
            return self._once_more(order, dialogue, str(read))
        return self._concluded(order, dialogue, answer)

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def _dialogue(self, state: State | None = None) -> Dialogue:
        return Dialogue(self._server, self._protection, self._recipient, state)

    def _introduce(self) -> None:
        with self._lock:
            if self._authorities is None:
                self._authorities = tuple(_loaded(self._asked()))

    def _asked(self) -> tuple[bytes, ...]:
        """The CA's certificates, if the server tells them (RFC 9483, 4.3.1); IssuerUnreachable if it is not for us."""
        try:
            return cmp_requests.authorities(self._dialogue().send(Body.GENM, cmp_requests.question()))
        except Unprotected as error:
            if not error.status.failures & cmp_answers.UNACQUAINTED:
                return ()  # it does not speak of such things
            raise IssuerUnreachable(error.message, hint=cmp_answers.advice(error.status)) from error
        except IssuerUncertain as error:
            raise IssuerUnreachable(error.message, hint="Nothing was ordered: this was only a question.") from error

    def _without_transaction(self, order: Order, token: str) -> Issued | Pending:
        """Nothing was sent if the journal, in which each transaction is written first, has none."""
        if not token and order.remember is not None:
            raise IssuerUnreachable("the order was not sent", hint="Order it; nothing was issued.")
        if self._settings.idempotent:
            with ordered_before(token):
                return self.order(order)
        raise IssuerUncertain("nobody knows in which transaction of CMP the order was sent", token=token)

    def _once_more(self, order: Order, dialogue: Dialogue, said: str) -> Issued | Pending:
        """Order again, if that comes to the same; IssuerUncertain else."""
        if self._settings.idempotent:
            with ordered_before(dialogue.state.token):
                return self.order(order)
        raise dialogue.uncertain(
            f"the answer to the order was lost, and the CMP server does not tell what became of it: {said}",
            hint="Look it up at the CA. If it gives the same request the same certificate, say `idempotent: true` "
            "for this issuer.",
        )

    def _concluded(self, order: Order, dialogue: Dialogue, message: Message) -> Issued | Pending:
        """What comes of an order: asked after for as long as the plan wants to wait (RFC 9483, 4.4)."""
        until, first = time.monotonic() + self._settings.wait, message
        while True:
            match self._read(dialogue, message):
                case Granted() as granted:
                    return self._confirmed(order, dialogue, granted, implicit=message.header.implicit)
                case Rejected(status=status):
                    raise cmp_answers.refusal(status, dialogue.state.token, begun=dialogue.state.waiting)
                case Waiting(request_id=request_id, after=after):
                    dialogue.state = replace(dialogue.state, request_id=request_id, waiting=True)
                    _remember(order, dialogue)
                    pause = after or (0.0 if message is first else _SHORTEST_PAUSE)
                    if time.monotonic() + pause > until:
                        return Pending(token=dialogue.state.token, after=pause)
                    time.sleep(pause)
            message = dialogue.send(Body.POLLREQ, cmp_requests.poll(dialogue.state.request_id))

    def _read(self, dialogue: Dialogue, message: Message) -> Granted | Waiting | Rejected:
        try:
            return cmp_answers.read(message)
        except Malformed as error:
            raise dialogue.uncertain(f"the CMP server's answer cannot be used: {error}") from error

    def _confirmed(
        self, order: Order, dialogue: Dialogue, granted: Granted, *, implicit: bool = False, again: bool = False
    ) -> Issued | Pending:
        """Check the certificate, and tell the CA whether it is accepted (RFC 9810, 5.2.8 and 5.3.18).

        It is in the journal before the CA is told, and confirmed again if the CA's answer does not arrive.
        """
        issued = self._issued(granted)
        try:
            self._checker.checked(order, issued)
        except WrongCertificate:
            if not implicit:
                _decline(dialogue, granted)
            raise
        if implicit and self._settings.implicit:
            return issued
        dialogue.state = replace(
            dialogue.state, request_id=granted.request_id, certificate=issued.certificate, others=issued.chain
        )
        _remember(order, dialogue)
        refused = _confirm(dialogue, granted)
        if refused is None:
            return issued
        if again:
            return self._once_more(order, dialogue, str(refused))
        raise IssuerRefused(
            f"the CA issued a certificate and did not accept its confirmation: {refused}",
            hint="It may be withdrawn: look it up at the CA.",
        )

    def _issued(self, granted: Granted) -> Issued:
        changed = (f"the CA says that it changed the certificate: {granted.changed}",) if granted.changed else ()
        chain: tuple[bytes, ...] = ()
        with suppress(CardError):  # what is no certificate is refused when it is checked
            certificate = load_certificate(granted.certificate)
            chain = above(certificate, (*_loaded(granted.others), *(self._authorities or ())))
        return Issued(certificate=granted.certificate, chain=chain, warnings=changed)


def _remember(order: Order, dialogue: Dialogue) -> None:
    if order.remember is not None:
        order.remember(dialogue.state.token)


def _confirm(dialogue: Dialogue, granted: Granted) -> Status | None:
    """Confirm a certificate; what the server says if it does not accept that."""
    made = cmp_requests.confirmation(load_certificate(granted.certificate), granted.request_id)
    answer = dialogue.send(Body.CERTCONF, made.content, hashes=made.hashes)
    if answer.kind is Body.PKICONF:
        return None
    if answer.kind is not Body.ERROR:
        raise dialogue.uncertain(f"the CMP server answers a confirmation with a {answer.kind.name}")
    try:
        status = cmp_answers.error_status(answer)
    except Malformed as error:
        raise dialogue.uncertain(f"the CMP server's answer cannot be used: {error}") from error
    return None if cmp_answers.CERT_CONFIRMED in status.failures else status


def _decline(dialogue: Dialogue, granted: Granted) -> None:
    """Tell the CA that its certificate will not be used; whether it hears that is its own affair."""
    with suppress(CardError):
        certificate = load_certificate(granted.certificate)
        made = cmp_requests.confirmation(certificate, granted.request_id, refused=True)
        dialogue.send(Body.CERTCONF, made.content, hashes=made.hashes)


def _loaded(certificates: tuple[bytes, ...]) -> Iterator[x509.Certificate]:
    """Those that are certificates."""
    for der in certificates:
        with suppress(CardError):
            yield load_certificate(der)


def _protection(settings: CmpCa) -> Protection:
    """What the settings say about the protection; InputError if that is nothing, or both."""
    if (settings.secret is None) == (settings.key is None):
        raise InputError(
            "messages of CMP are protected by a shared secret or by a key",
            hint="Give `secret` and `secret_reference`, or `key`, `certificate` and `server_trust`.",
        )
    if settings.secret is not None:
        if not settings.secret_reference:
            raise InputError("the shared secret has no name", hint="Say as `secret_reference` how the CA calls it.")
        return SharedSecret(settings.secret_reference, settings.secret, settings.mac)
    if settings.key is None or settings.server_trust is None:
        raise InputError(
            "nobody knows whose answers may be trusted",
            hint="Name as `server_trust` the certificates of those who sign the answers, or of a CA above them.",
        )
    own = files.identity(settings.key, settings.certificate, settings.passphrase)
    answering = parse_name(settings.sender).public_bytes() if settings.sender else b""
    return SigningKey(own, files.certificates(settings.server_trust), answering)
