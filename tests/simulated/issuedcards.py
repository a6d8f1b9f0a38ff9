"""A card of each family with keys, made without a reader, and what is signed and encrypted with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from cardcore.card import Card
from cardcore.opening import open_on
from cardcore.softcard import ScryptCost, SoftCard, volatile_card
from cardcore.transport.soft import SoftTransport
from tests.unit.core.softpiv import certificate

COST = ScryptCost(n=16)
PIN, PUK, NEW = "123456", "12345678", "654321"
ADMIN = bytes.fromhex("0102030405060708" * 3)
MESSAGE = b"Muse, tell me of the man of many turns\n"
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A card with its keys by name; `always` wants its PIN each time, empty where the family has no such key."""

    card: SoftCard
    public: dict[str, PublicKey]
    signing: str
    deciphering: str
    always: str = ""


def _issue(
    application: str, keys: dict[str, str], authorise: Callable[[Card], None]
) -> tuple[SoftCard, dict[str, PublicKey]]:
    card = volatile_card(application, cost=COST)
    with open_on(SoftTransport(card, "issuer"), application) as driver:
        authorise(driver)
        return card, {name: driver.generate(name, kind) for name, kind in keys.items()}


def piv() -> Issued:
    keys = {"9a": "rsa2048", "9c": "ecp256", "9d": "rsa1024"}
    card, public = _issue("piv", keys, lambda driver: driver.authenticate_admin(ADMIN))
    with open_on(SoftTransport(card, "issuer"), "piv") as driver:
        driver.authenticate_admin(ADMIN)
        driver.write_certificate("9a", certificate(public["9a"]))  # by which OpenSC finds the key
    return Issued(card=card, public=public, signing="9a", deciphering="9d", always="9c")


def _openpgp() -> Issued:
    keys = {"signature": "rsa2048", "decryption": "rsa2048", "authentication": "ecp256"}
    card, public = _issue("openpgp", keys, lambda driver: driver.authenticate_admin(b"12345678"))
    return Issued(card=card, public=public, signing="authentication", deciphering="decryption", always="signature")


def _gids() -> Issued:
    card, public = _issue("gids", {"1": "rsa2048"}, lambda driver: driver.verify(PIN))
    return Issued(card=card, public=public, signing="1", deciphering="1")


FAMILIES = {"piv": piv, "openpgp": _openpgp, "gids": _gids}


def check(public: PublicKey, signature: bytes) -> None:
    """Whether it is a signature of the message with SHA-256."""
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, MESSAGE, padding.PKCS1v15(), SHA256())
    else:
        public.verify(signature, MESSAGE, ec.ECDSA(SHA256()))
