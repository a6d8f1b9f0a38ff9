"""How a PIN becomes the bytes that a card wants: ASCII, BCD, ISO 9564-1 format 2, packed hexadecimal."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from cardcore.errors import InputError
from cardcore.secret import Secret

_FORMAT_2_DIGITS = 14
_MOST_HASHED = 0x4000000  # some seconds of work; what a card says is hostile input
_AT_A_TIME = 1024


class PinEncoding(StrEnum):
    """How the characters of a PIN are put into bytes."""

    ASCII = "ascii"
    BCD = "bcd"
    FORMAT_2 = "glp"
    HEX = "hex"


class PinKdf(StrEnum):
    """How the host may have to hash a PIN before the card sees it; whether it has to, the card says."""

    ITERATED_SALTED = "iterated-salted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretching:
    """Iterated and salted S2K (RFC 9580, 3.7.1.3): the hash over `count` bytes of salt and PIN again and again."""

    hash_name: str
    salt: bytes
    count: int

    def apply(self, characters: bytes) -> bytes:
        """The hash, which stands in for the PIN; InputError for a count or hash that no card should ask for."""
        if self.count > _MOST_HASHED or self.hash_name not in ("sha256", "sha512"):
            raise InputError("the card asks for PINs hashed in a way that is not supported")
        once = self.salt + characters
        size = max(self.count, len(once))
        machine = hashlib.new(self.hash_name)
        whole, rest = divmod(size, len(once))
        for _ in range(whole // _AT_A_TIME):
            machine.update(once * _AT_A_TIME)
        machine.update(once * (whole % _AT_A_TIME) + once[:rest])
        return machine.digest()


class PinBlock(Secret):
    """A PIN as it goes into the command; opaque, made by `PinSpec.block` only."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PinSpec:
    """What one PIN of a card looks like.

    `ref` is the reference byte (P2 of VERIFY), `minimum` and `maximum` bound the length in characters, `pad_to` is the
    block size in bytes (0: no padding) filled with `pad_byte`, `unblock` names what unblocks this one,
    and `tries` the operation that reads how many tries are left (empty: the card does not tell).
    """

    name: str
    ref: int
    minimum: int
    maximum: int
    label: str = ""
    encoding: PinEncoding = PinEncoding.ASCII
    digits: bool = False
    pad_byte: int = 0x00
    pad_to: int = 0
    unblock: str = ""
    tries: str = "retries"
    kdf: PinKdf | None = None

    def block(self, pin: Secret, stretching: Stretching | None = None) -> PinBlock:
        """Encode and pad `pin` (its characters as UTF-8); InputError if it breaks the rules of this PIN.

        With `stretching` the block is the hash of the characters. The error never contains the PIN.
        """
        characters = pin.reveal()
        self._check(characters)
        if stretching is not None:
            return PinBlock(stretching.apply(characters))
        match self.encoding:
            case PinEncoding.ASCII:
                body = characters
            case PinEncoding.BCD:
                body = _packed(characters, filler="f")
            case PinEncoding.HEX:
                body = bytes.fromhex(characters.decode("ascii"))
            case _:  # format 2 has a block of its own
                return PinBlock(_format_2(characters))
        return PinBlock(body + bytes((self.pad_byte,)) * (self.pad_to - len(body)))

    def _check(self, characters: bytes) -> None:
        label = self.label or self.name
        if not self.minimum <= len(characters) <= self.maximum:
            bounds = f"{self.minimum} to {self.maximum}" if self.minimum != self.maximum else f"{self.minimum}"
            unit = "digits" if self.digits else "characters"
            raise InputError(f"the {label} has the wrong length", hint=f"It has {bounds} {unit}.")
        if self._digits_only and not characters.isdigit():
            raise InputError(f"the {label} may hold digits only", hint="Use the digits 0 to 9.")
        if self.encoding is PinEncoding.HEX and not _is_hex(characters):
            raise InputError(f"the {label} must be pairs of hexadecimal digits", hint="Use 0 to 9 and A to F.")

    @property
    def _digits_only(self) -> bool:
        return self.digits or self.encoding in (PinEncoding.BCD, PinEncoding.FORMAT_2)


def _packed(digits: bytes, filler: str) -> bytes:
    text = digits.decode("ascii")
    return bytes.fromhex(text + filler * (len(text) % 2))


def _format_2(digits: bytes) -> bytes:
    """ISO 9564-1:2017, 9.3.3 (format 2): control 2, length, up to 14 digits, filler F; 8 bytes in all."""
    text = digits.decode("ascii")
    return bytes.fromhex(f"2{len(text):x}{text:f<{_FORMAT_2_DIGITS}}")


def _is_hex(characters: bytes) -> bool:
    return len(characters) % 2 == 0 and all(character in b"0123456789abcdefABCDEF" for character in characters)
