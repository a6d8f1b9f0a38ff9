"""A card with one PIN and one PUK that does as a test tells it, behind the real PIV profile."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from cardcore.apdu import CommandApdu
from cardcore.authentication import Authentication
from cardcore.channel import Channel
from cardcore.engine import Engine
from cardcore.profile import catalog
from cardcore.profile.model import PinPolicy, Profile
from cardcore.session import Session
from tests.unit.core.fakes import Answer, FakeTransport

AID = bytes.fromhex("A000000308")
PIN, WRONG, PUK = b"123456", b"987654", b"12345678"


@cache
def piv() -> Profile:
    """The profile that is shipped, whatever the user has."""
    return catalog.catalog([catalog.shipped_directory()]).load("piv")


def without(profile: Profile, *operations: str) -> Profile:
    """The profile of a card that lacks these operations."""
    kept = {name: operation for name, operation in profile.operations.items() if name not in operations}
    return replace(profile, operations=kept)


def with_policy(profile: Profile, key: str, policy: PinPolicy) -> Profile:
    """The profile with another PIN policy of a key."""
    return replace(profile, keys={**profile.keys, key: replace(profile.keys[key], policy=policy)})


class FakeCard:
    """SELECT makes it forget what was verified, as most cards do.

    `tries` are left for each reference; `counter` and `refusal` replace the answers to the query and to a wrong or
    right PIN; `answers` are those to other instructions. `foreign` is the answer while another program's application
    is selected. `spent` are the blocks that were compared.
    """

    def __init__(self) -> None:
        self.tries = {0x80: 3, 0x81: 3}
        self.secrets = {0x80: PIN.ljust(8, b"\xff"), 0x81: PUK}
        self.counter: dict[int, Answer] = {}
        self.refusal: Answer | None = None
        self.answers: dict[int, Answer] = {}
        self.foreign: Answer = "6D00"
        self.spent: list[bytes] = []
        self.selected = True
        self.verified = False
        self.transport = FakeTransport(self.answer)

    def session(self, profile: Profile | None = None) -> Session:
        """A session with the application selected."""
        return Session(Engine(profile or piv(), Channel(self.transport)), AID, selected=True)

    def authentication(self, profile: Profile | None = None) -> tuple[Session, Authentication]:
        """A session and its authentication."""
        session = self.session(profile)
        return session, Authentication(session)

    @property
    def instructions(self) -> list[str]:
        """Instruction bytes in order, in hexadecimal, with + where there was data."""
        return [f"{command.ins:02X}" + "+" * bool(command.data) for command in self.transport.commands]

    def reset(self) -> None:
        """Another program resets the card."""
        self.selected = self.verified = False
        self.transport.another_resets()

    def answer(self, command: CommandApdu) -> Answer:
        """Do what the command says."""
        if command.ins == 0xA4:
            self.selected, self.verified = True, False
            return "9000"
        if not self.selected:
            return self.foreign
        if command.ins in (0x20, 0x24, 0x2C):
            return self._about_pin(command)
        if command.ins == 0xF7 and command.p2 in self.tries:
            return f"060203{self.tries[command.p2]:02X}9000"
        return self.answers.get(command.ins, "6D00")

    def _about_pin(self, command: CommandApdu) -> Answer:
        reference = 0x81 if command.ins == 0x2C else command.p2
        if command.p1 == 0xFF:
            self.verified = False
            return "9000"
        if not command.data:
            return self.counter.get(reference) or ("9000" if self.verified else self._left(reference))
        self.spent.append(command.data)
        if self.refusal is not None:
            return self.refusal
        if self.tries[reference] and command.data.startswith(self.secrets[reference]):
            self.verified = self.verified or command.ins == 0x20
            self.tries[0x80] = 3
            return "9000"
        self.tries[reference] = max(self.tries[reference] - 1, 0)
        self.verified = False
        return self._left(reference)

    def _left(self, reference: int) -> Answer:
        return f"63C{self.tries[reference]:X}" if self.tries[reference] else "6983"
