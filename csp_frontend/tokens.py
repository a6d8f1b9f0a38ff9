"""Cards in readers, each opened once for all clients and used by one at a time."""

from __future__ import annotations

import logging
import secrets
import sys
import threading
from collections.abc import Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from cardcore import Card, CardError, SoftCardStore, list_readers, open_card
from cardcore.errors import CardRemoved, NoCard, NoReader, NoService, UnknownCard
from csp_frontend.constants import TokenFlag
from csp_frontend.containers import Container, read_containers, read_other_certificates

LOG = logging.getLogger("csp_frontend.tokens")
SOFT = "soft:"
_GONE = (CardRemoved, NoCard, NoReader, NoService)


class WentBefore(CardRemoved):
    """The card went before anything of this work was sent to it: the work may be begun anew where the card is now."""


@contextmanager
def _nothing_sent() -> Iterator[None]:
    try:
        yield
    except _GONE as error:
        raise WentBefore(error.message) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenReader:
    """A reader at one moment; `stamp` is another one after its card has been exchanged. Software has no hardware."""

    name: str
    present: bool
    hardware: bool = True
    stamp: Hashable = None


class Readers(Protocol):
    """Where cards come from."""

    def seen(self) -> Sequence[SeenReader]:
        """All readers as they are now, without a command to any card."""
        ...

    def open(self, name: str) -> Card:
        """The card in a reader; CardError."""
        ...


class SystemReaders:
    """The readers of the system, and the user's software cards as readers named `soft:NAME`."""

    def seen(self) -> list[SeenReader]:
        """All readers as they are now."""
        return [*_hardware(), *_software()]

    def open(self, name: str) -> Card:
        """The card in a reader; CardError."""
        return open_card(name, cache=False)


def _hardware() -> Iterator[SeenReader]:
    try:
        states = list_readers()
    except CardError as error:
        LOG.debug("no readers: %s", error)
        return
    for state in states:
        yield SeenReader(name=state.name, present=state.present and not state.mute, stamp=(state.events, state.atr))


def _software() -> Iterator[SeenReader]:
    try:
        cards = SoftCardStore().list()
    except (CardError, OSError) as error:
        LOG.warning("no software cards: %s", error)
        return
    for card in cards:
        if card.damage:
            LOG.warning("%s cannot be used: %s", card.path, card.damage)
            continue
        yield SeenReader(name=SOFT + card.name, present=True, hardware=False, stamp=card.serial)


class Token:
    """One card. Whoever uses it holds `lock`; what was proved to it belongs to one client, the `holder`.

    `identity` is its name, which cards without a serial number share. `stay` is no other card's: with a serial number
    it is the same, without one it ends when the card is taken out. PINs and open containers go by that.
    """

    def __init__(self, card: Card, seen: SeenReader) -> None:
        self.card = card
        self.reader = seen.name
        self.stamp = seen.stamp
        self.hardware = seen.hardware
        self.lock = threading.RLock()
        self.gone = False
        self.serial = card.serial()
        self.identity = self.serial or f"{card.atr.hex()} in {seen.name}"
        self.stay = self.identity if _tells_cards_apart(self.serial) else f"{self.identity} ({secrets.token_hex(4)})"
        self.has_pin_pad = card.has_pin_pad
        self.holder: object = None
        self.unlocked: set[str] = set()
        self._containers: tuple[Container, ...] | None = None
        self._others: tuple[bytes, ...] | None = None

    @property
    def flags(self) -> TokenFlag:
        """What PP_NX_CONTEXT_FLAGS tells of the token."""
        found = TokenFlag.NX_FLAG_TOKEN_PRESENT
        if self.hardware:
            found |= TokenFlag.NX_FLAG_HW_TOKEN | TokenFlag.NX_FLAG_TOKEN_REMOVABLE
        if self.has_pin_pad:
            found |= TokenFlag.NX_FLAG_HAS_PROTECTED_AUTH_PATH
        return found

    @contextmanager
    def using(self) -> Iterator[Card]:
        """The card, with its lock held; a card that went is not used again."""
        with self.lock:
            if self.gone:
                raise WentBefore(f"the card in {self.reader} was taken out")
            try:
                yield self.card
            except _GONE:
                self.gone = True
                raise

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction with the card, inside `using`; WentBefore if the card is found to have gone."""
        with ExitStack() as scope:
            with _nothing_sent():
                scope.enter_context(self.card.transaction())
            yield

    def containers(self) -> tuple[Container, ...]:
        """The key pairs on the card, read once."""
        with self.lock:
            if self._containers is None:
                with self.using() as card:
                    found = read_containers(card, self.identity)
                self._containers = tuple(replace(container, stay=self.stay) for container in found)
            return self._containers

    def other_certificates(self) -> tuple[bytes, ...]:
        """The certificates that belong to none of the card's keys, as DER, read once; none if they are unreadable."""
        with self.lock:
            if self._others is None:
                with self.using() as card:
                    self._others = read_other_certificates(card)
            return self._others

    def add(self, container: Container) -> Container:
        """A new key pair that the card itself does not list yet: its public key is known from making it."""
        with self.lock:
            added = replace(container, stay=self.stay)
            self._containers = (*self.containers(), added)
            return added

    def forget(self) -> None:
        """What is on the card has changed: read it anew when it is wanted next."""
        with self.lock:
            self._containers = self._others = None

    def turn_to(self, client: object) -> None:
        """From now on the card is used for this client: end what was proved for another one. WentBefore as above."""
        with self.using() as card:
            if self.holder is not client:
                with _nothing_sent():
                    card.lock()
                self.unlocked.clear()
                self.holder = client

    def let_go(self, client: object) -> None:
        """End what was proved for a client, if it was the last to use the card. Never raises for a card that went."""
        if self.holder is not client:
            return  # before the lock: it may be somebody else's for a while
        with self.lock:
            if self.holder is not client or self.gone:
                return
            self.holder = None
            self.unlocked.clear()
            try:
                self.card.lock()
            except CardError as error:
                LOG.info("%s cannot be locked: %s", self.reader, error)

    def close(self) -> None:
        """Give the card back. Never raises."""
        with self.lock:
            self.gone = True
            try:
                self.card.close()
            except CardError as error:
                LOG.info("%s cannot be closed: %s", self.reader, error)


class _Place:
    """One reader as the pool knows it: the token in it, or why there is none."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.token: Token | None = None
        self.unknown: tuple[Hashable, UnknownCard] | None = None


class TokenPool:
    """All tokens. A reader that is slow to open keeps nobody from the others."""

    def __init__(self, readers: Readers | None = None) -> None:
        self._readers = readers or SystemReaders()
        self._lock = threading.Lock()
        self._places: dict[str, _Place] = {}

    def seen(self) -> Sequence[SeenReader]:
        """All readers as they are now; tokens of readers that are no longer there are given up."""
        found = self._readers.seen()
        present = {reader.name for reader in found if reader.present}
        with self._lock:
            lost = [self._places.pop(name) for name in list(self._places) if name not in present]
        for place in lost:
            _close(place)
        return found

    def reader(self, name: str) -> SeenReader | None:
        """A reader by its name, in any case."""
        return next((reader for reader in self.seen() if reader.name.casefold() == name.casefold()), None)

    def token(self, seen: SeenReader) -> Token:
        """The card in a reader, opened if it is not; CardError if it cannot be."""
        if not seen.present:
            raise NoCard(f"there is no card in {seen.name}")
        with self._lock:
            place = self._places.setdefault(seen.name, _Place())
        with place.lock:
            if place.token is not None and not place.token.gone and place.token.stamp == seen.stamp:
                return place.token
            if place.unknown is not None and place.unknown[0] == seen.stamp:
                raise place.unknown[1]
            _close(place)
            try:
                place.token = Token(self._readers.open(seen.name), seen)
            except UnknownCard as error:
                place.unknown = (seen.stamp, error)
                raise
            return place.token

    def tokens(self) -> Iterator[Token]:
        """Every card that can be used; the others are in the log."""
        for seen in self.seen():
            if not seen.present:
                continue
            try:
                yield self.token(seen)
            except CardError as error:
                LOG.info("%s: %s", seen.name, error)

    def opened_with(self, container: Container) -> Token | None:
        """The token of a container where it was last, without a look at any reader: WentBefore is what may follow.

        None if it is not known to be anywhere, or if no transaction would tell that it went.
        """
        return next((token for token in self.opened() if token.stay == container.stay and _tells(token)), None)

    def find(self, container: Container) -> Token:
        """The token of a container, wherever it is now; CardRemoved if it is nowhere."""
        with self._lock:
            known = [place.token for place in self._places.values() if place.token is not None]
        names = {token.reader for token in known if token.stay == container.stay}
        for seen in sorted(self.seen(), key=lambda reader: reader.name not in names):
            if not seen.present:
                continue
            try:
                token = self.token(seen)
            except CardError as error:
                LOG.info("%s: %s", seen.name, error)
                continue
            if token.stay == container.stay:
                return token
        raise CardRemoved("the card was taken out")

    def opened(self) -> list[Token]:
        """The tokens that are open now."""
        with self._lock:
            return [place.token for place in self._places.values() if place.token is not None]

    def close(self) -> None:
        """Give all cards back."""
        with self._lock:
            places = list(self._places.values())
            self._places.clear()
        for place in places:
            _close(place)


def _tells_cards_apart(serial: str) -> bool:
    """Whether it is a serial number; one of zeros only was never written."""
    return bool(serial.strip("0"))


def _tells(token: Token) -> bool:
    """Whether a transaction tells that the card went; on macOS, which counts no cards, an exchanged one looks reset."""
    return token.hardware and not token.gone and sys.platform != "darwin"


def _close(place: _Place) -> None:
    token, place.token = place.token, None
    if token is not None:
        token.close()
