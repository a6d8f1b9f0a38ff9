"""What initialisation writes to a new card: the minidriver's files, the admin key, and an empty file system.

The same files, access rules and contents as the tool `gids-tool --initialize` leaves, which is what the Windows
minidriver expects (Smart Card Minidriver Specification 7.07, 5 and appendix A).
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from cardcore.softcard.gids.algorithms import REFERENCE_ADMIN, key_file
from cardcore.softcard.gids.state import File

_DIRECTORY, _PUBLIC, _EXECUTE, _ADMIN_WRITES, _USER_READS, _ADMIN_READS = 0xA000, 0xA010, 0xA011, 0xA012, 0xA013, 0xA014
_RULES = {
    _DIRECTORY: "3000",
    _PUBLIC: "3000",
    _EXECUTE: "30FF",
    _ADMIN_WRITES: "2000",
    _USER_READS: "3030",
    _ADMIN_READS: "2020",
}
# A key file for external authentication: anyone may try it, the administrator replaces it, nobody reads it.
_ADMIN_KEY_FILE = bytes.fromhex("621A 820118 8302B080 8C04870020FF A50BA409 800102 830180 9501C0")
_MASTER_TABLE, _CARD_ID, _CARD_APPLICATIONS, _CARD_CACHE, _CONTAINER_MAP = 0xDF1F, 0xDF20, 0xDF21, 0xDF22, 0xDF23
_CARD_ID_SIZE = 16
_NAME_SIZE = 9
_APPLICATION = b"mscp"


def initial_files(admin_key: bytes, serial: bytes) -> dict[int, File]:
    """The files of a card that was initialised, with no key but the admin's."""
    entries = (
        (_APPLICATION, b"", 0, _DIRECTORY),
        (b"", b"cardid", _CARD_ID, _ADMIN_WRITES),
        (b"", b"cardapps", _CARD_APPLICATIONS, _PUBLIC),
        (b"", b"cardcf", _CARD_CACHE, _PUBLIC),
        (_APPLICATION, b"cmapfile", _CONTAINER_MAP, _PUBLIC),
    )
    table = b"\x01" + b"".join(_entry(*entry) for entry in entries)
    objects: dict[int, dict[int, bytes]] = {
        _DIRECTORY: {_MASTER_TABLE: table},
        _PUBLIC: {_CARD_APPLICATIONS: _APPLICATION.ljust(8, b"\x00"), _CARD_CACHE: bytes(6), _CONTAINER_MAP: b""},
        _ADMIN_WRITES: {_CARD_ID: os.urandom(_CARD_ID_SIZE - len(serial)) + serial},
    }
    files = {
        number: File(fcp=_parameters(number, rule), active=True, objects=objects.get(number, {}))
        for number, rule in _RULES.items()
    }
    admin = File(fcp=_ADMIN_KEY_FILE, active=True, symmetric=admin_key)
    return {**files, key_file(REFERENCE_ADMIN): admin}


def card_id(files: Mapping[int, File]) -> bytes:
    """The content of the file cardid; empty if it was not written yet."""
    home = files.get(_ADMIN_WRITES)
    return b"" if home is None or not home.active else home.objects.get(_CARD_ID, b"")


def _parameters(number: int, conditions: str) -> bytes:
    return bytes.fromhex(f"620C 820139 8302{number:04X} 8C0303{conditions}")


def _entry(directory: bytes, name: bytes, tag: int, file: int) -> bytes:
    """A record of the master file table: two names, 2 bytes unused, tag and file of 4 bytes each, little endian."""
    names = directory.ljust(_NAME_SIZE, b"\x00") + name.ljust(_NAME_SIZE, b"\x00")
    return names + bytes(2) + tag.to_bytes(4, "little") + file.to_bytes(4, "little")
