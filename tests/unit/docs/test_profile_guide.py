"""The author's guide is true: its invented card works from the page's own text, and its reference is the loader's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cardcore import tlv
from cardcore.apdu import CommandApdu
from cardcore.card import Card
from cardcore.errors import NotSupported, PinRequired
from cardcore.opening import open_on
from cardcore.padding import digest, digest_info
from cardcore.profile.check import check
from tests.unit.core.fakes import Answer, FakeTransport
from tools import profile_reference

GUIDE = (Path(__file__).parents[3] / "docs" / "profiles.md").read_text(encoding="utf-8")
PROFILE = re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.M | re.S)[0]
ROWS = dict(re.findall(r"^\| ([a-z][^|]*?) \| (`[0-9A-F].*?) \|$", GUIDE, re.M))
DIGEST_INFO = digest_info("sha256", digest("sha256", b"message"))


class Larkspur:
    """The invented card, as far as its manual goes."""

    def __init__(self) -> None:
        self.transport = FakeTransport(self.answer)
        self.objects: dict[bytes, bytes] = {}

    @property
    def sent(self) -> list[str]:
        """The commands so far, in hexadecimal."""
        return [command.encode().hex().upper() for command in self.transport.commands]

    def answer(self, command: CommandApdu) -> Answer:
        """One reply."""
        if command.ins == 0xA4:
            return "9000" if command.data == bytes.fromhex("F04C61726B73707572") else "6A82"
        if command.ins == 0x20 and not command.data:
            return "63C3"
        if command.ins == 0x47:
            public = tlv.encode(0x81, b"\xc1" * 256) + tlv.encode(0x82, b"\x01\x00\x01")
            return (tlv.encode(0x7F49, public) + b"\x90\x00").hex()
        if command.ins == 0x2A:
            return ("5A" * 256 if command.p1 == 0x9E else "C0FFEE") + "9000"
        if command.ins == 0xCB:
            return self.objects.get(command.data, b"\x6a\x82").hex()
        return "9000"


def commands(operation: str) -> list[str]:
    """What the guide says is sent."""
    found = re.findall(r"`([0-9A-F][0-9A-F DI]*)`", ROWS[operation])
    return [command.replace("DI", DIGEST_INFO.hex().upper()).replace(" ", "") for command in found]


@pytest.fixture
def larkspur() -> Larkspur:
    return Larkspur()


@pytest.fixture
def card(larkspur: Larkspur, tmp_path: Path) -> Card:
    file = tmp_path / "larkspur.yaml"
    file.write_text(PROFILE, encoding="utf-8")
    assert check(file) == []
    return open_on(larkspur.transport, str(file))


def test_the_table_has_the_four_operations() -> None:
    assert list(ROWS) == ["verify", "change to 654321", "generate RSA-2048 in key 2", "sign with key 1"]


def test_pin_commands_are_those_of_the_guide(card: Card, larkspur: Larkspur) -> None:
    card.verify("123456")
    assert larkspur.sent[-1:] == commands("verify")
    card.change_pin("123456", "654321")
    assert larkspur.sent[-1:] == commands("change to 654321")


def test_generation_is_that_of_the_guide(card: Card, larkspur: Larkspur) -> None:
    card.verify("123456")
    assert card.generate("2", "rsa2048").key_size == 2048
    assert larkspur.sent[-1:] == commands("generate RSA-2048 in key 2")


def test_signing_is_that_of_the_guide(card: Card, larkspur: Larkspur) -> None:
    with pytest.raises(PinRequired):
        card.sign("1", b"message", key_type="rsa2048")
    assert card.sign("1", b"message", key_type="rsa2048", pin="123456") == b"\x5a" * 256
    assert larkspur.sent[-2:] == commands("sign with key 1")
    card.sign("1", b"message", key_type="rsa2048", pin="123456", oid=False)
    assert larkspur.sent[-1] == f"002A9E9A20{digest('sha256', b'message').hex().upper()}00"


def test_what_the_card_cannot_do_is_refused_before_anything_is_sent(card: Card, larkspur: Larkspur) -> None:
    before = len(larkspur.sent)
    with pytest.raises(NotSupported, match="pkcs1 signatures, not pss"):
        card.sign("1", b"message", key_type="rsa2048", scheme="pss", pin="123456")
    with pytest.raises(NotSupported, match="key 1 is not for decipher"):
        card.decipher("1", bytes(256), key_type="rsa2048", pin="123456")
    assert len(larkspur.sent) == before


def test_the_exchange_key_decrypts(card: Card, larkspur: Larkspur) -> None:
    assert card.decipher("2", bytes(256), key_type="rsa2048", pin="123456") == bytes.fromhex("C0FFEE")
    assert [command[:8] for command in larkspur.sent[-4:]] == ["00200001", "002241B8", "102A8086", "002A8086"]


def test_the_reference_is_made_from_the_loaders_tables() -> None:
    assert profile_reference.PAGE.read_text(encoding="utf-8") == profile_reference.page()
