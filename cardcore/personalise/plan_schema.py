"""A JSON Schema (2020-12) of plans, by which editors complete and check them while they are written.

It is made from the tables of the reader's checks. What needs the holders, a profile or a file, only the reader says.
"""

from __future__ import annotations

from cardcore.certificates import MAX_DAYS
from cardcore.keytypes import KEY_TYPES
from cardcore.personalise.card_reading import (
    ADMIN_KEYS,
    CARD_KEYS,
    CERTIFICATE_KEYS,
    IMPORT_KEYS,
    IMPORTED,
    INITIALISE_KEYS,
    KEY_KEYS,
    PIN_KEYS,
)
from cardcore.personalise.certificate_contents import EXTENDED_USAGES, KEY_USAGES
from cardcore.personalise.content_reading import CONTENT_KEYS
from cardcore.personalise.issuer_reading import CHECK_KEYS, HASHES, KINDS, MOST_SECONDS
from cardcore.personalise.issuers.settings import Mac, Strictness
from cardcore.personalise.letter_reading import LETTER_KEYS
from cardcore.personalise.plan import VERSION, LetterFormat
from cardcore.personalise.plan_reading import HOLDERS_KEYS, PLAN_KEYS, SQL_KEYS
from cardcore.personalise.secret_reading import (
    DERIVED_KEYS,
    FACTORY,
    FORM_KEYS,
    MOST_GENERATIONS,
    RANDOM,
    RULE_KEYS,
    UNSET,
)
from cardcore.procedures import CIPHERS
from cardcore.profile.jsonschema_forms import (
    BOOLEAN,
    DIALECT,
    NAMED,
    TEXT,
    Schema,
    any_of,
    hex_text,
    integer,
    list_of,
    map_of,
    object_with,
    one_of,
    one_or_more,
    ref,
)
from cardcore.profile.reader import INTEGER

_SOURCE: Schema = {
    "type": "string",
    "pattern": "^(env|file):.*\\S",
    "description": "where a secret is: env:VARIABLE or file:PATH",
}
_FILE = TEXT | {"description": "a file; paths begin in the plan's folder"}
_TEMPLATE = TEXT | {"description": "text with {field} for a field of the holder's record"}
_COLUMN = TEXT | {"description": "a field of the holders' records"}
_WORD: Schema = {"type": ["string", "integer"]}
_ANY_NAME = ".+"
_SECONDS = integer(1, MOST_SECONDS)


def build() -> Schema:
    """The schema of a plan's file as plain data, ready for `json.dumps`."""
    return {
        "$schema": DIALECT,
        "title": "cardcore plan",
        **object_with(PLAN_KEYS, _plan(), ("plan", "name", "holders", "cards")),
        "$defs": {"rule": _rule(), "new-rule": _rule(published=False), "content": _content()},
    }


def _plan() -> dict[str, Schema]:
    return {
        "plan": {"const": VERSION, "description": "version of the language of plans"},
        "name": TEXT | {"description": "what it is for, for people"},
        "holders": _holders(),
        "recipients": one_or_more(_FILE) | {"description": "certificates of those who may open the journal's secrets"},
        "issuers": map_of(_issuer()),
        "cards": map_of(_card()) | {"description": "what is done with cards of each profile"},
        "letters": _letters(),
    }


def _holders() -> Schema:
    query = object_with(SQL_KEYS, {"url": _SOURCE, "query": TEXT}, SQL_KEYS)
    properties: dict[str, Schema] = {
        "csv": _FILE,
        "jsonl": _FILE,
        "sql": query | {"description": "a query in any database that SQLAlchemy knows"},
        "id": _COLUMN | {"description": "the field that tells holders apart"},
        "delimiter": TEXT | {"description": "what stands between fields: one character, or tab"},
        "encoding": TEXT | {"description": "of a CSV file that is not UTF-8, as windows-1252"},
    }
    kinds: list[Schema] = [{"required": [kind]} for kind in ("csv", "jsonl", "sql")]
    return object_with(HOLDERS_KEYS, properties, ("id",)) | {"oneOf": list(kinds)}


def _card() -> Schema:
    initialise = any_of(BOOLEAN, object_with(INITIALISE_KEYS, {"label": _TEMPLATE}))
    properties: dict[str, Schema] = {
        "only": map_of(one_or_more(_WORD), _ANY_NAME) | {"description": "the holders that get such a card"},
        "initialise": initialise | {"description": "the card is blank, and is made usable first"},
        "factory": map_of(ref("rule")) | {"description": "the secrets of a fresh card"},
        "pins": map_of(_pin()),
        "admin": _admin(),
        "keys": map_of(_key()),
        "objects": map_of(ref("content"), _ANY_NAME),
    }
    return object_with(CARD_KEYS, properties)


def _rule(*, published: bool = True) -> Schema:
    form: dict[str, Schema] = {key: integer(1, 255) for key in FORM_KEYS}
    derived: dict[str, Schema] = {
        "master": _SOURCE,
        "generation": integer(1, MOST_GENERATIONS),
        "context": TEXT,
        **form,
    }
    properties: dict[str, Schema] = {
        "published": _WORD if published else {"not": {}},
        "field": _COLUMN,
        "random": object_with(FORM_KEYS, form),
        "derived": object_with(DERIVED_KEYS, derived, ("master",)),
    }
    one = object_with(RULE_KEYS, properties) | {"minProperties": 1, "maxProperties": 1}
    return any_of(_SOURCE, {"const": RANDOM}, one)


def _pin() -> Schema:
    properties: dict[str, Schema] = {
        "initial": any_of({"enum": [FACTORY, UNSET]}, ref("rule")),
        "final": ref("new-rule"),
        "change_at_first_use": BOOLEAN,
        "same_as": NAMED | {"description": "another PIN whose secret this one has too"},
    }
    return object_with(PIN_KEYS, properties)


def _admin() -> Schema:
    properties: dict[str, Schema] = {
        "initial": any_of({"enum": [FACTORY, UNSET]}, ref("rule")),
        "initial_cipher": one_of(CIPHERS),
        "final": ref("new-rule"),
        "cipher": one_of(CIPHERS),
    }
    return object_with(ADMIN_KEYS, properties)


def _key() -> Schema:
    password = any_of(_SOURCE, object_with(("field",), {"field": _COLUMN}, ("field",)))
    imported = object_with(IMPORT_KEYS, {"pkcs12": _TEMPLATE, "passphrase": password}, IMPORT_KEYS)
    properties: dict[str, Schema] = {
        "type": one_of(KEY_TYPES),
        "label": _TEMPLATE,
        "import": imported,
        "certificate": any_of({"const": IMPORTED}, _certificate()),
    }
    return object_with(KEY_KEYS, properties)


def _certificate() -> Schema:
    usages = any_of(one_of(EXTENDED_USAGES), {"type": "string", "pattern": "^[0-2](\\.[0-9]+)+$"})
    properties: dict[str, Schema] = {
        "issuer": NAMED,
        "subject": _TEMPLATE | {"description": "a distinguished name (RFC 4514)"},
        "upn": _TEMPLATE,
        "email": _TEMPLATE,
        "dns": one_or_more(_TEMPLATE),
        "eku": one_or_more(usages),
        "key_usage": one_or_more(one_of(KEY_USAGES)),
        "days": integer(1, MAX_DAYS),
        "sid": _TEMPLATE,
    }
    return object_with(CERTIFICATE_KEYS, properties, ("issuer", "subject", "days"))


def _content() -> Schema:
    properties: dict[str, Schema] = {
        "text": _TEMPLATE,
        "hex": hex_text(),
        "file": _TEMPLATE,
        "random": integer(1, 32_767) | {"description": "so many random bytes"},
        "tlv": map_of(ref("content"), INTEGER) | {"description": "BER-TLV: tags and what is in them"},
    }
    one = object_with(CONTENT_KEYS, properties) | {"minProperties": 1, "maxProperties": 1}
    return any_of(_TEMPLATE, {"type": "integer"}, one)


def _issuer() -> Schema:
    kinds: dict[str, Schema] = {
        kind: object_with(keys, _ISSUER_PROPERTIES[kind], _REQUIRED[kind]) for kind, (keys, _) in KINDS.items()
    }
    return object_with(KINDS, kinds) | {"minProperties": 1, "maxProperties": 1}


_CHECKS = object_with(CHECK_KEYS, {"trust": _FILE, "contents": one_of(Strictness)})
_OWN: dict[str, Schema] = {
    "certificate": _FILE,
    "index": TEXT | {"description": "the file that remembers what was issued"},
    "hash": one_of(HASHES),
    "crl": one_or_more(TEXT),
    "ocsp": one_or_more(TEXT),
    "above": one_or_more(TEXT) | {"description": "URLs of the CA's own certificate"},
    "checks": _CHECKS,
}
_STATUSES = one_or_more(integer(1, 255))
_ONLINE: dict[str, Schema] = {
    "url": TEXT,
    "certificate": _FILE,
    "key": _FILE,
    "passphrase": _SOURCE,
    "trust": _FILE,
    "timeout": _SECONDS,
    "checks": _CHECKS,
}
_ISSUER_PROPERTIES: dict[str, dict[str, Schema]] = {
    "local": {**_OWN, "key": _FILE, "passphrase": _SOURCE},
    "card": {**_OWN, "reader": TEXT, "profile": NAMED, "key": _WORD, "pin": _SOURCE},
    "command": {
        "run": one_or_more(TEXT),
        "ask": one_or_more(TEXT),
        "timeout": _SECONDS,
        "unreachable": _STATUSES,
        "refused": _STATUSES,
        "pending": _STATUSES,
        "environment": one_or_more(TEXT),
        "idempotent": BOOLEAN,
        "checks": _CHECKS,
    },
    "est": {**_ONLINE, "label": TEXT, "user": TEXT, "password": _SOURCE, "idempotent": BOOLEAN},
    "cmp": {
        **_ONLINE,
        "server_trust": _FILE,
        "secret_reference": TEXT,
        "secret": _SOURCE,
        "mac": one_of(Mac),
        "plain_http": BOOLEAN | {"description": "without TLS: the messages are protected themselves"},
        "recipient": TEXT,
        "sender": TEXT | {"description": "the name of who may answer beside CAs"},
        "implicit": BOOLEAN,
        "wait": integer(0, MOST_SECONDS),
        "idempotent": BOOLEAN,
    },
    "offline": {"requests": TEXT, "certificates": TEXT, "checks": _CHECKS},
}
_REQUIRED = {
    "local": ("key",),
    "card": ("reader", "key", "pin"),
    "command": ("run",),
    "est": ("url", "trust"),
    "cmp": ("url",),
    "offline": ("requests", "certificates"),
}


def _letters() -> Schema:
    properties: dict[str, Schema] = {
        "format": one_of(LetterFormat),
        "template": _FILE | {"description": "text with {pin.NAME}, {field} and {card.serial}"},
        "font": _FILE | {"description": "a TrueType font"},
        "pin_font": _FILE | {"description": "a TrueType font for PINs"},
        "recipients": one_or_more(_FILE),
        "folder": TEXT,
        "printer": list_of(TEXT) | {"description": "a command and its arguments; the letter is its standard input"},
        "timeout": _SECONDS,
    }
    ways: list[Schema] = [{"required": ["recipients", "folder"]}, {"required": ["printer"]}]
    return object_with(LETTER_KEYS, properties, ("template",)) | {"oneOf": list(ways)}
