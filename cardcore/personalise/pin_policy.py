"""PINs that are made: from which characters, and which of them are too easy to guess."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence

from cardcore.personalise.plan import Form
from cardcore.secret import Secret

DIGITS = b"0123456789"
ALPHABET = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Letters and digits that nobody takes for another, on paper and on the telephone: no I, O, 0, 1."""

_LEAST_DIFFERENT = 3


def is_trivial(pin: bytes) -> bool:
    """Whether a PIN is among those that people try first.

    These are PINs with fewer than three different characters (0000, 1221), those in which each character follows the
    one before in the same distance (123456, 9876, 1357), and those that repeat a shorter block (123123).
    """
    if len(set(pin)) < min(_LEAST_DIFFERENT, len(pin)):
        return True
    steps = {(after - before) % 10 for before, after in itertools.pairwise(pin)}
    blocks = (size for size in range(1, len(pin) // 2 + 1) if len(pin) % size == 0)
    return len(steps) == 1 or any(pin == pin[:size] * (len(pin) // size) for size in blocks)


def random_pin(form: Form, other_than: Sequence[Secret] = ()) -> Secret:
    """A PIN of the form from the system's random numbers: never a trivial one, and none of `other_than`."""
    alphabet, length = (DIGITS, form.digits) if form.digits else (ALPHABET, form.characters)
    refused = [secret.reveal() for secret in other_than]
    while True:
        found = bytes(secrets.choice(alphabet) for _ in range(length))
        if not is_trivial(found) and found not in refused:
            return Secret(found)
