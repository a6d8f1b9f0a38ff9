"""Replays what a real IsoApplet was asked and holds the software card's replies against the applet's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from cardcore.softcard import ScryptCost, SoftCard, volatile_card
from cardcore.tlv import find

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "isoapplet"
APPLET = "00a404000cf276a288"
CHAINING = 0x10
DECIPHER = bytes.fromhex("2A8086")
GENERATE, GET_RESPONSE, CHALLENGE, OPERATION = 0x46, 0xC0, 0x84, 0x2A


def exchanges(operation: str) -> Iterator[tuple[bytes, bytes]]:
    """Commands with their replies; an empty command is a reset."""
    for line in (VECTORS / f"{operation}.jsonl").read_text(encoding="ascii").splitlines():
        entry = json.loads(line)
        yield bytes.fromhex(entry.get("c", "")), bytes.fromhex(entry.get("r", ""))


def operations() -> list[str]:
    """The recordings in the order in which they were made; each goes on with the card that the last one left."""
    return (VECTORS / "order.txt").read_text(encoding="ascii").split()


class Replay:
    """Sends recorded commands to a software card, cryptograms made anew for its own key, and compares."""

    def __init__(self, card: SoftCard) -> None:
        self._card = card
        self._selected = False
        self._cryptogram = b""
        self._public = b""
        self._key: rsa.RSAPublicKey | None = None
        self.compared = 0

    def play(self, command: bytes, theirs: bytes) -> None:
        if not command:
            self._card.reset()
            self._selected = False
            return
        if command[1:4] == DECIPHER:
            self._decipher(command, theirs)
            return
        self._selected |= command.hex().startswith(APPLET)
        mine = self._card.process(command)
        if not self._selected:
            # The simulator has the applet selected by default, or none at all; this card has none.
            assert mine[-2:].hex() in ("6a82", "6986"), command.hex()
            assert theirs.hex() in ("6a82", "6d00", "6986", "6999"), command.hex()
        else:
            self._compare(command, mine, theirs)
        self.compared += 1

    def _compare(self, command: bytes, mine: bytes, theirs: bytes) -> None:
        sent = command.hex()
        assert mine[-2:] == theirs[-2:], sent
        if command[1] in (GENERATE, GET_RESPONSE):
            assert len(mine) == len(theirs), sent
            self._take_key(command, mine[:-2])
        elif command[1] == CHALLENGE or (command[1] == OPERATION and len(theirs) == 258):
            assert len(mine) == len(theirs), sent
        elif command[1] == OPERATION and theirs[:1] == b"\x30":
            assert mine[:1] == b"\x30", sent
        else:
            assert mine == theirs, sent

    def _take_key(self, command: bytes, part: bytes) -> None:
        """Learn the RSA key that the card makes; its public key comes in two parts."""
        if command[1] == GENERATE:
            self._public = b""
        self._public += part
        numbers = find(self._public, [0x7F49]) if len(self._public) == 270 else None
        if numbers is not None:
            modulus, exponent = (int.from_bytes(find(numbers, [tag]) or b"") for tag in (0x81, 0x82))
            self._key = rsa.RSAPublicNumbers(exponent, modulus).public_key()

    def _decipher(self, command: bytes, theirs: bytes) -> None:
        """Take the whole chain together; at its end send a cryptogram with the same message for this card's key."""
        if command[0] & CHAINING:
            assert theirs == b"\x90\x00"
            return
        assert self._key is not None
        data = b"\x00" + self._key.encrypt(theirs[:-2], PKCS1v15())
        first, last = data[:255], data[255:]
        assert self._card.process(bytes.fromhex("102A8086FF") + first) == b"\x90\x00"
        assert self._card.process(bytes.fromhex("002A8086") + bytes((len(last),)) + last + b"\x00") == theirs
        self.compared += 2


@pytest.fixture(scope="module")
def replay() -> Replay:
    return Replay(volatile_card("isoapplet", blank=True, puk_tries=5, cost=ScryptCost(n=16)))


@pytest.mark.parametrize("operation", operations())
def test_the_card_answers_as_the_applet_did(replay: Replay, operation: str) -> None:
    before = replay.compared
    for command, reply in exchanges(operation):
        replay.play(command, reply)
    assert replay.compared > before + 20


def test_every_recording_is_replayed() -> None:
    assert sorted(operations()) == sorted(path.stem for path in VECTORS.glob("*.jsonl"))
