"""Calls that are the agent's own, beside the table of the provider's functions."""

from __future__ import annotations

from enum import IntEnum


class AgentCall(IntEnum):
    """Their numbers, far from those of the table."""

    PING = 0xFF01
    """Answers nothing."""
    STATUS = 0xFF02
    """Answers bytes: a JSON document."""
    STOP = 0xFF03
    """Answers nothing; then the agent ends."""
    STORE = 0xFF04
    """What is in the certificate stores, for what is to be done there: see `certificates`."""


OWN_CALLS = frozenset(int(call) for call in AgentCall)
