"""Software cards of every family with keys and certificates, made by the driver, to be put into virtual readers."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256

from cardcore.opening import open_on
from cardcore.softcard import ScryptCost, Secrets, SoftCard, factory_secrets, volatile_card
from cardcore.transport.soft import SoftTransport

COST = ScryptCost(n=16)
AT_KEYEXCHANGE, AT_SIGNATURE = 1, 2
PIN = "123456"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key pair on a card: its slot, its key spec, what it can do."""

    slot: str
    spec: int
    decrypts: bool = True


KEYS: Mapping[str, tuple[Key, ...]] = {
    "piv": (Key(slot="9a", spec=AT_KEYEXCHANGE), Key(slot="9c", spec=AT_SIGNATURE, decrypts=False)),
    "openpgp": (
        Key(slot="authentication", spec=AT_KEYEXCHANGE, decrypts=False),
        Key(slot="signature", spec=AT_SIGNATURE, decrypts=False),
    ),
    "gids": (Key(slot="1", spec=AT_KEYEXCHANGE),),
    "isoapplet": (Key(slot="1", spec=AT_KEYEXCHANGE),),
}
"""What each family's card has in these tests; a family of the registry that is not here has no such test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedCard:
    """A card and the certificates on it by slot."""

    card: SoftCard
    application: str
    certificates: Mapping[str, x509.Certificate]


def make(application: str, *, pin: str = PIN) -> PlayedCard:
    """A card of this family with its keys, 2048 bits each, and a certificate for each."""
    soft = volatile_card(application, Secrets(pin=pin.encode()), cost=COST)
    secrets = factory_secrets(application)
    with open_on(SoftTransport(soft, application), application) as card:
        made = {}
        for key in KEYS[application]:
            if secrets.admin is not None:
                card.authenticate_admin(secrets.admin)
            card.verify(pin)
            public = card.generate(key.slot, "rsa2048")
            assert isinstance(public, rsa.RSAPublicKey)
            made[key.slot] = _certificate(public, f"{application} {key.slot}")
            card.write_certificate(key.slot, made[key.slot])
    return PlayedCard(card=soft, application=application, certificates=made)


def _certificate(public: rsa.RSAPublicKey, name: str) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    return builder.sign(rsa.generate_private_key(public_exponent=65537, key_size=2048), SHA256())


class Counter:
    """Counts the commands that reach a card; given to the rig as `watch`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.commands: list[bytes] = []

    def __call__(self, command: bytes, response: bytes) -> None:
        with self._lock:
            self.commands.append(command)

    @property
    def count(self) -> int:
        """How many there have been."""
        return len(self.commands)

    def of(self, instruction: int) -> int:
        """How many of this instruction had data."""
        return sum(command[1] == instruction and len(command) > 5 for command in self.commands)


class OpenSsl:
    """Checks what cards made, with the openssl program and a public key."""

    def __init__(self, folder: Path, certificate: x509.Certificate) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        pem = certificate.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (folder / "public.pem").write_bytes(pem)

    def verify(self, data: bytes, signature: bytes, digest: str) -> None:
        """A signature of data, hashed and with its OID."""
        self._run(
            "dgst", f"-{digest}", "-verify", "public.pem", "-signature", "signature", "data", data=data, sig=signature
        )

    def verify_raw(self, block: bytes, signature: bytes) -> None:
        """A signature of a block without an OID."""
        key = ("-verify", "-pubin", "-inkey", "public.pem", "-pkeyopt", "rsa_padding_mode:pkcs1")
        self._run("pkeyutl", *key, "-in", "data", "-sigfile", "signature", data=block, sig=signature)

    def _run(self, *arguments: str, data: bytes, sig: bytes) -> None:
        (self._folder / "data").write_bytes(data)
        (self._folder / "signature").write_bytes(sig)
        ended = subprocess.run(
            ["openssl", *arguments], cwd=self._folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
