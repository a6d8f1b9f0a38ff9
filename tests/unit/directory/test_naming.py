"""Which families' cards keep names of keys, as plans rely on it, and what may be a name."""

from __future__ import annotations

from importlib import import_module

import pytest

from cardcore.card import Card
from cardcore.directory import DIRECTORIES, NAMING
from cardcore.directory.base import FixedSlots
from cardcore.directory.names import MAX_KEY_NAME, require_key_name
from cardcore.errors import InputError, NotSupported
from cardcore.lines import is_line, shown
from cardcore.opening import open_on
from cardcore.personalise.plan import Initialise, KeyPlan
from cardcore.personalise.templates import Template
from cardcore.softcard import ScryptCost, volatile_card
from cardcore.transport.soft import SoftTransport

NO_NAMES = ("", " ", "\u3000", "\ud800", "a\udcff", "a\0b", "a\nb", "\x1b[31m", "\x9b", "a\u2028b", "x\x7f")
"""A surrogate is what Python makes of a byte in an argument that is no UTF-8."""


@pytest.mark.parametrize("name", list(DIRECTORIES))
def test_the_list_of_those_that_can_is_true(name: str) -> None:
    module, kind = DIRECTORIES[name]
    directory = getattr(import_module(module), kind)
    own = (directory.name_key is not FixedSlots.name_key, directory.key_name is not FixedSlots.key_name)
    assert own == (name in NAMING, name in NAMING)


def test_the_others_say_so() -> None:
    soft = volatile_card("piv", cost=ScryptCost(n=16))
    with open_on(SoftTransport(soft, "piv"), "piv") as card:
        with pytest.raises(NotSupported):
            card.name_key("9a", "Anne")
        with pytest.raises(NotSupported):
            card.key_name("9a")


@pytest.mark.parametrize("family", ["gids", "isoapplet"])
def test_what_is_no_name_is_refused_before_anything_is_changed(family: str) -> None:
    soft = volatile_card(family, cost=ScryptCost(n=16))
    with open_on(SoftTransport(soft, "soft"), family) as card:
        card.verify("123456")
        card.generate("1", "rsa1024" if family == "gids" else "rsa2048")
        card.name_key("1", "Anne \N{SMILING FACE WITH OPEN MOUTH}")
        before = card.key("1")
        assert before.label == card.key_name("1") == "Anne \N{SMILING FACE WITH OPEN MOUTH}"
        for name in NO_NAMES:
            with pytest.raises(InputError) as raised:
                card.name_key("1", name)
            assert is_line(raised.value.message)
            assert raised.value.hint
        assert card.key("1") == before


@pytest.mark.parametrize("name", NO_NAMES)
def test_plans_know_the_same_rule(name: str) -> None:
    template = Template(text="{name}")
    with pytest.raises(InputError):
        KeyPlan(name="1", label=template).label_for({"name": name})
    if name:
        with pytest.raises(InputError):
            Initialise(label=template).label_for({"name": name})
    else:
        assert Initialise(label=template).label_for({"name": name}) == ""


@pytest.mark.parametrize("family", ["piv", "openpgp", "gids", "isoapplet"])
def test_a_card_is_named_by_the_same_rule(family: str) -> None:
    soft = volatile_card(family, blank=True, cost=ScryptCost(n=16))
    with open_on(SoftTransport(soft, "soft"), family) as card:
        for label in NO_NAMES[1:]:
            with pytest.raises(InputError, match="label"):
                card.initialise(label, pin="123456", puk="0123456789abcdef")


def test_a_secret_of_half_a_character_is_not_repeated() -> None:
    soft = volatile_card("piv", cost=ScryptCost(n=16))
    with open_on(SoftTransport(soft, "piv"), "piv") as card:
        with pytest.raises(InputError) as raised:
            card.verify("918273\udcff")
        chain = (raised.value, raised.value.__cause__, raised.value.__context__)
        assert "918273" not in "".join(map(repr, chain))
        assert card.pin_status().tries_left == 3


def test_how_long_a_key_s_name_may_be() -> None:
    require_key_name("it", "x" * MAX_KEY_NAME)
    require_key_name("it", "\N{SMILING FACE WITH OPEN MOUTH}" * (MAX_KEY_NAME // 2))
    for name in ("x" * (MAX_KEY_NAME + 1), "\N{SMILING FACE WITH OPEN MOUTH}" * (MAX_KEY_NAME // 2 + 1)):
        with pytest.raises(InputError, match="40 characters"):
            require_key_name("it", name)


def test_what_is_shown() -> None:
    kept = "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}, \N{ZERO WIDTH JOINER}\N{GREEK SMALL LETTER OMEGA}\u3000"
    assert is_line(kept)
    assert shown(kept) == kept
    assert shown("a\x1b[2J\n\x9b\u2028\ud800\udcff") == r"a\x1b[2J\n\x9b\u2028\ud800\udcff"


def labels(card: Card) -> dict[str, str]:
    """What the keys on the card are called."""
    infos = card.keys()
    return {info.slot.name: info.label for info in infos}


def test_a_name_for_which_there_is_no_room_spoils_nothing() -> None:
    """The list of keys is full before any name is too long; a change that stops in the middle would cost all keys."""
    soft = volatile_card("isoapplet", cost=ScryptCost(n=16))
    with open_on(SoftTransport(soft, "soft"), "isoapplet") as card:
        card.verify("123456")
        for number in range(1, 17):
            card.generate(str(number), "ecp256")
        refused = []
        for number in range(1, 17):
            before = labels(card)
            try:
                card.name_key(str(number), "n" * 128)
                before[str(number)] = "n" * 128
            except InputError:
                refused.append(number)
            assert labels(card) == before
    assert refused
    with open_on(SoftTransport(soft, "soft"), "isoapplet") as card:
        assert labels(card) == before
