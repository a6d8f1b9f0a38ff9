"""Fixtures of the command's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.shell import Shell


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Shell:
    """A shell with one fresh software card called alice."""
    made = Shell(monkeypatch, capsysbinary, tmp_path)
    made.create()
    return made
