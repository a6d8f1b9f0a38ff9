"""One key slot in the terms of a profile: what its templates may say of it, and what its `key-info` tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardcore import keytypes
from cardcore.directory import KeyInfo
from cardcore.directory.base import MAX_CERTIFICATE
from cardcore.errors import CardError, InputError, NotFound, NotSupported, ReplyError, StatusError
from cardcore.keytypes import EcPoint, RsaNumbers
from cardcore.profile.commands import names_of
from cardcore.profile.model import KeySlot, Operation, PinPolicy, TouchPolicy, Usage
from cardcore.profile.reply import Result
from cardcore.profile.template import Value
from cardcore.profile.vocabulary import ANY_POLICY
from cardcore.secret import Secret
from cardcore.session import Session
from cardcore.sw import Sw

if TYPE_CHECKING:
    from cardcore.keytypes import PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPolicies:
    """What a new key is to want before it is used: its PIN, a touch of the card; None leaves it to the card."""

    pin: PinPolicy | None = None
    touch: TouchPolicy | None = None

    def values(self, operation: Operation) -> dict[str, Value | Secret]:
        """What the templates of the operation that makes the key may say; NotSupported for what they do not."""
        known = names_of(operation)
        found: dict[str, Value | Secret] = {"key.policy": ANY_POLICY, "key.touch": ANY_POLICY}
        for name, wanted, what in (("key.policy", self.pin, "PIN"), ("key.touch", self.touch, "touch")):
            if wanted is None:
                continue
            if name not in known:
                raise NotSupported(f"this card gives no choice when a key wants its {what}", hint="Leave it out.")
            found[name] = wanted.value
        return found


AS_THE_CARD_HAS_IT = KeyPolicies()
"""Nothing is asked for."""


def for_use(slot: KeySlot, usage: Usage) -> KeySlot:
    """The slot; NotSupported if its key is not for that."""
    if usage not in slot.usage:
        allowed = ", ".join(sorted(slot.usage)) or "nothing that cardcore does"
        raise NotSupported(f"key {slot.name} is not for {usage}", hint=f"It is for {allowed}.")
    return slot


def slot_values(slot: KeySlot) -> dict[str, Value | Secret]:
    """What the templates of a profile may say of a slot."""
    return {
        "key.name": slot.name,
        "key.ref": slot.ref,
        "key.file": slot.file,
        "key.file.id": slot.file[-2:],
        "key.certificate": slot.certificate,
    }


def absent(slot: KeySlot, error: StatusError) -> CardError:
    """The card's answer in words, where it says that there is no key."""
    if isinstance(error, NotFound):
        return NotFound(f"there is no key in {slot.name}", sw=error.sw, hint="Generate or import one.")
    return error


def attested(session: Session, slot: KeySlot) -> bytes:
    """What the card itself certifies of a key (DER); InputError if it did not make the key."""
    try:
        answer = session.run("attest", slot_values(slot))
    except StatusError as error:
        if error.sw == Sw.INCORRECT_DATA:
            raise InputError(f"the key in {slot.name} was not made on this card, so that it attests nothing") from error
        raise absent(slot, error) from error
    if not isinstance(answer, bytes) or len(answer) > MAX_CERTIFICATE:
        raise ReplyError("what the card attests is no certificate")
    return answer


def told(slot: KeySlot, answer: Result) -> KeyInfo:
    """KeyInfo from the fields of a profile's `key-info` operation: type, policy, touch, origin, public."""
    if not isinstance(answer, dict):
        raise ReplyError("the profile's key-info operation gives no fields")
    kind = keytypes.KEY_TYPES.get(str(answer.get("type")))
    numbers, policy, touch = answer.get("public"), answer.get("policy"), answer.get("touch")
    public = numbers if kind is not None and isinstance(numbers, RsaNumbers | EcPoint) else None
    if kind is not None and public is not None:
        keytypes.require_size(public, kind)
    return KeyInfo(
        slot=slot,
        type=kind,
        told=public,
        policy=PinPolicy(policy) if policy in set(PinPolicy) else slot.policy,
        touch=TouchPolicy(touch) if touch in set(TouchPolicy) else None,
        origin=str(answer.get("origin") or ""),
    )


def with_public(slot: KeySlot, public: PublicKey) -> KeyInfo:
    """KeyInfo of a key of which only the public half is at hand."""
    return KeyInfo(slot=slot, type=keytypes.type_of(public), told=public, policy=slot.policy)
