"""A provider over software cards in this process: readers to plug and pull, a played person, every exchange counted."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from cardcore.card import Card
from cardcore.errors import CardRemoved
from cardcore.opening import open_on
from cardcore.softcard import ScryptCost, SoftCard, volatile_card
from cardcore.transport.base import OPEN, Mask, Transport
from cardcore.transport.faults import CountingTransport
from cardcore.transport.soft import SoftTransport
from cardcore.transport.wrapper import TransportWrapper
from csp_frontend.callers import ClientInfo
from csp_frontend.configuration import Configuration
from csp_frontend.constants import Code, Flag, Pp
from csp_frontend.errors import CspError
from csp_frontend.prompts import ScriptedDialog
from csp_frontend.provider import ClientSession, Provider
from csp_frontend.tokens import SOFT, SeenReader
from tests.unit.core.rsakeys import rsa_key
from tests.unit.core.softpiv import ADMIN, certificate

PIN = "123456"
WRONG = "999999"
ADMIN_TEXT = ADMIN.hex()
VERIFY = 0xF0000000
NEWKEYSET, DELETEKEYSET, MACHINE, SILENT = 0x8, 0x10, 0x20, 0x40
BIG = 1 << 16


@cache
def other_key(number: int) -> rsa.RSAPrivateKey:
    """RSA keys that differ from each other, each the same for a whole test run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def certificate_of(number: int) -> x509.Certificate:
    """A certificate for `other_key`."""
    return certificate(other_key(number).public_key(), other_key(number))


def piv_card(keys: Sequence[str] = ("9a",), *, pin_tries: int = 3, bits: int = 2048) -> SoftCard:
    """A card with a key pair and a certificate in each of these places: the key is `other_key(position)`."""
    soft = volatile_card("piv", cost=ScryptCost(n=16), pin_tries=pin_tries)
    with open_on(SoftTransport(soft, "making"), "piv") as card:
        card.authenticate_admin(ADMIN)
        for number, name in enumerate(keys):
            key = other_key(number) if bits == 2048 else rsa_key(bits)
            card.import_key(name, key)
            card.write_certificate(name, certificate(key.public_key(), key))
    return soft


def keep_admin_key(soft: SoftCard, flags: str = "8003810102") -> None:
    """Let a card keep its admin key behind the PIN, or something else there, as the tools in wide use write it."""
    with open_on(SoftTransport(soft, "making"), "piv") as card:
        card.authenticate_admin(ADMIN)
        card.write("5FFF00", bytes.fromhex(flags))
        card.write("printed", bytes.fromhex("881A8918") + ADMIN)


class Bench:
    """Readers with cards, the provider over them, and the person at the dialog."""

    def __init__(self, configuration: Configuration | None = None, **cards: SoftCard | None) -> None:
        self.readers = PlayedReaders()
        self.dialog = ScriptedDialog()
        self.now = 1000.0
        self.provider = Provider(
            configuration or Configuration(), self.dialog, readers=self.readers, clock=lambda: self.now
        )
        for name, card in cards.items():
            self.readers.plug(name.replace("soft_", "soft:"), card)

    def client(self, program: str = "test") -> ClientSession:
        """A client process."""
        return self.provider.client(ClientInfo(pid=1, program=program))

    @property
    def exchanges(self) -> int:
        """Commands sent to any card so far."""
        return self.readers.exchanges


class _Plugged(TransportWrapper):
    """A connection that fails once its card was taken out, as PC/SC has it; software cards have no reader to tell."""

    def __init__(self, inner: Transport, is_in: Callable[[], bool]) -> None:
        super().__init__(inner)
        self._is_in = is_in

    def begin(self) -> None:
        self._require()
        self.inner.begin()

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        self._require()
        return self.inner.transmit(command, mask)

    def reset(self) -> None:
        self._require()
        self.inner.reset()

    def _require(self) -> None:
        if not self._is_in():
            raise CardRemoved("the card was taken out")


class PlayedReaders:
    """Readers of a `TokenPool`; a card's exchanges are counted, and looks at the readers (`looks`)."""

    def __init__(self) -> None:
        self._readers: dict[str, tuple[SoftCard | None, str, int]] = {}
        self._stamps = itertools.count()
        self._counters: list[CountingTransport] = []
        self.opened: list[str] = []
        self.looks = 0
        self.around: Callable[[Transport], Transport] = lambda transport: transport

    def plug(self, name: str, card: SoftCard | None, profile: str = "piv") -> None:
        """Put a card into a reader, or an empty reader into the system."""
        self._readers[name] = (card, profile, next(self._stamps))

    def pull(self, name: str) -> None:
        """Take a card out."""
        self.plug(name, None)

    def unplug(self, name: str) -> None:
        """Take a reader away."""
        del self._readers[name]

    @property
    def exchanges(self) -> int:
        """Commands sent so far."""
        return sum(counter.count for counter in self._counters)

    def seen(self) -> list[SeenReader]:
        """The readers."""
        self.looks += 1
        return [
            SeenReader(name=name, present=card is not None, hardware=not name.startswith(SOFT), stamp=stamp)
            for name, (card, _, stamp) in self._readers.items()
        ]

    def open(self, name: str) -> Card:
        """Open the card in a reader."""
        plugged = self._readers[name]
        card, profile, _ = plugged
        assert card is not None
        self.opened.append(name)
        transport = CountingTransport(SoftTransport(card, name.removeprefix(SOFT)))
        self._counters.append(transport)
        if name.startswith(SOFT):
            return open_on(self.around(transport), profile)
        return open_on(_Plugged(self.around(transport), lambda: self._readers.get(name) == plugged), profile)


def names(client: ClientSession, context: int) -> list[str]:
    """What PP_ENUMCONTAINERS lists, asked for as programs do."""
    return [item.decode().rstrip("\0") for item in items(client, context, Pp.PP_ENUMCONTAINERS)]


def items(client: ClientSession, context: int, parameter: int) -> list[bytes]:
    """What a parameter lists: the size of the longest, then the first, then the others until there are no more."""
    longest = client.CPGetProvParam(context, parameter, None, Flag.CRYPT_FIRST).size
    found: list[bytes] = []
    try:
        while True:
            flags = 0 if found else Flag.CRYPT_FIRST
            found.append(client.CPGetProvParam(context, parameter, longest, flags).data or b"")
    except CspError as error:
        if error.code is not Code.ERROR_NO_MORE_ITEMS:
            raise
    return found
