"""The journal: which card is whose, and every step of every card, on the disk before and after it happens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from time import time
from typing import Any, Self

from sqlalchemy import Column, ColumnElement, Connection, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from cardcore.errors import InputError
from cardcore.lines import shown
from cardcore.personalise.changes import Change, JournalConflict
from cardcore.personalise.holder_rows import correct_holders, insert_holders, mark_gone
from cardcore.personalise.holding import as_touched, later_than
from cardcore.personalise.reasons import Reason, Refusal
from cardcore.personalise.records import (
    CardRecord,
    CertificateRecord,
    Enrolment,
    HolderRecord,
    RefusedRecord,
    Run,
    SecretRecord,
    StepRecord,
    Totals,
)
from cardcore.personalise.rows import card_of, certificate_of, holder_of, refused_of, run_of, secret_of, step_of
from cardcore.personalise.states import CardState, HolderState
from cardcore.personalise.store import Hook, Store, open_store
from cardcore.personalise.tables import CARDS, CERTIFICATES, HOLDERS, REFUSED, RUNS, SECRETS, STEPS

_AT_A_TIME = 2000
_OPEN = (CardState.ACTIVE, CardState.PARKED, CardState.WAITING)


class Journal:
    """The journal in a store. It may be used by several threads, and several processes may use one store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @classmethod
    def open(cls, place: str | Path, hook: Hook | None = None) -> Self:
        """The journal in a file (SQLite) or at a database URL; see `open_store`."""
        return cls(open_store(place, hook))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the database."""
        self.store.close()

    @contextmanager
    def change(self) -> Iterator[Change]:
        """One transaction about cards, on the disk when the `with` ends; an exception undoes it."""
        with self.store.write() as connection:
            yield Change(connection)

    # Runs and holders

    def begin(self, name: str, *, plan: str, digest: str, parts: Mapping[str, str] | None = None) -> Run:
        """Begin a run; InputError if there is one of that name. `parts` is what the plan lays down (`plan_parts`)."""
        values = {"name": name, "plan": plan, "digest": digest, "parts": parts}
        with self.store.write() as connection:
            try:
                connection.execute(insert(RUNS).values(started_at=time(), **values))
            except IntegrityError as error:
                raise InputError(
                    f"the run {name} is in the journal already", hint="Go on with it (--resume), or name another."
                ) from error
            return run_of(connection.execute(select(RUNS).where(RUNS.c.name == name)).one())

    def join(self, name: str, *, plan: str, digest: str, parts: Mapping[str, str] | None = None) -> Run:
        """The run of that name, begun if there is none yet."""
        try:
            return self.begin(name, plan=plan, digest=digest, parts=parts)
        except InputError:
            return self.run(name)

    def run(self, name: str) -> Run:
        """The run of that name; InputError if there is none."""
        with self.store.read() as connection:
            row = connection.execute(select(RUNS).where(RUNS.c.name == name)).one_or_none()
        if row is None:
            raise InputError(f"the journal has no run {name}", hint="List the runs with `cardcore personalise status`.")
        return run_of(row)

    def runs(self) -> list[Run]:
        """Every run, oldest first."""
        with self.store.read() as connection:
            return [run_of(row) for row in connection.execute(select(RUNS).order_by(RUNS.c.id))]

    def end(self, run: int) -> None:
        """A sitting of the run is over."""
        with self.store.write() as connection:
            connection.execute(update(RUNS).where(RUNS.c.id == run).values(ended_at=time()))

    def enrol(self, run: int, holders: Iterable[Enrolment], *, complete: bool = False) -> int:
        """Record who is to get a card, in order; return how many were new.

        Whoever is there already keeps place and card; a record that has changed is taken where no card is finished.
        `complete`: these are all, so that others who have no card get none, unless they come back.
        """
        pending = iter(holders)
        first = list(islice(pending, _AT_A_TIME))  # a slow source holds up no transaction
        with self.store.write() as connection:
            self.store.exclude_others(connection)
            known = {
                row.holder: (row.state, row.record, row.profiles)
                for row in connection.execute(
                    select(HOLDERS.c.holder, HOLDERS.c.state, HOLDERS.c.record, HOLDERS.c.profiles).where(
                        HOLDERS.c.run == run
                    )
                )
            }
            position, new = len(known), 0
            gone = set(known) if complete else set()
            batch = first
            while batch:
                fresh = [one for one in batch if one.holder not in known]
                correct_holders(connection, run, [one for one in batch if one.holder in known], known)
                insert_holders(connection, run, fresh, position)
                position, new = position + len(fresh), new + len(fresh)
                gone.difference_update(one.holder for one in batch)
                batch = list(islice(pending, _AT_A_TIME))
            if complete:
                mark_gone(connection, run, gone, known)
        return new

    def holder(self, run: int, holder: str) -> HolderRecord:
        """A holder of a run; InputError if there is none."""
        with self.store.read() as connection:
            row = connection.execute(
                select(HOLDERS).where(HOLDERS.c.run == run, HOLDERS.c.holder == holder)
            ).one_or_none()
        if row is None:
            raise InputError(f"the run has no holder {holder}", hint="Look into the plan's source of holders.")
        return holder_of(row)

    def totals(self, run: int, within: int | None = None) -> Totals:
        """How far the run is; of its first `within` holders only, if that is given."""
        counted = HOLDERS.c.run == run
        cards = (CARDS.c.run == run) & CARDS.c.live_serial.is_not(None)
        if within is not None:
            counted &= HOLDERS.c.position < within
        with self.store.read() as connection:
            holders = _counts(connection, HOLDERS.c.state, counted)
            states = _counts(connection, CARDS.c.state, cards)
        return Totals(
            holders=sum(holders.values()) - holders.get(HolderState.GONE, 0),
            gone=holders.get(HolderState.GONE, 0),
            done=holders.get(HolderState.DONE, 0),
            assigned=holders.get(HolderState.ASSIGNED, 0),
            active=states.get(CardState.ACTIVE, 0),
            parked=states.get(CardState.PARKED, 0),
            waiting=states.get(CardState.WAITING, 0),
        )

    # Cards

    def find(self, profile: str, serial: str) -> CardRecord | None:
        """The card with this serial number if it is somebody's, in whatever run."""
        with self.store.read() as connection:
            row = connection.execute(select(CARDS).where(CARDS.c.live_serial == _live(profile, serial))).one_or_none()
        return None if row is None else card_of(row)

    def card(self, card: int) -> CardRecord:
        """The card with this number; InputError if there is none."""
        with self.store.read() as connection:
            row = connection.execute(select(CARDS).where(CARDS.c.id == card)).one_or_none()
        if row is None:
            raise InputError(f"the journal has no card {card}", hint="List them with `cardcore personalise status`.")
        return card_of(row)

    def cards(self, run: int | None = None, *states: CardState, holder: str | None = None) -> list[CardRecord]:
        """Cards in the order in which they were begun: of a run, in certain states, of one holder."""
        query = select(CARDS).order_by(CARDS.c.id)
        if run is not None:
            query = query.where(CARDS.c.run == run)
        if states:
            query = query.where(CARDS.c.state.in_(states))
        if holder is not None:
            query = query.where(CARDS.c.holder == holder)
        with self.store.read() as connection:
            return [card_of(row) for row in connection.execute(query)]

    def claim(
        self,
        run: int,
        profile: str,
        serial: str,
        *,
        reader: str,
        station: str = "",
        within: int | None = None,
        holder: str | None = None,
    ) -> CardRecord | None:
        """Make a card the next holder's, in one transaction; None if nobody waits for a card of this kind.

        `within` counts only the first holders of the run; `holder` is the only one who may be next. JournalConflict if
        the card is somebody's already.
        """
        waiting = (HOLDERS.c.run == run) & (HOLDERS.c.state == HolderState.WAITING)
        waiting &= HOLDERS.c.profiles.is_(None) | HOLDERS.c.profiles.contains(f"|{profile}|", autoescape=True)
        if within is not None:
            waiting &= HOLDERS.c.position < within
        if holder is not None:
            waiting &= HOLDERS.c.holder == holder
        following = (
            select(HOLDERS)
            .where(waiting)
            .order_by(HOLDERS.c.urgent.desc(), HOLDERS.c.position)
            .limit(1)
            .with_for_update(skip_locked=True)  # two stations ask at once; SQLite excludes them anyway
        )
        with self.store.write() as connection:
            found = connection.execute(following).one_or_none()
            if found is None:
                return None
            where = {"profile": profile, "serial": serial, "reader": reader, "station": station}
            return _assigned(connection, found, where)

    def take_over(self, card: CardRecord, serial: str, *, reader: str, station: str = "") -> CardRecord:
        """A new card instead of one that is parked, for the same holder, in one transaction; the old one is REPLACED.

        JournalConflict if the old one is not as it was when it was looked at, or the new one is somebody's already.
        """
        with self.store.write() as connection:
            changed = connection.execute(
                update(CARDS)
                .where(_as_seen(card), CARDS.c.state == CardState.PARKED)
                .values(detail="another card has taken its place")
            )
            if not changed.rowcount:
                raise JournalConflict(f"card {card.id} is parked no longer")
            Change(connection).ended(card.id, CardState.REPLACED, "superseded")
            mine = (HOLDERS.c.run == card.run) & (HOLDERS.c.holder == card.holder)
            holder = connection.execute(select(HOLDERS).where(mine)).one()
            where = {"profile": card.profile, "serial": serial, "reader": reader, "station": station}
            return _assigned(connection, holder, where)

    def take_up(self, card: CardRecord, *, reader: str, station: str = "") -> CardRecord:
        """A card that is not finished is in a reader again.

        JournalConflict if it is finished, counts no longer, or is not as it was when it was looked at: somebody else
        has taken it up meanwhile.
        """
        where = {"reader": reader, "station": station}
        with self.store.write() as connection:
            changed = connection.execute(
                update(CARDS)
                .where(_as_seen(card), CARDS.c.state.in_(_OPEN))
                .values(state=CardState.ACTIVE, touched_at=later_than(card.touched_at), **where)
            )
            if not changed.rowcount:
                raise JournalConflict(f"card {card.id} is finished, counts no longer, or was taken up by others")
            return card_of(connection.execute(select(CARDS).where(CARDS.c.id == card.id)).one())

    def park_abandoned(self, run: int, *, station: str = "", reason: Reason = Reason.STOPPED) -> list[CardRecord]:
        """Park the cards that a station had in its readers when it ended or went away, and return them."""
        left = (CARDS.c.run == run) & (CARDS.c.state == CardState.ACTIVE) & (CARDS.c.station == station)
        with self.store.write() as connection:
            found = [card_of(row) for row in connection.execute(select(CARDS).where(left))]
            for card in found:
                Change(connection).parked(card.id, reason, "the run ended while the card was in its reader")
        return found

    def retry(self, card: int) -> CardRecord:
        """A person has decided that a parked card may go on; InputError if it is not parked."""
        with self.store.write() as connection:
            Change(connection).let_go_on(card)
            return card_of(connection.execute(select(CARDS).where(CARDS.c.id == card)).one())

    def refuse(self, run: int, *, reader: str, serial: str, reason: Refusal, detail: str) -> None:
        """Record that a card was not taken."""
        values = {"run": run, "reader": reader, "serial": serial, "reason": reason, "detail": shown(detail)}
        with self.store.write() as connection:
            connection.execute(insert(REFUSED).values(refused_at=time(), **values))

    def refused(self, run: int) -> list[RefusedRecord]:
        """Every card that was not taken, in order."""
        with self.store.read() as connection:
            rows = connection.execute(select(REFUSED).where(REFUSED.c.run == run).order_by(REFUSED.c.id))
            return [refused_of(row) for row in rows]

    # What is recorded of a card

    def steps(self, card: int) -> dict[str, StepRecord]:
        """The steps of a card by name, in the order of the work."""
        with self.store.read() as connection:
            rows = connection.execute(select(STEPS).where(STEPS.c.card == card).order_by(STEPS.c.number))
            return {row.step: step_of(row) for row in rows}

    def secrets(self, card: int) -> list[SecretRecord]:
        """The secrets of a card, each name's oldest first."""
        query = select(SECRETS).where(SECRETS.c.card == card).order_by(SECRETS.c.name, SECRETS.c.generation)
        with self.store.read() as connection:
            return [secret_of(row) for row in connection.execute(query)]

    def certificates(self, card: int) -> dict[str, CertificateRecord]:
        """The certificates of a card by key."""
        query = select(CERTIFICATES).where(CERTIFICATES.c.card == card).order_by(CERTIFICATES.c.key)
        with self.store.read() as connection:
            return {row.key: certificate_of(row) for row in connection.execute(query)}

    def revocations(self, run: int | None = None) -> list[CertificateRecord]:
        """Certificates that have to be revoked, ordered ones among them that may have been issued."""
        query = select(CERTIFICATES).join(CARDS, CARDS.c.id == CERTIFICATES.c.card).order_by(CERTIFICATES.c.card)
        query = query.where(CERTIFICATES.c.revoke.is_not(None))
        if run is not None:
            query = query.where(CARDS.c.run == run)
        with self.store.read() as connection:
            return [certificate_of(row) for row in connection.execute(query)]


def _live(profile: str, serial: str) -> str:
    return f"{profile}:{serial}"


def _counts(connection: Connection, column: Column[str], which: ColumnElement[bool]) -> dict[str, int]:
    rows = connection.execute(select(column, func.count()).where(which).group_by(column))
    return {str(state): int(count) for state, count in rows}


def _as_seen(card: CardRecord) -> ColumnElement[bool]:
    return (CARDS.c.id == card.id) & (CARDS.c.state == card.state) & as_touched(card.touched_at)


def _assigned(connection: Connection, holder: Row[Any], where: Mapping[str, str]) -> CardRecord:
    """A new card of a holder, in a reader; the database knows whether it or its holder is taken."""
    attempt = holder.attempts + 1
    mine = (HOLDERS.c.run == holder.run) & (HOLDERS.c.holder == holder.holder)
    connection.execute(update(HOLDERS).where(mine).values(state=HolderState.ASSIGNED, attempts=attempt))
    now = time()
    row = {
        "run": holder.run,
        "holder": holder.holder,
        "attempt": attempt,
        "state": CardState.ACTIVE,
        "claimed_at": now,
        "touched_at": now,
        "live_serial": _live(where["profile"], where["serial"]),
        "live_holder": holder.holder,
        **where,
    }
    try:
        connection.execute(insert(CARDS).values(row))
    except IntegrityError as error:
        raise JournalConflict(f"the card {where['serial']} belongs to somebody already") from error
    card = (CARDS.c.run == holder.run) & (CARDS.c.live_holder == holder.holder)
    return card_of(connection.execute(select(CARDS).where(card)).one())
