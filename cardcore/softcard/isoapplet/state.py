"""What an IsoApplet keeps: life cycle, try counters, wrapped vault key, sealed private keys, files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from cardcore.softcard.isoapplet.tree import File
from cardcore.softcard.memory import JsonObject
from cardcore.softcard.records import KeyRecord, Tries
from cardcore.softcard.vault import OpenVault, Vault

PIN = "pin"
PUK = "puk"


class LifeCycle(IntEnum):
    """Life cycle status (ISO 7816-4:2020, table 14), as far as the applet goes through it."""

    CREATION = 0x00
    INITIALISATION = 0x01
    OPERATIONAL = 0x05


@dataclass(frozen=True, slots=True, kw_only=True)
class IsoState:
    """The persistent state.

    `tries` and the vault's wraps have the PUK only if one was set. `founding` is the vault's private half in clear as
    long as no PIN is set, when there cannot be a key yet; after that it is None.
    """

    life_cycle: LifeCycle
    tries: Mapping[str, Tries]
    vault: Vault
    founding: OpenVault | None
    files: Mapping[int, File]
    keys: Mapping[int, KeyRecord]

    def with_tries(self, role: str, tries: Tries) -> IsoState:
        """This state with another try counter."""
        return replace(self, tries={**self.tries, role: tries})

    def with_secret(self, opened: OpenVault, role: str, secret: bytes) -> IsoState:
        """This state with another PIN or PUK, all its tries left."""
        limit = self.tries[role].limit
        rewrapped = replace(self, vault=self.vault.rewrapped(opened, role, secret))
        return rewrapped.with_tries(role, Tries(limit=limit, left=limit))

    def with_file(self, file: File) -> IsoState:
        """This state with one file more, or with another content of one."""
        return replace(self, files={**self.files, file.fid: file})

    def without_files(self, fids: frozenset[int]) -> IsoState:
        """This state without some files."""
        return replace(self, files={fid: file for fid, file in self.files.items() if fid not in fids})

    def with_key(self, reference: int, record: KeyRecord) -> IsoState:
        """This state with another key."""
        return replace(self, keys={**self.keys, reference: record})

    def to_json(self) -> JsonObject:
        """As JSON values, bytes in hex."""
        return {
            "life_cycle": int(self.life_cycle),
            "tries": {role: {"limit": tries.limit, "left": tries.left} for role, tries in self.tries.items()},
            "vault": self.vault.to_json(),
            "founding": None if self.founding is None else self.founding.private.hex(),
            "files": [file.to_json() for file in self.files.values()],
            "keys": {f"{reference:02X}": record.to_json() for reference, record in self.keys.items()},
        }

    @classmethod
    def from_json(cls, stored: JsonObject) -> IsoState:
        """The state that `to_json` gave."""
        founding = stored["founding"]
        files = [File.from_json(entry) for entry in stored["files"]]
        return cls(
            life_cycle=LifeCycle(stored["life_cycle"]),
            tries={role: Tries(**tries) for role, tries in stored["tries"].items()},
            vault=Vault.from_json(stored["vault"]),
            founding=None if founding is None else OpenVault(private=bytes.fromhex(founding)),
            files={file.fid: file for file in files},
            keys={int(reference, 16): KeyRecord.from_json(record) for reference, record in stored["keys"].items()},
        )
