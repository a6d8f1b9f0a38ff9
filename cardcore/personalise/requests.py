"""Certificate requests (PKCS #10) for keys on cards, and for keys that are about to be imported into one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cardcore import certificates
from cardcore.certificates import Signer
from cardcore.errors import InputError, ReplyError
from cardcore.keytypes import type_of
from cardcore.personalise.certificate_contents import Contents, extensions
from cardcore.profile.model import Scheme

if TYPE_CHECKING:
    from cardcore import Card
    from cardcore.keytypes import PrivateKey, PublicKey
    from cardcore.pinpad.given import Pin


def card_signer(
    card: Card, key: str, public: PublicKey, *, pin: Pin | None = None, hash_name: str = "sha256", scheme: str = ""
) -> Signer:
    """A key on a card as a signer. `pin` is verified when the key wants it; the last try is never spent."""
    kind, chosen = type_of(public).name, Scheme(scheme) if scheme else None

    def sign(data: bytes) -> bytes:
        return card.sign(key, data, hash=hash_name, scheme=chosen, key_type=kind, pin=pin)

    return Signer(public=public, sign=sign, hash_name=hash_name, scheme=chosen)


def software_signer(private: PrivateKey, hash_name: str = "sha256") -> Signer:
    """A key in memory as a signer: PKCS #1 v1.5 or ECDSA."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding

    public = private.public_key()
    certificates.algorithm_identifier(type_of(public).kind, hash_name)
    algorithm = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[hash_name]

    def sign(data: bytes) -> bytes:
        if isinstance(private, ec.EllipticCurvePrivateKey):
            return private.sign(data, ec.ECDSA(algorithm))
        return private.sign(data, padding.PKCS1v15(), algorithm)

    return Signer(public=public, sign=sign, hash_name=hash_name)


def certificate_request(contents: Contents, signer: Signer) -> bytes:
    """A request as DER that asks for these contents; ReplyError if the signature that came back is not right."""
    from cryptography import x509

    made = certificates.request(contents.name(), signer, extensions(contents, signer.public))
    if not x509.load_der_x509_csr(made).is_signature_valid:
        raise ReplyError(
            "the signature on the certificate request does not fit the public key",
            hint="The key on the card is not the one that its public key was recorded for.",
        )
    return made


def requested_key(request: bytes) -> PublicKey:
    """The public key of a request that proves the possession of its private key; InputError if it does not."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        found = x509.load_der_x509_csr(request)
        public = found.public_key()
        proved = found.is_signature_valid
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError("this is no certificate request (PKCS #10)", hint="Make it anew.") from error
    if not proved or not isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise InputError("the certificate request does not prove that its key exists", hint="Make it anew.")
    return public
