"""The vendor's extensions of the PIV application: metadata, touch policies, attestation, moving and deleting keys."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cardcore.tlv import encode, require
from tests.unit.softcard.pivhost import OK, OTHER_PIN, OTHER_PUK, Host


def test_metadata_of_what_is_not_there(host: Host) -> None:
    """6A88 for a slot without a key, and for fingerprints (96): so tools learn that there are none."""
    assert host.status(0xF7, 0x00, 0x9A) == host.status(0xF7, 0x00, 0x96) == 0x6A88


def test_a_management_key_may_want_a_touch(admin: Host) -> None:
    new = bytes((0x08, 0x9B, 16)) + bytes(16)
    assert admin.status(0xFF, 0xFF, 0xFD, new) == 0x6A86
    assert admin.status(0xFF, 0xFF, 0xFE, new) == OK
    assert admin.send(0xF7, 0x00, 0x9B)[0] == bytes.fromhex("010108 02020002 050100")
    assert Host(admin.card).prove(bytes(16), 0x08) == OK
    assert admin.status(0xFF, 0xFF, 0xFF, new) == OK
    assert admin.send(0xF7, 0x00, 0x9B)[0] == bytes.fromhex("010108 02020001 050100")


ATTESTED = "1.3.6.1.4.1.41482.3."


@pytest.mark.parametrize("algorithm", [0x06, 0x11, 0x14, 0xE0, 0xE1])
def test_keys_made_here_are_attested(admin: Host, algorithm: int) -> None:
    public = admin.generate(0x9D, algorithm, bytes.fromhex("AA0103 AB0103"))
    authority = x509.load_der_x509_certificate(
        require(admin.send(0xCB, 0x3F, 0xFF, bytes.fromhex("5C035FFF01"))[0], (0x53, 0x70))
    )
    found = x509.load_der_x509_certificate(admin.send(0xF9, 0x9D)[0])
    found.verify_directly_issued_by(authority)
    spki = found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    number = require(public, (0x7F49, 0x81 if algorithm == 0x06 else 0x86))
    assert number in spki
    told = {extension.oid.dotted_string: extension.value.public_bytes() for extension in found.extensions}
    assert told[ATTESTED + "3"] == bytes((5, 7, 1))
    assert told[ATTESTED + "7"] == b"\x02\x04" + admin.send(0xF8)[0]
    assert told[ATTESTED + "8"] == bytes((3, 3))


def test_what_is_not_attested(admin: Host) -> None:
    assert admin.status(0xF9, 0x9A) == 0x6A88
    assert admin.status(0xF9, 0xF9) == admin.status(0xF9, 0x9A, 0x01) == 0x6A86
    assert admin.status(0xFE, 0x11, 0x9A, encode(0x06, bytes(31) + b"\x01")) == OK
    assert admin.status(0xF9, 0x9A) == 0x6A80


def test_attestation_survives_a_factory_reset(admin: Host) -> None:
    before = admin.send(0xCB, 0x3F, 0xFF, bytes.fromhex("5C035FFF01"))
    for _ in range(3):
        admin.verify(OTHER_PIN)
        admin.status(0x2C, 0x00, 0x80, OTHER_PUK + OTHER_PIN)
    assert admin.status(0xFB) == OK
    assert admin.send(0xCB, 0x3F, 0xFF, bytes.fromhex("5C035FFF01")) == before
    assert admin.prove() == OK
    admin.generate(0x9A, 0x11)
    attested = x509.load_der_x509_certificate(admin.send(0xF9, 0x9A)[0])
    attested.verify_directly_issued_by(x509.load_der_x509_certificate(require(before[0], (0x53, 0x70))))
    assert admin.status(0xF6, 0xFF, 0xF9) == 0x6A86


def test_keys_are_moved_and_deleted(admin: Host) -> None:
    admin.generate(0x9A, 0x11)
    admin.generate(0x9D, 0x11)
    assert admin.status(0xF6, 0x9D, 0x9A) == 0x6A80
    assert admin.status(0xF6, 0x82, 0x9A) == OK
    assert admin.status(0xF6, 0x83, 0x9A) == 0x6A88
    assert admin.verify() == OK
    assert admin.use(0x82, 0x11, bytes(32))[1] == OK
    assert admin.status(0xF6, 0xFF, 0x82) == OK
    assert admin.status(0xF7, 0x00, 0x82) == 0x6A88
