"""One powered PIV application: its persistent state, its security state, and what commands ask of both."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from cardcore.softcard.application import Refusal
from cardcore.softcard.context import Context, items_of
from cardcore.softcard.keys import PrivateKey
from cardcore.softcard.memory import JsonObject
from cardcore.softcard.piv.algorithms import PinPolicy
from cardcore.softcard.piv.state import PIN, KeyRecord, PivState
from cardcore.softcard.vault import OpenVault
from cardcore.sw import Sw

_RETRIES = 0x63C0


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """What was proved since power-on.

    `vault` is there while the PIN is verified. `pin_fresh` says that no private key was used since, which is
    what PIN policy "always" wants. `witness` and `challenge` are the halves of an unfinished admin authentication.
    """

    vault: OpenVault | None = field(default=None, repr=False)
    pin_fresh: bool = False
    admin: bool = False
    witness: bytes = field(default=b"", repr=False)
    challenge: bytes = b""


class PivContext(Context[PivState]):
    """What every PIV command works on: the persistent state, the security state, and keys already unsealed."""

    security: Security

    @staticmethod
    def read(stored: JsonObject) -> PivState:
        """The state that was stored."""
        return PivState.from_json(stored)

    def forget(self) -> None:
        """Drop every proof and every key in the clear."""
        self.security = Security()
        super().forget()

    def close_vault(self) -> None:
        """Take the PIN's proof back."""
        self.security = replace(self.security, vault=None, pin_fresh=False)
        self.forget_keys()

    def open_vault(self, vault: OpenVault) -> None:
        """The PIN was verified."""
        self.security = replace(self.security, vault=vault, pin_fresh=True)

    @property
    def verified_vault(self) -> OpenVault | None:
        """The vault, if the PIN was verified and nobody else has reset the card to another vault since."""
        vault = self.security.vault
        return vault if vault is not None and vault.public == self.state.vault.public else None

    @property
    def pin_verified(self) -> bool:
        """Whether the PIN was verified."""
        return self.verified_vault is not None

    def require_admin(self) -> None:
        """Refuse unless the management key was proved."""
        if not self.security.admin:
            raise Refusal(Sw.SECURITY_STATUS)

    def try_secret(self, role: str, secret: bytes) -> OpenVault:
        """Compare a PIN or PUK. The try is spent on the disk before it is known whether it was needed."""
        tries = self.state.tries[role]
        if tries.left == 0:
            raise Refusal(Sw.BLOCKED)
        self.commit(self.state.with_tries(role, replace(tries, left=tries.left - 1)))
        opened = self.state.vault.unlock(role, secret)
        if opened is None:
            if role == PIN:
                self.close_vault()
            raise Refusal(_RETRIES | (tries.left - 1))
        self.commit(self.state.with_tries(role, replace(tries, left=tries.limit)))
        return opened

    def private_key(self, record: KeyRecord) -> PrivateKey:
        """The key in the clear, if its PIN policy allows; this uses a fresh PIN up."""
        if record.pin_policy == PinPolicy.NEVER:
            return self.unseal(self.state.open_vault, record)
        vault, fresh = self.verified_vault, self.security.pin_fresh
        self.security = replace(self.security, pin_fresh=False)
        if vault is None or (record.pin_policy == PinPolicy.ALWAYS and not fresh):
            raise Refusal(Sw.SECURITY_STATUS)
        return self.unseal(vault, record)


def retries(left: int) -> int:
    """The status word that tells how many tries are left; 6983 for none."""
    return _RETRIES | left if left else Sw.BLOCKED


def fields_of(data: bytes) -> dict[int, bytes]:
    """The data objects in a command's data field by tag; 6A80 if malformed, or if a tag comes twice."""
    items = items_of(data)
    found = {item.tag: item.value for item in items}
    if len(found) != len(items):
        raise Refusal(Sw.INCORRECT_DATA)
    return found
