"""Numbers of GIDS: cryptographic mechanisms, files, references (GIDS 2.0, table 43 and section 12.5.3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from cardcore.softcard.keys import KeyType

KEY_TYPES: Mapping[int, KeyType] = MappingProxyType(
    {0x06: KeyType.RSA1024, 0x07: KeyType.RSA2048, 0x08: KeyType.RSA3072, 0x09: KeyType.RSA4096}
)
"""Key types by the low half of a mechanism identifier. The specification has curves too (0A to 0E), the applet not."""


class Mode(IntEnum):
    """What a mechanism does with the key: the high half of its identifier."""

    RAW = 0x00
    SIGN_RAW = 0x10
    DECIPHER_PKCS1 = 0x40
    SIGN_PKCS1 = 0x50
    DECIPHER_OAEP = 0x80


class FileKind(IntEnum):
    """File descriptor bytes (tag 82) that CREATE FILE takes."""

    KEY = 0x18
    OBJECTS = 0x39


class Usage(IntEnum):
    """Control reference templates: what a key is for (ISO 7816-4:2020, 11.4.3)."""

    AUTHENTICATION = 0xA4
    SIGNATURE = 0xB6
    CONFIDENTIALITY = 0xB8


APPLICATION_FILE = 0x3FFF
KEY_FILES = 0xB000
REFERENCE_PIN = 0x80
REFERENCE_ADMIN = 0x80
AUTHENTICATION_MECHANISM = 0x02
ADMIN_KEY_SIZE = 24


def key_file(reference: int) -> int:
    """The identifier of the file that holds the key with this reference byte."""
    return KEY_FILES | reference
