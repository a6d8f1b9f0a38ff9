"""The bytes of a data object for one card."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from cardcore.errors import InputError
from cardcore.personalise.plan import Content, Fixed, FromFile, RandomBytes, Text
from cardcore.personalise.templates import path_part
from cardcore.tlv import encode

MAX_OBJECT = 32_767
"""Most bytes of an object: a card's file has no more."""


def object_bytes(content: Content, fields: Mapping[str, str]) -> bytes:
    """What is written for the holder with this record (and the card, see `plan.with_card`).

    Random bytes are new each time. InputError for a record or a file that does not fit.
    """
    match content:
        case Text():
            data = content.template.fill(fields).encode()
        case Fixed():
            data = content.data
        case RandomBytes():
            data = secrets.token_bytes(content.size)
        case FromFile():
            data = _file(content, fields)
        case _:
            data = b"".join(encode(tag, object_bytes(item, fields)) for tag, item in content.items)
    if len(data) > MAX_OBJECT:
        raise InputError(f"an object of {len(data)} bytes", hint=f"Cards take at most {MAX_OBJECT}.")
    return data


def _file(content: FromFile, fields: Mapping[str, str]) -> bytes:
    path = content.folder / content.template.fill(fields, path_part)
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_OBJECT + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint="Check the path and your rights.") from error
