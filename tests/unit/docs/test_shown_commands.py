"""What README and quick start show works as it stands there: each shell block and each Python block is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = ("README.md", "docs/quickstart.md")
# Set-up, and what needs readers of the machine: other tests show that, with virtual readers.
ELSEWHERE = ("./tools/", "pip install", "cardcore demo", "cardcore readers", "cardcore info\n", "cardcore soft attach")


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home without software cards, in which the command is found."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "CARDCORE_SOFT_DIR": str(tmp_path / "soft")}


def run(command: list[str], text: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a script from standard input and return what it printed; the test fails if the script did."""
    ended = subprocess.run(
        command, input=text, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


@pytest.mark.parametrize("page", PAGES)
def test_the_shell_blocks_run_one_after_the_other(page: str, tmp_path: Path, environment: dict[str, str]) -> None:
    shown = [block for block in blocks(page, "sh") if not any(word in block for word in ELSEWHERE)]
    wrong = [block for block in shown if "WRONG=" in block]
    script = "set -e\n" + "".join(block for block in shown if block not in wrong)
    assert "Verified OK" in run(["bash"], script, tmp_path, environment)
    for block in wrong:
        ended = run(["bash"], f"{block}\n[ $? = 4 ]", tmp_path, environment)
        assert "wrong PIN, 2 tries left" in ended


@pytest.mark.parametrize("page", PAGES)
def test_the_python_blocks_run(page: str, tmp_path: Path, environment: dict[str, str]) -> None:
    prepared = "cardcore soft create alice --application piv\n"
    prepared += "ADMIN=010203040506070801020304050607080102030405060708 "
    prepared += "cardcore --reader soft:alice key generate 9a --type rsa2048 --admin env:ADMIN"
    run(["bash"], prepared, tmp_path, environment)
    shown = blocks(page, "python")
    assert shown
    for block in shown:
        run([sys.executable], block, tmp_path, environment)
