"""A software PIV card in this process behind the driver, and certificates for its keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from cardcore.card import Card
from cardcore.channel import Channel, ChannelLimits
from cardcore.profile.model import Profile
from cardcore.softcard import ScryptCost, SoftCard, volatile_card
from cardcore.transport.base import Transport
from cardcore.transport.soft import SoftTransport
from tests.unit.core.fakecard import AID, PIN, PUK, piv

ADMIN = bytes.fromhex("0102030405060708" * 3)
COST = ScryptCost(n=16)
PRIVATE_KEY = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

__all__ = ["ADMIN", "PIN", "PUK", "certificate", "new_card", "new_soft_card", "open_piv"]


def new_soft_card(*, blank: bool = False) -> SoftCard:
    """A card in memory, with factory secrets that are quick to check."""
    return volatile_card("piv", cost=COST, blank=blank)


def open_piv(
    transport: Transport, profile: Profile | None = None, *, extended: bool = False, selected: bool = False
) -> Card:
    """The driver on a transport; nothing is sent."""
    channel = Channel(transport, ChannelLimits(extended=extended))
    return Card(profile or piv(), channel, aid=AID, selected=selected)


def new_card(profile: Profile | None = None, *, extended: bool = False, blank: bool = False) -> Card:
    """The driver on a new card."""
    return open_piv(SoftTransport(new_soft_card(blank=blank), "test"), profile, extended=extended)


def certificate(
    public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, signer: PRIVATE_KEY | None = None, extra: int = 0
) -> x509.Certificate:
    """A certificate for a key, signed by another one, with a name longer by `extra` characters."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    units = [x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "x" * 60) for _ in range(extra // 60)]
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([*name, *units]))
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    return builder.sign(signer or ec.generate_private_key(ec.SECP256R1()), SHA256())
