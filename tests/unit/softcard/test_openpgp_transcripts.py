"""Replays what a real OpenPGP applet was asked and holds the software card's replies against the applet's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from cardcore.softcard import ScryptCost, SoftCard
from cardcore.softcard.memory import VolatileMemory
from cardcore.softcard.openpgp import OpenPgpApplication
from cardcore.softcard.personality import Personality, Secrets
from cardcore.softcard.registry import open_card
from cardcore.tlv import parse, parse_one, require

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "openpgp"
SELECT, GET_RESPONSE = 0xA4, 0xC0
DECIPHER_FIRST, DECIPHER_LAST, DECIPHER_HEAD, FIRST_PART = "102a8086", "002a8086", 5, 254
DECIPHER_KEY = "0047810002b8"
# A foreign application is not there: the applet says so in words of its own, the environment in others.
FOREIGN = frozenset({"6d00", "6999"})
# Beginning of a command -> the applet's status word, the software card's, and why.
STATUS_DIFFERENCES = MappingProxyType(
    {
        "00ca7f74": ("6a88", "9000", "general features are told: no button"),
        "00da00c1060108000020": ("6a80", "9000", "an exponent of up to 32 bits is possible"),
        "00a4000c023f00": ("6d00", "6986", "nothing is selected after power-on"),
    }
)
FAILED = "0005"  # of the simulator itself, on a cryptogram with another padding
BLOCKED = ("6982", "6983")  # the specification, 7.2.2, has a word of its own for it
# Beginning of a command -> why the data is another, though of the same length.
VALUE_DIFFERENCES = MappingProxyType(
    {
        "00ca004f": "another manufacturer and serial number",
        "00ca5f52": "extended length is possible too",
        "00478": "another key",
        "002a9e9a": "the signature of another key",
        "0088": "the signature of another key",
        "0084": "random",
    }
)
# Objects that tell what a card can do, and so differ in length.
DESCRIPTIONS = frozenset({"00ca006e", "00ca00fa"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """An event, or a command with its whole reply, however many responses that took."""

    event: str = ""
    command: bytes = b""
    data: bytes = b""
    sw: str = ""


def exchanges(operation: str) -> list[Exchange]:
    found: list[Exchange] = []
    for line in (VECTORS / f"{operation}.jsonl").read_text(encoding="ascii").splitlines():
        entry = json.loads(line)
        command, reply = (bytes.fromhex(entry.get(name, "")) for name in ("c", "r"))
        if command[1:2] == bytes((GET_RESPONSE,)):
            last = found.pop()
            found.append(Exchange(command=last.command, data=last.data + reply[:-2], sw=reply[-2:].hex()))
        else:
            event = entry.get("event", "")
            found.append(Exchange(event=event, command=command, data=reply[:-2], sw=reply[-2:].hex()))
    return found


def operations() -> list[str]:
    """The recordings in the order in which they were made; each goes on with the card that the last one left."""
    return (VECTORS / "order.txt").read_text(encoding="ascii").split()


class Replay:
    """Sends recorded commands to a software card, fitted to its own keys, and compares."""

    def __init__(self, card: SoftCard) -> None:
        self._card = card
        self._public: RSAPublicKey | None = None
        self._cryptogram = b""
        self.compared = 0

    def play(self, recorded: list[Exchange]) -> None:
        for index, theirs in enumerate(recorded):
            if theirs.event:
                self._card.reset()
                continue
            plain = recorded[index + 1].data if index + 1 < len(recorded) else b""
            command = self._fitted(theirs.command, plain)
            self._compare(theirs, *self._answer(command))
            self.compared += 1

    def _answer(self, command: bytes) -> tuple[bytes, str]:
        reply = self._card.process(command)
        data = reply[:-2]
        while reply[-2] == 0x61:
            reply = self._card.process(bytes((0, GET_RESPONSE, 0, 0, reply[-1])))
            data += reply[:-2]
        return data, reply[-2:].hex()

    def _fitted(self, command: bytes, plain: bytes) -> bytes:
        """A cryptogram is made anew for this card's key; the plain text comes in the reply to the last part."""
        sent = command.hex()
        if sent.startswith(DECIPHER_FIRST):
            assert self._public is not None
            self._cryptogram = self._public.encrypt(plain, PKCS1v15())
            return command[: DECIPHER_HEAD + 1] + self._cryptogram[: len(command) - DECIPHER_HEAD - 1]
        if sent.startswith(DECIPHER_LAST):
            size = command[DECIPHER_HEAD - 1]
            return command[:DECIPHER_HEAD] + self._cryptogram[-size:] + command[-1:]
        return command

    def _compare(self, theirs: Exchange, data: bytes, sw: str) -> None:
        sent = theirs.command.hex()
        if sw != theirs.sw:
            assert self._is_known(theirs, sw), f"{sent}: {theirs.sw} {sw}"
            return
        if sent[:8] in DESCRIPTIONS:
            assert tags(theirs.data) <= tags(data) or sent[:8] == "00ca00fa", sent
        elif any(map(sent.startswith, VALUE_DIFFERENCES)):
            assert len(data) == len(theirs.data), sent
        else:
            assert data == theirs.data, sent
        if sent.startswith(DECIPHER_KEY) and data:
            n, e = (int.from_bytes(require(data, [0x7F49, tag])) for tag in (0x81, 0x82))
            self._public = RSAPublicNumbers(e, n).public_key()

    def _is_known(self, theirs: Exchange, sw: str) -> bool:
        sent = theirs.command.hex()
        if theirs.command[1] == SELECT and theirs.sw in FOREIGN and sw == "6a82":
            return True
        if theirs.sw == FAILED or (sent.startswith("0020") and (theirs.sw, sw) == BLOCKED):
            return True
        return any(
            sent.startswith(beginning) and (theirs.sw, sw) == (one, other)
            for beginning, (one, other, _) in STATUS_DIFFERENCES.items()
        )


def tags(data: bytes) -> set[int]:
    """The tags in application related data, with those in its discretionary part."""
    return set(_tags(parse_one(data).value)) if data[:1] == b"\x6e" else set()


def _tags(content: bytes) -> Iterator[int]:
    for item in parse(content):
        yield item.tag
        if item.tag == 0x73:
            yield from _tags(item.value)


@pytest.fixture(scope="module")
def replay() -> Replay:
    """A card that refuses on its signature key what the applet refuses."""
    personality = Personality(serial=bytes.fromhex("12345678"), strict=True, cost=ScryptCost(n=16))
    memory = VolatileMemory({"openpgp": OpenPgpApplication.fresh(Secrets(), personality)})
    return Replay(open_card(memory, ("openpgp",)))


@pytest.mark.parametrize("operation", operations())
def test_the_card_answers_as_the_applet_did(replay: Replay, operation: str) -> None:
    before = replay.compared
    replay.play(exchanges(operation))
    assert replay.compared > before


def test_no_recording_is_left_out() -> None:
    assert sorted([*operations(), "start"]) == sorted(path.stem for path in VECTORS.glob("*.jsonl"))
