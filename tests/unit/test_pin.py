"""PIN blocks: every encoding, every limit, and that no error shows a PIN."""

from __future__ import annotations

import copy
import hashlib
import pickle
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcore.errors import InputError
from cardcore.pin import PinBlock, PinEncoding, PinSpec, Stretching
from cardcore.secret import Secret

BASIC = PinSpec(name="user", ref=0x80, minimum=4, maximum=8)


def spec(**fields: Any) -> PinSpec:  # noqa: ANN401 - the fields of a PinSpec have several types
    return replace(BASIC, **fields)


BLOCKS = [
    ({}, "123456", "313233343536"),
    ({"pad_byte": 0xFF, "pad_to": 8}, "123456", "313233343536FFFF"),
    ({"pad_byte": 0xFF, "pad_to": 8}, "12345678", "3132333435363738"),
    ({"minimum": 1}, "ä", "C3A4"),
    ({"encoding": PinEncoding.BCD}, "123456", "123456"),
    ({"encoding": PinEncoding.BCD}, "12345", "12345F"),
    ({"encoding": PinEncoding.BCD, "pad_byte": 0xFF, "pad_to": 8}, "12345", "12345FFFFFFFFFFF"),
    ({"encoding": PinEncoding.FORMAT_2}, "1234", "241234FFFFFFFFFF"),
    ({"encoding": PinEncoding.FORMAT_2, "maximum": 14}, "12345678901234", "2E12345678901234"),
    ({"encoding": PinEncoding.HEX}, "00fFA1", "00FFA1"),
    ({"encoding": PinEncoding.HEX, "pad_to": 4}, "00fFA1", "00FFA100"),
]


@pytest.mark.parametrize(("fields", "pin", "block"), BLOCKS)
def test_blocks(fields: dict[str, Any], pin: str, block: str) -> None:
    assert spec(**fields).block(Secret(pin.encode())).reveal() == bytes.fromhex(block)


REFUSED = [
    ({}, "123", "wrong length", "4 to 8 characters"),
    ({}, "123456789", "wrong length", "4 to 8 characters"),
    ({"digits": True}, "123", "wrong length", "4 to 8 digits"),
    ({"minimum": 8}, "123", "wrong length", "8 characters"),
    ({"digits": True}, "12345x", "digits only", "0 to 9"),
    ({"digits": True, "maximum": 20}, "١٢٣٤", "digits only", "0 to 9"),
    ({"encoding": PinEncoding.BCD}, "12345x", "digits only", "0 to 9"),
    ({"encoding": PinEncoding.FORMAT_2}, "12345x", "digits only", "0 to 9"),
    ({"encoding": PinEncoding.HEX}, "12345", "pairs of hexadecimal digits", "A to F"),
    ({"encoding": PinEncoding.HEX}, "12345g", "pairs of hexadecimal digits", "A to F"),
    ({"encoding": PinEncoding.HEX}, "12 345", "pairs of hexadecimal digits", "A to F"),
]


@pytest.mark.parametrize(("fields", "pin", "message", "hint"), REFUSED)
def test_refused(fields: dict[str, Any], pin: str, message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        spec(label="card PIN", **fields).block(Secret(pin.encode()))
    assert hint in caught.value.hint
    assert "card PIN" in caught.value.message


def test_without_a_label_the_name_is_told() -> None:
    with pytest.raises(InputError, match="the user has"):
        spec().block(Secret(b"1"))


@given(
    pin=st.text("0123456789äЖ☃", min_size=3, max_size=20),
    encoding=st.sampled_from(PinEncoding),
    digits=st.booleans(),
)
def test_no_error_shows_the_pin(pin: str, encoding: PinEncoding, digits: bool) -> None:
    told = ""
    try:
        told = repr(spec(encoding=encoding, digits=digits).block(Secret(pin.encode())))
    except InputError as error:
        told = f"{error.message} {error.hint} {error!r} {error.__cause__!r} {error.__context__!r}"
    assert pin not in told


@given(st.text("0123456789", min_size=4, max_size=8))
def test_blocks_of_fixed_size(pin: str) -> None:
    assert len(spec(encoding=PinEncoding.FORMAT_2).block(Secret(pin.encode()))) == 8
    assert len(spec(pad_to=8).block(Secret(pin.encode()))) == 8
    assert spec(encoding=PinEncoding.BCD).block(Secret(pin.encode())).reveal().hex().rstrip("f") == pin


def test_a_block_is_opaque_and_wiped() -> None:
    with spec().block(Secret(b"123456")) as block:
        assert isinstance(block, PinBlock)
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(block)
        with pytest.raises(TypeError, match="cannot be pickled"):
            copy.deepcopy(block)
        assert f"{block} {block!r}" == "<secret> <secret>"
        assert not hasattr(block, "__dict__")
        assert block != spec().block(Secret(b"123456"))
    assert block.reveal() == b""
    assert len(block) == 0


def test_a_stretched_pin_is_the_hash_that_the_standard_describes() -> None:
    salt = bytes(range(8))
    once = salt + b"123456"
    for count in (1, 14, 15, 100_000):
        stretching = Stretching(hash_name="sha256", salt=salt, count=count)
        content = (once * (count // len(once) + 1))[: max(count, len(once))]
        assert spec(pad_to=8).block(Secret(b"123456"), stretching).reveal() == hashlib.sha256(content).digest()


@pytest.mark.parametrize(("name", "count"), [("md5", 100), ("sha256", 1 << 40)])
def test_stretching_that_no_card_should_ask_for(name: str, count: int) -> None:
    with pytest.raises(InputError, match="hashed in a way that is not supported"):
        spec().block(Secret(b"123456"), Stretching(hash_name=name, salt=b"", count=count))
