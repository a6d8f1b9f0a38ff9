"""CMP with OpenSSL's server (`openssl cmp -port`), as other people's software, behind TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cardcore import Secret
from cardcore.errors import CardError
from cardcore.personalise.issuers.base import (
    IssuerRefused,
    IssuerUncertain,
    IssuerUnreachable,
    Pending,
    WrongCertificate,
)
from cardcore.personalise.issuers.settings import Checks, CmpCa
from tests.unit.personalise.authority import (
    Authority,
    authority,
    issued,
    key,
    named,
    openssl_verifies,
    order,
    using,
)
from tests.unit.personalise.cmp_openssl import Forward, mock_server

SECRET = ("-srv_ref", "station 1", "-srv_secret", "pass:correct horse")
KEY_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
REGISTRATION = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.28")


@dataclass(frozen=True, kw_only=True)
class Peer:
    """The settings for a server that runs, what went through, and what the server says."""

    settings: CmpCa
    forward: Forward
    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text("utf-8", "replace")


@contextmanager
def serving_secret(folder: Path, *options: str | Path, ca: Authority | None = None, whose: str = "") -> Iterator[Peer]:
    """The server with a shared secret; it answers with the certificate of the key that is named."""
    authority_ = ca or authority()
    wanted = order(private=key(whose)) if whose else order()
    (folder / "answer.pem").write_bytes(authority_.issue(wanted).public_bytes(Encoding.PEM))
    (folder / "trust.pem").write_bytes(authority_.pem)
    answer = ("-rsp_cert", folder / "answer.pem", "-verbosity", "7")
    with mock_server(folder, authority_, *SECRET, *answer, *options) as (url, forward):
        yield Peer(
            settings=CmpCa(
                url=url,
                trust=folder / "trust.pem",
                secret_reference="station 1",
                secret=lambda: Secret(b"correct horse"),
                wait=10.0,
                checks=Checks(trust=folder / "trust.pem"),
            ),
            forward=forward,
            folder=folder,
        )


def test_an_order(tmp_path: Path) -> None:
    with serving_secret(tmp_path) as peer, using(peer.settings) as issuer:
        answer = issued(issuer.order(order()))
        issued(issuer.order(order()))
        assert openssl_verifies(tmp_path, answer, tmp_path / "trust.pem")
        assert peer.log.count("received GENM") == 1
        assert peer.log.count("sending PKICONF") == 2
    assert {asked.headers["Content-Type"] for asked in peer.forward.asked} == {"application/pkixcmp"}


def test_a_certificate_that_is_waited_for(tmp_path: Path) -> None:
    with serving_secret(tmp_path, "-poll_count", "2", "-check_after", "1") as peer:
        with using(peer.settings) as issuer:
            answer = issued(issuer.order(order()))
        assert openssl_verifies(tmp_path, answer, tmp_path / "trust.pem")
        assert peer.log.count("sending POLLREP") == 1


def test_a_certificate_that_comes_later(tmp_path: Path) -> None:
    with serving_secret(tmp_path, "-poll_count", "2", "-check_after", "7") as peer:
        unhurried = replace(peer.settings, wait=1.0)
        with using(unhurried) as issuer:
            first = issuer.order(order())
        assert isinstance(first, Pending)
        assert first.after == 7.0
        with using(unhurried) as issuer:
            issued(issuer.ask(order(), first.token))
        assert peer.log.count("received P10CR") == 1


@pytest.mark.parametrize("granted", [True, False])
def test_an_implicit_confirmation(tmp_path: Path, granted: bool) -> None:
    options = ("-grant_implicitconf",) if granted else ()
    with serving_secret(tmp_path, *options) as peer:
        with using(replace(peer.settings, implicit=True)) as issuer:
            issued(issuer.order(order()))
        assert ("received CERTCONF" in peer.log) is not granted


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        (("-pkistatus", "2", "-failure", "9", "-statusstring", "no such card"), IssuerRefused, "badPOP: no such card"),
        (("-pkistatus", "2", "-failure", "23"), IssuerUnreachable, "notAuthorized"),
        (("-pkistatus", "2", "-failurebits", "557056"), IssuerRefused, "unacceptedPolicy, badCertTemplate"),
        (("-send_error",), IssuerRefused, "badRequest"),
        (("-send_unprotected",), IssuerUnreachable, "not protected"),
        (("-send_error", "-send_unprot_err"), IssuerUncertain, "not protected: badRequest"),
    ],
)
def test_a_no(tmp_path: Path, options: tuple[str, ...], error: type[CardError], said: str) -> None:
    with (
        serving_secret(tmp_path, *options) as peer,
        using(peer.settings) as issuer,
        pytest.raises(error, match=said),
    ):
        issuer.order(order())


def test_changes_are_told(tmp_path: Path) -> None:
    with (
        serving_secret(tmp_path, "-pkistatus", "1", "-statusstring", "shorter than you asked") as peer,
        using(peer.settings) as issuer,
    ):
        (warning,) = issued(issuer.order(order())).warnings
    assert "shorter than you asked" in warning


def test_a_wrong_secret_shows_before_anything_is_ordered(tmp_path: Path) -> None:
    with serving_secret(tmp_path) as peer:
        wrong = replace(peer.settings, secret=lambda: Secret(b"wrong"))
        with using(wrong) as issuer, pytest.raises(IssuerUnreachable):
            issuer.order(order())
        assert "P10CR" not in peer.log


def test_the_certificate_of_another_key_is_declined(tmp_path: Path) -> None:
    with serving_secret(tmp_path, whose="eve") as peer:
        with using(peer.settings) as issuer, pytest.raises(WrongCertificate, match="another key"):
            issuer.order(order())
        assert "certificate rejected by client" in peer.log


def test_an_answer_that_is_changed_on_its_way(tmp_path: Path) -> None:
    with serving_secret(tmp_path) as peer, using(peer.settings) as issuer:
        issuer.order(order())
        peer.forward.spoil = lambda data: data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]
        with pytest.raises(IssuerUncertain, match="MAC is not right"):
            issuer.order(order())


def signer(folder: Path, ca: Authority, name: str, *usages: x509.ObjectIdentifier, strong: bool = False) -> list[Path]:
    """Files with the certificate and the key of somebody who signs messages: EC, or RSA if it is to be `strong`."""
    private = rsa.generate_private_key(65537, 2048) if strong else key(name)
    builder = named(name).public_key(private.public_key()).add_extension(KEY_USAGE, critical=True)
    own = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
    builder = builder.add_extension(own, critical=False)
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    paths = [folder / f"{name}.pem", folder / f"{name}.key"]
    paths[0].write_bytes(ca.sign(builder).public_bytes(Encoding.PEM))
    paths[1].write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


@contextmanager
def serving_signed(folder: Path, *usages: x509.ObjectIdentifier, strong: bool = False) -> Iterator[Peer]:
    """The server with certificates on both sides; its own is of the same CA as the cards'."""
    ca = authority()
    trust = folder / "trust.pem"
    trust.write_bytes(ca.pem)
    answer = folder / "answer.pem"
    answer.write_bytes(ca.issue(order()).public_bytes(Encoding.PEM))
    theirs = signer(folder, ca, "desk", *usages, strong=strong)
    ours = signer(folder, ca, "station", strong=strong)
    options = ("-srv_cert", theirs[0], "-srv_key", theirs[1], "-srv_trusted", trust, "-rsp_cert", answer)
    with mock_server(folder, ca, *options, "-verbosity", "7") as (url, forward):
        yield Peer(
            settings=CmpCa(
                url=url,
                trust=trust,
                certificate=ours[0],
                key=ours[1],
                server_trust=trust,
                recipient="CN=Test CA",
                checks=Checks(trust=trust),
            ),
            forward=forward,
            folder=folder,
        )


@pytest.mark.parametrize("strong", [False, True])
def test_an_order_that_is_signed(tmp_path: Path, strong: bool) -> None:
    with serving_signed(tmp_path, REGISTRATION, strong=strong) as peer:
        with using(peer.settings) as issuer:
            answer = issued(issuer.order(order()))
        assert openssl_verifies(tmp_path, answer, tmp_path / "trust.pem")
        assert "sending PKICONF" in peer.log


def test_who_may_answer(tmp_path: Path) -> None:
    """A certificate of the CA alone is not enough: every holder of a card has one."""
    with serving_signed(tmp_path) as peer:
        with using(peer.settings) as issuer, pytest.raises(IssuerUnreachable, match="not known to answer") as caught:
            issuer.order(order())
        assert "sender" in caught.value.message
        for accepted in (
            replace(peer.settings, sender="CN=desk"),
            replace(peer.settings, server_trust=tmp_path / "desk.pem"),
        ):
            with using(accepted) as issuer:
                issued(issuer.order(order()))
        (tmp_path / "other.pem").write_bytes(authority("Other").pem)
        for refused in (
            replace(peer.settings, sender="CN=somebody"),
            replace(peer.settings, server_trust=tmp_path / "other.pem", sender="CN=desk"),
            replace(peer.settings, server_trust=tmp_path / "station.pem", sender="CN=desk"),
        ):
            with using(refused) as issuer, pytest.raises(IssuerUnreachable, match="cannot be trusted"):
                issuer.order(order())


def test_a_signature_that_is_changed_on_its_way(tmp_path: Path) -> None:
    with serving_signed(tmp_path, REGISTRATION) as peer, using(peer.settings) as issuer:
        issuer.order(order())
        answer = (tmp_path / "answer.pem").read_bytes()
        serial = x509.load_pem_x509_certificate(answer).serial_number.to_bytes(20).lstrip(b"\0")
        peer.forward.spoil = lambda data: data.replace(serial, serial[:-1] + bytes([serial[-1] ^ 1]))
        with pytest.raises(IssuerUncertain, match="signature is not right"):
            issuer.order(order())


def test_a_client_that_the_server_does_not_know(tmp_path: Path) -> None:
    with serving_signed(tmp_path, REGISTRATION) as peer:
        certificate, private = signer(tmp_path, authority("Other"), "stranger")
        unknown = replace(peer.settings, certificate=certificate, key=private)
        with using(unknown) as issuer, pytest.raises(IssuerRefused, match="no suitable sender cert"):
            issuer.order(order())
        assert "sending CP" not in peer.log
