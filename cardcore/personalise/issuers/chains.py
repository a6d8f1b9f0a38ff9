"""Certificates in their order: who stands above whom."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

_LONGEST = 8


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
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
