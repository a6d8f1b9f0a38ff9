"""A software card below its applications: command decoding, chaining, long replies, SELECT (ISO 7816-4:2020)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import xor

from cardcore.apdu import CommandApdu, ResponseApdu
from cardcore.errors import CardError, ReplyError
from cardcore.softcard.application import Application, Refusal
from cardcore.softcard.memory import Memory
from cardcore.sw import Sw

MAX_CHAINED_DATA = 32768
_CHAINING = 0x10
_INS_MANAGE_CHANNEL = 0x70
_INS_SELECT = 0xA4
_INS_GET_RESPONSE = 0xC0
_SELECT_BY_NAME = 0x04
_NO_FCI = 0x0C
_SW_LOGICAL_CHANNEL = 0x6881
_SW_SECURE_MESSAGING = 0x6882
_SW_MORE = 0x6100
# T=1 only, 254-byte blocks; historical bytes: category 80, capabilities (selection by full and partial name,
# chaining, extended length fields), and a name as issuer data.
_INTERFACE_BYTES = bytes.fromhex("130000 81 31 FE45")
_CAPABILITIES = bytes.fromhex("80 73C021C0")
_ISSUER_DATA, _MOST_ISSUER_DATA = 0x50, 9

_log = logging.getLogger(__name__)


def build_atr(interface: bytes, historical: bytes) -> bytes:
    """An answer to reset with TA1 to TD1 present, and its check byte TCK (ISO 7816-3:2006, 8.2)."""
    body = bytes((0xF0 | len(historical),)) + interface + historical
    return b"\x3b" + body + bytes((reduce(xor, body),))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pending:
    """What is still to be fetched with GET RESPONSE, and the status word that comes after it."""

    data: bytes = b""
    sw: int = Sw.OK


class SoftCard:
    """An ISO 7816 card in software: takes command APDUs as bytes, gives response APDUs as bytes.

    Safe to use from several threads, one command at a time. Verified PINs and the selected application
    belong to this object, as they belong to one powered card; everything else is in its memory.
    """

    def __init__(self, applications: Sequence[Application], memory: Memory) -> None:
        self._applications = tuple(applications)
        self._memory = memory
        self._guard = threading.Lock()
        self._selected: Application | None = None
        self._chain: CommandApdu | None = None
        self._pending = _Pending()

    @property
    def atr(self) -> bytes:
        """The answer to reset (ISO 7816-3:2006, 8)."""
        name = self._applications[0].name.encode("ascii")[:_MOST_ISSUER_DATA]
        return build_atr(_INTERFACE_BYTES, _CAPABILITIES + bytes((_ISSUER_DATA | len(name),)) + name)

    def reset(self) -> None:
        """Warm reset: forget the selected application, every verified PIN and whatever was half done."""
        with self._guard:
            self._forget()

    def power_off(self) -> None:
        """Take the power away; the next command finds the card freshly reset."""
        self.reset()

    def process(self, command: bytes) -> bytes:
        """Answer one encoded command APDU with an encoded response. Never raises, whatever the command is."""
        with self._guard:
            try:
                return self._respond(command)
            except Refusal as refusal:
                return ResponseApdu(data=refusal.data, sw=refusal.sw).encode()
            except (OSError, CardError) as error:
                _log.error("the software card's memory failed: %s", error)
                return ResponseApdu(sw=Sw.MEMORY_FAILURE).encode()
            except Exception as error:  # a card has to answer; the text could hold a secret, so only the type is logged
                _log.error("the software card failed in %s: %s", command[:4].hex(), type(error).__name__)
                return ResponseApdu(sw=Sw.NO_DIAGNOSIS).encode()

    def _forget(self) -> None:
        self._selected = None
        self._chain = None
        self._pending = _Pending()
        for application in self._applications:
            application.forget()

    def _respond(self, raw: bytes) -> bytes:
        try:
            command = CommandApdu.decode(raw)
        except ReplyError:
            raise Refusal(Sw.WRONG_LENGTH) from None
        self._check_class(command)
        if command.ins == _INS_GET_RESPONSE:
            return self._continue(command)
        self._pending = _Pending()
        whole = self._collect(command)
        if whole is None:
            return ResponseApdu(sw=Sw.OK).encode()
        with self._memory.session():
            return self._deliver(whole, self._execute(whole), Sw.OK)

    def _check_class(self, command: CommandApdu) -> None:
        """Refuse classes that no application here has (ISO 7816-4:2020, 5.4.1)."""
        cla = command.cla
        if cla & 0x80:
            if cla == 0xFF or self._selected is None or not self._selected.proprietary_class:
                raise Refusal(Sw.CLA_NOT_SUPPORTED)
            return
        if cla & 0x40 or (not cla & 0x20 and cla & 0x03) or command.ins == _INS_MANAGE_CHANNEL:
            raise Refusal(_SW_LOGICAL_CHANNEL)
        if cla & 0x20:
            raise Refusal(Sw.CLA_NOT_SUPPORTED)
        if cla & 0x0C:
            raise Refusal(_SW_SECURE_MESSAGING)

    def _collect(self, command: CommandApdu) -> CommandApdu | None:
        """Undo command chaining (ISO 7816-4:2020, 5.3.3): the whole command, or None while more is to come.

        A command that does not go on with the chain ends it and is taken for itself.
        """
        started, self._chain = self._chain, None
        whole = replace(command, cla=command.cla & ~_CHAINING)
        if started is not None and _same_header(started, whole):
            whole = replace(whole, data=started.data + whole.data)
        if len(whole.data) > max(MAX_CHAINED_DATA, len(command.data)):
            raise Refusal(Sw.WRONG_LENGTH)
        if command.cla & _CHAINING:
            self._chain = whole
            return None
        return whole

    def _execute(self, command: CommandApdu) -> bytes:
        if command.ins == _INS_SELECT and command.p1 == _SELECT_BY_NAME:
            return self._select(command)
        if self._selected is None:
            raise Refusal(Sw.NO_CURRENT_EF)
        self._selected.refresh()
        return self._selected.process(command)

    def _select(self, command: CommandApdu) -> bytes:
        """SELECT by application identifier, whole or cut off at the right (ISO 7816-4:2020, 11.2.2).

        An identifier that no application has leaves the present selection as it is.
        """
        found = next((item for item in self._applications if item.is_named(command.data)), None)
        if found is None or command.p2 & 0x03:
            raise Refusal(Sw.FILE_NOT_FOUND)
        if self._selected is not None and self._selected is not found:
            self._selected.forget()
        self._selected = found
        found.refresh()
        reply = found.select()
        return b"" if command.p2 & _NO_FCI == _NO_FCI else reply

    def _continue(self, command: CommandApdu) -> bytes:
        self._chain = None
        if not self._pending.data:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        return self._deliver(command, self._pending.data, self._pending.sw)

    def _deliver(self, command: CommandApdu, data: bytes, sw: int) -> bytes:
        """Give as much as Le allows, keep the rest for GET RESPONSE, and say so with 61xx.

        No Le at all counts as the most that the form allows: T=1 clients leave it out and expect the data, unless
        the application is one that waits for it.
        """
        most = (command.le or 65536) if command.extended else (command.le or 256)
        if command.le is None and self._selected is not None and self._selected.waits_for_le:
            most = 0
        self._pending = _Pending(data=data[most:], sw=sw)
        left = len(self._pending.data)
        return ResponseApdu(data=data[:most], sw=_SW_MORE | min(left, 0xFF) if left else sw).encode()


def _same_header(one: CommandApdu, other: CommandApdu) -> bool:
    return (one.cla, one.ins, one.p1, one.p2) == (other.cla, other.ins, other.p1, other.p2)
