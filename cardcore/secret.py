"""Bytes that must not be shown: PINs, PIN blocks, keys."""

from __future__ import annotations

import sys
from typing import Self

from cardcore.errors import InputError


def forbid_core_dumps() -> None:
    """Let this process leave no image of its memory when it crashes: for programs that hold secrets.

    By the limit on its size, which crash handlers that the system hands the image to respect too. Windows has no such
    limit, and leaves no image unless it was set up to.
    """
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Secret:
    """Opaque holder of secret bytes.

    It has no useful repr, cannot be pickled or compared by accident, and is overwritten by `wipe`, at the end of a
    `with`, or when nobody has it any more, as far as Python allows (copies made by `reveal` live until they are
    collected).
    """

    __slots__ = ("_data",)

    def __init__(self, data: bytes | bytearray) -> None:
        self._data = bytearray(data)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The text in UTF-8; InputError, which does not hold it, for a surrogate: that is no character."""
        try:
            return cls(text.encode())
        except UnicodeEncodeError:
            pass  # not the cause of what follows: it would hold the secret
        raise InputError("the secret holds what is no character", hint="Give its bytes, or whole characters.")

    def __len__(self) -> int:
        return len(self._data)

    def __del__(self) -> None:
        if hasattr(self, "_data"):  # not where it was made of something else than bytes
            self.wipe()

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
