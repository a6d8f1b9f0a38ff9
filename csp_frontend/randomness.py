"""Random bytes for programs: the system's, with the card's and the program's own mixed in."""

from __future__ import annotations

import hashlib
import secrets

from csp_frontend.constants import Code
from csp_frontend.contexts import Context, Finder
from csp_frontend.errors import CspError

MAX_RANDOM = 1 << 20
_FROM_CARD = 32


def random_bytes(context: Context, finder: Finder, length: int, seed: bytes) -> bytes:
    """CPGenRandom: as random as the system's at least; NTE_BAD_LEN for more than a mebibyte.

    The card's random bytes are mixed in if the program asked for the hardware's (PP_USE_HARDWARE_RNG).
    """
    if not 0 <= length <= MAX_RANDOM:
        raise CspError(Code.NTE_BAD_LEN, f"{length} random bytes at once")
    if context.hardware_random and context.reader:
        with finder.token(context).using() as card:
            seed += card.random(_FROM_CARD)
    mixed = int.from_bytes(secrets.token_bytes(length)) ^ int.from_bytes(hashlib.shake_256(seed).digest(length))
    return mixed.to_bytes(length)
