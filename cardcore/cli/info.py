"""`cardcore info`: what is known of the card."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cardcore.cli import cert, key, pads, pin
from cardcore.cli.context import Context, pass_context
from cardcore.cli.options import examples
from cardcore.cli.output import pairs, table
from cardcore.cli.progress import working
from cardcore.errors import ReplyError

if TYPE_CHECKING:
    from cardcore.atr import Atr

Described = dict[str, object]


@click.command(
    epilog=examples("cardcore info", "cardcore --reader soft:alice info", "cardcore --json info | jq .serial")
)
@pass_context
def info(context: Context) -> None:
    """Show what is on the card.

    Answer to reset, profile and why it matched, serial number, PINs, keys, certificates.
    """
    with context.card() as card, working("reading the card"), card.transaction():
        states = card.pins()
        entries = card.keys()
        keys = [key.describe(card, entry) for entry in entries]
        certificates = [cert.describe(name, found) for name, found in card.certificates().items()]
        serial = card.serial()
        answer = describe_atr(card.atr)
        pad = card.pin_pad
    document: Described = {
        "reader": card.reader,
        **pads.describe(pad),
        "atr": answer,
        "profile": {
            "id": card.profile.id,
            "name": card.profile.name,
            "reason": card.reason,
            "verified": card.profile.verified,
        },
        "serial": serial or None,
        "pins": [pin.describe(state) for state in states],
        "keys": keys,
        "certificates": certificates,
    }
    rows = [
        ("reader", card.reader),
        *[("", line) for line in (pads.words(document), str(document["pin_pad_refused"] or "")) if line],
        ("ATR", str(answer["hex"])),
        *[("", line) for line in atr_lines(answer)],
        ("profile", f"{card.profile.id}: {card.profile.name}"),
        ("evidence", card.profile.verified or "the profile says nothing of it"),
        ("matched by", card.reason or "its name, which was given"),
        ("serial", serial or "none"),
    ]
    lines = [*pairs(rows), "", *table(("PIN", "LABEL", "STATE"), [(s.name, s.label, pin.state_of(s)) for s in states])]
    lines += ["", *(key.key_rows(keys) if keys else ["no keys"])]
    lines += ["", *(cert.certificate_rows(certificates) if certificates else ["no certificates"])]
    context.output.result(document, lines)


def describe_atr(raw: bytes) -> Described:
    """An answer to reset for JSON; only `hex` says something where it is malformed."""
    from cardcore import atr

    described: Described = {"hex": raw.hex().upper()}
    fields = ("convention", "protocols", "historical", "text", "extended_length", "chaining", "error")
    described |= dict.fromkeys(fields)
    try:
        return described | _parts(atr.parse(raw))
    except ReplyError as error:
        return described | {"error": error.message}


def _parts(answer: Atr) -> Described:
    capabilities = answer.capabilities
    return {
        "convention": answer.convention.value,
        "protocols": list(answer.protocols),
        "historical": answer.historical.hex().upper(),
        "text": "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in answer.historical),
        "extended_length": capabilities.extended_length if capabilities else None,
        "chaining": capabilities.chaining if capabilities else None,
    }


def atr_lines(answer: Described) -> list[str]:
    """What an answer to reset says, in words."""
    if answer["error"]:
        return [str(answer["error"])]
    protocols = answer["protocols"] if isinstance(answer["protocols"], list) else []
    said = {True: "yes", False: "no", None: "not said"}
    lines = [f"{answer['convention']} convention, {', '.join(f'T={number}' for number in protocols)}"]
    if answer["historical"]:
        lines.append(f"historical bytes {answer['historical']} ({answer['text']})")
    for name, label in (("extended_length", "extended length"), ("chaining", "command chaining")):
        value = answer[name]
        lines.append(f"{label}: {said[value if isinstance(value, bool) else None]}")
    return lines
