"""The keys of a card as a program sees them: the part of `cardcore.Card` that makes, moves and uses them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from cardcore import keytypes
from cardcore.directory import Directory, KeyInfo
from cardcore.errors import InputError
from cardcore.keyring import Keyring
from cardcore.keyslots import KeyPolicies, attested
from cardcore.pinpad.given import Pin, given
from cardcore.profile.model import PinPolicy, Scheme, TouchPolicy
from cardcore.session import Session

if TYPE_CHECKING:
    from cryptography import x509

    from cardcore.keytypes import PrivateKey, PublicKey

W = TypeVar("W", bound=StrEnum)


class CardKeys:
    """What can be done with the key pairs of a card; for everything that it raises see `Card`."""

    keyring: Keyring
    _session: Session
    _directory: Directory

    def keys(self) -> list[KeyInfo]:
        """The key pairs that are on the card."""
        with self._session.transaction():
            return self.keyring.all()

    def key(self, name: str) -> KeyInfo:
        """What is known of one key pair; NotFound if there is none."""
        return self.keyring.info(name)

    def public_key(self, name: str) -> PublicKey:
        """The public key, as an object of the `cryptography` library."""
        return self.keyring.public_key(name)

    def generate(
        self,
        name: str,
        type_name: str,
        *,
        pin_policy: PinPolicy | str | None = None,
        touch: TouchPolicy | str | None = None,
    ) -> PublicKey:
        """Generate a key pair on the card (`rsa2048`, `ecp256`, ...) and return its public key.

        `pin_policy` (once, always, never) says when it will want the PIN, `touch` (always, cached, never) when a
        person has to touch the card; None leaves that to the card. NotSupported, before anything is lost, if it has no
        such choice.
        """
        policies = _policies(pin_policy, touch)
        with self._session.transaction():
            return self.keyring.generate(name, type_name, policies)

    def require_policies(
        self, operation: str, pin_policy: PinPolicy | str | None, touch: TouchPolicy | str | None
    ) -> None:
        """NotSupported if `generate` or `import` gives no such choice; it can be asked before anything was proved."""
        _policies(pin_policy, touch).values(self._session.engine.operation(operation))

    def import_key(
        self,
        name: str,
        key: PrivateKey,
        *,
        pin_policy: PinPolicy | str | None = None,
        touch: TouchPolicy | str | None = None,
    ) -> None:
        """Write a private key of the `cryptography` library to the card; policies as in `generate`."""
        policies = _policies(pin_policy, touch)
        with self._session.transaction():
            self.keyring.import_key(name, key, policies)

    def attest(self, name: str) -> x509.Certificate:
        """A certificate by which the card itself says that it made this key, and what the key wants before its use.

        NotFound if there is no key; NotSupported if the card does not attest, InputError if it did not make the key.
        Whom the certificate convinces depends on who certified the card's own key for that.
        """
        with self._session.transaction():
            return keytypes.load_certificate(attested(self._session, self.keyring.slot(name)))

    def delete_key(self, name: str) -> None:
        """Remove a key pair."""
        with self._session.transaction():
            self.keyring.delete(name)

    def sign(
        self,
        name: str,
        data: bytes,
        *,
        hash: str = "sha256",
        scheme: Scheme | str | None = None,
        oid: bool = True,
        prehashed: bool = False,
        key_type: str = "",
        pin: Pin | None = None,
        last_try: bool = False,
    ) -> bytes:
        """Sign `data`, or with `prehashed` the hash value that it is.

        Returns as many bytes as the modulus (RSA), or an ECDSA-Sig-Value in DER. `oid=False` pads the bare hash
        instead of DigestInfo (RFC 8017, 9.2); where a card cannot do that, NotSupported, and nothing is signed.
        `hash="md5sha1"` is the 36-byte block of TLS 1.0. A key whose policy is `always` wants `pin` each time, or
        `verify` just before. `key_type`, where it is known, spares the card the question.
        """
        return self.keyring.sign(
            name,
            data,
            hash_name=hash,
            scheme=None if scheme is None else _word(Scheme, scheme, "scheme"),
            oid=oid,
            prehashed=prehashed,
            type_name=key_type,
            pin=None if pin is None else given(pin),
            last_try=last_try,
        )

    def decipher(
        self,
        name: str,
        data: bytes,
        *,
        scheme: Scheme | str = Scheme.PKCS1,
        hash: str = "sha256",
        key_type: str = "",
        pin: Pin | None = None,
        last_try: bool = False,
    ) -> bytes:
        """Decrypt `data` (as long as the modulus) with RSA; `scheme` is pkcs1 or oaep, `hash` is for OAEP."""
        return self.keyring.decipher(
            name,
            data,
            scheme=_word(Scheme, scheme, "scheme"),
            hash_name=hash,
            type_name=key_type,
            pin=None if pin is None else given(pin),
            last_try=last_try,
        )

    def agree(self, name: str, peer: PublicKey, *, pin: Pin | None = None, last_try: bool = False) -> bytes:
        """Shared secret of ECDH with the peer's public key, as long as the field."""
        return self.keyring.agree(name, peer, pin=None if pin is None else given(pin), last_try=last_try)

    def key_name(self, name: str) -> str:
        """The name by which programs list a key pair: a container's name, or a label (ISO 7816-15, 8.2.1).

        NotFound if there is no such key; NotSupported if the card keeps no names of keys.
        """
        return self._directory.key_name(self.keyring.slot(name))

    def name_key(self, name: str, label: str) -> None:
        """Give a key pair another name, as `key_name` tells it; InputError for what is no name, or does not fit."""
        self.keyring.forget(name)
        self._directory.name_key(self.keyring.slot(name), label)


def _policies(pin: PinPolicy | str | None, touch: TouchPolicy | str | None) -> KeyPolicies:
    return KeyPolicies(
        pin=None if pin is None else _word(PinPolicy, pin, "PIN policy"),
        touch=None if touch is None else _word(TouchPolicy, touch, "touch policy"),
    )


def _word(words: type[W], value: W | str, what: str) -> W:
    if value not in set(words):
        raise InputError(f"unknown {what} {value}", hint=f"Use one of {', '.join(words)}.")
    return words(value)
