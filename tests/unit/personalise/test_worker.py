"""One card in one reader, from its insertion to the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from cardcore.personalise.events import CardDone
from tests.unit.personalise.bureau import Bureau, fresh
from tests.unit.personalise.plans import ALL, folder_of


@pytest.mark.parametrize("application", ["piv", "openpgp", "gids", "isoapplet"])
def test_a_card_is_personalised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, application: str) -> None:
    monkeypatch.setenv("MASTER", "ab" * 32)
    bureau = Bureau(folder_of(tmp_path, ALL.replace("730", "30")))
    outcome = bureau.insert(fresh(application))
    for event in bureau.events:
        print(event)
    assert outcome.done
    assert len(bureau.told(CardDone)) == 1
