"""What a new card is made from: its secrets, its serial number, its try limits."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ScryptCost:
    """What one guess at a secret costs whoever copied the card's file: n, r, p of RFC 7914, 2."""

    n: int = 2**14
    r: int = 8
    p: int = 1


DEFAULT_COST = ScryptCost()


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Secrets that a new card starts with, as the bytes that a person types; None takes the family's factory value.

    `pin` is the user's, `puk` unblocks it, `admin` is the card management key (binary) or admin PIN.
    """

    pin: bytes | None = field(default=None, repr=False)
    puk: bytes | None = field(default=None, repr=False)
    admin: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Personality:
    """What a new application instance is made from, all but its secrets.

    `serial` is 4 bytes. `blank` leaves out what the family's initialisation writes. `cost` is the price of one guess.
    `strict` makes the card refuse input that its standard lets cards refuse, as some cards do.
    """

    serial: bytes
    blank: bool = False
    pin_tries: int = 3
    puk_tries: int = 3
    cost: ScryptCost = DEFAULT_COST
    strict: bool = False
