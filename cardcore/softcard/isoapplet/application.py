"""The applet as a card sees it: selection, the command table, making a new one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar

from cardcore.apdu import CommandApdu
from cardcore.errors import InputError
from cardcore.softcard.application import Refusal
from cardcore.softcard.context import TableApplication
from cardcore.softcard.isoapplet import files, keys, pins, structure
from cardcore.softcard.isoapplet.context import IsoContext
from cardcore.softcard.isoapplet.state import PIN, PUK, IsoState, LifeCycle
from cardcore.softcard.memory import JsonObject, Memory
from cardcore.softcard.personality import Personality, Secrets
from cardcore.softcard.records import Tries
from cardcore.softcard.vault import OpenVault, Vault
from cardcore.sw import Sw

VERSION = bytes((0, 6))
FEATURES = 0x06  # secure random numbers, elliptic curves; no extended length


def _challenge(iso: IsoContext, command: CommandApdu) -> bytes:
    """GET CHALLENGE (ISO 7816-4:2020, 11.5.3): up to 256 random bytes."""
    if command.p1 or command.p2:
        raise Refusal(Sw.INCORRECT_P1_P2)
    if command.le is None or command.extended:
        raise Refusal(Sw.WRONG_LENGTH)
    return os.urandom(command.le or 256)


_COMMANDS: Mapping[int, Callable[[IsoContext, CommandApdu], bytes]] = MappingProxyType(
    {
        0x20: pins.verify,
        0x22: keys.manage_environment,
        0x24: pins.change,
        0x2A: keys.perform,
        0x2C: pins.unblock,
        0x46: keys.generate,
        0x84: _challenge,
        0xA4: files.select,
        0xB0: files.read,
        0xD6: files.update,
        0xDB: keys.put_data,
        0xE0: files.create,
        0xE4: files.delete,
    }
)


class IsoApplication(TableApplication[IsoContext]):
    """IsoApplet with programming interface 0.6: RSA 2048 with PKCS #1 padding, ECDSA with SHA-1 on the card."""

    name: ClassVar[str] = "isoapplet"
    aid: ClassVar[bytes] = bytes.fromhex("F276A288BCFBA69D34F31001")
    factory_secrets: ClassVar[Secrets] = Secrets(pin=pins.FACTORY_PIN, puk=pins.FACTORY_PUK)
    secrets_before_initialisation: ClassVar[bool] = False

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory, IsoContext, _COMMANDS)

    @classmethod
    def fresh(cls, secrets: Secrets, personality: Personality) -> JsonObject:
        """The state of a new card; a blank one has neither PIN nor PUK nor files. InputError if a secret is unfit."""
        return make_state(secrets, personality).to_json()

    @classmethod
    def serial_number(cls, state: JsonObject) -> str:
        """What EF.TokenInfo says, in hexadecimal."""
        return structure.serial_number(IsoState.from_json(state).files)

    def select(self) -> bytes:
        """Version of the programming interface and features; selecting again ends every proof, as on a Java Card."""
        self.context.start()
        return VERSION + bytes((FEATURES,))


def make_state(secrets: Secrets, personality: Personality) -> IsoState:
    """The state of a new applet; InputError if a secret or try limit is not possible."""
    limits = {PIN: personality.pin_tries, PUK: personality.puk_tries}
    if not all(pins.check_limit(limit) for limit in limits.values()):
        raise InputError("a try limit is 1 to 15")
    tries = {role: Tries(limit=limit, left=limit) for role, limit in limits.items()}
    if personality.blank:
        founding = OpenVault.new()
        vault = Vault(public=founding.public, wraps={}, cost=personality.cost)
        return IsoState(life_cycle=LifeCycle.CREATION, tries=tries, vault=vault, founding=founding, files={}, keys={})
    pin = pins.checked_pin(pins.FACTORY_PIN if secrets.pin is None else secrets.pin)
    puk = pins.checked_puk(pins.FACTORY_PUK if secrets.puk is None else secrets.puk)
    return IsoState(
        life_cycle=LifeCycle.OPERATIONAL,
        tries=tries,
        vault=Vault.new({PIN: pin, PUK: puk}, personality.cost),
        founding=None,
        files=structure.initial_files(personality.serial),
        keys={},
    )
