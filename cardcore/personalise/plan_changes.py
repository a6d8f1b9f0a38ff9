"""A run that is gone on with: by the plan with which it was begun, or by one that a person has accepted instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import select, update

from cardcore.errors import CardError, InputError
from cardcore.personalise.changes import Change
from cardcore.personalise.journal import Journal
from cardcore.personalise.plan import Plan
from cardcore.personalise.plan_parts import changed_parts, concerns, parts_of
from cardcore.personalise.reasons import PARKINGS, Reason
from cardcore.personalise.records import CardRecord, Run
from cardcore.personalise.rows import card_of
from cardcore.personalise.states import CardState
from cardcore.personalise.station_records import stations
from cardcore.personalise.tables import CARDS, RUNS

_BEGUN = (CardState.ACTIVE, CardState.PARKED, CardState.WAITING)
_ALIVE_SECONDS = 60.0
_MOST_NAMED = 10


class PlanChanged(CardError):
    """The plan lays down something else than when the run was begun."""

    code = "plan-changed"
    default_hint = (
        "Restore the plan; or go on with `--resume --accept-changed-plan`: finished cards stay as they are, cards that "
        "were begun are parked for a decision."
    )


def check_unchanged(run: Run, plan: Plan) -> list[str]:
    """The parts of the plan that are not as they were when the run was begun, by name; none if it is the same."""
    if run.parts is None:  # begun by a release that kept the file's digest only
        return [] if run.digest == plan.digest.hex() else ["the plan"]
    return changed_parts(run.parts, parts_of(plan))


def require_unchanged(journal: Journal, run: Run, plan: Plan) -> None:
    """PlanChanged, which names the parts and how many cards there are by them, if the plan is not as it was."""
    different = check_unchanged(run, plan)
    if not different:
        return
    totals = journal.totals(run.id)
    cards = f"cards: {totals.done} finished, {totals.active + totals.parked + totals.waiting} begun"
    raise PlanChanged(f"the plan has changed since the run {run.name} was begun ({cards}): {_named(different)}")


def accept_changes(journal: Journal, run: Run, plan: Plan) -> tuple[list[str], list[CardRecord]]:
    """From now on the run is by this plan: what has changed, and the cards that are parked because they were begun.

    InputError while a station works by the plan as it was.
    """
    different = check_unchanged(run, plan)
    working = [one.name for one in stations(journal.store, run.id) if not one.ended and one.silent < _ALIVE_SECONDS]
    if different and working:
        raise InputError(
            f"the station {working[0]} works by the plan as it was",
            hint="End every station, or wait a minute after one that died, before the plan is changed.",
        )
    return different, _adopt(journal, run, plan, different)


def _adopt(journal: Journal, run: Run, plan: Plan, different: Iterable[str]) -> list[CardRecord]:
    parts: Mapping[str, str] = parts_of(plan)
    with journal.store.write() as connection:
        connection.execute(update(RUNS).where(RUNS.c.id == run.id).values(digest=plan.digest.hex(), parts=parts))
        begun = select(CARDS).where(CARDS.c.run == run.id, CARDS.c.state.in_(_BEGUN)).order_by(CARDS.c.id)
        parked = []
        for card in [card_of(row) for row in connection.execute(begun)]:
            about = [part for part in different if concerns(part, card.profile)]
            if about and _goes_on_by_itself(card):
                detail = f"the plan has changed since the card was begun: {_named(about)}"
                Change(connection).parked(card.id, Reason.PLAN_CHANGED, detail)
                parked.append(card)
    return parked


def _goes_on_by_itself(card: CardRecord) -> bool:
    """Whether nobody has decided about a card, or has to."""
    return card.reason is None or (card.reason is not Reason.LET_GO_ON and PARKINGS[card.reason].continues)


def _named(parts: list[str]) -> str:
    more = len(parts) - _MOST_NAMED
    return ", ".join(parts[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
