"""Every profile expands to exactly the command bytes that are known for its card."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cardcore.errors import InputError
from cardcore.profile.catalog import catalog, shipped_directory
from cardcore.profile.model import Profile
from cardcore.profile.vectors import Vector, expanded, problem, read_vectors
from cardcore.secret import Secret
from tests.unit.profile.vector_files import write

VECTORS = read_vectors(Path(__file__).parents[2] / "vectors")
INHERITING = ("openpgp",)
"""Whose recordings hold what they inherit without change."""


@cache
def profile_of(card: str) -> Profile:
    return catalog([shipped_directory()]).load(card)


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_commands_are_exactly_these(vector: Vector) -> None:
    assert problem(profile_of(vector.card), vector) == ""


@pytest.mark.parametrize("vector", [vector for vector in VECTORS if vector.pin], ids=str)
def test_the_places_of_secrets_are_known(vector: Vector) -> None:
    profile = profile_of(vector.card)
    secrets = [value.reveal() for value in vector.known(profile).values() if isinstance(value, Secret)]
    for one in vector.rendered(profile):
        marked = [one.apdu.data[start:end] for start, end in one.secrets]
        assert all(secret in secrets for secret in marked)
        if vector.operation in (
            "set-up",
            "set-up-again",
        ):  # secrets stand among other data, and files are made in between
            assert set(marked) == {secret for secret in secrets if secret in one.apdu.data}
        else:
            assert b"".join(marked) == (b"" if vector.operation in ("retries", "tries", "logout") else one.apdu.data)


def test_every_card_is_covered() -> None:
    shelf = catalog([shipped_directory()])
    real = {name for name in shelf.sources if not shelf.load(name).abstract}
    assert {vector.card for vector in VECTORS} == real


@pytest.mark.parametrize("card", sorted({vector.card for vector in VECTORS}))
def test_every_operation_has_a_vector(card: str) -> None:
    """Those that the card inherits without change count for it too, but for what it has no algorithm for."""
    profile = profile_of(card)
    covered = {vector.operation for vector in VECTORS if vector.card == card}
    inherited = profile_of("iso7816").operations if card in INHERITING else {}
    own = {name for name, operation in profile.operations.items() if operation != inherited.get(name)}
    assert {name for name in own if usable(profile, name)} <= covered <= profile.operations.keys()


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


# What does not fit

VERIFY: dict[str, Any] = {
    "card": "piv",
    "operation": "verify",
    "pin": "user",
    "commands": ["0020008008 313233343536FFFF"],
}
SIGN: dict[str, Any] = {"card": "cardos5", "operation": "sign", "key": "1", "type": "rsa2048", "input": "DI"}
WRONG = [
    ({**VERIFY, "operation": "sing"}, "has no operation sing"),
    ({**VERIFY, "pin": "pain"}, "no PIN named 'pain'"),
    ({**VERIFY, "old": "1"}, "wrong length"),
    ({**VERIFY, "commands": ["0020008008 31323334353637FF"]}, "command 1 is .* and should be .*37FF$"),
    ({**VERIFY, "commands": []}, "1 commands, and there should be 0"),
    ({**VERIFY, "pin": ""}, r"\$pin.block was not given"),
    ({**SIGN, "key": "one", "commands": []}, "no key named 'one'"),
    ({**SIGN, "type": "ecp256k1", "commands": []}, "unknown key type"),
    ({**SIGN, "type": "rsa512", "commands": []}, "is for keys of type rsa512"),
    ({**SIGN, "type": "rsa512", "algorithm": "rsa-pkcs1", "commands": []}, "is for keys of type rsa512"),
]


@pytest.mark.parametrize(("entry", "message"), WRONG)
def test_what_differs_is_told(tmp_path: Path, entry: dict[str, Any], message: str) -> None:
    (vector,) = read_vectors(write(tmp_path, entry))
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(problem(profile_of(vector.card), vector))


def test_another_pin_than_the_usual_one(tmp_path: Path) -> None:
    entry = {**VERIFY, "old": "9876543", "commands": ["0020008008 39383736353433FF"]}
    assert problem(profile_of("piv"), read_vectors(write(tmp_path, entry))[0]) == ""


def test_the_first_algorithm_for_the_type_is_meant(tmp_path: Path) -> None:
    entry = {**SIGN, "commands": []}
    profile = profile_of("cardos5")
    named, unnamed = read_vectors(write(tmp_path, {**entry, "algorithm": "rsa-pkcs1"}, entry))
    assert unnamed.known(profile) == named.known(profile)


MALFORMED = [
    {**VERIFY, "commands": "00"},
    {**VERIFY, "commands": ["0"]},
    {**VERIFY, "commands": [1]},
    {**VERIFY, "pin": 1},
    {**VERIFY, "values": []},
    {**VERIFY, "values": {"input": None}},
    {**VERIFY, "values": {"input": {"hex": "00"}}},
    {**VERIFY, "words": {"op": 1}},
]


@pytest.mark.parametrize("entry", MALFORMED)
def test_a_malformed_vector_is_told_with_its_file(tmp_path: Path, entry: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"x\.json: the vector .* is malformed"):
        read_vectors(write(tmp_path, entry))


@pytest.mark.parametrize(
    ("text", "data"), [("", b""), ("00 A4", b"\x00\xa4"), ("00x3", bytes(3)), ("HASH", b"\xab" * 32), ("C", bytes(8))]
)
def test_words_stand_for_bytes(text: str, data: bytes) -> None:
    assert expanded(text) == data


def test_files_for_other_tests_are_passed_over(tmp_path: Path) -> None:
    others = ["[]", "{}", '{"vectors": 1}', '{"vectors": [1, {"card": "x"}, {"operation": "x"}]}']
    for number, text in enumerate(others):
        (tmp_path / f"{number}.json").write_text(text, encoding="utf-8")
    assert read_vectors(tmp_path) == []


def test_vectors_in_a_folder_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    write(tmp_path / "mine", {"operation": "sign", "commands": []})
    assert [vector.card for vector in read_vectors(tmp_path)] == ["mine"]


def test_a_broken_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("nonsense", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read"):
        read_vectors(tmp_path)
