"""Certificates on a PKCS#15 card that belong to none of its keys: of the authorities above it, most of all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from cardcore.directory.base import require_few_others
from cardcore.directory.pkcs15 import entries
from cardcore.directory.pkcs15.structure import Kind, Structure
from cardcore.errors import NotFound, SecurityStatus

_LISTS = (Kind.CERTIFICATES, Kind.TRUSTED_CERTIFICATES, Kind.USEFUL_CERTIFICATES)


def other_certificates(structure: Structure) -> list[bytes]:
    """The certificates of all lists (ISO 7816-15:2016, 8.2.2) but those with the identifier of a private key."""
    try:
        found = dict.fromkeys(_values(structure))
    except NotFound:  # a card without a PKCS#15 application
        return []
    return list(found)


def _values(structure: Structure) -> Iterator[bytes]:
    keys = {entries.read_key(item).id for item in structure.entries(Kind.PRIVATE_KEYS)}
    listed = [entries.read_certificate(item) for kind in _LISTS for item in structure.entries(kind)]
    others = [entry for entry in listed if entry is not None and entry.id not in keys]
    require_few_others(len(others))
    for entry in others:
        with suppress(NotFound, SecurityStatus):  # its file was deleted, or is not for everybody
            yield structure.value(entry.value)
