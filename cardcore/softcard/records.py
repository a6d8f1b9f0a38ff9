"""What applications keep of a PIN's tries and of a private key."""

from __future__ import annotations

from dataclasses import dataclass, field

from cardcore.softcard.keys import KeyType
from cardcore.softcard.memory import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """The try counter of a PIN or PUK."""

    limit: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """One private key: `public` is its public key as the card tells it, `sealed` the vault's box."""

    kind: KeyType
    public: bytes
    sealed: bytes = field(repr=False)

    def to_json(self) -> JsonObject:
        """As JSON values."""
        return {"kind": str(self.kind), "public": self.public.hex(), "sealed": self.sealed.hex()}

    @classmethod
    def from_json(cls, stored: JsonObject) -> KeyRecord:
        """The record that `to_json` gave."""
        return cls(
            kind=KeyType(stored["kind"]),
            public=bytes.fromhex(stored["public"]),
            sealed=bytes.fromhex(stored["sealed"]),
        )
