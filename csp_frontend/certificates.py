"""Certificates of inserted tokens in the user's certificate stores: what is to be there, and who puts it there.

The agent decides; a helper program of Windows (`dll/helper`) carries it out, one order after the other. It tells which
certificates in the stores are ours, by a mark that each carries from before it is in the store. So nothing has to be
remembered: what is marked and no longer wanted goes, also after a crash; what is not marked is never touched.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha1

from cardcore.errors import CardError
from csp_frontend.authorities import is_authority
from csp_frontend.containers import Container
from csp_frontend.tokens import Token, TokenPool

LOG = logging.getLogger("csp_frontend.certificates")
THUMBPRINT_SIZE = 20
WAIT_SECONDS = 5.0
"""How long a helper waits for an order before it is told that there is none, and tells anew what it sees."""
LEASE_SECONDS = 15.0
"""A helper that has not asked for so long has lost its place to another one."""
_POLL_SECONDS = 0.2


class Store(IntEnum):
    """The user's stores, as the helper counts them."""

    MY = 0
    CA = 1


class Action(IntEnum):
    """What is to be done."""

    NONE = 0
    ADD = 1
    REMOVE = 2


class Busy(Exception):
    """Another helper is at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A certificate as it is to be in a store; a CA's has no container."""

    store: Store
    certificate: bytes
    container: str = ""
    key_spec: int = 0
    friendly_name: str = ""

    @property
    def thumbprint(self) -> bytes:
        """SHA-1 of the certificate, by which stores know it."""
        return sha1(self.certificate, usedforsecurity=False).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One thing to do; only ADD has an entry with a certificate."""

    action: Action = Action.NONE
    store: Store = Store.MY
    thumbprint: bytes = bytes(THUMBPRINT_SIZE)
    entry: Entry | None = None


class CertificateKeeper:
    """Tells the one helper that is at work what to do. A certificate that others have there already is left to them."""

    def __init__(self, pool: TokenPool, *, on: bool = True) -> None:
        """`on`: whether certificates are to be there at all; if not, those of earlier days go."""
        self.on = on
        self._pool = pool
        self._lock = threading.Lock()
        self._holder: object = None
        self._asked = 0.0
        self._foreign: set[bytes] = set()
        self._put: set[bytes] = set()
        self._ending = threading.Event()

    def stop(self) -> None:
        """Nobody waits any longer."""
        self._ending.set()

    def release(self, helper: object) -> None:
        """A helper has gone: another one may come at once."""
        with self._lock:
            if self._holder is helper:
                self._holder = None

    def foreign(self) -> list[bytes]:
        """Thumbprints of certificates that are wanted, and that others have put into the store before us."""
        return sorted(self._foreign)

    def next(self, helper: object, ours: Sequence[Sequence[bytes]], refused: bytes) -> Order:
        """What the helper is to do next; waits a while for something. Busy if another helper is at work.

        `ours` are the thumbprints of our certificates in each store; `refused` is one that could not be put there.
        """
        self._take_turn(helper)
        if refused:
            LOG.warning("the certificate %s is in the store already, and not by us: it is left alone", refused.hex())
            self._foreign.add(refused)
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            order = self._order({store: set(ours[store]) for store in Store})
            if order.action is not Action.NONE or time.monotonic() > deadline or self._ending.wait(_POLL_SECONDS):
                self._take_turn(helper)
                return order

    def _take_turn(self, helper: object) -> None:
        now = time.monotonic()
        with self._lock:
            if self._holder not in (None, helper) and now - self._asked < LEASE_SECONDS:
                raise Busy
            self._holder, self._asked = helper, now

    def _order(self, ours: dict[Store, set[bytes]]) -> Order:
        wanted = {(entry.store, entry.thumbprint): entry for entry in self.wanted()}
        self._notice_losses(ours, {thumbprint for _, thumbprint in wanted})
        for store, present in ours.items():
            gone = sorted(thumbprint for thumbprint in present if (store, thumbprint) not in wanted)
            if gone:
                return Order(action=Action.REMOVE, store=store, thumbprint=gone[0])
        for (store, thumbprint), entry in wanted.items():
            if thumbprint not in ours[store] and thumbprint not in self._foreign:
                return Order(action=Action.ADD, store=store, thumbprint=thumbprint, entry=entry)
        return Order()

    def _notice_losses(self, ours: dict[Store, set[bytes]], wanted: set[bytes]) -> None:
        """What was ours and is not any more was taken or bound anew by others: not put there again with this token."""
        present = set().union(*ours.values())
        lost = (self._put - present) & wanted
        for thumbprint in sorted(lost - self._foreign):
            LOG.warning(
                "the certificate %s was taken away, or bound anew, not by us: it is left alone", thumbprint.hex()
            )
        self._foreign = (self._foreign | lost) & wanted
        self._put = present & wanted

    def wanted(self) -> Iterator[Entry]:
        """The certificates of the tokens that are inserted now. A token that cannot be read has none."""
        if not self.on:
            return
        for token in self._pool.tokens():
            try:
                yield from _entries(token)
            except CardError as error:
                LOG.info("%s: %s", token.reader, error)


def _entries(token: Token) -> Iterator[Entry]:
    for container in token.containers():
        if container.certificate and is_authority(container.certificate):
            yield Entry(store=Store.CA, certificate=container.certificate, friendly_name=_friendly(token, container))
        elif container.certificate:
            yield Entry(
                store=Store.MY,
                certificate=container.certificate,
                container=container.name,
                key_spec=container.key_spec,
                friendly_name=_friendly(token, container),
            )
    for certificate in token.other_certificates():
        if is_authority(certificate):
            yield Entry(store=Store.CA, certificate=certificate, friendly_name=f"Authority ({token.identity})")


def _friendly(token: Token, container: Container) -> str:
    return f"{container.slot.label or container.slot.name} ({token.identity})"
