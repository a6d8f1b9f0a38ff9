"""`cardcore personalise status` and `report`, on a journal that is filled already."""

from __future__ import annotations

import csv
import json
from io import StringIO

import pytest

from tests.unit.cli.shell import Shell
from tests.unit.cli.test_documents import assert_documented
from tests.unit.personalise.filled_journal import filled


@pytest.fixture
def bureau(shell: Shell) -> Shell:
    shell.monkeypatch.chdir(shell.folder)
    filled(shell.folder / "r1.journal")[0].close()
    return shell


def test_status(bureau: Shell) -> None:
    ended = bureau("--json", "personalise", "status", "r1.yaml")
    (run,) = ended.json["runs"]
    assert (run["run"], run["holders"], run["done"], run["parked"]) == ("r1", 4, 2, 1)
    (card,) = run["cards"]
    assert (card["serial"], card["reason"]) == ("s3", "card-removed")
    assert "in any reader" in card["advice"]
    told = bureau("personalise", "--status", "--store", "r1.journal").out
    assert "run r1: 2 of 4 holders have their card" in told
    assert "card-removed" in told


def test_reports(bureau: Shell) -> None:
    ended = bureau("--json", "personalise", "report", "r1.yaml", "--out", "r.html")
    assert_documented("personalise report", ended.json)
    assert "<svg" in (bureau.folder / "r.html").read_text()
    rows = list(csv.DictReader(StringIO(bureau("personalise", "report", "r1.yaml", "--form", "csv").out)))
    assert [row["serial"] for row in rows] == ["s0", "s1", "s2", "s3"]
    revoked = bureau("personalise", "report", "r1.yaml", "--form", "revocations").out
    assert "superseded" in revoked
    document = json.loads(bureau("personalise", "report", "r1.yaml").out)
    assert [step["step"] for step in document["steps"]][:2] == ["identify", "generate 9a"]
    card = json.loads(bureau("personalise", "report", "r1.yaml", "--card", "S1").out)
    assert (card["serial"], card["state"], card["keys"][0]["key"]) == ("s1", "done", "9a")
    assert "Done and verified" in bureau("personalise", "report", "r1.yaml", "--card", "s1", "--form", "html").out


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("status",), 2, "which journal?"),
        (("status", "none.yaml"), 1, "there is no journal none.journal"),
        (("report", "none.yaml"), 1, "there is no journal none.journal"),
        (("report", "r1.yaml", "--card", "s1", "--form", "csv"), 2, "a single card has no form csv"),
        (("report", "r1.yaml", "--card", "s9"), 1, "has no card s9"),
        (("report", "r1.yaml", "--run", "r9"), 1, "the journal has no run r9"),
        (("run", "r1.yaml"), 7, "r1.yaml"),
        # Bytes that are no UTF-8 come from the command line as surrogates; in the name of a file they are right.
        (("report", "r1.yaml", "--run", "r\udcff"), 2, "--run"),
        (("report", "r1.yaml", "--card", "s\udcff"), 2, "--card"),
        (("retry", "r1.yaml", "s\udcff"), 2, "CARD"),
        (("replace", "r1.yaml", "h\udcff"), 2, "HOLDER"),
        (("replace", "r1.yaml", "1001", "--why", "\x1b[2J"), 2, "--why"),
        (("report", "r\udcff.yaml", "--store", "r1.journal"), 1, "no character"),
        (("status", "--store", "postgresql://h\udcff/x"), 1, "no character"),
    ],
)
def test_refusals(bureau: Shell, arguments: tuple[str, ...], status: int, said: str) -> None:
    ended = bureau("personalise", *arguments)
    assert (ended.status, said in ended.err) == (status, True), ended.err
