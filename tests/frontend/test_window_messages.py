"""The pipe between agent and window: what goes in comes out, and nothing else does."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Sequence

import pytest

from cardcore import Secret
from csp_frontend.prompts import Keypad, NewPin, Note, PadStep, PinRequest, PinRules, Purpose, Unblocking, Wanted
from csp_frontend.window import messages
from csp_frontend.window.messages import Kind, Order, Reply
from csp_frontend.window_dialog import WindowDialog

FULL = PinRequest(
    wanted=Wanted.ADMIN,
    purpose=Purpose.DECRYPT,
    label="PIN å",
    token="PIV 1",
    reader="R",
    key="K",
    client="c",
    pid=7,
    checked=True,
    claimed="d",
    tries_left=2,
    again=True,
    note=Note.WRONG_PUK,
    rules=PinRules(minimum=4, maximum=8, digits=True),
    changes=True,
    unblocking=Unblocking(label="PUK", rules=PinRules(minimum=8, maximum=8), tries_left=None),
    keypad=True,
    step=PadStep.UNBLOCK,
    window=0x1234567890,
    text="Please.",
)


@pytest.mark.parametrize("request_", [PinRequest(), FULL])
def test_orders(request_: PinRequest) -> None:
    stream = io.BytesIO()
    messages.send_order(stream, Order(request=request_, seconds=30))
    stream.seek(0)
    assert messages.receive_order(stream) == Order(request=request_, seconds=30)


def test_a_reply_carries_its_secrets_as_bytes_and_wipes_them() -> None:
    stream, secrets = io.BytesIO(), (Secret(b"123456"), Secret("pässword".encode()))
    messages.send_reply(stream, Reply(kind=Kind.CHANGE, secrets=secrets))
    assert [len(secret) for secret in secrets] == [0, 0]
    stream.seek(0)
    found = messages.receive_reply(stream)
    assert found.kind is Kind.CHANGE
    assert [secret.reveal() for secret in found.secrets] == [b"123456", "pässword".encode()]


def raw(document: object, *secrets: bytes, count: int | None = None) -> bytes:
    body = json.dumps(document).encode()
    parts = b"".join(len(secret).to_bytes(2, "little") + secret for secret in secrets)
    return len(body).to_bytes(4, "little") + body + bytes((len(secrets) if count is None else count,)) + parts


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_reply_that_ends_early(cut: int) -> None:
    whole = raw({"kind": "pin"}, b"123456")
    with pytest.raises(EOFError):
        messages.receive_reply(io.BytesIO(whole[:-cut]))


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff",
        raw([]),
        raw({"kind": "nothing"}),
        raw({}),
        raw({"kind": "pin"}, count=9),
        raw({"kind": "pin"}, bytes(2000)),
        (4).to_bytes(4, "little") + b"{{{{\0",
    ],
)
def test_what_is_no_reply(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        messages.receive_reply(io.BytesIO(data))


def played(said: bytes) -> WindowDialog:
    """A dialog whose window says this, whatever it is asked."""
    code = f"import sys; sys.stdin.buffer.read(5); sys.stdout.buffer.write(bytes.fromhex({said.hex()!r}))"
    return WindowDialog([sys.executable, "-c", code])


def test_what_becomes_of_replies() -> None:
    pin = played(raw({"kind": "pin"}, b"1234")).ask(PinRequest())
    assert isinstance(pin, Secret)
    assert pin.reveal() == b"1234"
    changed = played(raw({"kind": "change"}, b"12", b"34")).ask(PinRequest())
    assert isinstance(changed, NewPin)
    assert (changed.unblock, changed.code and changed.code.reveal()) == (False, b"12")
    unblocked = played(raw({"kind": "unblock"})).ask(PinRequest(keypad=True))
    assert unblocked == NewPin(unblock=True)
    assert played(raw({"kind": "keypad"})).ask(PinRequest(keypad=True)) is Keypad.READY
    assert played(raw({"kind": "cancelled"})).ask(PinRequest()) is None


@pytest.mark.parametrize(
    ("said", "level"),
    [
        (raw({"kind": "pin"}), logging.ERROR),
        (raw({"kind": "change"}, b"1234"), logging.ERROR),
        (raw({"kind": "keypad"}), logging.ERROR),
        (raw({"kind": "change"}), logging.ERROR),
        (b"\xff\xff\xff\xff", logging.ERROR),
        (b"", logging.INFO),
        (raw({"kind": "failed", "reason": "no toolkit"}), logging.WARNING),
    ],
)
def test_a_window_that_gives_no_answer_is_a_question_that_is_cancelled(
    said: bytes, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert played(said).ask(PinRequest()) is None
    assert [record.levelno for record in caplog.records] == [level]
    assert "1234" not in caplog.text


@pytest.mark.parametrize("command", [["/nowhere/at/all"], [sys.executable, "-c", "import os; os.close(0)"]])
def test_a_window_that_does_not_start(command: Sequence[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert WindowDialog(command).ask(FULL) is None
    assert caplog.records
    WindowDialog(command).tell(FULL, "Enter it", 3)()
