"""PINs: whose they are, how long they are kept, when a person is asked, and that none is spent by mistake.

A PIN serves the client process for which it was entered, and no other. It is sent once: one that the card refused is
forgotten. The last try is the person's alone. Nobody is asked while a card is held.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TypeVar
from weakref import WeakSet

from cardcore import Card, PinBlocked, PinError, PinPad, PinPolicy, Secret
from cardcore.errors import AdminRequired, InputError, LastTry, PinRequired, SecurityStatus
from csp_frontend.asking import PadNotice, Person
from csp_frontend.configuration import CachePolicy, Configuration, TokenPolicy
from csp_frontend.constants import Code
from csp_frontend.errors import CspError, from_card
from csp_frontend.pin_needs import Need, PinOwner, Program
from csp_frontend.prompts import PinDialog
from csp_frontend.tokens import Token

T = TypeVar("T")
_KEPT = (CachePolicy.NORMAL, CachePolicy.TIMED)
_ROUNDS = 3
"""How often a change to a card is begun: as it is, with the PIN, with the admin key too."""


class Kept(Enum):
    """Stands for an admin key that is read from the card itself, in the transaction in which its PIN was verified."""

    BEHIND_PIN = "behind the PIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What is tried next, and where it comes from; without a PIN the card is still unlocked for this client."""

    pin: Secret | PinPad | None
    by_program: bool = False
    by_person: bool = False
    last_try: bool = False
    notice: PadNotice | None = None


class PinKeeper:
    """Gets what a key or a card wants, and uses it. One for all clients."""

    def __init__(
        self, configuration: Configuration, dialog: PinDialog, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._configuration = configuration
        self._person = Person(dialog, self._changed_by_person)
        self._clock = clock
        self._owners: WeakSet[PinOwner] = WeakSet()
        self._owners_lock = threading.Lock()

    def policy(self, token: Token) -> TokenPolicy:
        """What the configuration says of a token."""
        return self._configuration.token(token.serial, token.reader)

    def use(self, need: Need, action: Callable[[Card, Secret | None], T]) -> T:
        """Do something with a private key. `action` gets the card and the PIN, None if the key never wants one."""
        if need.policy is PinPolicy.NEVER:
            with need.token.using() as card, need.token.transaction():
                return action(card, None)
        with self._owners_lock:
            self._owners.add(need.owner)
        attempt = self._ready(need)
        wrong = False
        while True:
            if attempt is None:
                attempt = self._asked(need, again=wrong)
            try:
                return self._done(need, attempt, action)
            except (PinRequired, SecurityStatus):
                if attempt.pin is not None:
                    raise
                need.token.unlocked.discard(need.name)  # another client or program used the card meanwhile
                attempt = None
            except PinBlocked:
                need.drop()
                if not (attempt.by_person and self._person.can_unblock(need)):
                    raise
                attempt, wrong = None, False
            except PinError as error:
                self._refused(need, attempt, error)
                wrong = not isinstance(error, LastTry)
                attempt = None

    def _ready(self, need: Need) -> Attempt | None:
        """What can be tried without asking anybody."""
        if need.program.pin is not None:
            return Attempt(pin=Secret(need.program.pin.reveal()), by_program=True)
        policy = self.policy(need.token)
        if need.always or policy.cache not in _KEPT:
            return None
        token = need.token
        if token.has_pin_pad and policy.cache is CachePolicy.NORMAL and need.name in token.unlocked:
            return Attempt(pin=None)  # what was entered on the reader's keypad nobody can keep
        seconds = float(policy.cache_seconds) if policy.cache is CachePolicy.TIMED else None
        kept = need.owner.kept(need.token.stay, need.name, self._clock(), seconds)
        return None if kept is None else Attempt(pin=kept)

    def _asked(self, need: Need, *, again: bool) -> Attempt:
        """Ask the person. No lock is held while they think."""
        if need.program.silent:
            raise CspError(Code.NTE_SILENT_CONTEXT, f"the PIN {need.name} would have to be asked for")
        given = self._person.pin(need, again=again)
        return Attempt(pin=given.pin, by_person=True, last_try=given.last_try, notice=given.notice)

    def _changed_by_person(self, token: Token, name: str) -> None:
        """A PIN was set anew: what others have remembered would only cost them a try."""
        with self._owners_lock:
            owners = list(self._owners)
        for owner in owners:
            owner.drop(token.stay, name)

    def _done(self, need: Need, attempt: Attempt, action: Callable[[Card, Secret | None], T]) -> T:
        """Verify the PIN, unless this client has done so and the key wants it once; then act, in one transaction."""
        token, policy = need.token, self.policy(need.token).cache
        with token.using() as card:
            token.turn_to(need.owner)
            try:
                with token.transaction():
                    taken = self._unlock(card, need, attempt)
                    found = action(card, attempt.pin if isinstance(attempt.pin, Secret) else None)
            finally:
                if policy not in _KEPT:
                    token.let_go(need.owner)
        if taken and policy in _KEPT and isinstance(attempt.pin, Secret):
            need.owner.keep(token.stay, need.name, attempt.pin, self._clock())
        elif policy is CachePolicy.ALWAYS_PROMPT:
            _spent(need.program)
        return found

    def _unlock(self, card: Card, need: Need, attempt: Attempt) -> bool:
        """Verify what there is, and whether that was done: not if the card is unlocked for this client already.

        PinRequired if there is nothing, and it is not.
        """
        unlocked = need.token.unlocked
        if attempt.pin is None:
            if need.name not in unlocked:
                raise PinRequired("the card was locked meanwhile")
        elif need.always or need.name not in unlocked or isinstance(attempt.pin, PinPad):
            try:
                _verify(card, need.name, attempt.pin, last_try=attempt.last_try)
            finally:
                if attempt.notice is not None:
                    attempt.notice.end()
            unlocked.add(need.name)
            return True
        return False

    def _refused(self, need: Need, attempt: Attempt, error: PinError) -> None:
        """A PIN was refused, or was not sent because its last try is left: forget it; the error if nobody is asked."""
        need.drop()
        sent = not isinstance(error, LastTry)
        if attempt.by_program and sent:
            _spent(need.program)
            raise error
        if need.program.silent:
            raise error

    # Changes to a card

    def change(self, need: Need, action: Callable[[Card], T]) -> T:
        """Change a card: get the PIN or the admin key if it wants one, and end what that proved.

        NTE_PERM if an admin key is wanted and there is none, or it is refused.
        """
        with_pin = need.policy is PinPolicy.ALWAYS
        admin: Secret | Kept | None = None
        for _ in range(_ROUNDS):
            try:
                return self._changed(need, action, admin, with_pin=with_pin)
            except AdminRequired:
                admin = self._admin(need)
                with_pin = with_pin or admin is Kept.BEHIND_PIN
            except (PinRequired, SecurityStatus):
                if not with_pin:
                    with_pin = True
                elif admin is None and need.token.card.profile.admin is not None:
                    admin = self._admin(need)
                else:
                    raise
            finally:
                need.token.let_go(need.owner)
        raise CspError(Code.NTE_PERM, "the card wants more than the PIN and the admin key")

    def _changed(self, need: Need, action: Callable[[Card], T], admin: Secret | Kept | None, *, with_pin: bool) -> T:
        cipher = self.policy(need.token).admin_cipher

        def acting(card: Card, pin: Secret | None = None) -> T:
            if isinstance(admin, Kept):
                with card.kept_admin_key() as key:
                    _authenticate(card, key, cipher)
            elif admin is not None:
                _authenticate(card, admin, cipher)
            return action(card)

        if with_pin:
            return self.use(replace(need, policy=PinPolicy.ONCE), acting)
        with need.token.using() as card:
            need.token.turn_to(need.owner)
            return acting(card)

    def _admin(self, need: Need) -> Secret | Kept:
        """The admin key: the program's, that of the configuration, the one that the card keeps, or the person's."""
        given = need.program.admin or _from_source(self.policy(need.token).admin_key)
        if given is None and _keeps_admin_key(need.token):
            return Kept.BEHIND_PIN
        if given is None:
            if need.program.silent:
                raise CspError(Code.NTE_PERM, "the admin key is wanted, and nobody may be asked")
            given = self._person.admin_key(need)
        return _admin_bytes(given, need.token.card)


def _keeps_admin_key(token: Token) -> bool:
    with token.using() as card:
        return card.keeps_admin_key()


def _verify(card: Card, name: str, pin: Secret | PinPad, *, last_try: bool) -> None:
    """Verify a PIN; one that the card cannot have is a wrong one, though it is not sent."""
    try:
        card.verify(pin, name, last_try=last_try)
    except InputError as error:
        raise PinError(error.message) from error


def _authenticate(card: Card, key: Secret, cipher: str) -> None:
    try:
        card.authenticate_admin(key, cipher)
    except (PinError, InputError) as error:
        raise CspError(Code.NTE_PERM, error.message, nx=from_card(error).nx) from error


def _spent(program: Program) -> None:
    """A PIN that a program set has served its time."""
    if program.pin is not None:
        program.pin.wipe()
        program.pin = None


def _from_source(source: str) -> Secret | None:
    """An admin key from where the configuration says: `env:VAR` or `file:PATH`."""
    kind, _, place = source.partition(":")
    if not place:
        return None
    try:  # not as text: the error would hold what is none
        data = os.fsencode(os.environ.get(place, "")) if kind == "env" else Path(place).read_bytes()
    except (OSError, ValueError) as error:
        raise CspError(Code.NTE_PERM, f"the admin key cannot be read from {source}") from error
    return Secret(data.strip()) if data.strip() else None


def _admin_bytes(given: Secret, card: Card) -> Secret:
    """The admin key out of the text that stands for it: hexadecimal, unless the administrator has a PIN."""
    admin = card.profile.admin
    if admin is None or admin.pin:
        return given
    try:
        return Secret(bytes.fromhex(given.reveal().decode("ascii")))
    except ValueError:
        return given
