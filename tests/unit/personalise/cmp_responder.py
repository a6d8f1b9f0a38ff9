"""A CA that speaks CMP in memory, and can be made to speak it wrongly.

It reads and writes by the declarations of RFC 9810 as a whole, and computes its MACs itself: no fault of the issuer's
has a twin here.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyasn1.codec.der import decoder, encoder
from pyasn1.type import tag, univ
from pyasn1_alt_modules import rfc5280, rfc8018, rfc9810

from cardcore import Secret
from cardcore.personalise.issuers import cmp_mac, http
from cardcore.personalise.issuers.base import Issuer
from cardcore.personalise.issuers.settings import CmpCa
from cardcore.tlv import encode
from tests.unit.personalise.authority import Authority, order, using

SECRET = b"correct horse battery"
REFERENCE = "station 1"
MEDIA_TYPE = {"Content-Type": "application/pkixcmp"}

Make = Callable[[rfc9810.PKIMessage], rfc9810.PKIBody]


def settings(**changes: object) -> CmpCa:
    """Settings for a responder: it is reached as http://cmp.invalid/."""
    usual: dict[str, object] = {
        "url": "http://cmp.invalid/",
        "plain_http": True,
        "secret_reference": REFERENCE,
        "secret": lambda: Secret(SECRET),
        "wait": 0.0,
    }
    return CmpCa(**(usual | changes))  # type: ignore[arg-type]  # whatever a test changes is of the field's type


def derived(algorithm: rfc5280.AlgorithmIdentifier, secret: bytes) -> bytes:
    """The key of a MAC, by RFC 9810, 5.1.3.1 or RFC 8018, 7.1; its MAC is HMAC-SHA256."""
    parameters = bytes(algorithm["parameters"])
    if algorithm["algorithm"] == rfc9810.id_PasswordBasedMac:
        found, _ = decoder.decode(parameters, asn1Spec=rfc9810.PBMParameter())
        key = secret + bytes(found["salt"])
        for _ in range(int(found["iterationCount"])):
            key = hashlib.sha256(key).digest()
        return key
    assert algorithm["algorithm"] == rfc8018.id_PBMAC1
    found, _ = decoder.decode(parameters, asn1Spec=rfc8018.PBMAC1_params())
    derivation = bytes(found["keyDerivationFunc"]["parameters"])
    values, _ = decoder.decode(derivation, asn1Spec=rfc8018.PBKDF2_params())
    salt, rounds = bytes(values["salt"]["specified"]), int(values["iterationCount"])
    return hashlib.pbkdf2_hmac("sha256", secret, salt, rounds, int(values["keyLength"]))


def mac(message: rfc9810.PKIMessage, secret: bytes) -> bytes:
    """The MAC of a message, as its header says."""
    part = rfc9810.ProtectedPart()
    part["header"], part["body"] = message["header"], message["body"]
    return hmac.digest(derived(message["header"]["protectionAlg"], secret), encoder.encode(part), "sha256")


def protect(message: rfc9810.PKIMessage, secret: bytes = SECRET) -> None:
    """Put the right MAC into a message."""
    bits = "".join(f"{octet:08b}" for octet in mac(message, secret))
    message["protection"] = message["protection"].clone(binValue=bits)


def confirmed(message: rfc9810.PKIMessage) -> rfc9810.PKIBody:
    """A pkiconf."""
    made = rfc9810.PKIBody()
    made["pkiconf"] = ""
    return made


def knowing(message: rfc9810.PKIMessage) -> rfc9810.PKIBody:
    """A genp that tells nothing."""
    made = rfc9810.PKIBody()
    made["genp"].clear()
    return made


def granting(certificate: bytes, *, request_id: int = -1, status: int = 0, text: str = "") -> rfc9810.PKIBody:
    """A cp with a certificate."""
    made = rfc9810.PKIBody()
    response = made["cp"]["response"][0]
    response["certReqId"], response["status"]["status"] = request_id, status
    if text:
        response["status"]["statusString"][0] = text
    outer = tag.Tag(tag.tagClassContext, tag.tagFormatConstructed, 0)
    tagged = encoder.encode(univ.Any(certificate, tagSet=univ.Any.tagSet + outer))
    choice, _ = decoder.decode(tagged, asn1Spec=rfc9810.CertOrEncCert())
    response["certifiedKeyPair"]["certOrEncCert"] = choice
    return made


def answering(status: int, *failures: int, text: str = "", kind: str = "cp") -> rfc9810.PKIBody:
    """A cp without a certificate, or an error, with a status and bits of failInfo."""
    made = rfc9810.PKIBody()
    if kind == "cp":
        made["cp"]["response"][0]["certReqId"] = -1
        info = made["cp"]["response"][0]["status"]
    else:
        info = made["error"]["pKIStatusInfo"]
    info["status"] = status
    if failures:
        info["failInfo"] = tuple(int(bit in failures) for bit in range(max(failures) + 1))
    if text:
        info["statusString"][0] = text
    return made


def later(seconds: int, request_id: int = -1) -> rfc9810.PKIBody:
    """A pollRep."""
    made = rfc9810.PKIBody()
    made["pollRep"][0]["certReqId"], made["pollRep"][0]["checkAfter"] = request_id, seconds
    return made


def unprotected(message: rfc9810.PKIMessage) -> None:
    """Take the protection from a message before it is put on."""
    header = message["header"].clone()
    for name in ("pvno", "sender", "recipient", "transactionID", "senderNonce", "recipNonce"):
        header[name] = message["header"][name]
    message["header"] = header


@dataclass(kw_only=True)
class Responder:
    """The CA. Each field makes it behave otherwise.

    `bodies` says by the kind of a message what it is answered with; `change` changes an answer before it gets its MAC,
    `spoil` what is sent in the end. `raw` gives a body by its bytes, which need not be one. `told` is what was asked.
    """

    ca: Authority
    bodies: dict[str, Make] = field(default_factory=dict)
    change: Callable[[rfc9810.PKIMessage], None] = lambda message: None
    spoil: Callable[[bytes], bytes] = lambda data: data
    raw: Callable[[str], bytes | None] = lambda kind: None
    told: list[rfc9810.PKIMessage] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        """The kinds of the messages that came."""
        return [str(message["body"].getName()) for message in self.told]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked, rest = decoder.decode(request.content, asn1Spec=rfc9810.PKIMessage())
        assert not rest
        assert request.headers["Content-Type"] == MEDIA_TYPE["Content-Type"]
        assert asked["protection"].asOctets() == mac(asked, SECRET)
        self.told.append(asked)
        kind = asked["body"].getName()
        usual: dict[str, Make] = {"genm": knowing, "p10cr": self.enrol, "certConf": confirmed}
        rubbish = self.raw(str(kind))
        if rubbish is not None:
            return self._sent(self._with_bytes(self._answer(asked, asked["body"]), rubbish))
        answer = self._answer(asked, (usual | self.bodies)[kind](asked))
        self.change(answer)
        if answer["header"]["protectionAlg"].isValue and not answer["protection"].isValue:
            protect(answer)
        return self._sent(encoder.encode(answer))

    def _sent(self, data: bytes) -> httpx.Response:
        return httpx.Response(200, headers=MEDIA_TYPE, stream=httpx.ByteStream(self.spoil(data)))

    def _with_bytes(self, made: rfc9810.PKIMessage, body: bytes) -> bytes:
        """The message with other bytes as its body, and the right MAC."""
        head = encoder.encode(made["header"])
        key = derived(made["header"]["protectionAlg"], SECRET)
        value = hmac.digest(key, encode(0x30, head + body), "sha256")
        return encode(0x30, head + body + encode(0xA0, encode(0x03, b"\0" + value)))

    def _answer(self, asked: rfc9810.PKIMessage, content: rfc9810.PKIBody) -> rfc9810.PKIMessage:
        made = rfc9810.PKIMessage()
        head, theirs = made["header"], asked["header"]
        head["pvno"] = 2
        head["sender"], head["recipient"] = theirs["recipient"], theirs["sender"]
        head["protectionAlg"] = theirs["protectionAlg"]
        head["transactionID"] = bytes(theirs["transactionID"])
        head["senderNonce"], head["recipNonce"] = secrets.token_bytes(16), bytes(theirs["senderNonce"])
        made["body"] = content
        return made

    def enrol(self, asked: rfc9810.PKIMessage) -> rfc9810.PKIBody:
        """Issue what is ordered in these tests."""
        assert requested(asked).is_signature_valid
        return granting(self.ca.issue(order()).public_bytes(Encoding.DER))


def requested(asked: rfc9810.PKIMessage) -> x509.CertificateSigningRequest:
    """The request in a p10cr."""
    return x509.load_der_x509_csr(encoder.encode(asked["body"]["p10cr"])[4:])


def always(made: rfc9810.PKIBody) -> Make:
    """The same body for every message."""
    return lambda asked: made


@contextmanager
def reaching(responder: Callable[[httpx.Request], httpx.Response]) -> Iterator[None]:
    """Whoever opens an issuer meanwhile talks to the responder; its MACs are quickly made."""

    def connect(*arguments: object, **settings: object) -> http.Server:
        client = httpx.Client(transport=httpx.MockTransport(responder))
        return http.Server(url=httpx.URL("http://cmp.invalid/"), timeout=5.0, client=client)

    quick = patch.object(cmp_mac, "PBM_ROUNDS", 100)
    with quick, patch.object(http, "connect", connect):
        yield


@contextmanager
def talking(responder: Callable[[httpx.Request], httpx.Response], **changes: object) -> Iterator[Issuer]:
    """An issuer whose messages go to the responder."""
    with reaching(responder), using(settings(**changes)) as issuer:
        yield issuer
