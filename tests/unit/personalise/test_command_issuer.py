"""A command as the CA: openssl ca itself, and scripts that go wrong."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from cardcore.errors import CardError
from cardcore.personalise.issuers import open_issuer
from cardcore.personalise.issuers.base import (
    IssuerRefused,
    IssuerUncertain,
    IssuerUnreachable,
    Pending,
    WrongCertificate,
)
from cardcore.personalise.issuers.settings import Checks, CommandCa
from tests.unit.personalise.authority import authority, files, issued, openssl_verifies, order

CONFIGURATION = """
[ca]
default_ca = test
[test]
database = {folder}/index.txt
new_certs_dir = {folder}
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
x509_extensions = leaf
[any]
organizationName = optional
commonName = supplied
[leaf]
basicConstraints = critical, CA:FALSE
authorityKeyIdentifier = keyid
subjectKeyIdentifier = hash
"""


def script(*lines: str) -> CommandCa:
    return CommandCa(arguments=(sys.executable, "-c", "\n".join(("import os, sys, time", *lines))))


def test_openssl_ca(tmp_path: Path) -> None:
    certificate, _ = files(tmp_path, authority())
    (tmp_path / "index.txt").touch()
    (tmp_path / "ca.cnf").write_text(CONFIGURATION.format(folder=tmp_path))
    line = "openssl ca -batch -notext -utf8 -config {cnf} -days {days} -in {request} -out {certificate}"
    arguments = tuple(str(tmp_path / "ca.cnf") if word == "{cnf}" else word for word in line.split())
    issuer = open_issuer(CommandCa(arguments=arguments, checks=Checks(trust=certificate)))
    answer = issued(issuer.order(order()))
    assert answer.warnings == ()
    assert "UPN::anne@example.org" in openssl_verifies(tmp_path, answer, certificate)
    issuer.close()


def test_request_in_and_certificate_out_by_pipes(tmp_path: Path) -> None:
    certificate, key = files(tmp_path, authority())
    line = ["openssl", "x509", "-req", "-copy_extensions", "copy", "-days", "{days}"]
    settings = CommandCa(arguments=(*line, "-CA", str(certificate), "-CAkey", str(key)))
    openssl_verifies(tmp_path, open_issuer(settings).order(order()), certificate)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (69, IssuerUnreachable),
        (75, IssuerUnreachable),
        (65, IssuerRefused),
        (77, IssuerRefused),
        (1, IssuerUncertain),
        (255, IssuerUncertain),
    ],
)
def test_what_exit_statuses_mean(status: int, error: type[CardError]) -> None:
    settings = script("print('the database\\n\\x1b[31mis locked', file=sys.stderr)", f"sys.exit({status})")
    with pytest.raises(error, match="is locked") as caught:
        open_issuer(settings).order(order())
    assert "\x1b" not in caught.value.message


def test_a_command_that_dies() -> None:
    with pytest.raises(IssuerUncertain, match="-9"):
        open_issuer(script("os.kill(os.getpid(), 9)")).order(order())


def test_a_command_that_is_slow() -> None:
    began = time.monotonic()
    with pytest.raises(IssuerUncertain, match=r"within 0\.5 seconds"):
        open_issuer(replace(script("time.sleep(60)"), timeout=0.5)).order(order())
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("place", ["/nowhere/at/all", "/etc/passwd"])
def test_a_command_that_cannot_be_run(place: str) -> None:
    with pytest.raises(IssuerUnreachable, match="cannot be run"):
        open_issuer(CommandCa(arguments=(place,))).order(order())


@pytest.mark.parametrize("output", ["", "<html>", "-----BEGIN CERTIFICATE-----"])
def test_success_without_a_certificate_is_uncertain(output: str) -> None:
    with pytest.raises(IssuerUncertain, match="no certificate"):
        open_issuer(script(f"print({output!r})")).order(order())


def test_more_output_than_any_certificate_has() -> None:
    with pytest.raises(IssuerUncertain, match="1048576"):
        open_issuer(script("sys.stdout.write('x' * (2 << 20))")).order(order())


def test_a_certificate_for_another_key(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(authority().pem)
    with pytest.raises(WrongCertificate, match="another key"):
        open_issuer(script(f"print(open({str(tmp_path / 'ca.pem')!r}).read())")).order(order())


def test_later(tmp_path: Path) -> None:
    wanted = order()
    ca = authority()
    (tmp_path / "leaf.der").write_bytes(issued_der := ca.issue(wanted).public_bytes(Encoding.DER))
    asking = script(
        "assert os.environ['CARDCORE_TOKEN'] == 'ticket 7'",
        f"sys.stdout.buffer.write(open({str(tmp_path / 'leaf.der')!r}, 'rb').read())",
    ).arguments
    settings = replace(script("print('ticket 7')", "sys.exit(3)"), pending=frozenset({3}), ask=asking)
    issuer = open_issuer(settings)
    answer = issuer.order(wanted)
    assert answer == Pending(token="ticket 7")
    assert isinstance(answer, Pending)
    assert issued(issuer.ask(wanted, answer.token)).certificate == issued_der


def test_asking_a_command_that_cannot_tell() -> None:
    with pytest.raises(IssuerUncertain, match="cannot be asked") as caught:
        open_issuer(script("sys.exit(75)")).ask(order(), "ticket")
    assert caught.value.token == "ticket"


def test_a_command_that_cannot_be_run_says_nothing_about_an_order_before() -> None:
    """Else the order would count as never given, and be given again."""
    gone = ("/nowhere/at/all",)
    for settings in (CommandCa(arguments=gone, ask=gone), replace(script("sys.exit(75)"), idempotent=True)):
        with pytest.raises(IssuerUncertain) as caught:
            open_issuer(settings).ask(order(), "ticket")
        assert caught.value.token == "ticket"
    with pytest.raises(IssuerUnreachable):  # the command that asks knows that there is none
        open_issuer(CommandCa(arguments=gone, ask=script("sys.exit(75)").arguments)).ask(order(), "ticket")


def test_the_environment_holds_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CA_PIN", "123456")
    monkeypatch.setenv("CA_PLACE", "here")
    check = "sys.exit(75 if 'CA_PIN' not in os.environ and os.environ['CA_PLACE'] == 'here' else 1)"
    with pytest.raises(IssuerUnreachable):
        open_issuer(replace(script(check), environment=("CA_PLACE",))).order(order())
    told = "sys.exit(75 if os.environ['CARDCORE_REFERENCE'] == 'run/anne/9a' else 1)"
    with pytest.raises(IssuerUnreachable):
        open_issuer(script(told)).order(order())
