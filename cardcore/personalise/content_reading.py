"""Reads what a plan writes into a data object: text, bytes, a file, random bytes, or BER-TLV of these."""

from __future__ import annotations

from cardcore.personalise.object_contents import MAX_OBJECT
from cardcore.personalise.plan import Content, Fixed, FromFile, RandomBytes, Text, Tlv
from cardcore.personalise.plan_scope import Scope
from cardcore.profile import reader
from cardcore.profile.tree import MapNode, Tree

CONTENT_KEYS = ("text", "hex", "file", "random", "tlv")


def read_content(node: Tree, scope: Scope) -> Content:
    """What is written: a mapping with one of the keys, or text alone."""
    if not isinstance(node, MapNode):
        return Text(template=scope.card_template(node))
    section = reader.section(node, CONTENT_KEYS, "what is written")
    if len(section.node.entries) != 1:
        raise node.place.error(f"expected one of {', '.join(CONTENT_KEYS)} for what is written")
    key, value = section.node.entries[0]
    match key.text:
        case "text":
            return Text(template=scope.card_template(value))
        case "hex":
            return Fixed(data=reader.hex_bytes(value, 0, MAX_OBJECT))
        case "file":
            return _file(value, scope)
        case "random":
            return RandomBytes(size=reader.integer(value, 1, MAX_OBJECT))
    items = reader.entries(value, "a mapping of tags")
    return Tlv(items=tuple((reader.tag(tag), read_content(item, scope)) for tag, item in items))


def _file(node: Tree, scope: Scope) -> FromFile:
    template = scope.template(node)
    if not template.columns:
        scope.file(node)
    return FromFile(template=template, folder=scope.folder)
