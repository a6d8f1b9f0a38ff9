"""Few APDUs: how many exchanges a job takes, counted between the driver and the card."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import padding as oracle
from cryptography.hazmat.primitives.asymmetric import rsa

from cardcore import opening
from cardcore.apdu import CommandApdu
from cardcore.card import Card
from cardcore.masking import OPEN, Mask
from cardcore.profile import catalog
from cardcore.softcard import SoftCard
from cardcore.transport.faults import CountingTransport
from cardcore.transport.soft import SoftTransport
from tests.unit.core.fakecard import AID
from tests.unit.core.fakes import FakeTransport
from tests.unit.core.rsakeys import HASHES
from tests.unit.core.softpiv import ADMIN, PIN, new_soft_card, open_piv

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
    profiles = [shelf.load(name) for name in shelf.sources]
    known = {aid for profile in profiles for aid in profile.match.aids}
    transport = FakeTransport(lambda command: "9000" if command.data == AID else "6A82")
    assert opening.identify(transport, profiles).profile.id == "piv"
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


def test_the_signature_key_costs_its_pin_each_time() -> None:
    soft, _ = prepared("9c", "rsa2048")
    card, transport = connect(soft)
    card.sign("9c", MESSAGE, pin=PIN)
    transport.instructions.clear()
    card.sign("9c", MESSAGE, pin=PIN)
    assert transport.instructions == [0x20, 0x20, 0x87, 0x87, 0xC0]
