"""Vectors: the commands that the operations of a profile must become for given values, kept as JSON files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from cardcore.errors import CardError, InputError
from cardcore.keytypes import key_type
from cardcore.pin import PinSpec
from cardcore.profile.commands import Rendered, algorithm_values, applies, names_of, render
from cardcore.profile.model import Algorithm, Profile
from cardcore.profile.template import Value, Values
from cardcore.profile.vocabulary import ANY_POLICY
from cardcore.secret import Secret

T = TypeVar("T")

PIN, NEW_PIN = "123456", "654321"
"""The PIN and the new one where a vector says nothing else."""

WORDS: Mapping[str, str] = {
    "DI": "3031300D060960864801650304020105000420" + "AB" * 32,
    "HASH": "AB" * 32,
    "BLOCK": "CD" * 256,
    "C": "00" * 8,
}
"""What a word in a command or an input stands for, in hexadecimal; `00x12` is a byte repeated."""

_REPEATED = re.compile(r"([0-9A-Fa-f]{2})x([0-9]{1,4})")
_SECRET = "secret"  # noqa: S105 - a key in a vector, no secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """One operation of one profile with its values, and the commands that it must become.

    `pin` and `key` are names in the profile. `values` come under their names in the profile language.
    """

    file: str
    card: str
    operation: str
    commands: tuple[bytes, ...]
    pin: str = ""
    old: str = PIN
    new: str = NEW_PIN
    puk: str = ""
    key: str = ""
    type: str = ""
    algorithm: str = ""
    extended: bool = False
    values: Mapping[str, Value | Secret] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join(filter(None, (self.card, self.operation, self.pin, self.key, self.algorithm, self.type)))

    def rendered(self, profile: Profile) -> list[Rendered]:
        """The commands that the operation becomes; InputError, NotSupported if the vector does not fit the profile."""
        operation = profile.operations.get(self.operation)
        if operation is None:
            raise InputError(f"the profile {profile.id} has no operation {self.operation}")
        values = self.known(profile)
        sent = [render(step, values) for step in operation.steps if applies(step, values)]
        return [one._replace(apdu=replace(one.apdu, extended=one.apdu.extended or self.extended)) for one in sent]

    def known(self, profile: Profile) -> Values:
        """Everything that the steps of the operation may name."""
        usual = {"key.policy": ANY_POLICY, "key.touch": ANY_POLICY}
        known: dict[str, Value | Secret] = {"op": self.operation, **usual, **self.values}
        if self.pin:
            known |= self._pin_values(profile)
        if self.key:
            known |= self._key_values(profile, known)
        return known

    def _pin_values(self, profile: Profile) -> dict[str, Value | Secret]:
        spec = _named(profile.pins, self.pin, "PIN")
        values: dict[str, Value | Secret] = {"pin.ref": spec.ref, "pin.name": spec.name}
        wanted = names_of(profile.operations[self.operation])
        typed = {"pin.block": self.old, "new_pin.block": self.new}
        values |= {name: _block(spec, text) for name, text in typed.items() if name in wanted}
        if self.puk:
            puk = _named(profile.pins, spec.unblock, "PIN")
            values |= {"puk.ref": puk.ref, "puk.block": _block(puk, self.puk), "authority": "puk"}
        return values

    def _key_values(self, profile: Profile, known: Values) -> dict[str, Value | Secret]:
        key, kind = _named(profile.keys, self.key, "key"), key_type(self.type)
        values: dict[str, Value | Secret] = {"key.type": kind.name, "key.kind": kind.kind.value, "key.size": kind.bits}
        values |= {"key.name": key.name, "key.ref": key.ref, "key.certificate": key.certificate}
        values |= {"key.file": key.file, "key.file.id": key.file[-2:]}
        algorithm = self._algorithm(profile)
        return values | algorithm_values(algorithm, profile.operations[self.operation], {**known, **values})

    def _algorithm(self, profile: Profile) -> Algorithm:
        if self.algorithm:
            found = _named(profile.algorithms, self.algorithm, "algorithm")
            if self.type in found.types:
                return found
        for algorithm in profile.algorithms.values():
            if not self.algorithm and self.type in algorithm.types:
                return algorithm
        raise InputError(f"no such algorithm of the profile {profile.id} is for keys of type {self.type}")


def _named(things: Mapping[str, T], name: str, what: str) -> T:
    if name not in things:
        raise InputError(f"there is no {what} named {name!r}", hint=f"There are {', '.join(things) or 'none'}.")
    return things[name]


def _block(spec: PinSpec, typed: str) -> Secret:
    return spec.block(Secret(typed.encode()))


def problem(profile: Profile, vector: Vector) -> str:
    """How the commands of the profile differ from the vector's; empty if they do not."""
    try:
        sent = [one.apdu.encode() for one in vector.rendered(profile)]
    except CardError as error:
        return f"{vector}: {error.message}"
    for number, (found, wanted) in enumerate(zip(sent, vector.commands, strict=False), 1):
        if found != wanted:
            return f"{vector}: command {number} is {found.hex().upper()}, and should be {wanted.hex().upper()}"
    if len(sent) != len(vector.commands):
        return f"{vector}: {len(sent)} commands, and there should be {len(vector.commands)}"
    return ""


def read_vectors(folder: Path) -> list[Vector]:
    """The vectors in every JSON file of the folder and those below it.

    A file holds `{"vectors": [{"card": id, "operation": name, "commands": [...], ...}, ...]}`; where `card` is left
    out, the folder is named by it. Files and entries of other forms are for other tests. InputError for a file that is
    not JSON, or for an entry that is malformed.
    """
    return [
        _vector(path, entry)
        for path in sorted(folder.rglob("*.json"))
        for entry in _entries(path)
        if isinstance(entry, dict) and "operation" in entry and "commands" in entry
    ]


def _entries(path: Path) -> list[object]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON") from error
    entries = document.get("vectors") if isinstance(document, dict) else None
    return entries if isinstance(entries, list) else []


def _vector(path: Path, entry: dict[str, Any]) -> Vector:
    try:
        return Vector(
            file=str(path),
            card=_text(entry, "card", path.parent.name),
            operation=_text(entry, "operation"),
            commands=tuple(expanded(command) for command in entry["commands"]),
            **{name: _text(entry, name) for name in ("pin", "puk", "key", "type", "algorithm")},
            old=_text(entry, "old", PIN),
            new=_text(entry, "new", NEW_PIN),
            extended=entry.get("extended", False) is True,
            values=dict(_values(entry)),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: the vector {str(entry)[:100]} is malformed: {error}") from error


def _text(entry: dict[str, Any], name: str, default: str = "") -> str:
    found = entry.get(name, default)
    if not isinstance(found, str):
        raise TypeError(f"{name} is no text")
    return found


def _values(entry: dict[str, Any]) -> Iterator[tuple[str, Value | Secret]]:
    """`values`: bytes in hexadecimal, `{"secret": ...}` for secret ones, numbers. `words` are words."""
    for name, given in entry.get("values", {}).items():
        if isinstance(given, int):
            yield name, given
        else:
            secret = isinstance(given, dict)
            data = expanded(given[_SECRET] if secret else given)
            yield name, Secret(data) if secret else data
    yield from ((name, _text(entry["words"], name)) for name in entry.get("words", {}))
    yield from ((name, expanded(entry[name])) for name in ("input", "peer") if name in entry)


def expanded(text: str) -> bytes:
    """Hexadecimal digits in groups, some of which may be words or repeated bytes; ValueError for anything else."""
    groups = [WORDS.get(group, group) for group in text.split()]
    repeated = [_REPEATED.sub(lambda found: found[1] * int(found[2]), group) for group in groups]
    return bytes.fromhex("".join(repeated))
