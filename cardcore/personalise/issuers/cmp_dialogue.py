"""One transaction of CMP (RFC 9810, 5.1.1): its messages belong together by an identifier, nonces and protection."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from dataclasses import dataclass, replace
from typing import Self

from cardcore.personalise.issuers import http
from cardcore.personalise.issuers.base import IssuerUncertain, IssuerUnreachable
from cardcore.personalise.issuers.cmp_answers import Status, error_status
from cardcore.personalise.issuers.cmp_messages import Body, Header, Malformed, Message, header, message, parsed, tagged
from cardcore.personalise.issuers.cmp_messages import protected_part as part
from cardcore.personalise.issuers.cmp_protection import Protection, Refused

MEDIA_TYPE = "application/pkixcmp"
_NONCE_BYTES = 16

# Over TLS these are the server's own words: it has not looked at the message (RFC 9811, 3.8).
_NOT_TAKEN = http.BUSY | http.UNPROCESSED


class Unprotected(IssuerUncertain):
    """An error message that nobody vouches for. Anybody may have sent it, so it says nothing about the order."""

    def __init__(self, status: Status, *, token: str) -> None:
        super().__init__(f"the CMP server sent an error that is not protected: {status}", token=token)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How far a transaction is. It goes into the journal as a token, so that another process can go on.

    `first` is the nonce of our first message, `peer` that of the server's last. `waiting` says that the server has
    taken the order. `certificate` is the one that came and is not confirmed yet, `others` those that came with it.
    """

    transaction: bytes
    first: bytes
    peer: bytes = b""
    request_id: int = -1
    waiting: bool = False
    certificate: bytes = b""
    others: tuple[bytes, ...] = ()

    @property
    def token(self) -> str:
        """The state as text."""
        octets = {"transaction": self.transaction, "first": self.first, "peer": self.peer, "own": self.certificate}
        written: dict[str, object] = {name: base64.b64encode(value).decode() for name, value in octets.items() if value}
        written["others"] = [base64.b64encode(one).decode() for one in self.others]
        return json.dumps(written | {"id": self.request_id, "waiting": self.waiting})

    @classmethod
    def from_token(cls, token: str) -> Self | None:
        """The state in a token; None if the token holds none."""
        try:
            found = json.loads(token)
            octets = {name: base64.b64decode(found.get(name, "")) for name in ("transaction", "first", "peer", "own")}
            others = tuple(base64.b64decode(one) for one in found["others"])
            request_id, waiting = int(found["id"]), bool(found["waiting"])
        except (ValueError, TypeError, KeyError, AttributeError, binascii.Error):
            return None
        return cls(
            transaction=octets["transaction"],
            first=octets["first"],
            peer=octets["peer"],
            request_id=request_id,
            waiting=waiting,
            certificate=octets["own"],
            others=others,
        )


class Dialogue:
    """Sends the messages of one transaction, and takes only answers that belong to it.

    Without a `state` the transaction is a new one.
    """

    def __init__(
        self, server: http.Server, protection: Protection, recipient: bytes, state: State | None = None
    ) -> None:
        self._server = server
        self._protection = protection
        self._recipient = recipient
        self._begun = state is not None
        self.state = state or State(
            transaction=secrets.token_bytes(_NONCE_BYTES), first=secrets.token_bytes(_NONCE_BYTES)
        )

    def send(self, kind: Body, content: bytes, *, implicit: bool = False, hashes: bool = False) -> Message:
        """Send a message and return its answer.

        IssuerUnreachable if certainly nothing has happened in this transaction, else IssuerUncertain with the token
        of its state.
        """
        begins, self._begun = not self._begun, True
        nonce = self.state.first if begins else secrets.token_bytes(_NONCE_BYTES)
        values = Header(
            sender=self._protection.sender,
            recipient=self._recipient,
            transaction=self.state.transaction,
            nonce=nonce,
            answered=self.state.peer,
            algorithm=self._protection.algorithm(),
            key_id=self._protection.key_id,
            implicit=implicit,
        )
        head, text = header(values, hashes=hashes), tagged(kind, content)
        proof = self._protection.protect(values.algorithm, part(head, text))
        answer = self._parsed(self._post(message(head, text, proof, self._protection.certificates), begins), begins)
        self._verify(answer, nonce)
        self.state = replace(self.state, peer=answer.header.nonce)
        return answer

    def uncertain(self, message: str, *, hint: str = "") -> IssuerUncertain:
        """An error that can be asked after."""
        return IssuerUncertain(message, token=self.state.token, hint=hint)

    def _post(self, data: bytes, begins: bool) -> http.Reply:
        try:
            return self._server.post(self._server.url, data, MEDIA_TYPE, token=self.state.token)
        except IssuerUnreachable as error:
            if begins:
                raise
            raise self.uncertain(error.message, hint="Something was ordered before: ask again.") from error

    def _parsed(self, reply: http.Reply, begins: bool) -> Message:
        """The message in a reply, whatever its status is (RFC 9811, 3.8)."""
        if reply.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
            said = f": {reply.said}" if reply.said else ""
            told = f"the CMP server did not answer with a message of CMP (HTTP status {reply.status}){said}"
            if self._server.url.scheme == "https" and reply.status in _NOT_TAKEN and begins:
                raise IssuerUnreachable(told, hint="Check `url`; nothing was issued.")
            raise self.uncertain(told)
        try:
            return parsed(reply.body)
        except Malformed as error:
            raise self.uncertain(f"the CMP server's answer cannot be read: {error}") from error

    def _verify(self, answer: Message, nonce: bytes) -> None:
        """IssuerUncertain unless the answer is protected and belongs to what was sent (RFC 9483, 3.5)."""
        if answer.protection is None or not answer.header.algorithm:
            if answer.kind is Body.ERROR:
                raise Unprotected(self._said(answer), token=self.state.token)
            raise self.uncertain("the CMP server's answer is not protected")
        try:
            self._protection.verify(answer)
        except Refused as error:
            raise self.uncertain(f"the CMP server's answer cannot be trusted: {error}") from error
        # A certificate that was waited for may come as the answer to its order (RFC 9483, 4.4).
        answered = {nonce, self.state.first} if answer.kind is Body.CP else {nonce}
        if answer.header.transaction != self.state.transaction or answer.header.answered not in answered:
            raise self.uncertain("the CMP server's answer belongs to another message: an old one was sent again")
        if not answer.header.nonce:
            raise self.uncertain("the CMP server's answer has no nonce")

    def _said(self, answer: Message) -> Status:
        try:
            return error_status(answer)
        except Malformed:
            return Status(number=0xFF, failures=frozenset(), said="")
