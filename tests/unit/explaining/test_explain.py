"""What an operation would send is explained without a card, for every operation of every shipped profile."""

from __future__ import annotations

import re

import pytest

from cardcore.errors import InputError, NotSupported
from cardcore.explaining import Wish, explain
from cardcore.explaining.commands import Part
from cardcore.profile.catalog import catalog, shipped_directory
from cardcore.profile.model import Algorithm, DecipherResult, InputForm, Profile, Scheme

SHELF = catalog([shipped_directory()])
PROFILES = {name: SHELF.load(name) for name in sorted(SHELF.sources)}
OPERATIONS = [
    (name, operation)
    for name, profile in PROFILES.items()
    if not profile.abstract
    for operation, found in profile.operations.items()
    if found.steps
]
USES = {
    "sign": lambda algorithm: algorithm.sign is not None,
    "decipher": lambda algorithm: algorithm.decipher is not None,
    "agree": lambda algorithm: algorithm.agree,
}


def can(profile: Profile, operation: str) -> bool:
    if operation == "select":
        return bool(profile.match.aids)
    return operation not in USES or any(map(USES[operation], profile.algorithms.values()))


@pytest.mark.parametrize(("name", "operation"), OPERATIONS)
def test_every_operation(name: str, operation: str) -> None:
    profile = PROFILES[name]
    if not can(profile, operation):
        with pytest.raises(NotSupported):
            explain(profile, Wish(operation=operation))
        return
    found = explain(profile, Wish(operation=operation))
    assert found.commands
    for command in found.commands:
        shown = "".join(command.sent)
        assert set(re.findall(r"<([\w.-]+):\d+>", shown)) <= found.placeholders.keys()
        size = sum(int(number) for number in re.findall(r"<[^>]+:(\d+)>", shown))
        assert len(re.sub(r"<[^>]*>|\s", "", shown)) / 2 + size >= 4 + len(command.apdu.data)


SENT = [
    ("piv", Wish(operation="verify"), ["0020008008<pin.block:8>"]),
    ("piv", Wish(operation="unblock"), ["002C008010<puk.block:8><new_pin.block:8>"]),
    ("isoapplet", Wish(operation="generate", key="1"), ["00224100068001F3840100", "0046420000"]),
    ("isoapplet", Wish(operation="sign", key="1"), ["002241B606800111840100", "002A9E9A33<input:51>00"]),
    (
        "isoapplet",
        Wish(operation="sign", key="2", oid=False, hash_name="sha1"),
        ["002241B606800111840101", "002A9E9A14<input:20>00"],
    ),
    (
        "piv",
        Wish(operation="sign", key="9d", type_name="rsa1024", scheme=Scheme.PSS),
        ["0087069D88", "7C8185", "8200818180<input:128>00"],
    ),
    ("piv", Wish(operation="agree", key="9d", type_name="ecp256"), ["0087119D477C4582008541<peer:65>00"]),
    ("gids", Wish(operation="tries"), ["00CB3FFF045C027F7100"]),
    ("openpgp", Wish(operation="verify", pin="admin"), ["0020008308<pin.block:8>"]),
    ("openpgp", Wish(operation="generate", key="signature"), ["0047800002B60000"]),
]


@pytest.mark.parametrize(("name", "wish", "expected"), SENT)
def test_commands(name: str, wish: Wish, expected: list[str]) -> None:
    sent = [line.replace(" ", "") for command in explain(PROFILES[name], wish).commands for line in command.sent]
    assert "".join(sent) == "".join(expected)


def test_long_data_goes_as_a_chain() -> None:
    (command,) = explain(PROFILES["piv"], Wish(operation="sign")).commands
    assert [line.split()[0] for line in command.sent] == ["10", "00"]
    assert [line.count("<input:") for line in command.sent] == [1, 1]
    assert not command.sent[0].endswith(" 00")


def test_data_objects_are_a_tree() -> None:
    (command,) = explain(PROFILES["piv"], Wish(operation="authenticate-answer")).commands
    (outer,) = command.parts
    assert (outer.tag, [part.tag for part in outer.parts]) == (0x7C, [0x80, 0x81])
    assert [command.text(part.start, part.end) for part in outer.parts] == ["<witness:8>", "<challenge:8>"]


def test_what_only_looks_like_data_objects_is_none() -> None:
    commands = explain(PROFILES["gids"], Wish(operation="set-up")).commands
    selects = [command for command in commands if command.name == "SELECT"]
    assert {command.parts for command in selects} == {()}


@pytest.mark.parametrize(
    ("wish", "needs"),
    [
        (Wish(operation="sign", key="9c"), "the PIN user before each use"),
        (Wish(operation="sign", key="9a"), ""),
        (Wish(operation="generate"), "the administrator"),
    ],
)
def test_what_is_needed_before(wish: Wish, needs: str) -> None:
    found = explain(PROFILES["piv"], wish)
    assert found.commands[-1].needs == (needs or "the PIN user")


REFUSED = [
    ("piv", Wish(operation="sign", key="7"), InputError, "no key 7"),
    ("piv", Wish(operation="verify", pin="so"), InputError, "no PIN named so"),
    ("piv", Wish(operation="set-up"), NotSupported, "has no operation set-up"),
    ("piv", Wish(operation="dance"), NotSupported, "knows nothing of an operation dance"),
    ("isoapplet", Wish(operation="sign", type_name="ecp256"), NotSupported, "takes sha1 only"),
    ("openpgp", Wish(operation="sign", scheme=Scheme.PSS), NotSupported, "makes pkcs1 signatures"),
    ("cardos5", Wish(operation="select"), NotSupported, "known by their ATR"),
    ("gids", Wish(operation="agree"), NotSupported, "agree"),
]


@pytest.mark.parametrize(("name", "wish", "error", "message"), REFUSED)
def test_what_cannot_be_is_refused(name: str, wish: Wish, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        explain(PROFILES[name], wish)


def tags(parts: tuple[Part, ...]) -> list[int]:
    return [tag for part in parts for tag in (part.tag, *tags(part.parts))]


def test_repeated_tags_are_all_there() -> None:
    first, _ = explain(PROFILES["gids"], Wish(operation="create-key")).commands
    assert tags(first.parts).count(0xB8) == 3


@pytest.mark.parametrize("name", sorted(name for name, profile in PROFILES.items() if not profile.abstract))
def test_every_way_to_sign_and_decrypt(name: str) -> None:
    profile = PROFILES[name]

    def explained(wish: Wish, algorithm: Algorithm) -> None:
        slot = next((key.name for key in profile.keys.values() if wish.operation in key.usage), "")
        found = explain(profile, Wish(operation=wish.operation, key=slot, type_name=algorithm.types[0]))
        assert ("type", algorithm.types[0]) in found.about

    for algorithm in profile.algorithms.values():
        if algorithm.sign in (InputForm.PADDED, InputForm.DIGEST_INFO):
            explained(Wish(operation="sign"), algorithm)
        if algorithm.decipher is DecipherResult.PLAIN:
            explained(Wish(operation="decipher"), algorithm)
