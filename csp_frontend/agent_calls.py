"""Calls that are the agent's own, beside the table of the provider's functions. None has a parameter."""

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


OWN_CALLS = frozenset(int(call) for call in AgentCall)
