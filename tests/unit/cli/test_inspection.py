"""info, readers, objects, profiles, raw commands, traces: what is shown, and how."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cardcore import instructions
from cardcore.cli import info
from cardcore.errors import NoReader
from cardcore.transport import pcsc
from cardcore.transport.base import Transport
from cardcore.transport.reader_events import EventKind, ReaderEvent
from cardcore.transport.readers import ReaderState
from cardcore.transport.soft import SoftTransport
from cardcore.transport.wrapper import TransportWrapper
from tests.unit.cli.shell import Shell
from tests.unit.cli.test_documents import assert_documented

SELECT = "00A4040005A000000308"


def test_info(shell: Shell) -> None:
    empty = shell.ok("info").out
    for text in ("no keys", "no certificates", "3 tries left", "direct convention, T=1", "AID A000000308"):
        assert text in empty
    shell.generate("9a", "rsa2048")
    shell.ok("cert", "self-sign", "9a", "--subject", "CN=Alice", "--pin", "env:PIN", "--admin", "env:ADMIN")
    full = shell.ok("-v", "info")
    for text in ("rsa2048", "CN=Alice"):
        assert text in full.out
    assert "profile piv" in full.err


def test_a_malformed_answer_to_reset_is_told() -> None:
    described = info.describe_atr(b"\x3b")
    assert described["error"]
    assert info.atr_lines(described) == [described["error"]]
    assert info.atr_lines(info.describe_atr(bytes.fromhex("3b00")))[0] == "direct convention, T=0"


class _Reader(TransportWrapper):
    """A reader with a PIN pad."""

    def control(self, code: int, data: bytes = b"") -> bytes:
        if code == 0x42330012:
            return bytes.fromhex("060104 070108")
        assert code & 0xFFFF in (3400, 3400 << 2)
        return bytes.fromhex("060442330006120442330012")


@pytest.fixture
def readers(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Four readers: alice's with a PIN pad, an unknown card, an empty one, one whose card cannot be reached."""
    atr = bytes.fromhex("3b00")
    states = [
        ReaderState(name="Pad", present=True, atr=atr),
        ReaderState(name="Odd", present=True, atr=atr),
        ReaderState(name="Empty", present=False),
        ReaderState(name="Gone", present=True, mute=True),
    ]

    class Odd(TransportWrapper):
        def transmit(self, command: bytes, mask: object = None) -> bytes:
            return b"\x6a\x82"

    def connect(reader: str) -> Transport:
        if reader == "Gone":
            raise NoReader("gone")
        inner = SoftTransport.open("alice")
        return _Reader(inner) if reader == "Pad" else Odd(inner)

    monkeypatch.setattr(pcsc, "list_readers", lambda: states)
    monkeypatch.setattr(pcsc, "connect", connect)
    monkeypatch.setattr(pcsc, "control_reader", lambda reader, code, data: b"")
    return shell


def test_readers(readers: Shell) -> None:
    document = readers("--json", "readers").json
    assert_documented("readers", document)
    found = {entry["name"]: entry for entry in document["readers"]}
    assert (found["Pad"]["pin_pad"], found["Pad"]["profile"], found["Pad"]["extended_length"]) == (True, "piv", True)
    assert (found["Odd"]["pin_pad"], found["Odd"]["error"]) == (False, "unknown-card")
    assert (found["Empty"]["present"], found["Gone"]["error"]) == (False, "no-reader")
    lines = readers("readers").out.splitlines()
    assert [line.split()[0] for line in lines] == ["READER", "Pad", "Odd", "Empty", "Gone"]
    assert "PIN pad (4 to 8 digits), extended length" in lines[1]


def test_no_reader_at_all(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pcsc, "list_readers", list)
    ended = shell("readers")
    assert (ended.status, ended.out) == (0, "no reader is connected\n")


def test_readers_as_they_come_and_go(readers: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def watch() -> Iterator[ReaderEvent]:
        yield ReaderEvent(kind=EventKind.READER_ADDED, reader="Pad")
        yield ReaderEvent(kind=EventKind.INSERTED, reader="Pad", atr=b"\x3b\x00")
        yield ReaderEvent(kind=EventKind.INSERTED, reader="Gone")
        yield ReaderEvent(kind=EventKind.INSERTED, reader="Odd")
        yield ReaderEvent(kind=EventKind.REMOVED, reader="Pad", atr=b"\x3b\x00")

    monkeypatch.setattr(pcsc, "watch", watch)
    events = [json.loads(line) for line in readers("--json", "readers", "--watch").out.splitlines()]
    assert [event["event"] for event in events] == ["reader-added", "inserted", "inserted", "inserted", "removed"]
    assert [event["profile"] for event in events] == [None, "piv", "no-reader", "unknown-card", None]
    assert {frozenset(event) for event in events} == {frozenset({"event", "reader", "atr", "profile"})}
    assert readers("readers", "--watch").out.splitlines()[1] == "inserted  Pad  3B00  piv"


def test_the_only_card_for_raw_commands(readers: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    several = readers("--json", "apdu", SELECT)
    assert (several.status, several.error["code"]) == (3, "no-reader")
    states = pcsc.list_readers()
    monkeypatch.setattr(pcsc, "list_readers", lambda: states[:1])
    assert readers("--json", "apdu", SELECT).json["exchanges"][0]["sw"] == "9000"


def test_objects(shell: Shell) -> None:
    listed = {entry["name"]: entry["size"] for entry in shell.document("object", "list")["objects"]}
    assert listed["chuid"] == 59
    assert listed["printed"] is None
    content = bytes.fromhex("0103616263")
    assert shell.card("object", "write", "printed", "-", stdin=content).status == 2
    shell.ok("object", "write", "printed", "-", "--admin", "env:ADMIN", stdin=content)
    assert shell.ok("object", "read", "5FC109", "--pin", "env:PIN").raw == content
    assert shell.ok("object", "read", "printed", "--decode", "--pin", "env:PIN").out == "01 616263\n"
    shell.ok("object", "read", "chuid", "--out", "chuid.bin")
    assert len((shell.folder / "chuid.bin").read_bytes()) == 59
    shell.ok("object", "write", "printed", "-", "--admin", "env:ADMIN")
    assert shell.card("--json", "object", "read", "printed", "--pin", "env:PIN").error["code"] == "not-found"


@pytest.mark.parametrize("name", ["", " ", "XYZ", "5FC10"])
def test_what_names_no_object(shell: Shell, name: str) -> None:
    ended = shell.card("--json", "object", "read", name)
    assert (ended.status, ended.error["code"]) == (1, "input")
    assert "chuid" in ended.error["hint"]


def test_profiles(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    own = shell.folder / "own"
    own.mkdir()
    (own / "broken.yaml").write_text("profile: 1\nname: N\nnonsense: 1\n")
    monkeypatch.setenv("CARDCORE_PROFILE_PATH", str(own))
    listed = {entry["id"]: entry for entry in shell.document("profile", "list")["profiles"]}
    assert (listed["piv"]["shipped"], listed["piv"]["error"]) == (True, None)
    assert listed["iso7816"]["abstract"] is True
    assert listed["broken"]["error"]
    assert "not valid" in shell.ok("profile", "list").out
    assert "9a" in shell.ok("profile", "show", "piv").out
    assert "a base for others" in shell.ok("profile", "show", "iso7816").out
    checked = shell.card("profile", "check", str(own / "broken.yaml"))
    assert checked.status == 7
    assert "broken.yaml:3:1: error" in checked.out
    assert "| nonsense: 1" in checked.out
    assert "1 profile: 1 error, " in checked.err
    assert not set(checked.out.splitlines()) & set(checked.err.splitlines())
    assert "nonsense" not in checked.err
    listed_errors = shell.card("--json", "profile", "check", str(own / "broken.yaml"))
    assert listed_errors.json["errors"] == 1
    assert "nonsense" in listed_errors.error["message"]
    assert shell.card("profile", "check", "missing.yaml").status == 7


def test_shipped_profiles_are_sound(shell: Shell) -> None:
    from cardcore.profile import catalog

    files = [str(source.path) for source in catalog.available() if source.shipped]
    assert shell("--json", "profile", "check", *files).json["errors"] == 0


def test_raw_commands(shell: Shell) -> None:
    ended = shell.ok("apdu", "00 A4 04 00 05 A0 00 00 03 08", "00:20:00:80", "0020008008313233343536FFFF", "00CA7F66")
    for text in ("SELECT", "VERIFY", "61 (", "    4F A000000308", "63C3 wrong, 3 tries left", "****", "GET DATA"):
        assert text in ended.out
    assert "313233343536" not in ended.out
    stdin = b"# select\n" + SELECT.encode() + b"\n\n 00CB3FFF055C035FC102  # CHUID\n"
    exchanges = shell.document("apdu", "-", stdin=stdin)["exchanges"]
    assert [exchange["sw"] for exchange in exchanges] == ["9000", "9000"]
    assert exchanges[1]["tlv"][0]["tag"] == "53"
    assert exchanges[1]["microseconds"] >= 0


@pytest.mark.parametrize("text", ["918273", "00", "00A40400zz", "", "0"])
def test_what_is_no_command(shell: Shell, text: str) -> None:
    ended = shell.card("apdu", SELECT, text)
    assert ended.status == 2
    assert "command 2" in ended.err
    assert "918273" not in ended.err


def test_traces(shell: Shell) -> None:
    shell.generate("9a", "rsa2048")
    line = ("sign", "--key", "9a", "--pin", "env:PIN", "--out", "x.sig", "-")
    shell.ok("--profile", "piv", "--trace", "sign.trace", *line, stdin=b"text")
    shown = shell("trace", "show", "sign.trace").out
    for text in ("-- connect", "SELECT", "VERIFY", "GENERAL AUTHENTICATE", "7C (", "-- close", "commands in"):
        assert text in shown
    document = shell("--json", "trace", "show", "sign.trace").json
    names = [entry["name"] for entry in document["entries"] if entry["kind"] == "exchange"]
    assert names[:2] == ["SELECT", "INS F7"]
    assert document["reader"] == "soft:alice"


def test_an_empty_file_is_no_tree(shell: Shell) -> None:
    shell.file("t", json.dumps({"c": "00B0000000", "r": "00" * 8 + "9000", "us": 1}).encode())
    assert "  < 0000000000000000" in shell("trace", "show", "t").out.splitlines()


def test_a_reply_in_parts_is_one_tree(shell: Shell) -> None:
    """61xx announces the rest; the tree is that of the whole, and stands at its end."""
    first, rest = "7F490A8106010203", "0405068200"
    lines = [
        {"c": "0047000000", "r": first + "6105", "us": 1},
        {"c": "00C0000005", "r": rest + "9000", "us": 1},
        {"c": "0020008008**", "r": "9000", "us": 1},
        {"c": "00C0000005", "r": "81009000", "us": 1},
    ]
    shell.file("t", "\n".join(json.dumps(line) for line in lines).encode())
    shown = shell("trace", "show", "t").out.splitlines()
    assert shown.index("  < 7F49 (10 bytes)") > shown.index("  < 6105 success, 5 more bytes available")
    assert "  <   81 010203040506" in shown
    entries = shell("--json", "trace", "show", "t").json["entries"]
    assert [entry["tlv"] and entry["tlv"][0]["tag"] for entry in entries] == [None, "7F49", None, "81"]


def test_traces_of_failures_and_control_codes(shell: Shell) -> None:
    lines: list[dict[str, Any]] = [
        {"event": "connect", "format": 1, "reader": "R", "atr": "3b00", "protocol": 1, "extended": True},
        {"control": 3400, "c": "00", "r": "0601", "us": 10},
        {"c": "0084000008", "r": "****************9000", "us": 1500},
        {"c": "00", "r": "6700", "us": 1},
        {"event": "removed", "error": "card-removed", "op": "transmit", "c": "00a40400"},
    ]
    shell.file("t", "\n".join(json.dumps(line) for line in lines).encode())
    shown = shell("trace", "show", "t").out
    for text in (
        "control 3400",
        "GET CHALLENGE  (1.5 ms)",
        "8 bytes, hidden",
        "malformed",
        "-- removed (card-removed)",
    ):
        assert text in shown


@pytest.mark.parametrize("content", [b"nonsense", b"[]", b"{}", b'{"c": "00a4", "r": "xx"}', b'{"c": "", "r": ""}'])
def test_what_is_no_trace(shell: Shell, content: bytes) -> None:
    ended = shell("trace", "show", "-", stdin=content)
    assert ended.status == 1
    assert "line 1" in ended.err


def test_names_of_commands() -> None:
    assert instructions.name_of(0x00, 0xA4) == "SELECT"
    assert instructions.name_of(0x10, 0xDB) == "PUT DATA (to be continued)"
    assert instructions.name_of(0x00, 0x2A, 0x9E, 0x9A) == "COMPUTE DIGITAL SIGNATURE"
    assert instructions.name_of(0x00, 0x2A, 0x00, 0x00) == "PERFORM SECURITY OPERATION"
    assert instructions.name_of(0x00, 0xF7) == "INS F7"
    assert instructions.name_of(0x80, 0xA4) == "CLA 80 INS A4"


def test_a_trace_that_cannot_be_written(shell: Shell, tmp_path: Path) -> None:
    ended = shell.card("--trace", str(tmp_path / "no" / "t.trace"), "info")
    assert ended.status == 1
    assert "cannot write" in ended.err


def test_a_profile_of_ones_own_that_is_not_valid_is_told_once_and_stops_nothing(shell: Shell) -> None:
    (shell.folder / "own").mkdir()
    shell.file("own/broken.yaml", b"profile: 1\n")
    shell.monkeypatch.setenv("CARDCORE_PROFILE_PATH", str(shell.folder / "own"))
    ended = shell.ok("info")
    assert ended.err.count("warning: the profile broken is not valid and left out: ") == 1
    assert "broken.yaml:" in ended.err
    assert shell.ok("--json", "info").err == ""
    assert "warning: the profile broken" in shell.ok("--json", "-v", "info").err
    assert shell.card("--profile", "broken", "info").status == 7
