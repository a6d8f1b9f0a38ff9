"""The card as a program sees it: one object with the operations of every card, whatever its family."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Self

from cardcore import keytypes
from cardcore.authentication import Authentication, PinStatus
from cardcore.cardkeys import CardKeys
from cardcore.channel import Channel
from cardcore.directory import Directory, Setup, open_directory
from cardcore.directory.names import require_name
from cardcore.engine import Engine
from cardcore.errors import CardError, InputError, NotSupported, StatusError
from cardcore.keyring import Keyring
from cardcore.pinpad.given import Pin, given, secret
from cardcore.profile.model import Profile
from cardcore.secret import Secret
from cardcore.session import Session

if TYPE_CHECKING:
    from cryptography import x509

    from cardcore.pinpad.features import PadReader


class Card(CardKeys):
    """A card whose profile is known and whose application is selected. Use `cardcore.open_card` to get one.

    Every method raises CardError: TransportError where the card or reader went away, PinError and PinBlocked,
    SecurityStatus where an authentication is missing, NotSupported before anything is sent, ReplyError.
    Secrets may be given as str (UTF-8) or bytes; a `Secret` can be wiped by its owner. A `PinPad` in their place lets
    the person enter the PIN on the reader's keypad: PinEntryError and its kin where that ends without one.
    """

    def __init__(
        self,
        profile: Profile,
        channel: Channel,
        *,
        aid: bytes = b"",
        selected: bool = False,
        reason: str = "",
        cached: bool = False,
    ) -> None:
        self.reason = reason
        self._session = Session(Engine(profile, channel), aid, selected=selected, cached=cached)
        self._directory: Directory = open_directory(profile.directory, self._session)
        self.authentication = Authentication(self._session)
        self.keyring = Keyring(self._session, self.authentication, self._directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End what was proved to the card here, as `lock` does, and give it back; may be called twice."""
        try:
            self.lock()
        except CardError:
            self._session.forget()  # the card has gone, and with it what was verified
        finally:
            self._session.channel.transport.close()

    @property
    def profile(self) -> Profile:
        """The profile that drives the card."""
        return self._session.profile

    @property
    def reader(self) -> str:
        """Name of the reader."""
        return self._session.channel.transport.name

    @property
    def atr(self) -> bytes:
        """Answer to reset."""
        return self._session.channel.transport.atr

    @property
    def operations_used(self) -> frozenset[str]:
        """Names of the profile's operations that were run on this card since it was opened."""
        return frozenset(self._session.engine.used)

    @property
    def resets(self) -> int:
        """How often other programs have reset the card since it was opened; what was proved before is forgotten."""
        return self._session.losses

    @property
    def has_pin_pad(self) -> bool:
        """Whether PINs can be entered on the reader's own keypad."""
        pad = self.pin_pad
        return pad is not None and not pad.refused

    @property
    def pin_pad(self) -> PadReader | None:
        """What the reader's keypad can do, and why it is not used where it must not be; None if there is none."""
        return self.authentication.pin_pad

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep other programs away from the card for several operations. Keep it short, never wait for a person."""
        with self._session.transaction():
            yield

    def serial(self) -> str:
        """The card's serial number as text; empty if it has none."""
        return self._directory.serial()

    # PINs and the admin key

    def pins(self) -> list[PinStatus]:
        """State of every PIN, without spending a try."""
        with self._session.transaction():
            return [self.authentication.status(name) for name in self.profile.pins]

    def pin_status(self, name: str = "user") -> PinStatus:
        """State of one PIN, without spending a try."""
        return self.authentication.status(name)

    def verify(self, pin: Pin, name: str = "user", *, last_try: bool = False) -> None:
        """Verify a PIN. It stays verified until `close`, `logout` or a reset; LastTry unless `last_try` is given."""
        self.authentication.verify(given(pin), name, last_try=last_try)

    def logout(self) -> None:
        """End what `verify` began."""
        self.authentication.logout()

    def lock(self) -> None:
        """End everything that was proved to the card, the administrator's part too: by a reset where nothing else does.

        Other programs that share the card find it reset then, as after any of its resets.
        """
        session = self._session
        if session.verified and not (session.admin or session.unsettled) and session.engine.can("logout"):
            with suppress(StatusError):  # the card has no such command
                self.logout()
        if session.verified or session.admin or session.unsettled:
            session.channel.transport.reset()
            session.forget()

    def change_pin(self, old: Pin, new: Pin, name: str = "user", *, last_try: bool = False) -> None:
        """Change a PIN that is known."""
        self.authentication.change(given(old), given(new), name, last_try=last_try)

    def unblock_pin(self, puk: Pin | None, new: Pin, name: str = "user", *, last_try: bool = False) -> None:
        """Set a new PIN with the PUK (RESET RETRY COUNTER); without one by the authority of `authenticate_admin`."""
        self.authentication.unblock(None if puk is None else given(puk), given(new), name, last_try=last_try)

    def authenticate_admin(self, key: Pin, cipher: str = "", *, last_try: bool = False) -> None:
        """Authenticate with the admin key (its bytes); generating, importing and writing need it on some cards.

        Where the administrator has a PIN (`profile.admin.pin`), that is the key; `last_try` as in `verify`.
        """
        self.authentication.admin(given(key), cipher, last_try=last_try)

    def keeps_admin_key(self) -> bool:
        """Whether the card itself keeps the admin key behind a PIN, so that nobody else has to have it."""
        return self.authentication.keeps_admin()

    def kept_admin_key(self) -> Secret:
        """The admin key that the card keeps, for `authenticate_admin`; PinRequired before `verify`."""
        return self.authentication.kept_admin()

    def change_admin_key(self, new: Pin, cipher: str = "") -> None:
        """Replace the admin key, after `authenticate_admin` with the old one; one that the card keeps, there too."""
        self.authentication.change_admin(secret(new), cipher)

    def admin_cipher(self) -> str:
        """The cipher of the admin key (`3des`, `aes256`, ...) as the card tells it; empty if it does not."""
        return self.authentication.admin_cipher()

    # Certificates and data objects

    def certificate(self, name: str) -> x509.Certificate | None:
        """The certificate of a key, None if the card holds none."""
        der = self._directory.certificate(self.keyring.slot(name))
        return None if der is None else keytypes.load_certificate(der)

    def certificates(self) -> dict[str, x509.Certificate]:
        """All certificates on the card by key name."""
        with self._session.transaction():
            found = {name: self.certificate(name) for name in self._directory.slots()}
        return {name: certificate for name, certificate in found.items() if certificate is not None}

    def other_certificates(self) -> list[x509.Certificate]:
        """The certificates that belong to none of the keys: of authorities, for chains. Those behind a PIN are not."""
        return [keytypes.load_certificate(der) for der in self._directory.other_certificates()]

    def write_certificate(self, name: str, certificate: x509.Certificate, *, force: bool = False) -> None:
        """Store the certificate of a key; InputError if it is for another key, unless `force`."""
        from cryptography.hazmat.primitives.serialization import Encoding

        with self._session.transaction():
            if not force and self.keyring.own_public_key(name) not in (None, keytypes.certified_key(certificate)):
                raise InputError(
                    f"the certificate is for another key than {name}", hint="Store it anyway with --force."
                )
            self.keyring.forget(name)
            self._directory.store_certificate(self.keyring.slot(name), certificate.public_bytes(Encoding.DER))

    def delete_certificate(self, name: str) -> None:
        """Remove the certificate of a key."""
        self.keyring.forget(name)
        self._directory.delete_certificate(self.keyring.slot(name))

    def read(self, name: str) -> bytes:
        """Content of a data object by its profile name or its identifier in hexadecimal."""
        return self._directory.read(name)

    def write(self, name: str, content: bytes) -> None:
        """Replace the content of a data object."""
        self._directory.write(name, content)

    # The card as a whole

    def random(self, size: int) -> bytes:
        """Random bytes from the card (GET CHALLENGE), in as many commands as it takes."""
        found = b""
        while len(found) < size:
            part = self._session.run("challenge", {})
            if not isinstance(part, bytes) or not part:
                raise NotSupported("this card gives no random bytes")
            found += part
        return found[:size]

    def holdings(self) -> list[str]:
        """What the card holds already, in words a person understands; empty for a blank card."""
        with self._session.transaction():
            return self._directory.holdings() + [f"key {info.slot.name}" for info in self.keyring.all()]

    def initialise(
        self,
        label: str = "",
        *,
        pin: Pin | None = None,
        puk: Pin | None = None,
        admin: Pin | None = None,
        serial: bytes = b"",
        again: bool = False,
        numbered: Callable[[], None] | None = None,
    ) -> None:
        """Make a blank card usable; InputError that names what is there if it already holds anything.

        Families whose blank cards have no PIN, PUK or admin key yet are given these, and those that have no serial
        number `serial`, or a random one. `again` goes on where an earlier call was interrupted: what is there is its.
        `numbered` is called when the card tells that serial number, before it keeps any of the secrets for good.
        """
        if label:
            require_name("the card's label", label)
        with self._session.transaction():
            holdings = [] if again else self.holdings()
            if holdings:
                raise InputError(
                    f"the card is not blank: it holds {', '.join(holdings)}",
                    hint="Reset it first, if all of that may be lost.",
                )
            own = [None if given_one is None else secret(given_one) for given_one in (pin, puk, admin)]
            self._directory.initialise(
                Setup(label=label, serial=serial, pin=own[0], puk=own[1], admin=own[2], again=again, numbered=numbered)
            )

    def activate(self) -> None:
        """End an initialisation of which only the end may be missing; nothing where it was ended already."""
        if self._session.engine.can("activate"):
            with suppress(StatusError):  # 6985 and its like: it is active
                self._session.run("activate", {})

    def reset_card(self) -> None:
        """Factory reset, where the card can. Everything on it is lost."""
        self._session.run("reset", {})
        self._session.forget()
