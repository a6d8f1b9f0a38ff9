"""A new profile as text: what was said of the card filled in, what was not as comments that show how it is said."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cardcore.errors import InputError
from cardcore.keytypes import KEY_TYPES, Kind
from cardcore.profile.model import DecipherResult, InputForm

MODELINE = "# yaml-language-server: $schema={schema}"
_FORMS = frozenset({InputForm.PADDED, InputForm.DIGEST_INFO, InputForm.DIGEST_INFO_CHECKED, InputForm.HASH})
_MAX_PIN = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What an author knows of a card; `pad` is a pad byte and the size of the block, `puk_ref` None without a PUK.

    `key_refs` are the references of the first and the last key, `algorithm` the byte of RSA with PKCS #1 v1.5.
    """

    name: str
    aid: bytes = b""
    atr: bytes = b""
    pkcs15: bool = False
    pin_ref: int = 0x01
    pin_length: tuple[int, int] = (4, 8)
    digits: bool = False
    pad: tuple[int, int] | None = None
    puk_ref: int | None = None
    key_refs: tuple[int, int] = (0x01, 0x02)
    types: tuple[str, ...] = ("rsa2048",)
    algorithm: int = 0x02
    form: InputForm = InputForm.DIGEST_INFO_CHECKED
    decipher: DecipherResult = DecipherResult.PLAIN


def draft(outline: Outline, schema: str = "profile.schema.json") -> str:
    """The profile, which passes `check`; InputError for what no profile can say."""
    _check(outline)
    return "\n".join(
        [
            MODELINE.format(schema=schema),
            f"# Editors complete and check with the schema beside this file: cardcore profile schema > {schema}",
            "# The lines that begin with # show what else can be said. The guide: docs/profile-authors.md.",
            *_head(outline),
            "",
            *_match(outline),
            "",
            "# Bytes of data in one command and one response, and how longer ones travel: chaining (CLA 10), extended",
            "# length (true, false, or atr: as the card's ATR says).",
            "limits: {send: 255, receive: 256, extended: false, chaining: true}",
            "",
            *_pins(outline),
            "",
            *_keys(outline),
            "",
            *_algorithms(outline),
            "",
            *_operations(outline),
            "",
        ]
    )


def _check(outline: Outline) -> None:
    shortest, longest = outline.pin_length
    if not _one_line(outline.name):
        raise InputError("the card has no name")
    if not outline.aid and not outline.atr:
        raise InputError("a card is recognised by an AID or by its ATR", hint="Give one, or both.")
    if outline.aid and not 5 <= len(outline.aid) <= 16:
        raise InputError(f"an AID of {len(outline.aid)} bytes", hint="It has 5 to 16.")
    if outline.atr and not 2 <= len(outline.atr) <= 33:
        raise InputError(f"an ATR of {len(outline.atr)} bytes", hint="It has 2 to 33.")
    if not 1 <= shortest <= longest <= _MAX_PIN:
        raise InputError(f"a PIN of {shortest} to {longest} characters", hint="As 4-8.")
    if outline.pad is not None and outline.pad[1] < longest:
        raise InputError(f"a PIN of {longest} characters does not fit into {outline.pad[1]} bytes")
    if outline.key_refs[0] > outline.key_refs[1]:
        raise InputError("the last key's reference is smaller than the first one's")
    if outline.puk_ref == outline.pin_ref:
        raise InputError("PIN and PUK have the same reference")
    if not outline.types or any(KEY_TYPES[name].kind is not Kind.RSA for name in outline.types):
        raise InputError("the first algorithm of a new profile is for RSA", hint="Add one for EC keys in the file.")
    if outline.form not in _FORMS:
        raise InputError(f"RSA signatures are not made from {outline.form}", hint=f"Use {', '.join(sorted(_FORMS))}.")


def _head(outline: Outline) -> list[str]:
    return [
        "profile: 1",
        f"name: {_quoted(outline.name)}",
        f"description: {_quoted(outline.name + ', from its manual')}",
        f"base: {'pkcs15' if outline.pkcs15 else 'iso7816'}"
        + ("" if outline.pkcs15 else " # pkcs15 if keys and certificates are listed in ISO 7816-15 files"),
        "# What evidence there is. It is shown with the card: say no more than is known.",
        "verified: Not run on a card.",
        *([] if outline.pkcs15 else ["# directory: files # certificates stand in files; then see select-file below"]),
    ]


def _one_line(text: str) -> str:
    return " ".join(re.sub(r"[^\x20-\x7e\xa0-\ud7ff]", " ", text).split())


def _quoted(text: str) -> str:
    """Text as YAML that cannot be taken for anything else; it stands in one line."""
    line = _one_line(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{line}"'


def _match(outline: Outline) -> list[str]:
    lines = [
        "# How the card is recognised: all of this must hold; in a list one must. A dot in an ATR is any digit.",
        "match:",
    ]
    lines.append(f'  aid: "{outline.aid.hex().upper()}"' if outline.aid else '  # aid: "F04C61726B73707572"')
    if outline.atr:
        lines.append(f'  {"usual_atr" if outline.aid else "atr"}: "{outline.atr.hex().upper()}"')
    return lines


def _pins(outline: Outline) -> list[str]:
    spec = f"length: [{outline.pin_length[0]}, {outline.pin_length[1]}]"
    spec += ", digits: true" if outline.digits else ""
    spec += "" if outline.pad is None else f", pad: {{byte: 0x{outline.pad[0]:02X}, to: {outline.pad[1]}}}"
    unblock = "" if outline.puk_ref is None else ", unblock: puk"
    lines = [
        "# ref is P2 of VERIFY. encoding: ascii (what is meant if nothing is said), bcd, glp (ISO 9564 format 2), hex.",
        "# tries: retries (an empty VERIFY tells), tries (an operation reads them), none (the card does not tell).",
        "pins:",
        f"  user: {{ref: 0x{outline.pin_ref:02X}, label: PIN, {spec}{unblock}}}",
    ]
    if outline.puk_ref is None:
        lines.append("  # puk: {ref: 0x02, label: PUK, length: [8, 8]} # and unblock: puk for the PIN above")
    else:
        lines.append(f"  puk: {{ref: 0x{outline.puk_ref:02X}, label: PUK, {spec}}}")
    return lines


def _keys(outline: Outline) -> list[str]:
    first, last = outline.key_refs
    return [
        "# Named by numbers from 1 on. Or each by a name of its own:",
        '#   signature: {ref: 0x11, label: Signature, certificate: "DF21", usage: [sign], policy: always}',
        "# policy: once (after VERIFY), always (a PIN for each use), never.",
        "keys:",
        f"  range: {{first: 0x{first:02X}, last: 0x{last:02X}}}",
    ]


def _algorithms(outline: Outline) -> list[str]:
    return [
        "# sign: what the card takes. padded (the host pads), digest-info (the card pads, whatever it gets),",
        "# digest-info-checked (it refuses other bytes), hash (it adds the hash's identifier itself).",
        "# decipher: what it returns. plain, or padded (the host takes the padding off).",
        "algorithms:",
        f"  rsa: {{types: [{', '.join(outline.types)}], byte: 0x{outline.algorithm:02X}, sign: {outline.form.value}, "
        f"decipher: {outline.decipher.value}}}",
        "  # ecdsa: {types: [ecp256], byte: 0x04, sign: hash, signature: der} # or rs",
    ]


def _operations(outline: Outline) -> list[str]:
    unblock = [] if outline.puk_ref is not None else ["  unblock: [] # the card cannot do what the base can"]
    return [
        "# From the base: select, verify, retries, logout, change, unblock, challenge, read, and as they stand here",
        "# sign and decipher. What is sent: `cardcore profile explain FILE OPERATION`. le: 0 is the most there is.",
        "operations:",
        *unblock,
        "  sign:",
        "    - {ins: 0x22, p1: 0x41, p2: 0xB6, data: {0x80: $alg.byte, 0x84: $key.ref}}",
        "    - {ins: 0x2A, p1: 0x9E, p2: 0x9A, data: $input, le: 0, needs: pin, reply: {}}",
        "  decipher: # 00 is the padding indicator",
        "    - {ins: 0x22, p1: 0x41, p2: 0xB8, data: {0x80: $alg.byte, 0x84: $key.ref}}",
        '    - {ins: 0x2A, p1: 0x80, p2: 0x86, data: ["00", $input], le: 0, needs: pin, reply: {}}',
        "  # generate:",
        "  #   - ins: 0x47",
        "  #     p2: $key.ref",
        "  #     data: {0xAC: {0x80: $alg.byte}}",
        "  #     le: 0",
        "  #     needs: pin",
        "  #     reply: {path: [0x7F49], rsa: {n: 0x81, e: 0x82}}",
        "  # select-file: [{ins: 0xA4, p1: 0x08, p2: 0x0C, data: $object}] # a path from the MF on",
        "  # read-binary: [{ins: 0xB0, p1: $offset.high, p2: $offset.low, le: 0, reply: {}}]",
        "  # update-binary: [{ins: 0xD6, p1: $offset.high, p2: $offset.low, data: $content, needs: pin}]",
        "  # write: [{ins: 0xDB, p1: 0x3F, p2: 0xFF, data: [{0x5C: $object}, {0x53: $content}], needs: pin}]",
    ]
