"""The PINs of a blank card, for families that ship their cards without any."""

from __future__ import annotations

from cardcore.directory.base import Setup
from cardcore.errors import InputError, NotSupported
from cardcore.profile.template import Value
from cardcore.secret import Secret
from cardcore.session import Session

_USER = "user"


def require_set_up(session: Session) -> None:
    """NotSupported if the profile does not say how a blank card gets its first PINs."""
    if not session.engine.can("set-up"):
        raise NotSupported(f"the profile {session.profile.id} does not say how a blank card is initialised")


def set_first_secrets(session: Session, setup: Setup) -> None:
    """Give the card its PIN, and what unblocks it, by `set-up`; the PIN is verified then.

    InputError before anything is sent if one of them is missing, or an admin key was given.
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
        session.run("set-up", {**values, "new_pin.block": block, "puk.block": puk_block})
        session.run("verify", {"pin.ref": spec.ref, "pin.name": spec.name, "pin.block": block})
    session.verified.add(spec.name)
