"""PIN and PUK commands: VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (SP 800-73-4 part 2, 3.2), try limits."""

from __future__ import annotations

from dataclasses import replace

from cardcore.apdu import CommandApdu
from cardcore.errors import InputError
from cardcore.softcard.application import Refusal
from cardcore.softcard.piv.algorithms import REFERENCE_PIN, REFERENCE_PUK
from cardcore.softcard.piv.context import PivContext, retries
from cardcore.softcard.piv.state import PIN, PUK, PivState, Tries
from cardcore.softcard.vault import OpenVault
from cardcore.sw import Sw

FACTORY_PIN = b"123456"
FACTORY_PUK = b"12345678"
SIZE = 8
_MIN_SIZE = 6
_PAD = b"\xff"
_LOGOUT = 0xFF
_MAX_TRIES = 15  # all that 63Cx can tell


def block(secret: bytes) -> bytes:
    """A PIN or PUK as the card sees it: filled with FF to 8 bytes."""
    return secret.ljust(SIZE, _PAD)


def check_new(role: str, padded: bytes) -> bool:
    """Whether a new value has the form that SP 800-73-4 part 2, 2.4.3 asks for: 6 to 8, a PIN only digits."""
    value = padded.rstrip(_PAD)
    return len(padded) == SIZE and len(value) >= _MIN_SIZE and (role == PUK or value.isdigit())


def checked_block(role: str, secret: bytes) -> bytes:
    """The block of a secret that a person chose; InputError if the card would not take it."""
    padded = block(secret)
    if not check_new(role, padded):
        what = "6 to 8 digits" if role == PIN else "6 to 8 characters"
        raise InputError(f"the {role.upper()} does not fit a PIV card", hint=f"Choose {what}.")
    return padded


def check_limit(limit: int) -> bool:
    """Whether the try limit can be told in a status word."""
    return 1 <= limit <= _MAX_TRIES


def verify(piv: PivContext, command: CommandApdu) -> bytes:
    """VERIFY (3.2.1): with data compare the PIN; without ask for the tries left; with P1 FF take the proof back."""
    if command.p2 != REFERENCE_PIN:
        raise Refusal(Sw.DATA_NOT_FOUND)
    if command.p1 == _LOGOUT and not command.data:
        piv.close_vault()
        return b""
    if command.p1:
        raise Refusal(Sw.INCORRECT_P1_P2)
    if not command.data:
        return _status(piv)
    # A value that cannot be a PIN costs a try, which 3.2.1 leaves to the card: tools block a PIN with 8 bytes FF.
    if len(command.data) != SIZE:
        raise Refusal(Sw.INCORRECT_DATA)
    piv.open_vault(piv.try_secret(PIN, command.data))
    return b""


def _status(piv: PivContext) -> bytes:
    if piv.pin_verified:
        return b""
    raise Refusal(retries(piv.state.tries[PIN].left))


def change(piv: PivContext, command: CommandApdu) -> bytes:
    """CHANGE REFERENCE DATA (3.2.2): old and new value of the PIN (80) or PUK (81), 8 bytes each."""
    role = {REFERENCE_PIN: PIN, REFERENCE_PUK: PUK}.get(command.p2)
    if role is None:
        raise Refusal(Sw.DATA_NOT_FOUND)
    if command.p1:
        raise Refusal(Sw.INCORRECT_P1_P2)
    old, new = _two_blocks(command.data)
    if not check_new(role, new):
        raise Refusal(Sw.INCORRECT_DATA)
    opened = piv.try_secret(role, old)
    piv.commit(_with_secret(piv.state, opened, role, new))
    if role == PIN:
        piv.open_vault(opened)
    return b""


def unblock(piv: PivContext, command: CommandApdu) -> bytes:
    """RESET RETRY COUNTER (3.2.3): the PUK and a new PIN; the PIN does not count as verified afterwards."""
    if command.p2 != REFERENCE_PIN:
        raise Refusal(Sw.DATA_NOT_FOUND)
    if command.p1:
        raise Refusal(Sw.INCORRECT_P1_P2)
    puk, new = _two_blocks(command.data)
    opened = piv.try_secret(PUK, puk)  # first: tools block a PUK with a value and a new PIN that are nothing but FF
    if not check_new(PIN, new):
        raise Refusal(Sw.INCORRECT_DATA)
    piv.commit(_with_secret(piv.state, opened, PIN, new))
    piv.close_vault()
    return b""


def set_limits(piv: PivContext, command: CommandApdu) -> bytes:
    """SET PIN RETRIES (vendor, FA): P1 tries for the PIN, P2 for the PUK; both go back to their factory values."""
    piv.require_admin()
    opened = piv.verified_vault
    if opened is None:
        raise Refusal(Sw.SECURITY_STATUS)
    if command.data or not (check_limit(command.p1) and check_limit(command.p2)):
        raise Refusal(Sw.INCORRECT_P1_P2)
    state = piv.state
    for role, limit, value in ((PIN, command.p1, FACTORY_PIN), (PUK, command.p2, FACTORY_PUK)):
        limited = state.with_tries(role, Tries(limit=limit, left=limit, factory=True))
        state = _with_secret(limited, opened, role, block(value))
    piv.commit(state)
    return b""


def _two_blocks(data: bytes) -> tuple[bytes, bytes]:
    if len(data) != 2 * SIZE:
        raise Refusal(Sw.INCORRECT_DATA)
    return data[:SIZE], data[SIZE:]


def _with_secret(state: PivState, opened: OpenVault, role: str, value: bytes) -> PivState:
    rewrapped = replace(state, vault=state.vault.rewrapped(opened, role, value))
    tries = state.tries[role]
    return rewrapped.with_tries(role, replace(tries, left=tries.limit, factory=is_factory(role, value)))


def is_factory(role: str, value: bytes) -> bool:
    """Whether the block is that of the published factory PIN or PUK."""
    return value == block(FACTORY_PIN if role == PIN else FACTORY_PUK)
