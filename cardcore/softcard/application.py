"""What a software card's application is: the base class, and how it refuses a command."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from cardcore.apdu import CommandApdu
from cardcore.softcard.memory import JsonObject, Memory
from cardcore.softcard.personality import Personality, Secrets


class Refusal(Exception):
    """The card's answer to a command that it does not carry out: the status word, and data where a warning has some."""

    def __init__(self, sw: int, data: bytes = b"") -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw
        self.data = data


class Application(ABC):
    """One application on a software card (ISO 7816-4:2020, 12.2): it owns its files, keys and security state.

    Subclasses say who they are in the class variables, take their persistent state from `load`, give it to
    `save`, and answer commands. They see whole commands: the card has undone
    chaining, and cuts long replies up by itself. With `waits_for_le` the reply to a command without Le is only
    announced (61xx), as Java Cards were seen to do, not sent. Without `secrets_before_initialisation` a blank card has
    no PIN, PUK or admin key yet.
    """

    name: ClassVar[str]
    aid: ClassVar[bytes]
    aid_minimum: ClassVar[int] = 5
    proprietary_class: ClassVar[bool] = False
    waits_for_le: ClassVar[bool] = False
    factory_secrets: ClassVar[Secrets]
    secrets_before_initialisation: ClassVar[bool] = True

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._revision = b""

    def refresh(self) -> None:
        """Take up what another process changed in the memory since the last command."""
        if self._revision != self._memory.revision:
            self.load(self._memory.read(self.name))
            self._revision = self._memory.revision

    def save(self, state: JsonObject) -> None:
        """Make `state` the persistent state, before anything else happens."""
        self._revision = b""  # if the write fails, the next command reads what is really stored
        self._memory.write(self.name, state)
        self._revision = self._memory.revision

    @classmethod
    @abstractmethod
    def fresh(cls, secrets: Secrets, personality: Personality) -> JsonObject:
        """The persistent state of a new instance; InputError if a secret does not fit the family."""

    @classmethod
    @abstractmethod
    def serial_number(cls, state: JsonObject) -> str:
        """What programs show as the serial number of the card in this state; empty for a blank one without it."""

    @abstractmethod
    def load(self, state: JsonObject) -> None:
        """Replace the persistent state by what `fresh` made or was saved last."""

    @abstractmethod
    def select(self) -> bytes:
        """The reply to SELECT; selecting again leaves the security state as it is."""

    def is_named(self, name: bytes) -> bool:
        """Whether SELECT with this identifier means the application: the whole of it, or cut off at the right."""
        return len(name) >= self.aid_minimum and self.aid.startswith(name)

    @abstractmethod
    def process(self, command: CommandApdu) -> bytes:
        """Carry out one command and return its reply data; Refusal for any status word but 9000."""

    @abstractmethod
    def forget(self) -> None:
        """Drop the security state: the card was reset, or another application was selected."""
