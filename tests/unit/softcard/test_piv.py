"""The PIV application command by command: PINs, management key, keys with their policies, vendor commands."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cardcore.softcard import Secrets, volatile_card
from cardcore.tlv import encode, find, require
from tests.unit.softcard.pivhost import ADMIN, COST, OK, OTHER_PIN, OTHER_PUK, PIN, PUK, Host

CURVES: dict[int, tuple[ec.EllipticCurve, HashAlgorithm]] = {
    0x11: (ec.SECP256R1(), SHA256()),
    0x14: (ec.SECP384R1(), SHA384()),
}


def rsa_public(reply: bytes) -> rsa.RSAPublicKey:
    n, e = (int.from_bytes(require(reply, [0x7F49, tag])) for tag in (0x81, 0x82))
    return rsa.RSAPublicNumbers(e, n).public_key()


def pkcs1(message: bytes, size: int) -> bytes:
    return b"\x00\x01" + b"\xff" * (size - 3 - len(message)) + b"\x00" + message


def test_wrong_pins_block_and_the_puk_unblocks(host: Host) -> None:
    assert [host.verify(OTHER_PIN) for _ in range(4)] == [0x63C2, 0x63C1, 0x63C0, 0x6983]
    assert host.verify() == host.status(0x20, 0x00, 0x80) == 0x6983
    assert host.status(0x24, 0x00, 0x80, PIN + OTHER_PIN) == 0x6983
    assert host.status(0x2C, 0x00, 0x80, OTHER_PUK + OTHER_PIN) == 0x63C2
    assert host.status(0x2C, 0x00, 0x80, PUK + OTHER_PIN) == OK
    assert host.status(0x20, 0x00, 0x80) == 0x63C3
    assert host.verify(OTHER_PIN) == host.status(0x20, 0x00, 0x80) == OK


def test_a_wrong_pin_takes_the_proof_back(host: Host) -> None:
    assert host.verify() == OK
    assert host.verify(OTHER_PIN) == 0x63C2
    assert host.status(0x20, 0x00, 0x80) == 0x63C2


def test_logout(host: Host) -> None:
    assert host.verify() == OK
    assert host.status(0x20, 0xFF, 0x80) == OK
    assert host.status(0x20, 0x00, 0x80) == 0x63C3


MALFORMED = [b"123456", PIN + b"\xff", b"12345\xff\xff\xff", b"12\xff456\xff\xff", b"abcdef\xff\xff"]


@pytest.mark.parametrize("pin", MALFORMED)
def test_a_malformed_new_pin_costs_no_try(host: Host, pin: bytes) -> None:
    assert host.status(0x24, 0x00, 0x80, PIN + pin) == 0x6A80
    assert host.status(0x2C, 0x00, 0x80, PUK + pin) == 0x6A80
    assert host.status(0x20, 0x00, 0x80) == 0x63C3
    assert host.send(0xF7, 0x00, 0x81)[0] == bytes.fromhex("0101FF 050101 06020303")


@pytest.mark.parametrize("pin", MALFORMED)
def test_only_eight_bytes_can_cost_a_try(host: Host, pin: bytes) -> None:
    assert host.verify(pin) == (0x63C2 if len(pin) == 8 else 0x6A80)
    assert host.status(0x20, 0x00, 0x80) == (0x63C2 if len(pin) == 8 else 0x63C3)


def test_pin_and_puk_are_blocked_by_empty_ones(host: Host) -> None:
    empty = b"\xff" * 8
    assert [host.verify(empty) for _ in range(4)] == [0x63C2, 0x63C1, 0x63C0, 0x6983]
    statuses = [host.status(0x2C, 0x00, 0x80, empty + empty) for _ in range(4)]
    assert statuses == [0x63C2, 0x63C1, 0x63C0, 0x6983]
    assert host.status(0xFB) == OK
    assert host.verify() == OK


@pytest.mark.parametrize(
    ("ins", "p1", "p2", "status"),
    [
        (0x20, 0x00, 0x00, 0x6A88),
        (0x20, 0x01, 0x80, 0x6A86),
        (0x20, 0xFF, 0x81, 0x6A88),
        (0x24, 0x00, 0x82, 0x6A88),
        (0x24, 0x01, 0x80, 0x6A86),
        (0x2C, 0x00, 0x81, 0x6A88),
        (0x2C, 0x01, 0x80, 0x6A86),
    ],
)
def test_references(host: Host, ins: int, p1: int, p2: int, status: int) -> None:
    assert host.status(ins, p1, p2, PIN if ins == 0x20 else PIN + OTHER_PIN) == status


def test_pin_and_puk_are_changed(host: Host) -> None:
    assert host.status(0x24, 0x00, 0x80, OTHER_PIN + PIN) == 0x63C2
    assert host.status(0x24, 0x00, 0x80, PIN + OTHER_PIN) == OK
    assert host.status(0x24, 0x00, 0x81, PUK + OTHER_PUK) == OK
    assert host.verify() == 0x63C2
    assert host.verify(OTHER_PIN) == OK
    assert host.status(0x2C, 0x00, 0x80, PUK + PIN) == 0x63C2
    assert host.status(0x2C, 0x00, 0x80, OTHER_PUK + PIN) == OK


@pytest.mark.parametrize(("algorithm", "size"), [(0x03, 24), (0x08, 16), (0x0A, 24), (0x0C, 32)])
def test_management_keys(admin: Host, algorithm: int, size: int) -> None:
    key = bytes(range(0x31, 0x31 + size))
    assert admin.status(0xFF, 0xFF, 0xFF, bytes((algorithm, 0x9B, size)) + key) == OK
    admin.card.reset()
    admin = Host(admin.card)
    assert admin.prove(key, algorithm) == OK
    metadata, _ = admin.send(0xF7, 0x00, 0x9B)
    assert metadata == bytes((1, 1, algorithm, 2, 2, 0, 1, 5, 1, 0))
    assert admin.prove(bytes(size), algorithm) == 0x6982
    assert admin.status(0x47, 0x00, 0x9A, bytes.fromhex("AC03800111")) == 0x6982


def test_external_authentication_and_used_up_challenges(host: Host) -> None:
    reply, _ = host.send(0x87, 0x03, 0x9B, bytes.fromhex("7C028100"))
    cipher = Cipher(TripleDES(ADMIN), ECB())  # noqa: S305 - the standard's way
    response = encode(0x7C, encode(0x82, cipher.encryptor().update(require(reply, [0x7C, 0x81]))))
    assert host.send(0x87, 0x03, 0x9B, response) == (b"", OK)
    assert host.status(0xDB, 0x3F, 0xFF, bytes.fromhex("5C035FFF005300")) == OK
    assert host.status(0x87, 0x03, 0x9B, response) == 0x6982
    assert host.status(0xDB, 0x3F, 0xFF, bytes.fromhex("5C035FFF005300")) == 0x6982
    for empty in ("7C0A8200", "7C028200", "7C00", "7C048000 8100", "53 00"):
        assert host.status(0x87, 0x03, 0x9B, bytes.fromhex(empty)) == 0x6A80
    assert host.status(0x87, 0x08, 0x9B, bytes.fromhex("7C028000")) == 0x6A80


@pytest.mark.parametrize(("algorithm", "bits"), [(0x06, 1024), (0x07, 2048), (0x05, 3072)])
def test_rsa_keys_sign_and_decrypt(admin: Host, algorithm: int, bits: int) -> None:
    public = rsa_public(admin.generate(0x9A, algorithm))
    block = pkcs1(b"bare", bits // 8)
    assert admin.use(0x9A, algorithm, block)[1] == 0x6982
    assert admin.verify() == OK
    signature, status = admin.use(0x9A, algorithm, block)
    assert (status, public.key_size) == (OK, bits)
    assert public.recover_data_from_signature(signature, padding.PKCS1v15(), None) == b"bare"
    plain, _ = admin.use(0x9A, algorithm, public.encrypt(b"message", padding.PKCS1v15()))
    assert plain[:2] == b"\x00\x02"
    assert plain.endswith(b"\x00message")
    for unfit in (block[1:], block + b"\x00", b"\xff" * len(block)):
        assert admin.use(0x9A, algorithm, unfit)[1] == 0x6A80


@pytest.mark.parametrize("algorithm", CURVES)
@pytest.mark.parametrize("size", [20, 32, 48, 64])
def test_ec_keys_sign_and_agree(admin: Host, algorithm: int, size: int) -> None:
    curve, digest = CURVES[algorithm]
    point = require(admin.generate(0x9D, algorithm), [0x7F49, 0x86])
    public = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
    assert admin.verify() == OK
    given = bytes(range(1, size + 1))
    signature, _ = admin.use(0x9D, algorithm, given)
    fitted = given[: digest.digest_size].rjust(digest.digest_size, b"\x00")
    public.verify(signature, fitted, ec.ECDSA(Prehashed(digest)))
    with pytest.raises(InvalidSignature):
        public.verify(signature, bytes(digest.digest_size), ec.ECDSA(Prehashed(digest)))
    peer = ec.generate_private_key(curve)
    peer_point = peer.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert admin.use(0x9D, algorithm, peer_point, 0x85)[0] == peer.exchange(ec.ECDH(), public)
    assert admin.use(0x9D, algorithm, b"\x04" + bytes(len(point) - 1), 0x85)[1] == 0x6A80
    assert admin.use(0x9D, algorithm, bytes(5), 0x85)[1] == 0x6A80


def test_edwards_and_montgomery_keys(admin: Host) -> None:
    signer = require(admin.generate(0x9A, 0xE0), [0x7F49, 0x86])
    agreer = require(admin.generate(0x9D, 0xE1), [0x7F49, 0x86])
    assert admin.verify() == OK
    signature, _ = admin.use(0x9A, 0xE0, b"message")
    ed25519.Ed25519PublicKey.from_public_bytes(signer).verify(signature, b"message")
    peer = x25519.X25519PrivateKey.generate()
    secret, _ = admin.use(0x9D, 0xE1, peer.public_key().public_bytes_raw(), 0x85)
    assert secret == peer.exchange(x25519.X25519PublicKey.from_public_bytes(agreer))
    assert admin.use(0x9D, 0xE1, b"message")[1] == admin.use(0x9A, 0xE0, agreer, 0x85)[1] == 0x6A80


def test_pin_policies(admin: Host) -> None:
    for slot in (0x9A, 0x9C, 0x9E, 0x82):
        admin.generate(slot, 0x11)
    digest = bytes(32)

    def statuses(slot: int) -> list[int]:
        return [admin.use(slot, 0x11, digest)[1] for _ in range(2)]

    assert statuses(0x9E) == [OK, OK]
    assert statuses(0x9A) == statuses(0x9C) == [0x6982, 0x6982]
    assert admin.verify() == OK
    assert statuses(0x9C) == [OK, 0x6982]
    assert statuses(0x9A) == statuses(0x82) == [OK, OK]
    assert admin.verify() == OK
    assert admin.status(0xCB, 0x3F, 0xFF, bytes.fromhex("5C017E")) == OK
    assert statuses(0x9C) == [OK, 0x6982]


def test_policies_can_be_chosen(admin: Host) -> None:
    admin.generate(0x9A, 0x11, bytes.fromhex("AA0101"))
    admin.generate(0x9E, 0x11, bytes.fromhex("AA0103 AB0101"))
    assert admin.use(0x9A, 0x11, bytes(32))[1] == OK
    assert admin.use(0x9E, 0x11, bytes(32))[1] == 0x6982
    for number, touch in enumerate(("", "AB0101", "AB0102", "AB0103")):
        admin.generate(0x9D, 0x11, bytes.fromhex(touch))
        assert find(admin.send(0xF7, 0x00, 0x9D)[0], (0x02,)) == bytes((2, max(number, 1)))
    for refused in ("AA0104", "AB0104", "AC00", "8001"):
        data = encode(0xAC, bytes.fromhex("800111") + bytes.fromhex(refused))
        assert admin.status(0x47, 0x00, 0x9A, data) == 0x6A80


def test_keys_survive_a_new_pin_and_a_reset(admin: Host) -> None:
    public = rsa_public(admin.generate(0x9A, 0x06))
    assert admin.status(0x2C, 0x00, 0x80, PUK + OTHER_PIN) == OK
    admin.card.reset()
    again = Host(admin.card)
    assert again.verify(OTHER_PIN) == OK
    signature, _ = again.use(0x9A, 0x06, pkcs1(b"still", 128))
    assert public.recover_data_from_signature(signature, padding.PKCS1v15(), None) == b"still"


def test_rsa_import(admin: Host) -> None:
    key = rsa.generate_private_key(65537, 2048)
    numbers = key.private_numbers()
    parts = [part.to_bytes(128) for part in (numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)]
    data = b"".join(encode(tag, part) for tag, part in enumerate(parts, 1))
    assert admin.status(0xFE, 0x07, 0x9A, data) == OK
    metadata, _ = admin.send(0xF7, 0x00, 0x9A)
    assert metadata.startswith(bytes.fromhex("010107 02020201 030102"))
    assert require(metadata, [0x04, 0x81]) == numbers.public_numbers.n.to_bytes(256)
    assert admin.verify() == OK
    signature, _ = admin.use(0x9A, 0x07, pkcs1(b"mine", 256))
    assert key.public_key().recover_data_from_signature(signature, padding.PKCS1v15(), None) == b"mine"
    broken = b"".join(encode(tag, part) for tag, part in enumerate([*parts[:4], parts[0]], 1))
    for bad in (broken, data[:-131], encode(0x06, bytes(32)), data.replace(parts[0], bytes(128))):
        assert admin.status(0xFE, 0x07, 0x9A, bad) == 0x6A80
    assert admin.status(0xFE, 0x06, 0x9A, data) == 0x6A80


@pytest.mark.parametrize(("algorithm", "tag", "size"), [(0x11, 6, 32), (0x14, 6, 48), (0xE0, 7, 32), (0xE1, 8, 32)])
def test_scalar_import(admin: Host, algorithm: int, tag: int, size: int) -> None:
    scalar = bytes(range(1, size + 1))
    assert admin.status(0xFE, algorithm, 0x82, encode(tag, scalar) + bytes.fromhex("AA0103")) == OK
    metadata, _ = admin.send(0xF7, 0x00, 0x82)
    assert metadata.startswith(bytes((1, 1, algorithm, 2, 2, 3, 1, 3, 1, 2)))
    assert admin.status(0xFE, algorithm, 0x82, encode(tag, scalar[1:])) == 0x6A80
    assert admin.status(0xFE, algorithm, 0x82, encode(9, scalar)) == 0x6A80


def test_what_needs_the_management_key(host: Host) -> None:
    for ins, p1, p2, data in (
        (0x47, 0x00, 0x9A, "AC03800111"),
        (0xDB, 0x3F, 0xFF, "5C035FC1055300"),
        (0xFE, 0x11, 0x9A, "0600"),
        (0xFF, 0xFF, 0xFF, "039B00"),
        (0xF6, 0xFF, 0x9A, ""),
        (0xFA, 0x03, 0x03, ""),
    ):
        assert host.status(ins, p1, p2, bytes.fromhex(data)) == 0x6982


def test_slots_and_algorithms_are_checked(admin: Host) -> None:
    assert admin.status(0x47, 0x00, 0x99, bytes.fromhex("AC03800111")) == 0x6A86
    assert admin.status(0x47, 0x01, 0x9A, bytes.fromhex("AC03800111")) == 0x6A86
    assert admin.status(0x47, 0x00, 0x9A, bytes.fromhex("AC03800199")) == 0x6A80
    assert admin.use(0x9A, 0x11, bytes(32))[1] == admin.status(0xF7, 0x00, 0x9A) == 0x6A88
    admin.generate(0x9A, 0x11)
    assert admin.verify() == OK
    assert admin.use(0x9A, 0x14, bytes(32))[1] == admin.use(0x9A, 0x11, bytes(32), 0x83)[1] == 0x6A80


def test_objects_are_written_read_and_deleted(admin: Host) -> None:
    content = bytes(range(256)) * 12
    for tag in ("5FC105", "5FFF00"):
        name = encode(0x5C, bytes.fromhex(tag))
        assert admin.status(0xCB, 0x3F, 0xFF, name) == 0x6A82
        assert admin.status(0xDB, 0x3F, 0xFF, name + encode(0x53, content)) == OK
        assert admin.send(0xCB, 0x3F, 0xFF, name) == (encode(0x53, content), OK)
        assert admin.status(0xDB, 0x3F, 0xFF, name + encode(0x53, b"")) == OK
        assert admin.status(0xCB, 0x3F, 0xFF, name) == 0x6A82
    other = encode(0x5C, bytes.fromhex("5FC200"))
    assert admin.status(0xDB, 0x3F, 0xFF, other + encode(0x53, b"x")) == 0x6A82
    assert admin.status(0xDB, 0x3F, 0xFF, name + encode(0x53, bytes(16385))) == 0x6A84
    assert admin.status(0xDB, 0x3F, 0xFF, name) == admin.status(0xCB, 0x3F, 0xFF, b"\x5c\x00") == 0x6A80
    assert admin.status(0xCB, 0x00, 0x00, name) == 0x6A86


def test_printed_information_wants_the_pin(admin: Host) -> None:
    name = bytes.fromhex("5C035FC109")
    assert admin.status(0xCB, 0x3F, 0xFF, name) == 0x6982
    assert admin.verify() == OK
    assert admin.status(0xCB, 0x3F, 0xFF, name) == 0x6A82


def test_a_blank_card_has_no_objects() -> None:
    blank, used = Host(volatile_card("piv", blank=True, cost=COST)), Host(volatile_card("piv", cost=COST))
    for tag in ("5FC102", "5FC107"):
        assert blank.status(0xCB, 0x3F, 0xFF, encode(0x5C, bytes.fromhex(tag))) == 0x6A82
        assert used.status(0xCB, 0x3F, 0xFF, encode(0x5C, bytes.fromhex(tag))) == OK
    assert blank.send(0xF8)[0] != used.send(0xF8)[0]


def test_try_limits(admin: Host) -> None:
    assert admin.status(0xFA, 5, 4) == 0x6982
    assert admin.status(0x24, 0x00, 0x80, PIN + OTHER_PIN) == OK
    assert admin.status(0xFA, 0, 4) == admin.status(0xFA, 5, 16) == 0x6A86
    assert admin.status(0xFA, 5, 4) == OK
    assert admin.send(0xF7, 0x00, 0x80)[0] == bytes.fromhex("0101FF 050101 06020505")
    assert admin.send(0xF7, 0x00, 0x81)[0] == bytes.fromhex("0101FF 050101 06020404")
    assert admin.verify() == OK


def test_factory_reset_only_when_all_is_blocked(admin: Host) -> None:
    admin.generate(0x9E, 0x11)
    serial = admin.send(0xF8)
    assert admin.status(0xFB) == 0x6985
    for _ in range(3):
        admin.verify(OTHER_PIN)
    assert admin.status(0xFB) == 0x6985
    for _ in range(3):
        admin.status(0x2C, 0x00, 0x80, OTHER_PUK + OTHER_PIN)
    assert admin.status(0xFB) == OK
    assert admin.status(0xF7, 0x00, 0x9E) == 0x6A88
    assert admin.status(0x47, 0x00, 0x9A, bytes.fromhex("AC03800111")) == 0x6982
    assert (admin.verify(), admin.send(0xF8)) == (OK, serial)


@pytest.mark.parametrize("size", [16, 24, 32])
def test_a_card_starts_with_the_secrets_given(size: int) -> None:
    key = bytes(range(size))
    host = Host(volatile_card("piv", Secrets(pin=b"87654321", puk=b"secret99", admin=key), cost=COST))
    assert host.prove(key, {16: 0x08, 24: 0x03, 32: 0x0C}[size]) == OK
    assert host.verify(b"87654321") == OK
    assert host.send(0xF7, 0x00, 0x80)[0] == bytes.fromhex("0101FF 050100 06020303")
    assert host.status(0x2C, 0x00, 0x80, b"secret99" + PIN) == OK
