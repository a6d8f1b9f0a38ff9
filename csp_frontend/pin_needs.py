"""Who needs which PIN: client processes with the PINs that were given for them, and single needs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Protocol

from cardcore import PinPolicy, Secret
from csp_frontend.callers import ClientInfo
from csp_frontend.prompts import Purpose
from csp_frontend.tokens import Token


class Program(Protocol):
    """What a program's context says about PINs."""

    silent: bool
    pin: Secret | None
    admin: Secret | None
    window: int
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    pin: Secret
    used: float


class PinOwner:
    """One client process: who it is for the person, and the PINs that were given for it."""

    def __init__(self, client: ClientInfo | None = None) -> None:
        self.client = client or ClientInfo()
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], _Kept] = {}

    def keep(self, token: str, name: str, pin: Secret, now: float) -> None:
        """Remember a PIN that the card took."""
        with self._lock:
            self._kept[token, name] = _Kept(pin=Secret(pin.reveal()), used=now)

    def kept(self, token: str, name: str, now: float, seconds: float | None) -> Secret | None:
        """The PIN, unless it has not been used for so many seconds; this is a use."""
        with self._lock:
            found = self._kept.get((token, name))
            if found is None:
                return None
            if seconds is not None and now - found.used > seconds:
                self._kept.pop((token, name)).pin.wipe()
                return None
            self._kept[token, name] = replace(found, used=now)
            return Secret(found.pin.reveal())

    def drop(self, token: str, name: str) -> None:
        """Forget a PIN."""
        with self._lock:
            found = self._kept.pop((token, name), None)
        if found is not None:
            found.pin.wipe()

    def names(self) -> list[tuple[str, str]]:
        """For which PINs of which tokens something is kept."""
        with self._lock:
            return sorted(self._kept)

    def close(self) -> None:
        """Forget all."""
        for token, name in self.names():
            self.drop(token, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Who needs which PIN of which token: `name` on the card, `policy` is when the key wants it.

    `purpose` is what for, `key` the key's name for the person.
    """

    owner: PinOwner
    program: Program
    token: Token
    name: str
    policy: PinPolicy = PinPolicy.ONCE
    purpose: Purpose = Purpose.USE
    key: str = ""

    @property
    def always(self) -> bool:
        """Whether the PIN is wanted for each use."""
        return self.policy is PinPolicy.ALWAYS

    def drop(self) -> None:
        """Forget what is kept for it."""
        self.owner.drop(self.token.stay, self.name)
