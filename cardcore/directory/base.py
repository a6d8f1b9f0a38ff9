"""How the contents of a card are found and kept: one small Protocol, chosen by the profile's `directory`."""

from __future__ import annotations

from typing import Protocol

from cardcore.profile.model import KeySlot

MAX_CERTIFICATE = 64 * 1024
"""Most bytes of a certificate, also after decompression: card data is hostile input."""


class Directory(Protocol):
    """Certificates and identity of one card, in the structure of its family."""

    def serial(self) -> str:
        """What identifies this one card among all others, as printable text; empty if it has nothing of the kind."""
        ...

    def certificate(self, slot: KeySlot) -> bytes | None:
        """The DER certificate of a key, None if there is none."""
        ...

    def store_certificate(self, slot: KeySlot, der: bytes) -> None:
        """Write the DER certificate of a key."""
        ...

    def delete_certificate(self, slot: KeySlot) -> None:
        """Remove the certificate of a key."""
        ...

    def read(self, name: str) -> bytes:
        """Content of a data object by its profile name or its identifier in hexadecimal; NotFound if it is absent."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Replace the content of a data object."""
        ...

    def holdings(self) -> list[str]:
        """What the card holds already, in words a person understands; empty for a blank card."""
        ...

    def initialise(self, label: str) -> None:
        """Write what a blank card needs to be usable."""
        ...
