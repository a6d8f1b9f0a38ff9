"""`cardcore demo`: the main jobs, one after the other, on a software card that is gone afterwards."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cardcore.cli.context import Context, pass_context
from cardcore.cli.options import examples
from cardcore.cli.output import count
from cardcore.errors import CardError, PinError

if TYPE_CHECKING:
    from cardcore import Card
    from cardcore.keytypes import PublicKey
    from cardcore.transport.faults import CountingTransport

_MESSAGE = b"Signed by a card that exists in software only.\n"
_NEXT = (
    "cardcore soft create alice --application {application}   # a software card that stays",
    "cardcore --reader soft:alice info",
    "cardcore readers                                # the real ones",
    "docs/quickstart.md                              # sign a file, step by step",
)


class DemoFailed(CardError):
    """A result of the demonstration was not what it has to be."""

    code = "demo-failed"


class _Steps:
    """Runs the steps, and shows each with its time and the commands that it took."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._transport: CountingTransport | None = None
        self.done: list[dict[str, object]] = []

    @property
    def commands(self) -> int:
        """How many commands the card was sent so far."""
        return self._transport.count if self._transport else 0

    def watch(self, transport: CountingTransport) -> None:
        """Count the commands of this transport from now on."""
        self._transport = transport

    @contextmanager
    def step(self, text: str) -> Iterator[list[str]]:
        """One step; it is done when its block ends without an error. What the block appends is told with it."""
        told: list[str] = []
        before, started = self.commands, time.perf_counter()
        yield told
        text = ": ".join((text, *told))
        milliseconds, commands = (time.perf_counter() - started) * 1000, self.commands - before
        self.done.append({"step": text, "milliseconds": round(milliseconds, 1), "commands": commands})
        if not self._context.output.json_wanted:
            mark = click.style("✓", fg="green")
            click.echo(f"{mark} {text:<58} {milliseconds:>8.1f} ms {count(commands, 'APDU'):>8}")


@click.command(epilog=examples("cardcore demo", "cardcore --json demo"))
@pass_context
def demo(context: Context) -> None:
    """Show what cardcore does, on a software card.

    No reader is needed and nothing is left behind. PIN, keys, certificate, signatures of every kind, decryption; each
    result is verified in software.
    """
    started = time.perf_counter()
    steps = _Steps(context)
    with tempfile.TemporaryDirectory(prefix="cardcore-demo-") as folder:
        application = _run(steps, Path(folder))
    seconds = time.perf_counter() - started
    document = {"steps": steps.done, "commands": steps.commands, "seconds": round(seconds, 2)}
    summary = (
        f"{len(steps.done)} steps in {seconds:.1f} s, {steps.commands} APDUs; every result was verified in software."
    )
    context.output.result(
        document, ["", summary, "", "Next:", *(f"  {line.format(application=application)}" for line in _NEXT)]
    )


def _run(steps: _Steps, folder: Path) -> str:
    from cardcore.opening import open_on
    from cardcore.softcard import SoftCardStore, application_names, factory_secrets
    from cardcore.transport.faults import CountingTransport
    from cardcore.transport.soft import SoftTransport

    application = application_names()[0]
    secrets = factory_secrets(application)
    pin, admin = secrets.pin or b"", secrets.admin or b""
    with steps.step(f"create a software card ({application})"):
        SoftCardStore(folder).create("demo", application)
        transport = CountingTransport(SoftTransport.open("demo", folder))
        steps.watch(transport)
    with steps.step("identify it by its profile"):
        card = open_on(transport)
    with card:
        _keys(steps, card, pin, admin)
        _wrong_pin(steps, card, pin)
    return application


def _keys(steps: _Steps, card: Card, pin: bytes, admin: bytes) -> None:
    """Two keys, and everything that is done with them."""
    rsa_slot, ec_slot = _two_slots(card)
    with steps.step("verify the PIN"):
        card.verify(pin)
    with steps.step("authenticate with the admin key"):
        card.authenticate_admin(admin)
    with steps.step(f"generate an RSA-2048 key on the card ({rsa_slot})"):
        rsa = card.generate(rsa_slot, "rsa2048")
    with steps.step(f"generate a P-256 key on the card ({ec_slot})"):
        curve = card.generate(ec_slot, "ecp256")
    with steps.step("self-signed certificate, stored and read back"):
        _certificate(card, rsa_slot, rsa)
    for text, slot, public, wishes in (
        ("sign SHA-256 with its OID (PKCS #1 v1.5)", rsa_slot, rsa, _Wishes()),
        ("sign SHA-256 without OID: the bare hash is padded", rsa_slot, rsa, _Wishes(oid=False)),
        ("sign MD5 + SHA-1, the 36 bytes of TLS 1.0", rsa_slot, rsa, _Wishes(hash_name="md5sha1")),
        ("sign SHA-384 with PSS", rsa_slot, rsa, _Wishes(hash_name="sha384", scheme="pss")),
        ("sign SHA-256 with ECDSA", ec_slot, curve, _Wishes(scheme="ecdsa")),
    ):
        with steps.step(text):
            _sign(card, slot, public, wishes)
    with steps.step("decrypt PKCS #1 v1.5"):
        _decrypt(card, rsa_slot, rsa, "pkcs1")
    with steps.step("decrypt OAEP with SHA-256"):
        _decrypt(card, rsa_slot, rsa, "oaep")


def _two_slots(card: Card) -> tuple[str, str]:
    """The first two places for keys that sign after one PIN entry."""
    from cardcore.profile.model import PinPolicy, Usage

    slots = card.profile.keys.values()
    found = [slot.name for slot in slots if Usage.SIGN in slot.usage and slot.policy is PinPolicy.ONCE]
    return found[0], found[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wishes:
    """What kind of signature is asked for."""

    hash_name: str = "sha256"
    scheme: str = "pkcs1"
    oid: bool = True


def _sign(card: Card, slot: str, public: PublicKey, wishes: _Wishes) -> None:
    from cardcore import keytypes, signing, verifying
    from cardcore.profile.model import Scheme

    signature = card.sign(slot, _MESSAGE, hash=wishes.hash_name, scheme=wishes.scheme, oid=wishes.oid)
    request = signing.request_for(
        keytypes.type_of(public),
        _MESSAGE,
        hash_name=wishes.hash_name,
        scheme=Scheme(wishes.scheme),
        oid=wishes.oid,
    )
    _require(verifying.is_valid(public, request, signature), "a signature does not verify")


def _certificate(card: Card, slot: str, public: PublicKey) -> None:
    from cryptography import x509

    from cardcore import certificates

    signer = certificates.Signer(public=public, sign=lambda data: card.sign(slot, data))
    der = certificates.self_signed(certificates.parse_name("CN=Demo,O=cardcore"), signer, days=30)
    card.write_certificate(slot, x509.load_der_x509_certificate(der))
    found = card.certificate(slot)
    _require(found is not None, "the certificate was not stored")
    if found is not None:
        found.verify_directly_issued_by(found)


def _decrypt(card: Card, slot: str, public: PublicKey, scheme: str) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    if not isinstance(public, rsa.RSAPublicKey):
        raise TypeError("only RSA keys decrypt")
    secret = b"a session key of 32 bytes, maybe"
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    encrypted = public.encrypt(secret, oaep if scheme == "oaep" else padding.PKCS1v15())
    _require(card.decipher(slot, encrypted, scheme=scheme) == secret, "the decrypted text is not what was encrypted")


def _wrong_pin(steps: _Steps, card: Card, pin: bytes) -> None:
    with steps.step("a wrong PIN is refused") as told:
        told.append(f"{_refused(card, bytes(reversed(pin)))} tries left")
    with steps.step("the right PIN brings the tries back") as told:
        card.verify(pin)
        card.logout()
        told.append(f"{card.pin_status().tries_left} tries left")


def _refused(card: Card, wrong: bytes) -> int | None:
    try:
        card.verify(wrong)
    except PinError as error:
        return error.tries_left
    raise DemoFailed("a wrong PIN was taken")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise DemoFailed(problem, hint="Please report it.")
