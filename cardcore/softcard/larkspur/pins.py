"""PIN 1 and PIN 2: VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (manual, section 4)."""

from __future__ import annotations

from dataclasses import replace

from cardcore.apdu import CommandApdu
from cardcore.errors import InputError
from cardcore.softcard.application import Refusal
from cardcore.softcard.context import items_of, require_parameters
from cardcore.softcard.larkspur.context import RETRIES, LarkspurContext
from cardcore.softcard.larkspur.state import PIN, PUK
from cardcore.softcard.vault import OpenVault
from cardcore.sw import Sw

FACTORY_PIN = b"123456"
FACTORY_PUK = b"12345678"
SIZE = 12
_LEAST = {PIN: 4, PUK: 8}
_ROLES = {0x01: PIN, 0x02: PUK}
_PAD = b"\xff"
_LOG_OUT = 0xFF
_PUK_BLOCK, _PIN_BLOCK = 0x91, 0x92
_MAX_TRIES = 15  # all that 63Cx can tell


def fits(role: str, block: bytes) -> bool:
    """Whether the block holds a value that the PIN can have: digits, filled with FF to 12 bytes."""
    value = block.rstrip(_PAD)
    return len(block) == SIZE and len(value) >= _LEAST[role] and value.isdigit()


def checked_block(role: str, value: bytes) -> bytes:
    """The block of a PIN that a person chose; InputError if the card would not take it."""
    block = value.ljust(SIZE, _PAD)
    if not fits(role, block):
        raise InputError(f"the {role.upper()} does not fit a Larkspur", hint=f"Choose {_LEAST[role]} to {SIZE} digits.")
    return block


def checked_limit(limit: int) -> int:
    """A try limit; InputError if a status word cannot tell it."""
    if not 1 <= limit <= _MAX_TRIES:
        raise InputError("a try limit is 1 to 15")
    return limit


def verify(card: LarkspurContext, command: CommandApdu) -> bytes:
    """VERIFY: compare a PIN; without data tell the tries left; with P1 FF log out."""
    role = _role(command.p2)
    if command.p1 == _LOG_OUT and not command.data:
        card.log_out()
        return b""
    require_parameters(command.p1, command.p2, 0, command.p2)
    if not command.data:
        if role == PIN and card.verified_vault is not None:
            return b""
        raise Refusal(RETRIES | card.state.tries[role].left)
    _require_fit(role, command.data)
    opened = card.try_secret(role, command.data)
    if role == PIN:
        card.security = replace(card.security, vault=opened, fresh=True)
    return b""


def change(card: LarkspurContext, command: CommandApdu) -> bytes:
    """CHANGE REFERENCE DATA: the old and the new value, a block each."""
    role = _role(command.p2)
    require_parameters(command.p1, command.p2, 0, command.p2)
    old, new = command.data[:SIZE], command.data[SIZE:]
    _require_fit(role, old)
    _require_fit(role, new)
    _replace(card, card.try_secret(role, old), role, new)
    return b""


def unblock(card: LarkspurContext, command: CommandApdu) -> bytes:
    """RESET RETRY COUNTER: PIN 2 in the data object 91, the new PIN 1 in 92."""
    require_parameters(command.p1, command.p2, 0, 0x01)
    objects = {item.tag: item.value for item in items_of(command.data)}
    puk, new = objects.get(_PUK_BLOCK, b""), objects.get(_PIN_BLOCK, b"")
    _require_fit(PUK, puk)
    _require_fit(PIN, new)
    _replace(card, card.try_secret(PUK, puk), PIN, new)
    return b""


def _replace(card: LarkspurContext, opened: OpenVault, role: str, new: bytes) -> None:
    """Set a new value, which has to be verified before it opens anything."""
    card.commit(card.state.with_secret(opened, role, new))
    if role == PIN:
        card.log_out()


def _role(reference: int) -> str:
    if reference not in _ROLES:
        raise Refusal(Sw.DATA_NOT_FOUND)
    return _ROLES[reference]


def _require_fit(role: str, block: bytes) -> None:
    if not fits(role, block):
        raise Refusal(Sw.INCORRECT_DATA)
