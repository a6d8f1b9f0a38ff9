"""What the Larkspur refuses and keeps, beside what the author's guide shows of it."""

from __future__ import annotations

import pytest

from cardcore.errors import InputError
from cardcore.softcard import ScryptCost, Secrets, SoftCard, volatile_card
from cardcore.softcard.registry import application_class
from cardcore.tlv import require

COST = ScryptCost(n=16)
SELECT = "00A4040009F04C61726B73707572"
BLOCK, OTHER = b"123456".hex() + "FF" * 6, b"654321".hex() + "FF" * 6
PUK = b"12345678".hex() + "FF" * 4
VERIFY = f"002000010C{BLOCK}"
GENERATE = "804600{:02X}0490020004"
SIGN, DECIPHER = "8022F1B607C101{:02X}C2020110", "8022F1B807C101{:02X}C2020120"


def sent(card: SoftCard, *commands: str) -> list[str]:
    """The status words, after the data if there is any."""
    return [card.process(bytes.fromhex(command)).hex().upper() for command in commands]


@pytest.fixture
def card() -> SoftCard:
    """A selected card."""
    made = volatile_card("larkspur", cost=COST)
    assert sent(made, SELECT) == ["9000"]
    return made


@pytest.fixture
def keyed(card: SoftCard) -> SoftCard:
    """A card with keys 1 and 2, PIN 1 not verified."""
    assert all(answer.endswith("9000") for answer in sent(card, VERIFY, GENERATE.format(1), GENERATE.format(2)))
    assert sent(card, "0020FF01") == ["9000"]
    return card


def test_numbers_come_with_the_least_significant_byte_first(card: SoftCard) -> None:
    assert sent(card, VERIFY) == ["9000"]
    answer = bytes.fromhex(sent(card, GENERATE.format(3))[0])
    modulus = require(answer[:-2], [0x7F49, 0x81])
    assert modulus[0] & 1
    assert modulus[-1] & 0x80
    assert int.from_bytes(modulus, "little").bit_length() == 1024
    told = bytes.fromhex(sent(card, "8048000300")[0])
    assert told == bytes.fromhex("90020004") + answer


def test_pins(card: SoftCard) -> None:
    wrong = f"002000010C{OTHER}"
    assert sent(card, "00200001", wrong, "00200001", VERIFY, "00200001") == ["63C3", "63C2", "63C2", "9000", "9000"]
    assert sent(card, "0020FF01", "00200001", "00200002") == ["9000", "63C3", "63C3"]
    assert sent(card, f"0024000118{BLOCK}{OTHER}", wrong) == ["9000", "9000"]
    assert sent(card, VERIFY, VERIFY, VERIFY, VERIFY, wrong) == ["63C2", "63C1", "63C0", "6983", "6983"]
    unblock = "002C00011C 910C {} 920C {}"
    assert sent(card, unblock.format(b"87654321".hex() + "FF" * 4, BLOCK)) == ["63C2"]
    assert sent(card, unblock.format(PUK, BLOCK), VERIFY) == ["9000", "9000"]
    assert sent(card, f"002000020C{PUK}", f"0024000218{PUK}{PUK}") == ["9000", "9000"]


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("00200003", "6A88"),
        ("00200101", "6A86"),
        ("002000010431323334", "6A80"),
        (f"002000020C{BLOCK}", "6A80"),
        (f"002400010C{BLOCK}", "6A80"),
        ("002C000103910131", "6A80"),
        ("002C00010291FF", "6A80"),
        ("00A4000C022F02", "6A86"),
        ("00A4080C024C00", "6A82"),
        ("00B0000000", "6986"),
        ("00D6000001AA", "6986"),
        ("00480001", "6E00"),
        ("80480001", "6A88"),
        ("80480004", "6A86"),
        ("80480101", "6A86"),
        ("804600010490020004", "6982"),
        ("0022F1B607C10101C2020110", "6E00"),
        ("8022F1B607C10101C2020110", "6A88"),
        ("8022F1B607C10101C2020120", "6A80"),
        ("8022F1B604C2020110", "6A80"),
        ("8022F1B603C10101", "6A80"),
        ("8022F1B602C1FF", "6A80"),
        ("802241B607C10101C2020110", "6A86"),
        ("8022F1A407C10101C2020110", "6A86"),
        ("002A9E9A0101", "6985"),
        ("002A9E9B0101", "6A86"),
        ("00840000", "6700"),
        ("0084000041", "6700"),
        ("0084010008", "6A86"),
        ("00E00000", "6D00"),
    ],
)
def test_refused(card: SoftCard, command: str, word: str) -> None:
    assert sent(card, command) == [word]


def test_files(card: SoftCard) -> None:
    select = "00A4080C044C00C102"
    assert sent(card, select, "00D6000001AA", VERIFY, "00D6000001AA", "00B0000002") == [
        "9000",
        "6982",
        "9000",
        "9000",
        "AA009000",
    ]
    assert sent(card, "00D607FF01BB", "00D607FF02BBBB", "00B007FF00", "00B0080000") == [
        "9000",
        "6B00",
        "BB9000",
        "6B00",
    ]
    assert sent(card, "00A4080C022F02", "00D6000001AA") == ["9000", "6982"]


def test_the_signature_key_wants_its_pin_each_time(keyed: SoftCard) -> None:
    assert sent(keyed, SIGN.format(1), "002A9E9A0101") == ["9000", "6982"]
    assert [answer[-4:] for answer in sent(keyed, VERIFY, "002A9E9A0101", "002A9E9A0101")] == ["9000", "9000", "6982"]
    assert sent(keyed, DECIPHER.format(1)) == ["6985"]
    assert [answer[-4:] for answer in sent(keyed, SIGN.format(2), VERIFY, *["002A9E9A0101"] * 2)] == ["9000"] * 4


def test_what_does_not_fit_the_key(keyed: SoftCard) -> None:
    sent(keyed, VERIFY, SIGN.format(2))
    assert sent(keyed, "002A9E9A76" + "01" * 118, DECIPHER.format(2)) == ["6A80", "9000"]
    assert sent(keyed, "002A80868100" + "01" * 128, "002A80868181" + "01" * 128) == ["6A80", "6A80"]


def test_a_size_that_is_none(card: SoftCard) -> None:
    assert sent(card, VERIFY, "804600010490020008", "80460001049002FFFF", "80460001")[2:] == ["6A80", "6A80"]


def test_nothing_is_proved_after_a_reset(keyed: SoftCard) -> None:
    assert sent(keyed, VERIFY, SELECT, "00200001") == ["9000", "9000", "63C3"]
    keyed.reset()
    assert sent(keyed, "00200001") == ["6986"]


@pytest.mark.parametrize(
    "secrets", [Secrets(pin=b"123"), Secrets(pin=b"12345x"), Secrets(puk=b"1234567"), Secrets(pin=b"1" * 13)]
)
def test_secrets_that_do_not_fit(secrets: Secrets) -> None:
    with pytest.raises(InputError, match="does not fit"):
        volatile_card("larkspur", secrets, cost=COST)


def test_a_try_limit_is_told_in_a_status_word() -> None:
    with pytest.raises(InputError, match="1 to 15"):
        volatile_card("larkspur", pin_tries=16, cost=COST)


def test_a_name_that_is_none() -> None:
    with pytest.raises(InputError, match="no software card application") as caught:
        application_class("larch")
    assert "larkspur" in caught.value.hint
