"""Directories of card families, by the name that a profile's `directory` gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cardcore.directory.base import Directory, KeyInfo, Setup
from cardcore.directory.gids import GidsDirectory
from cardcore.directory.openpgp import OpenPgpDirectory
from cardcore.directory.piv import PivDirectory
from cardcore.directory.pkcs15 import Pkcs15Directory
from cardcore.directory.plain import PlainDirectory
from cardcore.session import Session

DIRECTORIES: Mapping[str, Callable[[Session], Directory]] = {
    "": PlainDirectory,
    "pkcs15": Pkcs15Directory,
    "openpgp": OpenPgpDirectory,
    "piv": PivDirectory,
    "gids": GidsDirectory,
}

__all__ = ["DIRECTORIES", "Directory", "KeyInfo", "Setup"]
