"""What entries of keys and certificates are known by: identifiers, which tie them together, and labels."""

from __future__ import annotations

from cardcore.directory.names import require_name
from cardcore.directory.pkcs15 import der, entries
from cardcore.directory.pkcs15.entries import Location
from cardcore.directory.pkcs15.structure import Kind, Structure
from cardcore.errors import InputError
from cardcore.tlv import Tlv, parse

_MAX_LABEL = 128
"""An entry with such a label is written in one command, so that no power cut leaves half of it."""


def id_of_entry(kind: Kind, item: Tlv) -> bytes | None:
    """The identifier in an entry of a list of keys or certificates; None if it is of another kind."""
    if kind == Kind.CERTIFICATES:
        entry = entries.read_certificate(item)
        return None if entry is None else entry.id
    return entries.read_key(item).id


def value_of_entry(kind: Kind, item: Tlv) -> Location | bytes:
    """Where the value of an entry in a list of public keys or certificates is, or itself; empty for other kinds."""
    if kind == Kind.CERTIFICATES:
        entry = entries.read_certificate(item)
        return b"" if entry is None else entry.value
    return entries.read_key(item).value


def label_entries(structure: Structure, key_id: bytes, label: str) -> None:
    """Label what has that identifier: keys and certificate. InputError for what is no name, or too long."""
    require_name("the label", label)
    size = len(label.encode())
    if size > _MAX_LABEL:
        raise InputError(f"the label has {size} bytes in UTF-8, at most {_MAX_LABEL} fit", hint="Shorten it.")
    for kind in (Kind.PRIVATE_KEYS, Kind.PUBLIC_KEYS, Kind.CERTIFICATES):
        for listing in list(structure.lists(kind)):
            old = listing.items
            new = tuple(_labelled(item, label) if id_of_entry(kind, item) == key_id else item for item in old)
            if new != old:
                structure.rewrite(listing, new)


def _labelled(entry: Tlv, label: str) -> Tlv:
    """An entry with another label (8.2.1: the first of the common attributes, if there); all else in it stays."""
    common, *others = parse(entry.value)
    attributes = parse(common.value)
    kept = attributes[1:] if attributes and attributes[0].tag == der.UTF8_STRING else attributes
    parts = (der.sequence(der.text(label), *(item.encode() for item in kept)), *(item.encode() for item in others))
    return Tlv(tag=entry.tag, value=b"".join(parts))
