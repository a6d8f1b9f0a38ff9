"""docs/personalise.md: its five minutes, done by somebody who reads it; its tables, held against the program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from cardcore.personalise.journal import Journal
from cardcore.personalise.reasons import PARKINGS, REFUSALS

PAGE = (Path(__file__).parents[3] / "docs" / "personalise.md").read_text(encoding="utf-8")
FIVE_MINUTES = 300.0


def section(title: str) -> str:
    """The text under a heading of the second level, up to the next one."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert found
    return found[1]


def rows(text: str) -> list[tuple[str, ...]]:
    """The rows of the tables in a text, without their heads."""
    cells = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in re.findall(r"^\|.*\|$", text, re.M)]
    return [row for row in cells if re.fullmatch(r"`[a-z-]+`", row[0])]


def test_every_reason_stands_on_the_page_as_the_program_tells_it() -> None:
    written = rows(section("Cards that are parked or refused"))
    parked = [(f"`{one}`", "yes" if what.continues else "no", what.advice) for one, what in PARKINGS.items()]
    refused = [(f"`{one}`", advice) for one, advice in REFUSALS.items()]
    assert written == [*parked, *refused]


def test_ten_cards_in_five_minutes(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```sh\n(.*?)^```", section("Ten cards in five minutes"), re.M | re.S)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CARDCORE_")},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "CARDCORE_SOFT_DIR": str(tmp_path / "soft"),
    }
    ended = subprocess.run(
        ["bash", "-ec", block],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=FIVE_MINUTES,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    with Journal.open(tmp_path / "staff.journal") as journal:
        totals = journal.totals(journal.run("staff").id)
    assert (totals.holders, totals.done) == (10, 10)
