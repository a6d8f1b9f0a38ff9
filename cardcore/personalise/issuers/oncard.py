"""A CA whose key is on a card. The card stays open; one certificate is signed at a time."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from cardcore.errors import CardError, InputError, PinError, TransportError
from cardcore.keytypes import certified_key, type_of
from cardcore.personalise.issuers import files
from cardcore.personalise.issuers.settings import CardCa
from cardcore.personalise.issuers.signing import SigningCa

if TYPE_CHECKING:
    from cryptography import x509

    from cardcore import Card
    from cardcore.secret import Secret


class CardKey:
    """The CA's key on its card, for threads at once. After a refused PIN the card gets none any more."""

    def __init__(self, settings: CardCa) -> None:
        self._settings = settings
        self._lock = Lock()
        self._card: Card | None = None
        self._pin: Secret | None = None
        self._refusal: CardError | None = None
        self._type = ""

    def certificate(self) -> x509.Certificate:
        """The CA's certificate, from the card; InputError if it holds none."""
        with self._lock:
            found = self._opened().certificate(self._settings.key)
        if found is None:
            raise InputError(
                f"the CA's card holds no certificate for the key {self._settings.key}",
                hint="Say in which file the CA's certificate is.",
            )
        return found

    def use(self, certificate: x509.Certificate) -> None:
        """Sign as the key of this certificate from now on."""
        self._type = type_of(certified_key(certificate)).name

    def sign(self, data: bytes) -> bytes:
        """A signature with the key; CardError, of which a PIN's refusal is repeated without asking the card again."""
        with self._lock:
            if self._refusal is not None:
                raise self._refusal
            if self._pin is None:
                self._pin = self._settings.pin()
            try:
                return self._signature(data, self._pin)
            except PinError as error:
                self._refusal = error
                raise

    def _signature(self, data: bytes, pin: Secret) -> bytes:
        try:
            return self._opened().sign(
                self._settings.key, data, hash=self._settings.rules.hash_name, key_type=self._type, pin=pin
            )
        except TransportError:
            self._give_back()  # the next order looks for the card anew
            raise

    def _opened(self) -> Card:
        from cardcore import open_card

        if self._card is None:
            self._card = open_card(self._settings.reader, profile=self._settings.profile, cache=False)
        return self._card

    def _give_back(self) -> None:
        if self._card is not None:
            self._card.close()
            self._card = None

    def close(self) -> None:
        """Close the card and forget the PIN; may be called twice."""
        with self._lock:
            self._give_back()
            if self._pin is not None:
                self._pin.wipe()
                self._pin = None


def open_on_card(settings: CardCa) -> SigningCa:
    """The CA on its card. The PIN is asked for with the first order, and not before."""
    key = CardKey(settings)
    try:
        chain = (key.certificate(),) if settings.certificate is None else files.certificates(settings.certificate)
        key.use(chain[0])
        return SigningCa(chain, key.sign, settings.rules, key.close)
    except BaseException:
        key.close()
        raise
