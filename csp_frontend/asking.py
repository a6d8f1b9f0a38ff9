"""The person: what they are asked, what they are told, and setting another PIN in passing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from cardcore import Card, CardError, PinError, PinPad, Secret
from cardcore.errors import InputError, LastTry, PinEntryCancelled, PinEntryError, StatusError
from csp_frontend.constants import Code, Nx
from csp_frontend.errors import CspError
from csp_frontend.pin_needs import Need
from csp_frontend.prompts import (
    Answer,
    Keypad,
    NewPin,
    Note,
    PadDialog,
    PadStep,
    PinChanger,
    PinDialog,
    PinRequest,
    PinRules,
    Unblocking,
    Wanted,
    nothing_shown,
)
from csp_frontend.tokens import Token


class PadNotice:
    """What the person is told while the reader waits for an entry on its keypad."""

    def __init__(self, dialog: PinDialog, request: PinRequest) -> None:
        self._dialog = dialog
        self._request = request
        self._take_off: Callable[[], None] = nothing_shown

    def tell(self, text: str, seconds: int) -> None:
        """The entry begins."""
        if isinstance(self._dialog, PadDialog):
            self._take_off = self._dialog.tell(self._request, text, seconds)

    def end(self) -> None:
        """The entry has ended, however it did."""
        self._take_off()


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the person gave: a PIN, or that it comes from the keypad; `last_try` is whether they knew that it is one."""

    pin: Secret | PinPad
    last_try: bool
    notice: PadNotice | None = None


class Person:
    """Asks through a dialog. `changed` is called when the person has set a PIN anew."""

    def __init__(self, dialog: PinDialog, changed: Callable[[Token, str], None]) -> None:
        self._dialog = dialog
        self._changed = changed

    def pin(self, need: Need, *, again: bool) -> Given:
        """The PIN; SCARD_W_CANCELLED_BY_USER, or NTE_FAIL with ERROR_NX_PIN_BLOCKED if it stays blocked.

        The person may change or unblock it first. No card is held while they are asked.
        """
        note = Note.NOTHING
        while True:
            request = replace(self._request(need), again=again, note=note)
            if request.blocked and request.unblocking is None:
                raise _blocked(request)
            if need.token.has_pin_pad and not (request.keypad and (request.last_try or request.blocked)):
                return self._from_pad(request)
            answer = self._dialog.ask(request)
            if isinstance(answer, NewPin):
                note, again = self._set(need, request, answer), False
            elif answer is Keypad.READY:
                return self._from_pad(request)
            else:
                return Given(pin=_secret(answer, request), last_try=request.last_try)

    def can_unblock(self, need: Need) -> bool:
        """Whether a PIN that is blocked now can be set anew by the person, so that asking once more makes sense."""
        return not need.program.silent and self._request(need).unblocking is not None

    def admin_key(self, need: Need) -> Secret:
        """The admin key, as text; SCARD_W_CANCELLED_BY_USER."""
        request = replace(_about(need), wanted=Wanted.ADMIN, label="admin key")
        return _secret(self._dialog.ask(request), request)

    def _request(self, need: Need) -> PinRequest:
        """The question about a PIN as the card stands now."""
        changes = isinstance(self._dialog, PinChanger) and self._dialog.changes_pins()
        with need.token.using() as card, need.token.transaction():
            status = card.pin_status(need.name)
            return replace(
                _about(need),
                label=status.label,
                tries_left=status.tries_left,
                rules=_rules(card, need.name),
                changes=changes,
                unblocking=_unblocking(card, need.name) if changes else None,
                keypad=changes and need.token.has_pin_pad,
            )

    def _from_pad(self, request: PinRequest) -> Given:
        """The reader's keypad in place of the PIN; the card is held while the person enters it, as PC/SC has it."""
        notice = PadNotice(self._dialog, request)
        return Given(pin=PinPad(prompt=notice.tell), last_try=request.last_try, notice=notice)

    def _set(self, need: Need, request: PinRequest, answer: NewPin) -> Note:
        """Change or unblock the PIN; how that ended, as the person will be told. Errors of card and reader are raised.

        The card is asked for the tries left again before anything is sent; the last one was confirmed for what the
        person saw, and only then is it spent.
        """
        step = PadStep.UNBLOCK if answer.unblock else PadStep.CHANGE
        tries = request.unblocking.tries_left if answer.unblock and request.unblocking else request.tries_left
        notice = PadNotice(self._dialog, replace(request, step=step))
        pad = PinPad(prompt=notice.tell)
        code, new = answer.code or pad, answer.new or pad
        try:
            with need.token.using() as card:
                need.token.turn_to(need.owner)
                change = card.unblock_pin if answer.unblock else card.change_pin
                change(code, new, need.name, last_try=tries == 1)
        except (PinError, PinEntryError, InputError, StatusError) as error:
            return _ending(error, unblock=answer.unblock)
        finally:
            notice.end()
            answer.wipe()
            need.token.let_go(need.owner)
        self._changed(need.token, need.name)
        return Note.UNBLOCKED if answer.unblock else Note.CHANGED


def _about(need: Need) -> PinRequest:
    """Who asks, and about which card and key."""
    token, client = need.token, need.owner.client
    return PinRequest(
        purpose=need.purpose,
        token=f"{token.card.profile.name} {token.serial}".strip(),
        reader=token.reader,
        key=need.key,
        client=client.program,
        pid=client.pid,
        checked=client.checked,
        claimed=client.claimed,
        window=need.program.window,
        text=need.program.prompt,
    )


def _rules(card: Card, name: str) -> PinRules:
    spec = card.profile.pins[name]
    return PinRules(minimum=spec.minimum, maximum=spec.maximum, digits=spec.digits)


def _unblocking(card: Card, name: str) -> Unblocking | None:
    """The PUK of a PIN; None where there is none, or it is blocked itself."""
    unblock = card.profile.pins[name].unblock
    if unblock not in card.profile.pins:
        return None
    status = card.pin_status(unblock)
    if status.blocked:
        return None
    return Unblocking(label=status.label, rules=_rules(card, unblock), tries_left=status.tries_left)


def _ending(error: CardError, *, unblock: bool) -> Note:
    """What the person is told of a PIN that was not set; nothing where they ended it, or nothing was sent."""
    match error:
        case PinEntryCancelled() | LastTry():
            return Note.NOTHING
        case PinError():
            return Note.WRONG_PUK if unblock else Note.WRONG_PIN
    return Note.REFUSED


def _secret(answer: Answer | None, request: PinRequest) -> Secret:
    """The answer to a question that has one kind of answer."""
    if isinstance(answer, Secret):
        return answer
    if answer is None and request.blocked:
        raise _blocked(request)
    raise CspError(Code.SCARD_W_CANCELLED_BY_USER, f"the person gave no {request.label}")


def _blocked(request: PinRequest) -> CspError:
    return CspError(Code.NTE_FAIL, f"the {request.label} is blocked", nx=Nx.ERROR_NX_PIN_BLOCKED)
