"""Replays what a real GIDS applet was asked and holds the software card's replies against the applet's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import CBC

from cardcore.softcard import ScryptCost, SoftCard, volatile_card
from cardcore.tlv import require

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "gids"
GET_RESPONSE = 0xC0
ADMIN_KEYS = (bytes(24), bytes.fromhex("0102030405060708") * 3)
MUTUAL_RESPONSE, MUTUAL_HEAD = "008700002c7c2a8228", 9
DECIPHER_FIRST, DECIPHER_LAST, DECIPHER_HEAD, FIRST_PART = "102a8086ff", "002a808601", 5, 255
PUBLIC_KEY = "00cb3fff0a70"
# Status words of the applet's environment, while no application was selected, and the card's.
NOTHING_SELECTED = MappingProxyType({"6999": "6a82"})
# Beginning of a command -> why the data is another, though of the same length.
VALUE_DIFFERENCES = MappingProxyType(
    {
        PUBLIC_KEY: "another key",
        "002a9e9a": "the signature of another key",
        "0087": "challenges are random",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One recorded line: an event, or a command with its reply."""

    event: str
    command: bytes
    reply: bytes


def steps(operation: str) -> list[Step]:
    found = []
    for line in (VECTORS / f"{operation}.jsonl").read_text(encoding="ascii").splitlines():
        entry = json.loads(line)
        command, reply = (bytes.fromhex(entry.get(name, "")) for name in ("c", "r"))
        found.append(Step(event=entry.get("event", ""), command=command, reply=reply))
    return found


def operations() -> list[str]:
    """The recordings in the order in which they were made; each goes on with the card that the last one left."""
    return (VECTORS / "order.txt").read_text(encoding="ascii").split()


def cbc(key: bytes, data: bytes, *, decrypt: bool) -> bytes:
    machine = Cipher(TripleDES(key), CBC(bytes(8)))
    context = machine.decryptor() if decrypt else machine.encryptor()
    return context.update(data) + context.finalize()


class Replay:
    """Sends recorded commands to a software card, fitted to its own challenges and keys, and compares."""

    def __init__(self, card: SoftCard) -> None:
        self._card = card
        self._public: RSAPublicKey | None = None
        self._challenge = b""
        self._cryptogram = b""
        self._asked, self._mine, self._theirs = "", b"", b""
        self.compared = 0

    def play(self, recorded: list[Step]) -> None:
        for index, step in enumerate(recorded):
            if step.event:
                self._card.reset()
                continue
            following = recorded[index + 1].reply[:-2] if index + 1 < len(recorded) else b""
            self._exchange(step, self._card.process(self._fitted(step.command, following)))
            self.compared += 1

    def _exchange(self, step: Step, reply: bytes) -> None:
        if step.command[1] != GET_RESPONSE:
            self._asked, self._mine, self._theirs = step.command.hex(), b"", b""
        self._mine += reply[:-2]
        self._theirs += step.reply[:-2]
        self._compare_status(step, reply)
        if reply[-2] != 0x61:
            self._compare_data(self._asked)
            self._note()

    def _note(self) -> None:
        """Keep what later commands have to be fitted to."""
        if self._asked.startswith(PUBLIC_KEY):
            n, e = (int.from_bytes(require(self._mine, [0x7F49, tag])) for tag in (0x81, 0x82))
            self._public = RSAPublicNumbers(e, n).public_key()
        if self._mine.startswith(bytes.fromhex("7C128110")):
            self._challenge = self._mine[4:]

    def _fitted(self, command: bytes, following: bytes) -> bytes:
        sent = command.hex()
        if sent.startswith(MUTUAL_RESPONSE):
            return command[:MUTUAL_HEAD] + self._answer(command[MUTUAL_HEAD:-1]) + command[-1:]
        if sent.startswith(DECIPHER_FIRST):  # the plain text comes in the reply to the second part
            assert self._public is not None
            self._cryptogram = self._public.encrypt(following or b"?", PKCS1v15())
            return command[:DECIPHER_HEAD] + self._cryptogram[:FIRST_PART]
        if sent.startswith(DECIPHER_LAST):
            return command[:DECIPHER_HEAD] + self._cryptogram[FIRST_PART:] + command[-1:]
        return command

    def _answer(self, theirs: bytes) -> bytes:
        """The recorded answer to the applet's challenge, made an answer to this card's."""
        for key in ADMIN_KEYS:
            plain = cbc(key, theirs, decrypt=True)
            if plain.endswith(b"\x80"):
                return cbc(key, self._challenge + plain[16:], decrypt=False)
        raise AssertionError("neither admin key was used")

    def _compare_status(self, step: Step, reply: bytes) -> None:
        theirs, mine = step.reply[-2:].hex(), reply[-2:].hex()
        if theirs.startswith("61"):  # the applet says 6100 where more than 255 bytes are left
            assert mine.startswith("61"), step.command.hex()
            return
        assert mine == NOTHING_SELECTED.get(theirs, theirs), step.command.hex()

    def _compare_data(self, sent: str) -> None:
        if any(map(sent.startswith, VALUE_DIFFERENCES)):
            assert len(self._mine) == len(self._theirs), sent
        else:
            assert self._mine == self._theirs, sent


@pytest.fixture(scope="module")
def replay() -> Replay:
    return Replay(volatile_card("gids", blank=True, cost=ScryptCost(n=16)))


@pytest.mark.parametrize("operation", operations())
def test_the_card_answers_as_the_applet_did(replay: Replay, operation: str) -> None:
    recorded = steps(operation)
    before = replay.compared
    replay.play(recorded)
    assert replay.compared > before


def test_no_recording_is_left_out() -> None:
    assert sorted([*operations(), "start"]) == sorted(path.stem for path in VECTORS.glob("*.jsonl"))
