"""The strict YAML reader: places, raw scalars, and everything of YAML that it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from cardcore.errors import ProfileError
from cardcore.profile import loader
from cardcore.profile.catalog import shipped_directory
from cardcore.profile.loader import MAX_BYTES, MAX_DEPTH, MAX_NODES, load_tree
from cardcore.profile.tree import ListNode, MapNode, Place, Scalar, Tree, shown

FILES = sorted(shipped_directory().glob("*.yaml"))


@pytest.fixture(params=["libyaml", "python"])
def _both_parsers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "python":
        monkeypatch.setattr(loader, "_PARSER", yaml.SafeLoader)


REFUSED = [
    ("", 1, 1, "empty"),
    ("# nothing\n", 1, 1, "empty"),
    ("a: &x 1\n", 1, 4, "anchor"),
    ("a: 1\nb: *x\n", 2, 4, "alias"),
    ("a: !!int 1\n", 1, 4, "tag"),
    ("a: !own 1\n", 1, 4, "tag"),
    ("a: ! 1\n", 1, 4, "tag"),
    ("a: !!map {b: 1}\n", 1, 4, "tag"),
    ("a: !!seq [1]\n", 1, 4, "tag"),
    ("a: 1\n<<: {b: 2}\n", 2, 1, "merge key"),
    ("a: 1\nb: 2\na: 3\n", 3, 1, "the key a stands twice"),
    ("a: {b: 1, b: 2}\n", 1, 11, "the key b stands twice"),
    ("a: 1\n---\nb: 2\n", 2, 1, "second document"),
    ("%YAML 1.1\n---\na: 1\n", 1, 1, "directive"),
    ("%TAG ! tag:x,2000:\n---\na: 1\n", 1, 1, "directive"),
    ("? [a]\n: 1\n", 1, 3, "a key must be"),
    ("{? {a: 1} : 2}\n", 1, 4, "a key must be"),
    ("a: [1, 2\n", 2, 1, "not valid YAML"),
    ("a: 'x\n", 2, 1, "not valid YAML"),
    ("a: b: c\n", 1, 5, "not valid YAML"),
    ("a: \x07\n", 1, 4, "control character U+0007"),
    ("a: 1\nb: \x85\n", 2, 4, "control character U+0085"),
    ("a: \u2028\n", 1, 4, "control character U+2028"),
    ('a: "\\0"\n', 1, 4, "control character U+0000"),
    ('a: "\\x1b[31m"\n', 1, 4, "control character U+001B"),
    ("a: " + "[" * (MAX_DEPTH + 1), 1, 3 + MAX_DEPTH + 1, "nested deeper"),
    ("[" * 500, 1, MAX_DEPTH + 2, "nested deeper"),
]


@pytest.mark.usefixtures("_both_parsers")
@pytest.mark.parametrize(("text", "line", "column", "message"), REFUSED, ids=lambda value: repr(value)[:20])
def test_refused(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(ProfileError, match=re.escape(message)) as caught:
        load_tree(text.encode(), "x.yaml")
    assert (caught.value.file, caught.value.line, caught.value.column) == ("x.yaml", line, column)


@pytest.mark.usefixtures("_both_parsers")
@pytest.mark.parametrize(
    "text",
    [
        'a: "\\UFFFFFFFF"',
        'a: "\\ud800"',
        "%YAML 1." + "9" * 5000 + "\n---\na: 1",
        "[" * 100_000,  # looking ahead, libyaml comes to a limit of its own before ours is asked
    ],
)
def test_what_the_parsers_refuse_in_their_own_ways(text: str) -> None:
    with pytest.raises(ProfileError, match=r"x\.yaml:\d+:\d+: "):
        load_tree(text.encode(), "x.yaml")


def test_billion_laughs() -> None:
    lines = ["a0: &a0 [lol]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    with pytest.raises(ProfileError, match="anchor"):
        load_tree("\n".join(lines).encode(), "x.yaml")


def test_encoding() -> None:
    with pytest.raises(ProfileError, match="not UTF-8: byte E9") as caught:
        load_tree(b"a: 1\nb: \xe9\n", "x.yaml")
    assert (caught.value.line, caught.value.column) == (2, 4)
    with pytest.raises(ProfileError, match="not UTF-8"):
        load_tree("a: 1".encode("utf-16"), "x.yaml")
    assert load_tree("\ufeffa: ä\r\nb: 2\r\n".encode(), "x.yaml") == load_tree("a: ä\nb: 2\n".encode(), "x.yaml")


def test_size() -> None:
    with pytest.raises(ProfileError, match="at most"):
        load_tree(b"#" * (MAX_BYTES + 1), "x.yaml")
    with pytest.raises(ProfileError, match="empty"):
        load_tree(b"#" * MAX_BYTES, "x.yaml")


def test_number_of_values() -> None:
    assert isinstance(load_tree(b"[" + b"1," * (MAX_NODES - 1) + b"]", "x.yaml"), ListNode)
    with pytest.raises(ProfileError, match="more than 10000 values"):
        load_tree(b"[" + b"1," * MAX_NODES + b"]", "x.yaml")


@pytest.mark.usefixtures("_both_parsers")
def test_scalars_stay_raw() -> None:
    text = "yes: no\nold: 010203\ntime: 12:30\nquoted: '0x10'\nblock: |\n  a\nnone:\nlist: [1e3, ~, \"\"]\n"
    tree = load_tree(text.encode(), "x.yaml")
    assert isinstance(tree, MapNode)
    plain = {key.text: value.text for key, value in tree.entries if isinstance(value, Scalar) and value.plain}
    assert plain == {"yes": "no", "old": "010203", "time": "12:30", "none": ""}
    assert tree.get("quoted") == Scalar(place=Place("x.yaml", 4, 9), text="0x10", plain=False)
    assert tree.get("missing") is None
    block, items = tree.get("block"), tree.get("list")
    assert isinstance(block, Scalar)
    assert not block.plain
    assert isinstance(items, ListNode)
    assert [shown(item) for item in items.items] == ["1e3", "~", "empty text"]


def test_what_was_found_is_shown_shortly() -> None:
    place = Place("x.yaml", 1, 1)
    assert shown(Scalar(place=place, text="a" * 50, plain=True)) == "a" * 40 + "..."
    assert shown(Scalar(place=place, text="a", plain=False)) == '"a"'
    assert shown(Scalar(place=place, text="", plain=True)) == "nothing"
    assert shown(ListNode(place=place, items=())) == "a list"
    assert shown(MapNode(place=place, entries=())) == "a mapping"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_both_parsers_agree_on_everything(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fast: Tree = load_tree(path.read_bytes(), "x.yaml")
    monkeypatch.setattr(loader, "_PARSER", yaml.SafeLoader)
    assert load_tree(path.read_bytes(), "x.yaml") == fast
