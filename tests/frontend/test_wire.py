"""Frames: known layouts, round trips, and what strict means. Hostile bytes are one error."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csp_frontend import wire
from csp_frontend.wire import (
    Call,
    Challenge,
    Frame,
    FrameType,
    Hello,
    Kind,
    Proof,
    Refusal,
    Reply,
    Value,
    Welcome,
    WireError,
)

HELLO = Hello(lowest=1, highest=2, pid=0x01020304, process=b"p" * 16, nonce=b"n" * 32, program="\u00e9")
NONE = Value(kind=Kind.NOTHING)
EVERY_KIND = (
    NONE,
    Value(kind=Kind.NUMBER, content=0xFFFFFFFF),
    Value(kind=Kind.HANDLE, content=1 << 63),
    Value(kind=Kind.BYTES, content=b"\0\1"),
    Value(kind=Kind.TEXT, content="\u00e5"),
)

# Written out by hand: what a program in C has to send and will receive.
LAYOUTS: tuple[tuple[Frame, str], ...] = (
    (
        HELLO,
        "44000000 0100 0100" + b"PCSP".hex() + "0100 0200 04030201" + "70" * 16 + "6e" * 32 + "0200 c3a9",
    ),
    (Challenge(chosen=1, nonce=b"n" * 32, proof=b"h" * 32), "46000000 0100 0200 0100" + "6e" * 32 + "68" * 32),
    (Proof(proof=b"h" * 32), "24000000 0100 0300" + "68" * 32),
    (Welcome(pid=5, software="0.1"), "0d000000 0100 0400 05000000 0300 302e31"),
    (Call(sequence=1, thread=2, number=25), "10000000 0100 0500 01000000 02000000 1900 0000"),
    (
        Call(sequence=1, thread=2, number=3, values=EVERY_KIND),
        "2b000000 0100 0500 01000000 02000000 0300 050000 01ffffffff 020000000000000080 03020000000001 040200c3a5",
    ),
    (Reply(sequence=7, status=0x80090020), "0e000000 0100 0600 07000000 20000980 0000"),
    (Reply(sequence=7, status=0, values=(NONE,)), "0f000000 0100 0600 07000000 00000000 0100 00"),
    (Refusal(status=5, reason="no"), "0c000000 0100 0700 05000000 0200 6e6f"),
)

REFUSED = {
    "nothing": "",
    "header cut off": "0100 05",
    "unknown type": "0100 0800",
    "type 0": "0100 0000",
    "call of another version": "0200 0500 01000000 02000000 1900 0000",
    "proof of another version": "0000 0300" + "68" * 32,
    "wrong magic": "0100 0100" + b"PCSQ".hex() + "0100 0100 04030201" + "70" * 16 + "6e" * 32 + "0000",
    "proof cut off": "0100 0300" + "68" * 31,
    "proof too long": "0100 0300" + "68" * 33,
    "challenge cut off": "0100 0200 0100" + "6e" * 32 + "68" * 31,
    "more values than there may be": "0100 0500 01000000 02000000 1900 2100" + "00" * 33,
    "fewer values than announced": "0100 0500 01000000 02000000 1900 0200 00",
    "more values than announced": "0100 0500 01000000 02000000 1900 0100 0000",
    "unknown kind": "0100 0500 01000000 02000000 1900 0100 05",
    "number cut off": "0100 0500 01000000 02000000 1900 0100 01 ffffff",
    "handle cut off": "0100 0500 01000000 02000000 1900 0100 02 ffffffff",
    "bytes cut off": "0100 0500 01000000 02000000 1900 0100 03 04000000 010203",
    "bytes of four gigabytes": "0100 0500 01000000 02000000 1900 0100 03 ffffffff 00",
    "bytes without a size": "0100 0500 01000000 02000000 1900 0100 03 0000",
    "text cut off": "0100 0500 01000000 02000000 1900 0100 04 0200 41",
    "text that is not UTF-8": "0100 0500 01000000 02000000 1900 0100 04 0100 ff",
    "text with a surrogate": "0100 0500 01000000 02000000 1900 0100 04 0300 eda080",
    "text with a NUL": "0100 0500 01000000 02000000 1900 0100 04 0100 00",
    "text too long": "0100 0500 01000000 02000000 1900 0100 04 0108" + "41" * 0x801,
    "reason with a NUL": "0100 0700 05000000 0100 00",
}

UNFIT: dict[str, Frame] = {
    "number too large": Call(sequence=1 << 32, thread=0, number=1),
    "negative number": Call(sequence=0, thread=-1, number=1),
    "too many values": Reply(sequence=1, status=0, values=(NONE,) * 33),
    "nonce too short": Challenge(chosen=1, nonce=b"n", proof=b"h" * 32),
    "proof too short": Proof(proof=b"h"),
    "text too long": Welcome(pid=1, software="x" * (wire.MAX_TEXT + 1)),
    "text with a NUL": Welcome(pid=1, software="x\0"),
    "text with half a character": Welcome(pid=1, software="\ud800"),
    "value of another type": Call(sequence=1, thread=0, number=1, values=(Value(kind=Kind.NUMBER, content=b"1"),)),
    "nothing that is something": Call(sequence=1, thread=0, number=1, values=(Value(kind=Kind.NOTHING, content=1),)),
    "bytes that are a text": Call(sequence=1, thread=0, number=1, values=(Value(kind=Kind.BYTES, content="1"),)),
    "handle too large": Call(sequence=1, thread=0, number=1, values=(Value(kind=Kind.HANDLE, content=1 << 64),)),
    "more than a frame": Call(
        sequence=1, thread=0, number=1, values=(Value(kind=Kind.BYTES, content=bytes(wire.MAX_FRAME)),)
    ),
}

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=300)
dwords = st.integers(0, 0xFFFFFFFF)
words = st.integers(0, 0xFFFF)
values = st.one_of(
    st.just(NONE),
    st.builds(Value, kind=st.just(Kind.NUMBER), content=dwords),
    st.builds(Value, kind=st.just(Kind.HANDLE), content=st.integers(0, (1 << 64) - 1)),
    st.builds(Value, kind=st.just(Kind.BYTES), content=st.binary(max_size=600)),
    st.builds(Value, kind=st.just(Kind.TEXT), content=texts),
)
lists = st.lists(values, max_size=wire.MAX_VALUES).map(tuple)
nonces = st.binary(min_size=32, max_size=32)
frames: st.SearchStrategy[Frame] = st.one_of(
    st.builds(
        Hello,
        lowest=words,
        highest=words,
        pid=dwords,
        process=st.binary(min_size=16, max_size=16),
        nonce=nonces,
        program=texts,
    ),
    st.builds(Challenge, chosen=words, nonce=nonces, proof=nonces),
    st.builds(Proof, proof=nonces),
    st.builds(Welcome, pid=dwords, software=texts),
    st.builds(Call, sequence=dwords, thread=dwords, number=words, values=lists),
    st.builds(Reply, sequence=dwords, status=dwords, values=lists),
    st.builds(Refusal, status=dwords, reason=texts),
)


@pytest.mark.parametrize(("frame", "layout"), LAYOUTS)
def test_layouts(frame: Frame, layout: str) -> None:
    encoded = bytes.fromhex(layout)
    assert wire.encode(frame) == encoded
    assert wire.size_of(encoded[:4]) == len(encoded) - 4
    assert wire.decode(encoded[4:]) == frame


def test_every_type_of_frame_has_a_layout() -> None:
    assert {wire.encode(frame)[6] for frame, _ in LAYOUTS} == set(FrameType)


@given(frames)
def test_round_trip(frame: Frame) -> None:
    encoded = wire.encode(frame)
    assert wire.size_of(encoded[:4]) == len(encoded) - 4
    assert wire.decode(encoded[4:]) == frame


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_frame(body: str) -> None:
    with pytest.raises(WireError):
        wire.decode(bytes.fromhex(body))


@pytest.mark.parametrize("frame", UNFIT.values(), ids=UNFIT.keys())
def test_what_does_not_fit_a_frame(frame: Frame) -> None:
    with pytest.raises(WireError):
        wire.encode(frame)


@given(frames, st.data())
def test_every_frame_ends_where_it_says(frame: Frame, data: st.DataObject) -> None:
    body = wire.encode(frame)[4:]
    end = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(WireError):
        wire.decode(body[:end])
    with pytest.raises(WireError):
        wire.decode(body + data.draw(st.binary(min_size=1, max_size=8)))


@given(frames, st.data())
def test_a_changed_frame_is_another_frame_or_none(frame: Frame, data: st.DataObject) -> None:
    body = bytearray(wire.encode(frame)[4:])
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    with suppress(WireError):
        decoded = wire.decode(bytes(body))
        assert decoded != frame or isinstance(frame, Hello | Refusal)  # their version is not looked at
        assert wire.decode(wire.encode(decoded)[4:]) == decoded


@given(st.binary(max_size=4000))
def test_any_bytes(body: bytes) -> None:
    with suppress(WireError):
        assert wire.encode(wire.decode(body))[8:] == body[4:]


def test_hello_and_refusal_are_read_in_every_version() -> None:
    for frame in (HELLO, Refusal(status=1, reason="")):
        body = bytearray(wire.encode(frame)[4:])
        body[0] = 99
        assert wire.decode(bytes(body)) == frame


@pytest.mark.parametrize("size", [0, 3, wire.MAX_FRAME + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_size_out_of_bounds_is_refused_before_anything_is_reserved(size: int) -> None:
    with pytest.raises(WireError):
        wire.size_of(size.to_bytes(4, "little"))


def test_the_limit_before_the_handshake_is_a_smaller_one() -> None:
    assert wire.size_of((1024).to_bytes(4, "little"), wire.MAX_GREETING) == 1024
    with pytest.raises(WireError):
        wire.size_of((1025).to_bytes(4, "little"), wire.MAX_GREETING)


def test_a_whole_message_of_hash_data_fits() -> None:
    message = Value(kind=Kind.BYTES, content=bytes(wire.MESSAGE_SIZE))
    handle = Value(kind=Kind.HANDLE, content=1)
    call = Call(sequence=1, thread=1, number=13, values=(handle, handle, message, NONE))
    assert len(wire.encode(call)) <= wire.MAX_FRAME


def test_values_do_not_show_what_is_in_them() -> None:
    shown = repr(Call(sequence=1, thread=2, number=20, values=(Value(kind=Kind.BYTES, content=b"123456"),)))
    assert "123456" not in shown
    assert "<bytes>" in shown


def test_long_bytes_of_a_view_are_views_until_they_are_owned() -> None:
    data = bytes(range(256)) * 400
    sent = Call(
        sequence=1,
        thread=2,
        number=13,
        values=(
            Value(kind=Kind.TEXT, content="x"),
            Value(kind=Kind.BYTES, content=data),
            Value(kind=Kind.NUMBER, content=3),
        ),
    )
    encoded = wire.encode(sent)[4:]
    body = bytearray(encoded)
    seen = wire.decode(memoryview(body))
    assert seen == sent
    assert isinstance(seen, Call)
    owned = wire.owned(seen)
    body[:] = bytes(len(body))
    assert seen != sent
    assert owned == sent
    for wrong in (encoded[:3], encoded[:40], encoded[:-1], encoded + b"\0"):
        with pytest.raises(WireError):
            wire.decode(memoryview(wrong))
