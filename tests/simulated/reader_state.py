"""Waits until a PC/SC reader holds a card, or none: `python reader_state.py present|empty SECONDS READER...`.

A program of its own, because libpcsclite finds its service once per process. Exit status 1 if it took too long.
"""

from __future__ import annotations

import sys
import time

from smartcard.scard import (
    SCARD_E_TIMEOUT,
    SCARD_S_SUCCESS,
    SCARD_SCOPE_SYSTEM,
    SCARD_STATE_EMPTY,
    SCARD_STATE_PRESENT,
    SCARD_STATE_UNAWARE,
    SCardEstablishContext,
    SCardGetStatusChange,
)


def reached(wanted: int, seconds: float, readers: list[str]) -> bool:
    """Whether all readers came to the wanted state in time."""
    deadline = time.monotonic() + seconds
    result, context = SCardEstablishContext(SCARD_SCOPE_SYSTEM)
    if result != SCARD_S_SUCCESS:
        return False
    states = [(name, SCARD_STATE_UNAWARE) for name in readers]
    while (left := deadline - time.monotonic()) > 0:
        result, found = SCardGetStatusChange(context, int(left * 1000), states)
        if result not in (SCARD_S_SUCCESS, SCARD_E_TIMEOUT):
            return False
        if all(state & wanted for _, state, _ in found):
            return True
        states = [(name, state) for name, state, _ in found]
    return False


if __name__ == "__main__":
    _KIND = SCARD_STATE_PRESENT if sys.argv[1] == "present" else SCARD_STATE_EMPTY
    sys.exit(not reached(_KIND, float(sys.argv[2]), sys.argv[3:]))
