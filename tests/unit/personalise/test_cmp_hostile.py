"""CMP with a CA in memory: answers that nobody may fall for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from pyasn1.codec.der import encoder
from pyasn1.type import univ
from pyasn1_alt_modules import rfc9810

from cardcore.errors import CardError
from cardcore.personalise.issuers import cmp_messages, files
from cardcore.personalise.issuers.base import Issued, IssuerError, IssuerUncertain, IssuerUnreachable, Pending
from cardcore.personalise.issuers.cmp_protection import Refused
from cardcore.personalise.issuers.cmp_signature import SigningKey
from tests.unit.personalise.authority import Authority, authority, order
from tests.unit.personalise.cmp_responder import (
    Make,
    Responder,
    always,
    answering,
    granting,
    later,
    talking,
    unprotected,
)
from tests.unit.personalise.tlsserver import identity

CA = authority()
# What changes at random becomes a certificate whose number is negative, too.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Parsed a serial number:cryptography.utils.CryptographyDeprecationWarning"
)
Message = rfc9810.PKIMessage


def certificate() -> bytes:
    return CA.issue(order()).public_bytes(Encoding.DER)


HOSTILE: dict[str, Callable[[Message], None]] = {
    "another nonce": lambda message: message["header"].__setitem__("recipNonce", bytes(16)),
    "no nonce of ours": lambda message: message["header"].__setitem__("recipNonce", b""),
    "no nonce of its own": lambda message: message["header"].__setitem__("senderNonce", b""),
    "a huge nonce": lambda message: message["header"].__setitem__("senderNonce", bytes(1000)),
    "another transaction": lambda message: message["header"].__setitem__("transactionID", bytes(16)),
    "no protection": unprotected,
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_answers_that_do_not_belong_here(change: Callable[[Message], None]) -> None:
    responder = Responder(ca=CA)
    responder.change = lambda message: change(message) if message["body"].getName() == "cp" else None
    with talking(responder) as issuer, pytest.raises(IssuerUncertain):
        issuer.order(order())
    assert responder.kinds == ["genm", "p10cr"]


BODIES: dict[str, Make] = {
    "another request's": always(granting(certificate(), request_id=7)),
    "a confirmation": lambda asked: rfc9810.PKIBody().setComponentByName("pkiconf", ""),
    "an echo": lambda asked: asked["body"],
}


@pytest.mark.parametrize("made", BODIES.values(), ids=BODIES)
def test_bodies_that_do_not_belong_here(made: Make) -> None:
    with talking(Responder(ca=CA, bodies={"p10cr": made})) as issuer, pytest.raises(IssuerUncertain):
        issuer.order(order())


def flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "the MAC changed": lambda data: flipped(data, -1),
    "the certificate changed": lambda data: flipped(data, len(data) // 2),
    "cut": lambda data: data[:-1],
    "more behind it": lambda data: data + b"\x00",
    "nothing": lambda data: b"",
    "text": lambda data: b"<html>",
    "too much": lambda data: data + bytes(200_000),
    "nested deeply": lambda data: b"\x30\x80" * 50_000,
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_answers_that_were_changed_on_their_way(spoil: Callable[[bytes], bytes]) -> None:
    responder = Responder(ca=CA)
    responder.spoil = lambda data: spoil(data) if responder.kinds[-1] == "p10cr" else data
    with talking(responder) as issuer, pytest.raises(IssuerUncertain) as caught:
        issuer.order(order())
    assert caught.value.token
    assert responder.kinds == ["genm", "p10cr"]


@pytest.mark.parametrize("rounds", [0, 99, 100_001, 10**30, -1])
def test_nobody_has_us_compute_for_hours(rounds: int) -> None:
    def costly(message: Message) -> None:
        parameters = rfc9810.PBMParameter()
        usual = message["header"]["protectionAlg"]
        algorithms = {"owf": "2.16.840.1.101.3.4.2.1", "mac": "1.2.840.113549.2.9"}
        parameters["salt"], parameters["iterationCount"] = b"salt", rounds
        for name, algorithm in algorithms.items():
            parameters[name]["algorithm"] = algorithm
        changed = usual.clone()
        changed["algorithm"] = rfc9810.id_PasswordBasedMac
        changed["parameters"] = univ.Any(encoder.encode(parameters))
        unprotected(message)
        message["header"]["protectionAlg"] = changed
        message["protection"] = message["protection"].clone(binValue="1" * 256)

    with talking(Responder(ca=CA, change=costly)) as issuer, pytest.raises(IssuerUnreachable, match="rounds"):
        issuer.order(order())


@pytest.mark.parametrize(("status", "error"), [(404, IssuerUncertain), (500, IssuerUncertain), (200, IssuerUncertain)])
def test_answers_that_are_not_cmp(status: int, error: type[CardError]) -> None:
    """Without TLS they may come from anybody."""
    responder = Responder(ca=CA)

    def page(request: httpx.Request) -> httpx.Response:
        answer = responder(request)
        if responder.kinds[-1] == "p10cr":
            return httpx.Response(status, headers={"Content-Type": "text/plain"}, stream=httpx.ByteStream(b"hello"))
        return answer

    with talking(page) as issuer, pytest.raises(error, match="hello"):
        issuer.order(order())


def outcome(responder: Responder) -> Issued | Pending | IssuerError:
    """What comes of an order: an answer, or an error of the kinds that a run knows what to do about."""
    with talking(responder, wait=0.0) as issuer:
        try:
            return issuer.order(order())
        except IssuerError as error:
            return error


CHANGES = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=8)


def changed(data: bytes, changes: list[tuple[int, int]]) -> bytes:
    made = bytearray(data)
    for place, value in changes:
        made[place % len(made)] = value
    return bytes(made)


@settings(deadline=None)
@given(changes=CHANGES, kind=st.sampled_from(["genm", "p10cr", "certConf"]))
def test_no_changed_answer_is_believed(changes: list[tuple[int, int]], kind: str) -> None:
    """Whatever is changed: it is what was sent, or it is not believed, and nothing else happens."""
    responder = Responder(ca=CA)
    same: list[bool] = []

    def spoil(data: bytes) -> bytes:
        if responder.kinds[-1] != kind:
            return data
        same.append(changed(data, changes) == data)
        return changed(data, changes)

    responder.spoil = spoil
    found = outcome(responder)
    if all(same):
        assert isinstance(found, Issued)
    else:
        assert isinstance(found, IssuerUnreachable if kind == "genm" else IssuerUncertain)


BODIES_OF_ALL_KINDS = [
    encoder.encode(made)
    for made in (granting(certificate()), granting(certificate(), status=1, text="changed"), later(3), answering(3))
] + [encoder.encode(answering(2, 9, text="no", kind=kind)) for kind in ("cp", "error")]


@settings(max_examples=200, deadline=None)
@given(changes=CHANGES, body=st.sampled_from(BODIES_OF_ALL_KINDS), cut=st.integers(0, 40))
def test_a_ca_that_sends_rubbish_is_no_crash(changes: list[tuple[int, int]], body: bytes, cut: int) -> None:
    """The protection is right, and what it protects is anything."""
    rubbish = changed(body, changes)[: len(body) - cut]
    asked = Responder(ca=CA, raw=lambda kind: rubbish if kind == "p10cr" else None)
    found = outcome(asked)
    assert isinstance(found, Issued | Pending | IssuerError)


def signed(folder: Path, authority_: Authority) -> tuple[SigningKey, bytes]:
    """Somebody who verifies signatures, and a message with one of the CA's."""
    certificate, private = identity(folder, authority_, "desk")
    (folder / "trust.pem").write_bytes(authority_.pem)
    key = SigningKey(files.identity(private, certificate, None), files.certificates(certificate))
    values = cmp_messages.Header(
        sender=key.sender,
        recipient=key.sender,
        transaction=bytes(16),
        nonce=bytes(16),
        answered=bytes(16),
        algorithm=key.algorithm(),
        key_id=key.key_id,
    )
    head, body = cmp_messages.header(values), BODIES_OF_ALL_KINDS[0]
    proof = key.protect(key.algorithm(), cmp_messages.protected_part(head, body))
    return key, cmp_messages.message(head, body, proof, key.certificates)


def test_no_changed_signature_is_believed(tmp_path: Path) -> None:
    """At every place: what is believed is what was signed."""
    key, data = signed(tmp_path, CA)
    whole = cmp_messages.parsed(data)
    key.verify(whole)
    for place in range(len(data)):
        for change in (0x01, 0x80):
            spoilt = data[:place] + bytes([data[place] ^ change]) + data[place + 1 :]
            try:
                found = cmp_messages.parsed(spoilt)
                key.verify(found)
            except (cmp_messages.Malformed, Refused):
                continue
            assert (found.header, found.content) == (whole.header, whole.content)
