"""`cardcore readers`: readers, what they can do, and what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cardcore.cli import pads
from cardcore.cli.context import Context, pass_context
from cardcore.cli.options import examples
from cardcore.cli.output import table
from cardcore.cli.progress import working
from cardcore.errors import CardError, UnknownCard

if TYPE_CHECKING:
    from cardcore.transport.reader_events import ReaderEvent
    from cardcore.transport.readers import ReaderState

Described = dict[str, object]


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
        **pads.NOTHING_KNOWN,
        "extended_length": None,
        "profile": None,
        "error": None,
    }
    try:
        return described | (_probe(context, state.name) if state.present else _look(state.name))
    except CardError as error:
        return described | {"error": error.code}


def _look(reader: str) -> Described:
    """What a reader without a card can do."""
    from cardcore.pinpad.features import find_pad
    from cardcore.transport import pcsc

    return pads.describe(find_pad(reader, lambda code, data: pcsc.control_reader(reader, code, data)))


def _probe(context: Context, reader: str) -> Described:
    from cardcore import open_transport
    from cardcore.opening import open_on
    from cardcore.pinpad.features import find_pad

    transport = open_transport(reader)
    pad = pads.describe(find_pad(reader, transport.control))
    told: Described = {**pad, "extended_length": transport.extended_length}
    try:
        with open_on(transport, context.profile) as card:
            return told | {"profile": card.profile.id}
    except UnknownCard as error:
        return told | {"error": error.code}


def _row(entry: Described) -> tuple[str, str, str, str]:
    features = [label for label in (pads.words(entry), "extended length" if entry["extended_length"] else "") if label]
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
