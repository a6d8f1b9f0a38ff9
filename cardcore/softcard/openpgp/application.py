"""The OpenPGP application as a card sees it: selection, the command table, its life cycle, making it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import ClassVar

from cardcore.apdu import CommandApdu
from cardcore.errors import InputError
from cardcore.softcard.application import Refusal
from cardcore.softcard.context import TableApplication, require_parameters
from cardcore.softcard.memory import JsonObject, Memory
from cardcore.softcard.openpgp import keys, objects, passwords
from cardcore.softcard.openpgp.context import Access, OpenPgpContext
from cardcore.softcard.openpgp.state import PW1, PW3, RESET_CODE, OpenPgpState, Password
from cardcore.softcard.personality import Personality, Secrets
from cardcore.softcard.vault import Vault
from cardcore.sw import Sw

MAX_CHALLENGE = 255
_TERMINATED = 0x6285
_ACTIVATE = 0x44


def _challenge(card: OpenPgpContext, command: CommandApdu) -> bytes:
    """GET CHALLENGE (7.2.15): as many random bytes as Le asks for."""
    require_parameters(command.p1, command.p2, 0, 0)
    if command.le is None or command.data:
        raise Refusal(Sw.WRONG_LENGTH)
    return os.urandom(min(command.le or MAX_CHALLENGE, MAX_CHALLENGE))


def _terminate(card: OpenPgpContext, command: CommandApdu) -> bytes:
    """TERMINATE DF (7.2.16): with PW3 verified, or when neither PW1 nor PW3 has a try left."""
    require_parameters(command.p1, command.p2, 0, 0)
    if any(card.state.passwords[role].left for role in (PW1, PW3)) and card.opened(Access.ADMIN) is None:
        raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
    card.commit(_terminated(card.state))
    card.forget()
    return b""


def _activate(card: OpenPgpContext, command: CommandApdu) -> bytes:
    """ACTIVATE FILE (7.2.17): a terminated application is as it left the factory; else nothing happens."""
    require_parameters(command.p1, command.p2, 0, 0)
    state = card.state
    if state.terminated:
        personality = Personality(
            serial=state.serial,
            pin_tries=state.passwords[PW1].limit,
            puk_tries=state.passwords[PW3].limit,
            cost=state.vault.cost,
            strict=state.strict,
        )
        card.commit(make_state(Secrets(), personality))
        card.forget()
    return b""


_COMMANDS: Mapping[int, Callable[[OpenPgpContext, CommandApdu], bytes]] = MappingProxyType(
    {
        0x20: passwords.verify,
        0x22: keys.manage_environment,
        0x24: passwords.change,
        0x2A: keys.perform,
        0x2C: passwords.unblock,
        _ACTIVATE: _activate,
        0x47: keys.generate,
        0x84: _challenge,
        0x88: keys.authenticate,
        0xA5: objects.select_data,
        0xCA: objects.get_data,
        0xCC: objects.get_next_data,
        0xDA: objects.put_data,
        0xDB: keys.import_key,
        0xE6: _terminate,
    }
)


class OpenPgpApplication(TableApplication[OpenPgpContext]):
    """OpenPGP application of version 3.4 without secure messaging, AES and buttons."""

    name: ClassVar[str] = "openpgp"
    aid: ClassVar[bytes] = objects.AID
    factory_secrets: ClassVar[Secrets] = Secrets(pin=passwords.FACTORY[PW1], admin=passwords.FACTORY[PW3])

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory, OpenPgpContext, _COMMANDS)

    @classmethod
    def fresh(cls, secrets: Secrets, personality: Personality) -> JsonObject:
        """The state of a new card; the PUK is its reset code, none unless given. InputError for what cannot be."""
        return make_state(secrets, personality).to_json()

    @classmethod
    def serial_number(cls, state: JsonObject) -> str:
        """Manufacturer and serial number in hexadecimal, as in the application identifier (4.2.1)."""
        return (objects.MANUFACTURER + OpenPgpState.from_json(state).serial).hex().upper()

    def select(self) -> bytes:
        """No file control information, as many cards do; 6285 while the application is terminated (7.2.1).

        To select the application again takes every proof back: Java Cards clear what is transient.
        """
        self.forget()
        if self.context.state.terminated:
            raise Refusal(_TERMINATED)
        return b""

    def is_named(self, name: bytes) -> bool:
        """The identifier goes on with this one card's manufacturer and serial number (4.2.1)."""
        self.refresh()
        return len(name) >= self.aid_minimum and objects.identifier(self.context.state).startswith(name)

    def process(self, command: CommandApdu) -> bytes:
        """Carry out one command; a terminated application knows ACTIVATE FILE only."""
        if self.context.state.terminated and command.ins in _COMMANDS and command.ins != _ACTIVATE:
            raise Refusal(_TERMINATED)
        return super().process(command)


def make_state(secrets: Secrets, personality: Personality) -> OpenPgpState:
    """The state of a new application; InputError if a secret or try limit is not possible."""
    if not (passwords.check_limit(personality.pin_tries) and passwords.check_limit(personality.puk_tries)):
        raise InputError("a try limit is 1 to 15")
    typed = {PW1: secrets.pin or passwords.FACTORY[PW1], PW3: secrets.admin or passwords.FACTORY[PW3]}
    if secrets.puk:
        typed[RESET_CODE] = secrets.puk
    values = {role: passwords.check_typed(role, value) for role, value in typed.items()}
    limits = {PW1: personality.pin_tries, RESET_CODE: personality.puk_tries, PW3: personality.puk_tries}
    return OpenPgpState(
        serial=personality.serial,
        strict=personality.strict,
        passwords={role: _password(limit, values.get(role, b"")) for role, limit in limits.items()},
        vault=Vault.new(values, personality.cost),
        objects=objects.initial_objects(),
    )


def _password(limit: int, value: bytes) -> Password:
    return Password(size=len(value), limit=limit, left=limit if value else 0)


def _terminated(state: OpenPgpState) -> OpenPgpState:
    """Nothing of the holder survives the termination."""
    empty = replace(state, terminated=True, keys={}, objects=objects.initial_objects())
    return replace(empty, certificates=tuple(b"" for _ in state.certificates))
