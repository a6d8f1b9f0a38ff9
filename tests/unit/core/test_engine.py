"""One operation on one channel: steps, conditions, saved replies, expected answers, typed errors."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcore import sw
from cardcore.channel import Channel
from cardcore.engine import Engine, error_for
from cardcore.errors import (
    CardError,
    InputError,
    NotFound,
    NotSupported,
    PinBlocked,
    PinError,
    ReplyError,
    SecurityStatus,
    StatusError,
)
from cardcore.profile.model import Needs, Operation, Profile, Reply, Step
from cardcore.profile.template import Join, Literal, Name
from cardcore.secret import Secret
from tests.unit.core.fakes import Answer, FakeTransport, hexes, scripted

ZERO = Literal(data=b"\x00")


def step(ins: int) -> Step:
    """A step with nothing but an instruction."""
    return Step(cla=ZERO, ins=Literal(data=bytes((ins,))), p1=ZERO, p2=ZERO)


def engine(*steps: Step, answers: tuple[Answer, ...] = (), name: str = "read") -> tuple[Engine, FakeTransport]:
    """An engine whose profile has one operation, and its card."""
    card = FakeTransport(scripted(*answers))
    profile = Profile(id="x", name="X", origin="here", operations={name: Operation(name=name, steps=steps)})
    return Engine(profile, Channel(card)), card


def test_every_step_is_sent_and_the_last_reply_counts() -> None:
    first = replace(step(1), reply=Reply())
    last = replace(step(2), data=Name(name="object"), le=0, reply=Reply(path=(0x53,)))
    runner, card = engine(first, last, answers=("AA9000", "5302BEEF9000"))
    assert runner.run("read", {"object": b"\x5c"}) == b"\xbe\xef"
    assert hexes(card.sent) == ["00010000", "00020000015C00"]


def test_without_a_described_reply_the_result_is_empty() -> None:
    runner, _ = engine(step(1), answers=("AABB9000",))
    assert runner.run("read", {}) == b""


def test_steps_are_sent_when_their_facts_hold() -> None:
    rsa = replace(step(1), when={"key.kind": frozenset({"rsa"})})
    large = replace(step(2), when={"key.kind": frozenset({"rsa"}), "key.size": frozenset({3072, 4096})})
    other = replace(step(3), when={"key.kind": frozenset({"ec", "x"})})
    sent = {}
    for kind, size in (("rsa", 2048), ("rsa", 4096), ("ec", 256)):
        runner, card = engine(rsa, large, other, answers=("9000", "9000"))
        runner.run("read", {"key.kind": kind, "key.size": size})
        sent[size] = [command.ins for command in card.commands]
    assert sent == {2048: [1], 4096: [1, 2], 256: [3]}


def test_an_unknown_fact_stops_before_anything_is_sent() -> None:
    runner, card = engine(replace(step(1), when={"key.kind": frozenset({"rsa"})}))
    with pytest.raises(InputError, match="not known here"):
        runner.run("read", {})
    assert card.sent == []


def test_a_saved_reply_serves_the_steps_that_follow() -> None:
    ask = replace(step(1), reply=Reply(byte=1), save="found")
    use = replace(step(2), p1=Name(name="found"), data=Join(parts=(Name(name="found"), Name(name="object"))))
    skipped = replace(step(3), when={"found": frozenset({0x42})})
    runner, card = engine(ask, use, skipped, answers=("0007089000", "9000"))
    runner.run("read", {"object": b"\xaa"})
    assert hexes(card.sent) == ["00010000", "000207000207AA"]


def test_a_saved_reply_is_gone_in_the_next_run() -> None:
    ask = replace(step(1), reply=Reply(), save="found", when={"again": frozenset({0})})
    runner, card = engine(ask, replace(step(2), data=Name(name="found")), answers=("AA9000", "9000"))
    runner.run("read", {"again": 0})
    with pytest.raises(InputError):
        runner.run("read", {"again": 1})
    assert len(card.sent) == 2


def test_needs_are_those_of_the_steps_that_apply() -> None:
    admin = replace(step(1), needs=Needs.ADMIN, when={"key.kind": frozenset({"rsa"})})
    runner, _ = engine(admin, replace(step(2), needs=Needs.PIN))
    assert runner.needs("read", {"key.kind": "rsa"}) == {Needs.ADMIN, Needs.PIN}
    assert runner.needs("read", {"key.kind": "ec"}) == {Needs.PIN}


def test_needs_of_a_step_that_depends_on_a_reply_count() -> None:
    ask = replace(step(1), reply=Reply(byte=0), save="found")
    runner, _ = engine(ask, replace(step(2), needs=Needs.ADMIN, when={"found": frozenset({1})}))
    assert runner.needs("read", {}) == {Needs.ADMIN}


def test_expected_status_words_are_successes() -> None:
    runner, card = engine(
        replace(step(1), expect=frozenset({0x9000, 0x6A82})), step(2), answers=("6A82", "9000", "6A88")
    )
    runner.run("read", {})
    assert len(card.sent) == 2
    with pytest.raises(NotFound):
        runner.run("read", {})
    assert len(card.sent) == 3


@pytest.mark.parametrize("answer", [0x9000, 0x63C0, 0x63C3, 0x63CF, 0x6983, 0x6300, 0x6303])
def test_a_retry_counter_is_a_result(answer: int) -> None:
    runner, _ = engine(replace(step(0x20), retries=True), answers=(f"{answer:04X}",), name="retries")
    assert runner.run("retries", {}) == answer


@pytest.mark.parametrize("answer", ["6982", "6A88", "6D00", "6283", "6310"])
def test_what_is_no_retry_counter_is_an_error(answer: str) -> None:
    runner, _ = engine(replace(step(0x20), retries=True), answers=(answer,), name="retries")
    with pytest.raises(StatusError):
        runner.run("retries", {})


def test_an_operation_that_is_not_there() -> None:
    runner, _ = engine()
    assert runner.can("read")
    assert not runner.can("sign")
    with pytest.raises(NotSupported, match="has no operation sign"):
        runner.run("sign", {})


def test_a_missing_value_stops_before_anything_is_sent() -> None:
    runner, card = engine(replace(step(1), data=Name(name="object")))
    with pytest.raises(InputError):
        runner.run("read", {})
    assert card.sent == []


def test_secrets_are_masked_and_so_are_secret_replies() -> None:
    shown = replace(step(1), data=Join(parts=(Literal(data=b"\x01\x02"), Name(name="pin.block"))))
    for name, hidden in (("verify", False), ("decipher", True), ("agree", True), ("sign", False)):
        runner, card = engine(shown, answers=("9000",), name=name)
        runner.run(name, {"pin.block": Secret(b"1234")})
        assert card.masks[0].command == ((7, 11),)
        assert card.masks[0].reply is hidden


# Status words to errors

PIN_ERRORS = {
    0x63C0: (PinBlocked, 0),
    0x63C1: (PinError, 1),
    0x63CF: (PinError, 15),
    0x6302: (PinError, 2),
    0x6300: (PinError, None),
    0x6982: (PinError, None),
    0x6983: (PinBlocked, 0),
}
ERRORS = {
    0x6982: SecurityStatus,
    0x6A82: NotFound,
    0x6A83: NotFound,
    0x6A88: NotFound,
    0x6700: StatusError,
    0x6983: StatusError,
    0x63C2: StatusError,
    0x6A80: StatusError,
    0x6D00: StatusError,
    0x6C10: StatusError,
    0x6105: StatusError,
    0x0000: StatusError,
    0xFFFF: StatusError,
}


@pytest.mark.parametrize("operation", ["verify", "change", "unblock"])
@pytest.mark.parametrize("answer", PIN_ERRORS)
def test_refused_pins(operation: str, answer: int) -> None:
    error = error_for(operation, answer)
    kind, left = PIN_ERRORS[answer]
    assert type(error) is kind
    assert isinstance(error, PinError)
    assert (error.tries_left, error.sw) == (left, answer)


@pytest.mark.parametrize("answer", ERRORS)
@pytest.mark.parametrize("operation", ["sign", "read", "generate", "retries", "logout"])
def test_other_refusals(operation: str, answer: int) -> None:
    error = error_for(operation, answer)
    assert type(error) is ERRORS[answer]
    assert error.sw == answer
    assert f"{operation}: the card answered {answer:04X}" in str(error)


@pytest.mark.parametrize("answer", [0x6700, 0x6A80, 0x6D00, 0x6A88])
def test_a_pin_operation_may_fail_for_other_reasons(answer: int) -> None:
    assert not isinstance(error_for("verify", answer), PinError)


def test_a_missing_function_is_named_in_the_hint() -> None:
    assert error_for("sign", 0x6D00).hint == "The card lacks this function."
    assert error_for("sign", 0x6700).hint == ""


@given(st.integers(0, 0xFFFF), st.sampled_from(["verify", "sign", "read"]))
def test_every_status_word_has_an_error_and_a_meaning(answer: int, operation: str) -> None:
    error = error_for(operation, answer)
    assert isinstance(error, CardError)
    assert error.sw == answer
    assert sw.meaning(answer)
    assert sw.describe(answer).startswith(f"{answer:04X} ")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (0x9000, "success"),
        (0x6100, "success, 256 more bytes available"),
        (0x6105, "success, 5 more bytes available"),
        (0x6C00, "wrong Le, 256 bytes available"),
        (0x63C1, "wrong, 1 try left"),
        (0x63C2, "wrong, 2 tries left"),
        (0x6A82, "file or application not found"),
        (0x6AFF, "wrong parameters"),
        (0x1234, "unknown status word"),
    ],
)
def test_meanings(answer: int, text: str) -> None:
    assert sw.meaning(answer) == text


# Replies

SHAPES = (
    Reply(),
    Reply(path=(0x7C, 0x82)),
    Reply(find=0x82),
    Reply(byte=3),
    Reply(path=(0x01,), byte=0, values={6: "rsa1024"}),
    Reply(values={1: "one"}),
    Reply(path=(0x7F49,), modulus=0x81, exponent=0x82, point=0x86),
    Reply(whole_modulus=True, fixed_exponent=b"\x01\x00\x01"),
    Reply(fields={"a": Reply(path=(0x01,), byte=0), "b": Reply(path=(0x04,), modulus=0x81, exponent=0x82)}),
)


@given(st.binary(max_size=120), st.sampled_from(SHAPES))
def test_malformed_replies_are_reply_errors(data: bytes, shape: Reply) -> None:
    runner, _ = engine(replace(step(1), reply=shape, save="kept"), answers=(data + b"\x90\x00",))
    try:
        result = runner.run("read", {})
    except ReplyError:
        return
    assert result is not None
