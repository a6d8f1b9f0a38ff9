"""Certificates in their order: who stands above whom, and whether that leads to somebody who is trusted."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification

_LONGEST = 8

UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What `cryptography` raises about a certificate, or a part of one, that it cannot read."""


def above(certificate: x509.Certificate, candidates: Iterable[x509.Certificate]) -> tuple[bytes, ...]:
    """Those of the candidates that stand above a certificate, nearest first, as DER; other candidates are left out."""
    waiting = [candidate for candidate in candidates if candidate != certificate]
    found: list[x509.Certificate] = []
    current = certificate
    while len(found) < _LONGEST:
        issuer = next((candidate for candidate in waiting if _issued_by(current, candidate)), None)
        if issuer is None or issuer in found:
            break
        found.append(issuer)
        current = issuer
    return tuple(entry.public_bytes(Encoding.DER) for entry in found)


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, *UNREADABLE):
        return False
    return True


def require_anchor(
    certificate: x509.Certificate, chain: list[x509.Certificate], anchors: tuple[x509.Certificate, ...]
) -> None:
    """VerificationError of `cryptography` unless the certificate leads to one of the anchors now (RFC 5280, 6)."""
    authority = (
        verification.ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, verification.Criticality.AGNOSTIC, _require_ca)
        .may_be_present(x509.KeyUsage, verification.Criticality.AGNOSTIC, _require_signing)
    )
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store(list(anchors)))
        .extension_policies(ca_policy=authority, ee_policy=verification.ExtensionPolicy.permit_all())
        .build_client_verifier()
    )
    verifier.verify(certificate, chain)


def _require_ca(policy: object, certificate: x509.Certificate, value: x509.BasicConstraints) -> None:
    if not value.ca:
        raise ValueError("a certificate above it is no CA's")


def _require_signing(policy: object, certificate: x509.Certificate, value: x509.KeyUsage | None) -> None:
    if value is not None and not value.key_cert_sign:
        raise ValueError("a certificate above it may not sign others")
