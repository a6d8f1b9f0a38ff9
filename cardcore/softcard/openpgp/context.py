"""One powered OpenPGP application: its persistent state, its security state, and what commands ask of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from types import MappingProxyType

from cardcore.softcard.application import Refusal
from cardcore.softcard.context import Context
from cardcore.softcard.keys import PrivateKey
from cardcore.softcard.memory import JsonObject
from cardcore.softcard.openpgp.algorithms import Crt
from cardcore.softcard.openpgp.state import PW1, PW3, KeyRecord, OpenPgpState
from cardcore.softcard.vault import OpenVault
from cardcore.sw import Sw


class Access(IntEnum):
    """What a verified password opens, as P2 of VERIFY names it (7.2.2). 81 and 82 are the same password, PW1."""

    SIGN = 0x81
    USER = 0x82
    ADMIN = 0x83


ROLES: Mapping[Access, str] = MappingProxyType({Access.SIGN: PW1, Access.USER: PW1, Access.ADMIN: PW3})


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """What was proved since power-on, and what was set up for the next commands.

    `vaults` has an entry for each access that is verified. `certificate` is which of the three certificates GET and
    PUT DATA mean. `decipher` and `authenticate` are the keys that MANAGE SECURITY ENVIRONMENT has chosen.
    """

    vaults: Mapping[Access, OpenVault] = field(default_factory=dict, repr=False)
    certificate: int = 0
    decipher: Crt = Crt.DECIPHER
    authenticate: Crt = Crt.AUTHENTICATION


class OpenPgpContext(Context[OpenPgpState]):
    """What every command works on: the persistent state, the security state, and keys already unsealed."""

    security: Security

    @staticmethod
    def read(stored: JsonObject) -> OpenPgpState:
        """The state that was stored."""
        return OpenPgpState.from_json(stored)

    def forget(self) -> None:
        """Drop every proof and every key in the clear."""
        self.security = Security()
        super().forget()

    def grant(self, access: Access, vault: OpenVault) -> None:
        """A password was verified for this access."""
        self.security = replace(self.security, vaults={**self.security.vaults, access: vault})

    def revoke(self, *accesses: Access) -> None:
        """Take proofs back, and with the last one the keys in the clear."""
        left = {access: vault for access, vault in self.security.vaults.items() if access not in accesses}
        self.security = replace(self.security, vaults=left)
        if not left:
            self.forget_keys()

    def opened(self, access: Access) -> OpenVault | None:
        """The vault, if the access is verified and nobody else has reset the card to another vault since."""
        vault = self.security.vaults.get(access)
        return vault if vault is not None and vault.public == self.state.vault.public else None

    def require(self, access: Access) -> OpenVault:
        """The vault of a verified access; 6982 if it is not."""
        vault = self.opened(access)
        if vault is None:
            raise Refusal(Sw.SECURITY_STATUS)
        return vault

    def try_secret(self, role: str, secret: bytes) -> OpenVault:
        """Compare a password. The try is spent on the disk before it is known whether it was needed."""
        password = self.state.passwords[role]
        if password.left == 0:
            raise Refusal(Sw.BLOCKED)
        self.commit(self.state.with_password(role, replace(password, left=password.left - 1)))
        opened = self.state.vault.unlock(role, secret)
        if opened is None:
            self.revoke(*(access for access, owner in ROLES.items() if owner == role))
            raise Refusal(Sw.SECURITY_STATUS)
        self.commit(self.state.with_password(role, replace(password, left=password.limit)))
        return opened

    def record(self, crt: Crt) -> KeyRecord:
        """What is stored of a key; 6A88 if there is none."""
        record = self.state.keys.get(crt)
        if record is None:
            raise Refusal(Sw.DATA_NOT_FOUND)
        return record

    def private_key(self, crt: Crt, access: Access) -> PrivateKey:
        """The key in the clear, if the access is verified."""
        vault = self.require(access)
        return self.unseal(vault, self.record(crt))
