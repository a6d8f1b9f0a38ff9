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
VECTORS: list[dict[str, Any]] = json.loads((TESTS / "vectors" / "profile-commands.json").read_text())["vectors"]
WORDS = {
    "DI": "3031300D060960864801650304020105000420" + "AB" * 32,
    "C": "00" * 8,
    "BLOCK": "CD" * 256,
    "HASH": "AB" * 32,
}
PIN, NEW_PIN = Secret(b"123456"), Secret(b"654321")


@cache
def profile_of(card: str) -> Profile:
    return catalog([TESTS / "data" / "profiles", shipped_directory()]).load(card)


def expanded(text: str) -> bytes:
    words = [WORDS.get(word, word) for word in text.split()]
    repeated = [re.sub("^(..)x([0-9]+)$", lambda found: found[1] * int(found[2]), word) for word in words]
    return bytes.fromhex("".join(repeated))


def values_of(profile: Profile, vector: dict[str, Any]) -> dict[str, Value | Secret]:
    values: dict[str, Value | Secret] = {"op": vector["operation"]}
    values |= {name: bytes.fromhex(text) for name, text in vector.get("values", {}).items()}
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
        assert b"".join(marked) == (b"" if vector["operation"] in ("retries", "tries") else one.apdu.data)


def test_every_card_is_covered() -> None:
    cards = {"piv", "gids", "openpgp", "isoapplet", "myeid", "sc-hsm", "cardos5", "starcos3"}
    assert {vector["card"] for vector in VECTORS} >= cards
