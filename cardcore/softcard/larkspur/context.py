"""One powered Larkspur: its persistent state, and what PIN, current file and security environment are now."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from cardcore.softcard.application import Refusal
from cardcore.softcard.context import Context
from cardcore.softcard.larkspur.state import PIN, LarkspurState
from cardcore.softcard.memory import JsonObject
from cardcore.softcard.records import KeyRecord
from cardcore.softcard.vault import OpenVault
from cardcore.sw import Sw

RETRIES = 0x63C0


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """What holds since the application was selected.

    `vault` is there while PIN 1 is verified, `fresh` as long as no signature was made with it since. `purpose`,
    `mechanism` and `key` are the security environment.
    """

    vault: OpenVault | None = field(default=None, repr=False)
    fresh: bool = False
    file: bytes = b""
    purpose: int = 0
    mechanism: bytes = b""
    key: int = 0


class LarkspurContext(Context[LarkspurState]):
    """What every command works on: the persistent state, the security state, and keys already unsealed."""

    security: Security

    @staticmethod
    def read(stored: JsonObject) -> LarkspurState:
        """The state that was stored."""
        return LarkspurState.from_json(stored)

    def forget(self) -> None:
        """Drop every proof and every key in the clear."""
        self.security = Security()
        super().forget()

    def log_out(self) -> None:
        """PIN 1 is not verified any more."""
        self.security = replace(self.security, vault=None, fresh=False)
        self.forget_keys()

    def try_secret(self, role: str, secret: bytes) -> OpenVault:
        """Compare the PIN or PUK. The try is spent on the disk before it is known whether it was needed."""
        left = self.state.tries[role].left
        if not left:
            raise Refusal(Sw.BLOCKED)
        self.commit(self.state.with_tries(role, left - 1))
        opened = self.state.vault.unlock(role, secret)
        if opened is None:
            if role == PIN:
                self.log_out()
            raise Refusal(RETRIES | (left - 1))
        self.commit(self.state.with_tries(role, self.state.tries[role].limit))
        return opened

    @property
    def verified_vault(self) -> OpenVault | None:
        """The vault, if PIN 1 is verified and nobody else has made the card anew since."""
        vault = self.security.vault
        return vault if vault is not None and vault.public == self.state.vault.public else None

    def require_pin(self) -> OpenVault:
        """The open vault; 6982 unless PIN 1 is verified."""
        vault = self.verified_vault
        if vault is None:
            raise Refusal(Sw.SECURITY_STATUS)
        return vault

    def record(self, reference: int) -> KeyRecord:
        """What is stored of a key; 6A88 if there is none."""
        record = self.state.keys.get(reference)
        if record is None:
            raise Refusal(Sw.DATA_NOT_FOUND)
        return record
