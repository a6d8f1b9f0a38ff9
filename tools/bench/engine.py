"""What the engine costs per APDU above the bare transport call: profile expansion, TLV, chaining, parsing.

The transport answers at once from memory, so that the difference is the engine's alone. Each figure is the fastest of
many short repetitions, in processor time, so that other work on the machine is in it as little as can be.
Run: `.venv/bin/python tools/bench/engine.py`.
"""

from __future__ import annotations

import sys
import time
import timeit
from collections.abc import Callable

from cardcore import tlv
from cardcore.channel import Channel, ChannelLimits
from cardcore.engine import Engine
from cardcore.profile import catalog
from cardcore.profile.template import Values
from cardcore.transport.base import OPEN, CardProtocol, Mask

ROUNDS, REPETITIONS = 200, 100
GOAL = 25.0


class Canned:
    """A transport that has its answers ready: chained parts, the reply's first 256 bytes, the rest."""

    name = "canned"
    atr = bytes.fromhex("3B00")
    protocol = CardProtocol.T1
    extended_length = False

    def __init__(self, reply: bytes) -> None:
        self._first, self._rest = reply[:256], reply[256:] + b"\x90\x00"
        self._first += b"\x61" + bytes((len(reply) - 256,)) if len(reply) > 256 else b"\x90\x00"
        self.sent: list[bytes] = []
        self.counting = True

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Answer without looking further than the header."""
        if self.counting:
            self.sent.append(command)
        if command[0] & 0x10:
            return b"\x90\x00"
        return self._rest if command[1] == 0xC0 else self._first

    def control(self, code: int, data: bytes = b"") -> bytes:
        """No reader, no control codes."""
        return b""

    def begin(self) -> None:
        """Nobody else is there."""

    def end(self) -> None:
        """Nobody else is there."""

    def reconnect(self) -> None:
        """Never reset."""

    def reset(self) -> None:
        """Nothing to forget."""

    def close(self) -> None:
        """Nothing to give back."""


def fastest(work: Callable[[], object]) -> float:
    """Microseconds per call."""
    return min(timeit.repeat(work, timer=time.process_time, number=ROUNDS, repeat=REPETITIONS)) / ROUNDS * 1e6


def measure(title: str, algorithm: int, block: bytes, signature: bytes) -> float:
    """Print and return the engine's microseconds per APDU for one signature."""
    transport = Canned(tlv.encode(0x7C, tlv.encode(0x82, signature)))
    engine = Engine(catalog.load("piv"), Channel(transport, ChannelLimits()))
    values: Values = {"alg.byte": bytes((algorithm,)), "key.ref": 0x9A, "input": block}
    engine.run("sign", values)
    commands, transport.counting = list(transport.sent), False
    whole = fastest(lambda: engine.run("sign", values))
    bare = fastest(lambda: [transport.transmit(command) for command in commands])
    each = (whole - bare) / len(commands)
    print(f"{title:<28} {len(commands)} APDU  {whole:7.1f} us whole  {bare:5.1f} us bare  {each:5.1f} us per APDU")
    return each


def main() -> int:
    """Measure and compare with the goal; the exit status says whether it was met."""
    results = (
        measure("RSA-2048, short APDUs", 0x07, bytes(256), bytes(256)),
        measure("ECDSA P-256", 0x11, bytes(32), bytes(71)),
    )
    print(f"goal: {GOAL:.0f} us per APDU; worst here: {max(results):.1f} us")
    return 0 if max(results) <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
