"""What a PIV application keeps: counters, wrapped vault keys, sealed private keys, data objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cardcore.softcard.memory import JsonObject
from cardcore.softcard.piv.algorithms import Algorithm, Origin, PinPolicy, TouchPolicy
from cardcore.softcard.vault import OpenVault, Vault

PIN = "pin"
PUK = "puk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """The try counter of a PIN or PUK, and whether the secret is the published factory one."""

    limit: int
    left: int
    factory: bool

    def to_json(self) -> JsonObject:
        """As JSON values."""
        return {"limit": self.limit, "left": self.left, "factory": self.factory}


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminKey:
    """The card management key 9B. The card needs it without any PIN, so it is stored in clear."""

    algorithm: Algorithm
    value: bytes = field(repr=False)
    factory: bool
    touch_policy: TouchPolicy = TouchPolicy.NEVER

    def to_json(self) -> JsonObject:
        """As JSON values."""
        return {
            "algorithm": int(self.algorithm),
            "value": self.value.hex(),
            "factory": self.factory,
            "touch_policy": int(self.touch_policy),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """One private key: `public` is the content of its public key template, `sealed` the vault's box."""

    algorithm: Algorithm
    pin_policy: PinPolicy
    touch_policy: TouchPolicy
    origin: Origin
    public: bytes
    sealed: bytes = field(repr=False)

    def to_json(self) -> JsonObject:
        """As JSON values."""
        return {
            "algorithm": int(self.algorithm),
            "pin_policy": int(self.pin_policy),
            "touch_policy": int(self.touch_policy),
            "origin": int(self.origin),
            "public": self.public.hex(),
            "sealed": self.sealed.hex(),
        }

    @classmethod
    def from_json(cls, stored: JsonObject) -> KeyRecord:
        """The record that `to_json` gave."""
        return cls(
            algorithm=Algorithm(stored["algorithm"]),
            pin_policy=PinPolicy(stored["pin_policy"]),
            touch_policy=TouchPolicy(stored["touch_policy"]),
            origin=Origin(stored["origin"]),
            public=bytes.fromhex(stored["public"]),
            sealed=bytes.fromhex(stored["sealed"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PivState:
    """The persistent state.

    `vault` opens with the PIN or the PUK and guards keys that want the PIN. `open_vault` guards keys whose PIN
    policy is "never" (card authentication, 9E): they must work without any secret, so its private half is
    stored in clear, and those keys are only as safe as the file.
    """

    serial: bytes
    tries: Mapping[str, Tries]
    vault: Vault
    open_vault: OpenVault
    admin: AdminKey
    objects: Mapping[int, bytes]
    keys: Mapping[int, KeyRecord]

    def with_tries(self, role: str, tries: Tries) -> PivState:
        """This state with another try counter of the PIN or PUK."""
        return replace(self, tries={**self.tries, role: tries})

    def with_object(self, tag: int, value: bytes) -> PivState:
        """This state with another content of a data object; an empty one takes it away."""
        objects = {**self.objects, tag: value}
        return replace(self, objects={tag: value for tag, value in objects.items() if value})

    def with_key(self, slot: int, record: KeyRecord | None) -> PivState:
        """This state with another key in a slot, or with none."""
        others = {place: key for place, key in self.keys.items() if place != slot}
        return replace(self, keys=others if record is None else {**others, slot: record})

    def to_json(self) -> JsonObject:
        """As JSON values, bytes in hex."""
        return {
            "serial": self.serial.hex(),
            "tries": {role: tries.to_json() for role, tries in self.tries.items()},
            "vault": self.vault.to_json(),
            "open_vault": self.open_vault.private.hex(),
            "admin": self.admin.to_json(),
            "objects": {f"{tag:X}": value.hex() for tag, value in self.objects.items()},
            "keys": {f"{slot:02X}": record.to_json() for slot, record in self.keys.items()},
        }

    @classmethod
    def from_json(cls, stored: JsonObject) -> PivState:
        """The state that `to_json` gave."""
        return cls(
            serial=bytes.fromhex(stored["serial"]),
            tries={role: Tries(**tries) for role, tries in stored["tries"].items()},
            vault=Vault.from_json(stored["vault"]),
            open_vault=OpenVault(private=bytes.fromhex(stored["open_vault"])),
            admin=_admin_key(stored["admin"]),
            objects={int(tag, 16): bytes.fromhex(value) for tag, value in stored["objects"].items()},
            keys={int(slot, 16): KeyRecord.from_json(record) for slot, record in stored["keys"].items()},
        )


def _admin_key(stored: dict[str, Any]) -> AdminKey:
    return AdminKey(
        algorithm=Algorithm(stored["algorithm"]),
        value=bytes.fromhex(stored["value"]),
        factory=stored["factory"],
        touch_policy=TouchPolicy(stored.get("touch_policy", TouchPolicy.NEVER)),  # older files say nothing of it
    )
