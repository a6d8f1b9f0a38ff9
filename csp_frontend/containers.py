"""Containers: each key pair of a card with its certificate, as a program sees it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from hashlib import sha1
from typing import TYPE_CHECKING

from cardcore import Card, KeyInfo, KeySlot, KeySpec, PinPolicy, Usage
from cardcore.errors import NotFound, NotSupported, ReplyError, StatusError
from csp_frontend.constants import AT_KEYEXCHANGE, AT_SIGNATURE, Alg
from csp_frontend.names import ContainerName, same
from csp_frontend.rsa_keys import PublicKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

_NAMESPACE = uuid.UUID("2f9b7d1e-5f43-5c0f-9d2c-1d6c0a8e4b57")
_SPECS = {KeySpec.EXCHANGE: AT_KEYEXCHANGE, KeySpec.SIGNATURE: AT_SIGNATURE}
ALGORITHMS = {AT_KEYEXCHANGE: Alg.CALG_RSA_KEYX, AT_SIGNATURE: Alg.CALG_RSA_SIGN}
"""The ALG_ID of a key by its key spec."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One key pair. `token` is the identity of its card, `stay` of this stay of it; `key_spec` is AT_KEYEXCHANGE or
    AT_SIGNATURE.

    `certificate` is DER, empty if there is none; `policy` is when the card wants its PIN.
    """

    name: str
    token: str
    slot: KeySlot
    key_spec: int
    key: rsa.RSAPublicKey
    certificate: bytes = b""
    policy: PinPolicy = PinPolicy.ONCE
    stay: str = ""

    @property
    def public(self) -> PublicKey:
        """The public key, as the provider uses it."""
        return PublicKey(ALGORITHMS[self.key_spec], self.key)

    def answers_to(self, wanted: ContainerName) -> bool:
        """Whether this is what a program asked for, the reader aside; every container answers to nothing."""
        if wanted.sha1:
            return bool(self.certificate) and sha1(self.certificate, usedforsecurity=False).digest() == wanted.sha1
        if not wanted.name:
            return True
        if same(self.name, wanted.name):
            return True
        if not wanted.reader:
            return False
        return wanted.number == self.slot.ref if wanted.number is not None else self.slot.name == wanted.name


def key_spec_of(slot: KeySlot) -> int:
    """The key spec that a slot's key has: as the profile says, else exchange if it decrypts."""
    if slot.key_spec is not None:
        return _SPECS[slot.key_spec]
    return AT_KEYEXCHANGE if Usage.DECIPHER in slot.usage else AT_SIGNATURE


def token_name(identity: str) -> uuid.UUID:
    """A GUID for a token: always the same for the same card."""
    return uuid.uuid5(_NAMESPACE, identity)


def container_name(identity: str, slot: KeySlot) -> str:
    """A GUID for a key pair: always the same for the same place on the same card."""
    return str(uuid.uuid5(token_name(identity), f"{slot.ref:02x} {slot.name}"))


def read_containers(card: Card, identity: str) -> tuple[Container, ...]:
    """Every RSA key pair of the card whose public key it tells; no PIN and no signature is needed."""
    with card.transaction():
        found = [_container(card, identity, info) for info in card.keys()]  # noqa: SIM118 - a card is no mapping
    return tuple(container for container in found if container is not None)


def _container(card: Card, identity: str, info: KeyInfo) -> Container | None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    try:
        key = info.public or card.public_key(info.slot.name)
    except (NotFound, NotSupported, ReplyError):
        return None
    if not isinstance(key, rsa.RSAPublicKey):
        return None
    return new_container(
        identity,
        info.slot,
        key,
        policy=info.policy,
        certificate=read_certificate(card, info.slot.name),
        name=info.container,
    )


def new_container(
    identity: str, slot: KeySlot, key: rsa.RSAPublicKey, *, policy: PinPolicy, certificate: bytes = b"", name: str = ""
) -> Container:
    """The container of a key pair; `name` is the one in the card's own map, if it has one."""
    return Container(
        name=name or container_name(identity, slot),
        token=identity,
        slot=slot,
        key_spec=key_spec_of(slot),
        key=key,
        certificate=certificate,
        policy=policy,
    )


def read_certificate(card: Card, name: str) -> bytes:
    """A key's certificate as DER; empty if there is none that can be read."""
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        found = card.certificate(name)
    except (NotFound, NotSupported, ReplyError):
        return b""
    return b"" if found is None else found.public_bytes(Encoding.DER)


def read_other_certificates(card: Card) -> tuple[bytes, ...]:
    """The certificates that belong to no key as DER; none where they cannot be read, for nothing depends on them."""
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        return tuple(found.public_bytes(Encoding.DER) for found in card.other_certificates())
    except (StatusError, NotSupported, ReplyError):
        return ()


def slots_for(card: Card, key_spec: int) -> list[KeySlot]:
    """Where a new key pair of this spec may go: the profile says for which, and the key is protected by a PIN."""
    wanted = next(spec for spec, number in _SPECS.items() if number == key_spec)
    slots = card.profile.keys.values()
    return [slot for slot in slots if slot.key_spec is wanted and slot.policy is not PinPolicy.NEVER]


def is_free(card: Card, slot: KeySlot) -> bool:
    """Whether a slot holds neither a key nor a certificate: only then is nothing lost."""
    try:
        card.key(slot.name)
    except NotFound:
        return card.certificate(slot.name) is None
    return False
