"""From a reader's name to a card: which reader, which profile, which application, and nothing left open."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import cardcore
from cardcore import opening
from cardcore.apdu import CommandApdu
from cardcore.errors import (
    CardRemoved,
    InputError,
    NoCard,
    NoReader,
    NotSupported,
    ProfileError,
    TransportError,
    UnknownCard,
)
from cardcore.profile.match import Candidate, Matched
from cardcore.profile.model import Extended, Limits, Match, Profile
from cardcore.softcard import SoftCardStore
from cardcore.transport import pcsc
from cardcore.transport.base import Transport
from cardcore.transport.readers import ReaderState
from cardcore.transport.soft import SoftTransport
from tests.unit.core.fakecard import AID, PIN, piv
from tests.unit.core.fakes import Answer, FakeTransport, hexes
from tests.unit.core.softpiv import COST, new_soft_card

OTHER = bytes.fromhex("A000000999")
BARE = bytes.fromhex("3B00")
ATR_EXTENDED = bytes.fromhex("3BFD1300008131FE158073C021C057597562694B657940")
ATR_SPOILT = ATR_EXTENDED[:-1] + b"\x00"


def with_match(name: str, *aids: bytes, refines: str = "") -> Profile:
    """A profile that matches these applications."""
    return replace(piv(), id=name, match=Match(aids=aids), refines=refines)


def answering(*aids: bytes) -> FakeTransport:
    """A card with these applications."""
    return FakeTransport(lambda command: "9000" if command.data in aids else "6A82")


# Identification


def identified(card: FakeTransport, *profiles: Profile) -> Matched:
    return opening.identify(card, [Candidate.of(profile) for profile in profiles])


def test_the_profile_whose_application_is_there_is_taken() -> None:
    card = answering(AID)
    found = identified(card, with_match("a", OTHER), with_match("b", AID))
    assert (found.profile.id, found.aid) == ("b", AID)
    assert "A000000308" in found.reason
    assert [command.data for command in card.commands] == [OTHER, AID]


def test_the_application_is_selected_in_the_end() -> None:
    card = answering(OTHER, AID)
    found = identified(card, with_match("a", AID), with_match("b", OTHER, refines="a"))
    assert found.aid == OTHER
    card = answering(OTHER, AID)
    found = identified(card, with_match("a", AID, refines="b"), with_match("b", OTHER))
    assert found.aid == AID
    assert card.commands[-1].data == AID


def test_an_application_is_asked_for_once() -> None:
    card = answering()
    with pytest.raises(UnknownCard, match="ATR 3B00"):
        identified(card, with_match("a", AID), with_match("b", OTHER), with_match("c", AID, OTHER))
    assert [command.data for command in card.commands] == [AID, OTHER]


def test_two_profiles_that_match_are_an_error() -> None:
    with pytest.raises(ProfileError, match="a and b"):
        identified(answering(AID), with_match("a", AID), with_match("b", AID))


@pytest.mark.parametrize("answer", ["6D00", "6283", b"\x90", "6A82"])
def test_a_strange_answer_to_select_is_no_match(answer: Answer) -> None:
    with pytest.raises(UnknownCard):
        identified(FakeTransport(lambda command: answer), piv())


def test_a_card_that_is_pulled_is_not_unknown() -> None:
    with pytest.raises(CardRemoved):
        identified(FakeTransport(lambda command: CardRemoved("gone")), piv())


def test_a_transport_that_cannot_be_used_is_closed() -> None:
    card = answering()
    with pytest.raises(UnknownCard):
        opening.open_on(card, "piv")
    assert card.events == ["begin", "transmit", "end", "close"]
    card = answering()
    with pytest.raises(ProfileError):
        opening.open_on(card, "no-such-profile")
    assert card.events == ["begin", "end", "close"]


@pytest.mark.parametrize(
    ("said", "atr", "allowed"),
    [
        (Extended.YES, BARE, True),
        (Extended.NO, ATR_EXTENDED, False),
        (Extended.ATR, ATR_EXTENDED, True),
        (Extended.ATR, BARE, False),
        (Extended.ATR, ATR_SPOILT, False),
        (Extended.ATR, b"", False),
    ],
)
def test_extended_length_as_the_profile_and_the_atr_say(said: Extended, atr: bytes, allowed: bool) -> None:
    profile = replace(piv(), limits=Limits(send=200, chaining=False, extended=said))
    card = answering()
    card.atr = atr
    limits = opening._limits(profile, card)
    assert (limits.send, limits.chaining, limits.extended) == (200, False, allowed)


# Readers by name


@pytest.mark.parametrize(
    ("wanted", "found"), [("ACS 01", "ACS 01"), ("acs 02", "ACS 02"), ("Gem", "Gemalto 00"), ("ACS 0", "ACS 0")]
)
def test_a_part_of_a_readers_name_will_do(wanted: str, found: str) -> None:
    names = ["ACS 01", "ACS 02", "Gemalto 00", *(["ACS 0"] if wanted == "ACS 0" else [])]
    assert opening._full_name(wanted, names) == found


def test_names_of_several_readers_or_of_none() -> None:
    with pytest.raises(NoReader, match="part of several") as caught:
        opening._full_name("acs", ["ACS 01", "ACS 02", "Other"])
    assert caught.value.hint == "Say which: ACS 01; ACS 02."
    with pytest.raises(NoReader, match="there is no reader 'x'") as caught:
        opening._full_name("x", ["ACS 01"])
    assert "ACS 01" in caught.value.hint
    with pytest.raises(NoReader) as caught:
        opening._full_name("x", [])
    assert "none is connected" in caught.value.hint


Slots = dict[str, FakeTransport | None]


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> Slots:
    """Readers by name, each with a card or empty; fill it before opening."""
    slots: Slots = {}

    def connect(name: str) -> Transport:
        card = slots[name]
        assert card is not None
        return card

    def listed() -> list[ReaderState]:
        return [ReaderState(name=name, present=card is not None) for name, card in slots.items()]

    monkeypatch.setattr(pcsc, "list_readers", listed)
    monkeypatch.setattr(pcsc, "connect", connect)
    return slots


def test_the_only_card_is_taken(readers: Slots) -> None:
    readers.update({"one": None, "two": answering(AID)})
    assert opening.open_card().profile.id == "piv"
    readers["two"] = answering()
    with pytest.raises(UnknownCard):
        opening.open_card()


def test_no_card_at_all(readers: Slots) -> None:
    readers["one"] = None
    with pytest.raises(NoCard, match="no reader holds a card") as caught:
        opening.open_card()
    assert "soft:NAME" in caught.value.hint


def test_the_only_supported_card_among_several_is_taken(readers: Slots) -> None:
    readers.update({"one": answering(), "two": answering(AID), "three": answering(b"x")})
    card = opening.open_card(profile="piv")
    assert readers["two"] is not None
    assert "close" not in readers["two"].events
    assert card.profile.id == "piv"
    assert all("close" in readers[name].events for name in ("one", "three"))  # type: ignore[union-attr]  # full


def test_the_trace_is_of_the_card_that_was_found(readers: Slots, tmp_path: Path) -> None:
    """However many cards were tried, the file begins with the connection to the one that is used."""
    found = answering(AID)
    found.name = "two"
    readers.update({"one": answering(), "two": found, "three": answering(b"x")})
    trace = tmp_path / "trace"
    with opening.open_card(profile="piv", trace=trace) as card:
        assert card.reader == "two"
    lines = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    assert lines[0]["reader"] == "two"
    assert [AID.hex() in line["c"] for line in lines if "c" in line] == [True]
    readers["three"] = answering(AID)
    with pytest.raises(NoReader):
        opening.open_card(trace=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_several_supported_cards_have_to_be_told_apart(readers: Slots) -> None:
    readers.update({"one": answering(AID), "two": answering(AID)})
    with pytest.raises(NoReader, match="several readers hold"):
        opening.open_card()
    assert all(card is not None and card.events[-1] == "close" for card in readers.values())


def test_no_supported_card_among_several_gives_the_reasons(readers: Slots) -> None:
    readers.update({"one": answering(), "two": FakeTransport(lambda command: CardRemoved("pulled out"))})
    with pytest.raises(UnknownCard, match="no reader holds a supported card") as caught:
        opening.open_card()
    assert "one: no profile matches" in caught.value.hint
    assert "two: pulled out" in caught.value.hint


def test_a_card_that_is_not_of_the_profile_that_was_named(readers: Slots) -> None:
    readers.update({"one": answering()})
    with pytest.raises(UnknownCard, match="not one of the profile piv"):
        opening.open_card("one", profile="piv")
    with pytest.raises(UnknownCard, match="no profile matches"):
        opening.open_card("one")


def test_a_reader_is_opened_by_a_part_of_its_name(readers: Slots) -> None:
    readers.update({"Reader One": answering(AID), "Reader Two": answering()})
    assert opening.open_card("one").profile.id == "piv"


# Software cards, traces


@pytest.fixture
def soft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a software card that is kept in a file."""
    monkeypatch.setenv("CARDCORE_SOFT_DIR", str(tmp_path / "cards"))
    SoftCardStore().create("mine", "piv", cost=COST)
    return "soft:mine"


def test_a_software_card_is_opened_by_name(soft: str) -> None:
    with cardcore.open_card(soft) as card:
        assert (card.reader, card.profile.id) == ("soft:mine", "piv")
        card.verify(PIN)
    with pytest.raises(TransportError):
        card.verify(PIN)
    with pytest.raises(NoReader):
        cardcore.open_card("soft:other")


def test_a_trace_hides_the_pin_and_can_be_replayed(soft: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    with cardcore.open_card(soft, profile="piv", trace=trace) as card:
        card.verify(PIN)
        serial = card.serial()
    text = trace.read_text(encoding="utf-8").lower()
    assert "00a40400" in text
    assert not any(form in text for form in (PIN.decode(), PIN.hex()))
    with cardcore.open_card(f"replay:{trace}", profile="piv") as card:
        card.verify(PIN)
        assert card.serial() == serial


def test_a_trace_that_cannot_be_written_leaves_nothing_open(
    soft: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[SoftTransport] = []
    make: Callable[..., SoftTransport] = SoftTransport.open

    def noted(name: str, directory: Path | None = None) -> SoftTransport:
        opened.append(make(name, directory))
        return opened[-1]

    monkeypatch.setattr(SoftTransport, "open", noted)
    with pytest.raises(InputError):
        cardcore.open_card(soft, trace=tmp_path / "no" / "such" / "folder")
    with pytest.raises(TransportError, match="closed"):
        opened[0].begin()


def test_a_debug_log_hides_the_pin(soft: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), cardcore.open_card(soft, profile="piv") as card:
        card.verify(PIN)
    shown = caplog.text.lower().replace(" ", "")
    assert "00a40400" in shown
    assert PIN.hex() not in shown
    assert PIN.decode() not in shown


# The public face


def test_the_public_names_are_there_and_no_others() -> None:
    assert set(dir(cardcore)) == set(cardcore.__all__)
    for name in cardcore.__all__:
        assert getattr(cardcore, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = cardcore.nothing


def test_a_card_is_opened_from_any_transport() -> None:
    transport = SoftTransport(new_soft_card(), "x")
    with opening.open_on(transport) as card:
        assert card.profile.id == "piv"
    with pytest.raises(NotSupported):
        opening.open_on(FakeTransport(lambda command: refused(command)), "piv")


def refused(command: CommandApdu) -> Answer:
    """A card without applications; that it was asked for the right one is checked here."""
    assert hexes([command.encode()]) == ["00A4040005A00000030800"]
    return "6A82"
