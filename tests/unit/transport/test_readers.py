"""Return codes of PC/SC as errors, events between two looks at the readers, and what readers say of themselves."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smartcard import scard

from cardcore.errors import CardRemoved, CardReset, NoCard, NoReader, NoService, ReaderBusy, TransportError
from cardcore.transport.pcsc_errors import BUSY, NO_READERS_AVAILABLE, SERVICE_LOST, TIMEOUT, UNKNOWN_READER, error_for
from cardcore.transport.reader_details import reader_details
from cardcore.transport.reader_events import changes
from cardcore.transport.readers import ReaderState, properties

# name in pyscard -> exception with a connection, and without one
KINDS: dict[str, tuple[type[TransportError], type[TransportError]]] = {
    "SCARD_W_RESET_CARD": (CardReset, CardReset),
    "SCARD_W_REMOVED_CARD": (CardRemoved, NoCard),
    "SCARD_E_NO_SMARTCARD": (CardRemoved, NoCard),
    "SCARD_E_READER_UNAVAILABLE": (CardRemoved, NoReader),
    "SCARD_E_SHARING_VIOLATION": (ReaderBusy, ReaderBusy),
    "SCARD_E_SERVER_TOO_BUSY": (ReaderBusy, ReaderBusy),
    "SCARD_E_NO_SERVICE": (NoService, NoService),
    "SCARD_E_SERVICE_STOPPED": (NoService, NoService),
    "SCARD_P_SHUTDOWN": (NoService, NoService),
    "SCARD_E_UNKNOWN_READER": (NoReader, NoReader),
    "SCARD_E_NO_READERS_AVAILABLE": (NoReader, NoReader),
}
ALL_CODES = sorted(name for name in dir(scard) if name.startswith(("SCARD_E_", "SCARD_F_", "SCARD_W_", "SCARD_P_")))


def code_of(name: str) -> int:
    code = getattr(scard, name)
    assert isinstance(code, int)
    return code & 0xFFFFFFFF


def shown(code: int, *, connected: bool) -> tuple[type[TransportError], str]:
    error = error_for(code, "Reader 1", connected=connected)
    return type(error), error.message


@pytest.mark.parametrize("name", [name for name in ALL_CODES if not name.startswith("SCARD_PROTOCOL")])
def test_every_code_of_pyscard_has_its_error(name: str) -> None:
    code = code_of(name)
    kinds = KINDS.get(name, (TransportError, TransportError))
    assert tuple(shown(code, connected=connected)[0] for connected in (True, False)) == kinds
    message = shown(code, connected=True)[1]
    assert message.startswith("Reader 1: ")
    assert message.endswith(f"({code:08X})")
    assert shown(code - (1 << 32), connected=True)[1] == message, "signed, as on Windows"
    if name != "SCARD_E_UNKNOWN_RES_MNG":
        assert "unknown code" not in message


@pytest.mark.parametrize(
    ("code", "kind"), [(1167, CardRemoved), (22, CardRemoved), (31, TransportError), (0x80104242, TransportError)]
)
def test_other_codes(code: int, kind: type[TransportError]) -> None:
    assert shown(code, connected=True)[0] is kind


def test_unknown_codes_say_so() -> None:
    assert shown(0x80104242, connected=False)[1] == (
        "Reader 1: the PC/SC service answered with an unknown code (80104242)"
    )


def test_the_codes_that_are_decided_on() -> None:
    names = {TIMEOUT: "E_TIMEOUT", UNKNOWN_READER: "E_UNKNOWN_READER", NO_READERS_AVAILABLE: "E_NO_READERS_AVAILABLE"}
    assert {code: code_of(f"SCARD_{name}") for code, name in names.items()} == {code: code for code in names}
    assert {code_of("SCARD_E_SHARING_VIOLATION"), code_of("SCARD_E_SERVER_TOO_BUSY")} == BUSY
    lost = ("E_INVALID_HANDLE", "E_SYSTEM_CANCELLED", "F_COMM_ERROR", "P_SHUTDOWN", "E_NO_SERVICE", "E_SERVICE_STOPPED")
    assert {code_of(f"SCARD_{name}") for name in lost} == SERVICE_LOST


EMPTY = ReaderState(name="A", present=False)
FULL = ReaderState(name="A", present=True, atr=b"\x3b\x00", events=1)
OTHER = ReaderState(name="A", present=True, atr=b"\x3b\x80", events=3)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, None, []),
        (None, EMPTY, ["reader-added"]),
        (None, FULL, ["reader-added", "inserted 3b00"]),
        (EMPTY, EMPTY, []),
        (EMPTY, FULL, ["inserted 3b00"]),
        (FULL, FULL, []),
        (FULL, EMPTY, ["removed 3b00"]),
        (FULL, OTHER, ["removed 3b00", "inserted 3b80"]),
        (FULL, ReaderState(name="A", present=True, atr=b"\x3b\x00", events=3), ["removed 3b00", "inserted 3b00"]),
        (FULL, ReaderState(name="A", present=True, atr=b"\x3b\x00", events=1, in_use=True), []),
        (FULL, None, ["removed 3b00", "reader-removed"]),
        (EMPTY, None, ["reader-removed"]),
        (EMPTY, ReaderState(name="A", present=True, mute=True), ["inserted"]),
    ],
)
def test_what_happened(before: ReaderState | None, after: ReaderState | None, expected: list[str]) -> None:
    events = changes({"A": before} if before else {}, {"A": after} if after else {})
    assert [f"{event.kind} {event.atr.hex()}".strip() for event in events] == expected


@given(st.binary(max_size=40))
def test_properties_of_hostile_readers(reply: bytes) -> None:
    assert sum(2 + len(value) for value in properties(reply).values()) <= len(reply)


def test_properties() -> None:
    assert properties(bytes.fromhex("12 04 42000001 06 01 04 0A 04 00")) == {
        0x12: bytes.fromhex("42000001"),
        6: b"\x04",
    }


def test_details_of_a_reader() -> None:
    version = (0x01050002).to_bytes(4, sys.byteorder)
    found = reader_details(vendor=b"Maker\x00", model=b"Model\xff", version=version, serial=None)
    assert (found.vendor, found.model, found.version, found.serial) == ("Maker", "Model\ufffd", "1.5.2", "")
    assert reader_details(vendor=None, model=None, version=b"\x01", serial=b"").version == ""
