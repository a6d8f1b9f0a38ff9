"""What a Larkspur keeps: tries, wrapped vault key, sealed private keys, files of a fixed size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cardcore.softcard.memory import JsonObject
from cardcore.softcard.records import KeyRecord, Tries
from cardcore.softcard.vault import OpenVault, Vault

PIN = "pin"
PUK = "puk"


@dataclass(frozen=True, slots=True, kw_only=True)
class LarkspurState:
    """The persistent state; `files` by their path below the MF."""

    serial: bytes
    tries: Mapping[str, Tries]
    vault: Vault
    files: Mapping[bytes, bytes]
    keys: Mapping[int, KeyRecord]

    def with_tries(self, role: str, left: int) -> LarkspurState:
        """This state with another number of tries left."""
        return replace(self, tries={**self.tries, role: replace(self.tries[role], left=left)})

    def with_secret(self, opened: OpenVault, role: str, secret: bytes) -> LarkspurState:
        """This state with another PIN or PUK, all its tries left."""
        rewrapped = replace(self, vault=self.vault.rewrapped(opened, role, secret))
        return rewrapped.with_tries(role, self.tries[role].limit)

    def with_file(self, path: bytes, content: bytes) -> LarkspurState:
        """This state with another content of a file."""
        return replace(self, files={**self.files, path: content})

    def with_key(self, reference: int, record: KeyRecord) -> LarkspurState:
        """This state with another key."""
        return replace(self, keys={**self.keys, reference: record})

    def to_json(self) -> JsonObject:
        """As JSON values, bytes in hex."""
        return {
            "serial": self.serial.hex(),
            "tries": {role: {"limit": tries.limit, "left": tries.left} for role, tries in self.tries.items()},
            "vault": self.vault.to_json(),
            "files": {path.hex(): content.hex() for path, content in self.files.items()},
            "keys": {f"{reference:02X}": record.to_json() for reference, record in self.keys.items()},
        }

    @classmethod
    def from_json(cls, stored: JsonObject) -> LarkspurState:
        """The state that `to_json` gave."""
        return cls(
            serial=bytes.fromhex(stored["serial"]),
            tries={role: Tries(**tries) for role, tries in stored["tries"].items()},
            vault=Vault.from_json(stored["vault"]),
            files={bytes.fromhex(path): bytes.fromhex(content) for path, content in stored["files"].items()},
            keys={int(reference, 16): KeyRecord.from_json(record) for reference, record in stored["keys"].items()},
        )
