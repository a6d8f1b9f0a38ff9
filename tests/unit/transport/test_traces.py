"""What the recorder writes, and that it can be played."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from cardcore.errors import CardRemoved, CardReset, InputError, ReaderBusy, ReplyError, TransportError
from cardcore.softcard import volatile_card
from cardcore.transport.base import CardProtocol, Mask, Transport
from cardcore.transport.faults import FaultKind, FaultPlan, FaultTransport
from cardcore.transport.recorder import RecorderTransport, open_trace
from cardcore.transport.replay import ReplayTransport
from cardcore.transport.soft import SoftTransport
from cardcore.transport.wrapper import TransportWrapper

SELECT = bytes.fromhex("00A4040005A000000308")
VERIFY = bytes.fromhex("0020008008313233343536FFFF")
OTHER_PIN = bytes.fromhex("0020008008393939393939FFFF")
TRIES = bytes.fromhex("00200080")


class Reader(TransportWrapper):
    """Knows one control code, and can refuse a transaction."""

    refusal: TransportError | None = None

    def control(self, code: int, data: bytes = b"") -> bytes:
        """Echo the data, or fail."""
        if code != 7:
            raise TransportError("unknown code")
        return data

    def begin(self) -> None:
        """Refuse if told to."""
        if self.refusal is not None:
            raise self.refusal


class Clock:
    """Moves on by 1500 nanoseconds at each look."""

    def __init__(self) -> None:
        self._now = 0

    def __call__(self) -> int:
        self._now += 1500
        return self._now


def card(*plans: FaultPlan) -> Transport:
    return FaultTransport(Reader(SoftTransport(volatile_card("piv"), "alice")), *plans)


def lines_of(sink: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in sink.getvalue().splitlines()]


def test_a_trace_from_connect_to_close() -> None:
    sink = io.StringIO()
    recorder = RecorderTransport(card(), sink, clock=Clock())
    recorder.begin()
    select = recorder.transmit(SELECT, Mask(reply=True))
    recorder.transmit(VERIFY)
    recorder.reset()
    recorder.reconnect()
    assert recorder.control(7, b"\x01") == b"\x01"
    recorder.end()
    recorder.close()
    recorder.close()
    atr = recorder.atr.hex()
    assert lines_of(sink) == [
        {"event": "connect", "format": 1, "reader": "soft:alice", "atr": atr, "protocol": 1, "extended": True},
        {"c": SELECT.hex(), "r": "**" * (len(select) - 2) + "9000", "us": 1},
        {"c": "0020008008" + "**" * 8, "r": "9000", "us": 1},
        {"event": "reset", "atr": atr},
        {"event": "reconnect", "atr": atr},
        {"control": 7, "c": "01", "r": "01", "us": 1},
        {"event": "close"},
    ]


@pytest.mark.parametrize(
    ("kind", "event", "error"),
    [
        (FaultKind.REMOVED_AFTER, "removed", CardRemoved),
        (FaultKind.RESET, "reset", CardReset),
        (FaultKind.BUSY, "busy", ReaderBusy),
    ],
)
def test_failures_are_events(kind: FaultKind, event: str, error: type[TransportError]) -> None:
    sink = io.StringIO()
    recorder = RecorderTransport(card(FaultPlan(kind=kind)), sink)
    with pytest.raises(error):
        recorder.transmit(VERIFY)
    expected = {"event": event, "error": error.code, "op": "transmit", "c": "0020008008" + "**" * 8}
    assert lines_of(sink)[1] == expected


def test_other_failures_are_errors() -> None:
    sink = io.StringIO()
    recorder = RecorderTransport(card(), sink)
    with pytest.raises(TransportError, match="unknown code"):
        recorder.control(8)
    assert lines_of(sink)[1] == {"event": "error", "error": "transport", "op": "control", "control": 8, "c": ""}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
@pytest.mark.parametrize("before", [None, 0o644])
def test_a_trace_file_is_for_its_owner_only(tmp_path: Path, before: int | None) -> None:
    path = tmp_path / "trace.jsonl"
    if before is not None:
        path.write_text("an older trace " * 1000)
        path.chmod(before)
    recorder = RecorderTransport.to_file(card(), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    recorder.transmit(SELECT)
    recorder.close()
    recorder.close()
    assert [json.loads(line).get("event") for line in path.read_text().splitlines()] == ["connect", None, "close"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_trace_into_a_pipe_or_device_leaves_its_mode_alone(tmp_path: Path) -> None:
    """As the administrator does it: `--trace /dev/null` must not close the device to everybody else."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    path.chmod(0o666)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with open_trace(path) as trace:
            trace.write("told")
        assert os.read(reading, 10) == b"told"
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
    finally:
        os.close(reading)


def test_a_trace_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write the trace"):
        open_trace(tmp_path / "missing" / "trace.jsonl")


def test_a_full_disk_ends_the_recording_not_the_work(caplog: pytest.LogCaptureFixture) -> None:
    class FullDisk(io.StringIO):
        def write(self, text: str, /) -> int:
            raise OSError("no space left")

    recorder = RecorderTransport(card(), FullDisk())
    assert recorder.transmit(SELECT)[-2:] == b"\x90\x00"
    recorder.close()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def recorded(path: Path, *plans: FaultPlan) -> Path:
    """A trace of SELECT, VERIFY, and asking for the tries; failures are recorded too."""
    recorder = RecorderTransport.to_file(card(*plans), path / "trace.jsonl")
    for command in (SELECT, VERIFY, TRIES):
        try:
            recorder.transmit(command)
        except CardReset:
            recorder.reconnect()
    recorder.close()
    return path / "trace.jsonl"


def test_a_recording_is_played(tmp_path: Path) -> None:
    original = card()
    replay: Transport = ReplayTransport.load(recorded(tmp_path))
    assert (replay.name, replay.atr, replay.protocol) == ("soft:alice", original.atr, CardProtocol.T1)
    assert replay.extended_length
    replay.begin()
    assert replay.transmit(SELECT) == original.transmit(SELECT)
    assert replay.transmit(OTHER_PIN) == b"\x90\x00", "a masked PIN matches any other of its length"
    replay.reset()
    assert replay.transmit(TRIES) == b"\x90\x00"
    replay.end()
    replay.reconnect()
    replay.close()
    with pytest.raises(ReplyError, match="ends before"):
        replay.transmit(SELECT)


def test_an_unexpected_command_is_named_without_its_secrets(tmp_path: Path) -> None:
    replay = ReplayTransport.load(recorded(tmp_path))
    with pytest.raises(ReplyError) as caught:
        replay.transmit(VERIFY)
    assert f"transmit {SELECT.hex()} comes next there, got command 0020008008****************" in caught.value.message
    with pytest.raises(ReplyError, match=r"got command 00e00000\*\*"):
        replay.transmit(bytes.fromhex("00E0000031"), Mask(command=((4, 5),)))
    with pytest.raises(ReplyError, match="got control code 0x7 with 1 bytes"):
        replay.control(7, b"1")
    assert len(replay.unused) == 3


def test_lenient_replay_takes_any_unused_exchange(tmp_path: Path) -> None:
    replay = ReplayTransport.load(recorded(tmp_path), strict=False)
    assert replay.transmit(TRIES) == b"\x90\x00"
    assert replay.transmit(SELECT)[-2:] == b"\x90\x00"
    with pytest.raises(ReplyError, match="no such command any more"):
        replay.transmit(TRIES)
    assert replay.transmit(VERIFY) == b"\x90\x00"
    assert not replay.unused


def test_failures_are_played(tmp_path: Path) -> None:
    plans = (FaultPlan(kind=FaultKind.RESET, at=2), FaultPlan(kind=FaultKind.STATUS, at=3, sw=0x6982))
    replay = ReplayTransport.load(recorded(tmp_path, *plans))
    replay.transmit(SELECT)
    with pytest.raises(CardReset):
        replay.transmit(VERIFY)
    replay.reconnect()
    assert replay.transmit(TRIES) == b"\x69\x82"


def test_failed_transactions_and_control_codes_are_played(tmp_path: Path) -> None:
    reader = Reader(SoftTransport(volatile_card("piv"), "alice"))
    recorder = RecorderTransport.to_file(reader, tmp_path / "trace.jsonl")
    recorder.control(7, b"\x01\x02")
    reader.refusal = CardReset("reset")
    with pytest.raises(CardReset):
        recorder.begin()
    with pytest.raises(TransportError):
        recorder.control(8)
    recorder.close()
    replay = ReplayTransport.load(tmp_path / "trace.jsonl")
    replay.begin()
    assert replay.control(7, b"\x01\x02") == b"\x01\x02"
    with pytest.raises(CardReset):
        replay.begin()
    replay.begin()
    with pytest.raises(TransportError, match="recorded failure"):
        replay.control(8)
    assert not replay.unused


def test_plain_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "plain.jsonl"
    path.write_text(
        '{"card":"x","op":"y","event":"power-on"}\n\n'
        '{"card":"x","op":"y","c":"00A40400","r":"6d00","card_us":104}\n'
        '{"card":"x","op":"y","c":"0020008002****","r":"**9000"}\n'
    )
    replay = ReplayTransport.load(path)
    assert (replay.name, replay.atr) == ("replay:plain", b"\x3b\x00")
    assert replay.transmit(bytes.fromhex("00A40400")) == b"\x6d\x00"
    assert replay.transmit(bytes.fromhex("00200080023132")) == b"\x00\x90\x00"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", ":1: not a line of JSON"),
        ("[" * 100_000, ":1: not a line of JSON"),
        ("[]", ":1: a trace line is a JSON object"),
        ('{"c":"00","r":"9000"}\n{"x":1}', ":2: neither an exchange nor an event"),
        ('{"c":"0","r":"9000"}', ":1: `c` and `r` are hex"),
        ('{"c":"00","r":1}', ":1: `c` and `r` are hex"),
        ('{"control":"7","c":"00","r":"00"}', ":1: `c` and `r` are hex"),
        ('{"event":"connect","format":2}', ":1: trace format 2"),
        ('{"event":"connect","atr":"3"}', "connect event"),
        ('{"event":"connect","atr":3}', "connect event"),
        ('{"event":"connect","protocol":9}', "connect event"),
    ],
)
def test_malformed_traces(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=reason):
        ReplayTransport.load(path)


def test_unreadable_traces(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the trace"):
        ReplayTransport.load(tmp_path / "missing.jsonl")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot read the trace"):
        ReplayTransport.load(tmp_path / "binary")
