"""One key slot in the terms of a profile: what its templates may say of it, and what its `key-info` tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cardcore import keytypes
from cardcore.directory import KeyInfo
from cardcore.errors import CardError, NotFound, NotSupported, ReplyError, StatusError
from cardcore.keytypes import EcPoint, RsaNumbers
from cardcore.profile.model import KeySlot, PinPolicy, Usage
from cardcore.profile.reply import Result
from cardcore.profile.template import Value
from cardcore.secret import Secret

if TYPE_CHECKING:
    from cardcore.keytypes import PublicKey


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


def told(slot: KeySlot, answer: Result) -> KeyInfo:
    """KeyInfo from the fields of a profile's `key-info` operation: type, policy, origin, public."""
    if not isinstance(answer, dict):
        raise ReplyError("the profile's key-info operation gives no fields")
    kind = keytypes.KEY_TYPES.get(str(answer.get("type")))
    numbers, policy = answer.get("public"), answer.get("policy")
    public = numbers if kind is not None and isinstance(numbers, RsaNumbers | EcPoint) else None
    if kind is not None and public is not None:
        keytypes.require_size(public, kind)
    return KeyInfo(
        slot=slot,
        type=kind,
        told=public,
        policy=PinPolicy(policy) if policy in set(PinPolicy) else slot.policy,
        origin=str(answer.get("origin") or ""),
    )


def with_public(slot: KeySlot, public: PublicKey) -> KeyInfo:
    """KeyInfo of a key of which only the public half is at hand."""
    return KeyInfo(slot=slot, type=keytypes.type_of(public), told=public, policy=slot.policy)
