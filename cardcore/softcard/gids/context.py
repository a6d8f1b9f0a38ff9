"""One powered GIDS application: its persistent state, its security state, and what commands ask of both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from cardcore.errors import ReplyError
from cardcore.softcard.application import Refusal
from cardcore.softcard.context import Context
from cardcore.softcard.gids.algorithms import key_file
from cardcore.softcard.gids.state import PIN, File, GidsState, KeyPair
from cardcore.softcard.memory import JsonObject
from cardcore.softcard.vault import seal
from cardcore.sw import Sw
from cardcore.tlv import Tlv, parse

TERMINATION_STATE = 0x6285
COMMAND_INCOMPATIBLE = 0x6981
_RETRIES = 0x63C0
_ALWAYS, _NEVER = 0x00, 0xFF
_CONTACTLESS = 0x02
_NEEDS_ALL = 0x80
_ADMIN, _USER = 0x20, 0x10


class Operation(IntEnum):
    """Bits of the access mode byte, which mean something else for each kind of file (ISO 7816-4:2020, tables 40-43)."""

    GET = 0x01
    PUT = 0x02
    USE_KEY = 0x04
    GENERATE = 0x08
    ACTIVATE = 0x10
    DELETE = 0x40


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """What was proved, and the halves of an unfinished admin authentication."""

    user: bool = False
    admin: bool = False
    card_challenge: bytes = b""
    host_challenge: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What commands have set up for those that follow: the selected file, the key and mechanism to use."""

    file: int | None = None
    key: int | None = None
    mechanism: int = 0
    admin_key: int | None = None


class GidsContext(Context[GidsState]):
    """What every GIDS command works on."""

    security: Security
    environment: Environment

    @staticmethod
    def read(stored: JsonObject) -> GidsState:
        """The state that was stored."""
        return GidsState.from_json(stored)

    def log_out(self) -> None:
        """Take every proof back, of the PIN and of the admin key."""
        self.security = Security()

    def forget(self) -> None:
        """Drop every proof, what is selected, and every key in the clear."""
        self.security = Security()
        self.environment = Environment()
        super().forget()

    @property
    def user(self) -> bool:
        """Whether conditions on the user are met: the PIN was verified, or the card is not yet initialised."""
        return self.security.user or not self.state.active

    @property
    def admin(self) -> bool:
        """Whether conditions on the administrator are met."""
        return self.security.admin or not self.state.active

    def try_pin(self, pin: bytes) -> None:
        """Compare the PIN. The try is spent on the disk before it is known whether it was needed."""
        left = self.state.left - 1
        self.commit(replace(self.state, left=left))
        right = self.state.has_pin and self.state.vault.unlock(PIN, pin) is not None
        self.security = replace(self.security, user=right)
        if not right:
            raise Refusal(retries(left))
        self.commit(replace(self.state, left=self.state.limit))

    def file(self, identifier: int) -> File:
        """The file with this identifier; 6A82 if there is none."""
        if identifier not in self.state.files:
            raise Refusal(Sw.FILE_NOT_FOUND)
        return self.state.files[identifier]

    def key_file(self, reference: int) -> File:
        """The file of the key with this reference; 6984 if there is none, as the applet answers."""
        if key_file(reference) not in self.state.files:
            raise Refusal(Sw.REFERENCE_DATA_NOT_USABLE)
        return self.state.files[key_file(reference)]

    def require(self, file: File, operation: Operation) -> None:
        """Refuse unless the file's access rule allows the operation now. What no rule names is allowed."""
        if not file.active and operation is not Operation.ACTIVATE:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        self.require_condition(file.header.access.get(operation, _ALWAYS))

    def require_condition(self, condition: int) -> None:
        """Refuse unless a security condition byte is satisfied (ISO 7816-4:2020, table 46)."""
        if condition == _ALWAYS:
            return
        wanted = [proved for bit, proved in ((_USER, self.user), (_ADMIN, self.admin)) if condition & bit]
        enough = all(wanted) if condition & _NEEDS_ALL else any(wanted)
        if condition == _NEVER or condition & 0x0F == _CONTACTLESS or not (wanted and enough):
            raise Refusal(Sw.SECURITY_STATUS)

    def store_key(self, reference: int, key: RSAPrivateKey, raw: bytes, public: bytes) -> None:
        """Put a private key (`raw` is what is sealed) into its file, in place of the one before."""
        pair = KeyPair(public=public, sealed=seal(self.state.vault.public, raw, public))
        file = replace(self.key_file(reference), pair=pair, symmetric=b"")
        self.commit(self.state.with_file(key_file(reference), file))
        self.keep(pair, key)

    def private_key(self, file: File) -> RSAPrivateKey:
        """The key in the clear; 6A88 while its file is empty."""
        if file.pair is None:
            raise Refusal(Sw.DATA_NOT_FOUND)
        key = self.unseal(self.state.recovery, file.pair)
        if not isinstance(key, RSAPrivateKey):
            raise TypeError("not an RSA key")
        return key


def retries(left: int) -> int:
    """The status word that tells how many tries are left: 63C0 for the failure that spends the last."""
    return _RETRIES | left


def items_of(data: bytes) -> list[Tlv]:
    """The data objects in a command's data field in order; 6984 if malformed, as the applet answers."""
    try:
        return parse(data)
    except ReplyError:
        raise Refusal(Sw.REFERENCE_DATA_NOT_USABLE) from None


def value_of(data: bytes, tag: int, default: bytes | None = None) -> bytes:
    """The value of the first object with this tag; else `default`, or 6984 without one."""
    found = next((item.value for item in items_of(data) if item.tag == tag), default)
    if found is None:
        raise Refusal(Sw.REFERENCE_DATA_NOT_USABLE)
    return found


def byte_of(data: bytes, tag: int, default: int | None = None) -> int:
    """As `value_of`, for a value of one byte."""
    value = value_of(data, tag, None if default is None else bytes((default,)))
    if len(value) != 1:
        raise Refusal(Sw.REFERENCE_DATA_NOT_USABLE)
    return value[0]
