"""What a server of CMP answers (RFC 9810, 5.3): a certificate, later, or no; and what a no means for an order."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from pyasn1.type import namedtype, univ
from pyasn1_alt_modules import rfc9810

from cardcore.personalise.issuers import http
from cardcore.personalise.issuers.base import IssuerError, IssuerRefused, IssuerUncertain, IssuerUnreachable
from cardcore.personalise.issuers.cmp_messages import (
    Body,
    Certificates,
    Malformed,
    Message,
    certificates,
    content,
    decoded,
    explicit,
)

_SHOWN = 300
_MOST_TEXTS = 8
_ACCEPTED, _GRANTED_WITH_CHANGES, _REJECTION, _WAITING = 0, 1, 2, 3
_REQUEST_IDS = (-1, 0)  # -1 is right for PKCS #10 requests; some servers say 0 nevertheless.

CERT_CONFIRMED = "certConfirmed"
TRANSACTION_IN_USE = "transactionIdInUse"

# PKIFailureInfo (5.2.3), by the numbers of its bits.
FAILURES = (
    *("badAlg", "badMessageCheck", "badRequest", "badTime", "badCertId", "badDataFormat", "wrongAuthority"),
    *("incorrectData", "missingTimeStamp", "badPOP", "certRevoked", CERT_CONFIRMED, "wrongIntegrity"),
    *("badRecipientNonce", "timeNotAvailable", "unacceptedPolicy", "unacceptedExtension", "addInfoNotAvailable"),
    *("badSenderNonce", "badCertTemplate", "signerNotTrusted", TRANSACTION_IN_USE, "unsupportedVersion"),
    *("notAuthorized", "systemUnavail", "systemFailure", "duplicateCertReq"),
)
# The server did not take the order from us, or cannot work: nothing was issued, and it may be ordered again.
_TURNED_AWAY = frozenset(
    {
        *("badMessageCheck", "badTime", "wrongAuthority", "wrongIntegrity", "signerNotTrusted", "unsupportedVersion"),
        *("notAuthorized", "systemUnavail"),
    }
)
UNACQUAINTED = _TURNED_AWAY - {"notAuthorized"}
"""What a server says that does not know us, or not where and how we ask; `notAuthorized` may mean the question only."""

# There may be a certificate for this request already, or it is not known what happened.
_UNCLEAR = frozenset({"systemFailure", "duplicateCertReq", TRANSACTION_IN_USE, CERT_CONFIRMED, "certRevoked"})
_ADVICE = MappingProxyType(
    {
        "badMessageCheck": "Check the shared secret and `secret_reference`, or the key, of the issuer.",
        "signerNotTrusted": "The server does not know the certificate that the issuer signs with.",
        "notAuthorized": "The server does not let this client order certificates.",
        "wrongAuthority": "Check `recipient` and the path of `url`: the server works for another CA.",
        "wrongIntegrity": "The server wants messages protected otherwise: by a secret, or by a key.",
        "badTime": "Check the clocks.",
        "unsupportedVersion": "The server does not speak CMP version 2.",
        "badPOP": "The server does not accept the request's own signature.",
    }
)


class _KeyPair(univ.Sequence):
    """CertifiedKeyPair (5.3.4), the certificate left as bytes."""

    componentType = namedtype.NamedTypes(
        namedtype.NamedType("certOrEncCert", univ.Any()),
        namedtype.OptionalNamedType("privateKey", explicit(0, rfc9810.EncryptedKey())),
        namedtype.OptionalNamedType("publicationInfo", explicit(1, rfc9810.PKIPublicationInfo())),
    )


class _Response(univ.Sequence):
    """CertResponse (5.3.4)."""

    componentType = namedtype.NamedTypes(
        namedtype.NamedType("certReqId", univ.Integer()),
        namedtype.NamedType("status", rfc9810.PKIStatusInfo()),
        namedtype.OptionalNamedType("certifiedKeyPair", _KeyPair()),
        namedtype.OptionalNamedType("rspInfo", univ.OctetString()),
    )


class _Responses(univ.SequenceOf):
    componentType = _Response()


class _CertRep(univ.Sequence):
    """CertRepMessage (5.3.4)."""

    componentType = namedtype.NamedTypes(
        namedtype.OptionalNamedType("caPubs", explicit(1, Certificates())),
        namedtype.NamedType("response", _Responses()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """PKIStatusInfo (5.2.3): a number, the bits of failInfo by name, and what was said, in one printable line."""

    number: int
    failures: frozenset[str]
    said: str

    def __str__(self) -> str:
        named = ", ".join(name for name in FAILURES if name in self.failures)
        return ": ".join(filter(None, (named, self.said))) or "for no reason that is told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A certificate and others that came with it, as DER. `changed` says what the CA says that it changed."""

    request_id: int
    certificate: bytes
    others: tuple[bytes, ...]
    changed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Not yet: to be asked after so many seconds."""

    request_id: int
    after: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """No."""

    status: Status

    def __str__(self) -> str:
        return str(self.status)


def read(message: Message) -> Granted | Waiting | Rejected:
    """What a message says about the order; Malformed if it is none of these three."""
    match message.kind:
        case Body.CP:
            return _response(message)
        case Body.POLLREP:
            return _later(message)
        case Body.ERROR:
            status = error_status(message)
            return Waiting(request_id=-1) if status.number == _WAITING else Rejected(status=status)
        case _:
            raise Malformed(f"it is a {message.kind.name}, which does not belong here")


def _response(message: Message) -> Granted | Waiting | Rejected:
    found = decoded(message.content, _CertRep())
    responses = found["response"]
    if len(responses) != 1:
        raise Malformed(f"it answers {len(responses)} requests")
    (response,) = responses
    identifier, status = _request_id(response["certReqId"]), _status(response["status"])
    if status.number == _WAITING:
        return Waiting(request_id=identifier)
    if status.number not in (_ACCEPTED, _GRANTED_WITH_CHANGES):
        return Rejected(status=status)
    if not response["certifiedKeyPair"].isValue:
        raise Malformed("it grants a certificate and holds none")
    return Granted(
        request_id=identifier,
        certificate=_certificate(bytes(response["certifiedKeyPair"]["certOrEncCert"])),
        others=message.certificates + certificates(found["caPubs"]),
        changed=str(status) if status.number == _GRANTED_WITH_CHANGES else "",
    )


def _certificate(choice: bytes) -> bytes:
    """The certificate in CertOrEncCert; one that is encrypted was not asked for, nobody here could open it."""
    if choice[:1] != b"\xa0":
        raise Malformed("its certificate is encrypted")
    return content(0, choice)


def _later(message: Message) -> Waiting:
    found = decoded(message.content, rfc9810.PollRepContent())
    if len(found) != 1:
        raise Malformed(f"it speaks of {len(found)} requests")
    after = min(max(int(found[0]["checkAfter"]), 0), int(http.LONGEST_WAIT))
    return Waiting(request_id=_request_id(found[0]["certReqId"]), after=float(after))


def _request_id(value: univ.Integer) -> int:
    if int(value) not in _REQUEST_IDS:
        raise Malformed("it answers another request")
    return int(value)


def error_status(message: Message) -> Status:
    """What an error message says (5.3.21)."""
    found = decoded(message.content, rfc9810.ErrorMsgContent())
    status = _status(found["pKIStatusInfo"])
    details = _text(found["errorDetails"])
    said = " ".join(filter(None, (status.said, details)))[:_SHOWN]
    return Status(number=status.number, failures=status.failures, said=said)


def _status(info: rfc9810.PKIStatusInfo) -> Status:
    failures: frozenset[str] = frozenset()
    if info["failInfo"].isValue:
        bits = info["failInfo"][: len(FAILURES)]
        failures = frozenset(name for name, bit in zip(FAILURES, bits, strict=False) if bit)
    number = int(info["status"])
    return Status(number=number if 0 <= number <= 0xFF else 0xFF, failures=failures, said=_text(info["statusString"]))


def _text(value: univ.SequenceOf) -> str:
    """The beginning of a PKIFreeText in one line of printable characters."""
    if not value.isValue:
        return ""
    joined = " ".join(str(part)[:_SHOWN] for part in value[:_MOST_TEXTS])
    return "".join(character for character in " ".join(joined.split()) if character.isprintable())[:_SHOWN]


def advice(status: Status) -> str:
    """What to do about a no; empty where that is not known."""
    return next((_ADVICE[name] for name in FAILURES if name in status.failures and name in _ADVICE), "")


def refusal(status: Status, token: str, *, begun: bool) -> IssuerError:
    """The error that a protected no to an order is; `begun` if the CA took the order before."""
    if status.number not in (_REJECTION, _WAITING) or status.failures & _UNCLEAR:
        return IssuerUncertain(f"the CMP server does not say clearly what became of the order: {status}", token=token)
    if not status.failures & _TURNED_AWAY:
        return IssuerRefused(f"the CMP server refused: {status}", hint=advice(status))
    if begun:
        return IssuerUncertain(f"the CMP server does not tell what became of the order: {status}", token=token)
    told = f"the CMP server does not take the order: {status}"
    return IssuerUnreachable(told, hint=f"{advice(status)} Nothing was issued.".strip())
