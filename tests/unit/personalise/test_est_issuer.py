"""EST against a server that follows RFC 7030, and against servers that do not.

The server is this file's own, because no EST server can be installed from Debian or PyPI; OpenSSL makes its CMS.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from cardcore import Secret
from cardcore.errors import CardError, InputError
from cardcore.personalise.issuers import open_issuer
from cardcore.personalise.issuers.base import (
    Issued,
    Issuer,
    IssuerRefused,
    IssuerUncertain,
    IssuerUnreachable,
    Pending,
    WrongCertificate,
)
from cardcore.personalise.issuers.settings import Checks, EstCa
from tests.unit.cli.openssl import openssl
from tests.unit.personalise.authority import Authority, authority, issued, key, openssl_verifies, order, using
from tests.unit.personalise.tlsserver import Asked, Told, identity, serving

ROOT = "/.well-known/est/"
BASIC = "Basic " + base64.b64encode(b"station:s3cret").decode()
ADVISORY = {"Content-Transfer-Encoding": "base64"}


def certs_only(*certificates: x509.Certificate) -> bytes:
    """A certs-only CMS message in base64, made by OpenSSL."""
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in certificates)
    der = openssl("crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", "-outform", "DER", stdin=pem)
    return base64.encodebytes(der)


@dataclass(kw_only=True)
class EstServer:
    """What RFC 7030 asks of a server; each field makes it behave otherwise."""

    ca: Authority
    label: str = ""
    enrolled: Callable[[Asked], Told] | None = None
    attributes: bytes = b""
    asked: list[Asked] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Told:
        self.asked.append(asked)
        path = asked.path.removeprefix(ROOT + (f"{self.label}/" if self.label else ""))
        match asked.method, path:
            case "GET", "cacerts":
                kind = {"Content-Type": "application/pkcs7-mime", **ADVISORY}
                return Told(headers=kind, body=certs_only(self.ca.certificate))
            case "GET", "csrattrs":
                return Told(body=base64.encodebytes(self.attributes)) if self.attributes else Told(status=204)
            case "POST", "simpleenroll":
                return self.enrol(asked)
        return Told(status=404)

    def enrol(self, asked: Asked) -> Told:
        if not asked.client and asked.headers.get("Authorization") != BASIC:
            return Told(status=401, headers={"WWW-Authenticate": "Basic realm=est"})
        if self.enrolled is not None:
            return self.enrolled(asked)
        assert asked.headers["Content-Type"] == "application/pkcs10"
        request = x509.load_der_x509_csr(base64.b64decode(asked.body))
        assert request.is_signature_valid
        kind = {"Content-Type": "application/pkcs7-mime; smime-type=certs-only", **ADVISORY}
        return Told(headers=kind, body=certs_only(self.ca.issue(order())))


@contextmanager
def enrolling(folder: Path, server: EstServer, host: str = "localhost") -> Iterator[EstCa]:
    """The server running, and settings for it with a client certificate."""
    trust = folder / "trust.pem"
    trust.write_bytes(server.ca.pem)
    with serving(folder, server.ca, server, host) as url:
        certificate, private = identity(folder, server.ca, "station")
        yield EstCa(
            url=url,
            trust=trust,
            label=server.label,
            certificate=certificate,
            key=private,
            timeout=10,
            checks=Checks(trust=trust),
        )


@contextmanager
def opened(folder: Path, server: EstServer) -> Iterator[Issuer]:
    with enrolling(folder, server) as settings, using(settings) as issuer:
        yield issuer


def order_at(settings: EstCa) -> Issued:
    """One order at an issuer that is opened for it."""
    with using(settings) as issuer:
        return issued(issuer.order(order()))


@pytest.mark.parametrize("label", ["", "staff-2026"])
def test_enrolment_with_a_client_certificate(tmp_path: Path, label: str) -> None:
    server = EstServer(ca=authority(), label=label)
    with opened(tmp_path, server) as issuer:
        answer = issued(issuer.order(order()))
        issuer.order(order())
    assert openssl_verifies(tmp_path, answer, tmp_path / "trust.pem")
    assert answer.chain == (server.ca.certificate.public_bytes(Encoding.DER),)
    names = [asked.path.rpartition("/")[2] for asked in server.asked]
    assert names == ["cacerts", "csrattrs", "simpleenroll", "simpleenroll"]
    assert {asked.client for asked in server.asked} == {"CN=station"}


def test_enrolment_with_a_password(tmp_path: Path) -> None:
    server = EstServer(ca=authority())
    with enrolling(tmp_path, server) as settings:
        known = replace(settings, certificate=None, key=None, user="station", password=lambda: Secret(b"s3cret"))
        order_at(known)
        with pytest.raises(IssuerUnreachable, match="401"):
            order_at(replace(known, password=lambda: Secret(b"wrong")))


def test_later(tmp_path: Path) -> None:
    """202 with Retry-After, in both of its forms; the client repeats the same request (RFC 7030, 4.2.3)."""
    server, wanted = EstServer(ca=authority()), order()
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    with opened(tmp_path, server) as issuer:
        for text, low, high in (("120", 120, 120), (date, 60, 90), ("9" * 40, 1e6, 1e7), ("-5", 0, 0), ("soon", 0, 0)):
            server.enrolled = lambda asked, text=text: Told(status=202, headers={"Retry-After": text})
            answer = issuer.order(wanted)
            assert isinstance(answer, Pending)
            assert low <= (answer.after or 0) <= high
            assert isinstance(issuer.ask(wanted, answer.token), Pending)
        server.enrolled = None
        issued(issuer.ask(wanted, "pending"))
    assert len({asked.body for asked in server.asked if asked.method == "POST"}) == 1


def test_a_server_that_is_away_says_nothing_about_an_order_before(tmp_path: Path) -> None:
    server, wanted = EstServer(ca=authority()), order()
    with enrolling(tmp_path, server) as settings:
        with using(settings) as issuer:
            server.enrolled = lambda _: Told(status=202)
            answer = issuer.order(wanted)
            assert isinstance(answer, Pending)
            server.enrolled = lambda _: Told(status=503)
            with pytest.raises(IssuerUncertain) as caught:
                issuer.ask(wanted, answer.token)
        assert caught.value.token == answer.token
        nowhere = replace(settings, url="https://localhost:1")
        with using(nowhere) as elsewhere, pytest.raises(IssuerUncertain):
            elsewhere.ask(wanted, answer.token)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, IssuerRefused),
        (403, IssuerRefused),
        (404, IssuerUnreachable),
        (429, IssuerUnreachable),
        (503, IssuerUnreachable),
        (500, IssuerUncertain),
        (504, IssuerUncertain),
        (204, IssuerUncertain),
    ],
)
def test_what_statuses_mean(tmp_path: Path, status: int, error: type[CardError]) -> None:
    text = {"Content-Type": "text/plain"}
    server = EstServer(
        ca=authority(), enrolled=lambda asked: Told(status=status, headers=text, body=b"not\x1b[1m today")
    )
    with opened(tmp_path, server) as issuer, pytest.raises(error, match=str(status)) as caught:
        issuer.order(order())
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize(
    "told",
    [
        Told(body=b""),
        Told(body=b"<html>hello</html>"),
        Told(body=base64.b64encode(b"\x30\x80hello")),
        Told(body=b"x" * ((1 << 20) + 1)),
        Told(body=b"QUJD" * 100, cut=True),
        Told(body=b"QUJD", headers={"Content-Encoding": "gzip"}),
        Told(body=b"QUJD" * 100, slow=0.2),
    ],
    ids=["empty", "html", "no CMS", "huge", "cut off", "said to be packed", "a byte now and then"],
)
def test_answers_that_are_no_certificate(tmp_path: Path, told: Told) -> None:
    server = EstServer(ca=authority(), enrolled=lambda asked: told)
    with enrolling(tmp_path, server) as settings, pytest.raises(IssuerUncertain):
        order_at(replace(settings, timeout=1.0))


def test_a_server_that_never_answers(tmp_path: Path) -> None:
    end = threading.Event()

    def wait(asked: Asked) -> Told:
        end.wait(30)
        return Told()

    server = EstServer(ca=authority(), enrolled=wait)
    with enrolling(tmp_path, server) as settings:
        with using(replace(settings, timeout=0.5)) as issuer:
            with pytest.raises(IssuerUncertain, match="did not answer properly"):
                issuer.order(order())
            with pytest.raises(IssuerUncertain, match="no way to ask"):
                issuer.ask(order(), "")
        end.set()
        server.enrolled = None
        with using(replace(settings, idempotent=True)) as again:
            issued(again.ask(order(), ""))


def test_the_certificate_of_another_key(tmp_path: Path) -> None:
    ca = authority()
    other = certs_only(ca.issue(order("run/eve/9a", private=key("eve"))))
    server = EstServer(ca=ca, enrolled=lambda asked: Told(body=other))
    with opened(tmp_path, server) as issuer, pytest.raises(WrongCertificate, match="another key"):
        issuer.order(order())


def test_redirects(tmp_path: Path) -> None:
    server = EstServer(ca=authority())

    def redirecting(places: list[str]) -> Callable[[Asked], Told]:
        def told(asked: Asked) -> Told:
            return Told(status=307, headers={"Location": places.pop(0)}) if places else EstServer.enrol(plain, asked)

        return told

    plain = EstServer(ca=server.ca)
    with opened(tmp_path, server) as issuer:
        server.enrolled = redirecting([f"{ROOT}simpleenroll"] * 2)
        issued(issuer.order(order()))
        server.enrolled = redirecting([f"{ROOT}simpleenroll"] * 20)
        with pytest.raises(IssuerUnreachable, match="circle"):
            issuer.order(order())
        for place in (
            "https://evil.example.org/",
            "http://localhost/",
            "//evil.example.org",
            "https://localhost:1/",
            "https://[",
        ):
            server.enrolled = redirecting([place])
            with pytest.raises(IssuerUnreachable, match="redirects to"):
                issuer.order(order())


def test_who_is_not_there(tmp_path: Path) -> None:
    server = EstServer(ca=authority())
    with enrolling(tmp_path, server) as settings:
        pass
    with pytest.raises(IssuerUnreachable, match="cannot be reached"):
        order_at(settings)
    with pytest.raises(IssuerUnreachable, match="cannot be reached"):
        order_at(replace(settings, url="https://no-such-host.invalid"))


def test_a_server_for_another_host(tmp_path: Path) -> None:
    server = EstServer(ca=authority())
    with enrolling(tmp_path, server, "other.example.org") as settings:
        with pytest.raises(IssuerUnreachable, match="CERTIFICATE_VERIFY_FAILED") as caught:
            order_at(settings)
        assert "host name" in caught.value.hint
    assert server.asked == []


def test_a_server_of_a_ca_that_is_not_trusted(tmp_path: Path) -> None:
    server = EstServer(ca=authority())
    (tmp_path / "other.pem").write_bytes(authority("Other").pem)
    failure = pytest.raises(IssuerUnreachable, match="CERTIFICATE_VERIFY_FAILED")
    with enrolling(tmp_path, server) as settings, failure:
        order_at(replace(settings, trust=tmp_path / "other.pem"))
    assert server.asked == []


def test_a_client_certificate_that_the_server_does_not_know(tmp_path: Path) -> None:
    server = EstServer(ca=authority())
    with enrolling(tmp_path, server) as settings:
        certificate, private = identity(tmp_path, authority("Other"), "stranger")
        with pytest.raises(IssuerUnreachable):
            order_at(replace(settings, certificate=certificate, key=private))
    assert server.asked == []


def test_a_wish_that_no_card_can_fulfil(tmp_path: Path) -> None:
    """The example of RFC 7030, 4.5.2, and the bare challengePassword of it."""
    wish = base64.b64decode("MAsGCSqGSIb3DQEJBw==")
    server = EstServer(ca=authority(), attributes=wish)
    with opened(tmp_path, server) as issuer, pytest.raises(IssuerRefused, match="challengePassword"):
        issuer.order(order())
    example = "MEEGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiMBYGCSqGSIb3DQEJDjEJBgcrBgEBAQEWBggqhkjOPQQDAw=="
    server.attributes = base64.b64decode(example)
    with opened(tmp_path, server) as issuer, pytest.raises(IssuerRefused, match="challengePassword"):
        issuer.order(order())
    server.attributes = base64.b64decode("MAoGCCqGSM49BAMC")
    with opened(tmp_path, server) as issuer:
        issued(issuer.order(order()))
    server.attributes = b"\x30\x05hello"
    with opened(tmp_path, server) as issuer, pytest.raises(IssuerUnreachable, match="csrattrs"):
        issuer.order(order())


def test_a_label_that_the_server_does_not_have(tmp_path: Path) -> None:
    server = EstServer(ca=authority(), label="here")
    with enrolling(tmp_path, server) as settings, pytest.raises(IssuerUnreachable, match="HTTP status 404"):
        order_at(replace(settings, label="elsewhere"))


def test_ca_certificates_that_cannot_be_read(tmp_path: Path) -> None:
    ca = authority()
    with (
        enrolling(tmp_path, EstServer(ca=ca)) as settings,
        serving(tmp_path, ca, lambda asked: Told(body=b"hi")) as url,
        pytest.raises(IssuerUnreachable, match="cannot be read"),
    ):
        order_at(replace(settings, url=url))


def test_settings_that_cannot_be_meant(tmp_path: Path) -> None:
    (tmp_path / "trust.pem").write_bytes(authority().pem)
    certificate, private = identity(tmp_path, authority(), "station")
    good = EstCa(url="https://localhost", trust=tmp_path / "trust.pem", certificate=certificate, key=private)
    open_issuer(good).close()
    urls = ("http://localhost", "https://station:s3cret@localhost", "https://", "https://[::", "file:///etc/passwd")
    wrong = [replace(good, url=url) for url in urls]
    wrong += [replace(good, label="../../admin"), replace(good, trust=Path("/nowhere"))]
    wrong += [replace(good, certificate=None, key=None), replace(good, certificate=tmp_path / "trust.pem")]
    for settings in wrong:
        with pytest.raises(InputError) as caught:
            open_issuer(settings)
        assert "s3cret" not in caught.value.message
