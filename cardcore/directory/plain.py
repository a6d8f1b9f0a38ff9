"""A card without a directory of its own: certificates and objects stand bare where the profile says."""

from __future__ import annotations

from cardcore.directory.base import MAX_CERTIFICATE, FixedSlots, Setup, serial_text
from cardcore.directory.firstsecrets import require_set_up, set_first_secrets
from cardcore.directory.objects import identifier, read_object, write_object
from cardcore.errors import InputError, NotFound, NotSupported, StatusError
from cardcore.profile.model import KeySlot
from cardcore.session import Session


class PlainDirectory(FixedSlots):
    """Objects exactly as the profile's `read` and `write` operations carry them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def serial(self) -> str:
        """What the profile's `serial` operation returns, in hexadecimal; empty without one."""
        if not self._session.engine.can("serial"):
            return ""
        try:
            answer = self._session.run("serial", {})
        except StatusError:
            return ""
        return serial_text(answer) if isinstance(answer, bytes) else str(answer)

    def read(self, name: str) -> bytes:
        """The object's data as it is."""
        return read_object(self._session, identifier(self._session, name))

    def write(self, name: str, content: bytes) -> None:
        """Replace the object's data."""
        write_object(self._session, identifier(self._session, name), content)

    def certificate(self, slot: KeySlot) -> bytes | None:
        """The certificate's object of a slot, None where the card or the profile has none."""
        if not slot.certificate or not self._session.engine.can("read"):
            return None
        try:
            return read_object(self._session, slot.certificate) or None
        except NotFound:
            return None

    def store_certificate(self, slot: KeySlot, der: bytes) -> None:
        """Write a certificate to its object."""
        if len(der) > MAX_CERTIFICATE:
            raise InputError(f"a certificate of {len(der)} bytes is too large")
        write_object(self._session, self._place(slot), der)

    def delete_certificate(self, slot: KeySlot) -> None:
        """Empty the certificate's object."""
        write_object(self._session, self._place(slot), b"")

    def _place(self, slot: KeySlot) -> bytes:
        if not slot.certificate:
            raise NotSupported(f"the profile names no place for a certificate of key {slot.name}")
        return slot.certificate

    def holdings(self) -> list[str]:
        """Certificates that are there already."""
        slots = self._session.profile.keys.values()
        return [f"certificate {slot.name}" for slot in slots if self.certificate(slot)]

    def initialise(self, setup: Setup) -> None:
        """Set PIN and PUK; NotSupported if nothing is known of what a blank card of this kind needs."""
        with self._session.transaction():
            require_set_up(self._session)
            if setup.label or setup.serial:
                raise InputError(
                    "this kind of card has no label, and a serial number of its own", hint="Leave both out."
                )
            set_first_secrets(self._session, setup)
