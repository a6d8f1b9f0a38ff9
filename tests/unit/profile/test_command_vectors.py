"""Every profile expands to exactly the command bytes that are known for its card."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cardcore.keytypes import KEY_TYPES
from cardcore.profile.catalog import catalog, shipped_directory
from cardcore.profile.commands import Rendered, applies, render
from cardcore.profile.model import Profile
from cardcore.profile.template import Value
from cardcore.secret import Secret

TESTS = Path(__file__).parents[2]
FILES = ("profile-commands.json", "documented-profiles.json")
VECTORS: list[dict[str, Any]] = [
    vector for name in FILES for vector in json.loads((TESTS / "vectors" / name).read_text())["vectors"]
]
OWN_FILES = ("openpgp",)
WORDS = {
    "DI": "3031300D060960864801650304020105000420" + "AB" * 32,
    "C": "00" * 8,
    "BLOCK": "CD" * 256,
    "HASH": "AB" * 32,
}
PIN, NEW_PIN = Secret(b"123456"), Secret(b"654321")


@cache
def profile_of(card: str) -> Profile:
    return catalog([shipped_directory()]).load(card)


def expanded(text: str) -> bytes:
    words = [WORDS.get(word, word) for word in text.split()]
    repeated = [re.sub("^(..)x([0-9]+)$", lambda found: found[1] * int(found[2]), word) for word in words]
    return bytes.fromhex("".join(repeated))


def values_of(profile: Profile, vector: dict[str, Any]) -> dict[str, Value | Secret]:
    values: dict[str, Value | Secret] = {"op": vector["operation"]}
    values |= {name: bytes.fromhex(text) for name, text in vector.get("values", {}).items()}
    values |= vector.get("words", {})
    values |= {name: expanded(vector[name]) for name in ("input", "peer") if name in vector}
    if "pin" in vector:
        spec = profile.pins[vector["pin"]]
        values |= {"pin.ref": spec.ref, "pin.name": spec.name}
        values |= {"pin.block": spec.block(PIN), "new_pin.block": spec.block(NEW_PIN)}
    if "puk" in vector:
        values["puk.block"] = profile.pins[spec.unblock].block(Secret(vector["puk"].encode()))
    if "key" in vector:
        values |= key_values(profile, vector, values)
    return values


def key_values(
    profile: Profile, vector: dict[str, Any], values: dict[str, Value | Secret]
) -> dict[str, Value | Secret]:
    key, kind = profile.keys[vector["key"]], KEY_TYPES[vector["type"]]
    known = values | {"key.type": kind.name, "key.kind": kind.kind.value, "key.size": kind.bits}
    known |= {"key.name": key.name, "key.ref": key.ref, "key.file": key.file}
    known["key.file.id"] = key.file[-2:]
    algorithm = profile.algorithms[vector["algorithm"]]
    assert kind.name in algorithm.types
    if algorithm.byte is not None:
        known["alg.byte"] = algorithm.byte.render(known, [])
    if algorithm.oid is not None:
        known["alg.oid"] = algorithm.oid.render(known, [])
    return known


def sent(vector: dict[str, Any]) -> list[Rendered]:
    profile = profile_of(vector["card"])
    values = values_of(profile, vector)
    steps = profile.operations[vector["operation"]].steps
    return [render(step, values) for step in steps if applies(step, values)]


def vector_name(vector: dict[str, Any]) -> str:
    return "-".join(vector[part] for part in ("card", "operation", "key", "algorithm", "type") if part in vector)


@pytest.mark.parametrize("vector", VECTORS, ids=vector_name)
def test_commands_are_exactly_these(vector: dict[str, Any]) -> None:
    apdus = [replace(one.apdu, extended=one.apdu.extended or vector.get("extended", False)) for one in sent(vector)]
    assert [apdu.encode().hex() for apdu in apdus] == [expanded(text).hex() for text in vector["commands"]]


@pytest.mark.parametrize("vector", [vector for vector in VECTORS if "pin" in vector], ids=vector_name)
def test_the_places_of_secrets_are_known(vector: dict[str, Any]) -> None:
    profile = profile_of(vector["card"])
    values = values_of(profile, vector)
    secrets = [value.reveal() for value in values.values() if isinstance(value, Secret)]
    for one in sent(vector):
        marked = [one.apdu.data[start:end] for start, end in one.secrets]
        assert all(secret in secrets for secret in marked)
        if vector["operation"] == "set-up":  # files are made in between, without secrets
            assert b"".join(marked) in (b"", one.apdu.data)
        else:
            assert b"".join(marked) == (b"" if vector["operation"] in ("retries", "tries", "logout") else one.apdu.data)


def test_every_card_is_covered() -> None:
    shelf = catalog([shipped_directory()])
    real = {name for name in shelf.sources if not shelf.load(name).abstract}
    assert {vector["card"] for vector in VECTORS} == real


@pytest.mark.parametrize("card", sorted({vector["card"] for vector in VECTORS} - set(OWN_FILES)))
def test_every_operation_has_a_vector(card: str) -> None:
    """Those that the card inherits without change count for it too, but for what it has no algorithm for."""
    profile = profile_of(card)
    covered = {vector["operation"] for vector in VECTORS if vector["card"] == card}
    assert {name for name in profile.operations if usable(profile, name)} == covered


def usable(profile: Profile, operation: str) -> bool:
    every = profile.algorithms.values()
    match operation:
        case "sign":
            return any(algorithm.sign is not None for algorithm in every)
        case "decipher":
            return any(algorithm.decipher is not None for algorithm in every)
        case "select":
            return bool(profile.match.aids)
        case _:
            return bool(profile.operations[operation].steps)
