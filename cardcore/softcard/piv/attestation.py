"""Attestation: the card certifies that a key was made on it (vendor extension, ATTEST and the slot F9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from cardcore.apdu import CommandApdu
from cardcore.softcard import keys
from cardcore.softcard.application import Refusal
from cardcore.softcard.keys import KeyType
from cardcore.softcard.piv.algorithms import KEY_SLOTS, KEY_TYPES, Algorithm, Origin, PinPolicy, TouchPolicy
from cardcore.softcard.piv.context import PivContext, fields_of
from cardcore.softcard.piv.state import KeyRecord, PivState
from cardcore.softcard.vault import OpenVault, seal
from cardcore.sw import Sw
from cardcore.tlv import encode, require

if TYPE_CHECKING:
    from cryptography import x509

SLOT = 0xF9
CERTIFICATE = 0x5FFF01
VERSION = bytes((5, 7, 1))
_ARC = "1.3.6.1.4.1.41482.3"
_VERSION, _SERIAL, _POLICIES = (f"{_ARC}.{last}" for last in (3, 7, 8))
# The card has no clock: what it certifies is valid as long as its own certificate.
_FROM, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC)
_DER_CERTIFICATE, _DER_INTEGER = 0x70, 0x02


def make(serial: bytes, vault: OpenVault) -> tuple[KeyRecord, bytes]:
    """What the factory gives a card: a key that only attests, and the object with the certificate of that key."""
    from cryptography import x509

    key = keys.generate(KeyType.ECP256)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise TypeError("an ECP256 key is on a curve")
    public = keys.public_objects(key)
    record = KeyRecord(
        algorithm=Algorithm.ECP256,
        pin_policy=PinPolicy.NEVER,
        touch_policy=TouchPolicy.NEVER,
        origin=Origin.GENERATED,
        public=public,
        sealed=seal(vault.public, keys.to_bytes(key), public),
    )
    name = _name(f"cardcore software PIV {int.from_bytes(serial)}, attestation")
    constraints = x509.BasicConstraints(ca=True, path_length=0)
    builder = _builder(name, name).public_key(key.public_key()).add_extension(constraints, critical=True)
    der = builder.sign(key, SHA256()).public_bytes(Encoding.DER)
    return record, encode(_DER_CERTIFICATE, der) + encode(0x71, b"\x00") + encode(0xFE, b"")


def renewed(state: PivState, old: PivState) -> PivState:
    """The state after a reset: attestation key and certificate are the factory's and stay."""
    kept = {SLOT: old.keys[SLOT]} if SLOT in old.keys else {}
    objects = {CERTIFICATE: old.objects[CERTIFICATE]} if CERTIFICATE in old.objects else {}
    return replace(state, open_vault=old.open_vault, objects={**state.objects, **objects}, keys=kept)


def attest(piv: PivContext, command: CommandApdu) -> bytes:
    """ATTEST (vendor, F9): P1 the slot. A certificate for its key, by the key in F9; only for one generated here."""
    from cryptography import x509

    if command.p1 not in KEY_SLOTS or command.p2:
        raise Refusal(Sw.INCORRECT_P1_P2)
    record, signer = piv.state.keys.get(command.p1), piv.state.keys.get(SLOT)
    if record is None or signer is None or CERTIFICATE not in piv.state.objects:
        raise Refusal(Sw.DATA_NOT_FOUND)
    if record.origin != Origin.GENERATED:
        raise Refusal(Sw.INCORRECT_DATA)
    key = piv.private_key(signer)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
    authority = x509.load_der_x509_certificate(require(piv.state.objects[CERTIFICATE], (_DER_CERTIFICATE,)))
    public = keys.from_public_objects(KEY_TYPES[record.algorithm], fields_of(record.public))
    builder = _builder(_name(f"cardcore software PIV, key {command.p1:02X}"), authority.subject).public_key(public)
    for oid, value in (
        (_VERSION, VERSION),
        (_SERIAL, encode(_DER_INTEGER, piv.state.serial)),
        (_POLICIES, bytes((record.pin_policy, record.touch_policy))),
    ):
        builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), critical=False)
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


def _name(text: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name) -> x509.CertificateBuilder:
    from cryptography import x509

    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(_FROM).not_valid_after(_UNTIL)
