"""Bytes that must not be shown: PINs, PIN blocks, keys."""

from __future__ import annotations

from typing import Self


class Secret:
    """Opaque holder of secret bytes.

    It has no useful repr, cannot be pickled or compared by accident, and is overwritten by `wipe`, or at the end of a
    `with`, as far as Python allows (copies made by `reveal` live until they are collected).
    """

    __slots__ = ("_data",)

    def __init__(self, data: bytes | bytearray) -> None:
        self._data = bytearray(data)

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> str:
        raise TypeError("a secret cannot be pickled or copied")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.wipe()

    def reveal(self) -> bytes:
        """The secret bytes, for the one place that sends or computes with them."""
        return bytes(self._data)

    def wipe(self) -> None:
        """Overwrite the bytes with zeros and forget them."""
        self._data[:] = bytes(len(self._data))
        self._data.clear()
