"""Peculiar readers, readers that must not be used as pads, and where PINs come from on a reader with a pad."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from padreader import Behaviour
from padreader.reader import PlayedCard

from cardcore.softcard import volatile_card
from tests.simulated.issuedcards import COST, NEW, PIN
from tests.simulated.padbench import READERS, PadBench, pad_bench
from tests.unit import house
from tests.unit.cli.test_documents import assert_documented

pytestmark = pytest.mark.pcsc

READER = READERS[0]
RUN = house.ROOT / "tools" / "pinpad-reader" / "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peculiar:
    """A reader with the USB ids of a real one, that refuses what the real one refuses."""

    usb: tuple[int, int]
    behaviour: Behaviour
    family: str = "piv"
    command: tuple[str, ...] = ("verify",)
    typed: tuple[str, ...] = (PIN,)


PECULIAR = {
    "GemPC Pinpad": Peculiar(
        usb=(0x08E6, 0x3478), behaviour=Behaviour(messages=frozenset({1, 3}), fixed_only=True, probes=True)
    ),
    "SPR 532": Peculiar(usb=(0x04E6, 0xE003), behaviour=Behaviour(omit_lc=True), family="openpgp"),
    "KC 1000 SC": Peculiar(
        usb=(0x046A, 0x00A1),
        behaviour=Behaviour(messages=frozenset({1, 0xFF})),
        command=("change",),
        typed=(PIN, NEW, NEW),
    ),
    "Dell": Peculiar(usb=(0x413C, 0x2101), behaviour=Behaviour(messages=frozenset({0}))),
}
NOT_USED = {
    (0x076B, 0x3031): "has none",
    (0x076B, 0x6632): "has none",
    (0x0BF8, 0x1024): "has none",
    (0x03F0, 0x1024): "to the computer",
    (0x04F2, 0x1469): "to the computer",
    (0x0BF8, 0x1017): "to the computer",
}


@pytest.fixture(scope="module")
def bench() -> Iterator[PadBench]:
    with pad_bench() as running:
        yield running


class Place:
    """The reader as a test wants it."""

    def __init__(self, bench: PadBench) -> None:
        self.bench = bench
        self.reader = bench.reader(READER)

    def become(self, behaviour: Behaviour, card: PlayedCard | None = None) -> None:
        """Another reader, with a new card."""
        self.reader.behaviour = behaviour
        self.reader.person.forget()
        self.bench.insert(READER, card or volatile_card("piv", cost=COST))

    def __call__(self, *arguments: str, will: tuple[str, ...] = ()) -> tuple[int, str]:
        """Run a command while the person does that: exit status and code of the error."""
        self.reader.person.will(*will)
        ended = self.bench.on(READER, *arguments)
        return ended.status, ended.error["code"] if ended.status else ""


@pytest.fixture
def place(bench: PadBench) -> Iterator[Place]:
    found = Place(bench)
    yield found
    found.reader.behaviour = Behaviour()
    found.reader.remove()
    bench.expect(READER, "empty")


def known(usb: tuple[int, int], behaviour: Behaviour) -> Behaviour:
    """The same reader with these USB ids."""
    return replace(behaviour, usb=usb)


@pytest.mark.parametrize("name", PECULIAR)
def test_a_peculiar_reader_gets_what_it_wants(place: Place, name: str) -> None:
    wanted = PECULIAR[name]
    card = volatile_card(wanted.family, cost=COST)
    place.become(known(wanted.usb, wanted.behaviour), card)
    assert place("pin", *wanted.command, will=wanted.typed) == (0, "")


@pytest.mark.parametrize("name", [name for name in PECULIAR if name != "GemPC Pinpad"])
def test_without_the_table_it_would_fail(place: Place, name: str) -> None:
    """The same reader under the ids of another one: what is shown above is no accident."""
    wanted = PECULIAR[name]
    place.become(known((0x1234, 0x5678), wanted.behaviour), volatile_card(wanted.family, cost=COST))
    assert place("pin", *wanted.command, will=wanted.typed) == (1, "status")


def test_a_pin_of_variable_length_is_refused_before_it_is_typed(place: Place) -> None:
    wanted = PECULIAR["GemPC Pinpad"]
    place.become(known(wanted.usb, wanted.behaviour), volatile_card("gids", cost=COST))
    assert place("pin", "verify") == (6, "not-supported")
    assert place.reader.person.asked == []


@pytest.mark.parametrize(("usb", "reason"), NOT_USED.items(), ids=lambda value: str(value))
def test_a_pad_that_is_not_used(place: Place, usb: tuple[int, int], reason: str) -> None:
    place.become(Behaviour(usb=usb))
    place.reader.person.will(PIN)
    assert place("pin", "verify") == (2, "usage"), "the terminal is asked for, and there is none"
    assert place("pin", "verify", "--pin", "env:PIN") == (0, "")
    ended = place.bench.on(READER, "pin", "verify", "--pin", "pad")
    assert ended.status == 6
    assert reason in ended.error["message"]
    assert place.reader.person.asked == []
    told = place.bench.on(READER, "info").document
    assert (told["pin_pad"], reason in told["pin_pad_refused"]) == (False, True)


@pytest.mark.parametrize("source", ["prompt", "env:PIN", "env:NOTHING"])
def test_the_keyboard_has_to_be_asked_for(place: Place, source: str) -> None:
    """And where it cannot be used, the keypad does not take its place either."""
    place.become(Behaviour())
    place.reader.person.will(PIN)
    status, _ = place("pin", "verify", "--pin", source)
    assert (status == 0) == (source == "env:PIN")
    assert place.reader.person.asked == []


def test_the_keypad_is_the_default_for_each_pin(place: Place) -> None:
    place.become(Behaviour())
    assert place("pin", "verify", will=(PIN,)) == (0, "")
    assert place("pin", "verify", "--pin", "pad", will=(PIN,)) == (0, "")
    assert place("pin", "change", "--pin", "env:PIN") == (1, "input"), "one from here, one from there"
    assert place("pin", "change", "--new-pin", "env:PIN") == (1, "input")
    assert place("admin", "verify", "--admin", "pad") == (6, "not-supported")
    assert place.reader.person.asked == ["PIN", "PIN"]


def test_a_pad_that_cannot_change_pins(place: Place) -> None:
    place.become(Behaviour(modify=False))
    assert place("pin", "verify", will=(PIN,)) == (0, "")
    assert place("pin", "change") == (6, "not-supported")
    assert place("pin", "change", "--pin", "env:PIN", "--new-pin", "env:PIN") == (0, "")


def test_a_reader_that_says_nothing_about_itself(place: Place) -> None:
    place.become(Behaviour(properties=False, display=False))
    assert place("pin", "verify", will=(PIN,)) == (0, "")


def test_a_pin_that_the_reader_does_not_take(place: Place) -> None:
    place.become(Behaviour(minimum=4, maximum=5))
    assert place("pin", "verify") == (6, "not-supported")
    place.become(Behaviour(minimum=9, maximum=15))
    assert place("pin", "verify") == (6, "not-supported")
    assert place.reader.person.asked == []


def test_the_bounds_are_the_narrower_ones(place: Place) -> None:
    place.become(Behaviour(minimum=4, maximum=7))
    assert place("pin", "verify", will=("12345678",)) == (12, "pin-entry-length")
    assert (place.reader.jobs[-1].minimum, place.reader.jobs[-1].maximum) == (6, 7)


def test_readers_and_their_limits(place: Place) -> None:
    place.become(Behaviour(minimum=4, maximum=12))
    listed = place.bench.run("--json", "readers").document
    assert_documented("readers", listed)
    first, second = listed["readers"]
    assert (first["pin_pad"], first["pin_pad_minimum"], first["pin_pad_maximum"]) == (True, 4, 12)
    assert (second["present"], second["pin_pad"], second["pin_pad_maximum"]) == (False, True, 15), "without a card too"
    people = place.bench.run("readers").out
    assert "PIN pad (4 to 12 digits), extended length" in people
    assert "PIN pad (up to 15 digits)" in people
    assert place.bench.on(READER, "info").document["pin_pad_maximum"] == 12
    assert "PIN pad (4 to 12 digits)" in place.bench.run("--reader", READER, "info").out


def test_a_reader_without_a_pad(place: Place) -> None:
    place.become(Behaviour(pad=False))
    assert place("pin", "verify", "--pin", "pad") == (6, "not-supported")
    told = place.bench.on(READER, "info").document
    assert (told["pin_pad"], told["pin_pad_maximum"], told["pin_pad_refused"]) == (False, None, None)


def run(*arguments: str, stdin: str = "") -> tuple[int, str]:
    """The tool that starts such a reader."""
    ended = subprocess.run(
        [str(RUN), *arguments], input=stdin, capture_output=True, text=True, timeout=60, env=os.environ, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_the_tool_runs_a_program_with_the_reader() -> None:
    status, said = run("--type", PIN, "--", "pkcs15-tool", "--verify-pin", "--use-pinpad")
    assert status == 0, said
    assert "[PIN]" in said
    status, said = run("--steps", "--name", "My Reader", "--", "opensc-tool", "-l")
    assert status == 0, said
    assert "My Reader 00 00" in said
    assert "PIN pad" not in run("--no-pad", "--", "opensc-tool", "-l")[1]
    assert run("--type", "secret", "--", "true")[0] == 2


def test_the_tool_plays_along() -> None:
    status, said = run(stdin="help\nremove\ninsert\n123456\ncancel\nunplug\nquit\n")
    assert status == 0, said
    assert said.startswith("export PCSCLITE_CSOCK_NAME=")
    assert "digits" in said
