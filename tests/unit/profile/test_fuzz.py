"""Broken profiles of every sort end in a ProfileError, never in another exception."""

from __future__ import annotations

import random
import sys
import time
from contextlib import suppress

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cardcore.errors import ProfileError
from cardcore.profile import loader, schema
from cardcore.profile.catalog import shipped_directory
from tests.unit.profile.profile_text import LIBRARY

GOOD = (shipped_directory() / "piv.yaml").read_bytes()
LINES = GOOD.splitlines(keepends=True)
BITS = [
    *(b"{", b"}", b"[", b"]", b":", b",", b"-", b"\n", b"  ", b"'", b'"', b"&a", b"*a", b"!", b"|", b">", b"#", b"%"),
    *(b"? ", b"0x", b"$", b"$input", b"by", b"true", b"~", b"\0", b"\xff", b"\xc3", b"<<", b"999999999999", b"\t"),
]


def read(data: bytes) -> schema.Draft:
    return schema.read(data, profile_id="test", file="test.yaml", library=LIBRARY)


def places_are_known(draft: schema.Draft) -> bool:
    return all(error.line >= 1 and error.column >= 1 and error.file for error in draft.problems.found)


@given(
    st.lists(
        st.tuples(st.integers(0, len(GOOD)), st.integers(0, 12), st.sampled_from([b"", *BITS])), min_size=1, max_size=4
    )
)
@settings(max_examples=150, deadline=None)
def test_bytes_replaced(changes: list[tuple[int, int, bytes]]) -> None:
    data = GOOD
    for start, length, new in changes:
        data = data[:start] + new + data[start + length :]
    assert places_are_known(read(data))


@given(st.randoms(use_true_random=False), st.integers(1, 5))
@settings(max_examples=80, deadline=None)
def test_lines_moved(chance: random.Random, count: int) -> None:
    lines = list(LINES)
    for _ in range(count):
        lines.insert(chance.randrange(len(lines)), lines.pop(chance.randrange(len(lines))))
        del lines[chance.randrange(len(lines))]
    assert places_are_known(read(b"".join(lines)))


SCALARS = st.one_of(
    st.sampled_from(
        ["$input", "$key.ref", "$pin.block", "0x80", "300", '"A0"', '"A"', "true", "rsa", "user", "", "[]", "{}"]
    ),
    st.text(max_size=8).map(repr),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(
            st.sampled_from(["by", "0x80", "1", "ref", "ins", "data", "path", "rsa", "n", "e", "when"]),
            inner,
            max_size=4,
        ).map(lambda entries: "{" + ", ".join(f"{key}: {value}" for key, value in entries.items()) + "}"),
    ),
    max_leaves=12,
)


@given(st.sampled_from(schema.PROFILE_KEYS), TREES)
@settings(max_examples=250, deadline=None)
def test_any_tree_anywhere(key: str, tree: str) -> None:
    head = "profile: 1\nname: X\nmatch: {aid: 'A000000308'}\n" if key not in ("profile", "name", "match") else ""
    assert places_are_known(read(f"{head}{key}: {tree}\n".encode(errors="replace")))


@given(st.sampled_from(["data", "p1", "reply", "when", "expect", "le", "save", "needs"]), TREES)
@settings(max_examples=250, deadline=None)
def test_any_tree_in_a_step(key: str, tree: str) -> None:
    text = f"profile: 1\nname: X\nmatch: {{aid: 'A000000308'}}\noperations:\n  sign:\n    - {{ins: 1, {key}: {tree}}}\n"
    assert places_are_known(read(text.encode(errors="replace")))


HEAD = "profile: 1\nname: X\n"
CROWDED = [
    HEAD + "match: {aid: [" + ",".join(f'"A0000000{n:04X}"' for n in range(9000)) + "]}",
    HEAD + "operations: {" + ",".join(f"sign{n}: 1" for n in range(4900)) + "}",
    HEAD + "operations: {sign: [{ins: 1, data: [" + "1," * 9900 + "]}]}",
    HEAD + "operations: {sign: [{ins: 1, when: {key.name: [" + ",".join(f"n{n}" for n in range(9000)) + "]}}]}",
    HEAD + "pins: {" + ",".join(f"p{n}: {{reff: 1}}" for n in range(2400)) + "}",
    HEAD + "keys: {" + ",".join(f"k{n}: {{ref: 1, pin: p}}" for n in range(1600)) + "}",
    HEAD + "x" * 1_000_000 + ": 1",
    HEAD + "'" + "\n" * 1_000_000,
    HEAD + "objects: {" + ",".join(f"o{n}: 'AB'" for n in range(4900)) + "}",
]


@pytest.mark.parametrize("text", CROWDED, ids=lambda text: text[20:50])
def test_no_file_keeps_the_loader_busy(text: str) -> None:
    start = time.process_time()
    assert places_are_known(read(text.encode()))
    assert time.process_time() - start < (2 if sys.gettrace() is None else 10)  # coverage slows Python down


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    assert read(data).problems.found


@given(data=st.text(st.sampled_from("abc{}[]:,-?!&*|>%#\"'\\\n\t \0\x85U0F~<"), max_size=60))
@settings(max_examples=200, deadline=None)
def test_both_parsers_survive_anything(data: str) -> None:
    for parser in (yaml.CSafeLoader, yaml.SafeLoader):
        with pytest.MonkeyPatch.context() as patch, suppress(ProfileError):
            patch.setattr(loader, "_PARSER", parser)
            loader.load_tree(data.encode(), "x.yaml")
