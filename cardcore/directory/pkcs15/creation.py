"""Makes the PKCS#15 structure on a blank card (ISO 7816-15:2016, 7), in the files that the profile names."""

from __future__ import annotations

import secrets

from cardcore.directory.base import Setup
from cardcore.directory.files import Files
from cardcore.directory.firstsecrets import can_set_up_again, require_set_up, set_first_secrets
from cardcore.directory.pkcs15 import encoding
from cardcore.directory.pkcs15.structure import DIR, Kind
from cardcore.directory.pkcs15.token import now
from cardcore.errors import InputError
from cardcore.session import Session
from cardcore.tlv import encode

AUTH_ID = b"\xff"
_APPLICATION = "create-application"
_USER = "user"
_DEFAULT_LABEL = "cardcore"
_SERIAL_SIZE = 8
_DIR_SIZE, _ODF_SIZE, _AODF_SIZE = 128, 256, 256
_MAX_LABEL = 32


def numbered_first(session: Session) -> bool:
    """Whether a card of this kind gets its serial number before it gets any secret."""
    return session.engine.can(_APPLICATION)


class Creation:
    """The PINs of a blank card, and its files: those that everybody may read, the PIN wanted to change them.

    A card that takes files before it has secrets gets its serial number first: whatever interrupts it then, one that
    carries a secret can be told from others. Else the serial number is last: a card that tells it has everything.
    """

    def __init__(self, session: Session, files: Files) -> None:
        self._session = session
        self._files = files
        self._again = False

    def run(self, setup: Setup) -> None:
        """Do it all; InputError before anything is sent if a secret is missing or does not fit."""
        require_set_up(self._session)
        label = setup.label or _DEFAULT_LABEL
        if len(label.encode()) > _MAX_LABEL:
            raise InputError("the label is too long", hint=f"It has {_MAX_LABEL} bytes at most.")
        self._again = setup.again and can_set_up_again(self._session)
        token = encoding.token_info(setup.serial or secrets.token_bytes(_SERIAL_SIZE), label, now())
        if numbered_first(self._session):
            set_first_secrets(self._session, setup, before=lambda: self._begin(token, setup))
            self._write_lists(label)
        else:
            set_first_secrets(self._session, setup)
            self._write_lists(label)
            self._write(self._token_info, len(token), "free", token)

    @property
    def _token_info(self) -> bytes:
        return self._session.profile.objects["application"] + bytes.fromhex("5032")

    def _begin(self, token: bytes, setup: Setup) -> None:
        """The application's directory and EF.TokenInfo, unless an attempt that was interrupted has made them."""
        self._session.run(_APPLICATION, {})
        if not self._files.exists(self._token_info):
            self._files.create(self._token_info, len(token), "free")
        if not self._files.first(self._token_info):
            self._write_whole(self._token_info, token)
        if setup.numbered is not None:
            setup.numbered()

    def _write_lists(self, label: str) -> None:
        spec = self._session.profile.pins[_USER]
        places = self._session.profile.objects
        application = places["application"]
        auth = encoding.pin(spec, auth_id=AUTH_ID, label=spec.label or spec.name)
        lists = encode(Kind.AUTHENTICATION, encoding.path(places["aodf"]))
        for path, size, access, content in (
            (places["aodf"], _AODF_SIZE, "pin", auth),
            (application + bytes.fromhex("5031"), _ODF_SIZE, "free", lists),
            (DIR, _DIR_SIZE, "free", encoding.application(application, label)),
        ):
            self._write(path, size, access, content)

    def _write(self, path: bytes, size: int, access: str, content: bytes) -> None:
        if not (self._again and self._files.exists(path)):
            self._files.create(path, size, access)
        self._write_whole(path, content)

    def _write_whole(self, path: bytes, content: bytes) -> None:
        """Its first byte last: until then the file is blank, whatever interrupts this."""
        begun = b"\x00" + content[1:]
        self._files.change(path, bytes(len(content)), begun)
        self._files.change(path, begun, content)
