"""The driver understands what a real PIV applet answered: the recordings in tests/vectors/piv, parsed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography import x509

from cardcore import sw as status
from cardcore import tlv
from cardcore.apdu import CommandApdu, ResponseApdu
from cardcore.errors import ReplyError
from cardcore.keytypes import EcPoint, RsaNumbers, public_key
from cardcore.profile.reply import Result, extract
from tests.unit.core.fakecard import piv

VECTORS = Path(__file__).parents[2] / "vectors" / "piv"
FILES = sorted(path.stem for path in VECTORS.glob("*.jsonl"))
GENERATE, GENERAL_AUTHENTICATE, GET_DATA, SELECT = 0x47, 0x87, 0xCB, 0xA4
ADMIN_KEY = 0x9B


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A logical command and its whole response."""

    command: CommandApdu
    response: ResponseApdu


def exchanges(name: str) -> Iterator[Exchange]:
    """The logical exchanges of a recording, chains undone on both sides."""
    command, data = None, b""
    for line in (VECTORS / f"{name}.jsonl").read_text(encoding="ascii").splitlines():
        recorded = json.loads(line)
        if "c" not in recorded:
            command, data = None, b""
            continue
        part = CommandApdu.decode(bytes.fromhex(recorded["c"]))
        response = ResponseApdu.decode(bytes.fromhex(recorded["r"]))
        if part.ins != 0xC0:
            chained = command is not None and command.cla & 0x10
            command = replace(part, data=(command.data if chained and command else b"") + part.data)
            data = b""
        data += response.data
        if command is not None and response.sw >> 8 != 0x61 and not command.cla & 0x10:
            yield Exchange(command=command, response=ResponseApdu(data=data, sw=response.sw))


def successful(instruction: int) -> list[Exchange]:
    """Every successful exchange of that instruction with data in the reply, in all recordings."""
    found = [exchange for name in FILES for exchange in exchanges(name)]
    return [one for one in found if one.command.ins == instruction and one.response.sw == 0x9000 and one.response.data]


def result(operation: str, data: bytes) -> Result:
    """What the profile's operation takes out of a reply."""
    reply = piv().operations[operation].steps[-1].reply
    assert reply is not None
    return extract(reply, data)


@pytest.mark.parametrize("name", FILES)
def test_each_command_and_status_word_is_understood(name: str) -> None:
    for exchange in exchanges(name):
        whole = replace(exchange.command, extended=len(exchange.command.data) > 255)
        assert CommandApdu.decode(whole.encode()) == whole
        assert status.meaning(exchange.response.sw) != "unknown status word"


def test_generated_keys_are_read() -> None:
    keys = [result("generate", exchange.response.data) for exchange in successful(GENERATE)]
    assert {type(key) for key in keys} == {RsaNumbers, EcPoint}
    assert {public_key(key).key_size for key in keys if isinstance(key, RsaNumbers | EcPoint)} == {2048, 256}


def test_signatures_and_deciphered_blocks_are_read() -> None:
    used = [one for one in successful(GENERAL_AUTHENTICATE) if one.command.p2 != ADMIN_KEY]
    results = [result("sign", exchange.response.data) for exchange in used]
    assert len(results) >= 20
    assert all(isinstance(found, bytes) and len(found) == 256 for found in results)


def test_authentications_of_the_admin_key_are_read() -> None:
    answers = [one for one in successful(GENERAL_AUTHENTICATE) if one.command.p2 == ADMIN_KEY]
    witnesses = [one for one in answers if one.command.data == bytes.fromhex("7C028000")]
    assert witnesses
    for one in answers:
        operation = "authenticate-witness" if one in witnesses else "authenticate-answer"
        found = result(operation, one.response.data)
        assert isinstance(found, bytes)
        assert len(found) == 8


def test_data_objects_are_read() -> None:
    whole = [one for one in successful(GET_DATA) if one.command.le in (None, 0)]
    objects = {one.command.data: tlv.parse_one(one.response.data) for one in whole}
    assert {item.tag for item in objects.values()} == {0x53, 0x7E}
    certificates = [tlv.find(item.value, [0x70]) for item in objects.values() if item.value[:1] == b"\x70"]
    assert len([x509.load_der_x509_certificate(der) for der in certificates if der]) >= 3


def test_the_applets_reply_to_select_is_not_strict_and_not_needed() -> None:
    replies = {one.response.data for one in successful(SELECT)}
    assert replies
    for reply in replies:
        with pytest.raises(ReplyError, match="shortest form"):  # 61 81 79: a length below 80 in two bytes
            tlv.parse(reply)
    assert piv().match.reply is None
    assert result("select", next(iter(replies)))
