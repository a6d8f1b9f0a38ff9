"""A whole conformance run: what may be tried on any card, then what changes it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from cardcore.card import Card
from cardcore.conformance import keys, making, pins
from cardcore.conformance.bench import Bench, require
from cardcore.conformance.keys import Subject
from cardcore.conformance.report import Report
from cardcore.errors import InputError, NotFound, SecurityStatus
from cardcore.opening import open_on
from cardcore.profile.model import Profile
from cardcore.secret import Secret
from cardcore.transport.base import Transport
from cardcore.transport.faults import CountingTransport

_CARD = "card"
_RANDOM_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What is known of the card's secrets; without a PIN only what needs none is tried."""

    pin: Secret | None = None
    puk: Secret | None = None
    admin: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """Whether the card may be changed, for which its serial number has to be given, and `slow` keys be made."""

    destructive: bool = False
    serial: str = ""
    slow: bool = False


def conform(transport: Transport, profile: str, secrets: Secrets, wishes: Wishes | None = None) -> Report:
    """Try everything that a profile (a name or a file) claims on the card behind the transport, which is closed.

    InputError, before anything is changed, if a destructive run was not confirmed with the card's serial number.
    TransportError if the card or reader goes away.
    """
    wanted = wishes or Wishes()
    started = datetime.now(UTC).replace(microsecond=0)
    clock = time.perf_counter()
    counting = CountingTransport(transport)
    bench = Bench(counting)
    opened: list[Card] = []

    def identify() -> str:
        opened.append(open_on(counting, profile))
        return opened[0].reason

    if not bench.step(_CARD, "identify", identify):
        transport.close()
        raise InputError(
            f"this card is not one of the profile {profile}",
            hint=f"Its `match` says otherwise, or another card is in the reader: {bench.steps[0].detail}.",
        )
    with opened[0] as card:
        serial = _identity(bench, card)
        if wanted.destructive:
            _confirm(card, serial, wanted.serial)
        _run(bench, card, secrets, wanted)
        used = card.operations_used
        bench.step(_CARD, "log out", card.logout)
        return Report(
            reader=card.reader,
            atr=card.atr.hex().upper(),
            profile=card.profile.id,
            name=card.profile.name,
            verified=card.profile.verified,
            serial=serial,
            destructive=wanted.destructive,
            started=started.isoformat(),
            seconds=round(time.perf_counter() - clock, 2),
            steps=tuple(bench.steps),
            operations=_claimed(card.profile, used | card.operations_used),
        )


def _confirm(card: Card, serial: str, given: str) -> None:
    wanted = serial or card.profile.id
    if given != wanted:
        raise InputError(
            "a destructive run has to be confirmed with the card's serial number; nothing was changed",
            hint=f"Repeat it with --destructive --serial {wanted}, if everything on the card may be lost.",
        )


def _identity(bench: Bench, card: Card) -> str:
    found: list[str] = [""]

    def serial() -> str:
        found.append(card.serial())
        return found[-1] or "the card tells none"

    bench.step(_CARD, "serial number", serial)
    for name in card.profile.pins:
        bench.step(_CARD, f"state of the PIN {name}", partial(_pin_state, card, name))
    bench.step(_CARD, "keys", partial(_key_names, card))
    bench.step(_CARD, "certificates", lambda: ", ".join(card.certificates()) or "none")
    if card.profile.operations.get("challenge") and card.profile.operations["challenge"].steps:
        bench.step(_CARD, "random bytes", lambda: _random(card))
    return found[-1]


def _pin_state(card: Card, name: str) -> str:
    status = card.pin_status(name)
    if status.tries_left is None:
        return "the card does not tell the tries"
    return "1 try left" if status.tries_left == 1 else f"{status.tries_left} tries left"


def _key_names(card: Card) -> str:
    found = card.keys()
    return ", ".join(info.slot.name for info in found) or "none"


def _random(card: Card) -> str:
    first, second = card.random(_RANDOM_BYTES), card.random(_RANDOM_BYTES)
    require(first != second, "the same random bytes twice")
    return f"{_RANDOM_BYTES} bytes, twice"


def _run(bench: Bench, card: Card, secrets: Secrets, wishes: Wishes) -> None:
    pin = secrets.pin
    if pin is None or "user" not in card.profile.pins:
        bench.leave_out(pins.GROUP, "everything that needs the PIN", "no PIN was given")
        return
    if not pins.check_verification(bench, card, pin):
        bench.leave_out(pins.GROUP, "everything else that needs the PIN", "the PIN was not taken")
        return
    if not wishes.destructive:
        _use_what_is_there(bench, card, pin)
        bench.leave_out(_CARD, "what changes the card", "tried with --destructive only")
        return
    pins.check_change(bench, card, pin)
    pins.check_unblocking(bench, card, pin, secrets.puk)
    if secrets.admin is not None:
        bench.step("administrator", "authenticate", lambda: _administrator(card, secrets.admin))
    elif card.profile.admin is not None:
        bench.leave_out("administrator", "authenticate", "no admin key was given")
    making.check_making(bench, card, pin, slow=wishes.slow)


def _administrator(card: Card, key: Secret | None) -> str:
    if key is not None:
        card.authenticate_admin(key)
    return ""


def _use_what_is_there(bench: Bench, card: Card, pin: Secret) -> None:
    """The keys that are on the card already, where their public halves are known."""
    found = card.keys()
    if not found:
        bench.leave_out("keys", "sign, decrypt", "there is no key on the card")
    for info in found:
        try:
            public = card.public_key(info.slot.name)
        except (NotFound, SecurityStatus) as error:
            bench.leave_out(f"key {info.slot.name}", "sign, decrypt", error.message)
            continue
        keys.check_use(bench, card, Subject(name=info.slot.name, public=public, usage=info.slot.usage, pin=pin))


def _claimed(profile: Profile, used: frozenset[str]) -> dict[str, bool]:
    """The operations that the profile has steps and a use for, and whether they were run."""
    every = profile.algorithms.values()
    idle = {
        "sign": not any(algorithm.sign for algorithm in every),
        "decipher": not any(algorithm.decipher for algorithm in every),
        "agree": not any(algorithm.agree for algorithm in every),
    }
    done = used | ({"select"} if profile.match.aids else set())
    return {
        name: name in done
        for name, operation in sorted(profile.operations.items())
        if operation.steps and not idle.get(name, False) and (name != "select" or profile.match.aids)
    }
