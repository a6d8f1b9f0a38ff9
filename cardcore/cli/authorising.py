"""Which secrets a command needs for what it is about to do, and giving them to the card."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self, TypeVar

from cardcore.cli import pads
from cardcore.cli.secrets import Source, obtain, obtain_key
from cardcore.errors import AdminRequired, NotSupported, PinRequired, SecurityStatus
from cardcore.secret import Secret

if TYPE_CHECKING:
    from cardcore import Card
    from cardcore.pinpad.given import PinGiven
    from cardcore.profile.model import Needs

R = TypeVar("R")


def pin_label(card: Card, name: str) -> str:
    """What people call a PIN of this card; NotSupported if it has none of that name."""
    spec = card.authentication.spec(name)
    return spec.label or spec.name


def obtain_pin(card: Card, source: Source | None, label: str, option: str, *, new: bool = False) -> PinGiven:
    """A PIN or PUK from its source; without one from the reader's keypad, or where there is none the terminal.

    On a reader with a keypad nothing else is fallen back to, whatever the keypad cannot do.
    """
    if source.kind == "pad" if source else card.has_pin_pad:
        return pads.new_entry()
    return obtain(source, label, option, new=new)


def require_admin(card: Card) -> None:
    """NotSupported if the card has no admin key."""
    if card.profile.admin is None:
        raise NotSupported("this card has no admin key", hint="Leave --admin out.")


def authenticate_admin(card: Card, source: Source | None) -> None:
    """Prove the admin key, or the administrator's PIN, to the card."""
    with obtain_admin(card, source, "--admin") as key:
        card.authenticate_admin(key)


def obtain_admin(card: Card, source: Source | None, option: str, *, new: bool = False) -> PinGiven:
    """The admin key, or the administrator's PIN where that is what the card has; NotSupported if it has neither."""
    require_admin(card)
    admin, what = card.profile.admin, "new " if new else ""
    if admin is not None and admin.pin:
        return obtain_pin(card, source, what + pin_label(card, admin.pin), option, new=new)
    return obtain_key(source, f"{what}admin key", option, new=new)


class Authority:
    """The secrets of one command: each is obtained once, when it is first needed, and wiped at the end."""

    def __init__(
        self, card: Card, *, pin: Source | None = None, admin: Source | None = None, last_try: bool = False
    ) -> None:
        self._card = card
        self._pin_source, self._admin_source = pin, admin
        self.last_try = last_try
        self._pin: PinGiven | None = None
        self._admin_proved = self._pin_verified = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if isinstance(self._pin, Secret):
            self._pin.wipe()

    @property
    def asks_for_pin(self) -> bool:
        """Whether a person is asked for the PIN, at the keyboard or the reader: not before it is known to be of use."""
        return self._pin_source is None or self._pin_source.kind in ("prompt", "pad")

    def pin(self, name: str) -> PinGiven:
        """The PIN, asked for once; on cards with several PINs of a person a command uses the same for all."""
        if self._pin is None:
            self._pin = obtain_pin(self._card, self._pin_source, pin_label(self._card, name), "--pin")
        return self._pin

    def key_pin(self, key: str) -> PinGiven | None:
        """The PIN that using a key takes, None if it needs none and none was given."""
        from cardcore.profile.model import PinPolicy

        if self._pin_source is None and self._card.keyring.policy(key) is PinPolicy.NEVER:
            return None
        return self.pin(self._card.keyring.slot(key).pin)

    def prepare(self, operation: str, *, offer_pin: bool = True) -> None:
        """Authenticate with what was given on the command line, and with what the operation needs in any case.

        Without `offer_pin` a PIN that was given is for something else, and is used only if it is needed here too.
        """
        needs = _certain_needs(self._card, operation)
        if self._admin_source is not None or "admin" in needs:
            self.prove_admin()
        if (offer_pin and self._pin_source is not None) or "pin" in needs:
            self._verify_pin()

    def carry_out(self, operation: str, action: Callable[[], R], *, offer_pin: bool = True) -> R:
        """Do something for which an operation of the profile is used, with the authentications that it needs.

        First as `prepare`. What turns out to be missing is asked for then, and the action repeated: nothing of it was
        done before, or comes to the same when it is done again. A card that says no more than that something is missing
        gets the PIN, if it has not got it yet.
        """
        self.prepare(operation, offer_pin=offer_pin)
        try:
            return action()
        except AdminRequired:
            if self._admin_proved:
                raise
            self.prove_admin()
        except PinRequired:
            if self._pin_verified:
                raise
            self._verify_pin()
        except SecurityStatus:
            if not self._lacks_pin():
                raise
            self._verify_pin()
        return action()

    def prove_admin(self) -> None:
        """Authenticate as administrator: with the key that was given, else with the one that the card keeps.

        The card gives that after its PIN. Where it keeps none the key is asked for.
        """
        if self._admin_proved:
            return
        if self._admin_source is None and self._card.keeps_admin_key():
            self._verify_pin()
            with self._card.kept_admin_key() as key:
                self._card.authenticate_admin(key)
        else:
            authenticate_admin(self._card, self._admin_source)
        self._admin_proved = True

    def _lacks_pin(self) -> bool:
        """Whether the card has a PIN for its holder that was not verified, as far as it tells."""
        here = "user" in self._card.profile.pins
        return here and not self._pin_verified and not self._card.pin_status("user").verified

    def _verify_pin(self) -> None:
        if not self._pin_verified:
            self._card.verify(self.pin("user"), last_try=self.last_try)
            self._pin_verified = True


def _certain_needs(card: Card, operation: str) -> frozenset[Needs]:
    """What an operation needs whichever of its steps are sent."""
    found = card.profile.operations.get(operation)
    steps = found.steps if found else ()
    always = {step.needs for step in steps if step.needs is not None and not step.when}
    sometimes = {step.needs for step in steps if step.needs is not None and step.when}
    return frozenset(always | sometimes if len(sometimes) == 1 else always)
