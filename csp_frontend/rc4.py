"""RC4 for keys of any length, small: `cryptography` takes a few lengths only, CryptoAPI has all from 40 to 128 bits."""

from __future__ import annotations

from collections.abc import Iterator


def key_stream(key: bytes) -> Iterator[int]:
    """The bytes that are added to a message, without end; the key has 1 to 256 bytes."""
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) & 0xFF
        state[i], state[j] = state[j], state[i]
    i = j = 0
    while True:
        i = (i + 1) & 0xFF
        j = (j + state[i]) & 0xFF
        state[i], state[j] = state[j], state[i]
        yield state[(state[i] + state[j]) & 0xFF]


class AnyLengthRc4:
    """The stream for one message."""

    def __init__(self, key: bytes) -> None:
        self._stream = key_stream(key)

    def update(self, data: bytes) -> bytes:
        """Encrypt or decrypt the next bytes."""
        return bytes(byte ^ own for byte, own in zip(data, self._stream, strict=False))
