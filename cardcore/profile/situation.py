"""What can be the case when a step of an operation is sent: for the checks that look for what never happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from cardcore.keytypes import KEY_TYPES, KeyType
from cardcore.pin import PinSpec
from cardcore.profile.crosscheck import relevant_algorithms
from cardcore.profile.model import KeySlot, Profile
from cardcore.profile.template import Value

_OF_TYPES: Mapping[str, Callable[[KeyType], Value]] = {
    "key.type": lambda kind: kind.name,
    "key.kind": lambda kind: kind.kind.value,
    "key.size": lambda kind: kind.bits,
}
_OF_KEYS: Mapping[str, Callable[[KeySlot], Value]] = {
    "key.name": lambda key: key.name,
    "key.ref": lambda key: key.ref,
}
_OF_PINS: Mapping[str, Callable[[PinSpec], Value]] = {
    "pin.name": lambda pin: pin.name,
    "pin.ref": lambda pin: pin.ref,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The key types, key slots and PINs that a step may be for."""

    operation: str
    types: tuple[KeyType, ...]
    keys: tuple[KeySlot, ...]
    pins: tuple[PinSpec, ...]

    @classmethod
    def of(cls, profile: Profile, operation: str) -> Situation:
        """Everything that an operation of a profile may be for."""
        names = dict.fromkeys(name for one in relevant_algorithms(profile, operation) for name in one.types)
        return cls(
            operation=operation,
            types=tuple(KEY_TYPES[name] for name in names),
            keys=tuple(profile.keys.values()),
            pins=tuple(profile.pins.values()),
        )

    def values(self, fact: str) -> frozenset[Value]:
        """The values that a fact can have; none if nothing is known of it."""
        if fact == "op":
            return frozenset({self.operation})
        found: set[Value] = {_OF_TYPES[fact](kind) for kind in self.types if fact in _OF_TYPES}
        found |= {_OF_KEYS[fact](key) for key in self.keys if fact in _OF_KEYS}
        found |= {_OF_PINS[fact](pin) for pin in self.pins if fact in _OF_PINS}
        return frozenset(found)

    def where(self, fact: str, values: frozenset[Value]) -> Situation:
        """The situation in which the fact has one of these values."""
        return replace(
            self,
            types=tuple(kind for kind in self.types if fact not in _OF_TYPES or _OF_TYPES[fact](kind) in values),
            keys=tuple(key for key in self.keys if fact not in _OF_KEYS or _OF_KEYS[fact](key) in values),
            pins=tuple(pin for pin in self.pins if fact not in _OF_PINS or _OF_PINS[fact](pin) in values),
        )
