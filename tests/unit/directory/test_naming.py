"""Which families' cards keep names of keys, as plans rely on it."""

from __future__ import annotations

from importlib import import_module

import pytest

from cardcore.directory import DIRECTORIES, NAMING
from cardcore.directory.base import FixedSlots
from cardcore.errors import NotSupported
from cardcore.opening import open_on
from cardcore.softcard import ScryptCost, volatile_card
from cardcore.transport.soft import SoftTransport


@pytest.mark.parametrize("name", list(DIRECTORIES))
def test_the_list_of_those_that_can_is_true(name: str) -> None:
    module, kind = DIRECTORIES[name]
    own = getattr(import_module(module), kind).name_key is not FixedSlots.name_key
    assert own == (name in NAMING)


def test_the_others_say_so() -> None:
    soft = volatile_card("piv", cost=ScryptCost(n=16))
    with open_on(SoftTransport(soft, "piv"), "piv") as card, pytest.raises(NotSupported):
        card.name_key("9a", "Anne")
