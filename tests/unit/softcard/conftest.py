"""A fresh PIV card and the host's end of it, for the tests of that application."""

from __future__ import annotations

import pytest

from cardcore.softcard import volatile_card
from tests.unit.softcard.pivhost import COST, OK, Host


@pytest.fixture
def host() -> Host:
    """The host's end of a fresh card."""
    return Host(volatile_card("piv", cost=COST))


@pytest.fixture
def admin(host: Host) -> Host:
    """The same, with the management key proved."""
    assert host.prove() == OK
    return host
