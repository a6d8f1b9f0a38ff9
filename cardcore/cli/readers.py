"""`cardcore readers`: readers, what they can do, and what is in them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from cardcore.cli.context import Context, pass_context
from cardcore.cli.options import examples
from cardcore.cli.output import table
from cardcore.cli.progress import working
from cardcore.errors import CardError, TransportError, UnknownCard

if TYPE_CHECKING:
    from cardcore.transport.base import Transport
    from cardcore.transport.readers import ReaderEvent, ReaderState

Described = dict[str, object]

_VERIFY_DIRECT, _MODIFY_DIRECT = 0x06, 0x07  # PC/SC part 10, 2.3
_GET_FEATURES = 3400


@click.command(epilog=examples("cardcore readers", "cardcore --json readers", "cardcore readers --watch"))
@click.option("--watch", is_flag=True, help="Then go on and tell which cards come and go, until interrupted.")
@pass_context
def readers(context: Context, watch: bool) -> None:
    """List readers, their features, and the cards in them.

    For each card the profile that matches is looked for. Software cards are in no reader; see `cardcore soft list`.
    """
    if watch:
        _watch(context)
        return
    from cardcore.transport import pcsc

    with working("looking into the readers"):
        found = [_describe(context, state) for state in pcsc.list_readers()]
    rows = [_row(entry) for entry in found]
    people = table(("READER", "FEATURES", "CARD", "PROFILE"), rows) if found else ["no reader is connected"]
    context.output.result({"readers": found}, people)


def _describe(context: Context, state: ReaderState) -> Described:
    """A reader for JSON. What the card in it says is asked for; `error` says why it does not tell."""
    described: Described = {
        "name": state.name,
        "present": state.present,
        "atr": state.atr.hex().upper() or None,
        "in_use": state.in_use,
        "pin_pad": None,
        "extended_length": None,
        "profile": None,
        "error": None,
    }
    if not state.present:
        return described
    try:
        return described | _probe(context, state.name)
    except CardError as error:
        return described | {"error": error.code}


def _probe(context: Context, reader: str) -> Described:
    from cardcore import open_transport
    from cardcore.opening import open_on

    transport = open_transport(reader)
    told: Described = {"pin_pad": _has_pin_pad(transport), "extended_length": transport.extended_length}
    try:
        with open_on(transport, context.profile) as card:
            return told | {"profile": card.profile.id}
    except UnknownCard as error:
        return told | {"error": error.code}


def _has_pin_pad(transport: Transport) -> bool:
    """Whether the reader offers PIN entry on its own keys: CM_IOCTL_GET_FEATURE_REQUEST (PC/SC part 10, 2.2)."""
    code = 0x31 << 16 | _GET_FEATURES << 2 if sys.platform == "win32" else 0x42000000 + _GET_FEATURES
    try:
        reply = transport.control(code)
    except TransportError:
        return False
    tags = reply[::6]  # tag, length 4, a code of 4 bytes
    return _VERIFY_DIRECT in tags or _MODIFY_DIRECT in tags


def _row(entry: Described) -> tuple[str, str, str, str]:
    features = [
        label for name, label in (("pin_pad", "PIN pad"), ("extended_length", "extended length")) if entry[name]
    ]
    known = str(entry["profile"] or entry["error"] or "")
    return str(entry["name"]), ", ".join(features), str(entry["atr"] or ("mute" if entry["present"] else "-")), known


def _watch(context: Context) -> None:
    from cardcore.transport import pcsc

    for event in pcsc.watch():
        document, people = _event(context, event)
        context.output.event(document, people)


def _event(context: Context, event: ReaderEvent) -> tuple[Described, str]:
    """One event for JSON and for people; of a card that came, the profile is looked for."""
    profile: object = None
    if event.kind == "inserted":
        try:
            profile = _probe(context, event.reader).get("profile", UnknownCard.code)
        except CardError as error:
            profile = error.code
    document: Described = {
        "event": event.kind.value,
        "reader": event.reader,
        "atr": event.atr.hex().upper() or None,
        "profile": profile,
    }
    words = [event.kind.value.replace("-", " "), event.reader, event.atr.hex().upper(), str(profile or "")]
    return document, "  ".join(word for word in words if word)
