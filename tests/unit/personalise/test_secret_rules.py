"""Where secrets come from: sources, records, chance, and a master key by a published construction."""

from __future__ import annotations

import hashlib
import hmac
import re
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcore.errors import InputError
from cardcore.personalise.card_secrets import CardSecrets, check_sources
from cardcore.personalise.derivation import derived_key, derived_pin, hkdf, information
from cardcore.personalise.pin_policy import ALPHABET, is_trivial, random_pin
from cardcore.personalise.plan import Form, Import
from cardcore.secret import Secret
from cardcore.sources import SourceError
from tests.unit.house import ROOT
from tests.unit.personalise.plans import ALL, PIV, plan_of, wrong

MASTER = bytes(range(32))

# RFC 5869, appendix A: test cases 1 to 3 (the others are for SHA-1).
RFC_5869 = [
    (
        "0b" * 22,
        "000102030405060708090a0b0c",
        "f0f1f2f3f4f5f6f7f8f9",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x00, 0x50)).hex(),
        bytes(range(0x60, 0xB0)).hex(),
        bytes(range(0xB0, 0x100)).hex(),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
        "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        "0b" * 22,
        "",
        "",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]


@pytest.mark.parametrize(("key", "salt", "info", "output"), RFC_5869)
def test_hkdf_is_that_of_rfc_5869(key: str, salt: str, info: str, output: str) -> None:
    found = hkdf(Secret(bytes.fromhex(key)), bytes.fromhex(info), len(output) // 2, bytes.fromhex(salt))
    assert found.reveal().hex() == output


def hkdf_by_hand(master: bytes, info: bytes, length: int) -> bytes:
    """HKDF from its definition, and nothing of ours."""
    pseudorandom = hmac.digest(bytes(32), master, hashlib.sha256)
    output, block = b"", b""
    for number in range(1, -(-length // 32) + 1):
        block = hmac.digest(pseudorandom, block + info + bytes([number]), hashlib.sha256)
        output += block
    return output[:length]


def info_by_hand(*parts: str) -> bytes:
    """The info as docs/personalise.md has it."""
    found = b""
    for part in ("cardcore personalise 1", *parts):
        found += len(part.encode()).to_bytes(2, "big") + part.encode()
    return found


def test_a_key_is_what_the_documentation_says() -> None:
    info = information("admin:aes256", "4711", 3, "acme")
    assert info == info_by_hand("admin:aes256", "4711", "3", "acme")
    assert derived_key(Secret(MASTER), info, 32).reveal() == hkdf_by_hand(MASTER, info, 32)


@given(serial=st.text(min_size=1, max_size=20), digits=st.integers(4, 12))
def test_a_pin_is_what_the_documentation_says(serial: str, digits: int) -> None:
    info = information("pin:user", serial, 1)
    pin = derived_pin(Secret(MASTER), info, Form(digits=digits)).reveal().decode()
    for attempt in range(64):
        stream = hkdf_by_hand(MASTER, info + (attempt.to_bytes(2, "big") if attempt else b""), 255)
        expected = "".join(str(byte % 10) for byte in stream if byte < 250)[:digits]
        if not is_trivial(expected.encode()):
            break
    assert pin == expected


def test_what_was_derived_once_stays() -> None:
    """Cards in the field depend on it, and other people's programs: the documentation has these values."""
    documentation = (ROOT / "docs" / "personalise.md").read_text(encoding="utf-8")
    for value in ("870280", "25NW8J37", "3cd5a655713bec1c053bd43a02df5545"):
        assert value in documentation
    info = information("pin:user", "4711", 1)
    assert derived_pin(Secret(MASTER), info, Form(digits=6)).reveal() == b"870280"
    assert derived_pin(Secret(MASTER), info, Form(characters=8)).reveal() == b"25NW8J37"
    key = derived_key(Secret(MASTER), information("admin:aes128", "4711", 1), 16)
    assert key.reveal().hex() == "3cd5a655713bec1c053bd43a02df5545"


def test_every_part_makes_another_secret() -> None:
    ways = [
        ("a", "b", 1, ""),
        ("a", "c", 1, ""),
        ("b", "b", 1, ""),
        ("a", "b", 2, ""),
        ("a", "b", 1, "x"),
        ("ab", "b", 1, ""),
    ]
    assert len({derived_key(Secret(MASTER), information(*way), 32).reveal() for way in ways}) == len(ways)


def test_trivial_pins_are_never_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    info = information("pin:user", "4711", 1)
    first = derived_pin(Secret(MASTER), info, Form(digits=6)).reveal()
    monkeypatch.setattr("cardcore.personalise.derivation.is_trivial", lambda pin: pin == first)
    assert derived_pin(Secret(MASTER), info, Form(digits=6)).reveal() != first
    monkeypatch.setattr("cardcore.personalise.derivation.is_trivial", lambda pin: True)
    with pytest.raises(InputError, match="no PIN could be derived"):
        derived_pin(Secret(MASTER), info, Form(digits=6))


def test_a_card_without_a_serial_number_gets_nothing_derived() -> None:
    with pytest.raises(InputError, match="no serial number"):
        information("pin:user", "", 1)


@pytest.mark.parametrize("size", [0, 15])
def test_a_short_master_key_is_refused(size: int) -> None:
    info = information("pin:user", "4711", 1)
    with pytest.raises(InputError, match=f"the master key has {size} bytes"):
        derived_key(Secret(bytes(size)), info, 16)
    with pytest.raises(InputError, match=f"the master key has {size} bytes"):
        derived_pin(Secret(bytes(size)), info, Form(digits=6))


@pytest.mark.parametrize(
    "pin", ["0000", "1111", "1122", "1212", "1234", "4321", "7890", "1357", "123123", "471471", "121212", "000001"]
)
def test_pins_that_people_try_first_are_trivial(pin: str) -> None:
    assert is_trivial(pin.encode())


@pytest.mark.parametrize("pin", ["4711", "472910", "1243", "112233"])
def test_other_pins_are_not(pin: str) -> None:
    assert not is_trivial(pin.encode())


@given(digits=st.integers(4, 16))
def test_a_random_pin_has_its_form(digits: int) -> None:
    pin = random_pin(Form(digits=digits)).reveal()
    assert len(pin) == digits
    assert pin.isdigit()
    assert not is_trivial(pin)


def test_a_random_pin_has_characters_that_nobody_mistakes() -> None:
    pin = random_pin(Form(characters=100)).reveal()
    assert len(pin) == 100
    assert set(pin) <= set(ALPHABET)
    assert not set(b"I1O0l") & set(ALPHABET)


def test_a_random_pin_is_never_the_factory_one(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = iter(b"472910839105")
    monkeypatch.setattr("secrets.choice", lambda alphabet: next(draws))
    assert random_pin(Form(digits=6), [Secret(b"472910")]).reveal() == b"839105"


FIELDS = {"name": "A", "mail": "a@example.org", "upn": "a@example.org", "employee": "1001", "code": "471103"}


def secrets_of(path: Path, plan: str, card: str = "piv", serial: str = "4711") -> CardSecrets:
    """The secrets of a card for the first holder."""
    return CardSecrets(plan=plan_of(path, plan).cards[card], fields=FIELDS, serial=serial)


def test_the_secrets_of_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER", MASTER.hex())
    found = secrets_of(tmp_path, ALL)
    assert found.initial_pin("user").reveal() == b"123456"  # type: ignore[union-attr] # it has one
    final = found.final_pin("user")
    assert final is not None
    assert re.fullmatch(rb"\d{6}", final.reveal())
    admin = found.initial_admin()
    assert admin is not None
    assert admin.reveal() == bytes.fromhex("010203040506070801020304050607080102030405060708")
    new = found.final_admin()
    assert new is not None
    assert new.reveal() == hkdf_by_hand(MASTER, info_by_hand("admin:aes256", "4711", "1", ""), 32)


def test_a_pin_that_is_derived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER", MASTER.hex())
    found = secrets_of(tmp_path, PIV.replace("{random: {digits: 6}}", "{derived: {master: env:MASTER, digits: 6}}"))
    first, second = found.final_pin("user"), found.final_pin("user")
    assert first is not None
    assert second is not None
    assert first.reveal() == second.reveal() == b"870280"


def test_a_card_that_has_no_secrets_yet(tmp_path: Path) -> None:
    found = secrets_of(tmp_path, ALL, "gids")
    assert found.initial_pin("user") is None
    assert found.initial_admin() is None
    admin = found.final_admin()
    assert admin is not None
    assert len(admin) == 24
    with pytest.raises(InputError, match="says nothing of the admin key"):
        secrets_of(tmp_path, ALL, "isoapplet").initial_admin()


def test_a_pin_that_is_another_one(tmp_path: Path) -> None:
    found = secrets_of(tmp_path, ALL, "openpgp")
    initial = found.initial_pin("sign")
    assert initial is not None
    assert initial.reveal() == b"123456"


def test_what_stays_as_it_is(tmp_path: Path) -> None:
    text = PIV.replace("puk: {final: {random: {digits: 8}}}", "puk: {}").replace(
        "admin: {final: {derived: {master: env:MASTER}}, cipher: aes256}", "admin: {initial_cipher: 3des}"
    )
    found = secrets_of(tmp_path, text)
    assert found.final_pin("puk") is None
    assert found.final_admin() is None
    assert found.initial_admin() is not None


def test_a_secret_in_the_record(tmp_path: Path) -> None:
    text = PIV.replace("user: {final: {random: {digits: 6}}", "user: {final: {field: code}")
    found = secrets_of(tmp_path, text)
    pin = found.final_pin("user")
    assert pin is not None
    assert pin.reveal() == b"471103"
    found.check_record()
    for value, message in (("12345", "wrong length"), ("12345x", "digits only"), ("", "the field code is empty")):
        bad = CardSecrets(plan=found.plan, fields={**FIELDS, "code": value}, serial="1")
        with pytest.raises(InputError, match=message) as caught:
            bad.check_record()
        assert not value or value not in str(caught.value) + caught.value.hint


def test_an_admin_key_in_the_record(tmp_path: Path) -> None:
    text = PIV.replace("{derived: {master: env:MASTER}}", "{field: code}")
    found = secrets_of(tmp_path, text)
    with pytest.raises(InputError, match="the admin key has 3 bytes"):
        found.check_record()
    key = CardSecrets(plan=found.plan, fields={**FIELDS, "code": "ab" * 32}, serial="1").final_admin()
    assert key is not None
    assert key.reveal() == b"\xab" * 32


def test_sources_are_checked_before_any_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PIV.replace("{random: {digits: 8}}", "env:NEWPUK").replace('{published: "123456"}', "file:pin.txt")
    plan = plan_of(tmp_path, text)
    monkeypatch.setenv("NEWPUK", "1234")
    monkeypatch.setenv("MASTER", "not hexadecimal")
    found = list(check_sources(plan))
    assert [missing for _, missing in found] == [True, False, False]
    assert "initial user: cannot read" in found[0][0].message
    assert "final puk: the PUK has the wrong length" in found[1][0].message
    assert "the master key (env:MASTER) is not hexadecimal" in found[2][0].message
    (tmp_path / "pin.txt").write_text("\n")
    assert "pin.txt is empty" in next(check_sources(plan))[0].message
    (tmp_path / "pin.txt").write_text("472910\n")
    monkeypatch.setenv("NEWPUK", "12345679")
    monkeypatch.setenv("MASTER", MASTER.hex())
    assert list(check_sources(plan)) == []


def test_the_password_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PIV.replace(
        "      9c: {type: ecp256,",
        '      9d: {import: {pkcs12: "keys/{employee}.p12", passphrase: env:P12}, certificate: imported}\n'
        '      82: {import: {pkcs12: "keys/{employee}.p12", passphrase: {field: code}}}\n'
        "      9c: {type: ecp256,",
    )
    found = secrets_of(tmp_path, text)
    first, second = found.plan.keys["9d"].imported, found.plan.keys["82"].imported
    assert isinstance(first, Import)
    assert isinstance(second, Import)
    assert first.with_certificate
    assert not second.with_certificate
    assert first.path(FIELDS) == tmp_path / "keys" / "1001.p12"
    with pytest.raises(InputError, match="field employee cannot be part of a file's name"):
        first.path({"employee": "../../etc/passwd"})
    with pytest.raises(SourceError, match="P12 is not set"):
        found.passphrase(first)
    monkeypatch.setenv("P12", "password")
    assert found.passphrase(first).reveal() == b"password"
    assert found.passphrase(second).reveal() == b"471103"
    found.check_record()


def test_no_secret_is_in_a_representation_or_an_error(tmp_path: Path) -> None:
    text = PIV.replace('{published: "123456"}', '{published: "hunter2"}')
    found = wrong(tmp_path, text)
    told = "".join("".join(traceback.format_exception(error)) + error.hint for error in found)
    assert found
    assert "hunter2" not in told
    plan = plan_of(tmp_path, PIV)
    assert "123456" not in repr(plan)
    assert "0102030405" not in repr(plan)
