"""The PIV application as a card sees it: selection, the command table, making and resetting it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar

from cardcore.apdu import CommandApdu
from cardcore.errors import InputError
from cardcore.softcard.application import Refusal
from cardcore.softcard.context import TableApplication
from cardcore.softcard.memory import JsonObject, Memory
from cardcore.softcard.personality import Personality, ScryptCost, Secrets
from cardcore.softcard.piv import admin, attestation, keys, objects, pins
from cardcore.softcard.piv.algorithms import Algorithm
from cardcore.softcard.piv.context import PivContext
from cardcore.softcard.piv.state import PIN, PUK, PivState, Tries
from cardcore.softcard.vault import OpenVault, Vault
from cardcore.sw import Sw
from cardcore.tlv import Tlv, encode

_LABEL = b"cardcore software PIV"
_URL = b"https://csrc.nist.gov/pubs/sp/800/73/4/upd1/final"
_ADMIN_ALGORITHMS = {16: Algorithm.AES128, 24: Algorithm.TDES, 32: Algorithm.AES256}


def _version(piv: PivContext, command: CommandApdu) -> bytes:
    """GET VERSION (vendor, FD): the version whose extensions this card has."""
    return attestation.VERSION


def _serial(piv: PivContext, command: CommandApdu) -> bytes:
    """GET SERIAL (vendor, F8): 4 bytes."""
    return piv.state.serial


def _factory_reset(piv: PivContext, command: CommandApdu) -> bytes:
    """RESET (vendor, FB): back to the factory state; only when the PIN and the PUK are both blocked."""
    if any(tries.left for tries in piv.state.tries.values()):
        raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
    personality = Personality(serial=piv.state.serial, blank=True, cost=piv.state.vault.cost)
    piv.commit(attestation.renewed(make_state(PivApplication.factory_secrets, personality), piv.state))
    piv.forget()
    return b""


_COMMANDS: Mapping[int, Callable[[PivContext, CommandApdu], bytes]] = MappingProxyType(
    {
        0x20: pins.verify,
        0x24: pins.change,
        0x2C: pins.unblock,
        0x47: keys.generate,
        0x87: keys.authenticate,
        0xCB: objects.get_data,
        0xDB: objects.put_data,
        0xF6: keys.move,
        0xF7: keys.metadata,
        0xF8: _serial,
        0xF9: attestation.attest,
        0xFA: pins.set_limits,
        0xFB: _factory_reset,
        0xFD: _version,
        0xFE: keys.import_key,
        0xFF: admin.set_key,
    }
)


class PivApplication(TableApplication[PivContext]):
    """PIV card application (SP 800-73-4, part 2) of version 5.7 of the widespread token's extensions."""

    name: ClassVar[str] = "piv"
    aid: ClassVar[bytes] = objects.AID
    factory_secrets: ClassVar[Secrets] = Secrets(pin=pins.FACTORY_PIN, puk=pins.FACTORY_PUK, admin=admin.FACTORY_KEY)

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory, PivContext, _COMMANDS)

    @classmethod
    def fresh(cls, secrets: Secrets, personality: Personality) -> JsonObject:
        """The state of a new card; InputError if the PIN, PUK, management key or a try limit is not possible."""
        return make_state(secrets, personality).to_json()

    @classmethod
    def serial_number(cls, state: JsonObject) -> str:
        """In decimal, as it is printed on tokens that have this command."""
        return str(int.from_bytes(PivState.from_json(state).serial))

    def select(self) -> bytes:
        """The application property template (SP 800-73-4 part 2, 3.1.1)."""
        identifiers = [encode(0xAC, encode(0x80, bytes((item,))) + encode(0x06, b"\x00")) for item in Algorithm]
        authority = Tlv(tag=0x79, value=encode(0x4F, self.aid[:5]))
        named = [Tlv(tag=0x4F, value=self.aid), authority, Tlv(tag=0x50, value=_LABEL), Tlv(tag=0x5F50, value=_URL)]
        return encode(0x61, b"".join(item.encode() for item in named) + b"".join(identifiers))


def make_state(secrets: Secrets, personality: Personality) -> PivState:
    """The state of a new application; InputError if a secret or try limit is not possible."""
    if not (pins.check_limit(personality.pin_tries) and pins.check_limit(personality.puk_tries)):
        raise InputError("a try limit is 1 to 15")
    pin = pins.checked_block(PIN, secrets.pin or pins.FACTORY_PIN)
    puk = pins.checked_block(PUK, secrets.puk or pins.FACTORY_PUK)
    key = secrets.admin or admin.FACTORY_KEY
    if len(key) not in _ADMIN_ALGORITHMS:
        raise InputError(
            "the management key does not fit a PIV card", hint="Give 24 bytes (3DES), or 16 or 32 (AES), in hex."
        )
    open_vault = OpenVault.new()
    record, certificate = attestation.make(personality.serial, open_vault)
    return PivState(
        serial=personality.serial,
        tries={
            PIN: _tries(personality.pin_tries, PIN, pin),
            PUK: _tries(personality.puk_tries, PUK, puk),
        },
        vault=_new_vault(pin, puk, personality.cost),
        open_vault=open_vault,
        admin=admin.make_key(key, _ADMIN_ALGORITHMS[len(key)]),
        objects={attestation.CERTIFICATE: certificate} | ({} if personality.blank else objects.initial_objects()),
        keys={attestation.SLOT: record},
    )


def _tries(limit: int, role: str, value: bytes) -> Tries:
    return Tries(limit=limit, left=limit, factory=pins.is_factory(role, value))


def _new_vault(pin: bytes, puk: bytes, cost: ScryptCost) -> Vault:
    return Vault.new({PIN: pin, PUK: puk}, cost)
