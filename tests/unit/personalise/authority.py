"""Certification authorities in files, orders signed by keys in memory, and what OpenSSL says of the certificates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from cardcore.personalise.certificate_contents import ContentsTemplate, extensions
from cardcore.personalise.issuers import open_issuer
from cardcore.personalise.issuers.base import Issued, Issuer, Order
from cardcore.personalise.issuers.settings import IssuerSettings
from cardcore.personalise.requests import certificate_request, software_signer
from tests.unit.cli.openssl import openssl

if TYPE_CHECKING:
    from cardcore.keytypes import PrivateKey

FIELDS = {"name": "Änne O'Hara", "upn": "anne@example.org", "mail": "a.ohara@example.org"}
TEMPLATE = ContentsTemplate(
    subject="CN={name},O=Example",
    days=30,
    upn="{upn}",
    email="{mail}",
    eku=("client-auth", "smartcard-logon"),
)
PASSPHRASE = b"for tests only"
CA_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@cache
def key(name: str) -> ec.EllipticCurvePrivateKey:
    """A key by name, the same for a whole test run."""
    return ec.generate_private_key(ec.SECP256R1())


def order(
    reference: str = "run/anne/9a", private: PrivateKey | None = None, template: ContentsTemplate = TEMPLATE
) -> Order:
    """An order for the key, as a card would sign it."""
    contents = template.render(FIELDS)
    request = certificate_request(contents, software_signer(private or key(reference)))
    return Order(reference=reference, request=request, contents=contents, fields=FIELDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A CA in memory: what other people's issuers are made of in these tests."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        """The CA's certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    def key_pem(self, passphrase: bytes = b"") -> bytes:
        """The CA's private key."""
        encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)

    def pkcs12(self, passphrase: bytes, *above: x509.Certificate) -> bytes:
        """The CA's key and certificate in one file."""
        return pkcs12.serialize_key_and_certificates(
            b"ca", self.key, self.certificate, above, BestAvailableEncryption(passphrase)
        )

    def sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        """A certificate of this CA, its serial number random."""
        aki = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(aki, critical=False)
        named = builder.issuer_name(self.certificate.subject).serial_number(x509.random_serial_number())
        return named.sign(self.key, SHA256())

    def issue(self, order: Order) -> x509.Certificate:
        """The certificate that is ordered."""
        return self.sign(self.builder(order))

    def builder(self, order: Order, *leaving_out: str) -> x509.CertificateBuilder:
        """The certificate that is ordered, to be changed; without the extensions of these object identifiers."""
        request = x509.load_der_x509_csr(order.request)
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(request.subject).public_key(request.public_key())
        made = made.not_valid_before(now).not_valid_after(now + timedelta(days=order.contents.days))
        for entry in extensions(order.contents, software_signer(key(order.reference)).public):
            if entry.oid.dotted_string not in leaving_out:
                made = made.add_extension(entry.value, entry.critical)
        return made


def authority(name: str = "Test CA", above: Authority | None = None, days: float = 365) -> Authority:
    """A new CA, self-signed or below another."""
    private = key(name)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if above is None else above.certificate.subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(CA_USAGE, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
    )
    if above:
        named = x509.AuthorityKeyIdentifier.from_issuer_public_key(above.key.public_key())
        builder = builder.add_extension(named, critical=False)
    return Authority(key=private, certificate=builder.sign(above.key if above else private, SHA256()))


def named(name: str) -> x509.CertificateBuilder:
    """The beginning of a certificate for a TLS server or client of that name."""
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(subject_name=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    return made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)


def files(folder: Path, made: Authority) -> tuple[Path, Path]:
    """The CA's certificate and key as files."""
    certificate, private = folder / "ca.pem", folder / "ca.key"
    certificate.write_bytes(made.pem)
    private.write_bytes(made.key_pem())
    return certificate, private


@contextmanager
def using(settings: IssuerSettings) -> Iterator[Issuer]:
    """The issuer of these settings, closed at the end."""
    issuer = open_issuer(settings)
    try:
        yield issuer
    finally:
        issuer.close()


def issued(answer: object) -> Issued:
    """The answer, which has to be a certificate."""
    assert isinstance(answer, Issued)
    return answer


def openssl_verifies(folder: Path, answer: object, trust: Path) -> str:
    """Verify a certificate with OpenSSL, strictly and down from the root; its text."""
    found = issued(answer)
    leaf, above = folder / "leaf.pem", folder / "above.pem"
    leaf.write_bytes(x509.load_der_x509_certificate(found.certificate).public_bytes(Encoding.PEM))
    above.write_bytes(b"".join(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in found.chain))
    more = ("-untrusted", above) if found.chain else ()
    openssl("verify", "-purpose", "sslclient", "-x509_strict", "-CAfile", trust, *more, leaf)
    return openssl("x509", "-in", leaf, "-noout", "-text").decode()
