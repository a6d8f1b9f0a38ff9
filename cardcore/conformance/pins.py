"""PINs: a wrong one is refused and counted, the right one brings the tries back, and nothing is ever blocked."""

from __future__ import annotations

from cardcore.card import Card
from cardcore.conformance.bench import Bench, require
from cardcore.errors import PinBlocked, PinError
from cardcore.pin import PinEncoding, PinSpec
from cardcore.secret import Secret

GROUP = "PIN"
_LEAST_LEFT = 2
"""So many tries must be left after a wrong PIN."""


def wrong(spec: PinSpec, right: Secret) -> Secret:
    """A PIN of the same form that is not the right one: its last character is another."""
    text = right.reveal()
    last = b"1" if text[-1:] != b"1" else b"2"
    if spec.encoding is PinEncoding.ASCII and not spec.digits and not text[-1:].isdigit():
        last = b"x" if text[-1:] != b"x" else b"y"
    return Secret(text[:-1] + last)


def check_verification(bench: Bench, card: Card, pin: Secret, name: str = "user") -> bool:
    """The right PIN first: if it is not, one try is spent and no more. Then a wrong one where enough tries are left.

    Returns whether the right one was taken.
    """
    spec = card.profile.pins[name]
    before = card.pin_status(name).tries_left

    def verify() -> str:
        card.verify(pin, name)
        return ""

    if not bench.step(GROUP, "the right PIN is taken", verify):
        return False
    if before is None:
        bench.leave_out(GROUP, "a wrong PIN is refused", "the card does not tell how many tries are left")
    elif before <= _LEAST_LEFT:
        bench.leave_out(
            GROUP, "a wrong PIN is refused", f"{before} tries are left, and {_LEAST_LEFT} must be afterwards"
        )
    else:
        bench.step(GROUP, "a wrong PIN is refused", lambda: _refused(card, wrong(spec, pin), name))
    if before is not None:
        return bench.step(GROUP, "the tries are back", lambda: _restored(card, pin, name, before))
    return True


def _refused(card: Card, guess: Secret, name: str) -> str:
    """Many cards do not tell the tries of a PIN that is verified: it is asked for after logging out."""
    card.logout()
    before = card.pin_status(name).tries_left
    try:
        card.verify(guess, name)
    except PinBlocked:
        raise
    except PinError as error:
        left = error.tries_left
        require(before is None or left == before - 1, f"{left} tries are left, there were {before}")
        return "" if left is None else f"{left} tries left"
    require(False, "it was taken for the right one")
    return ""


def _restored(card: Card, pin: Secret, name: str, before: int) -> str:
    card.verify(pin, name)
    card.logout()
    left = card.pin_status(name).tries_left
    card.verify(pin, name)
    require(left is None or left >= before, f"{left} tries are left, there were {before}")
    return "" if left is None else f"{left} tries left"


def check_change(bench: Bench, card: Card, pin: Secret, name: str = "user") -> None:
    """Another PIN and the old one again."""
    other = wrong(card.profile.pins[name], pin)

    def there() -> str:
        card.change_pin(pin, other, name)
        card.verify(other, name)
        return ""

    def back() -> str:
        card.change_pin(other, pin, name)
        card.verify(pin, name)
        return ""

    if bench.step(GROUP, "change the PIN", there):
        bench.step(GROUP, "change it back", back)


def check_unblocking(bench: Bench, card: Card, pin: Secret, puk: Secret | None, name: str = "user") -> None:
    """The PUK sets the PIN, which stays the same."""

    def unblock() -> str:
        card.unblock_pin(puk, pin, name)
        card.verify(pin, name)
        return ""

    if puk is None:
        bench.leave_out(GROUP, "set the PIN with the PUK", "no PUK was given")
    elif not card.profile.pins[name].unblock:
        bench.leave_out(GROUP, "set the PIN with the PUK", "this card has no PUK")
    else:
        bench.step(GROUP, "set the PIN with the PUK", unblock)
