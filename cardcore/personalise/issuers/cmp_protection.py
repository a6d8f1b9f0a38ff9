"""What protects the messages of CMP on their way (RFC 9810, 5.1.3), whichever kind it is."""

from __future__ import annotations

from typing import Protocol

from cardcore.personalise.issuers.cmp_messages import Message


class Refused(Exception):
    """A message's protection is not what it has to be; says in a few words why."""


class Protection(Protocol):
    """Protects what is sent and verifies what comes. Several threads may use it at once.

    `sender` is who we are, as a GeneralName in DER; `key_id` says which secret or key of ours it is; `certificates`
    go along with each message.
    """

    @property
    def sender(self) -> bytes:
        """The GeneralName."""

    @property
    def key_id(self) -> bytes:
        """The value of senderKID; empty for none."""

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """Certificates as DER."""

    def algorithm(self) -> bytes:
        """AlgorithmIdentifier for a new message."""

    def protect(self, algorithm: bytes, data: bytes) -> bytes:
        """The MAC or the signature of the data."""

    def verify(self, message: Message) -> None:
        """Refused unless the message has a MAC or signature by somebody who may answer."""
