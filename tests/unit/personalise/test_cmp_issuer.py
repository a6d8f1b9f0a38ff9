"""CMP with a CA in memory: what its answers mean, and answers that nobody may fall for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha512
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from pyasn1.codec.der import encoder
from pyasn1.type import univ
from pyasn1_alt_modules import rfc9810

from cardcore.errors import CardError, InputError
from cardcore.personalise.issuers import open_issuer
from cardcore.personalise.issuers.base import (
    IssuerRefused,
    IssuerUncertain,
    IssuerUnreachable,
    Order,
    Pending,
    WrongCertificate,
)
from cardcore.personalise.issuers.settings import Mac
from tests.unit.personalise.authority import authority, issued, key, order
from tests.unit.personalise.cmp_responder import (
    MEDIA_TYPE,
    Responder,
    always,
    answering,
    granting,
    later,
    settings,
    talking,
    unprotected,
)
from tests.unit.personalise.tlsserver import identity

CA = authority()
Message = rfc9810.PKIMessage


def journalled() -> tuple[Order, list[str]]:
    """An order, and the tokens that it wanted remembered."""
    tokens: list[str] = []
    return replace(order(), remember=tokens.append), tokens


def certificate(holder: str = "run/anne/9a") -> bytes:
    return CA.issue(order(holder)).public_bytes(Encoding.DER)


@pytest.mark.parametrize("mac", list(Mac))
def test_an_order(mac: Mac) -> None:
    responder = Responder(ca=CA)
    wanted, tokens = journalled()
    with talking(responder, mac=mac) as issuer:
        assert issued(issuer.order(wanted)).warnings == ()
        issuer.order(wanted)
    assert responder.kinds == ["genm", "p10cr", "certConf", "p10cr", "certConf"]
    transactions = {bytes(message["header"]["transactionID"]) for message in responder.told}
    assert len(transactions) == 3
    assert len(tokens) == 4


def test_the_request_is_what_the_card_signed() -> None:
    responder, wanted = Responder(ca=CA), order()
    with talking(responder) as issuer:
        issuer.order(wanted)
    assert wanted.request in encoder.encode(responder.told[1])


def test_the_cas_certificates_are_asked_for() -> None:
    def telling(asked: Message) -> rfc9810.PKIBody:
        made = rfc9810.PKIBody()
        told = univ.SequenceOf(componentType=univ.Any())
        told.append(CA.certificate.public_bytes(Encoding.DER))
        made["genp"][0]["infoType"] = rfc9810.id_it_caCerts
        made["genp"][0]["infoValue"] = univ.Any(encoder.encode(told))
        return made

    with talking(Responder(ca=CA, bodies={"genm": telling})) as issuer:
        assert issued(issuer.order(order())).chain == (CA.certificate.public_bytes(Encoding.DER),)


def test_a_certificate_that_comes_later() -> None:
    """Another process asks again, with what the journal knows."""
    responder = Responder(ca=CA, bodies={"p10cr": always(answering(3)), "pollReq": always(later(3600))})
    wanted, tokens = journalled()
    with talking(responder) as issuer:
        first = issuer.order(wanted)
        assert isinstance(first, Pending)
        assert first.token == tokens[-1]
    with talking(responder) as issuer:
        second = issuer.ask(wanted, first.token)
        assert isinstance(second, Pending)
        assert second.after == 3600.0
        responder.bodies["pollReq"] = always(granting(certificate()))
        issued(issuer.ask(wanted, second.token))
    assert responder.kinds == ["genm", "p10cr", "pollReq", "pollReq", "certConf"]
    assert len({bytes(message["header"]["transactionID"]) for message in responder.told[1:]}) == 1
    peers = [bytes(message["header"]["recipNonce"]) for message in responder.told[2:]]
    assert len(set(peers)) == 3


def test_an_order_that_is_waited_for_by_an_error_message() -> None:
    """RFC 9483, 4.4: the answer as a whole is delayed, and comes as the answer to the order."""
    responder = Responder(ca=CA, bodies={"p10cr": always(answering(3, kind="error"))})
    responder.bodies["pollReq"] = always(granting(certificate()))

    def answering_the_order(message: Message) -> None:
        if message["body"].getName() == "cp":
            message["header"]["recipNonce"] = bytes(responder.told[1]["header"]["senderNonce"])

    responder.change = answering_the_order
    with talking(responder, wait=5.0) as issuer:
        issued(issuer.order(order()))


def test_polling_ends() -> None:
    responder = Responder(ca=CA, bodies={"p10cr": always(answering(3)), "pollReq": always(later(0))})
    with talking(responder, wait=2.5) as issuer:
        assert isinstance(issuer.order(order()), Pending)
    assert 2 <= responder.kinds.count("pollReq") <= 4
    responder.bodies["pollReq"] = always(later(10**40))
    with talking(responder, wait=2.5) as issuer:
        answer = issuer.order(order())
    assert isinstance(answer, Pending)
    assert answer.after == 30 * 86_400


@pytest.mark.parametrize(
    ("made", "error", "said"),
    [
        (answering(2, 9, text="a\x1b[31m\nb"), IssuerRefused, "badPOP: a"),
        (answering(2, 15, 19), IssuerRefused, "unacceptedPolicy, badCertTemplate"),
        (answering(2), IssuerRefused, "no reason"),
        (answering(2, 40), IssuerRefused, "no reason"),
        (answering(2, 9, kind="error"), IssuerRefused, "badPOP"),
        (answering(2, 23, kind="error"), IssuerUnreachable, "notAuthorized"),
        (answering(2, 24, text="at night", kind="error"), IssuerUnreachable, "at night"),
        (answering(2, 25), IssuerUncertain, "systemFailure"),
        (answering(2, 21), IssuerUncertain, "transactionIdInUse"),
        (answering(2, 26), IssuerUncertain, "duplicateCertReq"),
        (answering(4), IssuerUncertain, "not say clearly"),
        (answering(0), IssuerUncertain, "holds none"),
    ],
)
def test_what_a_no_means(made: rfc9810.PKIBody, error: type[CardError], said: str) -> None:
    responder = Responder(ca=CA, bodies={"p10cr": always(made), "pollReq": always(answering(5))})
    with talking(responder, wait=1.0) as issuer, pytest.raises(error, match=said) as caught:
        issuer.order(order())
    assert type(caught.value) is error
    assert "\x1b" not in caught.value.message
    assert "\n" not in caught.value.message


def test_a_no_after_the_order_was_taken_is_never_unreachable() -> None:
    """Whoever hears `unreachable` orders again."""
    responder = Responder(ca=CA, bodies={"p10cr": always(answering(3)), "pollReq": always(answering(2, 24))})
    with talking(responder, wait=1.0) as issuer, pytest.raises(IssuerUncertain, match="systemUnavail"):
        issuer.order(order())


def test_changes_are_told() -> None:
    made = granting(certificate(), status=1, text="shorter than you asked")
    with talking(Responder(ca=CA, bodies={"p10cr": always(made)})) as issuer:
        (warning,) = issued(issuer.order(order())).warnings
    assert "shorter than you asked" in warning


def test_an_implicit_confirmation() -> None:
    responder = Responder(ca=CA)
    with talking(responder, implicit=True) as issuer:
        issued(issuer.order(order()))
    assert responder.kinds[-1] == "certConf"  # it was asked for and not granted

    def grant(message: Message) -> None:
        message["header"]["generalInfo"][0]["infoType"] = rfc9810.id_it_implicitConfirm
        message["header"]["generalInfo"][0]["infoValue"] = univ.Any(b"\x05\x00")

    responder.change = grant
    with talking(responder, implicit=True) as issuer:
        issued(issuer.order(order()))
    assert responder.kinds[-1] == "p10cr"
    with talking(responder) as issuer:
        issued(issuer.order(order()))
    assert responder.kinds[-1] == "certConf"  # it was granted and not asked for


def confirmations(responder: Responder) -> list[tuple[int, int]]:
    """Request and status of each confirmation that came; no status is 0, accepted."""
    found = [message["body"]["certConf"][0] for message in responder.told if message["body"].getName() == "certConf"]
    return [
        (int(one["certReqId"]), int(one["statusInfo"]["status"]) if one["statusInfo"].isValue else 0) for one in found
    ]


def test_a_confirmation_names_its_hash_where_the_certificate_does_not() -> None:
    """RFC 9810, 5.3.18; OpenSSL's server looks at the hashes of the other kind."""
    private = ed25519.Ed25519PrivateKey.generate()
    builder = CA.builder(order()).issuer_name(CA.certificate.subject).serial_number(4711)
    made = builder.sign(private, None).public_bytes(Encoding.DER)
    responder = Responder(ca=CA, bodies={"p10cr": always(granting(made))})
    with talking(responder) as issuer:
        issued(issuer.order(order()))
    (told,) = responder.told[-1]["body"]["certConf"]
    assert (bytes(told["certHash"]), str(told["hashAlg"]["algorithm"])) == (
        sha512(made).digest(),
        "2.16.840.1.101.3.4.2.3",
    )
    assert [int(message["header"]["pvno"]) for message in responder.told] == [2, 2, 3]


def test_a_wrong_certificate_is_declined() -> None:
    other = CA.issue(order("run/eve/9a", private=key("eve"))).public_bytes(Encoding.DER)
    responder = Responder(ca=CA, bodies={"p10cr": always(granting(other, request_id=0))})
    with talking(responder) as issuer, pytest.raises(WrongCertificate, match="another key"):
        issuer.order(order())
    assert confirmations(responder) == [(0, 2)]
    responder.bodies["certConf"] = always(answering(2, 2, kind="error"))
    with talking(responder) as issuer, pytest.raises(WrongCertificate, match="another key"):
        issuer.order(order())


def losing(responder: Responder, kind: str) -> Callable[[bytes], bytes]:
    """The answers to messages of one kind do not arrive."""
    return lambda data: b"" if responder.kinds[-1] == kind else data


def test_a_confirmation_whose_answer_is_lost_is_sent_again() -> None:
    responder = Responder(ca=CA)
    wanted, tokens = journalled()
    responder.spoil = losing(responder, "certConf")
    with talking(responder) as issuer, pytest.raises(IssuerUncertain) as caught:
        issuer.order(wanted)
    assert caught.value.token == tokens[-1]
    responder.spoil = lambda data: data
    for answer in (None, answering(2, 11, kind="error")):  # certConfirmed: it had arrived
        if answer is not None:
            responder.bodies["certConf"] = always(answer)
        with talking(responder) as issuer:
            issued(issuer.ask(wanted, caught.value.token))
    assert responder.kinds.count("p10cr") == 1
    assert confirmations(responder) == [(-1, 0)] * 3


def test_a_confirmation_that_the_ca_does_not_accept() -> None:
    responder = Responder(ca=CA, bodies={"certConf": always(answering(2, 2, kind="error"))})
    wanted, tokens = journalled()
    with talking(responder) as issuer:
        with pytest.raises(IssuerRefused, match="did not accept its confirmation: badRequest"):
            issuer.order(wanted)
        with pytest.raises(IssuerUncertain, match="badRequest"):
            issuer.ask(wanted, tokens[-1])
    responder.bodies["certConf"] = always(later(1))
    with talking(responder) as issuer, pytest.raises(IssuerUncertain, match="POLLREP"):
        issuer.order(wanted)


def test_an_order_whose_answer_is_lost() -> None:
    """It is asked after in its own transaction; only if the CA promised the same certificate it is given again."""
    responder = Responder(ca=CA, bodies={"pollReq": always(answering(2, 2, kind="error"))})
    wanted, tokens = journalled()
    responder.spoil = losing(responder, "p10cr")
    with talking(responder) as issuer, pytest.raises(IssuerUncertain) as caught:
        issuer.order(wanted)
    assert caught.value.token == tokens[-1]
    responder.spoil = lambda data: data
    with talking(responder) as issuer, pytest.raises(IssuerUncertain, match="lost") as again:
        issuer.ask(wanted, caught.value.token)
    assert again.value.token
    with talking(responder, idempotent=True) as issuer:
        issued(issuer.ask(wanted, again.value.token))
    responder.bodies["pollReq"] = always(granting(certificate()))
    with talking(responder) as issuer:
        issued(issuer.ask(wanted, caught.value.token))
    first = [message for message in responder.told if message["body"].getName() in ("p10cr", "pollReq")][:2]
    assert len({bytes(message["header"]["transactionID"]) for message in first}) == 1


@pytest.mark.parametrize("made", [answering(2, 24), answering(2, 24, kind="error"), answering(2, 9)])
def test_no_answer_to_a_question_makes_an_order_unsent(made: rfc9810.PKIBody) -> None:
    """The order had been sent: whatever the CA says to those who ask after it, it is not ordered again by itself."""
    responder, (wanted, tokens) = Responder(ca=CA, bodies={"pollReq": always(made)}), journalled()
    responder.spoil = lambda data: b"" if responder.kinds[-1] == "p10cr" else data
    with talking(responder) as issuer:
        for _ in range(2):
            with pytest.raises(IssuerUncertain):
                issuer.ask(wanted, tokens[-1]) if tokens else issuer.order(wanted)
    assert responder.kinds.count("p10cr") == 1


def test_what_is_waited_for_is_not_given_up_for_an_error_that_anybody_may_have_sent() -> None:
    responder = Responder(ca=CA, bodies={"p10cr": always(answering(3)), "pollReq": always(later(1))})
    responder.change = lambda message: unprotected(message) if message["body"].getName() == "error" else None
    with talking(responder, idempotent=True) as issuer:
        first = issuer.order(order())
        assert isinstance(first, Pending)
        responder.bodies["pollReq"] = always(answering(2, 2, kind="error"))
        with pytest.raises(IssuerUncertain, match="not protected") as caught:
            issuer.ask(order(), first.token)
        responder.bodies["pollReq"] = always(granting(certificate()))
        issued(issuer.ask(order(), caught.value.token))
    assert responder.kinds.count("p10cr") == 1


def test_what_was_never_sent_is_certain() -> None:
    responder = Responder(ca=CA)
    wanted, _ = journalled()
    with talking(responder) as issuer:
        with pytest.raises(IssuerUnreachable, match="not sent"):
            issuer.ask(wanted, "")
        with pytest.raises(IssuerUncertain):
            issuer.ask(order(), "")
        for token in ("pending", "{}", '{"transaction": 1}', "[1]", "null", '{"id": {}, "others": 1}'):
            with pytest.raises(IssuerUncertain):
                issuer.ask(wanted, token)
    assert responder.told == []


def test_a_wrong_secret_shows_before_anything_is_ordered() -> None:
    def unknown(request: httpx.Request) -> httpx.Response:
        made = Message()
        made["header"]["pvno"] = 2
        made["header"]["sender"]["directoryName"]["rdnSequence"].clear()
        made["header"]["recipient"]["directoryName"]["rdnSequence"].clear()
        made["body"] = answering(2, 1, kind="error")
        return httpx.Response(200, headers=MEDIA_TYPE, stream=httpx.ByteStream(encoder.encode(made)))

    with talking(unknown) as issuer, pytest.raises(IssuerUnreachable, match="badMessageCheck") as caught:
        issuer.order(order())
    assert "secret_reference" in caught.value.hint


def test_a_ca_that_is_asked_nothing_but_certificates() -> None:
    """Some answer other questions with an error, protected or not."""
    responder = Responder(ca=CA, bodies={"genm": always(answering(2, 2, kind="error"))})
    with talking(responder) as issuer:
        issued(issuer.order(order()))

    def strip(message: Message) -> None:
        if message["body"].getName() == "error":
            unprotected(message)

    responder.change = strip
    with talking(responder) as issuer:
        issued(issuer.order(order()))


def test_an_error_that_is_not_protected_is_only_a_message() -> None:
    responder = Responder(ca=CA, bodies={"p10cr": always(answering(2, 9, text="go away", kind="error"))})
    responder.change = lambda message: unprotected(message) if message["body"].getName() == "error" else None
    wanted, tokens = journalled()
    with talking(responder) as issuer, pytest.raises(IssuerUncertain, match="not protected: badPOP: go away") as caught:
        issuer.order(wanted)
    assert caught.value.token == tokens[-1]


def test_settings_that_cannot_be_meant(tmp_path: Path) -> None:
    (tmp_path / "trust.pem").write_bytes(CA.pem)
    certificate, private = identity(tmp_path, CA, "station")
    open_issuer(settings()).close()
    signing: dict[str, object] = {
        "secret": None,
        "key": private,
        "certificate": certificate,
        "server_trust": tmp_path / "trust.pem",
    }
    open_issuer(settings(**signing)).close()
    wrong: list[dict[str, object]] = [
        {"secret": None},
        {"key": private},
        {"secret_reference": ""},
        {"plain_http": False},
        {"url": "https://cmp.example.org/"},
        {"recipient": "nobody"},
        signing | {"server_trust": None},
        signing | {"sender": "nobody"},
        signing | {"certificate": tmp_path / "trust.pem"},
    ]
    for changes in wrong:
        with pytest.raises(InputError):
            open_issuer(settings(**changes))
