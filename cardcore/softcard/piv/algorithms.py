"""Numbers of PIV: algorithms (SP 800-78-4, table 6-2), slots and policies (SP 800-73-4 part 1, table 4b)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from cardcore.softcard.keys import KeyType


class Algorithm(IntEnum):
    """Algorithm identifiers; E0 and E1 are the vendor's."""

    TDES = 0x03
    RSA3072 = 0x05
    RSA1024 = 0x06
    RSA2048 = 0x07
    AES128 = 0x08
    AES192 = 0x0A
    AES256 = 0x0C
    ECP256 = 0x11
    ECP384 = 0x14
    RSA4096 = 0x16
    ED25519 = 0xE0
    X25519 = 0xE1


ADMIN_KEY_SIZES: Mapping[Algorithm, int] = MappingProxyType(
    {Algorithm.TDES: 24, Algorithm.AES128: 16, Algorithm.AES192: 24, Algorithm.AES256: 32}
)
KEY_TYPES: Mapping[Algorithm, KeyType] = MappingProxyType(
    {item: KeyType[item.name] for item in Algorithm if item.name in KeyType.__members__}
)
ALGORITHMS: Mapping[KeyType, Algorithm] = MappingProxyType({kind: number for number, kind in KEY_TYPES.items()})


class PinPolicy(IntEnum):
    """When a key wants the PIN; DEFAULT leaves it to the slot."""

    DEFAULT = 0
    NEVER = 1
    ONCE = 2
    ALWAYS = 3


class TouchPolicy(IntEnum):
    """When a key wants a touch. Whoever runs this card is taken to hold a finger on it: it never waits for one."""

    DEFAULT = 0
    NEVER = 1
    ALWAYS = 2
    CACHED = 3


class Origin(IntEnum):
    """Where a key was made."""

    GENERATED = 1
    IMPORTED = 2


SLOT_SIGNATURE = 0x9C
SLOT_CARD_AUTHENTICATION = 0x9E
KEY_SLOTS = frozenset((0x9A, SLOT_SIGNATURE, 0x9D, SLOT_CARD_AUTHENTICATION, *range(0x82, 0x96)))
REFERENCE_PIN = 0x80
REFERENCE_PUK = 0x81
REFERENCE_ADMIN = 0x9B


def default_pin_policy(slot: int) -> PinPolicy:
    """What a slot's key wants where nothing else was said (SP 800-73-4 part 1, table 4b)."""
    if slot == SLOT_SIGNATURE:
        return PinPolicy.ALWAYS
    return PinPolicy.NEVER if slot == SLOT_CARD_AUTHENTICATION else PinPolicy.ONCE
