"""What the IsoApplet software card refuses and keeps: life cycle, access rules, keys, secrets."""

from __future__ import annotations

import pytest

from cardcore.errors import InputError
from cardcore.softcard import ScryptCost, Secrets, SoftCard, SoftCardStore, volatile_card

COST = ScryptCost(n=16)
SELECT = "00A404000CF276A288BCFBA69D34F3100100"
PIN = "0020000106313233343536"
FILE = "00E0000017 6F15 81020010 820101 83024301 8608FF90909090909000"


def sent(card: SoftCard, *commands: str) -> list[str]:
    return [card.process(bytes.fromhex(command)).hex().upper() for command in commands]


@pytest.fixture
def card() -> SoftCard:
    made = volatile_card("isoapplet", cost=COST)
    assert sent(made, SELECT) == ["0006069000"]
    return made


@pytest.fixture
def blank() -> SoftCard:
    made = volatile_card("isoapplet", blank=True, cost=COST)
    assert sent(made, SELECT) == ["0006069000"]
    return made


def test_a_blank_card_goes_through_its_life_cycle(blank: SoftCard) -> None:
    puk = "0024010210" + b"0123456789abcdef".hex()
    pin = "0024010106313233343536"
    assert sent(blank, "00200001", "002C0001", puk, puk, pin, pin) == ["9000", "6986", "9000", "6A86", "9000", "6A86"]
    assert sent(blank, "00200001", PIN) == ["63C3", "9000"]


def test_a_pin_may_be_set_without_a_puk_for_ever(blank: SoftCard) -> None:
    assert sent(blank, "0024010106313233343536", PIN) == ["9000", "9000"]
    unblock = "002C000120" + b"0123456789abcdef".hex() + "31" * 16
    assert sent(blank, unblock) == ["63C0"]


def test_there_is_no_key_without_a_pin(blank: SoftCard) -> None:
    assert sent(blank, "00224100068001F3840100", "0046420000") == ["6982", "6982"]


def test_the_counter_is_told_even_when_verified(card: SoftCard) -> None:
    assert sent(card, PIN, "00200001") == ["9000", "63C3"]


def test_a_wrong_pin_blocks_after_three_tries(card: SoftCard) -> None:
    wrong = "0020000106393939393939"
    assert sent(card, wrong, wrong, wrong, PIN) == ["63C2", "63C1", "63C0", "63C0"]


def test_selecting_again_ends_the_proof(card: SoftCard) -> None:
    assert sent(card, PIN, "00224100068001F3840100") == ["9000", "9000"]
    sent(card, SELECT)
    assert sent(card, "00224100068001F3840100") == ["6982"]


def test_changing_the_pin_ends_the_proof_for_keys(card: SoftCard) -> None:
    change = "0024000120" + b"123456".hex() + "00" * 10 + b"654321".hex() + "00" * 10
    assert sent(card, PIN, change, "00224100068001F3840100") == ["9000", "9000", "6982"]


def test_rules_are_kept(card: SoftCard) -> None:
    assert sent(card, "00A4080C025015", FILE.replace("4301", "4302"), "00D6000001AA") == ["9000", "9000", "6982"]
    assert sent(card, PIN, "00D6000001AA", "00B0000001") == ["9000", "9000", "AA9000"]
    sent(card, SELECT)
    assert sent(card, "00A4080C0450154302", "00D6000001AA", "00B0000001", "00E40000024302") == [
        "9000",
        "6982",
        "AA9000",
        "6982",
    ]
    assert sent(card, PIN, "00E40000024302", "00A4080C0450154302") == ["9000", "9000", "6A82"]


def test_files_have_their_bounds(card: SoftCard) -> None:
    sent(card, PIN, "00A4080C025015", FILE)
    assert sent(card, "00D6000F02AAAA", "00D6000F01AA", "00B0001000", "00B0000F00") == [
        "6B00",
        "9000",
        "6B00",
        "AA9000",
    ]


IMPOSSIBLE = {
    "an identifier that is taken": FILE.replace("4301", "5015"),
    "a file of records": FILE.replace("820101", "820102"),
    "rules of another length": "00E0000010 6F0E 81020010 820101 83024301 860190",
    "no identifier": "00E000000B 6F09 81020010 820101 8600",
    "no template": "00E0000004 30028300",
    "nothing": "00E00000",
}


@pytest.mark.parametrize("command", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_files_are_not_made(card: SoftCard, command: str) -> None:
    assert sent(card, command) == ["6984"]


def test_a_directory_goes_with_what_is_in_it(card: SoftCard) -> None:
    assert sent(card, PIN, "00A4080C025015", FILE, "00E40000025015") == ["9000"] * 4
    assert sent(card, "00A40000024301", "00A4000C023F00", "00A40300") == ["6A82", "9000", "6A82"]


def test_a_file_is_found_in_every_way(card: SoftCard) -> None:
    master = sent(card, "00A40000023F00")[0]
    commands = ("00A4010C025015", "00A4020C025031", "00A40300", "00A4090C045015FFFF", "00A4090C0450155031", "00A4000C")
    assert sent(card, *commands) == ["9000", "9000", master, "6A82", "9000", "9000"]
    assert sent(card, "00A4080C03501550", "00A4050C025015", "00A408020450155031") == ["6A82", "6A86", "6A86"]


@pytest.mark.parametrize(
    ("environment", "answer"),
    [
        ("002241B606800111840100", "6984"),
        ("0022410006800155840100", "6A81"),
        ("00224100068001F3840110", "6984"),
        ("002241A406800111840100", "6A81"),
        ("002281B606800111840100", "6A81"),
        ("0022410003800111", "6984"),
        ("0022F300", "9000"),
    ],
)
def test_environments_are_checked(card: SoftCard, environment: str, answer: str) -> None:
    assert sent(card, PIN, environment) == ["9000", answer]


def test_a_key_signs_what_fits_and_nothing_else(card: SoftCard) -> None:
    sent(card, PIN, "00224100068001F3840100", "0046420000", "00C000000E")
    assert sent(card, "002A9E9A0141") == ["6985"]
    assert sent(card, "002241B606800111840100") == ["9000"]
    assert len(sent(card, "002A9E9A014100")[0]) == 2 * 258
    assert sent(card, "002A9E9AF6" + "41" * 246 + "00", "002A9E9A014180") == ["6700", "6C00"]
    assert sent(card, "002A80860201AA", "002A8086020000", "002A8080020000") == ["6A80", "6700", "6A86"]
    assert sent(card, "002241B606800121840100") == ["6984"]


def test_curves_that_the_card_has_not_are_refused(card: SoftCard) -> None:
    sent(card, PIN, "00224100068001EC840100")
    parameters = "".join(f"{tag}0101" for tag in ("81", "82", "83", "84", "85")) + "87020001"
    length = f"{len(parameters) // 2:02X}"
    assert sent(card, "00460000" + length + parameters + "00", "004600000381010100") == ["6A81", "6984"]


def test_random_numbers_are_given(card: SoftCard) -> None:
    assert len(sent(card, "0084000010")[0]) == 2 * 18
    assert len(sent(card, "0084000000")[0]) == 2 * 258
    assert sent(card, "00840000", "0084000108") == ["6700", "6A86"]


def test_unknown_instructions_are_refused(card: SoftCard) -> None:
    assert sent(card, "00CA010100", "00B0810000") == ["6D00", "6A82"]


@pytest.mark.parametrize("secrets", [Secrets(pin=b"123"), Secrets(pin=b"1" * 17), Secrets(puk=b"short")])
def test_secrets_that_do_not_fit_are_refused(secrets: Secrets) -> None:
    with pytest.raises(InputError):
        volatile_card("isoapplet", secrets, cost=COST)


def test_a_blank_card_has_no_secrets() -> None:
    with pytest.raises(InputError):
        volatile_card("isoapplet", Secrets(pin=b"123456"), blank=True, cost=COST)


@pytest.mark.parametrize("tries", [0, 16])
def test_try_limits_fit_in_a_status_word(tries: int) -> None:
    with pytest.raises(InputError):
        volatile_card("isoapplet", pin_tries=tries, cost=COST)


def test_the_card_lives_in_a_file() -> None:
    store = SoftCardStore()
    path = store.create("iso", "isoapplet", cost=COST).path
    sent(store.open("iso"), SELECT, PIN, "00224100068001F3840100", "0046420000")
    card = store.open("iso")
    sent(card, SELECT, PIN, "002241B606800111840100")
    assert len(sent(card, "002A9E9A014100")[0]) == 2 * 258
    assert b"123456" not in path.read_bytes()


def test_keys_are_imported_and_checked(card: SoftCard) -> None:
    assert sent(card, PIN, "00DB3FFF0101", "00224100068001F3840100") == ["9000", "6985", "9000"]
    refused = ("00DB3FFF0101", "00DB3FFF03E00100", "00DB3FFF057F48029200", "00DB3FFE0101", "0046000000")
    assert sent(card, *refused) == ["6984", "6A80", "6984", "6A86", "6A86"]
    assert sent(card, "0022F300", "0046420000") == ["9000", "6985"]


def test_keys_that_do_not_belong_together_are_not_imported(card: SoftCard) -> None:
    sent(card, PIN, "00224100068001F3840100")
    parts = "".join(f"{tag}0103" for tag in ("92", "93", "94", "95", "96"))
    assert sent(card, f"00DB3FFF{len(parts) // 2 + 3:02X}7F48{len(parts) // 2:02X}{parts}") == ["6984"]


def test_commands_have_their_parameters(card: SoftCard) -> None:
    wrong = ("002C000101", "00E00100", "00E4000001FF", "00E40000023F00", "00E4000002ABCD", "00A40002", "00A40008")
    assert sent(card, PIN, *wrong) == ["9000", "6700", "6A86", "6700", "6986", "6A82", "6A86", "6A86"]
    assert sent(card, "00B0000000", "00E00000", "00A40300") == ["6981", "6984", "6A82"]
