"""What the database knows of the stations of a run. Times are the database's: machines' clocks differ."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Float, cast, delete, func, insert, select, update

from cardcore.errors import InputError
from cardcore.personalise.states import CardState
from cardcore.personalise.store import Store
from cardcore.personalise.tables import CARDS, STATIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class StationRecord:
    """A station: the run it works in, since when, how many seconds ago it was heard of, whether it has ended.

    `working` are the cards in its readers now, `done` those that it has finished.
    """

    name: str
    run: int
    since: float
    silent: float
    ended: bool
    working: int
    done: int


def station_opened(store: Store, name: str, *, run: int, silent: float) -> None:
    """A station begins; InputError if one of that name was heard of less than `silent` seconds ago."""
    with store.write() as connection:
        row = connection.execute(select(STATIONS).where(STATIONS.c.name == name)).one_or_none()
        now = connection.execute(select(_now())).scalar_one()
        if row is not None and row.ended_at is None and now - row.seen_at < silent:
            raise InputError(
                f"a station named {name} is working", hint=f"Name another one, or wait {silent:.0f} s if it has died."
            )
        connection.execute(delete(STATIONS).where(STATIONS.c.name == name))
        connection.execute(insert(STATIONS).values(name=name, run=run, started_at=now, seen_at=now))


def station_seen(store: Store, name: str) -> None:
    """A station lives."""
    with store.write() as connection:
        connection.execute(update(STATIONS).where(STATIONS.c.name == name).values(seen_at=_now()))


def station_closed(store: Store, name: str) -> None:
    """A station has ended in order."""
    with store.write() as connection:
        connection.execute(update(STATIONS).where(STATIONS.c.name == name).values(seen_at=_now(), ended_at=_now()))


def stations(store: Store, run: int | None = None) -> list[StationRecord]:
    """All stations, or those of one run, by name."""
    if not store.is_shared:
        return []
    cards = CARDS.c.station == STATIONS.c.name
    working = select(func.count()).where(cards, CARDS.c.state == CardState.ACTIVE).scalar_subquery()
    done = select(func.count()).where(cards, CARDS.c.state == CardState.DONE).scalar_subquery()
    silent = (_now() - STATIONS.c.seen_at).label("silent")
    query = select(STATIONS, silent, working.label("working"), done.label("done")).order_by(STATIONS.c.name)
    if run is not None:
        query = query.where(STATIONS.c.run == run)
    with store.read() as connection:
        return [
            StationRecord(
                name=row.name,
                run=row.run,
                since=row.started_at,
                silent=max(0.0, row.silent),
                ended=row.ended_at is not None,
                working=row.working,
                done=row.done,
            )
            for row in connection.execute(query)
        ]


def _now() -> ColumnElement[float]:
    return cast(func.extract("epoch", func.clock_timestamp()), Float)
