"""What a new key is to want before its use, and what the card attests of it: through the driver, on a software card."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from cardcore import keytypes
from cardcore.card import Card
from cardcore.errors import InputError, NotFound, NotSupported, PinRequired, SecurityStatus
from cardcore.profile.model import PinPolicy, Profile, TouchPolicy
from cardcore.profile.template import DataObject, Literal, Name, Node
from cardcore.tlv import require
from tests.unit.core.fakecard import piv
from tests.unit.core.softpiv import ADMIN, PIN, new_card

MESSAGE = b"a message of some length"


@pytest.fixture
def card() -> Iterator[Card]:
    with new_card() as card:
        card.authenticate_admin(ADMIN)
        yield card


def ec_public(card: Card, name: str) -> ec.EllipticCurvePublicKey:
    """Generate an elliptic-curve key."""
    public = card.generate(name, "ecp256")
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return public


@pytest.mark.parametrize("pin", [None, *PinPolicy])
@pytest.mark.parametrize("touch", [None, *TouchPolicy])
def test_policies_of_new_keys(card: Card, pin: PinPolicy | None, touch: TouchPolicy | None) -> None:
    public = ec_public(card, "9a")
    card.generate("9a", "ecp256", pin_policy=pin, touch=touch)
    assert card.public_key("9a") != public
    expected = (pin or PinPolicy.ONCE, touch or TouchPolicy.NEVER)
    assert (card.key("9a").policy, card.key("9a").touch) == expected
    card.import_key("9d", ec.generate_private_key(ec.SECP256R1()), pin_policy=pin, touch=touch)
    assert (card.key("9d").policy, card.key("9d").touch) == expected
    if pin is not PinPolicy.NEVER:
        with pytest.raises(PinRequired if pin is PinPolicy.ALWAYS else SecurityStatus):
            card.sign("9a", MESSAGE)
    made = card.public_key("9a")
    assert isinstance(made, ec.EllipticCurvePublicKey)
    for _ in range(2):
        signature = card.sign("9a", MESSAGE, pin=None if pin is PinPolicy.NEVER else PIN)
        made.verify(signature, MESSAGE, ec.ECDSA(SHA256()))


def without_policies() -> Profile:
    """The profile of a card of before these extensions."""
    algorithm = DataObject(tag=b"\x80", value=Name(name="alg.byte"))
    datas: dict[str, Node] = {"generate": DataObject(tag=b"\xac", value=algorithm), "import": Literal(data=b"")}
    operations = dict(piv().operations)
    for name, data in datas.items():
        steps = tuple(replace(step, data=data) for step in operations[name].steps)
        operations[name] = replace(operations[name], steps=steps)
    return replace(piv(), operations=operations)


def test_policies_where_there_is_no_choice() -> None:
    """Refused before anything is changed: the key that is there stays."""
    with new_card(without_policies()) as card:
        card.authenticate_admin(ADMIN)
        public = ec_public(card, "9a")
        with pytest.raises(NotSupported, match="no choice when a key wants its PIN"):
            card.generate("9a", "ecp256", pin_policy="always")
        with pytest.raises(NotSupported, match="no choice when a key wants its touch"):
            card.import_key("9a", ec.generate_private_key(ec.SECP256R1()), touch="always")
        assert card.public_key("9a") == public


def test_unknown_policies(card: Card) -> None:
    with pytest.raises(InputError, match="unknown PIN policy sometimes"):
        card.generate("9a", "ecp256", pin_policy="sometimes")
    with pytest.raises(InputError, match="unknown touch policy twice"):
        card.generate("9a", "ecp256", touch="twice")


def test_attestation(card: Card) -> None:
    public = ec_public(card, "9a")
    attested = card.attest("9a")
    assert attested.public_key() == public
    authority = keytypes.load_certificate(require(card.read("5FFF01"), (0x70,)))
    attested.verify_directly_issued_by(authority)
    with pytest.raises(NotFound, match="no key in 9c"):
        card.attest("9c")
    card.import_key("9a", ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(InputError, match="was not made on this card"):
        card.attest("9a")
