"""The closed lists of the profile language: operations, the names that each may use, forms, procedures, quirks.

Loader, JSON Schema and documentation are all made from these tables, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from cardcore.keytypes import KEY_TYPES, Kind
from cardcore.padding import HASHES
from cardcore.profile.model import PinPolicy, Scheme, TouchPolicy


class NameKind(StrEnum):
    """What a name stands for, and so where it may be used.

    BYTE: an integer from 0 to 255, anywhere. BYTES: in data. SECRET: in data, as a whole item. WORD and NUMBER: facts
    that only `by` and `when` compare.
    """

    BYTE = "byte"
    BYTES = "bytes"
    SECRET = "secret"  # noqa: S105 - the name of a kind
    WORD = "word"
    NUMBER = "number"


ANY_POLICY = "default"
"""The value of `key.policy` and `key.touch` where nothing was asked for."""

IN_HEADER = frozenset({NameKind.BYTE})
IN_DATA = frozenset({NameKind.BYTE, NameKind.BYTES, NameKind.SECRET})
IN_TABLE = frozenset({NameKind.BYTE, NameKind.BYTES})
AS_FACT = frozenset({NameKind.BYTE, NameKind.WORD, NameKind.NUMBER})


class Entry(NamedTuple):
    """One name: its kind, one line of documentation, and for a WORD the only values it has (empty: any)."""

    kind: NameKind
    text: str
    values: tuple[str, ...] = ()


class OperationEntry(NamedTuple):
    """One operation: one line of documentation, and the names that its steps may use."""

    text: str
    names: frozenset[str]


class ProcedureEntry(NamedTuple):
    """One admin procedure: one line of documentation, and the operations through which it runs."""

    text: str
    operations: tuple[str, ...]


_PIN = frozenset({"pin.ref", "pin.name", "pin.block"})
_NEW_PIN = frozenset({"new_pin.block"})
_PUK = frozenset({"puk.ref", "puk.block"})
_ADMIN = frozenset({"admin.ref", "admin.alg"})
_NEW_ADMIN = frozenset({"new_admin.alg", "new_admin.length", "new_admin.key"})
_KEY = frozenset(
    {"key.type", "key.kind", "key.size", "key.name", "key.ref", "key.file", "key.file.id", "key.certificate"}
)
_ALG = frozenset({"alg.byte", "alg.oid", "op"})
_NEW_KEY = _KEY | _ALG | {"key.policy", "key.touch"}
_USE = _KEY | _ALG | {"input", "scheme", "hash"}
_PRIVATE = frozenset(f"private.{part}" for part in ("n", "e", "d", "p", "q", "dp", "dq", "qinv", "public"))
_OBJECT = frozenset({"object", "object.high", "object.low", "object.index"})
_FILE = _OBJECT | {"offset", "length", "file.high", "file.low"}
_OFFSET = frozenset({"object", "offset", "offset.high", "offset.low"})
_NEW_FILE = frozenset({"parent", "parent.id", "file.id", "file.size", "file.access"})
_NOTHING: frozenset[str] = frozenset()

OPERATIONS: Mapping[str, OperationEntry] = {
    "select": OperationEntry("select the card's application", frozenset({"aid"})),
    "verify": OperationEntry("verify a PIN", _PIN),
    "retries": OperationEntry("ask how many tries a PIN has left; the status word answers", _PIN - {"pin.block"}),
    "tries": OperationEntry("read how many tries a PIN has left as a number", _PIN - {"pin.block"}),
    "pin-factory": OperationEntry(
        "tell whether a PIN still has the value that it left the factory with: 1 or 0", _PIN - {"pin.block"}
    ),
    "kdf": OperationEntry(
        "read how a PIN is hashed before it is sent: `method`, `hash`, `count`, `salt`", _PIN - {"pin.block"}
    ),
    "logout": OperationEntry("forget that a PIN was verified", _PIN - {"pin.block"}),
    "change": OperationEntry("change a PIN that is known", _PIN | _NEW_PIN),
    "unblock": OperationEntry(
        "set a new PIN by the authority of the PUK or of the administrator",
        (_PIN - {"pin.block"}) | _PUK | _NEW_PIN | {"authority"},
    ),
    "authenticate-witness": OperationEntry("ask the card for an encrypted witness", _ADMIN),
    "authenticate-answer": OperationEntry("return the witness, send a challenge", _ADMIN | {"witness", "challenge"}),
    "authenticate-challenge": OperationEntry("ask the card for a challenge", _ADMIN),
    "authenticate-response": OperationEntry("answer the card's challenge", _ADMIN | {"response"}),
    "admin-factory": OperationEntry(
        "tell whether the admin key still has the value that it left the factory with: 1 or 0", _ADMIN - {"admin.alg"}
    ),
    "admin-info": OperationEntry("ask which cipher the admin key is for", _ADMIN - {"admin.alg"}),
    "admin-change": OperationEntry("replace the admin key", (_ADMIN - {"admin.alg"}) | _NEW_ADMIN),
    "admin-kept": OperationEntry("tell whether the card keeps the admin key behind a PIN: `key` is kept", _NOTHING),
    "admin-key": OperationEntry("read the admin key that the card keeps behind a PIN", _NOTHING),
    "admin-keep": OperationEntry("write the new admin key to where the card keeps it", frozenset({"new_admin.key"})),
    "generate": OperationEntry("generate a key pair and return its public key", _NEW_KEY),
    "import": OperationEntry("write a private key to the card", _NEW_KEY | _PRIVATE),
    "create-key": OperationEntry("make the place for a new key pair", _KEY),
    "activate-key": OperationEntry("end the making of a key's place that was interrupted", _KEY),
    "delete-key": OperationEntry("delete a key pair", _KEY),
    "key-info": OperationEntry(
        "tell type, policy, touch, origin and public key of a slot", _KEY - {"key.type", "key.kind", "key.size"}
    ),
    "attest": OperationEntry(
        "return a certificate by which the card says that it made a key", _KEY - {"key.type", "key.kind", "key.size"}
    ),
    "public-key": OperationEntry("return the public key of a slot", _KEY),
    "sign": OperationEntry("sign $input", _USE),
    "decipher": OperationEntry("decrypt $input", _USE),
    "agree": OperationEntry(
        "agree on a shared secret with the public key $peer", (_USE - {"input", "hash"}) | {"peer"}
    ),
    "challenge": OperationEntry("return random bytes", _NOTHING),
    "read": OperationEntry("read a data object or file", _FILE),
    "write": OperationEntry("write $content to a data object or file", _FILE | {"content"}),
    "delete": OperationEntry("delete a data object or file", frozenset({"object"})),
    "select-file": OperationEntry("make the file with the path $object the current one", frozenset({"object"})),
    "read-binary": OperationEntry("read the current file from an offset on", _OFFSET),
    "update-binary": OperationEntry("write $content into the current file at an offset", _OFFSET | {"content"}),
    "create-file": OperationEntry("create a transparent file", _NEW_FILE),
    "delete-file": OperationEntry("delete the current file", frozenset({"object", "file.id"})),
    "create-application": OperationEntry(
        "make the directory of the card's application, where that can come before `set-up`, or leave it if it is there",
        _NOTHING,
    ),
    "set-up": OperationEntry(
        "give a blank card its first secrets, and what its directory needs before files can be made",
        frozenset({"pin.ref", "puk.ref", "puk.block", "new_pin.block", "admin.ref", "new_admin.key"}),
    ),
    "set-up-again": OperationEntry(
        "do what is left of `set-up`, with the same secrets, where the card keeps what it was given",
        frozenset({"pin.ref", "puk.ref", "puk.block", "new_pin.block", "admin.ref", "new_admin.key"}),
    ),
    "activate": OperationEntry("end the initialisation of a blank card", _NOTHING),
    "serial": OperationEntry("return the card's serial number", _NOTHING),
    "version": OperationEntry("return the version of the card's application", _NOTHING),
    "reset": OperationEntry("make the card as it left the factory", _NOTHING),
}
"""Every operation that a profile may describe."""

NAMES: Mapping[str, Entry] = {
    "aid": Entry(NameKind.BYTES, "the application identifier to select"),
    "op": Entry(NameKind.WORD, "the name of the operation that runs", tuple(OPERATIONS)),
    "pin.ref": Entry(NameKind.BYTE, "reference of the PIN"),
    "pin.name": Entry(NameKind.WORD, "name of the PIN in this profile"),
    "pin.block": Entry(NameKind.SECRET, "the PIN, encoded and padded"),
    "new_pin.block": Entry(NameKind.SECRET, "the new PIN, encoded and padded"),
    "authority": Entry(NameKind.WORD, "who allows a new PIN to be set", ("puk", "admin")),
    "puk.ref": Entry(NameKind.BYTE, "reference of the PUK"),
    "puk.block": Entry(NameKind.SECRET, "the PUK, encoded and padded"),
    "admin.ref": Entry(NameKind.BYTE, "reference of the admin key"),
    "admin.alg": Entry(NameKind.BYTE, "the card's identifier of the admin key's cipher"),
    "new_admin.alg": Entry(NameKind.BYTE, "the card's identifier of the new admin key's cipher"),
    "new_admin.length": Entry(NameKind.BYTE, "length of the new admin key in bytes"),
    "new_admin.key": Entry(NameKind.SECRET, "the new admin key"),
    "witness": Entry(NameKind.BYTES, "the card's witness, decrypted"),
    "challenge": Entry(NameKind.BYTES, "the challenge for the card"),
    "response": Entry(NameKind.BYTES, "the answer to the card's challenge"),
    "key.type": Entry(NameKind.WORD, "type of the key pair", tuple(KEY_TYPES)),
    "key.kind": Entry(NameKind.WORD, "kind of the key pair", tuple(Kind)),
    "key.size": Entry(NameKind.NUMBER, "size of the modulus or field in bits"),
    "key.policy": Entry(
        NameKind.WORD, "when the new key shall want its PIN", (ANY_POLICY, *(policy.value for policy in PinPolicy))
    ),
    "key.touch": Entry(
        NameKind.WORD, "when the new key shall want a touch", (ANY_POLICY, *(policy.value for policy in TouchPolicy))
    ),
    "key.name": Entry(NameKind.WORD, "name of the key slot in this profile"),
    "key.ref": Entry(NameKind.BYTE, "reference byte of the key slot"),
    "key.file": Entry(NameKind.BYTES, "file that holds the key"),
    "key.file.id": Entry(NameKind.BYTES, "identifier of that file, two bytes"),
    "key.certificate": Entry(NameKind.BYTES, "object or file that holds the key's certificate"),
    "alg.byte": Entry(NameKind.BYTE, "the algorithm's `byte`"),
    "alg.oid": Entry(NameKind.BYTES, "the algorithm's `oid`"),
    "scheme": Entry(NameKind.WORD, "the scheme that was asked for", tuple(Scheme)),
    "hash": Entry(NameKind.WORD, "the hash that was asked for", HASHES),
    "input": Entry(NameKind.BYTES, "what is signed or deciphered, in the algorithm's input form"),
    "peer": Entry(NameKind.BYTES, "the other side's public key as an uncompressed point"),
    "private.n": Entry(NameKind.BYTES, "modulus"),
    "private.e": Entry(NameKind.BYTES, "public exponent"),
    "private.d": Entry(NameKind.SECRET, "private exponent (RSA) or private key (EC)"),
    "private.p": Entry(NameKind.SECRET, "first prime factor"),
    "private.q": Entry(NameKind.SECRET, "second prime factor"),
    "private.dp": Entry(NameKind.SECRET, "d modulo (p - 1)"),
    "private.dq": Entry(NameKind.SECRET, "d modulo (q - 1)"),
    "private.qinv": Entry(NameKind.SECRET, "inverse of q modulo p"),
    "private.public": Entry(NameKind.BYTES, "public key as an uncompressed point (EC)"),
    "object": Entry(NameKind.BYTES, "identifier of the data object or file"),
    "object.high": Entry(NameKind.BYTE, "the first of a tag's two bytes, as P1 of GET DATA wants it; else 0"),
    "object.low": Entry(NameKind.BYTE, "the last byte of such a tag, as P2 of GET DATA wants it"),
    "object.index": Entry(NameKind.BYTE, "which of several objects with one tag: the identifier's third byte"),
    "content": Entry(NameKind.BYTES, "what is written"),
    "offset": Entry(NameKind.BYTES, "where reading or writing begins, two bytes"),
    "offset.high": Entry(NameKind.BYTE, "the first byte of the offset, as P1 of READ BINARY wants it"),
    "offset.low": Entry(NameKind.BYTE, "the second byte of the offset"),
    "length": Entry(NameKind.BYTE, "how many bytes are read"),
    "file.high": Entry(NameKind.BYTE, "the first byte of the identifier of the file that holds the data object"),
    "file.low": Entry(NameKind.BYTE, "the second byte of that identifier"),
    "parent": Entry(NameKind.BYTES, "path of the directory in which a file is created, from the MF on"),
    "parent.id": Entry(NameKind.BYTES, "identifier of that directory, two bytes"),
    "file.id": Entry(NameKind.BYTES, "identifier of the file, two bytes"),
    "file.size": Entry(NameKind.BYTES, "size of the new file, two bytes"),
    "file.access": Entry(NameKind.WORD, "who may write the new file; anybody may read it", ("free", "pin")),
}
"""Every `$name`, whichever operation may use it."""

ALGORITHM_NAMES = frozenset({"op", "key.type", "key.kind", "key.size", "scheme", "hash"})
"""The facts by which an algorithm's `byte` and `oid` may be chosen."""

CIPHERS = ("3des", "aes128", "aes192", "aes256")
"""Ciphers of admin keys."""

PROCEDURES: Mapping[str, ProcedureEntry] = {
    "witness-mutual": ProcedureEntry(
        "decrypt the card's witness, then the card encrypts our challenge",
        ("authenticate-witness", "authenticate-answer"),
    ),
    "challenge-single": ProcedureEntry(
        "encrypt the card's challenge", ("authenticate-challenge", "authenticate-response")
    ),
    "mutual-or-single": ProcedureEntry(
        "as witness-mutual, or as challenge-single where the card gives no witness",
        ("authenticate-witness", "authenticate-answer", "authenticate-challenge", "authenticate-response"),
    ),
}
"""Procedures by which an administrator authenticates."""

DATED_CHANGES = "dated-changes"
QUIRKS: Mapping[str, str] = {
    DATED_CHANGES: (
        "every program that changes the card sets lastUpdate in EF.TokenInfo, so certificates may be remembered by it"
    ),
}
"""Peculiarities of cards that code has to know of, by name."""
