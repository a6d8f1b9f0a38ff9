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
_HEADER = {
    "cla": "class byte, 00 if nothing is said",
    "ins": "instruction byte",
    "p1": "first parameter, 00 if nothing is said",
    "p2": "second parameter, 00 if nothing is said",
}


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


def _ref(name: str, text: str = "") -> Schema:
    found: Schema = {"$ref": f"#/$defs/{name}"}
    return _about(found, text) if text else found


def _about(schema: Schema, text: str) -> Schema:
    """The schema with what the key is for."""
    return schema | {"description": text}


def _described(choices: Mapping[str, str]) -> Schema:
    """One of several words, each with its documentation; without any, nothing is allowed."""
    if not choices:
        return {"not": {}}
    return {"anyOf": [{"const": word, "description": text} for word, text in choices.items()]}


def _profile() -> dict[str, Schema]:
    return {
        "profile": _about({"const": VERSION}, "version of the profile language"),
        "name": _TEXT | {"description": "the card family, for people"},
        "description": _about(_TEXT, "what it covers, for people"),
        "base": _NAME | {"description": "the profile whose sections and operations are taken where this has none"},
        "abstract": _BOOLEAN | {"description": "only a base, no card"},
        "refines": _NAME | {"description": "the profile that this one is preferred to where both match"},
        "verified": _TEXT | {"description": "how it is known that this is right"},
        "match": _about(_match(), "how the card is recognised; all that is given must hold"),
        "limits": _about(_limits(), "how long commands and responses may be"),
        "directory": _about(_NAME, "how certificates, serial number and objects are kept, by name"),
        "quirks": _about(_list(_described(QUIRKS)), "misbehaviours that code has to know of"),
        "pins": _about(_map(_pin()), "the PINs by name; that of a person is user"),
        "admin": _about(_admin(), "how the administrator authenticates"),
        "keys": _about(
            _map(_ref("slot")) | {"properties": {RANGE: _ref("range")}}, "the key slots by name, or a range"
        ),
        "algorithms": _about(_map(_algorithm()), "what the card can do with one kind of key, by a name of your own"),
        "objects": _about(_map(_hex(1)), "identifiers of data objects or paths of files, by a name of your own"),
        "operations": {
            "type": "object",
            "properties": {
                name: _list(_ref(f"step-{name}"), 0) | {"description": entry.text} for name, entry in OPERATIONS.items()
            },
            "additionalProperties": False,
            "minProperties": 1,
            "description": "the commands, as lists of steps; an empty list takes away what the base can",
        },
    }


def _match() -> Schema:
    masked = _object(("value", "mask"), {"value": _hex(2), "mask": _hex(2)}, ("value", "mask"))
    pattern: Schema = {"type": "string", "pattern": f"^{ATR_PATTERN}$", "minLength": 4, "maxLength": 66}
    value = _about(_hex(1), "what the value there begins with")
    reply = _object(("path", "value"), {"path": _path(), "value": value}, ("value",))
    properties = {
        "aid": _one_or_more(_hex(5)) | {"description": "application identifiers, of which the card selects one"},
        "atr": _one_or_more(_any(pattern, masked)) | {"description": "ATRs; a dot stands for any digit"},
        "usual_atr": _one_or_more(_any(pattern, masked)) | {"description": "ATRs with which no other profile is tried"},
        "reply": reply | {"description": "what the reply to SELECT must contain"},
    }
    return _object(MATCH_KEYS, properties) | {"anyOf": [{"required": ["aid"]}, {"required": ["atr"]}]}


def _limits() -> Schema:
    properties: dict[str, Schema] = {
        "send": _about(_integer(1, 65535), "most bytes of data in one command; 255 if nothing is said"),
        "receive": _about(_integer(1, 65536), "most bytes in one response; 256 if nothing is said"),
        "extended": _about({"enum": [True, False, "atr"]}, "extended length: true, false, or as the card's ATR says"),
        "chaining": _about(_BOOLEAN, "longer commands go in parts, with CLA 10; true if nothing is said"),
    }
    return _object(LIMIT_KEYS, properties)


def _pin() -> Schema:
    length: Schema = {"type": "array", "items": _integer(1), "minItems": 2, "maxItems": 2}
    pad = {"byte": _about(_integer(), "what it is filled with"), "to": _about(_integer(1), "size in bytes")}
    properties: dict[str, Schema] = {
        "ref": _about(_integer(), "reference of the PIN, P2 of VERIFY"),
        "label": _about(_TEXT, "what people call it"),
        "length": length | {"description": "least and greatest length in characters"},
        "encoding": _about(_enum(PinEncoding), "ascii if nothing is said; glp is format 2 of ISO 9564"),
        "digits": _about(_BOOLEAN, "digits only"),
        "pad": _about(_object(("byte", "to"), pad, ("byte", "to")), "how it is filled up"),
        "unblock": _NAME | {"description": "the PIN that unblocks this one, or admin for the admin key"},
        "tries": _enum(("retries", "tries", NO_TRIES)) | {"description": "the operation that tells the tries left"},
        "kdf": _enum(PinKdf) | {"description": "how the PIN is hashed, as far as the operation kdf says so"},
    }
    return _object(PIN_KEYS, properties, ("ref", "length"))


def _admin() -> Schema:
    properties: dict[str, Schema] = {
        "ref": _about(_integer(), "reference of the admin key"),
        "procedure": _about(
            _described({name: entry.text for name, entry in PROCEDURES.items()}), "how the key is proved to the card"
        ),
        "ciphers": _about(_map(_integer(), "|".join(CIPHERS)), "the card's identifier of each cipher"),
        "default": _about(_enum(CIPHERS), "the cipher of the key where the card does not tell"),
        "pin": _NAME | {"description": "the administrator's PIN, where there is no key"},
    }
    with_key: Schema = {"required": ["ref", "procedure", "ciphers"], "properties": {"pin": False}}
    with_pin: Schema = {"required": ["pin"], "maxProperties": 1}
    return _object(ADMIN_KEYS, properties) | _any(with_key, with_pin)


def _slot(keys: tuple[str, ...]) -> Schema:
    properties: dict[str, Schema] = {
        "ref": _about(_integer(), "reference byte of the key"),
        "first": _about(_integer(), "reference of the first key"),
        "last": _about(_integer(), "reference of the last key"),
        "number_from": _about(_integer(0, 0xFFFF), "name of the first key; 1 if nothing is said"),
        "label": _about(_TEXT, "what people call it"),
        "file": _about(_hex(1), "path or identifier of the key's file; in a range that of the first, and counted on"),
        "certificate": _about(_hex(1), "object or file of the key's certificate; in a range that of the first"),
        "usage": _about(_list(_enum(Usage)), "what the key is for; all of it if nothing is said"),
        "pin": _NAME | {"description": "the PIN that protects the key; user if nothing is said"},
        "policy": _enum(PinPolicy) | {"description": "when the key wants its PIN; once if nothing is said"},
        "key_spec": _about(_enum(KeySpec), "which of the two key pairs of a CryptoAPI container it serves as"),
    }
    return _object(keys, properties, [key for key in ("ref", "first", "last") if key in keys])


def _algorithm() -> Schema:
    properties: dict[str, Schema] = {
        "types": _about(_list(_enum(KEY_TYPES)), "the key types that it serves"),
        "byte": _ref("byte-algorithm", "the card's identifier, if it is a byte: $alg.byte"),
        "oid": _ref("data-algorithm", "the card's identifier, if it is longer: $alg.oid"),
        "scheme": _about(_enum(Scheme), "the scheme, where the card pads and it is not the usual one"),
        "sign": _about(_enum(InputForm), "what the card takes to sign"),
        "signature": _about(_enum(SignatureForm), "how it returns an ECDSA signature"),
        "hashes": _about(_list(_enum(HASHES)), "the only hashes that it takes"),
        "decipher": _about(_enum(DecipherResult), "what deciphering returns: the plain text, or the padded block"),
        "agree": _about(_BOOLEAN, "agrees on secrets (ECDH)"),
    }
    return _object(ALGORITHM_KEYS, properties, ("types",))


def _path() -> Schema:
    return _about(_list(_integer(0, 0xFFFFFFFF)), "tags that lead to the value, one per level")


def _reply() -> Schema:
    tag = _integer(0, 0xFFFFFFFF)
    rsa: dict[str, Schema] = {
        "n": _about(_any(tag, {"const": "whole"}), "tag of the modulus; whole: the reply is nothing else"),
        "e": _about(_any(tag, _hex(1)), "tag of the exponent, or the exponent itself in quotes"),
    }
    point = {"point": _about(tag, "tag of the uncompressed point")}
    properties: dict[str, Schema] = {
        "path": _path(),
        "find": tag | {"description": "a tag at any depth"},
        "byte": _integer() | {"description": "which byte of the value, from 0"},
        "values": _about(_map(_NAME, INTEGER), "words for the number's values"),
        "rsa": _about(_object(("n", "e"), rsa, ("n", "e")), "an RSA public key"),
        "ec": _about(_object(("point",), point, ("point",)), "an EC public key"),
        "fields": _about(_map(_ref("reply")), "several results, each a reply under its name"),
        "order": _about({"enum": ["little", "big"]}, "which byte of a number comes first; big if nothing is said"),
    }
    return _object(REPLY_KEYS, properties)


def _operation(operation: str) -> Schema:
    """The definitions of one operation's steps and templates."""
    names = OPERATIONS[operation].names
    facts = sorted(name for name in names if NAMES[name].kind in AS_FACT)
    value = _any(_integer(0, 0xFFFF), _NAME)
    status = _any(_integer(0x6000, 0x9FFF), {"const": Expect.RETRIES.value})
    properties: dict[str, Schema] = {
        **{field: _ref(f"byte-{operation}", text) for field, text in _HEADER.items()},
        "data": _ref(f"data-{operation}", "the data field"),
        "le": _about(_integer(0, 65536), "how much is expected; 0 is the most that the length form allows"),
        "extended": _BOOLEAN | {"description": "send with extended length fields"},
        "expect": _about(_one_or_more(status), "status words that mean success; 9000 if nothing is said"),
        "reply": _ref("reply", "what is taken out of the response"),
        "when": _about(
            _map(_one_or_more(value), "|".join([*facts, NAME]).replace(".", r"\.")),
            "facts and their values with which the step is sent",
        ),
        "needs": _about(_enum(Needs), "what must have been verified before"),
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
