"""What is sent to a server of CMP beside the request for a certificate: confirmations and questions, as DER."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA512, Hash
from cryptography.hazmat.primitives.serialization import Encoding
from pyasn1_alt_modules import rfc9810

from cardcore.personalise.issuers.cmp_messages import Certificates, Malformed, Message, certificates, decoded, encoded

if TYPE_CHECKING:
    from cryptography import x509

_SHA512 = "2.16.840.1.101.3.4.2.3"
_REJECTION = 2
_BAD_TEMPLATE = 19
"""The number of badCertTemplate in PKIFailureInfo: the certificate is not what was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """CertConfirmContent (RFC 9810, 5.3.18) as DER, and whether it names a hash function."""

    content: bytes
    hashes: bool


def confirmation(certificate: x509.Certificate, request_id: int, *, refused: bool = False) -> Confirmation:
    """Accept or refuse a certificate: by the hash of its signature's algorithm, or SHA-512 where that has none."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    digest = Hash(algorithm or SHA512())
    digest.update(certificate.public_bytes(Encoding.DER))
    made = rfc9810.CertConfirmContent()
    made[0]["certHash"] = digest.finalize()
    made[0]["certReqId"] = request_id
    if refused:
        made[0]["statusInfo"]["status"] = _REJECTION
        made[0]["statusInfo"]["failInfo"] = (0,) * _BAD_TEMPLATE + (1,)
    if algorithm is None:
        made[0]["hashAlg"]["algorithm"] = _SHA512
    return Confirmation(content=encoded(made), hashes=algorithm is None)


def poll(request_id: int) -> bytes:
    """PollReqContent (5.3.22)."""
    made = rfc9810.PollReqContent()
    made[0]["certReqId"] = request_id
    return encoded(made)


def question() -> bytes:
    """A general message that asks for the CA's certificates (5.3.19.14)."""
    made = rfc9810.GenMsgContent()
    made[0]["infoType"] = rfc9810.id_it_caCerts
    return encoded(made)


def authorities(answer: Message) -> tuple[bytes, ...]:
    """The CA's certificates in the answer to the question; none where the server does not tell, or not clearly."""
    try:
        told = decoded(answer.content, rfc9810.GenMsgContent())
        values = [one["infoValue"] for one in told if one["infoType"] == rfc9810.id_it_caCerts]
        return tuple(der for one in values if one.isValue for der in certificates(decoded(bytes(one), Certificates())))
    except Malformed:
        return ()
