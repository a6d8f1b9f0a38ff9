"""Keys and certificates in files, in the forms that people have them: PEM, DER, PKCS #12."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardcore.errors import InputError

if TYPE_CHECKING:
    from cryptography import x509

    from cardcore.keytypes import PrivateKey, PublicKey


_WRONG_PUBLIC = "Is the public key (--public on the command line) the right one?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A private key and the certificates that came with it: its own first, then those above it."""

    key: PrivateKey
    certificates: tuple[x509.Certificate, ...]


def pem(public: PublicKey) -> str:
    """A public key as PEM (SubjectPublicKeyInfo)."""
    from cryptography.hazmat.primitives import serialization

    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(serialization.Encoding.PEM, spki).decode("ascii")


def der(public: PublicKey) -> bytes:
    """A public key as DER (SubjectPublicKeyInfo)."""
    from cryptography.hazmat.primitives import serialization

    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(serialization.Encoding.DER, spki)


def private_key(data: bytes, password: bytes | None) -> PrivateKey:
    """The private key in a file's bytes; InputError that never shows them."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        key = _any_private_key(data, password)
    except TypeError as error:
        given = password is not None
        hint = "Give none." if given else "Say where its password comes from (--password SRC on the command line)."
        what = "is not encrypted, but a password was given" if given else "is encrypted"
        raise InputError(f"the key file {what}", hint=hint) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(
            "the file is no private key in PEM, DER or PKCS #12 form, or the password is wrong",
            hint="If the file has a password, say where it comes from (--password SRC on the command line).",
        ) from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise InputError("the file holds a key that is neither RSA nor elliptic-curve", hint="Convert or replace it.")
    return key


def _any_private_key(data: bytes, password: bytes | None) -> object:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import pkcs12

    if b"-----BEGIN" in data:
        return serialization.load_pem_private_key(data, password)
    try:
        return serialization.load_der_private_key(data, password)
    except ValueError:
        key = pkcs12.load_key_and_certificates(data, password)[0]
    if key is None:
        raise InputError("the PKCS #12 file holds no private key", hint="Export it again with its key.")
    return key


def certificate(data: bytes, password: bytes | None = None) -> x509.Certificate:
    """The certificate in a file's bytes: PEM (the first one), DER, or that of the key in a PKCS #12 file."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificate(data)
        try:
            return x509.load_der_x509_certificate(data)
        except ValueError:
            found = pkcs12.load_key_and_certificates(data, password)[1]
    except ValueError as error:
        raise InputError(
            "the file is no certificate in PEM, DER or PKCS #12 form, or the password is wrong",
            hint="If the file has a password, say where it comes from (--password SRC on the command line).",
        ) from error
    if found is None:
        raise InputError("the PKCS #12 file holds no certificate", hint="Export it again with its certificate.")
    return found


def identity(data: bytes, password: bytes | None) -> Identity:
    """The private key and the certificates in a file's bytes: PKCS #12, or PEM with both or with the key only."""
    from cryptography.hazmat.primitives.serialization import pkcs12

    key = private_key(data, password)
    if b"-----BEGIN" in data:
        return Identity(key=key, certificates=bundle(data) if b"-----BEGIN CERTIFICATE" in data else ())
    try:
        _, own, more = pkcs12.load_key_and_certificates(data, password)
    except ValueError:
        return Identity(key=key, certificates=())  # a key in DER
    return Identity(key=key, certificates=(*((own,) if own else ()), *more))


def bundle(data: bytes) -> tuple[x509.Certificate, ...]:
    """All certificates in a file's bytes: PEM, one or several, or one in DER. InputError if there is none."""
    from cryptography import x509

    if b"-----BEGIN" not in data:
        return (certificate(data),)
    try:
        return tuple(x509.load_pem_x509_certificates(data))
    except ValueError as error:
        raise InputError("the file holds no certificates in PEM form", hint="Check which file it is.") from error


def public_key(data: bytes) -> PublicKey:
    """The public key in a file's bytes: a certificate, or a public key in PEM or DER."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        is_pem = b"-----BEGIN PUBLIC KEY" in data
        load = serialization.load_pem_public_key if is_pem else serialization.load_der_public_key
        found = load(data)
    except ValueError:
        found = certificate(data).public_key()
    if not isinstance(found, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise InputError("the file's key is neither RSA nor elliptic-curve", hint="Such keys are not on cards.")
    return found


def encoded(certificate: x509.Certificate, *, as_der: bool) -> bytes:
    """A certificate as PEM or DER."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER if as_der else Encoding.PEM)


def own_certificate(data: bytes) -> x509.Certificate:
    """A self-signed certificate in DER; InputError if the card's signature on it is wrong."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    made = x509.load_der_x509_certificate(data)
    try:
        made.verify_directly_issued_by(made)
    except (InvalidSignature, ValueError) as error:
        raise InputError(
            "the signature on the certificate does not fit the public key",
            hint=_WRONG_PUBLIC,
        ) from error
    return made


def encoded_request(data: bytes, *, as_der: bool) -> bytes:
    """A certificate request, given in DER, as PEM or DER; InputError if the card's signature on it is wrong."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    request = x509.load_der_x509_csr(data)
    if not request.is_signature_valid:
        raise InputError(
            "the signature on the request does not fit the public key",
            hint=_WRONG_PUBLIC,
        )
    return request.public_bytes(Encoding.DER if as_der else Encoding.PEM)
