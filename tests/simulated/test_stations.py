"""Several stations on one PostgreSQL: each holder and card has one, and what a dead station had is parked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from cardcore.errors import InputError
from cardcore.personalise import schema_versions
from cardcore.personalise.changes import JournalConflict
from cardcore.personalise.holding import Hold, NotHeld
from cardcore.personalise.journal import Journal
from cardcore.personalise.journal_file import StoreError
from cardcore.personalise.reasons import Reason
from cardcore.personalise.records import Enrolment, Run
from cardcore.personalise.schema_versions import HEAD, NewerJournal, upgrade
from cardcore.personalise.states import CardState, HolderState
from cardcore.personalise.station_records import stations
from cardcore.personalise.stations import Pace, Station, station_name
from cardcore.personalise.store import open_store
from cardcore.personalise.tables import METADATA
from tests.simulated.postgres import postgres

QUICK = Pace(beat=0.1, silent=1.0)
PATIENCE = 20.0


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgres() as place:
        yield place


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    with Journal.open(url) as opened:
        yield opened
        with opened.store.write() as connection:
            connection.execute(text("TRUNCATE runs, procrastinate_jobs CASCADE"))


def begun(journal: Journal, holders: int = 6, profiles: frozenset[str] | None = None) -> Run:
    run = journal.begin("r", plan="Staff", digest="0" * 64)
    journal.enrol(run.id, [Enrolment(holder=f"h{n}", record={}, profiles=profiles) for n in range(holders)])
    return run


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def die(station: Station) -> None:
    """A station's process is killed: it says nothing any more, and gives nothing back."""
    station._ending.set()
    station._thread.join()


def test_each_holder_has_one_station(journal: Journal) -> None:
    run = begun(journal, 30)
    with Station(journal, run.id, "a") as a, Station(journal, run.id, "b") as b, Station(journal, run.id, "c") as c:

        def work(number: int) -> str:
            station = (a, b, c)[number % 3]
            card = station.claim("piv", f"s{number}", "reader")
            assert card is not None
            with journal.change() as change:
                change.finished(card.id)
            station.ended(card.id, done=True)
            return card.holder

        with ThreadPoolExecutor(12) as pool:
            holders = list(pool.map(work, range(30)))
        assert sorted(holders) == sorted(f"h{n}" for n in range(30))
        assert a.claim("piv", "s99", "reader") is None
        assert {record.name: (record.done, record.ended) for record in stations(journal.store)} == {
            "a": (10, False),
            "b": (10, False),
            "c": (10, False),
        }
    assert all(record.ended for record in stations(journal.store, run.id))


def test_holders_come_in_order_and_by_the_kind_of_card(journal: Journal) -> None:
    run = begun(journal, 2, frozenset({"gids"}))
    journal.enrol(run.id, [Enrolment(holder="any", record={}), Enrolment(holder="h9", record={})])
    with Station(journal, run.id, "a", within=3) as station:
        claimed = [station.claim(profile, f"s{number}", "r") for number, profile in enumerate(("piv", "gids", "gids"))]
        assert [card.holder for card in claimed if card] == ["any", "h0", "h1"]
        assert station.claim("piv", "s9", "r") is None  # h9 is not within


def test_a_card_that_is_somebodys_gives_the_holder_back(journal: Journal) -> None:
    run = begun(journal, 2)
    with Station(journal, run.id, "a") as station:
        assert station.claim("piv", "s1", "r") is not None
        with pytest.raises(JournalConflict):
            station.claim("piv", "s1", "r")
        again = station.claim("piv", "s2", "r")
        assert again is not None
        assert again.holder == "h1"


def test_a_parked_card_is_taken_up_by_one_station_only(journal: Journal) -> None:
    run = begun(journal, 1)
    with Station(journal, run.id, "a") as a, Station(journal, run.id, "b") as b:
        card = a.claim("piv", "s1", "r")
        assert card is not None
        with journal.change() as change:
            change.parked(card.id, Reason.CARD_REMOVED, "pulled")
        a.ended(card.id, done=False)
        assert b.claim("piv", "s7", "r") is None  # the holder is assigned: no job of his waits
        taken = b.take_up(journal.card(card.id), "r2")
        assert (taken.station, taken.state) == ("b", CardState.ACTIVE)
        with pytest.raises(JournalConflict, match="another station"):
            a.take_up(card, "r")
        b.ended(card.id, done=False)
        assert a.take_up(journal.card(card.id), "r").station == "a"


def test_a_blank_card_takes_the_place_of_one_that_is_parked_at_one_station_only(journal: Journal) -> None:
    run = begun(journal, 1)
    with Station(journal, run.id, "a") as a, Station(journal, run.id, "b") as b:
        first = a.claim("gids", "s1", "r")
        assert first is not None
        with pytest.raises(JournalConflict, match="another station"):
            b.take_over(first, "s2", "r")
        with journal.change() as change:
            change.parked(first.id, Reason.CARD_REMOVED, "pulled")
        a.ended(first.id, done=False)
        parked = journal.card(first.id)
        second = b.take_over(parked, "s2", "r2")
        assert (second.holder, second.attempt, second.station, second.state) == ("h0", 2, "b", CardState.ACTIVE)
        assert journal.card(first.id).state is CardState.REPLACED
        assert journal.find("gids", "s1") is None
        b.ended(second.id, done=False)
        with pytest.raises(JournalConflict, match="parked no longer"):
            a.take_over(parked, "s3", "r")
        assert journal.card(second.id).state is CardState.ACTIVE
        assert a.claim("gids", "s4", "r") is None  # nobody waits


def test_what_a_dead_station_had_is_parked_and_not_given_to_others(journal: Journal) -> None:
    run = begun(journal, 2)
    dead = Station(journal, run.id, "dead", pace=QUICK)
    dead.__enter__()
    card = dead.claim("piv", "s1", "r")
    assert card is not None
    untouched = dead._engine.fetch(dead._queues("piv"))  # fetched, and no card touched yet
    assert untouched is not None
    die(dead)
    with Station(journal, run.id, "alive", pace=QUICK) as alive:
        eventually(lambda: journal.card(card.id).state is CardState.PARKED)
        assert journal.card(card.id).reason is Reason.STATION_GONE
        assert journal.holder(run.id, card.holder).state is HolderState.ASSIGNED
        following: list[str] = []

        def comes() -> bool:
            found = alive.claim("piv", "s2", "r")
            following.extend([found.holder] if found else [])
            return bool(following)

        eventually(comes)
        assert following == [untouched.holder]
        assert alive.claim("piv", "s3", "r") is None
        assert alive.take_up(journal.card(card.id), "r").state is CardState.ACTIVE  # somebody brought the card
    dead.__exit__(None, None, None)


def test_holders_who_come_later_get_their_jobs(journal: Journal) -> None:
    run = begun(journal, 1)
    with Station(journal, run.id, "a", pace=QUICK) as station:
        first = station.claim("piv", "s1", "r")
        assert first is not None
        with journal.change() as change:
            change.finished(first.id)
        station.ended(first.id, done=True)
        with journal.change() as change:
            change.ended(first.id, CardState.REPLACED, "superseded")
        eventually(lambda: station.claim("piv", "s2", "r") is not None)


def test_a_name_is_one_stations(journal: Journal) -> None:
    run = begun(journal, 1)
    with Station(journal, run.id, "a"), pytest.raises(InputError, match="a station named a is working"):
        Station(journal, run.id, "a").__enter__()
    with Station(journal, run.id, "a"):
        pass
    assert ":" in station_name()


def test_an_engine_that_fails_is_told_as_the_database(journal: Journal) -> None:
    run = begun(journal, 1)
    with Station(journal, run.id, "a") as station:
        try:
            with journal.store.write() as connection:
                connection.execute(text("ALTER FUNCTION procrastinate_fetch_job_v2 RENAME TO elsewhere"))
            with pytest.raises(StoreError, match="the job engine cannot be used: function procrastinate_fetch_job"):
                station.claim("piv", "s1", "r")
        finally:
            with journal.store.write() as connection:
                connection.execute(text("ALTER FUNCTION elsewhere RENAME TO procrastinate_fetch_job_v2"))
        assert station.claim("piv", "s1", "r") is not None


# The tables


def test_the_migrations_make_the_tables(url: str, tmp_path: Path) -> None:
    folder = Path(schema_versions.__file__).with_name("migrations")
    config = Config()
    config.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD
    for store in (open_store(tmp_path / "journal.db"), open_store(url)):
        with store.write() as connection:
            METADATA.drop_all(connection)
            connection.execute(text("DELETE FROM alembic_version"))
            upgrade(connection)
            context = MigrationContext.configure(connection, opts={"include_name": _is_ours})
            assert compare_metadata(context, METADATA) == []
            assert schema_versions.version(connection) == HEAD
        store.close()


def _is_ours(name: str | None, kind: str, parents: Mapping[str, str | None]) -> bool:
    """Leaves the engine's tables out, which are in the same database."""
    return kind != "table" or name in METADATA.tables


def test_a_journal_of_a_newer_release(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    store = open_store(file)
    with store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '999'"))
    store.close()
    with pytest.raises(NewerJournal):
        open_store(file)


def test_connections_that_the_database_ends_are_made_anew(journal: Journal, url: str) -> None:
    """As after its restart: whoever has no transaction open goes on, the engine too."""
    run = begun(journal, 4)
    with Station(journal, run.id, "a", pace=QUICK) as station:
        assert station.claim("piv", "s1", "r") is not None
        with Journal.open(url) as other, other.store.write() as connection:
            ended = connection.execute(
                text(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
            ).scalar_one()
        assert ended > 1
        assert journal.totals(run.id).active == 1
        card = station.claim("piv", "s2", "r")
        assert card is not None
        station.ended(card.id, done=False)
        eventually(lambda: stations(journal.store)[0].silent < QUICK.silent)


def test_a_station_that_stands_still_amidst_a_transaction_holds_up_nobody(
    url: str, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends what it had begun to write, the others park its card, and it writes nothing more about it."""
    monkeypatch.setattr("cardcore.personalise.store._MOST_IDLE_MS", 2000)
    run = begun(journal, 1)
    with Journal.open(url) as still:
        silent = Station(still, run.id, "still", pace=QUICK).__enter__()
        card = silent.claim("piv", "s1", "r")
        assert card is not None
        hold = Hold(still.store, card)

        def stand_still() -> None:
            with hold.change() as change:
                change.step_started(card.id, "key:9a", 1)
                die(silent)
                with Station(journal, run.id, "other", pace=QUICK):
                    eventually(lambda: journal.card(card.id).state is CardState.PARKED)
                    assert all(one.silent < QUICK.silent for one in stations(journal.store) if one.name == "other")

        with pytest.raises(StoreError):
            stand_still()
        assert journal.steps(card.id) == {}
        with pytest.raises(NotHeld), hold.change() as change:
            change.finished(card.id)
        silent._engine.__exit__(None, None, None)
