"""The Larkspur as a card sees it: selection, the command table, making a new one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar

from cardcore.apdu import CommandApdu
from cardcore.softcard.application import Refusal
from cardcore.softcard.context import TableApplication, require_parameters
from cardcore.softcard.larkspur import files, keys, pins
from cardcore.softcard.larkspur.context import LarkspurContext
from cardcore.softcard.larkspur.state import PIN, PUK, LarkspurState
from cardcore.softcard.memory import JsonObject, Memory
from cardcore.softcard.personality import Personality, Secrets
from cardcore.softcard.records import Tries
from cardcore.softcard.vault import Vault
from cardcore.sw import Sw

_MOST_RANDOM = 64


def _challenge(card: LarkspurContext, command: CommandApdu) -> bytes:
    """GET CHALLENGE: up to 64 random bytes."""
    require_parameters(command.p1, command.p2, 0, 0)
    if command.le is None or not 1 <= command.le <= _MOST_RANDOM:
        raise Refusal(Sw.WRONG_LENGTH)
    return os.urandom(command.le)


_COMMANDS: Mapping[int, Callable[[LarkspurContext, CommandApdu], bytes]] = MappingProxyType(
    {
        0x20: pins.verify,
        0x22: keys.manage_environment,
        0x24: pins.change,
        0x2A: keys.perform,
        0x2C: pins.unblock,
        0x46: keys.generate,
        0x48: keys.information,
        0x84: _challenge,
        0xA4: files.select,
        0xB0: files.read,
        0xD6: files.update,
    }
)


class LarkspurApplication(TableApplication[LarkspurContext]):
    """The card of the manual in docs/profile-authors.md, for which no profile is shipped: readers write it."""

    name: ClassVar[str] = "larkspur"
    aid: ClassVar[bytes] = bytes.fromhex("F04C61726B73707572")
    proprietary_class: ClassVar[bool] = True
    factory_secrets: ClassVar[Secrets] = Secrets(pin=pins.FACTORY_PIN, puk=pins.FACTORY_PUK)

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory, LarkspurContext, _COMMANDS)

    @classmethod
    def fresh(cls, secrets: Secrets, personality: Personality) -> JsonObject:
        """The state of a new card, which has its files and no keys; InputError if a secret is unfit."""
        blocks = {
            PIN: pins.checked_block(PIN, secrets.pin or pins.FACTORY_PIN),
            PUK: pins.checked_block(PUK, secrets.puk or pins.FACTORY_PUK),
        }
        limits = {PIN: personality.pin_tries, PUK: personality.puk_tries}
        return LarkspurState(
            serial=personality.serial,
            tries={role: Tries(limit=pins.checked_limit(limit), left=limit) for role, limit in limits.items()},
            vault=Vault.new(blocks, personality.cost),
            files=files.initial(personality.serial),
            keys={},
        ).to_json()

    @classmethod
    def serial_number(cls, state: JsonObject) -> str:
        """The content of the file 2F02 in hexadecimal."""
        return LarkspurState.from_json(state).serial.hex()

    def select(self) -> bytes:
        """No reply; what was proved before is forgotten."""
        self.context.forget()
        return b""
