"""Secrets that follow from a master key: HKDF with SHA-256 (RFC 5869) over the card's serial number and a purpose.

Another program gets the same secrets with the formula in docs/personalise.md; it will not change.
"""

from __future__ import annotations

from cardcore.errors import InputError
from cardcore.personalise.pin_policy import ALPHABET, DIGITS, is_trivial
from cardcore.personalise.plan import Form
from cardcore.secret import Secret

LEAST_MASTER = 16
"""Least bytes of a master key."""

MAX_CONTEXT = 64
"""Most bytes of a context."""

_SCHEME = b"cardcore personalise 1"
_MOST_ROUNDS = 64
_BLOCK = 255  # bytes from which the characters of a PIN are taken


def hkdf(master: Secret, info: bytes, length: int, salt: bytes = b"") -> Secret:
    """HKDF-SHA256 (RFC 5869): extract with `salt`, expand to `length` bytes for `info`."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return Secret(HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(master.reveal()))


def information(purpose: str, serial: str, generation: int, context: str = "", more: tuple[str, ...] = ()) -> bytes:
    """The `info` of a secret: its parts in UTF-8, each behind its length in two bytes.

    InputError for a card without a serial number: its secret would be that of every such card.
    """
    if not serial:
        raise InputError("the card has no serial number, so nothing can be derived for it", hint="Use random secrets.")
    parts = (purpose, serial, str(generation), context, *more)
    return b"".join(len(part).to_bytes(2) + part for part in (_SCHEME, *(part.encode() for part in parts)))


def derived_key(master: Secret, info: bytes, length: int) -> Secret:
    """A key of `length` bytes: HKDF's output as it is."""
    return hkdf(_checked(master), info, length)


def derived_pin(master: Secret, info: bytes, form: Form) -> Secret:
    """A PIN of the form, never a trivial one.

    Each byte of HKDF's output gives a character, those above the greatest multiple of the alphabet's size are
    skipped; where the PIN is trivial or the bytes run out, the same with the round's number (1, 2, ...) behind `info`.
    """
    alphabet, length = (DIGITS, form.digits) if form.digits else (ALPHABET, form.characters)
    most = 256 - 256 % len(alphabet)
    _checked(master)
    for attempt in range(_MOST_ROUNDS):
        with hkdf(master, info + (attempt.to_bytes(2) if attempt else b""), _BLOCK) as stream:
            found = bytes(alphabet[byte % len(alphabet)] for byte in stream.reveal() if byte < most)[:length]
        if len(found) == length and not is_trivial(found):
            return Secret(found)
    raise InputError("no PIN could be derived", hint="Choose more digits.")


def _checked(master: Secret) -> Secret:
    if len(master) < LEAST_MASTER:
        raise InputError(
            f"the master key has {len(master)} bytes",
            hint=f"It has at least {LEAST_MASTER}, two hexadecimal digits each: `openssl rand -hex 32`.",
        )
    return master
