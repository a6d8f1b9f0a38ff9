"""VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (OpenPGP card 3.4, 7.2.2 to 7.2.4), and the KDF data object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from cardcore.apdu import CommandApdu
from cardcore.errors import InputError, ReplyError
from cardcore.softcard.application import Refusal
from cardcore.softcard.openpgp.context import ROLES, Access, OpenPgpContext
from cardcore.softcard.openpgp.state import PW1, PW3, RESET_CODE, OpenPgpState, Password
from cardcore.softcard.vault import OpenVault
from cardcore.sw import Sw
from cardcore.tlv import parse

FACTORY: Mapping[str, bytes] = MappingProxyType({PW1: b"123456", PW3: b"12345678"})
MAX_SIZE = 127
KDF_DO = 0xF9
NO_KDF = bytes.fromhex("810100")
_MIN_SIZES: Mapping[str, int] = MappingProxyType({PW1: 6, RESET_CODE: 8, PW3: 8})
_RETRIES = 0x63C0
_LOGOUT = 0xFF
_BY_RESET_CODE, _BY_ADMIN = 0x00, 0x02
_MAX_TRIES = 15  # all that 63Cx can tell
_ITERATED_SALTED = b"\x03"
_HASH_SIZES = MappingProxyType({b"\x08": 32, b"\x0a": 64})
_KDF_ALGORITHM, _KDF_HASH, _KDF_COUNT, _INITIAL_PW1, _INITIAL_PW3 = 0x81, 0x82, 0x83, 0x87, 0x88


def verify(card: OpenPgpContext, command: CommandApdu) -> bytes:
    """VERIFY: with data compare; without tell whether verified, else the tries left; with P1 FF take it back."""
    access = _access(command.p2)
    if command.p1 == _LOGOUT and not command.data:
        card.revoke(access)
        return b""
    if command.p1:
        raise Refusal(Sw.INCORRECT_P1_P2)
    if command.data:
        card.grant(access, card.try_secret(ROLES[access], command.data))
    elif card.opened(access) is None:
        raise Refusal(_RETRIES | card.state.passwords[ROLES[access]].left)
    return b""


def change(card: OpenPgpContext, command: CommandApdu) -> bytes:
    """CHANGE REFERENCE DATA: the old value and the new one, without anything in between."""
    access = _access(command.p2)
    if command.p1 or access == Access.USER:
        raise Refusal(Sw.INCORRECT_P1_P2)
    role = ROLES[access]
    size = card.state.passwords[role].size
    old, new = command.data[:size], command.data[size:]
    if len(old) < size:
        raise Refusal(Sw.INCORRECT_DATA)
    opened = card.try_secret(role, old)
    card.commit(with_secret(card.state, opened, role, _checked(card.state, role, new)))
    return b""


def unblock(card: OpenPgpContext, command: CommandApdu) -> bytes:
    """RESET RETRY COUNTER: P1 00 reset code and new PW1; P1 02 new PW1, with PW3 verified."""
    if command.p2 != Access.SIGN or command.p1 not in (_BY_RESET_CODE, _BY_ADMIN):
        raise Refusal(Sw.INCORRECT_P1_P2)
    if command.p1 == _BY_ADMIN:
        opened, new = card.require(Access.ADMIN), command.data
    else:
        size = card.state.passwords[RESET_CODE].size
        opened, new = card.try_secret(RESET_CODE, command.data[:size]), command.data[size:]
    card.commit(with_secret(card.state, opened, PW1, _checked(card.state, PW1, new)))
    card.revoke(Access.SIGN, Access.USER)
    return b""


def set_reset_code(card: OpenPgpContext, value: bytes) -> None:
    """PUT DATA D3 (4.4.1): a new reset code; an empty one takes it away."""
    opened = card.require(Access.ADMIN)
    if not value:
        card.commit(without_reset_code(card.state))
        return
    card.commit(with_secret(card.state, opened, RESET_CODE, _checked(card.state, RESET_CODE, value)))


def set_kdf(card: OpenPgpContext, value: bytes) -> None:
    """PUT DATA F9 (4.3.2): from now on hosts hash passwords so; PW1 and PW3 take their initial values, the reset
    code goes.
    """
    opened = card.require(Access.ADMIN)
    initial = _initial_values(value or NO_KDF)
    state = without_reset_code(card.state.with_object(KDF_DO, value or NO_KDF))
    for role, secret in initial.items():
        state = with_secret(state, opened, role, secret)
    card.commit(state)
    card.revoke(*Access)


def _initial_values(value: bytes) -> Mapping[str, bytes]:
    """PW1 and PW3 after the KDF data object was written; 6A80 if it is malformed."""
    try:
        fields = {item.tag: item.value for item in parse(value)}
    except ReplyError:
        raise Refusal(Sw.INCORRECT_DATA) from None
    if value == NO_KDF:
        return FACTORY
    size = _HASH_SIZES.get(fields.get(_KDF_HASH, b""))
    initial = {PW1: fields.get(_INITIAL_PW1, b""), PW3: fields.get(_INITIAL_PW3, b"")}
    hashed = all(len(secret) == size for secret in initial.values())
    if fields.get(_KDF_ALGORITHM) != _ITERATED_SALTED or len(fields.get(_KDF_COUNT, b"")) != 4 or not hashed:
        raise Refusal(Sw.INCORRECT_DATA)
    return initial


def fits(role: str, value: bytes) -> bool:
    """Whether a value typed by a person has a possible length (4.3)."""
    return _MIN_SIZES[role] <= len(value) <= MAX_SIZE


def check_limit(limit: int) -> bool:
    """Whether the try limit can be told in a status word."""
    return 1 <= limit <= _MAX_TRIES


def check_typed(role: str, value: bytes) -> bytes:
    """A secret that a person chose for a new card; InputError if the card would not take it."""
    if not fits(role, value):
        what = {PW1: "PIN", RESET_CODE: "reset code", PW3: "admin PIN"}[role]
        raise InputError(
            f"the {what} does not fit an OpenPGP card", hint=f"Choose {_MIN_SIZES[role]} to {MAX_SIZE} characters."
        )
    return value


def _checked(state: OpenPgpState, role: str, value: bytes) -> bytes:
    """A new value of a possible length: of the hash, where hosts hash; 6A80 if not."""
    kdf = state.objects[KDF_DO]
    possible = fits(role, value) if kdf == NO_KDF else len(value) == _hash_size(kdf)
    if not possible:
        raise Refusal(Sw.INCORRECT_DATA)
    return value


def _hash_size(kdf: bytes) -> int:
    return _HASH_SIZES[next(item.value for item in parse(kdf) if item.tag == _KDF_HASH)]


def with_secret(state: OpenPgpState, opened: OpenVault, role: str, value: bytes) -> OpenPgpState:
    """The state with a new value of a password, and all its tries."""
    rewrapped = replace(state, vault=state.vault.rewrapped(opened, role, value))
    limit = state.passwords[role].limit
    return rewrapped.with_password(role, Password(size=len(value), limit=limit, left=limit))


def without_reset_code(state: OpenPgpState) -> OpenPgpState:
    """The state with no reset code, so that only PW3 can unblock."""
    wraps = {role: wrap for role, wrap in state.vault.wraps.items() if role != RESET_CODE}
    bare = replace(state, vault=replace(state.vault, wraps=wraps))
    return bare.with_password(RESET_CODE, replace(state.passwords[RESET_CODE], size=0, left=0))


def _access(reference: int) -> Access:
    try:
        return Access(reference)
    except ValueError:
        raise Refusal(Sw.DATA_NOT_FOUND) from None
