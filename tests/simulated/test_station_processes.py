"""Three stations, each a process of its own, share one run on PostgreSQL; one of them is killed while it works."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cardcore.personalise.journal import Journal
from cardcore.personalise.plan_reading import read_plan
from cardcore.personalise.reasons import Reason
from cardcore.personalise.states import CardState, HolderState
from cardcore.softcard import ScryptCost, SoftCardStore
from tests.simulated.postgres import postgres
from tests.unit.cli.openssl import openssl
from tests.unit.personalise.plans import folder_of
from tests.unit.personalise.small_plans import SMALL

ROOT = Path(__file__).resolve().parents[2]
STATIONS = ("a", "b", "c")
EACH = 4
SILENT = "4"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgres() as place:
        yield place


class _Bureau:
    """A plan for as many holders as there are cards, and for each station a folder with its software cards."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self.folder = folder
        both = SMALL["piv"] + SMALL["gids"].partition("cards:")[2]
        rows = [f"{1000 + number},Holder {number},h{number}@example.org" for number in range(EACH * len(STATIONS))]
        self.plan = folder_of(folder, both, "\n".join(["employee,name,mail", *rows, ""]))
        for station in STATIONS:
            store = SoftCardStore(folder / station)
            for number in range(EACH):
                store.create(f"{station}{number}", "gids" if number % 2 else "piv", blank=True, cost=ScryptCost(n=16))

    def environment(self, station: str) -> Mapping[str, str]:
        """Where a station's process finds its own cards, and the secrets of the plan."""
        return {**os.environ, "CARDCORE_SOFT_DIR": str(self.folder / station), "MASTER": "ab" * 32}

    def start(self, station: str, *options: str) -> subprocess.Popen[str]:
        """A station's process; it tells its events as lines of JSON."""
        command = [sys.executable, "-m", "cardcore", "--json", "personalise", str(self.plan), "--store", self.url]
        command += ["--station", station, "--station-timeout", SILENT, "--reader", "soft:*", *options]
        return subprocess.Popen(
            command, cwd=ROOT, env=self.environment(station), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def status(self) -> dict[str, object]:
        """The only run of `personalise --status`."""
        command = [sys.executable, "-m", "cardcore", "--json", "personalise", "--status", "--store", self.url]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        (run,) = json.loads(ended.stdout)["runs"]
        assert isinstance(run, dict)
        return run


def _signalled_at_work(process: subprocess.Popen[str], steps: int, sent: signal.Signals) -> None:
    """Send a signal to a station after so many steps were started, in the middle of the last one."""
    assert process.stdout is not None
    for line in process.stdout:
        steps -= json.loads(line)["event"] == "step-started"
        if not steps:
            break
    process.send_signal(sent)


def _killed_at_work(process: subprocess.Popen[str], steps: int) -> None:
    """Kill a station after so many steps were started."""
    _signalled_at_work(process, steps, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def _ended(process: subprocess.Popen[str]) -> list[dict[str, object]]:
    output, errors = process.communicate(timeout=240)
    told = [json.loads(line) for line in output.splitlines()]
    assert told, errors
    assert told[-1]["event"] == "run-ended", errors
    return told


def test_a_killed_station_loses_and_doubles_nothing(url: str, tmp_path: Path) -> None:
    bureau = _Bureau(tmp_path, url)
    _killed_at_work(bureau.start("b"), 12)
    others = [bureau.start(station) for station in ("a", "c")]
    for process in others:
        told = _ended(process)
        assert [event["event"] for event in told].count("card-done") == EACH, [
            (event["reader"], event["reason"], event["detail"])
            for event in told
            if event["event"] in ("card-refused", "card-parked")
        ]
    with Journal.open(url) as journal:
        run = journal.run(bureau.plan.stem)
        parked = journal.cards(run.id, CardState.PARKED)
        assert {(card.reason, card.station) for card in parked} == {(Reason.STATION_GONE, "b")}
        assert not journal.cards(run.id, CardState.ACTIVE)
    status = bureau.status()
    assert [one["station"] for one in _list(status["stations"])] == ["a", "b", "c"]
    assert {one["reason"] for one in _list(status["cards"])} == {"station-gone"}

    for _ in range(2):  # a card that met another one taking its holder is put in once more
        told = _ended(bureau.start("b", "--resume", "--unlock", f"file:{bureau.folder / 'issuer.key'}"))
        if told[-1]["done"] == EACH * len(STATIONS):
            break
    _check_all(bureau)


def test_a_station_that_was_only_slow_leaves_its_cards_as_the_others_have_left_them(tmp_path: Path) -> None:
    """It stands still in the middle of a step until the others have parked its cards, and then goes on."""
    with postgres() as place, ExitStack() as ending:
        bureau = _Bureau(tmp_path, place)
        slow = bureau.start("b")
        ending.callback(slow.kill)
        _signalled_at_work(slow, 12, signal.SIGSTOP)
        for process in [bureau.start(station) for station in ("a", "c")]:
            assert _ended(process)[-1]["done"] != 0
        with Journal.open(place) as journal:
            run = journal.run(bureau.plan.stem)
            left = journal.cards(run.id, CardState.PARKED)
            assert {(card.reason, card.station) for card in left} == {(Reason.STATION_GONE, "b")}
            slow.send_signal(signal.SIGCONT)
            told = _ended(slow)
            parked = {event["card"]: event["reason"] for event in told if event["event"] == "card-parked"}
            assert set(parked.values()) <= {"station-gone"}  # the transaction in which it stood still has ended
            assert set(parked) <= {card.id for card in left}
            assert [journal.card(card.id) for card in left] == left
        for _ in range(2):
            told = _ended(bureau.start("b", "--resume", "--unlock", f"file:{bureau.folder / 'issuer.key'}"))
            if told[-1]["done"] == EACH * len(STATIONS):
                break
        _check_all(bureau)


def test_a_station_with_another_plan_does_not_join(url: str, tmp_path: Path) -> None:
    bureau = _Bureau(tmp_path, url)
    with Journal.open(url) as journal:
        plan = read_plan(bureau.plan)
        begun = journal.begin("other", plan="", digest="", parts={**plan.parts, "cards.gids.keys.1": "another"})
    process = bureau.start("d", "--run", begun.name)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode != 0
    assert "cards.gids.keys.1" in json.loads(errors)["error"]["message"]


def _list(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list)
    return value


def _check_all(bureau: _Bureau) -> None:
    """Everybody has one card, every key and serial number is one card's, OpenSSL verifies each certificate."""
    with Journal.open(bureau.url) as journal:
        run = journal.run(bureau.plan.stem)
        cards = [card for card in journal.cards(run.id) if card.state is CardState.DONE]
        left = journal.cards(run.id, CardState.PARKED, CardState.ACTIVE, CardState.WAITING)
        assert not left, [(card.serial, card.reason, card.detail) for card in left]
        holders = [journal.holder(run.id, card.holder) for card in cards]
        assert all(holder.state is HolderState.DONE for holder in holders)
        assert len({holder.holder for holder in holders}) == len(cards) == EACH * len(STATIONS)
        assert len({card.serial for card in cards}) == len(cards)
        found = [one for card in cards for one in journal.certificates(card.id).values()]
    assert len({one.serial for one in found}) == len(found)
    keys = set()
    for one in found:
        assert one.certificate is not None
        certificate = x509.load_der_x509_certificate(one.certificate)
        keys.add(certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        file = bureau.folder / "one.der"
        file.write_bytes(one.certificate)
        pem = openssl("x509", "-inform", "DER", "-in", file)
        (bureau.folder / "one.pem").write_bytes(pem)
        assert b"OK" in openssl("verify", "-CAfile", bureau.folder / "ca.pem", bureau.folder / "one.pem")
    assert len(keys) == len(found)
