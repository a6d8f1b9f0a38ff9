"""As `test_killed`, with families whose blank cards have no secrets; apart, so that both run at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.personalise.killed import MASTER
from tests.unit.personalise.test_killed import check_each_write


@pytest.mark.slow
@pytest.mark.parametrize("application", ["gids", "isoapplet"])
def test_killed_at_each_write(in_memory: Path, application: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER", MASTER)
    check_each_write(in_memory, application)
