"""cert: certificates and requests that the card signs, checked with OpenSSL."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from cardcore import certificates
from cardcore.certificates import Signer
from cardcore.errors import InputError
from cardcore.keytypes import Kind
from cardcore.profile.model import Scheme, Usage
from tests.unit.cli.openssl import openssl
from tests.unit.cli.shell import Shell

NAME = "CN=Alice,O=Example\\, Inc.,C=DE"
PIN_OPTION, ADMIN_OPTION = ("--pin", "env:PIN"), ("--admin", "env:ADMIN")


@pytest.mark.parametrize("digest", certificates.HASHES)
@pytest.mark.parametrize(("kind", "scheme"), [("rsa2048", "pkcs1"), ("rsa2048", "pss"), ("ecp256", "ecdsa")])
def test_openssl_takes_requests_and_certificates(shell: Shell, kind: str, scheme: str, digest: str) -> None:
    shell.generate("9a", kind)
    wishes = ("9a", "--subject", NAME, "--hash", digest, "--scheme", scheme, *PIN_OPTION)
    shell.ok("cert", "request", *wishes, "--out", "a.csr")
    assert b"Example, Inc." in openssl("req", "-in", "a.csr", "-verify", "-noout", "-subject")
    shell.ok("cert", "self-sign", *wishes, *ADMIN_OPTION, "--days", "30", "--out", "a.crt")
    openssl("verify", "-check_ss_sig", "-x509_strict", "-CAfile", "a.crt", "a.crt")
    text = openssl("x509", "-in", "a.crt", "-noout", "-text").decode()
    assert "CA:FALSE" in text
    assert "Digital Signature, Non Repudiation" in text
    assert ("Key Encipherment" if kind == "rsa2048" else "Key Agreement") in text
    assert openssl("x509", "-in", "a.crt", "-noout", "-pubkey") == (shell.folder / "9a.pem").read_bytes()
    assert shell.ok("cert", "export", "9a").raw == (shell.folder / "a.crt").read_bytes()


def test_a_key_that_wants_its_pin_each_time(shell: Shell) -> None:
    shell.generate("9c", "ecp256")
    shell.ok("cert", "self-sign", "9c", "--subject", NAME, *PIN_OPTION, *ADMIN_OPTION)
    assert shell.document("key", "list")["keys"][0]["certificate"] is True


def test_import_export_delete(shell: Shell) -> None:
    shell.generate("9a", "rsa2048")
    shell.ok("cert", "self-sign", "9a", "--subject", NAME, *PIN_OPTION, "--no-store", "--der", "--out", "a.der")
    assert "no certificates" in shell.ok("cert", "list").out
    shell.ok("cert", "import", "9a", "a.der", *ADMIN_OPTION)
    assert shell.ok("cert", "export", "9a", "--der").raw == (shell.folder / "a.der").read_bytes()
    listed = shell.document("cert", "list")["certificates"]
    assert [(entry["key"], entry["subject"]) for entry in listed] == [("9a", NAME)]
    assert "Alice" in shell.ok("cert", "list").out
    shell.ok("cert", "delete", "9a", *ADMIN_OPTION)
    assert shell.card("cert", "export", "9a").status == 1


def test_one_that_is_not_there_is_not_deleted(shell: Shell) -> None:
    """It is told before a secret is asked for; one that cannot be read can be deleted all the same."""
    shell.generate("9a", "ecp256")
    ended = shell.card("--json", "cert", "delete", "9a")
    assert (ended.status, ended.error["code"]) == (1, "not-found")
    shell.ok("object", "write", "5FC105", shell.file("damaged", b"\x70\x03\x30\x01\x00"), "--admin", "env:ADMIN")
    assert shell.card("cert", "export", "9a").status == 1
    shell.ok("cert", "delete", "9a", "--admin", "env:ADMIN")
    assert shell.card("--json", "cert", "delete", "9a").error["code"] == "not-found"


def test_a_foreign_certificate_is_refused_unless_forced(shell: Shell) -> None:
    shell.generate("9a", "rsa2048")
    shell.generate("9d", "ecp256")
    pem = shell.ok("cert", "self-sign", "9d", "--subject", NAME, *PIN_OPTION, *ADMIN_OPTION).raw
    ended = shell.card("--json", "cert", "import", "9a", "-", *ADMIN_OPTION, stdin=pem)
    assert ended.error["code"] == "input"
    assert "--force" in ended.error["hint"]
    shell.ok("cert", "import", "9a", "-", "--force", *ADMIN_OPTION, stdin=pem)


def test_what_is_no_certificate_or_name(shell: Shell) -> None:
    shell.generate("9a", "ecp256")
    for content in (b"", b"-----BEGIN CERTIFICATE-----", b"\x30\x00"):
        assert shell.card("cert", "import", "9a", "-", *ADMIN_OPTION, stdin=content).status == 1
    for name in ("", "Alice", "CN="):
        assert shell.card("cert", "request", "9a", "--subject", name, *PIN_OPTION).status in (0, 1)
    assert shell.card("cert", "request", "9a", "--subject", "nonsense", *PIN_OPTION).status == 1
    assert shell.card("cert", "self-sign", "9a", "--subject", NAME, "--days", "0").status == 2


def test_the_wrong_public_key_is_found_out(shell: Shell) -> None:
    shell.generate("9a", "rsa2048")
    other = shell.generate("9d", "rsa2048")
    for line in (("request", "9a"), ("self-sign", "9a", "--no-store")):
        ended = shell.card("cert", *line, "--subject", NAME, "--public", other, *PIN_OPTION)
        assert ended.status == 1
        assert "--public" in ended.err
    shell.ok("cert", "request", "9a", "--subject", NAME, "--public", str(shell.folder / "9a.pem"), *PIN_OPTION)


# The library module, without a card


def signer(kind: Kind, scheme: Scheme | None = None, digest: str = "sha256") -> Signer:
    algorithm = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[digest]
    if kind is Kind.EC:
        curve = ec.generate_private_key(ec.SECP384R1())
        return Signer(public=curve.public_key(), sign=lambda data: curve.sign(data, ec.ECDSA(algorithm)))
    key = rsa.generate_private_key(65537, 2048)
    pss = padding.PSS(mgf=padding.MGF1(algorithm), salt_length=algorithm.digest_size)
    used = pss if scheme is Scheme.PSS else padding.PKCS1v15()
    return Signer(
        public=key.public_key(), sign=lambda data: key.sign(data, used, algorithm), hash_name=digest, scheme=scheme
    )


@pytest.mark.parametrize("kind", list(Kind))
def test_the_parts_of_a_certificate(kind: Kind) -> None:
    now = datetime(2049, 12, 31, 23, 0, tzinfo=UTC)
    made = signer(kind)
    name = certificates.parse_name("CN=Alice,E=alice@example.org")
    der = certificates.self_signed(name, made, days=1, usage=frozenset(Usage), now=now)
    found = x509.load_der_x509_certificate(der)
    found.verify_directly_issued_by(found)
    assert (found.version, found.subject, found.issuer) == (x509.Version.v3, name, name)
    assert (found.not_valid_before_utc, found.not_valid_after_utc) == (now, now.replace(year=2050, month=1, day=1))
    assert found.serial_number.bit_length() == 159
    assert found.extensions.get_extension_for_class(x509.BasicConstraints).critical
    usage = found.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_encipherment, usage.key_agreement) == (kind is Kind.RSA, kind is Kind.EC)
    identifier = found.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert identifier == x509.SubjectKeyIdentifier.from_public_key(made.public)


def test_the_same_structure_as_another_library_makes() -> None:
    """Only what is random or the signature differs from a certificate by `cryptography`."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = Signer(public=key.public_key(), sign=lambda data: key.sign(data, ec.ECDSA(hashes.SHA256())))
    name = certificates.parse_name("CN=Alice")
    now = datetime(2030, 1, 1, tzinfo=UTC)
    ours = x509.load_der_x509_certificate(certificates.self_signed(name, made, days=365, now=now))
    builder = x509.CertificateBuilder(name, name, key.public_key(), ours.serial_number)
    builder = builder.not_valid_before(now).not_valid_after(ours.not_valid_after_utc)
    for extension in ours.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    assert builder.sign(key, hashes.SHA256()).tbs_certificate_bytes == ours.tbs_certificate_bytes


def test_a_request_has_the_right_signature() -> None:
    for made in (signer(Kind.RSA), signer(Kind.RSA, Scheme.PSS, "sha384"), signer(Kind.EC)):
        found = x509.load_der_x509_csr(certificates.request(certificates.parse_name("CN=A"), made))
        assert found.is_signature_valid
        assert len(found.extensions) == 0


@pytest.mark.parametrize(
    ("kind", "digest", "scheme"),
    [
        (Kind.RSA, "md5", None),
        (Kind.RSA, "sha256", Scheme.ECDSA),
        (Kind.EC, "sha256", Scheme.PSS),
        (Kind.RSA, "sha256", Scheme.OAEP),
    ],
)
def test_what_does_not_go_together(kind: Kind, digest: str, scheme: Scheme | None) -> None:
    with pytest.raises(InputError):
        certificates.algorithm_identifier(kind, digest, scheme)


def test_bounds() -> None:
    name = certificates.parse_name("CN=A")
    for days in (0, certificates.MAX_DAYS + 1):
        with pytest.raises(InputError):
            certificates.self_signed(name, signer(Kind.EC), days=days)
    for text in ("", "nonsense", "CN"):
        with pytest.raises(InputError, match="distinguished name"):
            certificates.parse_name(text)
