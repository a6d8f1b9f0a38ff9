"""The block cipher RC2 (RFC 2268) with any effective key length, which the `cryptography` library does not have."""

from __future__ import annotations

import struct

BLOCK = 8
MAX_KEY = 128
_WORDS = struct.Struct("<4H")
_KEY = struct.Struct("<64H")
_SHIFTS = (1, 2, 3, 5)
_MASK = 0xFFFF
_MASHES = (4, 10)
"""After which of the sixteen mixing rounds, counted from 0, the words are mashed."""

_PI = bytes.fromhex(
    "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2"
    "179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82"
    "54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626"
    "6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7"
    "08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec"
    "c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731"
    "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9"
    "0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad"
)


class Rc2:
    """One key; `effective_bits` (1 to 1024) is how much of it counts. ValueError for a key of 0 or over 128 bytes."""

    def __init__(self, key: bytes, effective_bits: int) -> None:
        if not 1 <= len(key) <= MAX_KEY or not 1 <= effective_bits <= 8 * MAX_KEY:
            raise ValueError("RC2 takes keys of 1 to 128 bytes and 1 to 1024 effective bits")
        self._key = _KEY.unpack(_expanded(key, effective_bits))

    def encrypt_block(self, block: bytes) -> bytes:
        """Encrypt eight bytes (RFC 2268, 3)."""
        words = list(_WORDS.unpack(block))
        for turn in range(16):
            for i, shift in enumerate(_SHIFTS):
                a, b, c = words[i - 1], words[i - 2], words[i - 3]
                mixed = (words[i] + self._key[4 * turn + i] + (a & b) + (~a & c)) & _MASK
                words[i] = (mixed << shift | mixed >> 16 - shift) & _MASK
            if turn in _MASHES:
                for i in range(4):
                    words[i] = (words[i] + self._key[words[i - 1] & 63]) & _MASK
        return _WORDS.pack(*words)

    def decrypt_block(self, block: bytes) -> bytes:
        """Decrypt eight bytes (RFC 2268, 4)."""
        words = list(_WORDS.unpack(block))
        for turn in reversed(range(16)):
            if turn in _MASHES:
                for i in reversed(range(4)):
                    words[i] = (words[i] - self._key[words[i - 1] & 63]) & _MASK
            for i, shift in reversed(tuple(enumerate(_SHIFTS))):
                a, b, c = words[i - 1], words[i - 2], words[i - 3]
                turned = (words[i] >> shift | words[i] << 16 - shift) & _MASK
                words[i] = (turned - self._key[4 * turn + i] - (a & b) - (~a & c)) & _MASK
        return _WORDS.pack(*words)


def _expanded(key: bytes, effective_bits: int) -> bytes:
    """The 64 words of the key (RFC 2268, 2)."""
    size = len(key)
    effective = -(-effective_bits // 8)
    mask = 0xFF >> (8 * effective - effective_bits)
    expanded = bytearray(key.ljust(MAX_KEY, b"\x00"))
    for i in range(size, MAX_KEY):
        expanded[i] = _PI[(expanded[i - 1] + expanded[i - size]) & 0xFF]
    expanded[MAX_KEY - effective] = _PI[expanded[MAX_KEY - effective] & mask]
    for i in reversed(range(MAX_KEY - effective)):
        expanded[i] = _PI[expanded[i + 1] ^ expanded[i + effective]]
    return bytes(expanded)
