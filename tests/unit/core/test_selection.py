"""Which application a PIN reaches on a card that other programs use too."""

from __future__ import annotations

import pytest

from cardcore.secret import Secret
from tests.unit.core.fakecard import PIN, FakeCard, piv, without


@pytest.fixture
def card() -> FakeCard:
    return FakeCard()


@pytest.mark.parametrize("foreign", ["63C3", "9000", "6300"])
@pytest.mark.parametrize("tells", [True, False])
def test_no_pin_goes_to_an_application_that_another_program_has_selected(
    card: FakeCard, monkeypatch: pytest.MonkeyPatch, foreign: str, tells: bool
) -> None:
    """One with a PIN by the same number, which answers the question for the tries as ours would."""
    monkeypatch.setattr("cardcore.session.SOON", 0.0)
    authentication = card.authentication(piv() if tells else without(piv(), "retries"))[1]
    card.selected, card.foreign = False, foreign
    authentication.verify(Secret(PIN))
    assert card.instructions == (["A4+", "20", "20+"] if tells else ["A4+", "20+"])
    assert len(card.spent) == 1


def test_what_was_proved_is_not_lost_by_selecting_for_another_pin(
    card: FakeCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, authentication = card.authentication()
    authentication.verify(Secret(PIN))
    session.admin = True
    monkeypatch.setattr("cardcore.session.SOON", 0.0)
    authentication.verify(Secret(PIN))
    assert "A4+" not in card.instructions
    assert session.admin
    card.selected, card.foreign = False, "63C3"
    authentication.verify(Secret(PIN))
    assert card.instructions[-4:] == ["20", "A4+", "20", "20+"]
    assert (session.verified, session.admin, len(card.spent)) == ({"user"}, False, 3)


def test_directly_after_its_own_commands_nobody_is_selected_anew(card: FakeCard) -> None:
    card.authentication()[1].verify(Secret(PIN))
    assert card.instructions == ["20", "20+"]
