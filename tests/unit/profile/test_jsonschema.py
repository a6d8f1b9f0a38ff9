"""The JSON Schema takes what the loader takes, and refuses what an editor can see to be wrong."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cardcore.profile.catalog import shipped_directory
from cardcore.profile.jsonschema import build
from cardcore.profile.loader import load_tree
from cardcore.profile.reader import as_integer
from cardcore.profile.tree import ListNode, MapNode, Tree
from tests.unit.profile.profile_text import CARD, HEAD, MARK, errors
from tests.unit.profile.test_operation_errors import ROWS as OPERATION_ROWS
from tests.unit.profile.test_section_errors import ROWS as SECTION_ROWS

PROFILES = sorted(shipped_directory().glob("*.yaml"))


@cache
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(json.dumps(build())))


def plain(node: Tree) -> Any:  # noqa: ANN401 - plain data has no narrower type
    """What an editor's YAML 1.2 parser makes of the text."""
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    if isinstance(node, MapNode):
        return {key.text: plain(value) for key, value in node.entries}
    words = {"true": True, "false": False, "": None}
    if node.plain and node.text in words:
        return words[node.text]
    number = as_integer(node)
    return node.text if number is None else number


def accepts(text: bytes) -> bool:
    return bool(validator().is_valid(plain(load_tree(text, "x.yaml"))))


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(build())


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_good_profiles_are_accepted(path: Path) -> None:
    found = [error.message for error in validator().iter_errors(plain(load_tree(path.read_bytes(), "x.yaml")))]
    assert found == []


BROKEN = [
    "[]",
    "name: X",
    "profile: 2\nname: X",
    "profile: 1\nname: ''",
    HEAD + "pinz: {}",
    HEAD + "abstract: yes",
    HEAD + "quirks: [odd]",
    "profile: 1\nname: X\nmatch: {}",
    "profile: 1\nname: X\nmatch: {aid: 'A0'}",
    "profile: 1\nname: X\nmatch: {atr: '3B0*'}",
    HEAD + "limits: {extended: maybe}",
    HEAD + "pins: {user: {ref: 1}}",
    HEAD + "pins: {user: {ref: 0x180, length: [4, 8]}}",
    HEAD + "pins: {user: {ref: 1, length: [4]}}",
    HEAD + "pins: {user: {ref: 1, length: [4, 8], encoding: asci}}",
    HEAD + "admin: {ref: 1, procedure: guess, ciphers: {3des: 3}}",
    CARD + "keys: {A: {ref: 1}}",
    CARD + "keys: {a: {ref: 1, policy: sometimes}}",
    CARD + "keys: {range: {first: 1}}",
    HEAD + "algorithms: {a: {types: [rsa2047], sign: padded}}",
    HEAD + "algorithms: {a: {types: [rsa2048], sign: padded, byte: $key.ref}}",
    CARD + "operations: {verifi: []}",
    CARD + "operations: {sign: [{p1: 1}]}",
    CARD + "operations: {sign: [{ins: 1, dat: ''}]}",
    CARD + "operations: {sign: [{ins: 1, p1: $input}]}",
    CARD + "operations: {sign: [{ins: 1, data: $pin.block}]}",
    CARD + "operations: {sign: [{ins: 1, data: {tag: 1}}]}",
    CARD + "operations: {sign: [{ins: 1, reply: {rsa: {n: 0x81}}}]}",
    CARD + "operations: {sign: [{ins: 1, needs: so}]}",
    CARD + "operations: {sign: [{ins: 1, when: {$key.kind: rsa}}]}",
]


@pytest.mark.parametrize("text", BROKEN)
def test_broken_profiles_are_refused_by_both(text: str) -> None:
    assert errors(text)
    assert not accepts(text.encode())


def test_most_errors_of_the_loader_are_seen_by_editors_too() -> None:
    texts = [text.replace(MARK, "") for text, _ in (*SECTION_ROWS, *OPERATION_ROWS)]
    seen = [text for text in texts if not accepts(text.encode())]
    assert len(seen) > len(texts) / 2
