"""A card with files and no directory of them: each certificate stands in a file where the profile says."""

from __future__ import annotations

from cardcore.directory.base import MAX_CERTIFICATE
from cardcore.directory.files import Files
from cardcore.directory.objects import identifier
from cardcore.directory.plain import PlainDirectory
from cardcore.errors import InputError, NotFound, NotSupported
from cardcore.profile.model import KeySlot
from cardcore.session import Session


class PlainFilesDirectory(PlainDirectory):
    """Objects and certificates are transparent files, by their paths from the MF on; the serial number is as ever.

    A file is longer than what it holds: a certificate ends where its own length says, and what is behind it is 00.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._files = Files(session)

    def read(self, name: str) -> bytes:
        """All bytes of the file."""
        with self._session.transaction():
            return self._files.whole(identifier(self._session, name))

    def write(self, name: str, content: bytes) -> None:
        """Write from the beginning of the file; what is behind stays."""
        with self._session.transaction():
            self._files.replace(identifier(self._session, name), content)

    def certificate(self, slot: KeySlot) -> bytes | None:
        """The certificate in the slot's file, None where there is none, or no file."""
        if not slot.certificate:
            return None
        try:
            with self._session.transaction():
                return self._files.first(slot.certificate) or None
        except NotFound:
            return None

    def store_certificate(self, slot: KeySlot, der: bytes) -> None:
        """Write a certificate over the one before; InputError if the file is too small for it."""
        if len(der) > MAX_CERTIFICATE:
            raise InputError(f"a certificate of {len(der)} bytes is too large")
        place = self._place(slot)
        with self._session.transaction():
            self._files.replace(place, der.ljust(len(self.certificate(slot) or b""), b"\x00"))

    def delete_certificate(self, slot: KeySlot) -> None:
        """Overwrite the certificate with zeros."""
        place = self._place(slot)
        with self._session.transaction():
            self._files.replace(place, bytes(len(self.certificate(slot) or b"")))

    def _place(self, slot: KeySlot) -> bytes:
        if not self._session.engine.can("update-binary"):
            raise NotSupported(f"the profile {self._session.profile.id} does not say how files are written")
        return super()._place(slot)
