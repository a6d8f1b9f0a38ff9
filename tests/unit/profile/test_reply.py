"""Results taken out of replies, and replies that are not what the profile says."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcore.errors import ReplyError
from cardcore.keytypes import EcPoint, RsaNumbers
from cardcore.profile.model import Reply
from cardcore.profile.reply import Result, extract

RSA = Reply(path=(0x7F49,), modulus=0x81, exponent=0x82, point=0x86)
FIELDS = Reply(
    fields={
        "type": Reply(path=(0x01,), byte=0, values={7: "rsa2048"}),
        "key": Reply(path=(0x04,), modulus=0x81, exponent=0x82),
        "raw": Reply(path=(0x05,)),
    }
)

RESULTS: list[tuple[Reply, str, Result]] = [
    (Reply(), "", b""),
    (Reply(), "0102", b"\1\2"),
    (Reply(little_endian=True), "0102", b"\2\1"),
    (Reply(path=(0x7C, 0x82)), "7C0482020102", b"\1\2"),
    (Reply(path=(0x7C,), find=0x82), "7C06A10482020102", b"\1\2"),
    (Reply(find=0x7F49), "7006A5047F490100", b"\0"),
    (Reply(byte=1), "0102", 2),
    (Reply(byte=0, values={1: "one"}), "01", "one"),
    (Reply(byte=0, values={1: "one"}), "1F", "0x1F"),
    (Reply(values={0x100: "new"}), "0100", "new"),
    (Reply(values={0x100: "new"}, little_endian=True), "0001", "new"),
    (Reply(values={0x100: "new"}), "ABCD", "0xABCD"),
    (RSA, "7F4909 8102C0FF 8203010001", RsaNumbers(modulus=0xC0FF, exponent=65537)),
    (RSA, "7F4904 86020405", EcPoint(point=b"\4\5")),
    (RSA, "7F490A 8101C1 820103 8102C0FF", RsaNumbers(modulus=0xC1, exponent=3)),
    (Reply(whole_modulus=True, fixed_exponent=b"\1\0\1"), "C0FF", RsaNumbers(modulus=0xC0FF, exponent=65537)),
    (
        Reply(whole_modulus=True, fixed_exponent=b"\1\0\0", little_endian=True),
        "FFC0",
        RsaNumbers(modulus=0xC0FF, exponent=65536),
    ),
    (
        Reply(modulus=0x81, exponent=0x82, little_endian=True),
        "8102FFC0820203 01",
        RsaNumbers(modulus=0xC0FF, exponent=0x103),
    ),
    (Reply(modulus=0x81, fixed_exponent=b"\3"), "8102C0FF", RsaNumbers(modulus=0xC0FF, exponent=3)),
    (FIELDS, "", {"type": None, "key": None, "raw": None}),
    (FIELDS, "010107", {"type": "rsa2048", "key": None, "raw": None}),
    (FIELDS, "01010704068101038201030500", {"type": "rsa2048", "key": RsaNumbers(modulus=3, exponent=3), "raw": b""}),
    (Reply(path=(0x6E,), fields={"a": Reply(byte=0)}), "6E0105", {"a": 5}),
]


@pytest.mark.parametrize(("reply", "data", "result"), RESULTS)
def test_results(reply: Reply, data: str, result: Result) -> None:
    assert extract(reply, bytes.fromhex(data)) == result


REFUSED = [
    (Reply(path=(0x7C, 0x82)), "", "lacks the data object 7C/82"),
    (Reply(path=(0x7C, 0x82)), "7C00", "lacks the data object 7C/82"),
    (Reply(path=(0x7C,), find=0x7F49), "7C028100", "lacks the data object 7C/7F49"),
    (Reply(path=(0x7C,)), "7C05", "goes beyond"),
    (Reply(find=0x7F49), "FF", "malformed"),
    (Reply(byte=2), "0102", "has 2 bytes where byte 2 was wanted"),
    (Reply(values={1: "a"}), "", "the value in the reply is empty"),
    (RSA, "7F4900", "holds no public key"),
    (RSA, "7F49048102C0FF", "RSA exponent in the reply is empty or missing"),
    (RSA, "7F49058100820103", "RSA modulus in the reply is empty"),
    (RSA, "7F490181", "malformed"),
    (Reply(whole_modulus=True, fixed_exponent=b"\3"), "", "RSA modulus in the reply is empty"),
    (FIELDS, "0100", "byte 0 was wanted"),
    (FIELDS, "0400", "holds no public key"),
]


@pytest.mark.parametrize(("reply", "data", "message"), REFUSED)
def test_refused(reply: Reply, data: str, message: str) -> None:
    with pytest.raises(ReplyError, match=message):
        extract(reply, bytes.fromhex(data))


@given(st.binary(max_size=300), st.sampled_from([reply for reply, _, _ in RESULTS]))
def test_a_hostile_card_gives_a_reply_error_or_a_result(data: bytes, reply: Reply) -> None:
    with suppress(ReplyError):
        extract(reply, data)
