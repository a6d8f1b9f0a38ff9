"""`cardcore personalise` with a CA that speaks CMP: OpenSSL's server, and OpenSSL's opinion of what is on the card."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12

from cardcore.personalise.certificate_contents import ContentsTemplate, extensions
from tests.unit.cli.openssl import openssl
from tests.unit.cli.shell import QUICK, Shell
from tests.unit.personalise.authority import Authority, authority
from tests.unit.personalise.cmp_openssl import mock_server
from tests.unit.personalise.killed import MASTER
from tests.unit.personalise.plans import folder_of
from tests.unit.personalise.small_plans import ONE, SMALL

PASSPHRASE = "for tests only"
NAME = "CN=Anne O'Hara,O=Example"
LOCAL = "{local: {certificate: ca.pem, key: ca.key}}"
GENERATED = "{type: ecp256, certificate: {issuer: staff, subject: "
IMPORTED = (
    '{import: {pkcs12: "{employee}.p12", passphrase: env:P12}, '
    "certificate: {issuer: staff, key_usage: digital-signature, subject: "
)


def plan_with(url: str, *, how: str = "") -> str:
    """The plan: a key that is imported, because OpenSSL's server has its certificate before it is asked for."""
    cmp = (
        f"{{cmp: {{url: {url}, trust: root.pem, secret_reference: station, secret: env:CMP, checks: {{trust: root.pem}}"
    )
    lines = SMALL["piv"].replace(LOCAL, f"{cmp}{how}}}}}").replace(GENERATED, IMPORTED).splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("      9c:"))


def key_and_certificate(folder: Path, ca: Authority) -> Path:
    """The holder's key in a file, and the certificate that the CA will issue for it."""
    private = ec.generate_private_key(ec.SECP256R1())
    store = pkcs12.serialize_key_and_certificates(
        b"anne", private, None, None, BestAvailableEncryption(PASSPHRASE.encode())
    )
    (folder / "1001.p12").write_bytes(store)
    contents = ContentsTemplate(
        subject=NAME, email="anne@example.org", days=30, key_usage=("digital-signature",)
    ).render({})
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(contents.name()).public_key(private.public_key())
    made = made.not_valid_before(now).not_valid_after(now + timedelta(days=30))
    for entry in extensions(contents, private.public_key()):
        made = made.add_extension(entry.value, entry.critical)
    issued = folder / "issued.pem"
    issued.write_bytes(ca.sign(made).public_bytes(Encoding.PEM))
    return issued


@pytest.fixture
def bureau(shell: Shell) -> Shell:
    for name, value in (("MASTER", MASTER), ("P12", PASSPHRASE), ("CMP", "correct horse")):
        shell.monkeypatch.setenv(name, value)
    shell.store.create("one", "piv", blank=True, cost=QUICK)
    return shell


def test_a_card_whose_certificate_comes_by_cmp(bureau: Shell) -> None:
    ca, folder = authority(), bureau.folder
    answer = key_and_certificate(folder, ca)
    (folder / "root.pem").write_bytes(ca.pem)
    secret = ("-srv_ref", "station", "-srv_secret", "pass:correct horse")
    with mock_server(folder, ca, *secret, "-rsp_cert", answer, "-poll_count", "1", "-check_after", "1") as (
        url,
        forward,
    ):
        plan = folder_of(folder, plan_with(url, how=", wait: 0"), ONE)
        first = bureau("--json", "personalise", str(plan), "--reader", "soft:one")
        assert '"reason": "certificate-pending"' in first.out, first.out + first.err
        ended = bureau("--json", "personalise", str(plan), "--reader", "soft:one", "--resume")
    assert ended.status == 0, ended.out + ended.err
    (folder / "card.pem").write_bytes(bureau("--reader", "soft:one", "cert", "export", "9a").raw)
    openssl("verify", "-x509_strict", "-CAfile", folder / "root.pem", folder / "card.pem")
    assert (folder / "card.pem").read_bytes() == answer.read_bytes()
    assert len(forward.asked) >= 4
    assert "correct horse" not in first.out + first.err + ended.out + ended.err
    assert b"correct horse" not in b"".join(file.read_bytes() for file in folder.glob("plan.journal*"))
