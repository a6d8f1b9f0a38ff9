"""The certificate of personalisation: what was done to one card, with which result, as its journal says."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from cardcore.errors import InputError
from cardcore.personalise.journal import Journal
from cardcore.personalise.records import CardRecord, CertificateRecord, StepRecord
from cardcore.personalise.states import SecretState


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLine:
    """One key pair: its public key (PEM) and that key's SHA-256 (of the SubjectPublicKeyInfo), and its certificate."""

    key: str
    public_key: str
    fingerprint: str
    certificate: CertificateRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class CardCertificate:
    """Everything that is known of one card. `secrets` are names and states: the secrets themselves are never in it."""

    plan: str
    run: str
    card: CardRecord
    steps: tuple[StepRecord, ...]
    keys: tuple[KeyLine, ...]
    secrets: tuple[tuple[str, SecretState, str], ...]

    @property
    def seconds(self) -> float:
        """The time of all steps."""
        return sum(step.seconds or 0.0 for step in self.steps)

    @property
    def apdus(self) -> int:
        """The command APDUs of all steps."""
        return sum(step.apdus or 0 for step in self.steps)


def read_card(journal: Journal, card: int) -> CardCertificate:
    """The certificate of one card by its number in the journal; InputError if there is none."""
    record = journal.card(card)
    run = next(run for run in journal.runs() if run.id == record.run)
    certificates = journal.certificates(card)
    return CardCertificate(
        plan=run.plan,
        run=run.name,
        card=record,
        steps=tuple(journal.steps(card).values()),
        keys=tuple(_key(name, certificate) for name, certificate in certificates.items()),
        secrets=tuple((secret.name, secret.state, secret.source) for secret in journal.secrets(card)),
    )


def _key(name: str, record: CertificateRecord) -> KeyLine:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if record.request is None:
        return KeyLine(key=name, public_key="", fingerprint="", certificate=record)
    try:
        public_key = x509.load_der_x509_csr(record.request).public_key()
    except ValueError as error:
        raise InputError(
            f"the journal's certificate request of {name} is damaged", hint="Restore the journal from a copy."
        ) from error
    info = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
    return KeyLine(key=name, public_key=pem, fingerprint=sha256(info).hexdigest(), certificate=record)
