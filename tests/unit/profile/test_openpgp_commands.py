"""The shipped profile of the OpenPGP card expands to exactly these commands (vectors beside the recordings)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cardcore.profile.catalog import catalog, shipped_directory
from cardcore.profile.commands import applies, render
from cardcore.profile.model import Profile
from cardcore.profile.template import Value
from cardcore.secret import Secret

FILE = Path(__file__).parents[2] / "vectors" / "openpgp" / "commands.json"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="ascii"))["vectors"]


@pytest.fixture(scope="module")
def profile() -> Profile:
    return catalog([shipped_directory()]).load("openpgp")


def value(given: str | int | dict[str, str]) -> Value | Secret:
    """A number, a word, `{"hex": ...}`, or `{"secret": ...}` in hexadecimal."""
    if isinstance(given, dict):
        return Secret(bytes.fromhex(given["secret"])) if "secret" in given else bytes.fromhex(given["hex"])
    return given


def sent(profile: Profile, vector: dict[str, Any]) -> list[str]:
    values = {name: value(given) for name, given in vector["values"].items()}
    steps = profile.operations[vector["operation"]].steps
    return [render(step, values).apdu.encode().hex() for step in steps if applies(step, values)]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_commands_are_exactly_these(profile: Profile, vector: dict[str, Any]) -> None:
    assert sent(profile, vector) == [text.replace(" ", "").lower() for text in vector["commands"]]


def test_every_operation_has_a_vector(profile: Profile) -> None:
    covered = {vector["operation"] for vector in VECTORS}
    inherited = catalog([shipped_directory()]).load("iso7816").operations
    own = {name for name, operation in profile.operations.items() if operation != inherited.get(name)}
    assert own <= covered
