"""The coverage gate names what was not run, and asks nothing of files that are not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import coverage_gate

COMPLETE: dict[str, list[int]] = {"missing_lines": [], "missing_branches": []}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "cardcore" / "profile").mkdir(parents=True)
    for name in ("cardcore/tlv.py", "cardcore/profile/loader.py", "cardcore/card.py"):
        (tmp_path / name).touch()
    return tmp_path


def test_full_coverage_leaves_no_gap(tree: Path) -> None:
    measured = {"cardcore/tlv.py": COMPLETE, "cardcore/profile/loader.py": COMPLETE}
    assert list(coverage_gate.gaps(tree, measured)) == []


def test_lines_and_branches_are_named(tree: Path) -> None:
    measured = {
        "cardcore/tlv.py": {"missing_lines": [3, 4, 5, 9], "missing_branches": [[7, 9], [9, 11], [20, -1]]},
        "cardcore/profile/loader.py": COMPLETE,
    }
    assert list(coverage_gate.gaps(tree, measured)) == [
        "cardcore/tlv.py: never run: line 3-5, 9",
        "cardcore/tlv.py: never taken: branch 7->9, 20->exit",
    ]


def test_a_file_that_was_not_measured_is_a_gap(tree: Path) -> None:
    assert list(coverage_gate.gaps(tree, {"cardcore/tlv.py": COMPLETE})) == [
        "cardcore/profile/loader.py: not measured at all: never imported, or no __init__.py beside it"
    ]


def test_the_command_says_what_is_missing(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tree)
    assert coverage_gate.main([]) == 2
    report = {"meta": {"branch_coverage": True}, "files": {"cardcore\\tlv.py": COMPLETE}}
    Path("coverage.json").write_text(json.dumps(report), encoding="utf-8")
    assert coverage_gate.main(["coverage.json"]) == 1
    assert "cardcore/profile/loader.py" in capsys.readouterr().out


def test_a_report_without_branches_is_no_proof(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "coverage.json"
    report.write_text(json.dumps({"meta": {"branch_coverage": False}, "files": {}}), encoding="utf-8")
    assert coverage_gate.main([str(report)]) == 2
    assert "no branches" in capsys.readouterr().err
