"""Which secrets a command needs for what it is about to do, and giving them to the card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cardcore.cli.secrets import Source, obtain, obtain_key
from cardcore.errors import NotSupported

if TYPE_CHECKING:
    from cardcore import Card, Secret


def pin_label(card: Card, name: str) -> str:
    """What people call a PIN of this card; NotSupported if it has none of that name."""
    spec = card.authentication.spec(name)
    return spec.label or spec.name


def key_pin(card: Card, key: str, source: Source | None) -> Secret | None:
    """The PIN that using a key takes, None if it needs none and none was given."""
    from cardcore.profile.model import PinPolicy

    slot = card.keyring.slot(key)
    if source is None and card.keyring.policy(key) is PinPolicy.NEVER:
        return None
    return obtain(source, pin_label(card, slot.pin), "--pin")


def require_admin(card: Card) -> None:
    """NotSupported if the card has no admin key."""
    if card.profile.admin is None:
        raise NotSupported("this card has no admin key", hint="Leave --admin out.")


def authenticate_admin(card: Card, source: Source | None) -> None:
    """Prove the admin key, or the administrator's PIN, to the card."""
    with obtain_admin(card, source, "--admin") as key:
        card.authenticate_admin(key)


def obtain_admin(card: Card, source: Source | None, option: str, *, new: bool = False) -> Secret:
    """The admin key, or the administrator's PIN where that is what the card has; NotSupported if it has neither."""
    require_admin(card)
    admin, what = card.profile.admin, "new " if new else ""
    if admin is not None and admin.pin:
        return obtain(source, what + pin_label(card, admin.pin), option, new=new)
    return obtain_key(source, f"{what}admin key", option, new=new)


def authorise(
    card: Card, operation: str, *, pin: Source | None = None, admin: Source | None = None, last_try: bool = False
) -> None:
    """Give the card what the steps of a profile's operation need: the admin key, the PIN, or what was offered."""
    from cardcore.profile.model import Needs

    found = card.profile.operations.get(operation)
    needs = {step.needs for step in found.steps} if found else set()
    if admin is not None or Needs.ADMIN in needs:
        authenticate_admin(card, admin)
    if pin is not None or Needs.PIN in needs:
        with obtain(pin, pin_label(card, "user"), "--pin") as secret:
            card.verify(secret, last_try=last_try)
