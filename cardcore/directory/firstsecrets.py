"""The PINs of a blank card, for families that ship their cards without any."""

from __future__ import annotations

from collections.abc import Callable

from cardcore.directory.base import Setup
from cardcore.errors import InputError, LastTry, NotSupported, StatusError
from cardcore.pin import PinSpec
from cardcore.profile.template import Value
from cardcore.secret import Secret
from cardcore.session import Session
from cardcore.sw import Sw, tries_left

_USER = "user"
_AGAIN = "set-up-again"


def require_set_up(session: Session) -> None:
    """NotSupported if the profile does not say how a blank card gets its first PINs."""
    if not session.engine.can("set-up"):
        raise NotSupported(f"the profile {session.profile.id} does not say how a blank card is initialised")


def can_set_up_again(session: Session) -> bool:
    """Whether the profile says how what is left of an interrupted `set-up` is done, with the same secrets."""
    return session.engine.can(_AGAIN)


def awaits_secrets(session: Session) -> bool:
    """Whether VERIFY without data is answered with success, as before the first PIN protects anything."""
    spec = session.profile.pins[_USER]
    try:
        return session.run("retries", {"pin.ref": spec.ref, "pin.name": spec.name}) == Sw.OK
    except StatusError:
        return False


def set_first_secrets(session: Session, setup: Setup, before: Callable[[], None] | None = None) -> None:
    """Give the card its PIN, and what unblocks it, by `set-up`; the PIN is verified then.

    After an attempt that was interrupted, by `set-up-again`, if the profile has it. `before` is done first, but after
    all checks: InputError before anything is sent if a secret is missing or does not fit, or an admin key was given.
    """
    require_set_up(session)
    spec = session.profile.pins[_USER]
    puk_spec = session.profile.pins[spec.unblock]
    if setup.pin is None or setup.puk is None:
        raise InputError(
            "a blank card of this kind has no PIN yet",
            hint=f"Give the PIN and {puk_spec.label or puk_spec.name} that it shall have (--pin, --puk).",
        )
    if setup.admin is not None:
        raise InputError("this kind of card has no admin key", hint="Leave --admin out.")
    values: dict[str, Value | Secret] = {"pin.ref": spec.ref, "puk.ref": puk_spec.ref}
    with spec.block(setup.pin) as block, puk_spec.block(setup.puk) as puk_block:
        again = setup.again and can_set_up_again(session)
        if before is not None:
            before()
        session.run(_AGAIN if again else "set-up", {**values, "new_pin.block": block, "puk.block": puk_block})
        if again:
            _require_tries(session, spec)
        session.run("verify", {"pin.ref": spec.ref, "pin.name": spec.name, "pin.block": block})
    session.verified.add(spec.name)


def _require_tries(session: Session, spec: PinSpec) -> None:
    """A card that has its PIN already may be another than is thought: the last try is not spent on it."""
    left = session.run("retries", {"pin.ref": spec.ref, "pin.name": spec.name})
    if isinstance(left, int) and tries_left(left) in (0, 1):
        raise LastTry("the card has one try left for its PIN", tries_left=tries_left(left))
