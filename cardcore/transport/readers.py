"""Readers as they are listed, and the form in which they say what they can do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderState:
    """One reader at one moment.

    `atr` is empty where there is no card, or a mute one, which does not answer. `in_use` says that a program is
    connected to the card. `events` counts how often a card came or went, as far as the system does.
    """

    name: str
    present: bool
    atr: bytes = b""
    mute: bool = False
    in_use: bool = False
    events: int = 0


def properties(reply: bytes) -> dict[int, bytes]:
    """Objects of one-byte tags and lengths, as PC/SC part 10 lists features; what is cut off is left out."""
    found: dict[int, bytes] = {}
    while len(reply) >= 2 and len(reply) >= 2 + reply[1]:
        found[reply[0]] = reply[2 : 2 + reply[1]]
        reply = reply[2 + reply[1] :]
    return found
