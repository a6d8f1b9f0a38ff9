"""Directories of card families, by the name that a profile's `directory` gives."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from cardcore.directory.base import Directory, KeyInfo, Setup
from cardcore.errors import ProfileError
from cardcore.session import Session

DIRECTORIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "": ("cardcore.directory.plain", "PlainDirectory"),
        "files": ("cardcore.directory.plainfiles", "PlainFilesDirectory"),
        "gids": ("cardcore.directory.gids", "GidsDirectory"),
        "openpgp": ("cardcore.directory.openpgp", "OpenPgpDirectory"),
        "piv": ("cardcore.directory.piv", "PivDirectory"),
        "pkcs15": ("cardcore.directory.pkcs15", "Pkcs15Directory"),
    }
)
"""Module and class of each directory; a card needs one of them, so only that one is imported."""

NAMING = frozenset({"gids", "pkcs15"})
"""The directories in which key pairs have names (`Directory.name_key`)."""


def open_directory(name: str, session: Session) -> Directory:
    """The directory of that name on a card; ProfileError if there is none."""
    if name not in DIRECTORIES:
        known = ", ".join(filter(None, DIRECTORIES))
        raise ProfileError(f"there is no directory named {name}", hint=f"There are {known}.")
    module, kind = DIRECTORIES[name]
    opened: Directory = getattr(import_module(module), kind)(session)
    return opened


__all__ = ["DIRECTORIES", "NAMING", "Directory", "KeyInfo", "Setup", "open_directory"]
