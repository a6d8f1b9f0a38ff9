"""Factory reset of a card that only gives in when its PINs are blocked."""

from __future__ import annotations

import secrets

from cardcore.card import Card
from cardcore.errors import NotSupported, PinBlocked, PinError, StatusError
from cardcore.pin import PinEncoding, PinSpec
from cardcore.secret import Secret
from cardcore.sw import Sw

_MAX_ATTEMPTS = 256  # no counter of tries is longer


def factory_reset(card: Card) -> None:
    """Reset a card to its factory state, whatever that costs: everything on it is lost, and cannot be brought back.

    Where the card refuses because its PINs still work (6985), they are blocked on purpose with random wrong values,
    and the card is reset then. The caller has asked the person before. NotSupported, before anything is spoilt, if the
    profile or the card knows no reset.
    """
    try:
        card.reset_card()
    except StatusError as error:
        if error.sw in (Sw.INS_NOT_SUPPORTED, Sw.CLA_NOT_SUPPORTED, Sw.FUNCTION_NOT_SUPPORTED):
            raise NotSupported("this card has no factory reset") from error
        if error.sw != Sw.CONDITIONS_NOT_SATISFIED:
            raise
        block_pins(card)
        card.reset_card()


def block_pins(card: Card) -> None:
    """Block every PIN that can be unblocked and the administrator's, and every PUK, with random wrong values."""
    admin = card.profile.admin
    for spec in card.profile.pins.values():
        if spec.unblock or (admin is not None and admin.pin == spec.name):
            _block_by_verifying(card, spec)
        if spec.unblock in card.profile.pins:
            _block_by_unblocking(card, spec, card.authentication.spec(spec.unblock))


def _block_by_verifying(card: Card, spec: PinSpec) -> None:
    for _ in range(_MAX_ATTEMPTS):
        with _wrong(spec) as guess:
            try:
                card.verify(guess, spec.name, last_try=True)
            except PinBlocked:
                return
            except PinError:
                continue
    raise NotSupported(f"the {spec.label or spec.name} does not block after {_MAX_ATTEMPTS} wrong values")


def _block_by_unblocking(card: Card, spec: PinSpec, puk: PinSpec) -> None:
    for _ in range(_MAX_ATTEMPTS):
        with _wrong(puk) as guess, _wrong(spec) as new:
            try:
                card.unblock_pin(guess, new, spec.name, last_try=True)
            except PinBlocked:
                return
            except PinError:
                continue
    raise NotSupported(f"the {puk.label or puk.name} does not block after {_MAX_ATTEMPTS} wrong values")


def _wrong(spec: PinSpec) -> Secret:
    """A random value of the right form; that it is the right one is as unlikely as it can be."""
    digits = "0123456789abcdef" if spec.encoding is PinEncoding.HEX else "0123456789"
    size = spec.maximum - spec.maximum % 2 if spec.encoding is PinEncoding.HEX else spec.maximum
    return Secret("".join(secrets.choice(digits) for _ in range(size)).encode("ascii"))
