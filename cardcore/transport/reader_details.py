"""What a reader says about itself."""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderDetails:
    """What a reader's driver says about it (PC/SC part 3); empty where it says nothing."""

    vendor: str
    model: str
    version: str
    serial: str


def reader_details(
    *, vendor: bytes | None, model: bytes | None, version: bytes | None, serial: bytes | None
) -> ReaderDetails:
    """Details from the values of the attributes, None for each that the driver lacks."""
    return ReaderDetails(vendor=_text(vendor), model=_text(model), version=_version(version), serial=_text(serial))


def _text(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0").decode("utf-8", "replace")


def _version(value: bytes | None) -> str:
    """0xMMmmbbbb in the machine's byte order, as in `1.5.2`."""
    if value is None or len(value) != 4:
        return ""
    number = int.from_bytes(value, sys.byteorder)
    return f"{number >> 24}.{number >> 16 & 0xFF}.{number & 0xFFFF}"
