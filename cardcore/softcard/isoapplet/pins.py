"""VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (ISO 7816-4:2020, 11.6), and the life cycle that they drive."""

from __future__ import annotations

from dataclasses import replace

from cardcore.apdu import CommandApdu
from cardcore.errors import InputError
from cardcore.softcard.application import Refusal
from cardcore.softcard.isoapplet.context import RETRIES, IsoContext
from cardcore.softcard.isoapplet.state import PIN, PUK, LifeCycle
from cardcore.sw import Sw

FACTORY_PIN = b"123456"
FACTORY_PUK = b"0123456789abcdef"
SIZE = 16
_MIN_PIN = 4
_MAX_TRIES = 15  # all that 63Cx can tell
_REFERENCE_PIN = 0x01
_REFERENCE_PUK = 0x02
_SW_NOT_ALLOWED = 0x6986


def block(pin: bytes) -> bytes:
    """A PIN as the card keeps it: filled with 00 to 16 bytes."""
    return pin.ljust(SIZE, b"\x00")


def checked_pin(pin: bytes) -> bytes:
    """The block of a PIN that a person chose; InputError if the card would not take it."""
    if not _MIN_PIN <= len(pin) <= SIZE:
        raise InputError("the PIN does not fit this card", hint="Choose 4 to 16 characters.")
    return block(pin)


def checked_puk(puk: bytes) -> bytes:
    """A PUK that a person chose; InputError if the card would not take it."""
    if len(puk) != SIZE:
        raise InputError("the PUK does not fit this card", hint="Choose 16 characters.")
    return puk


def check_limit(limit: int) -> bool:
    """Whether the try limit can be told in a status word."""
    return 1 <= limit <= _MAX_TRIES


def verify(iso: IsoContext, command: CommandApdu) -> bytes:
    """VERIFY: P2 01. Without data it tells the tries left, even if the PIN is verified."""
    _require_parameters(command, 0x00, _REFERENCE_PIN)
    data = command.data
    if not data:
        if iso.state.life_cycle is not LifeCycle.OPERATIONAL:
            return b""
        raise Refusal(RETRIES | iso.state.tries[PIN].left)
    _require_length(data, _MIN_PIN, SIZE)
    iso.security = replace(iso.security, files=False)
    opened = iso.try_secret(PIN, block(data))
    iso.security = replace(iso.security, vault=opened, files=True)
    return b""


def change(iso: IsoContext, command: CommandApdu) -> bytes:
    """CHANGE REFERENCE DATA: P1 01 sets the first PUK, then the first PIN; P1 00 changes the PIN (two blocks of 16)."""
    if iso.state.life_cycle is not LifeCycle.OPERATIONAL:
        return _set_first(iso, command)
    _require_parameters(command, 0x00, _REFERENCE_PIN)
    _require_length(command.data, 2 * SIZE, 2 * SIZE)
    opened = iso.try_secret(PIN, command.data[:SIZE])
    iso.commit(iso.state.with_secret(opened, PIN, command.data[SIZE:]))
    iso.close_vault()  # a Java Card's OwnerPIN forgets with its value that it was validated
    return b""


def _set_first(iso: IsoContext, command: CommandApdu) -> bytes:
    founding = iso.state.founding
    fresh = iso.state.life_cycle is LifeCycle.CREATION
    role = {_REFERENCE_PIN: PIN, _REFERENCE_PUK: PUK}.get(command.p2)
    if founding is None or command.p1 != 0x01 or role is None or (role == PUK and not fresh):
        raise Refusal(Sw.INCORRECT_P1_P2)
    if role == PUK:
        _require_length(command.data, SIZE, SIZE)
        state = iso.state.with_secret(founding, PUK, command.data)
        iso.commit(replace(state, life_cycle=LifeCycle.INITIALISATION))
        return b""
    _require_length(command.data, _MIN_PIN, SIZE)
    state = iso.state.with_secret(founding, PIN, block(command.data))
    iso.commit(replace(state, life_cycle=LifeCycle.OPERATIONAL, founding=None))
    return b""


def unblock(iso: IsoContext, command: CommandApdu) -> bytes:
    """RESET RETRY COUNTER: the PUK (16) and a new PIN; the PIN is not validated afterwards."""
    if iso.state.life_cycle is not LifeCycle.OPERATIONAL:
        raise Refusal(_SW_NOT_ALLOWED)
    _require_length(command.data, SIZE + _MIN_PIN, 2 * SIZE)
    _require_parameters(command, 0x00, _REFERENCE_PIN)
    opened = iso.try_secret(PUK, command.data[:SIZE])
    iso.commit(iso.state.with_secret(opened, PIN, block(command.data[SIZE:])))
    iso.close_vault()
    return b""


def _require_parameters(command: CommandApdu, p1: int, p2: int) -> None:
    if (command.p1, command.p2) != (p1, p2):
        raise Refusal(Sw.INCORRECT_P1_P2)


def _require_length(data: bytes, least: int, most: int) -> None:
    if not least <= len(data) <= most:
        raise Refusal(Sw.WRONG_LENGTH)
