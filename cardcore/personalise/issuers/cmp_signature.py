"""Messages of CMP that are protected by signatures (RFC 9810, 5.1.3.3): ours with a key, the server's against a CA."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification

from cardcore import signing, verifying
from cardcore.certificates import HASHES, algorithm_identifier
from cardcore.errors import CardError
from cardcore.keytypes import Kind, certified_key, type_of
from cardcore.personalise.issuers.chains import UNREADABLE, require_anchor
from cardcore.personalise.issuers.cmp_messages import Message, directory_name
from cardcore.personalise.issuers.cmp_protection import Refused
from cardcore.personalise.requests import software_signer
from cardcore.profile.model import Scheme

if TYPE_CHECKING:
    from cardcore.keyfiles import Identity

_SCHEMES = ((Kind.RSA, Scheme.PKCS1), (Kind.RSA, Scheme.PSS), (Kind.EC, Scheme.ECDSA))
_NULL = bytes.fromhex("0500")


def _without_null(algorithm: bytes) -> bytes:
    """An AlgorithmIdentifier without its NULL, which may be left out (RFC 4055, 5)."""
    return algorithm[:1] + bytes([algorithm[1] - len(_NULL)]) + algorithm[2:].removesuffix(_NULL)


_ALGORITHMS = MappingProxyType(
    {algorithm_identifier(kind, name, scheme): (scheme, name) for kind, scheme in _SCHEMES for name in HASHES}
    | {_without_null(algorithm_identifier(Kind.RSA, name)): (Scheme.PKCS1, name) for name in HASHES}
)
_HASH_BY_BITS = MappingProxyType({384: "sha384", 521: "sha512"})

# Extended key usages of those who may answer for a CA: id-kp-cmcCA and id-kp-cmcRA (RFC 6402, 2.10; RFC 9483, 1.4).
_AUTHORITIES = frozenset({"1.3.6.1.5.5.7.3.27", "1.3.6.1.5.5.7.3.28"})


class SigningKey:
    """Protects with a key and its certificates; verifies answers against `anchors`.

    Who may answer: whoever's certificate is one of the anchors, and whoever's leads to one of them and is a CA's, is
    for this by its extended key usage, or bears the name `answering` (DER). Others of the same CA may not, or each
    holder of a card could.
    """

    def __init__(self, own: Identity, anchors: tuple[x509.Certificate, ...], answering: bytes = b"") -> None:
        self._anchors = anchors
        self._answering = answering
        bits = own.key.key_size if isinstance(own.key, ec.EllipticCurvePrivateKey) else 0
        self._signer = software_signer(own.key, _HASH_BY_BITS.get(bits, "sha256"))
        self.sender = directory_name(own.certificates[0].subject.public_bytes())
        self.key_id = _key_id(own.certificates[0])
        self.certificates = tuple(one.public_bytes(Encoding.DER) for one in own.certificates)

    def algorithm(self) -> bytes:
        """The algorithm of the key."""
        return self._signer.algorithm

    def protect(self, algorithm: bytes, data: bytes) -> bytes:
        """The signature."""
        return self._signer.sign(data)

    def verify(self, message: Message) -> None:
        """Refused unless it is signed by the one who says that he sent it, and he may answer."""
        known = _ALGORITHMS.get(message.header.algorithm)
        if known is None:
            raise Refused("it is signed by no algorithm that is known")
        extra = list(_loaded(message.certificates))
        doubt = "the certificate of its sender is not known"
        for certificate in (*self._anchors, *extra):
            if not _is_of_sender(certificate, message):
                continue
            if not _signed(certificate, message, *known):
                doubt = "its signature is not right"
                continue
            self._require_authority(certificate, extra)
            return
        raise Refused(doubt)

    def _require_authority(self, certificate: x509.Certificate, chain: list[x509.Certificate]) -> None:
        if certificate in self._anchors:
            return
        name = certificate.subject.rfc4514_string()
        try:
            require_anchor(certificate, chain, self._anchors)
        except verification.VerificationError as error:
            raise Refused(f"the certificate of {name}, who signed it, does not lead to a trusted CA") from error
        if not (
            _may_answer(certificate) or (self._answering and certificate.subject.public_bytes() == self._answering)
        ):
            raise Refused(
                f"{name}, who signed it, is not known to answer for the CA; if he may, the plan has to say `sender`"
            )


def _key_id(certificate: x509.Certificate) -> bytes:
    """The subject key identifier, if there is one."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return b""


def _loaded(certificates: tuple[bytes, ...]) -> Iterator[x509.Certificate]:
    """The certificates that can be read, with their names and extensions; what else was sent along does no harm."""
    for der in certificates:
        try:
            found = x509.load_der_x509_certificate(der)
            readable = bool(found.subject.rdns) and len(found.extensions) >= 0
        except UNREADABLE:
            continue
        if readable:
            yield found


def _is_of_sender(certificate: x509.Certificate, message: Message) -> bool:
    """Whether it bears the name, and the key identifier if there is one (RFC 9483, 3.1)."""
    if directory_name(certificate.subject.public_bytes()) != message.header.sender:
        return False
    own = _key_id(certificate)
    return not (own and message.header.key_id) or own == message.header.key_id


def _signed(certificate: x509.Certificate, message: Message, scheme: Scheme, hash_name: str) -> bool:
    """Whether the certificate's key may sign messages, and made this signature."""
    try:
        public = certified_key(certificate)
        usages = [entry.value for entry in certificate.extensions if isinstance(entry.value, x509.KeyUsage)]
        request = signing.request_for(type_of(public), message.protected, hash_name=hash_name, scheme=scheme)
        valid = verifying.is_valid(public, request, message.protection or b"")
    except (CardError, *UNREADABLE):
        return False
    return valid and all(usage.digital_signature for usage in usages)


def _may_answer(certificate: x509.Certificate) -> bool:
    values = [entry.value for entry in certificate.extensions]
    if any(isinstance(value, x509.BasicConstraints) and value.ca for value in values):
        return True
    usages = [usage for value in values if isinstance(value, x509.ExtendedKeyUsage) for usage in value]
    return any(usage.dotted_string in _AUTHORITIES for usage in usages)
