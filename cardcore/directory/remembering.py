"""Public objects that another process has read already, of cards that count or date their changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from cardcore.errors import ReplyError, StatusError
from cardcore.session import Session

_NEVER = (-1, -1)


class Mark:
    """What stands for the state of a card: read once per transaction, and anew after a change."""

    def __init__(self, session: Session, read: Callable[[], bytes]) -> None:
        """`read` reads it in full; empty if the card does not tell it."""
        self._session = session
        self._read = read
        self._turn = _NEVER
        self._hash = b""

    def __call__(self) -> bytes:
        """Its SHA-256 value; empty if the card does not tell it."""
        turn = (self._session.turns, self._session.losses)
        if self._turn != turn:
            told = self._read()
            self._turn, self._hash = turn, hashlib.sha256(told).digest() if told else b""
        return self._hash

    def forget(self) -> None:
        """The card is about to change."""
        self._turn = _NEVER


def remembered(
    session: Session, name: str, mark: Callable[[], bytes], read: Callable[[], bytes | None]
) -> bytes | None:
    """An object, as `read` reads it or has read it of the same card in the same state; None if it has none.

    `mark` reads what stands for that state, in the same transaction; empty: the card does not tell it. While something
    was proved to the card all is read from it, so that only what anybody may read is remembered.
    """
    cache = session.cache
    if cache is None or session.verified or session.admin:
        return read()
    with session.transaction():
        try:
            state = mark()
        except (StatusError, ReplyError):
            state = b""
        if not state:
            return read()
        known = cache.content(state, name)
        if known is None:
            known = read() or b""
            cache.keep_content(state, name, known)
        return known or None
