"""Parked cards that a person lets go on: those that are named, or all that wait for such a decision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, replace
from enum import StrEnum

from cardcore.errors import InputError
from cardcore.personalise.journal import Journal
from cardcore.personalise.reasons import PARKINGS, Reason
from cardcore.personalise.records import CardRecord, Run
from cardcore.personalise.states import CardState

_MOST_NAMED = 10
_UNFINISHED = (CardState.PARKED, CardState.WAITING)
_NOT_PARKED = {
    CardState.ACTIVE: "it is in a reader",
    CardState.WAITING: "it waits for its certificate, and goes on by itself",
    CardState.DONE: "it is finished",
    CardState.UNDONE: "it was reset; its holder gets another card",
    CardState.REPLACED: "it counts no longer; its holder gets another card",
}


class Answer(StrEnum):
    """What became of the wish that a card goes on. LEFT: it was not meant, for `retry` is not what helps it."""

    GOES_ON = "goes-on"
    LEFT = "left"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A card as a person named it, by serial number or holder, or as it was chosen; `card` None: `absent` says why.

    Not `meant` is one that was found beside those that were asked for.
    """

    name: str
    card: CardRecord | None
    absent: str = ""
    meant: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was done about a card: the card as it is now, why it had been parked; `note` says what else to know."""

    name: str
    answer: Answer
    card: CardRecord | None = None
    was: Reason | None = None
    note: str = ""


def named(journal: Journal, run: Run, serials: Iterable[str], holders: Iterable[str] = ()) -> list[Asked]:
    """The newest card of each serial number, and of each holder; each card once."""
    by_serial: dict[str, CardRecord] = {}
    by_holder: dict[str, CardRecord] = {}
    for card in journal.cards(run.id):
        by_serial[card.serial.lower()] = by_holder[card.holder] = card
    asked = [
        Asked(name=serial, card=by_serial.get(serial.lower()), absent="the run has no such card") for serial in serials
    ]
    asked += [
        Asked(name=holder, card=by_holder.get(holder), absent="no card was begun for this holder") for holder in holders
    ]
    once: dict[object, Asked] = {}
    for one in asked:
        once.setdefault(one.name if one.card is None else one.card.id, one)
    return list(once.values())


def chosen(
    journal: Journal, run: Run, reasons: Set[Reason] = frozenset(), stations: Set[str] = frozenset()
) -> list[Asked]:
    """The cards that are parked for one of the reasons and were last at one of the stations; none: at any.

    Without reasons these are the cards that wait for a decision, of which those are not meant that `retry` does not
    help. InputError that names the stations if no card of the run was at one that is asked for.
    """
    cards = journal.cards(run.id)
    _require_stations(run, stations, {card.station for card in cards if card.station})
    found = []
    for card in cards:
        if card.state not in _UNFINISHED or card.reason is None or (stations and card.station not in stations):
            continue
        parking = PARKINGS[card.reason]
        if card.reason in reasons or not (reasons or parking.continues):
            found.append(Asked(name=card.serial, card=card, meant=bool(reasons) or parking.retry))
    return found


def _require_stations(run: Run, asked: Set[str], known: Set[str]) -> None:
    strange = sorted(asked - known)
    if strange:
        seen = sorted(known)
        more = f" and {len(seen) - _MOST_NAMED} more" if len(seen) > _MOST_NAMED else ""
        hint = (
            f"There were {', '.join(seen[:_MOST_NAMED])}{more}." if seen else "It has been at no named station at all."
        )
        raise InputError(f"no card of the run {run.name} was at the station {strange[0]}", hint=hint)


def let_go_on(journal: Journal, asked: Iterable[Asked], *, dry_run: bool = False) -> Iterator[Verdict]:
    """Yield what was done about each card, when it is on the disk; with `dry_run` what would be done."""
    for one in asked:
        yield _decided(journal, one, dry_run=dry_run)


def _decided(journal: Journal, asked: Asked, *, dry_run: bool) -> Verdict:
    card = asked.card
    if card is None:
        return Verdict(name=asked.name, answer=Answer.REFUSED, note=asked.absent)
    if card.state is not CardState.PARKED:
        return Verdict(name=asked.name, answer=Answer.REFUSED, card=card, was=card.reason, note=_NOT_PARKED[card.state])
    parking = None if card.reason is None else PARKINGS[card.reason]
    note = "" if parking is None or parking.continues or parking.retry else parking.advice
    if not asked.meant:
        return Verdict(name=asked.name, answer=Answer.LEFT, card=card, was=card.reason, note=note)
    try:
        now = replace(card, reason=Reason.LET_GO_ON) if dry_run else journal.retry(card.id)
    except InputError:  # between looking and deciding, as a station takes it up
        now = journal.card(card.id)
        note = _NOT_PARKED.get(now.state, "it was taken up meanwhile")
        return Verdict(name=asked.name, answer=Answer.REFUSED, card=now, was=card.reason, note=note)
    return Verdict(name=asked.name, answer=Answer.GOES_ON, card=now, was=card.reason, note=note)
