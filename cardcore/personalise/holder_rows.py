"""Holders on their way into the journal: new ones, many at once, and what has changed in the records of known ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set

from sqlalchemy import Connection, insert, update
from sqlalchemy.exc import IntegrityError

from cardcore.errors import InputError
from cardcore.personalise.records import Enrolment
from cardcore.personalise.states import HolderState
from cardcore.personalise.tables import HOLDERS

_WITHOUT_CARD = (HolderState.WAITING, HolderState.GONE)

Known = tuple[str, str, str | None]
"""A known holder's state, record (JSON) and kinds of card, as they are in the journal."""


def insert_holders(connection: Connection, run: int, holders: list[Enrolment], position: int) -> None:
    """Many rows at once, past what SQLAlchemy does for each row: that alone took as long as all the rest."""
    if not holders:
        return
    alike = {"run": run, "urgent": False, "state": HolderState.WAITING.value, "attempts": 0}
    rows = [
        {
            **alike,
            "holder": one.holder,
            "position": position + offset,
            "profiles": _listed(one.profiles),
            "record": _record(one.record),
        }
        for offset, one in enumerate(holders)
    ]
    statement = insert(HOLDERS).inline().compile(dialect=connection.dialect, column_keys=list(rows[0]))
    order = statement.positiontup
    try:
        if order:
            connection.exec_driver_sql(str(statement), [tuple(row[name] for name in order) for row in rows])
        else:
            connection.exec_driver_sql(str(statement), rows)
    except IntegrityError as error:
        raise InputError(
            "a holder's identifier occurs twice", hint="Each holder needs an identifier of his own."
        ) from error


_record = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def correct_holders(connection: Connection, run: int, holders: list[Enrolment], known: Mapping[str, Known]) -> None:
    """Take over what has changed in the records of those who have no finished card."""
    for one in holders:
        state, record, profiles = known[one.holder]
        if state != HolderState.DONE and (record != _record(one.record) or profiles != _listed(one.profiles)):
            connection.execute(
                update(HOLDERS)
                .where(HOLDERS.c.run == run, HOLDERS.c.holder == one.holder)
                .values(record=_record(one.record), profiles=_listed(one.profiles))
            )


def mark_gone(connection: Connection, run: int, gone: Set[str], known: Mapping[str, Known]) -> None:
    """Who has no card and is named no more gets none; whoever is named again waits again."""
    for holder, (state, _, _) in known.items():
        if state in _WITHOUT_CARD and (state == HolderState.GONE) is not (holder in gone):
            now = HolderState.GONE if holder in gone else HolderState.WAITING
            mine = (HOLDERS.c.run == run) & (HOLDERS.c.holder == holder) & (HOLDERS.c.state == state)
            connection.execute(update(HOLDERS).where(mine).values(state=now))


def _listed(profiles: frozenset[str] | None) -> str | None:
    return None if profiles is None else "".join(f"|{name}" for name in sorted(profiles)) + "|"
