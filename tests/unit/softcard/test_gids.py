"""The GIDS software card by itself: access rules, life cycle, both forms of admin authentication, refusals."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA1

from cardcore.errors import InputError
from cardcore.softcard import ScryptCost, Secrets, SoftCard, SoftCardStore, factory_secrets, volatile_card
from cardcore.tlv import encode, require

COST = ScryptCost(n=16)
SELECT = "00A4040009A0000003974254465900"
VERIFY, WRONG = "0020008006313233343536", "0020008006393939393939"
STATE = "00CB3FFF045C027F7100"
CHOOSE_ADMIN, EXTERNAL = "0022C1A403830180", "00870000047C02810000"
KEY_FILE = (
    "00E0000049 6247 820118 8302B081 8C058F10101000 A537 B809800106830181950140 B809800186830181950140"
    "B809800146830181950140 B609800116830181950140 B609800156830181950140"
)
ACTIVATE, GENERATE = "00440000", "0047000008AC0680010683018100"
PUBLIC_KEY = "00CB3FFF0A7008840181A5037F498000"
SIGN_PKCS1, SIGN_RAW = "002241B606800156840181", "002241B606800116840181"
DECIPHER_PKCS1, DECIPHER_OAEP, DECIPHER_RAW = (f"002241B8068001{mode}6840181" for mode in "480")
OK = "9000"


class Client:
    """Sends commands in hexadecimal to one card whose application is selected."""

    def __init__(self, card: SoftCard) -> None:
        self.card = card
        self.send(SELECT)

    def raw(self, command: str) -> bytes:
        return self.card.process(bytes.fromhex(command))

    def send(self, *commands: str, sw: str = OK) -> bytes:
        """The data that the last command returned, after each has been answered with this status word."""
        reply = b""
        for command in commands:
            reply = self.raw(command)
            assert reply[-2:].hex().upper() == sw, command
        return reply[:-2]

    def make_key(self) -> RSAPublicKey:
        self.send(VERIFY, KEY_FILE, ACTIVATE, GENERATE)
        reply = self.send(PUBLIC_KEY)
        n, e = (int.from_bytes(require(reply, [0x7F49, tag])) for tag in (0x81, 0x82))
        return RSAPublicNumbers(e, n).public_key()

    def prove_admin(self, key: bytes = bytes(24), sw: str = OK) -> None:
        challenge = self.send(CHOOSE_ADMIN, EXTERNAL)[4:]
        self.send(f"008700000C7C0A8208{cbc(key, challenge).hex()}", sw=sw)

    def tries(self) -> int:
        return require(self.send(STATE), [0x7F71, 0x97])[0]


def cbc(key: bytes, data: bytes, *, decrypt: bool = False) -> bytes:
    machine = Cipher(TripleDES(key), CBC(bytes(8)))
    context = machine.decryptor() if decrypt else machine.encryptor()
    return context.update(data) + context.finalize()


@pytest.fixture
def client() -> Client:
    return Client(volatile_card("gids", cost=COST))


@pytest.fixture
def blank() -> Client:
    return Client(volatile_card("gids", blank=True, cost=COST))


def test_factory_secrets_are_the_published_ones() -> None:
    assert factory_secrets("gids") == Secrets(pin=b"123456", admin=bytes(24))


@pytest.mark.parametrize(
    "secrets", [Secrets(pin=b"123"), Secrets(pin=b"1" * 17), Secrets(admin=bytes(16))], ids=["short", "long", "admin"]
)
def test_secrets_that_do_not_fit_are_refused(secrets: Secrets) -> None:
    with pytest.raises(InputError):
        volatile_card("gids", secrets, cost=COST)


@pytest.mark.parametrize("limit", [0, 16])
def test_a_try_limit_that_cannot_be_told_is_refused(limit: int) -> None:
    with pytest.raises(InputError):
        volatile_card("gids", pin_tries=limit, cost=COST)


def test_a_ready_card_has_the_files_that_gids_tool_makes(client: Client) -> None:
    recorded = (Path(__file__).resolve().parents[2] / "vectors" / "gids" / "initialize.jsonl").read_text()
    for place, tag in (("A000", "DF1F"), ("A010", "DF21"), ("A010", "DF22"), ("A010", "DF23")):
        content = client.send(f"00CB{place}045C02{tag}00").hex()
        assert f'{len(content) // 2:02x}{content}"' in recorded
    assert len(client.send("00CBA012045C02DF2000")) == 3 + 16


def test_the_card_lasts_in_a_file(tmp_path: Path) -> None:
    store = SoftCardStore(tmp_path)
    store.create("one", "gids", cost=COST)
    public = Client(store.open("one")).make_key()
    again = Client(store.open("one"))
    again.send(SIGN_PKCS1, sw="6982")
    again.send(VERIFY, SIGN_PKCS1)
    signature = again.send("002A9E9A0468617368" + "00")
    assert public.recover_data_from_signature(signature, PKCS1v15(), None) == b"hash"


def test_selecting_again_forgets_the_pin(client: Client) -> None:
    client.make_key()
    client.send(SIGN_PKCS1, SELECT)
    client.send(SIGN_PKCS1, sw="6982")


def test_tries_are_counted_and_the_admin_gives_them_back(client: Client) -> None:
    for left in (2, 1, 0):
        client.send(WRONG, sw=f"63C{left}")
        assert client.tries() == left
    client.send(VERIFY, sw="6983")
    client.send("002C028004" + "34373131", sw="6982")
    client.prove_admin()
    client.send("002C028003313131", sw="6700")
    client.send("002C028004" + "34373131")
    client.send("002C028004" + "34373131", sw="6982")
    client.send("0020008004" + "34373131")
    assert client.tries() == 3


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("0020008000", "63C3"),
        ("00200080", "63C3"),
        ("0020008003313131", "63C3"),
        ("0020018006313233343536", "6A86"),
        ("0020008106313233343536", "6A88"),
        ("0024028006313233343536", "6A86"),
        ("0024018106313233343536", "6A88"),
        ("0024018006313233343536", "6982"),
        ("0024018003313233", "6700"),
        ("0024008006313233343536", "63C3"),
        ("0024008009313233343536313131", "6700"),
        ("002C008006313233343536", "6A86"),
        ("002C028106313233343536", "6A88"),
        ("0084000008", "6D00"),
        ("00CB3FFF045C027F7300", "6A88"),
        ("00CB3FFF045C027F7400", "6984"),
        ("00CB3FFF035C017E08", "6984"),
        ("00CB3FFF0A7008840199A5037F498000", "6984"),
        ("00CBB080045C02DF2000", "6981"),
        ("00CB0000045C02DF2000", "6981"),
        ("00CBFFFF045C02DF2000", "6A86"),
        ("00CBA0F0045C02DF2000", "6A82"),
        ("00CBA011045C02DF2000", "6982"),
        ("00DBA01003DF2300", "6982"),
        ("00A4000C02A0F0", "6A82"),
        ("00A4000002A000", "6A86"),
        ("00A4000C03A00000", "6700"),
        ("00A40800022F00", "6A86"),
        ("0022F2B603800157", "6A81"),
        ("002241B606800157840181", "6984"),
        ("002241B603800157", "6984"),
        ("002241B607800257FF840181", "6984"),
        ("002A9E9A0400000000", "6985"),
        ("002A9E9B0400000000", "6A86"),
        ("00870000027C00", "6984"),
        ("00870000067C0481020102", "6984"),
        ("00870100047C028100", "6A86"),
        ("0087000004" + "7D028100", "6984"),
        ("008700000C7C0A82080102030405060708", "6985"),
        ("00E000000E620C8201398302A0008C03033000", "6984"),
        ("00E000000E620C8201398302A0158C03033000", "6982"),
        ("00E0000002" + "6200", "6984"),
        ("00E0000002" + "6202", "6984"),
        ("00E000000E620C8201398302A0158C03073000", "6984"),
        ("00E4000002A000", "6700"),
        ("00E40000", "6986"),
        ("00440100", "6A86"),
    ],
)
def test_what_the_card_refuses(client: Client, command: str, sw: str) -> None:
    assert client.raw(command)[-2:].hex().upper() == sw


def test_changing_the_pin_wants_the_old_one(client: Client) -> None:
    client.send("00240080" + "0C" + b"999999654321".hex(), sw="63C2")
    client.send("00240080" + "0C" + b"123456654321".hex())
    client.send("0024018004" + b"1111".hex())
    client.send("0020008004" + b"1111".hex())


def test_both_forms_of_admin_authentication(client: Client) -> None:
    client.prove_admin(bytes(23) + b"\x02", sw="6982")
    client.prove_admin()
    host, material = bytes(range(16)), bytes(7) + b"\x80"
    card = client.send(CHOOSE_ADMIN, f"00870000147C128110{host.hex()}00")[4:]
    answer = cbc(bytes(24), card + host + material)
    reply = client.send(f"008700002C7C2A8228{answer.hex()}00")
    plain = cbc(bytes(24), reply[4:], decrypt=True)
    assert plain[:32] == host + card
    assert plain[-1] == 0x80
    client.send(f"008700002C7C2A8228{answer.hex()}00", sw="6985")


def test_a_mutual_answer_without_its_end_mark_is_refused(client: Client) -> None:
    card = client.send(CHOOSE_ADMIN, "00870000147C128110" + bytes(16).hex() + "00")[4:]
    client.send(f"008700002C7C2A8228{cbc(bytes(24), card + bytes(24)).hex()}00", sw="6982")


def test_the_admin_key_is_replaced_by_the_admin_only(client: Client) -> None:
    new = "00DB3FFF26 7024 840180 A51F 8718" + "11" * 24 + "8803B073DC"
    client.send(VERIFY)
    client.send(new, sw="6982")
    client.prove_admin()
    client.send(new)
    client.prove_admin(sw="6982")
    client.prove_admin(bytes((0x11,)) * 24)


def test_a_symmetric_key_of_another_size_is_refused(client: Client) -> None:
    client.prove_admin()
    client.send("00DB3FFF1B 7019 840180 A514 8710" + "11" * 16 + "8800", sw="6984")


def test_signatures_with_and_without_padding(client: Client) -> None:
    public = client.make_key()
    block = b"\x00\x01" + b"\xff" * 105 + b"\x00" + bytes(range(20))
    assert client.send(SIGN_RAW, f"002A9E9A80{block.hex()}00") == client.send(
        SIGN_PKCS1, f"002A9E9A14{block[-20:].hex()}00"
    )
    signature = client.send(f"002A9E9A14{block[-20:].hex()}00")
    assert public.recover_data_from_signature(signature, PKCS1v15(), None) == block[-20:]
    client.send(f"002A9E9A76{bytes(118).hex()}00", sw="6700")
    client.send(SIGN_RAW)
    client.send("002A9E9A0100" + "00", sw="6A80")
    client.send(DECIPHER_RAW)
    client.send("002A9E9A0100" + "00", sw="6985")


def test_decipherment(client: Client) -> None:
    public = client.make_key()
    oaep = OAEP(MGF1(SHA1()), SHA1(), None)  # noqa: S303 - the hash of the standard's default
    for choose, cryptogram in (
        (DECIPHER_PKCS1, public.encrypt(b"plain", PKCS1v15())),
        (DECIPHER_OAEP, public.encrypt(b"plain", oaep)),
    ):
        assert client.send(choose, f"002A808680{cryptogram.hex()}00") == b"plain"
        client.send(f"002A80867F{cryptogram[1:].hex()}00", sw="6700")
        client.send(f"002A808680{bytes(128).hex()}00", sw="6A80")
    padded = client.send(DECIPHER_RAW, f"002A808680{public.encrypt(b'plain', PKCS1v15()).hex()}00")
    assert padded.endswith(b"\x00plain")
    client.send(SIGN_PKCS1)
    client.send(f"002A808680{bytes(128).hex()}00", sw="6A81")


def test_logging_out_closes_the_chosen_key_too(client: Client) -> None:
    client.make_key()
    client.send(SIGN_PKCS1, "00200082")
    client.send("002A9E9A0468617368" + "00", sw="6982")


def test_a_key_file_without_a_key(client: Client) -> None:
    client.send(VERIFY, KEY_FILE)
    client.send(SIGN_PKCS1, sw="6985")
    client.send(ACTIVATE)
    client.send(PUBLIC_KEY, sw="6A88")
    client.send(SIGN_PKCS1)
    client.send("002A9E9A0468617368" + "00", sw="6A88")
    client.send("0047000008AC0680010C83018100", sw="6A81")
    client.send("00A4000C02B081", "00E40000")
    client.send(PUBLIC_KEY, sw="6984")


@pytest.mark.parametrize(
    "value", ["3003020100", "3100", "00", "301B" + "020100" * 9, "3081"], ids=["few", "tag", "byte", "zeros", "cut"]
)
def test_nonsense_is_not_imported(client: Client, value: str) -> None:
    client.send(VERIFY, KEY_FILE, ACTIVATE)
    key = encode(0x83, b"\x02") + encode(0x84, b"\x00") + encode(0x87, bytes.fromhex(value))
    data = encode(0x70, encode(0x84, b"\x81") + encode(0xA5, key))
    client.send(f"00DB3FFF{len(data):02X}{data.hex()}", sw="6984")


def test_a_key_under_another_key_is_not_imported(client: Client) -> None:
    client.send(VERIFY, KEY_FILE, ACTIVATE)
    client.send("00DB3FFF0E 700C 840181 A507 840180 8702 3000", sw="6A81")


def test_objects_are_written_replaced_and_deleted(client: Client) -> None:
    client.send(VERIFY, "00DBA01005DF30020102")
    assert client.send("00CBA010045C02DF3000").hex() == "df30020102"
    client.send("00DBA01003DF3000")
    assert client.send("00CBA010045C02DF3000").hex() == "df3000"
    client.send("00DBA01003DF3000")
    client.send("00CBA010045C02DF3000", sw="6A88")
    client.send("00DBA01004DF300201", sw="6984")
    assert client.send("00CBA010025C0000").hex() == client.send("00CB0000035C015C00").hex()
    for number in range(30 - 3):
        client.send(f"00DBA01004DF{0x30 + number:02X}0100")
    client.send("00DBA01004DF7F0100", sw="6A84")


def test_what_selection_tells(client: Client) -> None:
    assert client.send("00A40000023FFF00") == client.send(SELECT)
    assert client.send("00A40004023F0000").hex() == "62088201388c03033030"
    assert client.send("00A40008023FFF00").hex() == "64095f2f01607f65028000"
    assert client.send("00A4000402A01200").hex() == "620c8201398302a0128c03032000"
    assert client.send("00A4000C") == b""
    assert client.send("00CB2F01025C0000").hex().startswith("4301f4")
    client.send("00CB2F01035C015C00", sw="6984")


def test_a_reply_waits_for_le(client: Client) -> None:
    client.send(VERIFY, KEY_FILE, ACTIVATE)
    assert client.raw(GENERATE[:-2]).hex() == "618c"
    assert client.send("00C000008C").hex().startswith("7f4981")


def test_a_blank_card_takes_everything_until_it_is_activated(blank: Client) -> None:
    blank.send("00200080")
    blank.send(WRONG, sw="63C2")
    blank.send(EXTERNAL, sw="6986")
    blank.send("002C028006313233343536", sw="6986")
    blank.send("00CBA000045C02DF1F00", sw="6A82")
    blank.send("0024018006313233343536", "00E000000E620C8201398302A0008C03033000")
    blank.send("00CBA000045C02DF1F00", sw="6985")
    blank.send(ACTIVATE, "00DBA00003DF1F00", KEY_FILE, ACTIVATE, GENERATE)
    blank.send("00A4000C023FFF", ACTIVATE)
    blank.send("00DBA00003DF1F00", sw="6982")
    blank.send(VERIFY, "00DBA00004DF1F0101")


@pytest.mark.parametrize(
    ("condition", "by_pin", "by_admin"),
    [
        ("00", True, True),
        ("10", True, False),
        ("20", False, True),
        ("30", True, True),
        ("31", True, True),
        ("32", False, False),
        ("90", True, False),
        ("A0", False, True),
        ("B0", False, False),
        ("40", False, False),
        ("FF", False, False),
    ],
)
def test_access_rules(blank: Client, condition: str, by_pin: bool, by_admin: bool) -> None:
    blank.send("0024018006313233343536")
    blank.send("00E000001C621A8201188302B0808C04870020FFA50BA4098001028301809501C0", ACTIVATE)
    blank.send("00DB3FFF26 7024 840180 A51F 8718" + "00" * 24 + "8803B073DC")
    blank.send(f"00E000000E620C8201398302A0408C0303{condition}00", ACTIVATE, "00A4000C023FFF", ACTIVATE)
    write = "00DBA04003DF3000"
    assert (blank.raw(write).hex() == "9000") == (condition == "00")
    blank.send(VERIFY)
    assert (blank.raw(write).hex() == "9000") == by_pin
    blank.send("00200082")
    blank.prove_admin()
    assert (blank.raw(write).hex() == "9000") == by_admin


def test_a_terminated_card_makes_no_more_files(client: Client) -> None:
    client.send("00E60000")
    client.send(VERIFY)
    client.send(KEY_FILE, sw="6285")
    client.send(ACTIVATE, sw="6285")
    client.send("00E60000", sw="6285")
    client.send("00CBA012045C02DF2000")


def test_there_is_an_end_to_files(client: Client) -> None:
    client.send(VERIFY)
    for number in range(64 - 7):
        client.send(f"00E000000E620C8201398302A1{number:02X}8C03033000")
    client.send("00E000000E620C8201398302A2008C03033000", sw="6A84")
