"""Everything that a front end does with a card, as jobs for cards that lie."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec

from cardcore.card import Card
from cardcore.conformance.making import issue
from cardcore.profile.model import Profile, Usage

PEER = ec.derive_private_key(0x5EED, ec.SECP256R1())
_CERTIFICATE = issue(PEER.public_key())
Job = Callable[[Card], object]


def jobs(profile: Profile) -> dict[str, Job]:
    """The jobs by name; what they need to have been proved counts as proved."""
    secret = {name: b"1" * spec.minimum for name, spec in profile.pins.items()}
    pin = secret["user"]

    def named(usage: Usage) -> str:
        return next((slot.name for slot in profile.keys.values() if usage in slot.usage), "")

    signing, deciphering, agreeing = (named(usage) for usage in (Usage.SIGN, Usage.DECIPHER, Usage.AGREE))
    return {
        "serial": lambda card: card.serial(),
        "pins": lambda card: card.pins(),
        "keys": lambda card: card.keys(),
        "certificates": lambda card: card.certificates(),
        "public": lambda card: card.public_key(signing),
        "verify": lambda card: card.verify(pin),
        "change": lambda card: card.change_pin(pin, pin),
        "unblock": lambda card: card.unblock_pin(secret.get(profile.pins["user"].unblock, bytes(24)), pin),
        "admin": lambda card: card.authenticate_admin(
            secret.get(profile.admin.pin, bytes(24)) if profile.admin else b""
        ),
        "sign": lambda card: card.sign(signing, b"x", pin=pin),
        "sign-rsa": lambda card: card.sign(signing, b"x", pin=pin, key_type="rsa2048"),
        "sign-ec": lambda card: card.sign(signing, b"x", pin=pin, key_type="ecp256", hash="sha1"),
        "decipher": lambda card: card.decipher(deciphering, bytes(256), pin=pin, key_type="rsa2048"),
        "agree": lambda card: card.agree(agreeing, PEER.public_key(), pin=pin),
        "generate-rsa": lambda card: proved(card).generate(signing, "rsa2048"),
        "generate-ec": lambda card: proved(card).generate(signing, "ecp256"),
        "import": lambda card: proved(card).import_key(signing, PEER),
        "delete": lambda card: proved(card).delete_key(signing),
        "write-certificate": lambda card: proved(card).write_certificate(signing, _CERTIFICATE),
        "delete-certificate": lambda card: proved(card).delete_certificate(signing),
        "read": lambda card: [card.read(name) for name in profile.objects],
        "random": lambda card: card.random(20),
        "initialise": lambda card: proved(card).initialise("x", pin=pin, puk=secret.get("puk")),
    }


def proved(card: Card) -> Card:
    """The card as if everything had been proved to it."""
    session = card.authentication._session
    session.admin = True
    session.verified.update(card.profile.pins)
    return card
