"""A JSON Schema (2020-12) of the profile language, by which editors complete and check profiles while they are written.

It is made from the tables of the loader's checks. What needs more than one place of a profile, only the loader says.
"""

from __future__ import annotations

from collections.abc import Iterable

from cardcore.keytypes import KEY_TYPES
from cardcore.padding import HASHES
from cardcore.pin import PinEncoding, PinKdf
from cardcore.profile.jsonschema_forms import (
    BOOLEAN,
    DIALECT,
    NAMED,
    TEXT,
    Json,
    Schema,
    about,
    any_of,
    described,
    hex_text,
    integer,
    list_of,
    map_of,
    object_with,
    one_of,
    one_or_more,
    ref,
)
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
from cardcore.profile.reader import INTEGER, NAME
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

_SAVED: Schema = {
    "type": "string",
    "pattern": r"^\$[a-z0-9-]+$",
    "not": {"enum": [f"${name}" for name in NAMES]},
    "description": "what an earlier step saved",
}
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
        "$schema": DIALECT,
        "title": "cardcore card profile",
        **object_with(PROFILE_KEYS, _profile(), ("profile", "name")),
        "$defs": definitions,
    }


def _profile() -> dict[str, Schema]:
    return {
        "profile": about({"const": VERSION}, "version of the profile language"),
        "name": TEXT | {"description": "the card family, for people"},
        "description": about(TEXT, "what it covers, for people"),
        "base": NAMED | {"description": "the profile whose sections and operations are taken where this has none"},
        "abstract": BOOLEAN | {"description": "only a base, no card"},
        "refines": NAMED | {"description": "the profile that this one is preferred to where both match"},
        "verified": TEXT | {"description": "how it is known that this is right"},
        "match": about(_match(), "how the card is recognised; all that is given must hold"),
        "limits": about(_limits(), "how long commands and responses may be"),
        "directory": about(NAMED, "how certificates, serial number and objects are kept, by name"),
        "quirks": about(list_of(described(QUIRKS)), "peculiarities that code has to know of"),
        "pins": about(map_of(_pin()), "the PINs by name; that of a person is user"),
        "admin": about(_admin(), "how the administrator authenticates"),
        "keys": about(
            map_of(ref("slot")) | {"properties": {RANGE: ref("range")}},
            "the key slots by name, or a range",
        ),
        "algorithms": about(map_of(_algorithm()), "what the card can do with one kind of key, by a name of your own"),
        "objects": about(map_of(hex_text(1)), "identifiers of data objects or paths of files, by a name of your own"),
        "operations": {
            "type": "object",
            "properties": {
                name: list_of(ref(f"step-{name}"), 0) | {"description": entry.text}
                for name, entry in OPERATIONS.items()
            },
            "additionalProperties": False,
            "minProperties": 1,
            "description": "the commands, as lists of steps; an empty list takes away what the base can",
        },
    }


def _match() -> Schema:
    masked = object_with(("value", "mask"), {"value": hex_text(2), "mask": hex_text(2)}, ("value", "mask"))
    pattern: Schema = {"type": "string", "pattern": f"^{ATR_PATTERN}$", "minLength": 4, "maxLength": 66}
    value = about(hex_text(1), "what the value there begins with")
    reply = object_with(("path", "value"), {"path": _path(), "value": value}, ("value",))
    properties = {
        "aid": one_or_more(hex_text(5)) | {"description": "application identifiers, of which the card selects one"},
        "atr": one_or_more(any_of(pattern, masked)) | {"description": "ATRs; a dot stands for any digit"},
        "usual_atr": one_or_more(any_of(pattern, masked))
        | {"description": "ATRs with which no other profile is tried, but for those that refine this one"},
        "reply": reply | {"description": "what the reply to SELECT must contain"},
    }
    return object_with(MATCH_KEYS, properties) | {"anyOf": [{"required": ["aid"]}, {"required": ["atr"]}]}


def _limits() -> Schema:
    properties: dict[str, Schema] = {
        "send": about(integer(1, 65535), "most bytes of data in one command; 255 if nothing is said"),
        "receive": about(integer(1, 65536), "most bytes in one response; 256 if nothing is said"),
        "extended": about({"enum": [True, False, "atr"]}, "extended length: true, false, or as the card's ATR says"),
        "chaining": about(BOOLEAN, "longer commands go in parts, with CLA 10; true if nothing is said"),
    }
    return object_with(LIMIT_KEYS, properties)


def _pin() -> Schema:
    length: Schema = {"type": "array", "items": integer(1), "minItems": 2, "maxItems": 2}
    pad = {"byte": about(integer(), "what it is filled with"), "to": about(integer(1), "size in bytes")}
    properties: dict[str, Schema] = {
        "ref": about(integer(), "reference of the PIN, P2 of VERIFY"),
        "label": about(TEXT, "what people call it"),
        "length": length | {"description": "least and greatest length in characters"},
        "encoding": about(one_of(PinEncoding), "ascii if nothing is said; glp is format 2 of ISO 9564"),
        "digits": about(BOOLEAN, "digits only"),
        "pad": about(object_with(("byte", "to"), pad, ("byte", "to")), "how it is filled up"),
        "unblock": NAMED | {"description": "the PIN that unblocks this one, or admin for the admin key"},
        "tries": one_of(("retries", "tries", NO_TRIES)) | {"description": "the operation that tells the tries left"},
        "kdf": one_of(PinKdf) | {"description": "how the PIN is hashed, as far as the operation kdf says so"},
    }
    return object_with(PIN_KEYS, properties, ("ref", "length"))


def _admin() -> Schema:
    properties: dict[str, Schema] = {
        "ref": about(integer(), "reference of the admin key"),
        "procedure": about(
            described({name: entry.text for name, entry in PROCEDURES.items()}), "how the key is proved to the card"
        ),
        "ciphers": about(map_of(integer(), "|".join(CIPHERS)), "the card's identifier of each cipher"),
        "default": about(one_of(CIPHERS), "the cipher of the key where the card does not tell"),
        "pin": NAMED | {"description": "the administrator's PIN, where there is no key"},
    }
    with_key: Schema = {"required": ["ref", "procedure", "ciphers"], "properties": {"pin": False}}
    with_pin: Schema = {"required": ["pin"], "maxProperties": 1}
    return object_with(ADMIN_KEYS, properties) | any_of(with_key, with_pin)


def _slot(keys: tuple[str, ...]) -> Schema:
    properties: dict[str, Schema] = {
        "ref": about(integer(), "reference byte of the key"),
        "first": about(integer(), "reference of the first key"),
        "last": about(integer(), "reference of the last key"),
        "number_from": about(integer(0, 0xFFFF), "name of the first key; 1 if nothing is said"),
        "label": about(TEXT, "what people call it"),
        "file": about(
            hex_text(1), "path or identifier of the key's file; in a range that of the first, and counted on"
        ),
        "certificate": about(hex_text(1), "object or file of the key's certificate; in a range that of the first"),
        "usage": about(list_of(one_of(Usage)), "what the key is for; all of it if nothing is said"),
        "pin": NAMED | {"description": "the PIN that protects the key; user if nothing is said"},
        "policy": one_of(PinPolicy) | {"description": "when the key wants its PIN; once if nothing is said"},
        "key_spec": about(one_of(KeySpec), "which of the two key pairs of a CryptoAPI container it serves as"),
    }
    return object_with(keys, properties, [key for key in ("ref", "first", "last") if key in keys])


def _algorithm() -> Schema:
    properties: dict[str, Schema] = {
        "types": about(list_of(one_of(KEY_TYPES)), "the key types that it serves"),
        "byte": ref("byte-algorithm", "the card's identifier, if it is a byte: $alg.byte"),
        "oid": ref("data-algorithm", "the card's identifier, if it is longer: $alg.oid"),
        "scheme": about(one_of(Scheme), "the scheme, where the card pads and it is not the usual one"),
        "sign": about(one_of(InputForm), "what the card takes to sign"),
        "signature": about(one_of(SignatureForm), "how it returns an ECDSA signature"),
        "hashes": about(list_of(one_of(HASHES)), "the only hashes that it takes"),
        "decipher": about(one_of(DecipherResult), "what deciphering returns: the plain text, or the padded block"),
        "agree": about(BOOLEAN, "agrees on secrets (ECDH)"),
    }
    return object_with(ALGORITHM_KEYS, properties, ("types",))


def _path() -> Schema:
    return about(list_of(integer(0, 0xFFFFFFFF)), "tags that lead to the value, one per level")


def _reply() -> Schema:
    tag = integer(0, 0xFFFFFFFF)
    rsa: dict[str, Schema] = {
        "n": about(any_of(tag, {"const": "whole"}), "tag of the modulus; whole: the reply is nothing else"),
        "e": about(any_of(tag, hex_text(1)), "tag of the exponent, or the exponent itself in quotes"),
    }
    point = {"point": about(tag, "tag of the uncompressed point")}
    properties: dict[str, Schema] = {
        "path": _path(),
        "find": tag | {"description": "a tag at any depth"},
        "byte": integer() | {"description": "which byte of the value, from 0"},
        "values": about(map_of(NAMED, INTEGER), "words for the number's values"),
        "rsa": about(object_with(("n", "e"), rsa, ("n", "e")), "an RSA public key"),
        "ec": about(object_with(("point",), point, ("point",)), "an EC public key"),
        "fields": about(map_of(ref("reply")), "several results, each a reply under its name"),
        "order": about({"enum": ["little", "big"]}, "which byte of a number comes first; big if nothing is said"),
    }
    return object_with(REPLY_KEYS, properties)


def _operation(operation: str) -> Schema:
    """The definitions of one operation's steps and templates."""
    names = OPERATIONS[operation].names
    facts = sorted(name for name in names if NAMES[name].kind in AS_FACT)
    value = any_of(integer(0, 0xFFFF), NAMED)
    status = any_of(integer(0x6000, 0x9FFF), {"const": Expect.RETRIES.value})
    properties: dict[str, Schema] = {
        **{field: ref(f"byte-{operation}", text) for field, text in _HEADER.items()},
        "data": ref(f"data-{operation}", "the data field"),
        "le": about(integer(0, 65536), "how much is expected; 0 is the most that the length form allows"),
        "extended": BOOLEAN | {"description": "send with extended length fields"},
        "long": BOOLEAN
        | {"description": "the reply may have more than 256 bytes: extended length where card and reader have it"},
        "expect": about(one_or_more(status), "status words that mean success; 9000 if nothing is said"),
        "reply": ref("reply", "what is taken out of the response"),
        "when": about(
            map_of(one_or_more(value), "|".join([*facts, NAME]).replace(".", r"\.")),
            "facts and their values with which the step is sent",
        ),
        "needs": about(one_of(Needs), "what must have been verified before"),
        "save": NAMED | {"description": "keeps the result under this name for the steps that follow"},
    }
    return {f"step-{operation}": object_with(STEP_KEYS, properties, ("ins",)), **_templates(operation, names)}


def _templates(user: str, names: Iterable[str]) -> Schema:
    """The definitions `byte-` and `data-` of the template grammar with the names that may be used there."""
    known = sorted(names)
    fact = _names(known, AS_FACT)
    table = map_of(ref(f"data-{user}"), r"by|[^$]*") | {"required": ["by"], "properties": {"by": fact}}
    byte_table = map_of(ref(f"byte-{user}"), r"by|[^$]*") | {"required": ["by"], "properties": {"by": fact}}
    data = ref(f"data-{user}")
    return {
        f"byte-{user}": any_of(integer(), _names(known, IN_HEADER), byte_table),
        f"data-{user}": any_of(
            integer(), hex_text(), _names(known, IN_DATA), list_of(data), map_of(data, INTEGER), table
        ),
    }


def _names(names: Iterable[str], kinds: frozenset[NameKind]) -> Schema:
    constants: list[Json] = [
        {"const": f"${name}", "description": NAMES[name].text} for name in names if NAMES[name].kind in kinds
    ]
    return {"anyOf": [*constants, _SAVED]}
