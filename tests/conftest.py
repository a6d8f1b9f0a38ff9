"""What holds for every test: nothing of the person who runs them is read or changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")  # how busy the machine is fails no test


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of this project's tests."""
    parser.addoption("--pictures", action="store_true", help="put the pictures of the PIN window into docs/images")


@pytest.fixture(autouse=True)
def _nobody_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Software cards and settings live in the test's own folder; no reader or profile is chosen from outside."""
    for kind in ("DATA", "CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / f"xdg-{kind.lower()}"))
    for name in ("CARDCORE_READER", "CARDCORE_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many commands are sent does not depend on how busy the machine is."""
    monkeypatch.setattr("cardcore.session.SOON", 3600.0)
