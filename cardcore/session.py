"""One selected application on one card: transactions, re-selection after a reset, what has been authenticated."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cardcore.channel import Channel
from cardcore.engine import Engine
from cardcore.errors import AdminRequired, CardReset, ReplyError, StatusError
from cardcore.profile.model import Needs, Profile
from cardcore.profile.reply import Result
from cardcore.profile.template import Values
from cardcore.sw import NOT_FOUND, Sw

if TYPE_CHECKING:
    from cardcore.cache import CardCache
    from cardcore.pinpad.entry import PadEntry

_SELECTION_LOST = NOT_FOUND | {
    Sw.INS_NOT_SUPPORTED,
    Sw.CLA_NOT_SUPPORTED,
    Sw.FUNCTION_NOT_SUPPORTED,
    Sw.SECURITY_STATUS,
    Sw.CONDITIONS_NOT_SATISFIED,
    Sw.NO_CURRENT_EF,
    Sw.INCORRECT_P1_P2,
    Sw.WRONG_P1_P2,
}
"""Answers that may mean no more than that another program has selected its own application meanwhile."""

SOON = 0.25
"""Seconds between two transactions of this program in which no other one is taken to have selected its application."""

_NEVER_REPEATED = frozenset(
    {"verify", "change", "unblock", "reset", "admin-change", "authenticate-answer", "authenticate-response"}
)

_CHANGE_NO_OBJECT = _NEVER_REPEATED - {"reset"} | {
    *("select", "select-file", "read", "read-binary", "serial", "version", "challenge", "logout"),
    *("retries", "tries", "kdf", "pin-factory", "key-info", "public-key", "attest", "sign", "decipher", "agree"),
    *("authenticate-witness", "authenticate-challenge"),
    *("admin-factory", "admin-info", "admin-kept", "admin-key", "admin-keep"),
}
"""All others may change what is remembered of a card."""


class Session:
    """The card with its application selected. It knows what is verified, and forgets it when the card does.

    `losses` counts the resets, `turns` the outermost transactions: what was read in the same turn still holds. `proofs`
    counts the operations that may spend a try, sent or not. `unsettled` says that something may be proved to the card
    of which nobody has heard, as when VERIFY was interrupted, or that a change of a PIN left it verified.
    """

    def __init__(self, engine: Engine, aid: bytes, *, selected: bool = False, cached: bool = False) -> None:
        self.engine = engine
        self.aid = aid
        self.verified: set[str] = set()
        self.fresh_pin = ""
        self.admin = False
        self.losses = 0
        self.turns = 0
        self.proofs = 0
        self.unsettled = False
        self._selected = selected
        self._sure = selected
        self._cached = cached
        self._cache: CardCache | None = None
        self._told_tries: dict[str, int] = {}
        self._left = time.monotonic()

    @property
    def cache(self) -> CardCache | None:
        """What other processes have learned of cards of this kind; None where nothing is to be remembered."""
        return self._opened_cache() if self._cached else None

    def _opened_cache(self) -> CardCache:
        if self._cache is None:
            from cardcore.cache import CardCache

            self._cache = CardCache(self.profile.sources, self.channel.transport.atr)
        return self._cache

    @property
    def profile(self) -> Profile:
        """The card's profile."""
        return self.engine.profile

    @property
    def channel(self) -> Channel:
        """The channel to the card."""
        return self.engine.channel

    def forget(self) -> None:
        """The card was reset: no application is selected, nothing is verified."""
        self._selected = self._sure = self.admin = self.unsettled = False
        self.verified.clear()
        self.fresh_pin = ""
        self._told_tries.clear()
        self.losses += 1

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep other programs away; take up the card again if one of them has reset it meanwhile."""
        with self._begun() as outermost:
            if not self._selected:
                self._select()
            elif outermost:
                self._sure = False
            if outermost:
                self.turns += 1
                self._told_tries.clear()
            try:
                yield
            except CardReset:
                self.forget()
                raise
            finally:
                if outermost:
                    self._left = time.monotonic()

    def make_sure(self) -> None:
        """Before a PIN is sent: another program may have selected an application that has a PIN by the same number.

        It would answer the question for the tries like ours. SELECT is not sent right after a command of ours, nor
        where the card shows that it still knows what was proved to it, which that might make it forget.
        """
        lately = time.monotonic() - self._left < SOON
        if self._sure or lately or not (self.aid and self.engine.can("select")) or self._still_selected():
            return
        if self.verified or self.admin:
            self.forget()
        self._select()

    @contextmanager
    def _begun(self) -> Iterator[bool]:
        try:
            scope = self.channel.transaction()
            outermost = scope.__enter__()
        except CardReset:
            self.channel.transport.reconnect()
            self.forget()
            scope = self.channel.transaction()
            outermost = scope.__enter__()
        try:
            yield outermost
        finally:
            scope.__exit__(None, None, None)

    def _select(self) -> None:
        if self.aid and self.engine.can("select"):
            self.engine.run("select", {"aid": self.aid})
        self._selected = self._sure = True

    def run(self, operation: str, values: Values, pad: PadEntry | None = None) -> Result:
        """Run an operation of the profile within a transaction; for `pad` see `Engine.run`.

        AdminRequired, with nothing of it sent, if it needs the admin key. If the first command since other programs
        had the card fails as it would with another application selected, it is repeated once after SELECT.
        """
        with self.transaction():
            self._require_admin(operation, values)
            if operation in _CHANGE_NO_OBJECT:
                return self._run(operation, values, pad)
            with self._forgetting():
                return self._run(operation, values, pad)

    @contextmanager
    def _forgetting(self) -> Iterator[None]:
        """Nothing that anybody remembers of the card outlives a change, whatever becomes of that."""
        self._opened_cache().drop()
        try:
            yield
        finally:
            self._opened_cache().drop()

    def _run(self, operation: str, values: Values, pad: PadEntry | None) -> Result:
        if operation in _NEVER_REPEATED:
            self._told_tries.clear()
            self.proofs += 1
            self.unsettled = True
        try:
            result = self.engine.run(operation, values, pad)
        except StatusError as error:
            if self._sure or operation in _NEVER_REPEATED or error.sw not in _SELECTION_LOST:
                raise
            if self._still_selected():
                self._sure = True
                raise
            self.forget()
            self._select()
            self._require_admin(operation, values)
            result = self.engine.run(operation, values, pad)
        self._sure = True
        return result

    def note_tries(self, left: Mapping[str, int]) -> None:
        """Take down the tries left of PINs that the card has just told beside something else."""
        self._told_tries.update(left)

    def told_tries(self, pin: str) -> int | None:
        """The tries left of a PIN that the card has told in this transaction, before anything that spends one."""
        return self._told_tries.get(pin)

    def _require_admin(self, operation: str, values: Values) -> None:
        if Needs.ADMIN in self.engine.needs(operation, values) and not self.admin:
            raise AdminRequired(f"{operation} needs the admin key")

    def _still_selected(self) -> bool:
        """Whether the card still knows what was proved to it, and so has not changed its application.

        SELECT makes many cards forget that. It is therefore not sent on suspicion alone where there is something to
        lose: a PIN's tries are asked for first. By VERIFY the answer is 9000 as long as the PIN is verified; as a data
        object they can be read as long as the application is selected.
        """
        if not (self.verified or self.admin):
            return False
        names = sorted(self.verified) or list(self.profile.pins)
        pins = [self.profile.pins[name] for name in names]
        spec = next((pin for pin in pins if pin.tries and self.engine.can(pin.tries)), None)
        if spec is None:
            return False
        try:
            answer = self.engine.run(spec.tries, {"pin.ref": spec.ref, "pin.name": spec.name})
        except (StatusError, ReplyError):
            return False
        if spec.tries != "retries":
            return True
        return answer == Sw.OK or not self.verified
