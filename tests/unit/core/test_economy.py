"""Few APDUs: how many exchanges a job takes, counted between the driver and the card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pytest
from cryptography.hazmat.primitives.asymmetric import padding as oracle
from cryptography.hazmat.primitives.asymmetric import rsa

from cardcore import opening
from cardcore.apdu import CommandApdu
from cardcore.card import Card
from cardcore.masking import OPEN, Mask
from cardcore.profile import catalog
from cardcore.softcard import SoftCard, application_names, volatile_card
from cardcore.transport.faults import CountingTransport
from cardcore.transport.soft import SoftTransport
from tests.unit.core.fakecard import AID
from tests.unit.core.fakes import FakeTransport
from tests.unit.core.rsakeys import HASHES
from tests.unit.core.softpiv import ADMIN, COST, PIN, certificate, new_soft_card, open_piv

MESSAGE = b"what is signed"


class ShortTransport(CountingTransport):
    """Counts, and carries no extended length, as many readers do not; keeps the instructions."""

    def __init__(self, card: SoftCard) -> None:
        super().__init__(SoftTransport(card, "short"))
        self.instructions: list[int] = []

    @property
    def extended_length(self) -> bool:
        """No."""
        return False

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Count the command, and send it."""
        self.instructions.append(CommandApdu.decode(command).ins)
        return super().transmit(command, mask)


def prepared(slot: str, type_name: str) -> tuple[SoftCard, rsa.RSAPublicKey]:
    """A card with a key."""
    soft = new_soft_card()
    card = open_piv(SoftTransport(soft, "test"))
    card.authenticate_admin(ADMIN)
    public = card.generate(slot, type_name)
    assert isinstance(public, rsa.RSAPublicKey)
    soft.reset()
    return soft, public


def connect(soft: SoftCard) -> tuple[Card, ShortTransport]:
    """Open the card over short APDUs as a program does, identification included."""
    transport = ShortTransport(soft)
    return opening.open_on(transport), transport


SHORTEST = [0xA4, 0x20, 0x20, 0x87, 0x87, 0xC0]
# The metadata of an RSA-2048 key have 280 bytes, which come in two parts.
WITH_METADATA = [0xA4, 0xF7, 0xC0, 0x20, 0x20, 0x87, 0x87, 0xC0]


@pytest.mark.parametrize(("slot", "by_call"), [("9a", False), ("9a", True), ("9c", False), ("9c", True)])
@pytest.mark.parametrize(("key_type", "instructions"), [("rsa2048", SHORTEST), ("", WITH_METADATA)])
def test_from_connect_to_signature(slot: str, by_call: bool, key_type: str, instructions: list[int]) -> None:
    soft, public = prepared(slot, "rsa2048")
    card, transport = connect(soft)
    if by_call:
        card.verify(PIN)
        signature = card.sign(slot, MESSAGE, key_type=key_type)
    else:
        signature = card.sign(slot, MESSAGE, key_type=key_type, pin=PIN)
    public.verify(signature, MESSAGE, oracle.PKCS1v15(), HASHES["sha256"])
    assert sorted(transport.instructions) == sorted(instructions)
    assert len(transport.instructions) == transport.count


def test_a_card_with_a_usual_atr_is_identified_by_one_select() -> None:
    card, transport = connect(new_soft_card())
    assert card.profile.id == "piv"
    assert transport.instructions == [0xA4]


def test_any_other_card_is_asked_for_each_application_once() -> None:
    shelf = catalog.catalog([catalog.shipped_directory()])
    candidates = [shelf.candidate(name) for name in shelf.sources]
    known = {aid for candidate in candidates for aid in candidate.match.aids}
    transport = FakeTransport(lambda command: "9000" if command.data == AID else "6A82")
    assert opening.identify(transport, candidates).profile.id == "piv"
    assert len(known) <= len(transport.sent) <= len(known) + 1


def test_a_warm_signature_is_one_command() -> None:
    soft, public = prepared("9a", "rsa2048")
    card, transport = connect(soft)
    card.sign("9a", MESSAGE, pin=PIN)
    transport.instructions.clear()
    for _ in range(3):
        public.verify(card.sign("9a", MESSAGE), MESSAGE, oracle.PKCS1v15(), HASHES["sha256"])
    assert transport.instructions == [0x87, 0x87, 0xC0] * 3


def test_a_warm_signature_with_extended_length_is_one_exchange() -> None:
    soft, public = prepared("9a", "rsa2048")
    transport = CountingTransport(SoftTransport(soft, "test"))
    card = opening.open_on(transport, "piv")
    card.sign("9a", MESSAGE, pin=PIN)
    before = transport.count
    public.verify(card.sign("9a", MESSAGE), MESSAGE, oracle.PKCS1v15(), HASHES["sha256"])
    assert transport.count == before + 1


@pytest.mark.parametrize("extended", [False, True])
def test_long_replies_are_one_exchange_with_extended_length(extended: bool) -> None:
    """Metadata with a modulus, a certificate, and what the card attests: GET RESPONSE only over short APDUs."""
    soft, public = prepared("9a", "rsa2048")
    transport = CountingTransport(SoftTransport(soft, "test")) if extended else ShortTransport(soft)
    card = opening.open_on(transport, "piv")
    card.authenticate_admin(ADMIN)
    card.write_certificate("9a", certificate(public, extra=600))
    counts = []
    for ask in (card.key, card.certificate, card.attest):
        before = transport.count
        ask("9a")
        counts.append(transport.count - before)
    assert counts == ([1, 1, 1] if extended else [2, 5, 3])


def test_the_signature_key_costs_its_pin_each_time() -> None:
    soft, _ = prepared("9c", "rsa2048")
    card, transport = connect(soft)
    card.sign("9c", MESSAGE, pin=PIN)
    transport.instructions.clear()
    card.sign("9c", MESSAGE, pin=PIN)
    assert transport.instructions == [0x20, 0x20, 0x87, 0x87, 0xC0]


# Every family


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What an RSA-2048 signature of a key costs over short APDUs, identification and PIN included.

    `known` commands from connect if its type is named, `asked` if the card tells it, `remembered` if another process
    has asked. `warm` exchanges after that, where card and reader carry a command in one piece. `most` is what was
    promised for `known`.
    """

    application: str
    key: str
    admin: bytes | str = ""
    most: int
    known: int
    asked: int
    remembered: int
    warm: int


PRICES: Mapping[str, Price] = MappingProxyType(
    {
        # SELECT, counter, VERIFY, GENERAL AUTHENTICATE in two parts, GET RESPONSE
        "piv": Price(application="piv", key="9a", admin=ADMIN, most=6, known=6, asked=8, remembered=6, warm=1),
        # SELECT, password status, KDF, VERIFY, PSO; asked, application related data in two parts
        "openpgp": Price(
            application="openpgp", key="signature", admin="12345678", most=7, known=5, asked=6, remembered=6, warm=1
        ),
        # the counter in place of the password status
        "openpgp, authentication": Price(
            application="openpgp",
            key="authentication",
            admin="12345678",
            most=7,
            known=5,
            asked=6,
            remembered=6,
            warm=1,
        ),
        # SELECT, the list of private keys (SELECT, READ), counter, VERIFY, MSE, PSO; the list has the type too
        "isoapplet": Price(application="isoapplet", key="1", most=9, known=7, asked=7, remembered=7, warm=2),
        # SELECT, counter, VERIFY, MSE, PSO; the container map tells the type
        "gids": Price(application="gids", key="1", most=9, known=5, asked=6, remembered=5, warm=2),
    }
)


@pytest.fixture(params=PRICES)
def priced(request: pytest.FixtureRequest) -> tuple[SoftCard, Price, rsa.RSAPublicKey]:
    """A card of each family with a key that `cardcore` made."""
    price = PRICES[request.param]
    soft = volatile_card(price.application, cost=COST)
    with opening.open_on(SoftTransport(soft, "test")) as card:
        if price.admin:
            card.authenticate_admin(price.admin)
        card.verify(PIN)
        if price.key == "signature":
            card.write("password-status", b"\x01")  # the PIN is good for several signatures
        public = card.generate(price.key, "rsa2048")
    assert isinstance(public, rsa.RSAPublicKey)
    soft.reset()
    return soft, price, public


def test_every_family_has_its_price() -> None:
    assert {price.application for price in PRICES.values()} == set(application_names())
    assert all(price.known <= price.most for price in PRICES.values())


@pytest.mark.parametrize("named", [True, False])
def test_from_connect_to_signature_in_every_family(
    priced: tuple[SoftCard, Price, rsa.RSAPublicKey], named: bool
) -> None:
    soft, price, public = priced
    transport = ShortTransport(soft)
    card = opening.open_on(transport)
    signature = card.sign(price.key, MESSAGE, pin=PIN, key_type="rsa2048" if named else "")
    assert transport.count == (price.known if named else price.asked)
    public.verify(signature, MESSAGE, oracle.PKCS1v15(), HASHES["sha256"])


def test_from_connect_to_signature_where_another_process_has_asked(
    priced: tuple[SoftCard, Price, rsa.RSAPublicKey],
) -> None:
    soft, price, public = priced
    for most in (price.asked, price.remembered, price.remembered):
        transport = ShortTransport(soft)
        with opening.open_on(transport, cached=True) as card:
            signature = card.sign(price.key, MESSAGE, pin=PIN)
            assert transport.count == most
        public.verify(signature, MESSAGE, oracle.PKCS1v15(), HASHES["sha256"])
        soft.reset()


def test_a_warm_signature_in_every_family(priced: tuple[SoftCard, Price, rsa.RSAPublicKey]) -> None:
    soft, price, public = priced
    transport = CountingTransport(SoftTransport(soft, "test"))
    card = opening.open_on(transport)
    card.sign(price.key, MESSAGE, pin=PIN)
    before = transport.count
    public.verify(card.sign(price.key, MESSAGE), MESSAGE, oracle.PKCS1v15(), HASHES["sha256"])
    assert transport.count == before + price.warm
