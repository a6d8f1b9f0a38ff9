"""The software OpenPGP card by its specification: what peers and recordings do not ask for."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cardcore.apdu import CommandApdu, ResponseApdu
from cardcore.errors import InputError
from cardcore.softcard import ScryptCost, Secrets, SoftCard, volatile_card
from cardcore.softcard.memory import VolatileMemory
from cardcore.softcard.openpgp import OpenPgpApplication
from cardcore.softcard.personality import Personality
from cardcore.softcard.registry import open_card
from cardcore.tlv import encode, find, require

COST = ScryptCost(n=16)
AID = "D27600012401"
PIN, ADMIN = b"123456", b"12345678"
DIGEST_INFO = bytes.fromhex("3031300D060960864801650304020105000420") + hashlib.sha256(b"x").digest()
P256 = bytes.fromhex("132A8648CE3D030107")
ED25519 = bytes.fromhex("162B06010401DA470F01")
X25519 = bytes.fromhex("122B060104019755010501")


class Probe:
    """A powered card with its application selected."""

    def __init__(self, card: SoftCard) -> None:
        self.card = card
        assert self.send("00A40400", bytes.fromhex(AID)).sw == 0x9000

    def send(self, header: str, data: bytes = b"", le: int | None = 0) -> ResponseApdu:
        cla, ins, p1, p2 = bytes.fromhex(header)
        extended = len(data) > 255 or le == 0
        command = CommandApdu(cla=cla, ins=ins, p1=p1, p2=p2, data=data, le=le, extended=extended)
        return ResponseApdu.decode(self.card.process(command.encode()))

    def ok(self, header: str, data: bytes = b"") -> bytes:
        response = self.send(header, data)
        assert response.sw == 0x9000, f"{header}: {response.sw:04X}"
        return response.data

    def sw(self, header: str, data: bytes = b"", le: int | None = 0) -> int:
        return self.send(header, data, le).sw

    def tries(self) -> list[int]:
        return list(self.ok("00CA00C4")[4:])


@pytest.fixture
def probe() -> Probe:
    return Probe(volatile_card("openpgp", cost=COST))


@pytest.fixture
def admin(probe: Probe) -> Probe:
    probe.ok("00200083", ADMIN)
    return probe


def strict_card() -> SoftCard:
    personality = Personality(serial=bytes(4), strict=True, cost=COST)
    return open_card(VolatileMemory({"openpgp": OpenPgpApplication.fresh(Secrets(), personality)}), ("openpgp",))


def kdf(pw1: bytes, pw3: bytes) -> bytes:
    salts = b"".join(encode(tag, bytes((tag,)) * 8) for tag in (0x84, 0x85, 0x86))
    head = encode(0x81, b"\x03") + encode(0x82, b"\x08") + encode(0x83, (1000).to_bytes(4))
    return head + salts + encode(0x87, pw1) + encode(0x88, pw3)


def test_wrong_passwords_are_counted_and_block(probe: Probe) -> None:
    assert probe.sw("00200081") == 0x63C3
    assert [probe.sw("00200081", b"999999") for _ in range(4)] == [0x6982] * 3 + [0x6983]
    assert probe.tries() == [0, 0, 3]
    assert probe.sw("00200082") == 0x63C0
    assert probe.sw("00200082", PIN) == 0x6983


def test_the_modes_of_pw1_are_apart(probe: Probe) -> None:
    probe.ok("00200082", PIN)
    assert probe.sw("00200082") == 0x9000
    assert probe.sw("00200081") == 0x63C3
    probe.ok("0020FF82")
    assert probe.sw("00200082") == 0x63C3


def test_a_wrong_pw1_takes_both_proofs_back(probe: Probe) -> None:
    probe.ok("00200081", PIN)
    probe.ok("00200082", PIN)
    assert probe.sw("00200082", b"999999") == 0x6982
    assert [probe.sw("00200081"), probe.sw("00200082")] == [0x63C2] * 2


def test_change_tells_old_from_new(probe: Probe) -> None:
    probe.ok("00240081", PIN + b"a longer secret")
    assert probe.sw("00200081", PIN) == 0x6982
    probe.ok("00240081", b"a longer secret" + PIN)
    assert probe.sw("00240081", PIN + b"short") == 0x6A80
    assert probe.sw("00240081", b"123") == 0x6A80
    assert probe.sw("00240082", PIN + PIN) == 0x6A86
    assert probe.sw("00240085", PIN + PIN) == 0x6A88
    assert probe.tries() == [3, 0, 3]


def test_reset_code(admin: Probe) -> None:
    assert admin.sw("002C0081", b"87654321" + b"654321") == 0x6983
    assert admin.sw("00DA00D3", b"short") == 0x6A80
    admin.ok("00DA00D3", b"87654321")
    assert admin.tries() == [3, 3, 3]
    admin.ok("002C0081", b"87654321" + b"654321")
    assert admin.sw("002C0081", b"99999999" + b"654321") == 0x6982
    assert admin.tries() == [3, 2, 3]
    admin.ok("00DA00D3")
    assert admin.tries() == [3, 0, 3]
    admin.ok("002C0281", PIN)
    admin.ok("00200081", PIN)


def test_unblocking_by_the_admin_wants_the_admin(probe: Probe) -> None:
    assert probe.sw("002C0281", b"654321") == 0x6982
    assert probe.sw("002C0182", b"654321") == 0x6A86


@pytest.mark.parametrize(
    "secrets", [Secrets(pin=b"12345"), Secrets(admin=b"1234567"), Secrets(puk=b"1234567"), Secrets(pin=b"1" * 128)]
)
def test_impossible_secrets_make_no_card(secrets: Secrets) -> None:
    with pytest.raises(InputError):
        volatile_card("openpgp", secrets, cost=COST)


def test_chosen_secrets(probe: Probe) -> None:
    chosen = Probe(
        volatile_card("openpgp", Secrets(pin=b"secret", puk=b"resetting", admin=b"administrator"), cost=COST)
    )
    chosen.ok("00200081", b"secret")
    chosen.ok("00200083", b"administrator")
    chosen.ok("002C0081", b"resetting" + PIN)
    assert chosen.tries() == [3, 3, 3]
    assert chosen.ok("00CA004F") != probe.ok("00CA004F")


def test_nothing_is_written_without_the_right_proof(probe: Probe) -> None:
    for header in ("00DA005B", "00DA7F21", "00DA00C1", "00DA00F9", "00DA00D3", "00DB3FFF", "00DA0102", "00DA0104"):
        assert probe.sw(header, b"x") == 0x6982, header
    assert probe.sw("00478000", b"\xb6\x00") == 0x6982
    assert probe.sw("00DA0101", b"x") == 0x6982
    probe.ok("00200082", PIN)
    probe.ok("00DA0101", b"public")
    probe.ok("00DA0103", b"mine")
    assert probe.sw("00DA0102", b"x") == 0x6982
    probe.ok("0020FF82")
    assert probe.ok("00CA0101") == b"public"
    assert probe.sw("00CA0103") == 0x6982


def test_objects_have_sizes(admin: Probe) -> None:
    assert admin.sw("00DA005B", b"x" * 40) == 0x6700
    assert admin.sw("00DA00C7", b"x" * 19) == 0x6700
    assert admin.sw("00DA7F21", b"x" * 8193) == 0x6700
    assert admin.sw("00DA00AB", b"x") == 0x6A88
    assert admin.sw("00CA00AB") == 0x6A88
    assert admin.sw("00DA00C4", b"\x02") == 0x6A80
    assert admin.sw("00DA00C1", b"\x01\x04\x00\x00\x11\x00") == 0x6A80
    assert admin.sw("00DA00C2", P256) == 0x6A80


def test_three_certificates(admin: Probe) -> None:
    select = encode(0x60, encode(0x5C, b"\x7f\x21"))
    for index in range(3):
        admin.ok(f"00A50{index}04", select)
        admin.ok("00DA7F21", bytes((index,)) * 300)
    admin.ok("00A50004", select)
    assert admin.ok("00CA7F21") == b"\x00" * 300
    assert admin.ok("00CC7F21") == b"\x01" * 300
    assert admin.ok("00CC7F21") == b"\x02" * 300
    assert admin.sw("00CC7F21") == 0x6A88
    assert admin.sw("00A50304", select) == 0x6A86
    assert admin.sw("00A50004", encode(0x60, encode(0x5C, b"\x5e"))) == 0x6A88


def test_touch_cannot_be_asked_for(admin: Probe) -> None:
    admin.ok("00DA00D6", b"\x00\x20")
    assert admin.sw("00DA00D6", b"\x01\x20") == 0x6A80


def test_signatures_are_counted_and_want_a_fresh_pin(admin: Probe) -> None:
    admin.ok("00478000", b"\xb6\x00")
    admin.ok("00200081", PIN)
    admin.ok("002A9E9A", DIGEST_INFO)
    assert admin.sw("002A9E9A", DIGEST_INFO) == 0x6982
    admin.ok("00DA00C4", b"\x01")
    admin.ok("00200081", PIN)
    for _ in range(2):
        admin.ok("002A9E9A", DIGEST_INFO)
    assert find(admin.ok("00CA007A"), [0x93]) == b"\x00\x00\x03"
    admin.ok("00478000", b"\xb6\x00")
    assert find(admin.ok("00CA007A"), [0x93]) == bytes(3)


def test_what_a_signature_key_takes(admin: Probe) -> None:
    strict = Probe(strict_card())
    strict.ok("00200083", ADMIN)
    for one, bare in ((admin, 0x9000), (strict, 0x6985)):
        one.ok("00DA00C4", b"\x01")
        one.ok("00478000", b"\xb6\x00")
        one.ok("00478000", b"\xa4\x00")
        one.ok("00200081", PIN)
        one.ok("00200082", PIN)
        one.ok("002A9E9A", DIGEST_INFO)
        assert one.sw("002A9E9A", DIGEST_INFO[19:]) == bare
        one.ok("00880000", DIGEST_INFO[19:])
        assert one.sw("00880000", b"x" * 103) == 0x6700
        assert one.sw("00880000") == 0x6700


def test_new_attributes_take_the_key_away(admin: Probe) -> None:
    admin.ok("00478000", b"\xb6\x00")
    admin.ok("00DA00C7", b"f" * 20)
    admin.ok("00DA00C1", bytes.fromhex("010800002000"))
    admin.ok("00478100", b"\xb6\x00")
    admin.ok("00DA00C1", P256)
    assert admin.sw("00478100", b"\xb6\x00") == 0x6A88
    assert admin.ok("00CA00C5")[:20] == bytes(20)
    assert require(admin.ok("00478000", b"\xb6\x00"), [0x7F49, 0x86])[:1] == b"\x04"
    assert admin.ok("00CA00DE") == bytes((1, 1, 2, 0, 3, 0))


def test_eddsa_and_x25519(admin: Probe) -> None:
    admin.ok("00DA00C1", ED25519)
    admin.ok("00DA00C2", X25519)
    admin.ok("00478000", b"\xb6\x00")
    point = require(admin.ok("00478000", b"\xb8\x00"), [0x7F49, 0x86])
    admin.ok("00200081", PIN)
    admin.ok("00200082", PIN)
    assert len(admin.ok("002A9E9A", b"a message")) == 64
    mine = X25519PrivateKey.generate()
    peer = mine.public_key().public_bytes_raw()
    agreed = {admin.ok("002A8086", encode(0xA6, encode(0x7F49, encode(0x86, one)))) for one in (peer, b"\x40" + peer)}
    assert len(agreed) == 1
    assert len(point) == len(agreed.pop()) == 32
    assert admin.sw("002A8086", encode(0xA6, b"")) == 0x6A80


def test_an_imported_curve_key_is_the_key(admin: Probe) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    scalar = key.private_numbers().private_value.to_bytes(32)
    admin.ok("00DA00C3", P256 + b"\xff")
    both = encode(0x7F48, bytes.fromhex("92209941")) + encode(0x5F48, scalar + point)
    admin.ok("00DB3FFF", encode(0x4D, b"\xa4\x00" + both))
    assert require(admin.ok("00478100", b"\xa4\x00"), [0x7F49, 0x86]) == point
    assert admin.ok("00CA00DE")[-1] == 2


@pytest.mark.parametrize(
    "header_list",
    [
        "",
        "5F480101",
        "4D02B600",
        "4D0AB6007F4800 5F48020102",
        "4D0DB6007F4803928102 5F48020102",
        "4D0EB6007F4804910192 01 5F48020302",
        "4D0DB6007F4803910192 5F48020302",
    ],
)
def test_malformed_keys_are_refused(admin: Probe, header_list: str) -> None:
    assert admin.sw("00DB3FFF", bytes.fromhex(header_list)) == 0x6A80


def test_mse_chooses_among_two_keys(admin: Probe) -> None:
    for crt, tag in ((b"\xb8\x00", "C2"), (b"\xa4\x00", "C3")):
        assert len(admin.ok(f"00CA00{tag}")) == 6
        admin.ok("00478000", crt)
    admin.ok("00200082", PIN)
    normal = admin.ok("00880000", DIGEST_INFO)
    admin.ok("002241A4", b"\x83\x01\x02")
    assert admin.ok("00880000", DIGEST_INFO) != normal
    admin.ok("002241A4", b"\x83\x01\x03")
    assert admin.ok("00880000", DIGEST_INFO) == normal
    admin.ok("002241B8", b"\x83\x01\x03")
    assert admin.sw("002241B6", b"\x83\x01\x03") == 0x6A86
    assert admin.sw("002241A4", b"\x83\x01\x01") == 0x6A80


def test_hashed_passwords(admin: Probe) -> None:
    pw1, pw3 = (hashlib.sha256(value).digest() for value in (PIN, ADMIN))
    admin.ok("00DA00D3", b"87654321")
    assert admin.sw("00DA00F9", kdf(pw1, b"short")) == 0x6A80
    assert admin.sw("00DA00F9", b"\x81") == 0x6A80
    admin.ok("00DA00F9", kdf(pw1, pw3))
    assert admin.tries() == [3, 0, 3]
    assert admin.sw("00200083", ADMIN) == 0x6982
    admin.ok("00200083", pw3)
    assert admin.sw("00240081", pw1 + PIN) == 0x6A80
    admin.ok("00DA00F9", bytes.fromhex("810100"))
    admin.ok("00200083", ADMIN)


def test_life_ends_and_begins_anew(admin: Probe) -> None:
    admin.ok("00478000", b"\xb6\x00")
    admin.ok("00440000")
    admin.ok("00478100", b"\xb6\x00")
    admin.ok("00E60000")
    assert admin.sw("00CA004F") == 0x6285
    assert admin.sw("00A40400", bytes.fromhex(AID)) == 0x6285
    admin.ok("00440000")
    assert admin.sw("00478100", b"\xb6\x00") == 0x6A88
    assert admin.sw("00E60000") == 0x6985


def test_a_card_whose_passwords_are_blocked_can_be_reset(probe: Probe) -> None:
    for access in ("81", "83"):
        for _ in range(3):
            assert probe.sw(f"002000{access}", b"99999999") == 0x6982
    probe.ok("00E60000")
    probe.ok("00440000")
    probe.ok("00200081", PIN)


def test_odd_commands(probe: Probe) -> None:
    assert probe.sw("00F00000") == 0x6D00
    assert probe.sw("00200181", PIN) == 0x6A86
    assert probe.sw("002A9E9B", b"x") == 0x6A86
    assert probe.sw("00470000", b"\xb6\x00") == 0x6A86
    assert probe.sw("00478100", b"\xb7\x00") == 0x6A80
    assert probe.sw("00CA004F", b"x") == 0x6700
    assert len(probe.ok("00840000")) == 255
    assert probe.sw("00840000", le=None) == 0x6700


def test_the_application_is_selected_by_any_length_of_its_identifier() -> None:
    """The whole one of 16 bytes ends with this card's manufacturer and serial number; another card's is not here."""
    card = volatile_card("openpgp", cost=COST)
    card.process(bytes.fromhex("00A4040006D27600012401"))
    whole = card.process(bytes.fromhex("00CA004F00"))[:-2]
    assert len(whole) == 16
    other = bytes((*whole[:13], whole[13] ^ 1, *whole[14:]))
    for name, sw in ((whole, "9000"), (whole[:8], "9000"), (other, "6a82"), (whole + b"\0", "6a82")):
        card.reset()
        assert card.process(bytes.fromhex("00A40400") + bytes((len(name),)) + name).hex() == sw
