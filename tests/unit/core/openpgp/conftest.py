"""A software OpenPGP card, and the driver on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cardcore.card import Card
from cardcore.opening import open_on
from cardcore.softcard import SoftCard, volatile_card
from tests.unit.core.openpgp.openpgpline import ADMIN, COST, Line


@pytest.fixture
def softcard() -> SoftCard:
    """A card as it leaves the factory."""
    return volatile_card("openpgp", cost=COST)


@pytest.fixture
def line(softcard: SoftCard) -> Line:
    """The connection to it."""
    return Line(softcard)


@pytest.fixture
def card(line: Line) -> Iterator[Card]:
    """The card, opened."""
    with open_on(line) as opened:
        yield opened


@pytest.fixture
def admin(card: Card) -> Card:
    """The card, with the administrator's PIN verified."""
    card.authenticate_admin(ADMIN)
    return card
