"""A JSON Schema (2020-12) of the profile language, by which editors complete and check profiles while they are written.

It is made from the tables of the loader's checks. What needs more than one place of a profile, only the loader says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeAlias

from cardcore.keytypes import KEY_TYPES
from cardcore.padding import HASHES
from cardcore.pin import PinEncoding, PinKdf
from cardcore.profile.keys import ALGORITHM_KEYS, RANGE, RANGE_KEYS, SLOT_KEYS
from cardcore.profile.model import (
    VERSION,
    DecipherResult,
    Expect,
    InputForm,
    KeySpec,
    Needs,
    PinPolicy,
    Scheme,
    SignatureForm,
    Usage,
)
from cardcore.profile.operations import STEP_KEYS
from cardcore.profile.reader import HEX, INTEGER, NAME
from cardcore.profile.replies import REPLY_KEYS
from cardcore.profile.schema import PROFILE_KEYS
from cardcore.profile.sections import ADMIN_KEYS, ATR_PATTERN, LIMIT_KEYS, MATCH_KEYS, NO_TRIES, PIN_KEYS
from cardcore.profile.vocabulary import (
    ALGORITHM_NAMES,
    AS_FACT,
    CIPHERS,
    IN_DATA,
    IN_HEADER,
    NAMES,
    OPERATIONS,
    PROCEDURES,
    QUIRKS,
    NameKind,
)

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"
Schema: TypeAlias = dict[str, Json]

_SAVED: Schema = {
    "type": "string",
    "pattern": r"^\$[a-z0-9-]+$",
    "not": {"enum": [f"${name}" for name in NAMES]},
    "description": "what an earlier step saved",
}
_TEXT: Schema = {"type": "string", "minLength": 1}
_NAME: Schema = {"type": "string", "pattern": f"^({NAME})$"}
_BOOLEAN: Schema = {"type": "boolean"}


def build() -> Schema:
    """The schema of a profile file as plain data, ready for `json.dumps`."""
    definitions: Schema = {"reply": _reply(), "slot": _slot(SLOT_KEYS), "range": _slot(RANGE_KEYS)}
    for operation in OPERATIONS:
        definitions |= _operation(operation)
    definitions |= _templates("algorithm", ALGORITHM_NAMES)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "cardcore card profile",
        **_object(PROFILE_KEYS, _profile(), ("profile", "name")),
        "$defs": definitions,
    }


def _integer(low: int = 0, high: int = 0xFF) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high}


def _hex(low: int = 0) -> Schema:
    return {"type": "string", "pattern": f"^{HEX}$", "minLength": 2 * low}


def _enum(values: Iterable[str] | type[StrEnum]) -> Schema:
    return {"enum": [str(value) for value in values]}


def _list(of: Schema, least: int = 1) -> Schema:
    return {"type": "array", "items": of, "minItems": least}


def _one_or_more(of: Schema) -> Schema:
    return {"anyOf": [of, _list(of)]}


def _any(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def _map(of: Schema, names: str = NAME) -> Schema:
    return {
        "type": "object",
        "propertyNames": {"pattern": f"^({names})$"},
        "additionalProperties": of,
        "minProperties": 1,
    }


def _object(keys: Iterable[str], properties: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    """A mapping with exactly the keys that the loader knows; a key without a description of its own is an error."""
    return {
        "type": "object",
        "properties": {key: properties[key] for key in keys},
        "required": list(required),
        "additionalProperties": False,
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _described(choices: Mapping[str, str]) -> Schema:
    """One of several words, each with its documentation; without any, nothing is allowed."""
    if not choices:
        return {"not": {}}
    return {"anyOf": [{"const": word, "description": text} for word, text in choices.items()]}


def _profile() -> dict[str, Schema]:
    return {
        "profile": {"const": VERSION, "description": "version of the profile language"},
        "name": _TEXT | {"description": "the card family, for people"},
        "description": _TEXT,
        "base": _NAME | {"description": "the profile whose sections and operations are taken where this has none"},
        "abstract": _BOOLEAN | {"description": "only a base, no card"},
        "refines": _NAME | {"description": "the profile that this one is preferred to where both match"},
        "verified": _TEXT | {"description": "how it is known that this is right"},
        "match": _match(),
        "limits": _limits(),
        "directory": _NAME | {"description": "how keys and certificates are found"},
        "quirks": _list(_described(QUIRKS)),
        "pins": _map(_pin()),
        "admin": _admin(),
        "keys": _map(_ref("slot")) | {"properties": {RANGE: _ref("range")}},
        "algorithms": _map(_algorithm()),
        "objects": _map(_hex(1)),
        "operations": {
            "type": "object",
            "properties": {
                name: _list(_ref(f"step-{name}"), 0) | {"description": entry.text} for name, entry in OPERATIONS.items()
            },
            "additionalProperties": False,
            "minProperties": 1,
        },
    }


def _match() -> Schema:
    masked = _object(("value", "mask"), {"value": _hex(2), "mask": _hex(2)}, ("value", "mask"))
    pattern: Schema = {"type": "string", "pattern": f"^{ATR_PATTERN}$", "minLength": 4, "maxLength": 66}
    reply = _object(("path", "value"), {"path": _path(), "value": _hex(1)}, ("value",))
    properties = {
        "aid": _one_or_more(_hex(5)) | {"description": "application identifiers, of which the card selects one"},
        "atr": _one_or_more(_any(pattern, masked)) | {"description": "ATRs; a dot stands for any digit"},
        "usual_atr": _one_or_more(_any(pattern, masked)) | {"description": "ATRs with which no other profile is tried"},
        "reply": reply | {"description": "what the reply to SELECT must contain"},
    }
    return _object(MATCH_KEYS, properties) | {"anyOf": [{"required": ["aid"]}, {"required": ["atr"]}]}


def _limits() -> Schema:
    properties: dict[str, Schema] = {
        "send": _integer(1, 65535),
        "receive": _integer(1, 65536),
        "extended": {"enum": [True, False, "atr"]},
        "chaining": _BOOLEAN,
    }
    return _object(LIMIT_KEYS, properties)


def _pin() -> Schema:
    length: Schema = {"type": "array", "items": _integer(1), "minItems": 2, "maxItems": 2}
    properties: dict[str, Schema] = {
        "ref": _integer(),
        "label": _TEXT,
        "length": length | {"description": "least and greatest length in characters"},
        "encoding": _enum(PinEncoding),
        "digits": _BOOLEAN,
        "pad": _object(("byte", "to"), {"byte": _integer(), "to": _integer(1)}, ("byte", "to")),
        "unblock": _NAME | {"description": "the PIN that unblocks this one, or admin for the admin key"},
        "tries": _enum(("retries", "tries", NO_TRIES)) | {"description": "the operation that tells the tries left"},
        "kdf": _enum(PinKdf) | {"description": "how the PIN is hashed, as far as the operation kdf says so"},
    }
    return _object(PIN_KEYS, properties, ("ref", "length"))


def _admin() -> Schema:
    properties: dict[str, Schema] = {
        "ref": _integer(),
        "procedure": _described({name: entry.text for name, entry in PROCEDURES.items()}),
        "ciphers": _map(_integer(), "|".join(CIPHERS)),
        "default": _enum(CIPHERS),
        "pin": _NAME | {"description": "the administrator's PIN, where there is no key"},
    }
    with_key: Schema = {"required": ["ref", "procedure", "ciphers"], "properties": {"pin": False}}
    with_pin: Schema = {"required": ["pin"], "maxProperties": 1}
    return _object(ADMIN_KEYS, properties) | _any(with_key, with_pin)


def _slot(keys: tuple[str, ...]) -> Schema:
    properties: dict[str, Schema] = {
        "ref": _integer(),
        "first": _integer(),
        "last": _integer(),
        "number_from": _integer(0, 0xFFFF),
        "label": _TEXT,
        "file": _hex(1),
        "certificate": _hex(1),
        "usage": _list(_enum(Usage)),
        "pin": _NAME | {"description": "the PIN that protects the key"},
        "policy": _enum(PinPolicy) | {"description": "when the key wants its PIN"},
        "key_spec": _enum(KeySpec),
    }
    return _object(keys, properties, [key for key in ("ref", "first", "last") if key in keys])


def _algorithm() -> Schema:
    properties: dict[str, Schema] = {
        "types": _list(_enum(KEY_TYPES)),
        "byte": _ref("byte-algorithm"),
        "oid": _ref("data-algorithm"),
        "scheme": _enum(Scheme),
        "sign": _enum(InputForm),
        "signature": _enum(SignatureForm),
        "hashes": _list(_enum(HASHES)),
        "decipher": _enum(DecipherResult),
        "agree": _BOOLEAN,
    }
    return _object(ALGORITHM_KEYS, properties, ("types",))


def _path() -> Schema:
    return _list(_integer(0, 0xFFFFFFFF))


def _reply() -> Schema:
    tag = _integer(0, 0xFFFFFFFF)
    rsa: dict[str, Schema] = {"n": _any(tag, {"const": "whole"}), "e": _any(tag, _hex(1))}
    properties: dict[str, Schema] = {
        "path": _path() | {"description": "a tag per level"},
        "find": tag | {"description": "a tag at any depth"},
        "byte": _integer() | {"description": "which byte of the value, from 0"},
        "values": _map(_NAME, INTEGER),
        "rsa": _object(("n", "e"), rsa, ("n", "e")),
        "ec": _object(("point",), {"point": tag}, ("point",)),
        "fields": _map(_ref("reply")),
        "order": {"enum": ["little", "big"]},
    }
    return _object(REPLY_KEYS, properties)


def _operation(operation: str) -> Schema:
    """The definitions of one operation's steps and templates."""
    names = OPERATIONS[operation].names
    facts = sorted(name for name in names if NAMES[name].kind in AS_FACT)
    value = _any(_integer(0, 0xFFFF), _NAME)
    status = _any(_integer(0x6000, 0x9FFF), {"const": Expect.RETRIES.value})
    properties: dict[str, Schema] = {
        **{field: _ref(f"byte-{operation}") for field in ("cla", "ins", "p1", "p2")},
        "data": _ref(f"data-{operation}"),
        "le": _integer(0, 65536),
        "extended": _BOOLEAN | {"description": "send with extended length fields"},
        "expect": _one_or_more(status),
        "reply": _ref("reply"),
        "when": _map(_one_or_more(value), "|".join([*facts, NAME]).replace(".", r"\.")),
        "needs": _enum(Needs),
        "save": _NAME | {"description": "keeps the result under this name for the steps that follow"},
    }
    return {f"step-{operation}": _object(STEP_KEYS, properties, ("ins",)), **_templates(operation, names)}


def _templates(user: str, names: Iterable[str]) -> Schema:
    """The definitions `byte-` and `data-` of the template grammar with the names that may be used there."""
    known = sorted(names)
    fact = _names(known, AS_FACT)
    table = _map(_ref(f"data-{user}"), r"by|[^$]*") | {"required": ["by"], "properties": {"by": fact}}
    byte_table = _map(_ref(f"byte-{user}"), r"by|[^$]*") | {"required": ["by"], "properties": {"by": fact}}
    data = _ref(f"data-{user}")
    return {
        f"byte-{user}": _any(_integer(), _names(known, IN_HEADER), byte_table),
        f"data-{user}": _any(_integer(), _hex(), _names(known, IN_DATA), _list(data), _map(data, INTEGER), table),
    }


def _names(names: Iterable[str], kinds: frozenset[NameKind]) -> Schema:
    constants: list[Json] = [
        {"const": f"${name}", "description": NAMES[name].text} for name in names if NAMES[name].kind in kinds
    ]
    return {"anyOf": [*constants, _SAVED]}
