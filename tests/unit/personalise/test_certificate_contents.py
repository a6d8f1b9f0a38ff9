"""What a plan and a holder's record make of a certificate: subject, alternative names, usages."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from cardcore.certificates import MAX_DAYS
from cardcore.errors import InputError
from cardcore.personalise import certificate_contents as contents_of
from cardcore.personalise.certificate_contents import Contents, ContentsTemplate
from cardcore.personalise.requests import certificate_request, software_signer
from cardcore.profile.model import Usage
from tests.unit.cli.openssl import openssl
from tests.unit.core.rsakeys import rsa_key
from tests.unit.personalise.authority import FIELDS, TEMPLATE, key

SID = "S-1-5-21-397955417-626881126-188441444-512"
PRINTABLE = st.text(
    st.characters(exclude_categories=("C", "Z"), include_characters=' ,+"\\<>;=#{}'), min_size=1, max_size=40
).filter(lambda text: len(text.encode()) <= 64)  # `cryptography` counts the bytes of a common name


@given(PRINTABLE)
def test_no_record_adds_a_part_to_the_subject(value: str) -> None:
    made = ContentsTemplate(subject="CN={name},O=Example", days=1).render({"name": value})
    assert [(entry.oid, entry.value) for entry in made.name()] == [
        (x509.NameOID.ORGANIZATION_NAME, "Example"),
        (x509.NameOID.COMMON_NAME, value),
    ]


@pytest.mark.parametrize(
    "value", ["Eve,O=Other", "Eve+UID=0", "#0c03", '"Eve"', "Eve\\", "\\,O=Other", " Eve ", "{upn}"]
)
def test_attempts_to_break_out_of_the_subject(value: str) -> None:
    made = ContentsTemplate(subject="CN={name} (staff),O=Example", days=1).render({"name": value, "upn": "x"})
    organisation, common = made.name()
    assert (common.value, organisation.value) == (f"{value} (staff)", "Example")


@pytest.mark.parametrize("value", ["", "a\x00b", "a\nO=Other", "a\x7f", "\ud800", "\u2028", "x" * 257])
def test_records_that_cannot_stand_in_a_certificate(value: str) -> None:
    with pytest.raises(InputError, match="field name"):
        ContentsTemplate(subject="CN={name}", days=1).render({"name": value})


def test_a_missing_field() -> None:
    with pytest.raises(InputError, match="no field mail"):
        TEMPLATE.render({"name": "x", "upn": "a@b"})
    assert TEMPLATE.columns == {"name", "upn", "mail"}


@pytest.mark.parametrize(
    "wishes",
    [
        ContentsTemplate(subject="CN=x", days=1, upn="{x}"),
        ContentsTemplate(subject="CN=x", days=1, email="{x}"),
        ContentsTemplate(subject="CN=x", days=1, dns=("{x}",)),
        ContentsTemplate(subject="CN=x", days=1, sid="{x}"),
    ],
)
@pytest.mark.parametrize("value", ["a b", "@", "a@b@c", "ä@ö@ü", "-", "S-1-", "a..b", "x y@z"])
def test_alternative_names_have_to_be_what_they_say(wishes: ContentsTemplate, value: str) -> None:
    with pytest.raises(InputError, match="for a certificate"):
        wishes.render({"x": value})


def test_plans_that_mean_nothing() -> None:
    for days in (0, MAX_DAYS + 1):
        with pytest.raises(InputError, match="days"):
            ContentsTemplate(subject="CN=x", days=days)
    for name in ("logon", "1", "3.1", "1..2", "1.2.x"):
        with pytest.raises(InputError, match="extended key usage"):
            ContentsTemplate(subject="CN=x", days=1, eku=(name,))
    with pytest.raises(InputError, match="key usage"):
        ContentsTemplate(subject="CN=x", days=1, key_usage=("keyCertSign",))
    with pytest.raises(InputError, match="distinguished name"):
        ContentsTemplate(subject="nonsense", days=1).render({})


@pytest.mark.parametrize(
    ("usage", "rsa", "elliptic"),
    [
        ({Usage.SIGN}, {"digital-signature"}, {"digital-signature"}),
        ({Usage.DECIPHER, Usage.AGREE}, {"key-encipherment"}, {"key-agreement"}),
        (set(Usage), {"digital-signature", "key-encipherment"}, {"digital-signature", "key-agreement"}),
    ],
)
def test_key_usage_by_what_the_key_is_for(usage: set[Usage], rsa: set[str], elliptic: set[str]) -> None:
    made = ContentsTemplate(subject="CN=x", days=1).render({}, frozenset(usage))
    assert made.key_usage_for(rsa_key(2048).public_key()) == rsa
    assert made.key_usage_for(key("x").public_key()) == elliptic


def test_a_key_usage_that_such_a_key_cannot_have() -> None:
    wanted = Contents(subject="CN=x", days=1, key_usage=("key-encipherment", "non-repudiation"))
    assert wanted.key_usage_for(rsa_key(2048).public_key()) == {"key-encipherment", "non-repudiation"}
    with pytest.raises(InputError, match="key-encipherment"):
        wanted.key_usage_for(ec.generate_private_key(ec.SECP256R1()).public_key())


def test_openssl_reads_the_request(tmp_path: Path) -> None:
    template = ContentsTemplate(
        subject="CN={name},O=Example",
        days=1,
        upn="{upn}",
        email="{mail}",
        dns=("host.example.org",),
        eku=("client-auth", "smartcard-logon", "1.2.3.4"),
        key_usage=("digital-signature", "non-repudiation"),
        sid=SID,
    )
    made = certificate_request(template.render(FIELDS), software_signer(key("x")))
    text = openssl("req", "-inform", "DER", "-verify", "-noout", "-text", "-nameopt", "utf8", stdin=made).decode()
    assert "Subject: O=Example, CN=Änne O'Hara" in text
    assert "Digital Signature, Non Repudiation" in text
    assert "TLS Web Client Authentication, Microsoft Smartcard Login, 1.2.3.4" in text
    assert "email:a.ohara@example.org, DNS:host.example.org" in text
    assert "othername: UPN::anne@example.org" in text
    found = x509.load_der_x509_csr(made).extensions.get_extension_for_oid(
        x509.ObjectIdentifier(contents_of.SID_EXTENSION)
    )
    assert isinstance(found.value, x509.UnrecognizedExtension)
    assert openssl("asn1parse", "-inform", "DER", stdin=found.value.value).decode().count("OCTET STRING") == 1
    assert SID.encode() in found.value.value


def test_the_security_identifier_byte_by_byte() -> None:
    """The example of [MS-WCCE] 2.2.2.7.7.4, put together by hand from its ASN.1."""
    wanted = Contents(subject="CN=x", days=1, sid="S-1-5-21-1-2-3-4")
    (found,) = [
        entry.value
        for entry in contents_of.extensions(wanted, key("x").public_key())
        if isinstance(entry.value, x509.UnrecognizedExtension)
    ]
    text = b"S-1-5-21-1-2-3-4"
    inner = (
        bytes.fromhex("060a2b060104018237190201")
        + b"\xa0"
        + bytes([len(text) + 2])
        + b"\x04"
        + bytes([len(text)])
        + text
    )
    assert found.value == b"\x30" + bytes([len(inner) + 2]) + b"\xa0" + bytes([len(inner)]) + inner
