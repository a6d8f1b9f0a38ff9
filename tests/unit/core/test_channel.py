"""From logical commands to APDUs: chaining, GET RESPONSE, wrong Le, extended length, transactions."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcore.apdu import CommandApdu, ResponseApdu
from cardcore.channel import MAX_RESPONSE, MAX_ROUNDS, Channel, ChannelLimits
from cardcore.errors import CardRemoved, CardReset, InputError, NotSupported, ReplyError
from cardcore.transport.base import OPEN, CardProtocol
from tests.unit.core.fakes import FakeTransport, always, hexes, scripted

SELECT = CommandApdu(ins=0xA4, p1=4, data=b"\xa0", le=0)
READ = CommandApdu(ins=0xB0, le=0)
T0, T1 = CardProtocol.T0, CardProtocol.T1


def sign(size: int, le: int | None = 0) -> CommandApdu:
    """A command with so many bytes of data."""
    return CommandApdu(ins=0x87, p1=7, p2=0x9A, data=bytes(index & 0xFF for index in range(size)), le=le)


def test_one_command_is_one_exchange() -> None:
    card = FakeTransport(scripted("6F00 9000"))
    assert Channel(card).send(SELECT) == ResponseApdu(data=b"\x6f\x00", sw=0x9000)
    assert hexes(card.sent) == ["00A4040001A000"]
    assert card.masks == [OPEN]


@pytest.mark.parametrize("sw", [0x6283, 0x6300, 0x63C2, 0x6982, 0x6A82, 0x6F00, 0x9100])
def test_every_status_word_is_returned_with_its_data(sw: int) -> None:
    card = FakeTransport(scripted(b"data" + sw.to_bytes(2)))
    assert Channel(card).send(READ) == ResponseApdu(data=b"data", sw=sw)


# Command chaining


@pytest.mark.parametrize(
    ("size", "limit", "sizes"),
    [
        (255, 255, [255]),
        (256, 255, [255, 1]),
        (266, 255, [255, 11]),
        (510, 255, [255, 255]),
        (511, 255, [255, 255, 1]),
        (266, 128, [128, 128, 10]),
        (3, 1, [1, 1, 1]),
        (600, 1000, [255, 255, 90]),
    ],
)
def test_long_data_is_chained(size: int, limit: int, sizes: list[int]) -> None:
    card = FakeTransport(always("9000"))
    Channel(card, ChannelLimits(send=limit)).send(sign(size))
    assert [len(command.data) for command in card.commands] == sizes
    assert b"".join(command.data for command in card.commands) == sign(size).data
    assert [command.cla for command in card.commands] == [0x10] * (len(sizes) - 1) + [0x00]
    assert [command.le for command in card.commands] == [None] * (len(sizes) - 1) + [0]
    assert {(command.ins, command.p1, command.p2) for command in card.commands} == {(0x87, 7, 0x9A)}


def test_the_class_keeps_its_other_bits() -> None:
    card = FakeTransport(always("9000"))
    Channel(card).send(CommandApdu(cla=0x80, ins=0xE2, data=bytes(300)))
    assert [command.cla for command in card.commands] == [0x90, 0x80]


@pytest.mark.parametrize("answer", ["6982", "6884", "6300", "6C10", "6A80"])
def test_a_chain_stops_at_an_error(answer: str) -> None:
    card = FakeTransport(scripted("9000", answer))
    assert Channel(card).send(sign(700)).sw == int(answer, 16)
    assert len(card.sent) == 2


def test_a_reply_in_mid_chain_is_no_success() -> None:
    card = FakeTransport(scripted("6105"))
    with pytest.raises(ReplyError, match="before it had the whole command"):
        Channel(card).send(sign(300))


def test_without_chaining_nothing_is_sent() -> None:
    card = FakeTransport(scripted())
    with pytest.raises(NotSupported, match="256 bytes do not fit"):
        Channel(card, ChannelLimits(chaining=False)).send(sign(256))
    assert card.sent == []


# Response chaining


def test_get_response_fetches_what_61xx_announces() -> None:
    card = FakeTransport(scripted(b"a" * 256 + b"\x61\x00", b"b" * 256 + b"\x61\x03", b"ccc\x90\x00"))
    assert Channel(card).send(READ).data == b"a" * 256 + b"b" * 256 + b"ccc"
    assert hexes(card.sent) == ["00B0000000", "00C0000000", "00C0000003"]


@pytest.mark.parametrize(("cla", "expected"), [(0x00, 0x00), (0x01, 0x01), (0x10, 0x00), (0x80, 0x00), (0x90, 0x00)])
def test_get_response_has_an_interindustry_class(cla: int, expected: int) -> None:
    card = FakeTransport(scripted("6101", "FF9000"))
    Channel(card).send(CommandApdu(cla=cla, ins=0x87, le=0))
    assert card.commands[1].cla == expected


def test_an_error_at_the_end_of_a_long_reply_counts() -> None:
    card = FakeTransport(scripted("AA6101", "BB6281"))
    assert Channel(card).send(READ) == ResponseApdu(data=b"\xaa\xbb", sw=0x6281)


def test_a_wrong_length_in_get_response_is_put_right() -> None:
    card = FakeTransport(scripted("6100", "6C02", "AABB9000"))
    assert Channel(card).send(READ).data == b"\xaa\xbb"
    assert hexes(card.sent)[1:] == ["00C0000000", "00C0000002"]


@pytest.mark.parametrize(
    ("answer", "exchanges"),
    [
        (b"\x01" * 256 + b"\x61\x00", MAX_RESPONSE // 256 + 1),
        (b"\x01\x61\xff", MAX_ROUNDS + 1),
        (b"\x61\xff", 2),
        (b"\x6c\x10", 2),
    ],
    ids=["never ends", "one byte at a time", "no progress", "wrong length for ever"],
)
def test_a_hostile_card_comes_to_an_end(answer: bytes, exchanges: int) -> None:
    card = FakeTransport(always(answer))
    channel = Channel(card)
    if answer[-2] == 0x6C:
        assert channel.send(READ).sw == 0x6C10
    else:
        with pytest.raises(ReplyError, match="does not end"):
            channel.send(READ)
    assert len(card.sent) == exchanges


def test_wrong_length_for_ever_within_get_response_ends() -> None:
    answers = iter([b"\x61\x10"])
    card = FakeTransport(lambda command: next(answers, b"\x6c\x10"))
    with pytest.raises(ReplyError, match="does not end"):
        Channel(card).send(READ)
    assert len(card.sent) == MAX_ROUNDS + 1


def test_a_reply_may_have_256_kib_and_no_byte_more() -> None:
    rest = iter([b"\x02" * 256 + b"\x61\x00"] * (MAX_RESPONSE // 256 - 1) + [b"\x90\x00"])
    card = FakeTransport(lambda command: next(rest))
    assert len(Channel(card).send(READ).data) == MAX_RESPONSE - 256
    rest = iter([b"\x02" * 256 + b"\x61\x00"] * (MAX_RESPONSE // 256) + [b"\x01\x90\x00"])
    with pytest.raises(ReplyError, match="262144 bytes"):
        Channel(FakeTransport(lambda command: next(rest))).send(READ)


# Wrong Le


def test_a_wrong_le_is_put_right_once() -> None:
    card = FakeTransport(scripted("6C04", "010203049000"))
    assert Channel(card).send(READ).data == bytes((1, 2, 3, 4))
    assert hexes(card.sent) == ["00B0000000", "00B0000004"]
    card = FakeTransport(scripted("6C04", "6C05"))
    assert Channel(card).send(READ).sw == 0x6C05
    assert len(card.sent) == 2


def test_after_a_chain_the_last_block_alone_is_repeated() -> None:
    card = FakeTransport(scripted("9000", "6C80", "AA9000"))
    assert Channel(card).send(sign(300)).data == b"\xaa"
    assert [(command.cla, len(command.data), command.le) for command in card.commands] == [
        (0x10, 255, None),
        (0x00, 45, 0),
        (0x00, 45, 0x80),
    ]


def test_a_wrong_le_and_a_long_reply_go_together() -> None:
    card = FakeTransport(scripted("6C02", "AA6101", "BB9000"))
    assert Channel(card).send(READ).data == b"\xaa\xbb"


def test_a_command_without_le_is_not_repeated() -> None:
    card = FakeTransport(scripted("6C08"))
    assert Channel(card).send(CommandApdu(ins=0x20, data=b"1")).sw == 0x6C08


def test_a_command_with_a_secret_is_not_repeated_even_with_le() -> None:
    card = FakeTransport(scripted("6C08"))
    assert Channel(card).send(CommandApdu(ins=0x20, data=b"1234", le=0), [(0, 4)]).sw == 0x6C08


# T=0


def test_over_t0_a_command_with_data_has_no_le() -> None:
    card = FakeTransport(scripted("6103", "0102039000"), protocol=T0)
    assert Channel(card).send(SELECT).data == b"\x01\x02\x03"
    assert hexes(card.sent) == ["00A4040001A0", "00C0000003"]


def test_over_t0_a_command_without_data_keeps_its_le() -> None:
    card = FakeTransport(scripted("6C03", "0102039000"), protocol=T0)
    assert Channel(card).send(READ).data == b"\x01\x02\x03"
    assert hexes(card.sent) == ["00B0000000", "00B0000003"]


def test_over_t0_the_last_block_of_a_chain_has_no_le() -> None:
    card = FakeTransport(scripted("9000", "6102", "AABB9000"), protocol=T0)
    assert Channel(card).send(sign(300)).data == b"\xaa\xbb"
    assert [command.le for command in card.commands] == [None, None, 2]


# Extended length


@pytest.mark.parametrize("profile", [False, True])
@pytest.mark.parametrize("reader", [False, True])
@pytest.mark.parametrize("protocol", [T0, T1])
def test_extended_length_only_where_all_allow_it(profile: bool, reader: bool, protocol: CardProtocol) -> None:
    card = FakeTransport(always("9000"), protocol=protocol, extended_length=reader)
    channel = Channel(card, ChannelLimits(extended=profile))
    channel.send(sign(300))
    allowed = profile and reader and protocol is T1
    assert channel.extended is allowed
    assert [(command.extended, len(command.data)) for command in card.commands] == (
        [(True, 300)] if allowed else [(False, 255), (False, 45)]
    )


def test_short_commands_stay_short() -> None:
    card = FakeTransport(always("9000"), extended_length=True)
    channel = Channel(card, ChannelLimits(extended=True))
    for command in (sign(255), READ, CommandApdu(ins=0xB0, le=256, extended=True)):
        channel.send(command)
    assert [command.extended for command in card.commands] == [False, False, True]


def test_a_large_le_is_sent_extended() -> None:
    card = FakeTransport(always("9000"), extended_length=True)
    Channel(card, ChannelLimits(extended=True)).send(CommandApdu(ins=0xB0, le=1000))
    assert hexes(card.sent) == ["00B000000003E8"]
    with pytest.raises(InputError):
        Channel(card).send(CommandApdu(ins=0xB0, le=1000))


@pytest.mark.parametrize(("limits", "reader"), [(False, True), (True, False)])
def test_a_command_that_must_be_extended_is_refused_unsent(limits: bool, reader: bool) -> None:
    card = FakeTransport(scripted(), extended_length=reader)
    with pytest.raises(NotSupported, match="needs extended length"):
        Channel(card, ChannelLimits(extended=limits)).send(CommandApdu(ins=0xB0, le=0, extended=True))


def test_too_much_even_for_an_extended_command() -> None:
    card = FakeTransport(always("9000"), extended_length=True)
    channel = Channel(card, ChannelLimits(extended=True))
    with pytest.raises(NotSupported, match="65536 bytes"):
        channel.send(CommandApdu(ins=0xD6, data=bytes(65536), extended=True))
    assert card.sent == []
    channel.send(sign(65536))
    assert {command.extended for command in card.commands} == {False}


@pytest.mark.parametrize(("size", "extended"), [(255, False), (256, True), (1000, True), (1001, False)])
def test_what_the_longest_extended_command_does_not_hold_is_chained(size: int, extended: bool) -> None:
    card = FakeTransport(always("9000"), extended_length=True)
    Channel(card, ChannelLimits(extended=True, longest=1000)).send(sign(size))
    assert [command.extended for command in card.commands] == [extended] * (1 if extended else -(-size // 255))


# Secrets


def hidden(card: FakeTransport) -> bytes:
    """What the masks cover, in order, over all commands sent."""
    pairs = zip(card.sent, card.masks, strict=True)
    return b"".join(raw[start:end] for raw, mask in pairs for start, end in mask.command)


@given(st.data())
def test_masks_cover_the_secret_across_all_blocks(data: st.DataObject) -> None:
    content = data.draw(st.binary(min_size=1, max_size=700))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=6)))
    spans = [pair for index, pair in enumerate(pairwise(cuts)) if index % 2 == 0]
    limits = ChannelLimits(send=data.draw(st.integers(1, 255)), extended=data.draw(st.booleans()))
    card = FakeTransport(always("9000"), extended_length=True)
    Channel(card, limits).send(CommandApdu(ins=0xFE, data=content), spans)
    assert hidden(card) == b"".join(content[start:end] for start, end in spans)
    for command, mask in zip(card.commands, card.masks, strict=True):
        first = command.data_offset
        assert all(first <= start <= end <= first + len(command.data) for start, end in mask.command)


def test_a_secret_reply_is_hidden_in_every_part() -> None:
    card = FakeTransport(scripted("9000", "AA6101", "BB9000"))
    Channel(card).send(sign(300), secret_reply=True)
    assert [mask.reply for mask in card.masks] == [True, True, True]


# Transactions


def test_transactions_nest() -> None:
    card = FakeTransport(scripted())
    channel = Channel(card)
    with channel.transaction() as outer, channel.transaction() as inner:
        assert (outer, inner) == (True, False)
        assert card.events == ["begin"]
    assert card.events == ["begin", "end"]


def test_a_transaction_ends_whatever_happens() -> None:
    card = FakeTransport(always(CardRemoved("gone")))
    channel = Channel(card)
    with pytest.raises(CardRemoved), channel.transaction(), channel.transaction():
        channel.send(READ)
    assert card.events == ["begin", "transmit", "end"]
    card.events.clear()
    with channel.transaction() as outermost:
        assert outermost
    assert card.events == ["begin", "end"]


def test_a_reset_at_the_beginning_leaves_no_transaction() -> None:
    card = FakeTransport(scripted())
    channel = Channel(card)
    card.another_resets()
    with pytest.raises(CardReset), channel.transaction():
        raise AssertionError("there is no transaction")
    assert card.events == []
    card.reconnect()
    with channel.transaction() as outermost:
        assert outermost
    assert card.events == ["reconnect", "begin", "end"]
