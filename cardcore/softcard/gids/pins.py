"""The PIN: VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER, and its state as a data object (GIDS 2.0, 9.2)."""

from __future__ import annotations

from dataclasses import replace

from cardcore.apdu import CommandApdu
from cardcore.errors import InputError
from cardcore.softcard.application import Refusal
from cardcore.softcard.gids.algorithms import REFERENCE_PIN
from cardcore.softcard.gids.context import GidsContext, retries
from cardcore.sw import Sw
from cardcore.tlv import Tlv, encode

FACTORY_PIN = b"123456"
_MIN_SIZE, _MAX_SIZE = 4, 16
_GLOBAL_PIN = 0x00
_LOG_OUT = 0x82
_STATES = frozenset({0x7F71, 0x7F72})
_LEFT, _LIMIT = 0x97, 0x93
_NEW_ONLY = 0x01
_BY_ADMIN = 0x02
_MAX_TRIES = 15


def fits(pin: bytes) -> bool:
    """Whether this can be a PIN: 4 to 16 bytes of whatever kind."""
    return _MIN_SIZE <= len(pin) <= _MAX_SIZE


def checked(pin: bytes) -> bytes:
    """A PIN that a person chose; InputError if the card would not take it."""
    if not fits(pin):
        raise InputError("the PIN does not fit a GIDS card", hint="Choose 4 to 16 characters.")
    return pin


def checked_limit(limit: int) -> int:
    """A try limit; InputError if a status word cannot tell it."""
    if not 1 <= limit <= _MAX_TRIES:
        raise InputError("a try limit is 1 to 15")
    return limit


def verify(gids: GidsContext, command: CommandApdu) -> bytes:
    """VERIFY: compare the PIN; without data tell the tries, verified or not; with P2 82 end every authentication."""
    if command.p1:
        raise Refusal(Sw.INCORRECT_P1_P2)
    if command.p2 == _LOG_OUT:
        gids.log_out()
        return b""
    _require_pin(command.p2)
    _require_tries(gids)
    if not command.data and not gids.state.active:
        return b""
    if not fits(command.data):
        raise Refusal(retries(gids.state.left))
    gids.try_pin(command.data)
    return b""


def change(gids: GidsContext, command: CommandApdu) -> bytes:
    """CHANGE REFERENCE DATA: old and new PIN one after the other, or with P1 01 only a new one."""
    if command.p1 > _NEW_ONLY:
        raise Refusal(Sw.INCORRECT_P1_P2)
    _require_pin(command.p2)
    if command.p1 == _NEW_ONLY:
        return _replace(gids, command.data)
    if not 2 * _MIN_SIZE <= len(command.data) <= 2 * _MAX_SIZE:
        raise Refusal(retries(gids.state.left))
    _require_tries(gids)
    size = min(gids.state.pin_size, len(command.data))
    gids.try_pin(command.data[:size])
    new = command.data[size:]
    if not fits(new):
        raise Refusal(Sw.WRONG_LENGTH)
    gids.commit(gids.state.with_pin(new))
    return b""


def _replace(gids: GidsContext, new: bytes) -> bytes:
    """Set a PIN: the first one freely while the card is initialised, later ones once the old one was verified."""
    if not fits(new):
        raise Refusal(Sw.WRONG_LENGTH)
    if not gids.user:
        raise Refusal(Sw.SECURITY_STATUS)
    gids.commit(gids.state.with_pin(new))
    gids.security = replace(gids.security, user=False)
    return b""


def unblock(gids: GidsContext, command: CommandApdu) -> bytes:
    """RESET RETRY COUNTER with P1 02: a new PIN, by the administrator, whose authentication it ends."""
    if not gids.state.active:
        raise Refusal(Sw.NO_CURRENT_EF)
    if command.p1 != _BY_ADMIN:
        raise Refusal(Sw.INCORRECT_P1_P2)
    if command.p2 != REFERENCE_PIN:
        raise Refusal(Sw.DATA_NOT_FOUND)
    if not gids.admin:
        raise Refusal(Sw.SECURITY_STATUS)
    if not fits(command.data):
        raise Refusal(Sw.WRONG_LENGTH)
    gids.commit(gids.state.with_pin(command.data))
    gids.log_out()
    return b""


def pin_state(gids: GidsContext, tag: int) -> bytes:
    """The object 7F71 (or 7F72): tries left and try limit; 6A88 for other PINs, which this card does not have."""
    if tag not in _STATES:
        raise Refusal(Sw.DATA_NOT_FOUND)
    counters = ((_LEFT, gids.state.left), (_LIMIT, gids.state.limit))
    return encode(tag, [Tlv(tag=name, value=bytes((count,))) for name, count in counters])


def _require_pin(reference: int) -> None:
    if reference not in (REFERENCE_PIN, _GLOBAL_PIN):
        raise Refusal(Sw.DATA_NOT_FOUND)


def _require_tries(gids: GidsContext) -> None:
    if not gids.state.left:
        raise Refusal(Sw.BLOCKED)
