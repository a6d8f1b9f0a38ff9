"""Plays a recorded trace as a card: the same commands get the same replies, without a reader."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cardcore.errors import CardRemoved, CardReset, InputError, ReaderBusy, ReplyError, TransportError
from cardcore.masking import HIDDEN_BYTE, OPEN, Mask, join, mask_of, redact
from cardcore.transport.base import CardProtocol
from cardcore.transport.recorder import FORMAT_VERSION

# The shortest answer to reset there is, for traces that name none (ISO 7816-3:2006, 8.2).
PLAIN_ATR = b"\x3b\x00"

_HEX = re.compile(r"(?:[0-9a-fA-F]{2}|\*\*)*")
_FAILURES: dict[object, type[TransportError]] = {kind.code: kind for kind in (CardRemoved, CardReset, ReaderBusy)}

_SAME_AGAIN = "A trace replays what was recorded: give the same command, with the same files and the same profile."


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One recorded call that has an outcome to play.

    `operation` is the method; `command` its bytes as lower-case hex where `**` stands for any byte; `reply` the
    answer, with 00 for each byte that was masked, or `failure` the exception to raise.
    """

    operation: str
    command: str = ""
    code: int = 0
    reply: bytes = b""
    failure: type[TransportError] | None = None

    def matches(self, operation: str, command: bytes = b"", code: int = 0) -> bool:
        """Whether this is the call that was recorded; masked bytes are like any other."""
        if (operation, code, len(command) * 2) != (self.operation, self.code, len(self.command)):
            return False
        pairs = (self.command[at : at + 2] for at in range(0, len(self.command), 2))
        return all(pair in (HIDDEN_BYTE, f"{byte:02x}") for pair, byte in zip(pairs, command, strict=True))

    def play(self) -> bytes:
        """Return the recorded reply, or raise the recorded failure."""
        if self.failure is not None:
            raise self.failure(f"recorded failure: {self.failure.code}")
        return self.reply


class ReplayTransport:
    """Answers each call as it was answered in the trace.

    Strict: in the recorded order, nothing left out. Otherwise each call gets the first unused step that matches.
    A call that the trace does not hold is a ReplyError that names what was expected and what came, without secrets.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        name: str = "replay",
        atr: bytes = PLAIN_ATR,
        protocol: CardProtocol = CardProtocol.T1,
        extended_length: bool = True,
        strict: bool = True,
    ) -> None:
        self._unused = list(steps)
        self._name = name
        self._atr = atr
        self._protocol = protocol
        self._extended_length = extended_length
        self._strict = strict

    @classmethod
    def load(cls, path: Path, *, strict: bool = True) -> Self:
        """Read a trace, or plain `{"c", "r"}` and `{"event"}` lines; InputError names the line that is neither."""
        lines = _read_lines(path)
        steps = [step for number, line in lines if (step := _step(path, number, line)) is not None]
        start = next((line for _, line in lines if line.get("event") == "connect"), {})
        try:
            return cls(
                steps,
                name=str(start.get("reader", f"replay:{path.stem}")),
                atr=bytes.fromhex(start.get("atr", PLAIN_ATR.hex())),
                protocol=CardProtocol(start.get("protocol", CardProtocol.T1)),
                extended_length=bool(start.get("extended", True)),
                strict=strict,
            )
        except (TypeError, ValueError) as error:
            raise InputError(f"{path}: the connect event cannot be read: {error}") from error

    @property
    def name(self) -> str:
        """The reader's name as recorded."""
        return self._name

    @property
    def atr(self) -> bytes:
        """The answer to reset as recorded."""
        return self._atr

    @property
    def protocol(self) -> CardProtocol:
        """The transmission protocol as recorded."""
        return self._protocol

    @property
    def extended_length(self) -> bool:
        """Whether the reader carried extended length APDUs."""
        return self._extended_length

    @property
    def unused(self) -> tuple[Step, ...]:
        """Steps that were not played yet, in recorded order."""
        return tuple(self._unused)

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Answer one command as it was answered in the trace."""
        step = self._take("transmit", command)
        if step is None:
            raise self._mismatch("command " + redact(command, join(mask, mask_of(command))), "command")
        return step.play()

    def control(self, code: int, data: bytes = b"") -> bytes:
        """Answer one control code as it was answered in the trace."""
        step = self._take("control", data, code)
        if step is None:
            raise self._mismatch(f"control code {code:#x} with {len(data)} bytes", "control code")
        return step.play()

    def begin(self) -> None:
        """Start a transaction; fails where it did when the trace was recorded."""
        self._fail_as_recorded("begin")

    def end(self) -> None:
        """End the transaction."""

    def reconnect(self) -> None:
        """Take the connection up again; fails where it did when the trace was recorded."""
        self._fail_as_recorded("reconnect")

    def reset(self) -> None:
        """Reset the card; fails where that did when the trace was recorded."""
        self._fail_as_recorded("reset")

    def close(self) -> None:
        """Give the card back."""

    def _take(self, operation: str, command: bytes = b"", code: int = 0) -> Step | None:
        candidates = self._unused[:1] if self._strict else self._unused
        step = next((step for step in candidates if step.matches(operation, command, code)), None)
        if step is not None:
            self._unused.remove(step)  # equal steps are alike, and the first goes first
        return step

    def _fail_as_recorded(self, operation: str) -> None:
        """Only failures of these calls are steps: where the next step is none, the call succeeded."""
        if self._unused and self._unused[0].matches(operation):
            self._unused.pop(0).play()

    def _mismatch(self, got: str, what: str) -> ReplyError:
        if not self._unused:
            return ReplyError(f"the trace ends before this: got {got}", hint=_SAME_AGAIN)
        if not self._strict:
            return ReplyError(f"the trace holds no such {what} any more: got {got}", hint=_SAME_AGAIN)
        expected = self._unused[0]
        return ReplyError(
            f"not as in the trace: {expected.operation} {expected.command} comes next there, got {got}",
            hint=_SAME_AGAIN,
        )


def _read_lines(path: Path) -> list[tuple[int, dict[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read the trace {path}: {error.strerror}", hint="Check the path.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"cannot read the trace {path}: it is no text", hint="Record one with --trace.") from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    return [(number, _parse_line(path, number, line)) for number, line in lines]


def _parse_line(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path}:{number}: not a line of JSON", hint="Traces are made with `cardcore --trace FILE ...`."
        ) from error
    if not isinstance(parsed, dict):
        raise InputError(f"{path}:{number}: a trace line is a JSON object")
    if parsed.get("format", FORMAT_VERSION) != FORMAT_VERSION:
        raise InputError(f"{path}:{number}: trace format {parsed['format']} is not {FORMAT_VERSION}")
    return parsed


def _step(path: Path, number: int, line: dict[str, Any]) -> Step | None:
    """The step that a line records, None for an event that needs no playing."""
    if "event" in line and "error" not in line:
        return None
    command, reply, code = line.get("c", ""), line.get("r", ""), line.get("control", 0)
    if not (_is_hex(command) and _is_hex(reply) and isinstance(code, int)):
        raise InputError(f"{path}:{number}: `c` and `r` are hex, with ** for masked bytes")
    if "error" not in line and "r" not in line:
        raise InputError(f"{path}:{number}: neither an exchange nor an event")
    operation = "control" if "control" in line else "transmit"
    return Step(
        operation=str(line.get("op", operation)) if "error" in line else operation,
        command=command.lower(),
        code=code,
        reply=bytes.fromhex(reply.replace(HIDDEN_BYTE, "00")),
        failure=_FAILURES.get(line["error"], TransportError) if "error" in line else None,
    )


def _is_hex(text: object) -> bool:
    return isinstance(text, str) and _HEX.fullmatch(text) is not None
