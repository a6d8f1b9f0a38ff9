"""What the applications of software cards have in common: the context their commands work on, and the command table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from cardcore.apdu import CommandApdu
from cardcore.errors import ReplyError
from cardcore.softcard.application import Application, Refusal
from cardcore.softcard.keys import PrivateKey, from_bytes
from cardcore.softcard.memory import JsonObject, Memory
from cardcore.softcard.vault import OpenVault
from cardcore.sw import Sw
from cardcore.tlv import Tlv, parse


class State(Protocol):
    """The persistent state of an application."""

    def to_json(self) -> JsonObject:
        """As JSON values."""
        ...


class Sealed(Protocol):
    """A private key at rest: `public` is what its box is bound to."""

    @property
    def public(self) -> bytes:
        """The public key, in whatever form the family stores it."""
        ...

    @property
    def sealed(self) -> bytes:
        """The vault's box."""
        ...


StateT = TypeVar("StateT", bound=State)


class Context(ABC, Generic[StateT]):
    """One powered application: its persistent state, and keys already unsealed.

    Subclasses read the state that is stored, and add the security state, which `forget` resets.
    """

    def __init__(self, stored: JsonObject, save: Callable[[JsonObject], None]) -> None:
        self.state = self.read(stored)
        self._save = save
        self._unsealed: dict[bytes, PrivateKey] = {}
        self.forget()

    @staticmethod
    @abstractmethod
    def read(stored: JsonObject) -> StateT:
        """The state that was stored."""

    def commit(self, state: StateT) -> None:
        """Make `state` the persistent state; it is on the disk before this returns."""
        self._save(state.to_json())
        self.state = state

    def forget(self) -> None:
        """Drop every proof, what was chosen for later commands, and every key in the clear."""
        self.forget_keys()

    def forget_keys(self) -> None:
        """Drop every key in the clear."""
        self._unsealed.clear()

    def keep(self, record: Sealed, key: PrivateKey) -> None:
        """Remember the key in the clear for as long as others are."""
        self._unsealed[record.sealed] = key

    def unseal(self, vault: OpenVault, record: Sealed) -> PrivateKey:
        """The key in the clear, unsealed once."""
        if record.sealed not in self._unsealed:
            self._unsealed[record.sealed] = from_bytes(vault.unseal(record.sealed, record.public))
        return self._unsealed[record.sealed]


ContextT = TypeVar("ContextT", bound=Context[Any])


class TableApplication(Application, Generic[ContextT]):
    """An application whose commands are functions on a context, by instruction byte."""

    def __init__(
        self,
        memory: Memory,
        power_on: Callable[[JsonObject, Callable[[JsonObject], None]], ContextT],
        commands: Mapping[int, Callable[[ContextT, CommandApdu], bytes]],
    ) -> None:
        super().__init__(memory)
        self._power_on = power_on
        self._commands = commands
        self._powered: ContextT | None = None

    @property
    def context(self) -> ContextT:
        """What the commands work on."""
        if self._powered is None:
            raise RuntimeError("the application was not loaded")
        return self._powered

    def load(self, state: JsonObject) -> None:
        """Take up a persistent state; what was proved before still holds."""
        if self._powered is None:
            self._powered = self._power_on(state, self.save)
        else:
            self._powered.state = self._powered.read(state)

    def process(self, command: CommandApdu) -> bytes:
        """Carry out one command."""
        handler = self._commands.get(command.ins)
        if handler is None:
            raise Refusal(Sw.INS_NOT_SUPPORTED)
        return handler(self.context, command)

    def forget(self) -> None:
        """Drop every proof, what was chosen for later commands, and every key in the clear."""
        if self._powered is not None:
            self._powered.forget()


def require_parameters(p1: int, p2: int, wanted_p1: int = 0, wanted_p2: int = 0) -> None:
    """Refuse other P1 and P2 than these."""
    if (p1, p2) != (wanted_p1, wanted_p2):
        raise Refusal(Sw.INCORRECT_P1_P2)


def items_of(data: bytes) -> list[Tlv]:
    """The data objects in a command's data field in order; 6A80 if malformed."""
    try:
        return parse(data)
    except ReplyError:
        raise Refusal(Sw.INCORRECT_DATA) from None
