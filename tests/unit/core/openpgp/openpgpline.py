"""A connection to a software OpenPGP card that tests can look into."""

from __future__ import annotations

from cardcore.masking import OPEN, Mask
from cardcore.softcard import ScryptCost, SoftCard
from cardcore.softcard.memory import VolatileMemory
from cardcore.softcard.openpgp import OpenPgpApplication
from cardcore.softcard.personality import Personality, Secrets
from cardcore.softcard.registry import open_card
from cardcore.transport.soft import SoftTransport

COST = ScryptCost(n=16)
PIN, ADMIN = "123456", "12345678"


class Line(SoftTransport):
    """A connection that counts, and that answers some commands in the place of the card."""

    def __init__(self, card: SoftCard) -> None:
        super().__init__(card, "test")
        self.sent: list[bytes] = []
        self.masks: list[Mask] = []
        self.answers: dict[str, str] = {}

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Send a command, unless its answer is known."""
        self.sent.append(command)
        self.masks.append(mask)
        for beginning, answer in self.answers.items():
            if command.hex().startswith(beginning):
                return bytes.fromhex(answer)
        return super().transmit(command, mask)


def strict_card() -> SoftCard:
    personality = Personality(serial=bytes(4), strict=True, cost=COST)
    return open_card(VolatileMemory({"openpgp": OpenPgpApplication.fresh(Secrets(), personality)}), ("openpgp",))
