"""A field for a PIN. The toolkit only ever has the dots; what was typed is in bytes that are overwritten."""

from __future__ import annotations

import hmac
import tkinter as tk
from collections.abc import Callable, Mapping
from enum import StrEnum
from tkinter import ttk

from cardcore import Secret
from csp_frontend.prompts import PinRules

DOT = "\N{BLACK CIRCLE}"
_SHIFT_TAB = "ISO_Left_Tab"
_PASSED_ON = frozenset({"Tab", _SHIFT_TAB, "Return", "KP_Enter", "Escape"})
_BACK = frozenset({"BackSpace", "Delete", "KP_Delete"})
_CONTROL: Mapping[str, int] = {"x11": 0x4, "win32": 0x4, "aqua": 0x4 | 0x8}  # with the command key
# Windows has NumLock where X has Alt, for which Tk itself uses 0x20000; the option key of macOS is for characters.
_ALT: Mapping[str, int] = {"x11": 0x8 | 0x20000, "win32": 0x20000, "aqua": 0}
_MOST_DOTS = 32


def modifiers(system: str, state: int) -> tuple[bool, bool]:
    """Whether the control and alt keys are held, by the state of an event of that windowing system (`keysyms(n)`)."""
    return bool(state & _CONTROL[system]), bool(state & _ALT[system])


class Refused(StrEnum):
    """Why a key was not taken."""

    EARLY = "early"
    NO_DIGIT = "no digit"
    FULL = "full"


class PinEntry(ttk.Entry):
    """A masked field without the editing of the toolkit: characters are added and taken away at the end.

    There is no clipboard and no selection. `takes` says whether a key is taken now; `changed` is called after each
    change, `refused` with the reason for a key that was not taken.
    """

    def __init__(
        self,
        parent: tk.Misc,
        rules: PinRules,
        *,
        takes: Callable[[], bool],
        changed: Callable[[], None],
        refused: Callable[[Refused], None],
    ) -> None:
        super().__init__(parent, font="WindowPin", width=min(max(rules.maximum, 8), 20), takefocus=True)
        self._rules = rules
        self._takes = takes
        self._changed = changed
        self._refused = refused
        self._typed = bytearray(rules.maximum)  # as large as it gets: growing would leave copies behind
        self._length = 0
        self._sizes: list[int] = []
        self.bindtags((str(self), str(self.winfo_toplevel()), "all"))
        self.bind("<KeyPress>", self._pressed)
        self.bind("<Button-1>", lambda event: self.focus_set())

    @property
    def is_complete(self) -> bool:
        """Whether what was typed is long enough."""
        return self._length >= self._rules.minimum

    @property
    def is_empty(self) -> bool:
        """Whether nothing was typed yet."""
        return not self._length

    def is_same(self, other: PinEntry) -> bool:
        """Whether the same was typed into another field."""
        lengths = self._length == other._length
        return lengths and hmac.compare_digest(self._typed, other._typed)

    def take(self) -> Secret:
        """What was typed; the field is empty then."""
        part = self._typed[: self._length]
        found = Secret(part)
        part[:] = bytes(len(part))
        self.wipe()
        return found

    def wipe(self) -> None:
        """Overwrite what was typed."""
        self._typed[:] = bytes(len(self._typed))
        self._length = 0
        self._sizes.clear()
        self._show()

    def _pressed(self, event: tk.Event[tk.Misc]) -> str | None:
        state = event.state if isinstance(event.state, int) else 0
        control, alt = modifiers(str(self.tk.call("tk", "windowingsystem")), state)
        if event.keysym in _PASSED_ON or (alt and not control):
            return None  # movements between controls, and access keys
        if not event.char and event.keysym not in _BACK:
            return "break"
        if not self._takes():
            self._refused(Refused.EARLY)
        elif event.keysym in _BACK:
            self._remove(whole=control)
        elif event.char.isprintable() and (alt or not control):  # both at once are the third level of a keyboard
            self._add(event.char)
        return "break"

    def _add(self, character: str) -> None:
        if self._rules.digits and character not in "0123456789":
            self._refused(Refused.NO_DIGIT)
            return
        encoded = character.encode()
        end = self._length + len(encoded)
        if end > self._rules.maximum:
            self._refused(Refused.FULL)
            return
        self._typed[self._length : end] = encoded
        self._length = end
        self._sizes.append(len(encoded))
        self._show()

    def _remove(self, *, whole: bool) -> None:
        while self._sizes:
            size = self._sizes.pop()
            self._length -= size
            self._typed[self._length : self._length + size] = bytes(size)
            if not whole:
                break
        self._show()

    def _show(self) -> None:
        self.delete(0, tk.END)
        self.insert(0, DOT * min(len(self._sizes), _MOST_DOTS))
        self.icursor(tk.END)
        self._changed()
