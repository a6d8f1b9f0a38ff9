"""Challenge-response procedures by which an administrator authenticates: one registry, no card's name.

A procedure computes; the commands that carry its values are operations of the profile, so the same procedure serves
every card that wraps them differently (ISO 7816-4:2020, 11.5: GENERAL, EXTERNAL and MUTUAL AUTHENTICATE).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardcore.errors import InputError, PinError, ReplyError, StatusError
from cardcore.profile.reply import Result
from cardcore.profile.template import Value, Values
from cardcore.secret import Secret
from cardcore.sw import Sw

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm


@dataclass(frozen=True, slots=True, kw_only=True)
class Cipher:
    """A block cipher by its name in profiles; sizes in bytes."""

    name: str
    key_sizes: tuple[int, ...]
    block: int


CIPHERS: Mapping[str, Cipher] = {
    cipher.name: cipher
    for cipher in (
        Cipher(name="3des", key_sizes=(24,), block=8),
        Cipher(name="aes128", key_sizes=(16,), block=16),
        Cipher(name="aes192", key_sizes=(24,), block=16),
        Cipher(name="aes256", key_sizes=(32,), block=16),
    )
}


def check_key(key: Secret, cipher: str) -> None:
    """InputError if `key` has not the length in bytes that the cipher wants."""
    sizes = CIPHERS[cipher].key_sizes
    if len(key) not in sizes:
        wanted = " or ".join(str(size) for size in sizes)
        raise InputError(
            f"the admin key has {len(key)} bytes", hint=f"A {cipher} key has {wanted} bytes (hexadecimal)."
        )


_NO_WITNESS = frozenset(
    {
        Sw.INCORRECT_DATA,
        Sw.FUNCTION_NOT_SUPPORTED,
        Sw.INCORRECT_P1_P2,
        Sw.CONDITIONS_NOT_SATISFIED,
        Sw.SECURITY_STATUS,
    }
)
"""Answers to the request for a witness from cards that know single authentication only."""

Run = Callable[[str, Values], Result]
"""Runs an operation of the profile by its name."""


def witness_mutual(run: Run, key: Secret, cipher: str, values: Mapping[str, Value | Secret]) -> None:
    """Mutual authentication: decrypt the card's witness, and check that it encrypts our challenge."""
    witness = _bytes(run("authenticate-witness", values))
    plain = _ecb(key, cipher, witness, decrypt=True)
    challenge = secrets.token_bytes(CIPHERS[cipher].block)
    answer = _prove(run, "authenticate-answer", {**values, "witness": plain, "challenge": challenge})
    if not secrets.compare_digest(answer, _ecb(key, cipher, challenge)):
        raise ReplyError("the card did not prove that it knows the admin key", hint="Do not use this card.")


def challenge_single(run: Run, key: Secret, cipher: str, values: Mapping[str, Value | Secret]) -> None:
    """Single authentication: encrypt the card's challenge."""
    challenge = _bytes(run("authenticate-challenge", values))
    _prove(run, "authenticate-response", {**values, "response": _ecb(key, cipher, challenge)})


def mutual_or_single(run: Run, key: Secret, cipher: str, values: Mapping[str, Value | Secret]) -> None:
    """Mutual authentication, or single where the card refuses to give a witness; a refused key is never tried again."""
    try:
        witness_mutual(run, key, cipher, values)
    except StatusError as error:
        if error.sw not in _NO_WITNESS:
            raise
        challenge_single(run, key, cipher, values)


Procedure = Callable[[Run, Secret, str, Mapping[str, Value | Secret]], None]

PROCEDURES: Mapping[str, Procedure] = {
    "witness-mutual": witness_mutual,
    "challenge-single": challenge_single,
    "mutual-or-single": mutual_or_single,
}


def _prove(run: Run, operation: str, values: Mapping[str, Value | Secret]) -> bytes:
    try:
        return _bytes(run(operation, values))
    except StatusError as error:
        raise PinError(
            "the card refused the admin key", sw=error.sw, hint="Check the admin key and its cipher."
        ) from error


def _ecb(key: Secret, cipher: str, block: bytes, decrypt: bool = False) -> bytes:
    """Encrypt or decrypt exactly one block; ReplyError if the card sent another size."""
    from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
    from cryptography.hazmat.primitives.ciphers import modes

    if len(block) != CIPHERS[cipher].block:
        raise ReplyError(f"the card sent {len(block)} bytes where a {cipher} block has {CIPHERS[cipher].block}")
    machine = BlockCipher(_algorithm(key, cipher), modes.ECB())  # noqa: S305 - one random block, as SP 800-73-4 wants
    context = machine.decryptor() if decrypt else machine.encryptor()
    return context.update(block) + context.finalize()


def _algorithm(key: Secret, cipher: str) -> BlockCipherAlgorithm:
    if cipher == "3des":
        from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES

        return TripleDES(key.reveal())
    from cryptography.hazmat.primitives.ciphers.algorithms import AES

    return AES(key.reveal())


def _bytes(result: object) -> bytes:
    if not isinstance(result, bytes):
        raise ReplyError("the profile's authentication step gives no bytes")
    return result
