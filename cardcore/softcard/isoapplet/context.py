"""One powered IsoApplet: its persistent state, and what selection, PIN and security environment are now."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from cardcore.softcard.application import Refusal
from cardcore.softcard.context import Context
from cardcore.softcard.isoapplet.state import PIN, IsoState, LifeCycle
from cardcore.softcard.isoapplet.tree import MF
from cardcore.softcard.keys import PrivateKey
from cardcore.softcard.memory import JsonObject
from cardcore.softcard.records import KeyRecord
from cardcore.softcard.vault import OpenVault
from cardcore.sw import Sw

RETRIES = 0x63C0


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """What holds since the applet was selected.

    `vault` is there while the PIN is validated, which keys want. `files` is what access rules of files want: the
    same, but also the time before there is a PIN. `algorithm` and `reference` are the security environment.
    """

    vault: OpenVault | None = field(default=None, repr=False)
    files: bool = False
    algorithm: int = 0
    reference: int = -1
    df: int = MF
    ef: int = 0


class IsoContext(Context[IsoState]):
    """What every command works on: the persistent state, the security state, and keys already unsealed."""

    security: Security

    @staticmethod
    def read(stored: JsonObject) -> IsoState:
        """The state that was stored."""
        return IsoState.from_json(stored)

    def forget(self) -> None:
        """Drop every proof and every key in the clear."""
        self.security = Security()
        super().forget()

    def start(self) -> None:
        """The applet was selected, perhaps again: nothing is proved; but before there is a PIN all files are open."""
        self.forget()
        self.security = Security(files=self.state.life_cycle is not LifeCycle.OPERATIONAL)

    def close_vault(self) -> None:
        """The PIN is not validated any more; what the files allow is another matter."""
        self.security = replace(self.security, vault=None)
        self.forget_keys()

    def try_secret(self, role: str, secret: bytes) -> OpenVault:
        """Compare the PIN or PUK. The try is spent on the disk before it is known whether it was needed."""
        tries = self.state.tries[role]
        if tries.left == 0 or role not in self.state.vault.wraps:
            raise Refusal(RETRIES)
        self.commit(self.state.with_tries(role, replace(tries, left=tries.left - 1)))
        opened = self.state.vault.unlock(role, secret)
        if opened is None:
            if role == PIN:
                self.close_vault()
            raise Refusal(RETRIES | (tries.left - 1))
        self.commit(
            self.state.with_tries(role, tries if tries.left == tries.limit else replace(tries, left=tries.limit))
        )
        return opened

    def require_pin(self) -> OpenVault:
        """The open vault; 6982 unless the PIN was validated."""
        vault = self.security.vault
        if vault is None or vault.public != self.state.vault.public:
            raise Refusal(Sw.SECURITY_STATUS)
        return vault

    def private_key(self, record: KeyRecord) -> PrivateKey:
        """The key in the clear; 6982 unless the PIN was validated."""
        return self.unseal(self.require_pin(), record)
