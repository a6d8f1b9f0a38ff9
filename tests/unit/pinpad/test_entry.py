"""PINs that come from the reader's keypad: guards, endings, refusals, and that nothing else is fallen back to."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from padreader.keypad import Keypad
from padreader.structures import fill, parse_modify, parse_verify

from cardcore.apdu import CommandApdu
from cardcore.authentication import Authentication
from cardcore.channel import Channel
from cardcore.engine import Engine
from cardcore.errors import (
    CardError,
    CardRemoved,
    InputError,
    LastTry,
    NotSupported,
    PinBlocked,
    PinEntryCancelled,
    PinEntryLength,
    PinEntryMismatch,
    PinEntryTimeout,
    PinError,
    ReaderBusy,
    ReplyError,
    StatusError,
    TransportError,
)
from cardcore.pin import PinEncoding, PinSpec
from cardcore.pinpad.given import PinPad
from cardcore.pinpad.structures import BlockFormat, block_format
from cardcore.profile.model import Profile
from cardcore.profile.template import DataObject, Join, Literal, Name, Node
from cardcore.secret import Secret
from cardcore.session import Session
from tests.unit.core.fakecard import AID, PIN, PUK, WRONG, FakeCard, piv
from tests.unit.pinpad.padtransport import DIRECT, STEPS, PadTransport

NEW = b"654321"
VERIFY, MODIFY = 0x06, 0x07
NOT_ON_A_PAD = {
    "a block of 16": {"pad_to": 16},
    "hexadecimal": {"encoding": PinEncoding.HEX},
    "an odd digit, padded with 00": {"encoding": PinEncoding.BCD, "pad_byte": 0x00},
    "an odd digit, not padded": {"encoding": PinEncoding.BCD, "pad_to": 0},
    "longer than the reader takes": {"minimum": 16, "maximum": 16, "pad_to": 0},
}


class Desk:
    """A card in a reader with a keypad, and what is typed there: `typed` is the next command's digits."""

    def __init__(self, features: tuple[int, ...] = DIRECT, profile: Profile | None = None) -> None:
        self.card = FakeCard()
        self.typed: list[bytes] = []
        self.prompts: list[tuple[str, int]] = []
        self.reader = PadTransport(self.card.transport, features, {VERIFY: self._verify, MODIFY: self._modify})
        self.session = Session(Engine(profile or piv(), Channel(self.reader)), AID, selected=True)
        self.authentication = Authentication(self.session)
        self.pad = PinPad(prompt=lambda message, seconds: self.prompts.append((message, seconds)))

    def answers(self, feature: int, reply: str) -> None:
        self.reader.replies[feature] = bytes.fromhex(reply)

    def _verify(self, data: bytes) -> bytes:
        return self.card.transport.transmit(fill(parse_verify(data), self._digits()))

    def _modify(self, data: bytes) -> bytes:
        return self.card.transport.transmit(fill(parse_modify(data), self._digits()))

    def _digits(self) -> list[str]:
        return [digits.decode() for digits in self.typed]


def with_pin(**changes: object) -> Profile:
    profile = piv()
    spec = replace(profile.pins["user"], **changes)  # type: ignore[arg-type] # the tests name fields of PinSpec
    return replace(profile, pins={**profile.pins, "user": spec})


def test_a_right_pin() -> None:
    desk = Desk()
    desk.typed = [PIN]
    desk.authentication.verify(desk.pad)
    assert desk.session.verified == {"user"}
    assert desk.card.spent == [PIN + b"\xff\xff"]
    assert desk.prompts == [("Enter the PIN on fake's keypad", 30)]


def test_a_wrong_pin_tells_the_tries_left() -> None:
    desk = Desk()
    desk.typed = [WRONG]
    with pytest.raises(PinError, match="wrong PIN, 2 tries left") as caught:
        desk.authentication.verify(desk.pad)
    assert caught.value.tries_left == 2
    with pytest.raises(PinError, match="1 try left"):
        desk.authentication.verify(desk.pad)
    with pytest.raises(LastTry):
        desk.authentication.verify(desk.pad)
    assert len(desk.prompts) == 2, "nobody is asked for what is not sent"
    with pytest.raises(PinBlocked):
        desk.authentication.verify(desk.pad, last_try=True)
    with pytest.raises(PinBlocked):
        desk.authentication.verify(desk.pad, last_try=True)
    assert len(desk.prompts) == 3


def test_changing_and_unblocking() -> None:
    desk = Desk()
    desk.typed = [PIN, NEW]
    desk.authentication.change(desk.pad, desk.pad)
    desk.typed = [PUK, NEW]
    desk.authentication.unblock(desk.pad, desk.pad)
    assert desk.card.spent == [PIN + b"\xff\xff" + NEW + b"\xff\xff", PUK + NEW + b"\xff\xff"]
    assert [message for message, _ in desk.prompts] == [
        "Enter the PIN, then the new PIN twice on fake's keypad",
        "Enter the PUK, then the new PIN twice on fake's keypad",
    ]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("6400", PinEntryTimeout),
        ("6401", PinEntryCancelled),
        ("6402", PinEntryMismatch),
        ("6403", PinEntryLength),
        ("64A1", CardRemoved),
        ("6B80", StatusError),
        ("90", ReplyError),
        ("", ReplyError),
    ],
)
def test_how_an_entry_ends(answer: str, kind: type[CardError]) -> None:
    desk = Desk()
    desk.answers(VERIFY, answer)
    with pytest.raises(kind) as caught:
        desk.authentication.verify(desk.pad)
    assert type(caught.value) is kind
    assert len(desk.reader.asked) == len(desk.prompts) == 1, "it is not repeated by itself"
    assert desk.card.spent == []
    assert desk.card.tries[0x80] == 3


def test_an_entry_that_was_cancelled_takes_nothing_back() -> None:
    desk = Desk()
    desk.typed = [PIN]
    desk.authentication.verify(desk.pad)
    desk.answers(VERIFY, "6401")
    with pytest.raises(PinEntryCancelled):
        desk.authentication.verify(desk.pad)
    assert desk.session.verified == {"user"}


@pytest.mark.parametrize("changes", NOT_ON_A_PAD.values(), ids=NOT_ON_A_PAD)
def test_what_cannot_be_entered_on_a_pad_is_refused_before_anything_is_sent(changes: dict[str, object]) -> None:
    desk = Desk(profile=with_pin(**changes))
    with pytest.raises(NotSupported, match="cannot be entered on the reader's keypad") as caught:
        desk.authentication.verify(desk.pad)
    assert "--pin prompt" in caught.value.hint
    assert (desk.card.transport.sent, desk.reader.asked, desk.prompts) == ([], [], [])


def test_a_reader_that_wants_longer_pins() -> None:
    desk = Desk((*DIRECT, 0x12))
    desk.reader.replies[0x12] = bytes.fromhex("060109 07010F")
    with pytest.raises(NotSupported, match="8 digits at most, and fake wants 9"):
        desk.authentication.verify(desk.pad)


def test_a_reader_that_only_verifies() -> None:
    desk = Desk((VERIFY,))
    with pytest.raises(NotSupported, match="cannot be changed on the keypad of fake"):
        desk.authentication.change(desk.pad, desk.pad)
    desk = Desk((MODIFY,))
    with pytest.raises(NotSupported, match="cannot be verified on the keypad of fake"):
        desk.authentication.verify(desk.pad)


def test_a_reader_without_a_pad() -> None:
    desk = Desk(())
    with pytest.raises(NotSupported, match="has no PIN pad"):
        desk.authentication.verify(desk.pad)
    assert desk.prompts == []


def test_one_from_the_keypad_and_one_from_elsewhere() -> None:
    desk = Desk()
    for old, new in ((desk.pad, Secret(NEW)), (Secret(PIN), desk.pad)):
        with pytest.raises(InputError, match="all or not at all"):
            desk.authentication.change(old, new)
    assert desk.card.transport.sent == []


def test_two_blocks_of_different_form() -> None:
    profile = piv()
    puk = replace(profile.pins["puk"], pad_to=12)
    desk = Desk(profile=replace(profile, pins={**profile.pins, "puk": puk}))
    with pytest.raises(NotSupported, match="the PUK that goes with it has a block of another form"):
        desk.authentication.unblock(desk.pad, desk.pad)
    assert desk.card.spent == []


def test_an_admin_key_is_no_pin() -> None:
    desk = Desk()
    with pytest.raises(NotSupported, match="is no PIN"):
        desk.authentication.admin(desk.pad)


def test_templates_that_no_reader_can_fill_in() -> None:
    pin, filler = Name(name="pin.block"), Literal(data=bytes(16))
    templates: dict[str, Node] = {
        "too far behind": Join(parts=(filler, pin)),
        "with other data": DataObject(tag=b"\x80", value=Name(name="pin.block")),
        "has 2": Join(parts=(pin, pin)),
    }
    for reason, data in templates.items():
        profile = with_pin(pad_to=0) if reason == "with other data" else piv()
        verify = profile.operations["verify"]
        steps = (replace(verify.steps[0], data=data),)
        operations = {**profile.operations, "verify": replace(verify, steps=steps)}
        desk = Desk(profile=replace(profile, operations=operations))
        with pytest.raises(NotSupported, match=reason):
            desk.authentication.verify(desk.pad)
        assert (desk.reader.asked, desk.prompts) == ([], [])


@pytest.mark.parametrize("form", [{"le": 0}, {"extended": True}])
def test_commands_that_no_reader_can_send(form: dict[str, object]) -> None:
    profile = piv()
    verify = profile.operations["verify"]
    steps = (replace(verify.steps[0], **form),)  # type: ignore[arg-type] # the parameters name fields of Step
    operations = {**profile.operations, "verify": replace(verify, steps=steps)}
    desk = Desk(profile=replace(profile, operations=operations))
    with pytest.raises(NotSupported, match="a form that readers do not fill in"):
        desk.authentication.verify(desk.pad)


def test_a_fixed_even_number_of_digits_needs_no_filler() -> None:
    spec = PinSpec(name="user", ref=1, minimum=6, maximum=6, encoding=PinEncoding.BCD, pad_to=8)
    assert block_format(spec) == BlockFormat(placeholder=bytes(8), encoding=1, block=8)


def test_a_pad_stands_where_a_secret_does() -> None:
    with PinPad() as pad:
        pad.prompt("nobody hears this", 1)
    assert pad == PinPad(seconds=30)


@pytest.mark.parametrize("seconds", [0, 256, -1])
def test_an_impossible_time(seconds: int) -> None:
    with pytest.raises(InputError):
        PinPad(seconds=seconds)


def test_step_by_step() -> None:
    desk = Desk(STEPS)
    keys = iter(bytes.fromhex("00 2B2B2B2B2B2B 0D"))
    desk.typed = [PIN]
    desk.reader.replies |= {
        0x02: lambda data: desk._verify(desk.reader.asked[0][1]),
        0x05: lambda data: bytes((next(keys),)),
    }
    desk.authentication.verify(desk.pad)
    assert [feature for feature, _ in desk.reader.asked] == [1, *[5] * 8, 2]
    assert desk.card.spent == [PIN + b"\xff\xff"]


@pytest.mark.parametrize("key", ["0E", "1B", "40"])
def test_step_by_step_to_another_end(key: str) -> None:
    desk = Desk(STEPS)
    desk.reader.replies |= {5: bytes.fromhex(key), 4: bytes.fromhex("6401")}
    with pytest.raises(PinEntryCancelled):
        desk.authentication.change(desk.pad, desk.pad)
    assert [feature for feature, _ in desk.reader.asked] == [3, 5, 4]


def test_step_by_step_without_a_look_at_the_keys() -> None:
    desk = Desk(STEPS[:4])
    desk.answers(0x02, "6400")
    with pytest.raises(PinEntryTimeout):
        desk.authentication.verify(desk.pad)


def test_step_by_step_that_is_interrupted() -> None:
    for features, last in ((STEPS, 0x0B), (STEPS[:5], 0x05)):
        desk = Desk(features)
        desk.reader.replies[0x05] = TransportError("interrupted")
        with pytest.raises(TransportError, match="interrupted"):
            desk.authentication.verify(desk.pad)
        assert desk.reader.asked[-1][0] == last
    desk = Desk(STEPS)
    desk.reader.replies |= {0x05: CardRemoved("the card has gone"), 0x0B: TransportError("and the reader too")}
    with pytest.raises(CardRemoved):
        desk.authentication.verify(desk.pad)


def test_step_by_step_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cardcore.pinpad.entry._GRACE_SECONDS", -0.9)
    desk = Desk(STEPS)
    desk.reader.replies |= {5: b"", 2: bytes.fromhex("6400")}
    with pytest.raises(PinEntryTimeout):
        desk.authentication.verify(PinPad(seconds=1))


def test_another_thread_is_told_that_the_reader_is_busy() -> None:
    desk, told = Desk(), []

    def status() -> None:
        try:
            desk.authentication.status()
        except ReaderBusy as error:
            told.append(error.message)

    def during(data: bytes) -> bytes:
        thread = threading.Thread(target=status)
        thread.start()
        thread.join()
        with pytest.raises(ReaderBusy):
            desk.session.channel.send(CommandApdu(ins=0xCA))
        return b"\x90\x00"

    desk.reader.replies[VERIFY] = during
    desk.authentication.verify(desk.pad)
    assert told == ["fake waits for somebody to enter a PIN on its keypad"]
    assert desk.authentication.status().tries_left == 3


def test_the_virtual_keypad_knows_a_bad_structure() -> None:
    """The other side of the tests is no pushover."""
    from padreader.behaviour import Behaviour
    from padreader.structures import Malformed

    with pytest.raises(Malformed):
        parse_verify(bytes(23))
    job = parse_verify(bytes.fromhex("1E1E8208000804020109040000000009000000") + bytes.fromhex("0020008004FFFFFFFF"))
    keypad = Keypad(
        behaviour=Behaviour(), ask=lambda *_: "12345678", send=lambda _: b"\x90\x00", pressed=lambda _: None
    )
    assert keypad.perform(job) == b"\x6b\x80", "eight digits do not fit into four bytes"
