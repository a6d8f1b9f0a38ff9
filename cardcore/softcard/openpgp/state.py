"""What an OpenPGP application keeps: counters, wrapped vault keys, sealed private keys, data objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cardcore.softcard.memory import JsonObject
from cardcore.softcard.openpgp.algorithms import Crt
from cardcore.softcard.vault import Vault

PW1 = "pw1"
RESET_CODE = "rc"
PW3 = "pw3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Password:
    """What is stored about a password beside its wrap: its length, by which the card cuts old from new, and tries.

    A reset code that is not set has the size 0 and no tries.
    """

    size: int
    limit: int
    left: int

    def to_json(self) -> JsonObject:
        """As JSON values."""
        return {"size": self.size, "limit": self.limit, "left": self.left}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """One private key: `public` is the content of its public key template, `sealed` the vault's box."""

    generated: bool
    public: bytes
    sealed: bytes = field(repr=False)

    def to_json(self) -> JsonObject:
        """As JSON values."""
        return {"generated": self.generated, "public": self.public.hex(), "sealed": self.sealed.hex()}

    @classmethod
    def from_json(cls, stored: JsonObject) -> KeyRecord:
        """The record that `to_json` gave."""
        public, sealed = (bytes.fromhex(stored[part]) for part in ("public", "sealed"))
        return cls(generated=stored["generated"], public=public, sealed=sealed)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPgpState:
    """The persistent state.

    `vault` opens with each of the passwords. `signatures` counts those of the signature key. `pin_each_time` is the
    first byte of the password status turned round: PW1 is good for one signature. `strict` makes the signature key
    take nothing but the DigestInfo of a SHA-2 hash.
    """

    serial: bytes
    strict: bool
    terminated: bool = False
    pin_each_time: bool = True
    signatures: int = 0
    passwords: Mapping[str, Password]
    vault: Vault
    objects: Mapping[int, bytes]
    certificates: tuple[bytes, ...] = (b"", b"", b"")
    keys: Mapping[Crt, KeyRecord] = field(default_factory=dict)

    def with_password(self, role: str, password: Password) -> OpenPgpState:
        """This state with another password's size and tries."""
        return replace(self, passwords={**self.passwords, role: password})

    def with_object(self, tag: int, value: bytes) -> OpenPgpState:
        """This state with another content of a data object."""
        return replace(self, objects={**self.objects, tag: value})

    def with_key(self, crt: Crt, record: KeyRecord | None) -> OpenPgpState:
        """This state with another key, or none; the signature counter counts for one key only (4.4.3.5)."""
        others = {place: key for place, key in self.keys.items() if place != crt}
        signatures = 0 if crt == Crt.SIGNATURE else self.signatures
        return replace(self, keys=others if record is None else {**others, crt: record}, signatures=signatures)

    def to_json(self) -> JsonObject:
        """As JSON values, bytes in hex."""
        return {
            "serial": self.serial.hex(),
            "strict": self.strict,
            "terminated": self.terminated,
            "pin_each_time": self.pin_each_time,
            "signatures": self.signatures,
            "passwords": {role: password.to_json() for role, password in self.passwords.items()},
            "vault": self.vault.to_json(),
            "objects": {f"{tag:X}": value.hex() for tag, value in self.objects.items()},
            "certificates": [value.hex() for value in self.certificates],
            "keys": {f"{crt:02X}": record.to_json() for crt, record in self.keys.items()},
        }

    @classmethod
    def from_json(cls, stored: JsonObject) -> OpenPgpState:
        """The state that `to_json` gave."""
        return cls(
            serial=bytes.fromhex(stored["serial"]),
            strict=stored["strict"],
            terminated=stored["terminated"],
            pin_each_time=stored["pin_each_time"],
            signatures=stored["signatures"],
            passwords={role: Password(**password) for role, password in stored["passwords"].items()},
            vault=Vault.from_json(stored["vault"]),
            objects={int(tag, 16): bytes.fromhex(value) for tag, value in stored["objects"].items()},
            certificates=tuple(bytes.fromhex(value) for value in stored["certificates"]),
            keys={Crt(int(crt, 16)): KeyRecord.from_json(record) for crt, record in stored["keys"].items()},
        )
