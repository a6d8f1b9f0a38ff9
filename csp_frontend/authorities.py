"""Which certificates are those of certification authorities."""

from __future__ import annotations


def is_authority(der: bytes) -> bool:
    """Whether a certificate is that of a certification authority (RFC 5280, 4.2.1.9)."""
    from cryptography import x509

    try:
        constraints = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.BasicConstraints)
    except (ValueError, x509.ExtensionNotFound):
        return False
    return constraints.value.ca


def is_root(der: bytes) -> bool:
    """Whether it is that of an authority which issued it to itself; who signed it is not verified."""
    from cryptography import x509

    if not is_authority(der):
        return False
    certificate = x509.load_der_x509_certificate(der)
    return certificate.subject == certificate.issuer
