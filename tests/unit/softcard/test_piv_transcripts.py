"""Replays what a real PIV applet was asked and holds the software card's replies against the applet's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import ECB

from cardcore.softcard import ScryptCost, SoftCard, factory_secrets, volatile_card

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "piv"
ADMIN = factory_secrets("piv").admin or b""
GET_RESPONSE = 0xC0
TEMPLATES = frozenset(("53", "61", "79", "7c", "7e", "7f49", "ac"))  # the tags F0 to FF of the CCC are none
RSA_BLOCK = bytes.fromhex("7C8201068200 81820100")
RSA_BLOCK_OFFSET = 5 + len(RSA_BLOCK)
READ_CHUID, READ_CCC = "00cb3fff055c035fc102", "00cb3fff055c035fc107"

# Beginning of a command -> (the applet's status words, the card's, why they may differ).
STATUS_DIFFERENCES = MappingProxyType(
    {
        "00a40400076276": ({"6d00", "6999"}, "6a82", "an application that is not there: 6A82 is ISO 7816-4, 11.2.2"),
        "00a4040006a0000000": ({"6d00", "6999"}, "6a82", "the same"),
        "00a404000be82b06": ({"6d00", "6999"}, "6a82", "the same"),
        "00a4040c0fd233": ({"6d00", "6999"}, "6a82", "the same"),
    }
)
# Beginning of a command -> why the data is another, though of the same length.
VALUE_DIFFERENCES = MappingProxyType(
    {
        "00fd": "the version says which extensions there are",
        "00f8": "each card has its own serial number",
    }
)
# Beginning of a command -> why only the tags are compared.
SHAPE_ONLY = MappingProxyType(
    {
        "00a40400": "name, address and algorithms are each card's own",
        "0047": "a new key pair",
        "0087": "a challenge, or the result of another key",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One recorded line: an event, or a command with its reply."""

    event: str
    command: bytes
    reply: bytes


def steps(operation: str) -> Iterator[Step]:
    for line in (VECTORS / f"{operation}.jsonl").read_text(encoding="ascii").splitlines():
        entry = json.loads(line)
        command, reply = (bytes.fromhex(entry.get(name, "")) for name in ("c", "r"))
        yield Step(event=entry.get("event", ""), command=command, reply=reply)


def operations() -> list[str]:
    """The recordings in the order in which they were made; each goes on with the card that the last one left."""
    return (VECTORS / "order.txt").read_text(encoding="ascii").split()


def shape(data: bytes) -> object:
    """The tree of tags; what stands side by side under the same tag counts once. None where it is no BER-TLV."""
    found: set[tuple[str, str]] = set()
    while data:
        tag_size = 2 if data[0] & 0x1F == 0x1F else 1
        head = tag_size + 1 + (data[tag_size] & 0x7F if data[tag_size] & 0x80 else 0)
        # The applet's reply to SELECT has a length in two bytes that fits in one, so lengths are read as they come.
        length = int.from_bytes(data[tag_size + 1 : head]) if head > tag_size + 1 else data[tag_size]
        if len(data) < head + length:
            return None
        tag = data[:tag_size].hex()
        found.add((tag, repr(shape(data[head : head + length])) if tag in TEMPLATES else ""))
        data = data[head + length :]
    return sorted(found)


class Replay:
    """Sends recorded commands to a software card, fitted to its own challenges and keys, and compares."""

    def __init__(self, card: SoftCard) -> None:
        self._card = card
        self._witness = b""
        self._written: set[str] = set()
        self._asked, self._mine, self._theirs = "", b"", b""
        self.compared = 0

    def play(self, step: Step) -> None:
        if step.event:
            self._card.reset()
            return
        reply = self._card.process(self._fitted(step.command))
        if step.command[1] != GET_RESPONSE:
            self._asked, self._mine, self._theirs = step.command.hex(), b"", b""
        self._mine += reply[:-2]
        self._theirs += step.reply[:-2]
        if reply.startswith(bytes.fromhex("7C0A8008")):
            self._witness = reply[4:12]
        if step.command[1:4] == bytes.fromhex("DB3FFF"):
            self._written.add("00cb3fff" + step.command[5:10].hex())
        self._compare_status(step, reply)
        if reply[-2] != 0x61:
            self._compare_data(self._asked)
        self.compared += 1

    def _fitted(self, command: bytes) -> bytes:
        if command[:4] == bytes.fromhex("0087039B") and command[7:9] == bytes.fromhex("8008"):
            decryptor = Cipher(TripleDES(ADMIN), ECB()).decryptor()  # noqa: S305 - the standard's procedure
            return command[:9] + decryptor.update(self._witness) + command[17:]
        if command[5:RSA_BLOCK_OFFSET] == RSA_BLOCK:  # below the modulus of whatever key there is now
            return command[:RSA_BLOCK_OFFSET] + b"\x00" + command[RSA_BLOCK_OFFSET + 1 :]
        return command

    def _compare_status(self, step: Step, reply: bytes) -> None:
        sent, theirs, mine = step.command.hex(), step.reply[-2:].hex(), reply[-2:].hex()
        for beginning, (seen, wanted, _) in STATUS_DIFFERENCES.items():
            if sent.startswith(beginning) and theirs in seen:
                assert mine == wanted, sent
                return
        if theirs.startswith("61"):  # the applet sends at most 255 bytes at once, this card 256
            assert mine.startswith("61"), sent
            return
        assert mine == theirs, sent

    def _compare_data(self, sent: str) -> None:
        mine, theirs = self._mine, self._theirs
        own_object = sent.startswith((READ_CHUID, READ_CCC)) and not self._written & {sent[:8] + sent[10:20]}
        if any(map(sent.startswith, VALUE_DIFFERENCES)):
            assert len(mine) == len(theirs), sent
        elif own_object or any(map(sent.startswith, SHAPE_ONLY)):
            assert shape(mine) == shape(theirs), sent
        else:
            assert mine == theirs, sent


@pytest.fixture(scope="module")
def replay() -> Replay:
    return Replay(volatile_card("piv", pin_tries=5, cost=ScryptCost(n=16)))


@pytest.mark.parametrize("operation", operations())
def test_the_card_answers_as_the_applet_did(replay: Replay, operation: str) -> None:
    before = replay.compared
    for step in steps(operation):
        replay.play(step)
    assert replay.compared > before


def test_no_recording_is_left_out() -> None:
    assert sorted([*operations(), "start"]) == sorted(path.stem for path in VECTORS.glob("*.jsonl"))
