"""A CA whose key is a file or on a card: what it issues, once per order, verified with OpenSSL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

import cardcore
from cardcore import Secret, SoftCardStore
from cardcore.errors import CardError, InputError
from cardcore.personalise.certificate_contents import ContentsTemplate
from cardcore.personalise.issuers import open_issuer
from cardcore.personalise.issuers.base import IssuerRefused, IssuerUncertain, IssuerUnreachable
from cardcore.personalise.issuers.settings import CardCa, Checks, LocalCa, SigningRules
from tests.unit.core.rsakeys import rsa_key
from tests.unit.core.softpiv import ADMIN, COST, PIN
from tests.unit.personalise.authority import (
    CA_USAGE,
    PASSPHRASE,
    authority,
    files,
    issued,
    key,
    openssl_verifies,
    order,
)


def local(folder: Path, days: float = 365) -> LocalCa:
    certificate, private = files(folder, authority(days=days))
    return LocalCa(
        certificate=certificate,
        key=private,
        rules=SigningRules(index=folder / "issued.db"),
        checks=Checks(trust=certificate),
    )


def test_a_certificate_as_it_was_ordered(tmp_path: Path) -> None:
    settings = local(tmp_path)
    rules = SigningRules(
        index=tmp_path / "issued.db",
        crl_urls=("http://ca.example.org/crl",),
        ocsp_urls=("http://ocsp.example.org",),
        issuer_urls=("http://ca.example.org/ca.crt",),
    )
    answer = issued(open_issuer(replace(settings, rules=rules)).order(order()))
    text = openssl_verifies(tmp_path, answer, tmp_path / "ca.pem")
    for part in ("CA:FALSE", "URI:http://ca.example.org/crl", "OCSP - URI:http://ocsp", "CA Issuers - URI:http://ca"):
        assert part in text
    assert "Authority Key Identifier" in text
    made = x509.load_der_x509_certificate(answer.certificate)
    assert made.serial_number.bit_length() == 159
    assert made.not_valid_before_utc <= datetime.now(UTC)
    left = made.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)
    assert answer.warnings == ()


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_rsa_keys_and_other_hashes(tmp_path: Path, digest: str) -> None:
    settings = local(tmp_path)
    issuer = open_issuer(replace(settings, rules=SigningRules(index=tmp_path / "i", hash_name=digest)))
    text = openssl_verifies(tmp_path, issuer.order(order(private=rsa_key(2048))), tmp_path / "ca.pem")
    assert f"ecdsa-with-{digest.upper()}" in text


def test_key_and_certificates_in_one_pkcs12_file(tmp_path: Path) -> None:
    root = authority("Root")
    below = authority("Issuing CA", root)
    (tmp_path / "root.pem").write_bytes(root.pem)
    (tmp_path / "ca.p12").write_bytes(below.pkcs12(PASSPHRASE, root.certificate))
    settings = LocalCa(
        key=tmp_path / "ca.p12",
        passphrase=lambda: Secret(PASSPHRASE),
        rules=SigningRules(index=tmp_path / "issued.db"),
        checks=Checks(trust=tmp_path / "root.pem"),
    )
    answer = issued(open_issuer(settings).order(order()))
    assert len(answer.chain) == 2
    openssl_verifies(tmp_path, answer, tmp_path / "root.pem")


def test_the_same_order_gives_the_same_certificate(tmp_path: Path) -> None:
    settings, wanted = local(tmp_path), order()
    first = issued(open_issuer(settings).order(wanted))
    again = open_issuer(settings)
    assert again.order(wanted) == first
    assert again.ask(wanted, "") == first
    assert issued(again.order(order("run/bob/9a"))) != first


def test_a_reference_is_for_one_key(tmp_path: Path) -> None:
    issuer = open_issuer(local(tmp_path))
    issuer.order(order())
    for again in (issuer.order, lambda wanted: issuer.ask(wanted, "")):
        with pytest.raises(IssuerRefused, match="another key"):
            again(order(private=key("another")))


def test_what_was_never_issued_may_be_ordered(tmp_path: Path) -> None:
    issuer = open_issuer(local(tmp_path))
    with pytest.raises(IssuerUnreachable, match="nothing was issued"):
        issuer.ask(order(), "")


def test_an_order_that_was_cut_off_left_nothing(tmp_path: Path) -> None:
    """A CA that dies between signing and recording has issued nothing: the next order gets the only certificate."""
    settings = local(tmp_path)
    issuer, wanted = open_issuer(settings), order()
    issuer.order(order("run/first/9a"))
    with sqlite3.connect(tmp_path / "issued.db", isolation_level=None) as dying:
        dying.execute("begin immediate")
        dying.execute("insert into issued select authority, ?, key, certificate from issued", (wanted.reference,))
        dying.execute("rollback")
    dying.close()
    with pytest.raises(IssuerUnreachable):
        issuer.ask(wanted, "")
    assert issuer.order(wanted) == issuer.ask(wanted, "")


def test_many_threads_with_few_orders(tmp_path: Path) -> None:
    settings = local(tmp_path)
    issuers = [open_issuer(settings) for _ in range(4)]
    orders = [order(f"run/{number}/9a") for number in range(5)]
    with ThreadPoolExecutor(8) as pool:
        work = [pool.submit(issuers[turn % 4].order, orders[turn % 5]) for turn in range(40)]
        answers = [issued(each.result()).certificate for each in work]
    assert len(set(answers)) == 5
    assert len({x509.load_der_x509_certificate(der).serial_number for der in answers}) == 5


def test_a_record_that_cannot_be_written(tmp_path: Path) -> None:
    settings = local(tmp_path)
    (tmp_path / "issued.db").write_bytes(b"no database" * 1000)
    with pytest.raises(IssuerUnreachable, match="cannot be used"):
        open_issuer(settings).order(order())


def test_a_record_that_cannot_be_read_says_nothing_about_an_order_before(tmp_path: Path) -> None:
    issuer = open_issuer(local(tmp_path))
    issuer.order(order())
    (tmp_path / "issued.db").write_bytes(b"no database" * 1000)
    with pytest.raises(IssuerUncertain, match="cannot be used"):
        issuer.ask(order(), "")


def test_orders_that_the_ca_cannot_fulfil(tmp_path: Path) -> None:
    issuer = open_issuer(local(tmp_path, days=10))
    with pytest.raises(IssuerRefused, match="longer than the CA itself"):
        issuer.order(order())
    short = ContentsTemplate(subject="CN=x", days=1)
    issuer.order(order(template=short))
    for request in (b"", b"\x30\x00", order().request[:-1] + b"\x00"):
        with pytest.raises(IssuerRefused, match="request"):
            issuer.order(replace(order("other", template=short), request=request))


def test_files_that_are_not_a_ca(tmp_path: Path) -> None:
    settings = local(tmp_path)
    leaf = issued(open_issuer(settings).order(order())).certificate
    (tmp_path / "leaf.pem").write_bytes(x509.load_der_x509_certificate(leaf).public_bytes(Encoding.PEM))
    wrong: list[tuple[LocalCa, str]] = [
        (replace(settings, certificate=tmp_path / "leaf.pem"), "not of the key"),
        (replace(settings, certificate=None), "no certificate"),
        (replace(settings, certificate=tmp_path / "none.pem"), "cannot read"),
        (replace(settings, key=tmp_path / "ca.pem"), "no private key"),
        (replace(settings, passphrase=lambda: Secret(PASSPHRASE)), "not encrypted"),
        (replace(settings, rules=SigningRules(index=tmp_path / "i", hash_name="md5")), "md5"),
    ]
    for case, message in wrong:
        with pytest.raises(InputError, match=message):
            open_issuer(case)


def test_an_expired_ca_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not now"):
        open_issuer(local(tmp_path, days=-0.5))


# The CA's key on a card


class Ask:
    """The CA's PIN, and how often it was asked for."""

    def __init__(self, pin: bytes) -> None:
        self.pin = pin
        self.times = 0

    def __call__(self) -> Secret:
        self.times += 1
        return Secret(self.pin)


@pytest.fixture
def on_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Ask], CardCa]:
    """Make a software card with a CA's key and certificate, below a root; its settings."""
    monkeypatch.setenv("CARDCORE_SOFT_DIR", str(tmp_path / "cards"))
    root = authority("Root")
    (tmp_path / "root.pem").write_bytes(root.pem)

    def made(kind: str, pin: Ask) -> CardCa:
        SoftCardStore().create("ca", "piv", cost=COST)
        with cardcore.open_card("soft:ca") as card:
            card.authenticate_admin(ADMIN)
            public = card.generate("9c", kind)
            name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CA on a card")])
            now = datetime.now(UTC)
            builder = x509.CertificateBuilder().subject_name(name).public_key(public)
            builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=100))
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            builder = builder.add_extension(CA_USAGE, critical=True)
            builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            card.write_certificate("9c", root.sign(builder))
        rules = SigningRules(index=tmp_path / "issued.db")
        return CardCa(reader="soft:ca", key="9c", pin=pin, rules=rules, checks=Checks(trust=tmp_path / "root.pem"))

    return made


@pytest.mark.parametrize("kind", ["rsa2048", "ecp256"])
def test_a_key_on_a_card_issues(on_card: Callable[[str, Ask], CardCa], tmp_path: Path, kind: str) -> None:
    pin = Ask(PIN)
    issuer = open_issuer(on_card(kind, pin))
    assert pin.times == 0
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(issuer.order, [order(f"run/{number % 3}/9a") for number in range(6)]))
    assert len({issued(answer).certificate for answer in answers}) == 3
    openssl_verifies(tmp_path, answers[0], tmp_path / "root.pem")
    assert pin.times == 1
    issuer.close()
    issuer.close()


def test_a_refused_pin_is_not_tried_again(on_card: Callable[[str, Ask], CardCa]) -> None:
    settings = on_card("ecp256", Ask(b"999999"))
    issuer = open_issuer(settings)
    for number in range(4):
        with pytest.raises(IssuerUnreachable, match="cannot sign"):
            issuer.order(order(f"run/{number}/9a"))
    issuer.close()
    with cardcore.open_card("soft:ca") as card:
        assert card.pin_status().tries_left == 2


def test_another_card_in_the_reader_of_the_ca(
    on_card: Callable[[str, Ask], CardCa], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = on_card("ecp256", Ask(PIN))
    issuer = open_issuer(settings)
    with cardcore.open_card("soft:ca") as card:
        card.authenticate_admin(ADMIN)
        card.generate("9c", "ecp256")
    with pytest.raises(IssuerUnreachable, match="not the key of the CA"):
        issuer.order(order())
    with pytest.raises(IssuerUnreachable, match="nothing was issued"):
        issuer.ask(order(), "")
    issuer.close()


def test_a_card_without_the_certificate(on_card: Callable[[str, Ask], CardCa]) -> None:
    settings = on_card("ecp256", Ask(PIN))
    with pytest.raises(InputError, match="holds no certificate"):
        open_issuer(replace(settings, key="9a"))
    with pytest.raises(CardError):
        open_issuer(replace(settings, reader="soft:nobody"))
