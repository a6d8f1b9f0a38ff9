"""Cards as several processes and machines use them, one after the other: for the tests of what is remembered."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric import padding as oracle

from cardcore import opening
from cardcore.apdu import CommandApdu
from cardcore.card import Card
from cardcore.masking import OPEN, Mask
from cardcore.softcard import SoftCard, volatile_card
from cardcore.transport.faults import CountingTransport
from cardcore.transport.soft import SoftTransport
from tests.unit.core.rsakeys import HASHES
from tests.unit.core.softpiv import ADMIN, COST, PIN

MESSAGE = b"what is signed"
_VERIFY = 0x20


class Watched(CountingTransport):
    """Counts commands, and keeps those that bring a PIN, and whether anything was remembered when others went by.

    `verify_answer` stands in for the card's answer to a PIN.
    """

    def __init__(self, soft: SoftCard) -> None:
        super().__init__(SoftTransport(soft, "watched"))
        self.pins = 0
        self.verify_answer = b""
        self.remembered: list[tuple[int, bool]] = []

    @property
    def extended_length(self) -> bool:
        """No."""
        return False

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Take note, and send."""
        apdu = CommandApdu.decode(command)
        verifies = apdu.ins == _VERIFY and bool(apdu.data)
        self.pins += verifies
        self.remembered.append((apdu.ins, bool(files())))
        if verifies and self.verify_answer:
            return self.verify_answer
        return super().transmit(command, mask)


def files() -> list[Path]:
    return sorted((Path(os.environ["XDG_CACHE_HOME"]) / "cardcore" / "public").glob("*.cache"))


@contextmanager
def opened(soft: SoftCard, *, cached: bool = True) -> Iterator[tuple[Card, Watched]]:
    """A process that uses the card: it connects, and the card is reset afterwards."""
    transport = Watched(soft)
    with opening.open_on(transport, cached=cached) as card:
        yield card, transport
    soft.reset()


@contextmanager
def elsewhere(soft: SoftCard, monkeypatch: pytest.MonkeyPatch, *, admin: bool = True) -> Iterator[Card]:
    """Another machine, of whose changes nothing remembered here can be told."""
    with monkeypatch.context() as there:
        there.setenv("XDG_CACHE_HOME", os.environ["XDG_CACHE_HOME"] + "-elsewhere")
        with opened(soft) as (card, _):
            if admin:
                card.authenticate_admin(ADMIN)
            else:
                card.verify(PIN)
            yield card


def new_card(application: str, key: str, kind: str = "rsa2048") -> SoftCard:
    soft = volatile_card(application, cost=COST)
    with opened(soft, cached=False) as (card, _):
        if application == "piv":
            card.authenticate_admin(ADMIN)
        else:
            card.verify(PIN)
        card.generate(key, kind)
    return soft


def rsa_key(card: Card) -> rsa.RSAPublicKey:
    found = card.public_key("1")
    assert isinstance(found, rsa.RSAPublicKey)
    return found


def check(public: object, signature: bytes) -> None:
    """Verify a signature in software."""
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, MESSAGE, oracle.PKCS1v15(), HASHES["sha256"])
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(signature, MESSAGE, ec.ECDSA(HASHES["sha256"]))
