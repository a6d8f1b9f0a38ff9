"""BER-TLV: known encodings, round trips, and what strict means (ISO 7816-4:2020, 6.3; X.690, 8.1)."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcore import tlv
from cardcore.errors import ReplyError
from cardcore.tlv import Tlv

VECTORS = (
    (0x53, "", "5300"),
    (0x80, "07", "800107"),
    (0x7F49, "86020405", "7F490486020405"),
    (0x5FC105, "AA", "5FC10501AA"),
    (0x00, "", "0000"),
    (0xFF70, "", "FF7000"),
    (0x1F8101, "", "1F810100"),
    (0x5FFF8101, "01", "5FFF810101 01"),
    (0x53, "00" * 0x7F, "537F" + "00" * 0x7F),
    (0x53, "00" * 0x80, "538180" + "00" * 0x80),
    (0x53, "00" * 0xFF, "5381FF" + "00" * 0xFF),
    (0x53, "00" * 0x100, "53820100" + "00" * 0x100),
    (0x53, "00" * 0x10000, "5383010000" + "00" * 0x10000),
)

REFUSED = {
    "no tag": "",
    "no length": "53",
    "no length after a long tag": "7F49",
    "tag ends early": "7F",
    "long tag ends early": "5FC1",
    "tag with a leading zero group": "1F8001 00",
    "tag of five bytes": "1F81818101 00",
    "indefinite length": "7080 0000",
    "reserved length": "53FF 00",
    "length of five bytes": "5385 0000000001 00",
    "length 81 where one byte does": "53817F" + "00" * 127,
    "length 82 where 81 does": "538200FF" + "00" * 255,
    "length with a leading zero": "5383000100" + "00" * 256,
    "length 81 00": "538100",
    "length field ends early": "538201",
    "value ends early": "530200",
    "no value": "5301",
    "four gigabytes that are not there": "5384FFFFFFFF00",
}

WRONG_TAGS = (-1, 1 << 32, 0x1F, 0x9F, 0x5F80, 0x5300, 0x7F4901, 0x1F8001, 0x1F8081, 0x5FC1, 0x100, 0x1F818180)


def high_tag(first: int, groups: list[int], last: int) -> int:
    """A tag of several bytes out of any numbers: the first group is not zero, all but the last go on."""
    more = [group | 0x80 for group in groups]
    more[:1] = [group if group > 0x80 else 0x81 for group in more[:1]]
    return int.from_bytes(bytes([first | 0x1F, *more, last & 0x7F or 1]))


def of_form(tag: int, constructed: bool) -> int:
    """The same tag with or without the bit that says constructed."""
    raw = bytearray(tlv.tag_bytes(tag))
    raw[0] = raw[0] | 0x20 if constructed else raw[0] & 0xDF
    return int.from_bytes(raw)


byte = st.integers(0, 0xFF)
low_tags = byte.map(lambda number: number if number & 0x1F != 0x1F else number & 0xFE)
tags = st.one_of(low_tags, st.builds(high_tag, byte, st.lists(byte, max_size=2), byte))
values = st.one_of(st.binary(max_size=20), st.integers(120, 300).map(bytes))
primitive = st.builds(lambda tag, value: Tlv(tag=of_form(tag, False), value=value), tags, values)
trees = st.recursive(
    primitive,
    lambda inner: st.builds(
        lambda tag, items: Tlv(tag=of_form(tag, True), value=b"".join(item.encode() for item in items)),
        tags,
        st.lists(inner, max_size=3),
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(("tag", "value", "encoded"), VECTORS, ids=[encoded[:12] for _, _, encoded in VECTORS])
def test_known_encodings_both_ways(tag: int, value: str, encoded: str) -> None:
    raw = bytes.fromhex(encoded)
    assert tlv.encode(tag, bytes.fromhex(value)) == raw
    assert tlv.parse_one(raw) == Tlv(tag=tag, value=bytes.fromhex(value))
    assert tlv.total_length(raw) == len(raw)


@pytest.mark.parametrize("encoded", REFUSED.values(), ids=REFUSED)
def test_what_is_not_strict_ber_is_refused(encoded: str) -> None:
    with pytest.raises(ReplyError):
        tlv.parse_one(bytes.fromhex(encoded))


@pytest.mark.parametrize("encoded", [text for text in REFUSED.values() if text], ids=list(REFUSED)[1:])
def test_a_defect_behind_a_good_object_is_found_too(encoded: str) -> None:
    with pytest.raises(ReplyError):
        tlv.parse(bytes.fromhex("800101" + encoded))


@pytest.mark.parametrize(
    ("length", "encoded"), [(0, "00"), (0x7F, "7F"), (0x80, "8180"), (0x100, "820100"), (0xFFFFFFFF, "84FFFFFFFF")]
)
def test_lengths_are_encoded_in_their_shortest_form(length: int, encoded: str) -> None:
    assert tlv.length_bytes(length).hex().upper() == encoded


@pytest.mark.parametrize("tag", WRONG_TAGS)
def test_what_is_no_tag_is_not_encoded(tag: int) -> None:
    with pytest.raises(ValueError, match="BER-TLV tag"):
        tlv.encode(tag, b"")


def test_bytes_after_the_one_object_are_refused() -> None:
    with pytest.raises(ReplyError, match="2 data objects where one was expected"):
        tlv.parse_one(bytes.fromhex("530100 9000"))


def test_nothing_is_a_sequence_of_no_objects() -> None:
    assert tlv.parse(b"") == []


def test_repeated_tags_keep_their_order() -> None:
    inner = [Tlv(tag=0x80, value=b"1"), Tlv(tag=0x80, value=b"2"), Tlv(tag=0x81, value=b""), Tlv(tag=0x80, value=b"3")]
    raw = tlv.encode(0xA0, inner)
    assert tlv.parse_one(raw).children() == inner
    assert tlv.find(raw, [0xA0, 0x80]) == b"1"


def test_build_goes_through_the_declaration_as_well() -> None:
    for tag, value, encoded in VECTORS[:10]:
        item = Tlv(tag=tag, value=bytes.fromhex(value))
        assert tlv.DataObject.build(item) == bytes.fromhex(encoded)
        assert tlv.DataObjects.build([item, item]) == 2 * bytes.fromhex(encoded)
        assert tlv.DataObject.parse(bytes.fromhex(encoded)) == item


def test_constructed_follows_bit_6_of_the_first_tag_byte() -> None:
    assert [Tlv(tag=tag, value=b"").constructed for tag in (0x7C, 0x7F49, 0x53, 0x5FC105)] == [True, True, False, False]


def test_find_and_require_follow_a_path() -> None:
    raw = bytes.fromhex("7C04 8202 ABCD")
    assert tlv.find(raw, [0x7C, 0x82]) == tlv.require(raw, [0x7C, 0x82]) == b"\xab\xcd"
    assert tlv.find(raw, []) == raw
    assert tlv.find(raw, [0x7C, 0x81]) is None
    assert tlv.find(raw, [0x7D, 0x82]) is None
    with pytest.raises(ReplyError, match="lacks the data object 7C/81"):
        tlv.require(raw, [0x7C, 0x81])


def test_an_empty_object_is_there() -> None:
    assert tlv.find(bytes.fromhex("7C028200"), [0x7C, 0x82]) == b""


def test_total_length_needs_the_head_only() -> None:
    assert tlv.total_length(bytes.fromhex("7F49820109")) == 5 + 0x109
    for head in ("", "7F49", "5382", "7080"):
        with pytest.raises(ReplyError, match="malformed BER-TLV header"):
            tlv.total_length(bytes.fromhex(head))


def test_the_number_of_objects_is_capped() -> None:
    assert len(tlv.parse(b"\x80\x00" * tlv.MAX_OBJECTS)) == tlv.MAX_OBJECTS
    with pytest.raises(ReplyError, match=f"more than {tlv.MAX_OBJECTS}"):
        tlv.parse(b"\x80\x00" * (tlv.MAX_OBJECTS + 1))


def test_walk_gives_every_object_with_its_depth() -> None:
    raw = tlv.encode(0xA0, [Tlv(tag=0xA1, value=tlv.encode(0x80, b"x")), Tlv(tag=0x81, value=b"\xa0")])
    assert [(depth, item.tag) for depth, item in tlv.walk(raw)] == [(0, 0xA0), (1, 0xA1), (2, 0x80), (1, 0x81)]


def test_the_depth_is_capped() -> None:
    raw = b""
    for _ in range(tlv.MAX_DEPTH - 1):
        raw = tlv.encode(0xA0, raw)
    assert len(list(tlv.walk(raw))) == tlv.MAX_DEPTH - 1
    with pytest.raises(ReplyError, match="deeper than"):
        list(tlv.walk(tlv.encode(0xA0, tlv.encode(0xA0, raw))))


@given(tags)
def test_every_tag_comes_back(tag: int) -> None:
    assert tlv.parse(tlv.encode(tag, b"\x01")) == [Tlv(tag=tag, value=b"\x01")]


@given(st.lists(trees, max_size=6))
def test_whatever_is_encoded_is_parsed_again(items: list[Tlv]) -> None:
    raw = b"".join(item.encode() for item in items)
    assert tlv.parse(raw) == items
    assert b"".join(item.encode() for item in tlv.parse(raw)) == raw


@given(trees)
def test_walk_takes_nested_objects_apart(item: Tlv) -> None:
    below = [found for found in tlv.walk(item.encode()) if found[0] == 1]
    assert [found for _, found in below] == (item.children() if item.constructed else [])


@given(st.binary(max_size=300))
def test_random_bytes_raise_reply_errors_only(raw: bytes) -> None:
    for reader in (tlv.parse, tlv.parse_one, tlv.total_length, lambda data: list(tlv.walk(data))):
        with suppress(ReplyError):
            reader(raw)


@given(st.binary(max_size=300))
def test_what_is_accepted_has_one_encoding_only(raw: bytes) -> None:
    try:
        items = tlv.parse(raw)
    except ReplyError:
        return
    assert b"".join(item.encode() for item in items) == raw


@given(trees, st.data())
def test_a_cut_object_is_refused(item: Tlv, data: st.DataObject) -> None:
    raw = item.encode()
    with pytest.raises(ReplyError):
        tlv.parse_one(raw[: data.draw(st.integers(0, len(raw) - 1))])
