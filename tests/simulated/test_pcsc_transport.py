"""The PC/SC connection against real pcscd and real vpcd."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Empty

import pytest

from cardcore.softcard import volatile_card
from tests.simulated.pcsc_client import EchoCard, OldCard, client
from tests.simulated.rig import PcscRig

pytestmark = pytest.mark.pcsc


@pytest.fixture
def rig() -> Iterator[PcscRig]:
    with PcscRig(readers=2) as rig:
        yield rig


def test_a_card_is_connected_used_and_given_back(rig: PcscRig) -> None:
    card = volatile_card("piv")
    rig.insert(0, card)
    script = """
card = pcsc.connect(readers[0])
say([card.name, card.atr.hex(), card.protocol, card.extended_length])
card.begin()
say([send(card, AID), send(card, VERIFY)])
card.end()
card.close()
card.close()
again = pcsc.connect(readers[0], reset_on_close=True)
say(send(again, VERIFIED))
again.close()
say(send(pcsc.connect(readers[0]), VERIFIED))
"""
    with client(rig.env, script, rig.reader_names[0]) as peer:
        assert peer.hear() == [rig.reader_names[0], card.atr.hex(), 1, True]
        selected, verified = peer.hear()
        assert (selected[:2], selected[-4:], verified) == ("61", "9000", "9000")
        assert peer.hear() == "9000", "the card kept its state"
        assert peer.hear() != "9000", "the card was reset on the way"
        peer.end()


@pytest.mark.parametrize("size", [1, 255, 256, 4096, 60000])
def test_bytes_go_through_as_they_are(rig: PcscRig, size: int) -> None:
    script = """
card = pcsc.connect(readers[0])
size = int(readers[1])
data = bytes(number & 0xFF for number in range(size))
head = bytes((0, 1, 2, 3)) + (bytes((size,)) if size < 256 else b"\\x00" + size.to_bytes(2))
say([card.extended_length, card.transmit(head + data) == head + data + b"\\x90\\x00"])
"""
    rig.insert(0, EchoCard())
    with client(rig.env, script, rig.reader_names[0], str(size)) as peer:
        assert peer.hear() == [True, True]
        peer.end()


def test_a_card_that_speaks_t0_only(rig: PcscRig) -> None:
    script = """
card = pcsc.connect(readers[0])
say([card.atr.hex(), card.protocol, card.extended_length, send(card, "00010203")])
"""
    rig.insert(0, OldCard())
    with client(rig.env, script, rig.reader_names[0]) as peer:
        assert peer.hear() == ["3b00", 0, False, "000102039000"]
        peer.end()


@pytest.mark.parametrize("in_transaction", [True, False])
def test_a_card_that_is_taken_out_is_gone_for_good(rig: PcscRig, in_transaction: bool) -> None:
    script = """
card = pcsc.connect(readers[0])
if int(readers[1]):
    card.begin()
say(send(card, AID)[-4:])
wait()
say([send(card, AID)[0], attempt(card.begin)[0], attempt(card.reset)[0], attempt(card.end)])
wait()
say([send(card, AID)[0], attempt(card.begin)[0], attempt(card.reconnect)[0], attempt(card.reset)[0]])
card.close()
say(send(pcsc.connect(readers[0]), AID)[-4:])
"""
    rig.insert(0, volatile_card("piv"))
    with client(rig.env, script, rig.reader_names[0], str(int(in_transaction))) as peer:
        assert peer.hear() == "9000"
        rig.remove(0)
        peer.go_on()
        assert peer.hear() == ["CardRemoved", "CardRemoved", "CardRemoved", None]
        rig.insert(0, volatile_card("piv"))
        peer.go_on()
        assert peer.hear() == ["CardRemoved"] * 4, "the new card is not the old one"
        assert peer.hear() == "9000"
        peer.end()


def test_an_exchanged_card_is_no_reset_card(rig: PcscRig) -> None:
    """PC/SC itself would take the connection up again, with the other card."""
    script = """
card = pcsc.connect(readers[0])
say([send(card, AID)[-4:], send(card, VERIFY)])
wait()
say([attempt(card.reconnect)[0], attempt(card.reset)[0], send(card, VERIFIED)[0]])
"""
    rig.insert(0, volatile_card("piv"))
    with client(rig.env, script, rig.reader_names[0]) as peer:
        assert peer.hear() == ["9000", "9000"]
        rig.remove(0)
        rig.insert(0, volatile_card("piv"))
        peer.go_on()
        assert peer.hear() == ["CardRemoved", "CardRemoved", "CardRemoved"]
        peer.end()


RESETS = {
    "disconnect": """
from smartcard import scard
_, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
_, handle, _ = scard.SCardConnect(context, readers[0], scard.SCARD_SHARE_SHARED, 3)
say(scard.SCardDisconnect(handle, scard.SCARD_RESET_CARD))
""",
    "reconnect": """
other = pcsc.connect(readers[0])
say(attempt(other.reset) or 0)
other.close()
""",
}


@pytest.mark.parametrize("way", RESETS)
def test_a_reset_by_another_program_is_told_and_recovered_from(rig: PcscRig, way: str) -> None:
    script = """
card = pcsc.connect(readers[0])
say([send(card, AID)[-4:], send(card, VERIFY), send(card, VERIFIED)])
wait()
say([send(card, VERIFIED)[0], attempt(card.begin)[0], send(card, VERIFIED)[0]])
say([attempt(card.reconnect), attempt(card.begin), send(card, AID)[-4:], send(card, VERIFIED), card.atr.hex()])
card.end()
"""
    card = volatile_card("piv")
    rig.insert(0, card)
    with client(rig.env, script, rig.reader_names[0]) as peer:
        assert peer.hear() == ["9000", "9000", "9000"]
        with client(rig.env, RESETS[way], rig.reader_names[0]) as other:
            assert other.hear() == 0
            other.end()
        peer.go_on()
        assert peer.hear() == ["CardReset", "CardReset", "CardReset"]
        assert peer.hear() == [None, None, "9000", "63c3", card.atr.hex()], "connected again, PIN not verified"
        peer.end()


def test_a_program_that_is_killed_in_a_transaction_leaves_a_card_that_is_reset(rig: PcscRig) -> None:
    """It cannot log out; the service resets the card for it. Outside of transactions pcscd leaves the card as it is."""
    script = """
card = pcsc.connect(readers[0])
card.begin()
say([send(card, AID)[-4:], send(card, VERIFY), send(card, VERIFIED)])
wait()
"""
    after = """
card = pcsc.connect(readers[0])
card.begin()
say(send(card, VERIFIED))
"""
    rig.insert(0, volatile_card("piv"))
    with client(rig.env, script, rig.reader_names[0]) as victim:
        assert victim.hear() == ["9000", "9000", "9000"]
        victim.process.kill()
        victim.process.wait()
        with client(rig.env, after, rig.reader_names[0]) as other:
            assert other.hear() not in ("9000", "63c3")
            other.end()


def test_own_reset_keeps_the_connection(rig: PcscRig) -> None:
    script = """
card = pcsc.connect(readers[0])
card.begin()
say([send(card, AID)[-4:], send(card, VERIFY), attempt(card.reset), send(card, AID)[-4:], send(card, VERIFIED)])
"""
    rig.insert(0, volatile_card("piv"))
    with client(rig.env, script, rig.reader_names[0]) as peer:
        assert peer.hear() == ["9000", "9000", None, "9000", "63c3"]
        peer.end()


HOLDER = """
from smartcard import scard
_, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
mode = scard.SCARD_SHARE_EXCLUSIVE if readers[1] == "exclusive" else scard.SCARD_SHARE_SHARED
code, handle, _ = scard.SCardConnect(context, readers[0], mode, 3)
say([code, scard.SCardBeginTransaction(handle)])
wait()
time.sleep(0.3)
scard.SCardEndTransaction(handle, scard.SCARD_LEAVE_CARD)
scard.SCardDisconnect(handle, scard.SCARD_LEAVE_CARD)
wait()
"""


def test_a_card_that_another_program_has_for_itself(rig: PcscRig) -> None:
    script = """
started = time.monotonic()
say(attempt(lambda: pcsc.connect(readers[0], busy_timeout=0.5))[0])
say(time.monotonic() - started)
wait()
say(send(pcsc.connect(readers[0]), AID)[-4:])
"""
    rig.insert(0, volatile_card("piv"))
    reader = rig.reader_names[0]
    with client(rig.env, HOLDER, reader, "exclusive") as holder:
        assert holder.hear() == [0, 0]
        with client(rig.env, script, reader) as peer:
            assert peer.hear() == "ReaderBusy"
            assert 0.5 <= peer.hear() < 5
            peer.go_on()
            holder.go_on()
            assert peer.hear() == "9000", "it was let go 0.3 seconds later"
            peer.end()


def test_a_transaction_of_another_program_is_waited_for(rig: PcscRig) -> None:
    script = """
card = pcsc.connect(readers[0])
say("here")
wait()
say("sending")
say([send(card, AID)[-4:], attempt(card.begin)])
"""
    rig.insert(0, volatile_card("piv"))
    reader = rig.reader_names[0]
    with client(rig.env, script, reader) as peer:
        assert peer.hear() == "here"
        with client(rig.env, HOLDER, reader, "shared") as holder:
            assert holder.hear() == [0, 0]
            peer.go_on()
            assert peer.hear() == "sending"
            with pytest.raises(Empty):
                peer.hear(patience=0.5)
            holder.go_on()
            assert peer.hear() == ["9000", None]
            peer.end()


def test_no_such_reader_no_card_and_a_control_code_that_nobody_knows(rig: PcscRig) -> None:
    script = """
say(attempt(lambda: pcsc.connect("no such reader"))[0])
say(attempt(lambda: pcsc.connect(readers[0]))[0])
say(attempt(lambda: pcsc.control_reader(readers[0], 0x42000D48))[0])
say(attempt(lambda: pcsc.control_reader("no such reader", 0x42000D48))[0])
wait()
card = pcsc.connect(readers[0])
say([attempt(lambda: card.control(0x42000D48))[0], send(card, AID)[-4:], card.details().serial])
"""
    with client(rig.env, script, rig.reader_names[0]) as peer:
        assert [peer.hear() for _ in range(4)] == ["NoReader", "NoCard", "TransportError", "NoReader"]
        rig.insert(0, volatile_card("piv"))
        peer.go_on()
        assert peer.hear() == ["TransportError", "9000", ""]
        peer.end()
