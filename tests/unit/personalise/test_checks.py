"""What an issuer returns is checked before it goes to a card."""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from cardcore.errors import InputError
from cardcore.personalise.issuers.base import Issued, IssuerRefused, Order, Pending, WrongCertificate
from cardcore.personalise.issuers.checking import CheckedIssuer, Checker
from cardcore.personalise.issuers.settings import Checks, Strictness
from tests.unit.personalise.authority import Authority, authority, issued, key, order

CA = authority()
WANTED = order()
NOW = datetime.now(UTC)
WARN = Checks(contents=Strictness.WARN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """An issuer that always gives the same answer."""

    answer: Issued | Pending

    def order(self, order: Order) -> Issued | Pending:
        return self.answer

    def ask(self, order: Order, token: str) -> Issued | Pending:
        return self.answer

    def close(self) -> None:
        pass


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def checked(certificate: x509.Certificate | bytes, checks: Checks = WARN, *chain: x509.Certificate) -> Issued:
    data = certificate if isinstance(certificate, bytes) else der(certificate)
    answer = Issued(certificate=data, chain=tuple(map(der, chain)))
    issuer = CheckedIssuer(Fixed(answer=answer), Checker(checks))
    assert issuer.ask(WANTED, "") == issuer.order(WANTED)
    return issued(issuer.order(WANTED))


def test_what_is_as_ordered_passes() -> None:
    assert checked(CA.issue(WANTED), Checks()).warnings == ()
    pending = Pending(token="t", after=3.0)
    assert CheckedIssuer(Fixed(answer=pending), Checker(Checks())).order(WANTED) == pending


@pytest.mark.parametrize("data", [b"", b"\x30\x00", b"<html>", der(CA.issue(WANTED))[:-1]])
def test_what_is_no_certificate(data: bytes) -> None:
    with pytest.raises(WrongCertificate, match="unusable"):
        checked(data)


def useless() -> dict[str, x509.CertificateBuilder]:
    plain = x509.CertificateBuilder().subject_name(CA.certificate.subject).not_valid_before(NOW - timedelta(days=9))
    until = plain.not_valid_after(NOW + timedelta(days=9))
    own = key(WANTED.reference).public_key()
    return {
        "another key": until.public_key(key("another").public_key()),
        "a CA's": until.public_key(own).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True),
        "expired": plain.not_valid_after(NOW - timedelta(days=1)).public_key(own),
    }


@pytest.mark.parametrize("what", ["another key", "a CA's", "expired"])
def test_what_can_never_be_used_is_refused_even_if_only_warnings_are_wanted(what: str) -> None:
    with pytest.raises(WrongCertificate, match=what) as caught:
        checked(CA.sign(useless()[what]))
    assert isinstance(caught.value, IssuerRefused)
    assert "revoke" in caught.value.hint


def test_a_key_of_an_odd_kind() -> None:
    odd = ed25519.Ed25519PrivateKey.generate().public_key()
    builder = x509.CertificateBuilder().subject_name(CA.certificate.subject).public_key(odd)
    with pytest.raises(WrongCertificate, match="another key"):
        checked(CA.sign(builder.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))))


SAN, EKU, USAGE = "2.5.29.17", "2.5.29.37", "2.5.29.15"


def changed() -> dict[str, x509.CertificateBuilder]:
    """Certificates in which one thing is another than ordered, by what the warning says of it."""
    request = x509.load_der_x509_csr(WANTED.request)
    other = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Eve")])
    whole = x509.CertificateBuilder().public_key(request.public_key())
    for entry in request.extensions:
        whole = whole.add_extension(entry.value, entry.critical)
    named = whole.subject_name(request.subject)
    eve = x509.SubjectAlternativeName([x509.RFC822Name("eve@example.org")])
    usages = request.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    more = x509.ExtendedKeyUsage([*usages, x509.oid.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])
    end = NOW + timedelta(days=30)
    return {
        "subject is CN=Eve": whole.subject_name(other).not_valid_before(NOW).not_valid_after(end),
        "longer than 30 days": named.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=60)),
        "not valid before": named.not_valid_before(NOW + timedelta(days=2)).not_valid_after(end),
        "subjectAltName is missing or another": CA.builder(WANTED, SAN).add_extension(eve, critical=False),
        "extendedKeyUsage is missing or another": CA.builder(WANTED, EKU).add_extension(more, critical=False),
        "keyUsage is missing or another": CA.builder(WANTED, USAGE),
    }


@pytest.mark.parametrize("what", list(changed()))
def test_what_is_otherwise_than_ordered(what: str) -> None:
    made = CA.sign(changed()[what])
    (warning,) = checked(made).warnings
    assert what in warning
    with pytest.raises(WrongCertificate, match=what):
        checked(made, Checks())


def test_the_way_to_a_trusted_ca(tmp_path: Path) -> None:
    root, stranger = authority("Root"), authority("Stranger")
    below = authority("Below", root)
    (tmp_path / "root.pem").write_bytes(stranger.pem + root.pem)
    checks = Checks(trust=tmp_path / "root.pem")
    checked(below.issue(WANTED), checks, below.certificate)
    checked(root.issue(WANTED), checks)
    for made, chain in (
        (below.issue(WANTED), ()),
        (CA.issue(WANTED), (CA.certificate,)),
        (Authority(key=stranger.key, certificate=root.certificate).issue(WANTED), ()),
    ):
        with pytest.raises(WrongCertificate, match="does not lead to a trusted CA"):
            checked(made, checks, *chain)


def test_what_no_ca_issued_leads_nowhere(tmp_path: Path) -> None:
    """A certificate below one that may not issue others, and below one that expired."""
    root = authority("Root")
    (tmp_path / "root.pem").write_bytes(root.pem)
    holder = Authority(key=key("holder"), certificate=root.issue(order(private=key("holder"))))
    old = authority("Old", root, days=-0.5)
    for above in (holder, old):
        with pytest.raises(WrongCertificate, match="does not lead to a trusted CA"):
            checked(above.issue(WANTED), Checks(trust=tmp_path / "root.pem"), above.certificate)


def test_a_file_of_trusted_cas_that_holds_none(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("nothing")
    with pytest.raises(InputError):
        Checker(Checks(trust=tmp_path / "root.pem"))


@pytest.mark.filterwarnings("ignore:Parsed a serial number:cryptography.utils.CryptographyDeprecationWarning")
def test_a_certificate_that_was_changed_at_any_place(tmp_path: Path) -> None:
    """Without a trusted CA it may be something else that can be read; with one it is what was signed."""
    (tmp_path / "root.pem").write_bytes(CA.pem)
    whole = der(CA.issue(WANTED))
    trusting = Checker(Checks(contents=Strictness.WARN, trust=tmp_path / "root.pem"))
    believing = Checker(WARN)
    assert trusting.checked(WANTED, Issued(certificate=whole)).certificate == whole
    signed = x509.load_der_x509_certificate(whole).tbs_certificate_bytes
    for place, change in itertools.product(range(len(whole)), (0x01, 0x80)):
        answer = Issued(certificate=whole[:place] + bytes([whole[place] ^ change]) + whole[place + 1 :])
        with suppress(WrongCertificate):
            believing.checked(WANTED, answer)
        with suppress(WrongCertificate):  # how many bits of its last byte a signature does not use is not signed
            passed = trusting.checked(WANTED, answer)
            assert x509.load_der_x509_certificate(passed.certificate).tbs_certificate_bytes == signed
