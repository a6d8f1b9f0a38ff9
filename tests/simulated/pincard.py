"""A card with a PIN and a PUK and nothing else, that wants them encoded in one of four ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

AID = bytes.fromhex("F050494E43415244")
PIN, PUK, NEW, WRONG, OTHER = "12345", "87654321", "2468013", "99999", "2468014"
TRIES = 3
_USER, _UNBLOCKING = 0x80, 0x81


def _ascii_8(digits: str) -> bytes:
    return digits.encode().ljust(8, b"\xff")


def _ascii(digits: str) -> bytes:
    return digits.encode()


def _bcd(digits: str) -> bytes:
    return bytes.fromhex(f"{digits:f<16}")


def _format_2(digits: str) -> bytes:
    return bytes.fromhex(f"2{len(digits):x}{digits:f<14}")


FORMATS: Mapping[str, Callable[[str], bytes]] = MappingProxyType(
    {"ascii-8": _ascii_8, "ascii-variable": _ascii, "bcd": _bcd, "format-2": _format_2}
)


class PinCard:
    """Compares whole blocks, byte for byte. `seen` are the PIN commands with data that reached it."""

    atr = bytes.fromhex("3B80800101")

    def __init__(self) -> None:
        self.prepare("ascii-8")

    def prepare(self, form: str) -> None:
        """Become a new card with PINs of this form."""
        self.block = FORMATS[form]
        self.secrets = {_USER: PIN, _UNBLOCKING: PUK}
        self.tries = {_USER: TRIES, _UNBLOCKING: TRIES}
        self.known: tuple[str, ...] = (NEW, OTHER, PIN)
        self.seen: list[bytes] = []
        self.verified = False

    def set_pin(self, pin: str, *, knows: str) -> None:
        """Have this PIN, and recognise one more as a new one."""
        self.secrets[_USER] = pin
        self.known = (pin, knows)

    @property
    def pin(self) -> str:
        """The PIN now."""
        return self.secrets[_USER]

    def process(self, command: bytes) -> bytes:
        """Answer SELECT and the PIN commands of ISO 7816-4, 11.6."""
        ins, p1, p2, data = command[1], command[2], command[3], command[5:]
        if ins == 0xA4:
            self.verified = False
            return b"\x90\x00" if data.rstrip(b"\x00") == AID else b"\x6a\x82"
        if ins not in (0x20, 0x24, 0x2C) or p2 not in self.tries:
            return b"\x6d\x00"
        if not data:
            self.verified = self.verified and p1 != 0xFF
            return b"\x90\x00" if self.verified or p1 == 0xFF else self._left(p2)
        self.seen.append(command)
        return self._prove(ins, _UNBLOCKING if ins == 0x2C else p2, data)

    def _prove(self, ins: int, reference: int, data: bytes) -> bytes:
        if not self.tries[reference]:
            return self._left(reference)
        block = self.block(self.secrets[reference])
        given, new = (data, b"") if ins == 0x20 else (data[: len(block)], data[len(block) :])
        if given != block:
            self.tries[reference] -= 1
            return self._left(reference)
        self.tries = dict.fromkeys(self.tries, TRIES)
        self.verified = ins == 0x20
        if ins == 0x20:
            return b"\x90\x00"
        return self._replace(new)

    def _replace(self, block: bytes) -> bytes:
        """The new PIN has to be one of those that the tests know."""
        found = next((digits for digits in self.known if self.block(digits) == block), None)
        if found is None:
            return b"\x6a\x80"
        self.secrets[_USER] = found
        return b"\x90\x00"

    def _left(self, reference: int) -> bytes:
        left = self.tries[reference]
        return bytes((0x63, 0xC0 | left)) if left else b"\x69\x83"

    def reset(self) -> None:
        """Forget what was verified."""
        self.verified = False

    def power_off(self) -> None:
        """The same."""
        self.verified = False
