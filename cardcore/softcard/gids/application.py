"""The GIDS application as a card sees it: selection, the command table, making a new one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import ClassVar

from cardcore.apdu import CommandApdu
from cardcore.errors import InputError
from cardcore.softcard.context import TableApplication
from cardcore.softcard.gids import admin, files, keys, objects, pins
from cardcore.softcard.gids.algorithms import ADMIN_KEY_SIZE
from cardcore.softcard.gids.context import GidsContext
from cardcore.softcard.gids.initial import card_id, initial_files
from cardcore.softcard.gids.state import File, GidsState
from cardcore.softcard.memory import JsonObject, Memory
from cardcore.softcard.personality import Personality, Secrets
from cardcore.softcard.vault import OpenVault, Vault

_COMMANDS: Mapping[int, Callable[[GidsContext, CommandApdu], bytes]] = MappingProxyType(
    {
        0x20: pins.verify,
        0x22: keys.manage_environment,
        0x24: pins.change,
        0x2A: keys.perform,
        0x2C: pins.unblock,
        0x44: files.activate,
        0x47: keys.generate,
        0x87: admin.authenticate,
        0xA4: files.select,
        0xCB: objects.get_data,
        0xDB: objects.put_data,
        0xE0: files.create,
        0xE4: files.delete,
        0xE6: files.terminate,
    }
)


class GidsApplication(TableApplication[GidsContext]):
    """Generic Identity Device, version 2 of the application identifier."""

    name: ClassVar[str] = "gids"
    aid: ClassVar[bytes] = files.AID
    waits_for_le: ClassVar[bool] = True
    factory_secrets: ClassVar[Secrets] = Secrets(pin=pins.FACTORY_PIN, admin=admin.FACTORY_KEY)
    secrets_before_initialisation: ClassVar[bool] = False

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory, GidsContext, _COMMANDS)

    @classmethod
    def fresh(cls, secrets: Secrets, personality: Personality) -> JsonObject:
        """The state of a new card; InputError if the PIN, the admin key or the try limit is not possible.

        A blank card has no PIN and no file, and takes commands from anyone until it is initialised.
        """
        return make_state(secrets, personality).to_json()

    @classmethod
    def serial_number(cls, state: JsonObject) -> str:
        """The content of the minidriver's file cardid in hexadecimal."""
        return card_id(GidsState.from_json(state).files).hex()

    def select(self) -> bytes:
        """The application template. A Java Card application that is selected again is deselected first: it forgets."""
        self.context.forget()
        return files.CONTROL_INFORMATION


def make_state(secrets: Secrets, personality: Personality) -> GidsState:
    """The state of a new application; InputError if a secret or try limit is not possible."""
    limit = pins.checked_limit(personality.pin_tries)
    pin = pins.checked(secrets.pin or pins.FACTORY_PIN)
    key = secrets.admin or admin.FACTORY_KEY
    if len(key) != ADMIN_KEY_SIZE:
        raise InputError("the admin key does not fit a GIDS card", hint="Give 24 bytes (3DES) in hex.")
    recovery = OpenVault.new()
    blank = GidsState(
        serial=personality.serial,
        active=False,
        terminated=False,
        limit=limit,
        left=limit,
        pin_size=0,
        vault=Vault(public=recovery.public, wraps={}, cost=personality.cost),
        recovery=recovery,
        files={},
    )
    return blank if personality.blank else _initialised(blank, pin, initial_files(key, personality.serial))


def _initialised(blank: GidsState, pin: bytes, contents: dict[int, File]) -> GidsState:
    return replace(blank.with_pin(pin), active=True, files=contents)
