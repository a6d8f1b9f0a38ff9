"""How the contents of a card are found and kept: one small Protocol, chosen by the profile's `directory`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cardcore.errors import NotSupported, ReplyError
from cardcore.keytypes import EcPoint, KeyType, Kind, RsaNumbers, public_key
from cardcore.profile.model import KeySlot, PinPolicy, TouchPolicy, Usage
from cardcore.secret import Secret
from cardcore.session import Session

if TYPE_CHECKING:
    from cardcore.keytypes import PublicKey

MAX_CERTIFICATE = 64 * 1024
"""Most bytes of a certificate, also after decompression: card data is hostile input."""
MAX_OTHER_CERTIFICATES = 32
"""Most certificates that belong to no key."""

MAX_SERIAL = 64
"""Most bytes of a card's serial number."""


def serial_text(number: bytes) -> str:
    """A serial number in hexadecimal; ReplyError if it is too long for one."""
    if len(number) > MAX_SERIAL:
        raise ReplyError(f"a serial number of {len(number)} bytes")
    return number.hex()


def require_few_others(count: int) -> None:
    """ReplyError if so many certificates that belong to no key are too many."""
    if count > MAX_OTHER_CERTIFICATES:
        raise ReplyError(f"more than {MAX_OTHER_CERTIFICATES} certificates without a key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a blank card is to be given: a label, and the secrets that families without factory values need.

    `serial` is for families whose blank cards have no serial number; empty: a random one. They take 8 or 16 bytes.
    `numbered` is called when the card tells that one, before it keeps any secret for good. `again`: an earlier attempt,
    with the same secrets, was interrupted.
    """

    label: str = ""
    serial: bytes = b""
    pin: Secret | None = None
    puk: Secret | None = None
    admin: Secret | None = None
    again: bool = False
    numbered: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInfo:
    """What is known of one key pair; `type`, `touch` and `public` are None where the card does not tell.

    `told` is the public key, or what the card sent of it; `container` the name that the card's own map has for the
    pair, empty where there is no such map.
    """

    slot: KeySlot
    type: KeyType | None = None
    told: PublicKey | RsaNumbers | EcPoint | None = None
    policy: PinPolicy = PinPolicy.ONCE
    touch: TouchPolicy | None = None
    origin: str = ""
    container: str = ""

    @property
    def label(self) -> str:
        """What people call the pair: the card's own name for it where it keeps one, else the profile's."""
        return self.container or self.slot.label

    @property
    def usage(self) -> frozenset[Usage]:
        """What the pair is for: what its place allows, as far as keys of its type can."""
        if self.type is None:
            return self.slot.usage
        return self.slot.usage - {Usage.AGREE if self.type.kind is Kind.RSA else Usage.DECIPHER}

    @property
    def public(self) -> PublicKey | None:
        """The public key; ReplyError if what the card sent is none. Made when it is asked for: signing goes without."""
        if isinstance(self.told, RsaNumbers | EcPoint):
            return public_key(self.told, self.type)
        return self.told


class Directory(Protocol):
    """Keys, certificates and identity of one card, in the structure of its family."""

    def slots(self) -> Mapping[str, KeySlot]:
        """Every key slot by name: those of the profile, and those that only this card itself names."""
        ...

    def find(self, slot: KeySlot) -> KeySlot:
        """The slot as this card has it (its reference may differ); NotFound if the card says that there is no key."""
        ...

    def require_type(self, slot: KeySlot, kind: KeyType) -> None:
        """NotSupported if the card says that it takes no key of the type there; nothing is changed or proved."""
        ...

    def reserve(self, slot: KeySlot, kind: KeyType) -> KeySlot:
        """The slot as this card has it, or where a new key of this type can be made, ready for that."""
        ...

    def key(self, slot: KeySlot) -> KeyInfo | None:
        """What the directory itself tells of a key pair: None if it has no such entries, NotFound if it lacks this."""
        ...

    def public_key(self, slot: KeySlot) -> PublicKey | None:
        """The public key where the directory keeps it apart from the certificate, else None."""
        ...

    def enrol(self, slot: KeySlot, public: PublicKey, origin: str) -> None:
        """Take note of a key pair that was generated or imported (`origin`) where `reserve` said."""
        ...

    def strike(self, slot: KeySlot) -> None:
        """Take note that a key pair was deleted."""
        ...

    def key_name(self, slot: KeySlot) -> str:
        """The name by which programs list a key pair; NotFound, or NotSupported if the card keeps no names of keys."""
        ...

    def name_key(self, slot: KeySlot, name: str) -> None:
        """Give a key pair the name by which programs list it; NotSupported if the card keeps no names of keys."""
        ...

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

    def other_certificates(self) -> list[bytes]:
        """DER certificates that everybody may read and that belong to none of the card's keys."""
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

    def initialise(self, setup: Setup) -> None:
        """Write what a blank card needs to be usable; InputError if a secret that it needs is missing.

        With `again` it completes what an interrupted attempt has left.
        """
        ...


class FixedSlots:
    """The part of a directory that deals with keys, for families whose slots are always where the profile says."""

    _session: Session

    def slots(self) -> Mapping[str, KeySlot]:
        """The slots of the profile."""
        return self._session.profile.keys

    def find(self, slot: KeySlot) -> KeySlot:
        """The slot of the profile."""
        return slot

    def require_type(self, slot: KeySlot, kind: KeyType) -> None:
        """Nothing: what the profile's algorithms have, each slot takes."""

    def reserve(self, slot: KeySlot, kind: KeyType) -> KeySlot:
        """The slot of the profile."""
        return slot

    def key(self, slot: KeySlot) -> KeyInfo | None:
        """Nothing: no list of keys is kept."""
        return None

    def public_key(self, slot: KeySlot) -> PublicKey | None:
        """Nothing: public keys come from the card's key metadata or from certificates."""
        return None

    def enrol(self, slot: KeySlot, public: PublicKey, origin: str) -> None:
        """Nothing is to be noted."""

    def strike(self, slot: KeySlot) -> None:
        """Nothing is to be noted."""

    def key_name(self, slot: KeySlot) -> str:
        """NotSupported: keys have no names of their own."""
        raise NotSupported(
            "this kind of card keeps no names of keys", hint="Its keys are known by their places: `cardcore key list`."
        )

    def name_key(self, slot: KeySlot, name: str) -> None:
        """NotSupported, as `key_name`."""
        self.key_name(slot)

    def other_certificates(self) -> list[bytes]:
        """None: certificates have their places beside keys."""
        return []
