"""Runs one operation of one profile on one channel: steps to commands, status words to errors, replies to results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cardcore import sw as status
from cardcore.apdu import ResponseApdu
from cardcore.channel import Channel
from cardcore.errors import NotFound, NotSupported, PinBlocked, PinError, SecurityStatus, StatusError
from cardcore.profile.commands import applies, render
from cardcore.profile.model import Needs, Operation, Profile, Step
from cardcore.profile.reply import Result, extract
from cardcore.profile.template import Value, Values
from cardcore.secret import Secret
from cardcore.sw import Sw

if TYPE_CHECKING:
    from cardcore.pinpad.entry import PadEntry

SECRET_REPLIES = frozenset({"decipher", "agree", "admin-key"})
"""Operations whose reply must not be recorded: it is a key, or may be one."""

_PIN_OPERATIONS = frozenset({"verify", "change", "unblock"})
_WRONG_PIN = frozenset({Sw.VERIFY_FAILED, Sw.SECURITY_STATUS})
_UNSUPPORTED = frozenset({Sw.INS_NOT_SUPPORTED, Sw.CLA_NOT_SUPPORTED, Sw.FUNCTION_NOT_SUPPORTED})


class Engine:
    """One profile on one channel. It decides nothing: which operation runs when is its callers' matter.

    `used` are the names of the operations that were run.
    """

    def __init__(self, profile: Profile, channel: Channel) -> None:
        self.profile = profile
        self.channel = channel
        self.used: set[str] = set()

    def can(self, operation: str) -> bool:
        """Whether the profile describes the operation."""
        return operation in self.profile.operations

    def operation(self, name: str) -> Operation:
        """The operation of that name; NotSupported if the profile has none."""
        found = self.profile.operations.get(name)
        if found is None:
            raise NotSupported(f"the profile {self.profile.id} has no operation {name}")
        return found

    def needs(self, operation: str, values: Values) -> frozenset[Needs]:
        """The authentications that the steps to be sent ask for; a step that depends on a reply counts as sent."""
        found: set[Needs] = set()
        saved: set[str] = set()
        for step in self.operation(operation).steps:
            if step.needs is not None and (saved & step.when.keys() or applies(step, values)):
                found.add(step.needs)
            saved.add(step.save)
        return frozenset(found)

    def run(self, operation: str, values: Values, pad: PadEntry | None = None) -> Result:
        """Send the steps of an operation and return the last step's result (b"" where no reply is described).

        With `pad` the steps that hold a secret are sent by the reader, which puts the PIN in.
        Raises InputError before anything is sent if a value is missing, StatusError and its kin, PinError or
        PinBlocked for a PIN operation, ReplyError for a malformed reply.
        """
        steps = self.operation(operation).steps
        self.used.add(operation)
        saved: dict[str, Value | Secret] = {}
        known: Mapping[str, Value | Secret] = values
        result: Result = b""
        for step in steps:
            if not applies(step, known):
                continue
            response = self._exchange(operation, step, known, pad)
            self._check(operation, step, response.sw)
            if step.retries:
                result = response.sw
            elif step.reply is not None:
                result = extract(step.reply, response.data)
            if step.save and isinstance(result, int | str | bytes):
                saved[step.save] = result
                known = {**values, **saved}
        return result

    def _exchange(self, operation: str, step: Step, known: Values, pad: PadEntry | None) -> ResponseApdu:
        rendered = render(step, known)
        if pad is None or not rendered.secrets:
            apdu = replace(rendered.apdu, extended=True) if step.long and self.channel.extended else rendered.apdu
            return self.channel.send(apdu, rendered.secrets, operation in SECRET_REPLIES)
        with self.channel.reserved() as transport:
            return pad.perform(transport, step, known)

    def _check(self, operation: str, step: Step, sw: int) -> None:
        if sw in step.expect:
            return
        if step.retries and (status.tries_left(sw) is not None or sw == Sw.VERIFY_FAILED):
            return
        raise error_for(operation, sw)


def error_for(operation: str, sw: int) -> StatusError | PinError:
    """The typed error for a status word that an operation did not expect."""
    what = f"{operation}: the card answered {status.describe(sw)}"
    left = status.tries_left(sw)
    if operation in _PIN_OPERATIONS and (left is not None or sw in _WRONG_PIN):
        if left == 0:
            return PinBlocked("the PIN is blocked", sw=sw, tries_left=0)
        tries = "" if left is None else f", {left} {'try' if left == 1 else 'tries'} left"
        return PinError(f"wrong PIN{tries}", sw=sw, tries_left=left, hint="Check the PIN before you try again.")
    if sw == Sw.SECURITY_STATUS:
        return SecurityStatus(what, sw=sw)
    if sw in status.NOT_FOUND:
        return NotFound(what, sw=sw)
    hint = "The card lacks this function." if sw in _UNSUPPORTED else ""
    return StatusError(what, sw=sw, hint=hint)
