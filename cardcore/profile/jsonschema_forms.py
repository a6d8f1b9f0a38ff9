"""The forms that the JSON Schemas of our own file formats are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeAlias

from cardcore.profile.reader import HEX, NAME

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"
Schema: TypeAlias = dict[str, Json]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEXT: Schema = {"type": "string", "minLength": 1}
NAMED: Schema = {"type": "string", "pattern": f"^({NAME})$"}
BOOLEAN: Schema = {"type": "boolean"}


def integer(low: int = 0, high: int = 0xFF) -> Schema:
    """An integer within the bounds."""
    return {"type": "integer", "minimum": low, "maximum": high}


def hex_text(low: int = 0) -> Schema:
    """Pairs of hexadecimal digits, from `low` bytes on."""
    return {"type": "string", "pattern": f"^{HEX}$", "minLength": 2 * low}


def one_of(values: Iterable[str] | type[StrEnum]) -> Schema:
    """One of several words."""
    return {"enum": [str(value) for value in values]}


def list_of(of: Schema, least: int = 1) -> Schema:
    """A list of the same things, from `least` on."""
    return {"type": "array", "items": of, "minItems": least}


def one_or_more(of: Schema) -> Schema:
    """One thing, or a list of such."""
    return {"anyOf": [of, list_of(of)]}


def any_of(*schemas: Schema) -> Schema:
    """Any of these."""
    return {"anyOf": list(schemas)}


def map_of(of: Schema, names: str = NAME) -> Schema:
    """A mapping of names to the same things, not empty."""
    return {
        "type": "object",
        "propertyNames": {"pattern": f"^({names})$"},
        "additionalProperties": of,
        "minProperties": 1,
    }


def object_with(keys: Iterable[str], properties: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    """A mapping with exactly the keys that the loader knows; a key without a description of its own is an error."""
    return {
        "type": "object",
        "properties": {key: properties[key] for key in keys},
        "required": list(required),
        "additionalProperties": False,
    }


def ref(name: str, text: str = "") -> Schema:
    """What stands under this name in `$defs`, with what the key is for."""
    found: Schema = {"$ref": f"#/$defs/{name}"}
    return about(found, text) if text else found


def about(schema: Schema, text: str) -> Schema:
    """The schema with what the key is for."""
    return schema | {"description": text}


def described(choices: Mapping[str, str]) -> Schema:
    """One of several words, each with its documentation."""
    return {"anyOf": [{"const": word, "description": text} for word, text in choices.items()]}
