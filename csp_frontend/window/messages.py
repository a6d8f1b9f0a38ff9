"""What goes over the pipe between the agent and the window: a document in JSON, and secrets beside it as bytes.

A message is `u32` size and that many bytes of JSON, `u8` number of secrets, and for each `u16` size and its bytes, all
little endian. Secrets are no part of the JSON, so that they are never strings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, BinaryIO

from cardcore import Secret
from csp_frontend.prompts import Note, PadStep, PinRequest, PinRules, Purpose, Unblocking, Wanted

_MAX_DOCUMENT = 1 << 16
_MAX_SECRETS = 2
_MAX_SECRET = 1024


class Kind(StrEnum):
    """How a window was answered, or ended without an answer."""

    PIN = "pin"
    CHANGE = "change"
    UNBLOCK = "unblock"
    KEYPAD = "keypad"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the window has to show: a question, or for `seconds` that the reader's keypad waits."""

    request: PinRequest
    seconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the window says at its end; `reason` is for the log, and only where it failed."""

    kind: Kind
    secrets: tuple[Secret, ...] = ()
    reason: str = ""


def send_order(stream: BinaryIO, order: Order) -> None:
    """From the agent to the window; OSError if that has ended."""
    _write(stream, {"seconds": order.seconds, "request": asdict(order.request)}, ())


def receive_order(stream: BinaryIO) -> Order:
    """In the window; EOFError if the agent has gone."""
    document, _ = _read(stream)
    fields = dict(document["request"])
    fields["wanted"] = Wanted(fields["wanted"])
    fields["purpose"] = Purpose(fields["purpose"])
    fields["note"] = Note(fields["note"])
    fields["step"] = PadStep(fields["step"])
    fields["rules"] = PinRules(**fields["rules"])
    if fields["unblocking"] is not None:
        unblocking = dict(fields["unblocking"])
        fields["unblocking"] = Unblocking(**{**unblocking, "rules": PinRules(**unblocking["rules"])})
    return Order(request=PinRequest(**fields), seconds=int(document["seconds"]))


def send_reply(stream: BinaryIO, reply: Reply) -> None:
    """From the window to the agent; the secrets are wiped."""
    try:
        _write(stream, {"kind": reply.kind, "reason": reply.reason}, reply.secrets)
    finally:
        for secret in reply.secrets:
            secret.wipe()


def receive_reply(stream: BinaryIO) -> Reply:
    """In the agent; EOFError if the window ended without a word, ValueError for anything that is no reply."""
    document, secrets = _read(stream)
    return Reply(kind=Kind(document.get("kind", "")), secrets=tuple(secrets), reason=str(document.get("reason", "")))


def _write(stream: BinaryIO, document: Mapping[str, object], secrets: Sequence[Secret]) -> None:
    body = json.dumps(document).encode()
    stream.write(len(body).to_bytes(4, "little") + body + bytes((len(secrets),)))
    for secret in secrets:
        stream.write(len(secret).to_bytes(2, "little"))
        stream.write(secret.reveal())
    stream.flush()


def _read(stream: BinaryIO) -> tuple[dict[str, Any], list[Secret]]:
    size = int.from_bytes(_exactly(stream, 4), "little")
    if size > _MAX_DOCUMENT:
        raise ValueError(f"a message of {size} bytes")
    document = json.loads(_exactly(stream, size))
    if not isinstance(document, dict):
        raise ValueError("a message that is no object")
    count = _exactly(stream, 1)[0]
    if count > _MAX_SECRETS:
        raise ValueError(f"a message with {count} secrets")
    return document, [_secret(stream) for _ in range(count)]


def _secret(stream: BinaryIO) -> Secret:
    size = int.from_bytes(_exactly(stream, 2), "little")
    if size > _MAX_SECRET:
        raise ValueError(f"a secret of {size} bytes")
    return Secret(_exactly(stream, size))


def _exactly(stream: BinaryIO, size: int) -> bytes:
    """So many bytes: the pipes are unbuffered, and give what there is."""
    found = b""
    while len(found) < size:
        part = stream.read(size - len(found))
        if not part:
            raise EOFError("the other end of the pipe has gone")
        found += part
    return found
