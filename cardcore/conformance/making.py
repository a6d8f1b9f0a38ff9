"""Steps that change the card: keys generated, imported and deleted, certificates written. What was there is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cardcore import keytypes
from cardcore.card import Card
from cardcore.conformance import keys
from cardcore.conformance.bench import Bench, require
from cardcore.conformance.keys import Subject
from cardcore.errors import NotFound, NotSupported
from cardcore.keytypes import KEY_TYPES, KeyType, Kind
from cardcore.profile.model import KeySlot, Profile, Usage
from cardcore.secret import Secret

if TYPE_CHECKING:
    from cryptography import x509

    from cardcore.keytypes import PrivateKey, PublicKey

SLOW_BITS = 2048
"""RSA keys with more bits than this take some cards minutes to make."""


def check_making(bench: Bench, card: Card, pin: Secret | None, *, slow: bool) -> None:
    """Every type of key in the slots that together have every usage."""
    for slot in chosen_slots(card.profile):
        for kind in _types(card.profile, slot):
            group = f"key {slot.name} ({kind.name})"
            if kind.kind is Kind.RSA and kind.bits > SLOW_BITS and not slow:
                bench.leave_out(group, "generate", "takes a card minutes; tried with --slow")
            else:
                _check_key(bench, card, slot, kind, pin)


def chosen_slots(profile: Profile) -> list[KeySlot]:
    """The fewest slots, in the profile's order, that have every usage which the profile's algorithms offer."""
    every = profile.algorithms.values()
    wanted = {Usage.SIGN} if any(algorithm.sign for algorithm in every) else set()
    wanted |= {Usage.DECIPHER} if any(algorithm.decipher for algorithm in every) else set()
    wanted |= {Usage.AGREE} if any(algorithm.agree for algorithm in every) else set()
    found: list[KeySlot] = []
    for slot in profile.keys.values():
        if wanted & slot.usage:
            found.append(slot)
            wanted -= slot.usage
    return found


def _types(profile: Profile, slot: KeySlot) -> list[KeyType]:
    """The types of key that can be used for what the slot is for."""
    found: dict[str, None] = {}
    for algorithm in profile.algorithms.values():
        usable = (
            (Usage.SIGN in slot.usage and algorithm.sign is not None)
            or (Usage.DECIPHER in slot.usage and algorithm.decipher is not None)
            or (Usage.AGREE in slot.usage and algorithm.agree)
        )
        found |= dict.fromkeys(algorithm.types) if usable else {}
    return [KEY_TYPES[name] for name in found]


def _check_key(bench: Bench, card: Card, slot: KeySlot, kind: KeyType, pin: Secret | None) -> None:
    made: list[PublicKey] = []
    group = f"key {slot.name} ({kind.name})"

    def generate() -> str:
        made.append(card.generate(slot.name, kind.name))
        require(keytypes.type_of(made[0]) == kind, "the new key is of another type")
        return ""

    if not card.profile.operations.get("generate"):
        bench.leave_out(group, "generate", "the profile has no such operation")
    elif bench.step(group, "generate", generate):
        subject = Subject(name=slot.name, public=made[0], usage=slot.usage, pin=pin)
        keys.check_use(bench, card, subject)
        _check_certificate(bench, card, subject)
    _check_import(bench, card, slot, kind, pin)
    if card.profile.operations.get("delete-key"):
        bench.step(group, "delete the key", lambda: _deleted(card, slot))


def _check_certificate(bench: Bench, card: Card, subject: Subject) -> None:
    def write() -> str:
        card.write_certificate(subject.name, certificate)
        found = card.certificate(subject.name)
        require(found == certificate, "what is read is not what was written")
        return f"{len(encoded(certificate))} bytes, read back"

    def delete() -> str:
        card.delete_certificate(subject.name)
        require(card.certificate(subject.name) is None, "it is still there")
        return ""

    certificate = issue(subject.public)
    if bench.step(subject.group, "write a certificate", write):
        bench.step(subject.group, "delete the certificate", delete)


def _check_import(bench: Bench, card: Card, slot: KeySlot, kind: KeyType, pin: Secret | None) -> None:
    group = f"key {slot.name} ({kind.name})"
    if not card.profile.operations.get("import"):
        bench.leave_out(group, "import", "the profile has no such operation")
        return
    private = new_key(kind)

    def write() -> str:
        card.import_key(slot.name, private)
        return ""

    if bench.step(group, "import", write):
        subject = Subject(name=slot.name, public=private.public_key(), usage=slot.usage, pin=pin)
        keys.check_use(bench, card, subject)


def _deleted(card: Card, slot: KeySlot) -> str:
    card.delete_key(slot.name)
    try:
        left = card.keyring.info(slot.name).type
    except NotFound:
        return ""
    if left is None:
        raise NotSupported("the card does not tell whether it is gone")
    return "something is left in its place"


def new_key(kind: KeyType) -> PrivateKey:
    """A key pair made in software."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if kind.kind is Kind.RSA:
        return rsa.generate_private_key(public_exponent=65537, key_size=kind.bits)
    curves = {"ecp256": ec.SECP256R1(), "ecp384": ec.SECP384R1(), "ecp521": ec.SECP521R1()}
    return ec.generate_private_key(curves[kind.name])


def issue(public: PublicKey) -> x509.Certificate:
    """A certificate for a key, by an issuer that exists for this moment only."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cardcore conformance run")])
    start = datetime.now(UTC).replace(microsecond=0)
    builder = x509.CertificateBuilder(name, name, public, x509.random_serial_number(), start, start + timedelta(days=1))
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())


def encoded(certificate: x509.Certificate) -> bytes:
    """A certificate as DER."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)
