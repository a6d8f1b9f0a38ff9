"""Pages with fields to fill in: PINs one below the other, hints, and the button for when all is there."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from tkinter import ttk

from cardcore import Secret
from csp_frontend.prompts import PinRules
from csp_frontend.window import names
from csp_frontend.window.box import Confirmation
from csp_frontend.window.entry import PinEntry, Refused
from csp_frontend.window.facts import WIDTH
from csp_frontend.window.look import pixels
from csp_frontend.window.shell import Shell
from csp_frontend.window.words import with_access_key

Action = tuple[str, Callable[[], None]]


class Form:
    """One page. `submit` is called with every field complete, and the last try confirmed where that is asked for."""

    def __init__(self, shell: Shell, parent: tk.Misc, submit: Callable[[], None]) -> None:
        self.shell = shell
        self.frame = ttk.Frame(parent)
        self.frame.pack(fill=tk.X)
        self.boxes = ttk.Frame(self.frame)
        self.boxes.pack(fill=tk.X)
        ttk.Frame(self.boxes).pack()  # an empty frame that held something keeps its size
        self._rows = ttk.Frame(self.frame)
        self._rows.pack(fill=tk.X)
        self._rows.columnconfigure(1, weight=1)
        self._fields: list[PinEntry] = []
        self._hints: list[tuple[ttk.Label, str]] = []
        self._submit = submit
        self._confirmation: Confirmation | None = None
        self._main: ttk.Button | None = None
        shell.watch(self._guard_moved)

    def confirm(self, warning: str) -> None:
        """Have a last try confirmed before the page can be submitted."""
        self._confirmation = Confirmation(self.shell, self.boxes, warning, self._changed)

    def field(self, label: str, rules: PinRules) -> PinEntry:
        """One more field; `label` has its access key."""
        text, underline = with_access_key(label)
        row, gap = 2 * len(self._fields), pixels(self.frame, 4)
        ttk.Label(self._rows, text=text, underline=underline, style="Strong.TLabel").grid(
            row=row, column=0, sticky=tk.W, padx=(0, pixels(self.frame, 14)), pady=gap
        )
        number = len(self._fields)
        entry = PinEntry(
            self._rows,
            rules,
            takes=self.shell.guard.takes_key,
            changed=self._changed,
            refused=lambda why: self._refused(number, why),
        )
        entry.grid(row=row, column=1, sticky=tk.EW, pady=gap)
        usual = self._rule(rules)
        hint = ttk.Label(self._rows, text=usual, style="Small.TLabel")
        hint.grid(row=row + 1, column=1, sticky=tk.W, pady=(0, gap))
        entry.bind("<Return>", lambda event: self._return(number))
        entry.bind("<KP_Enter>", lambda event: self._return(number))
        entry.state(["!readonly" if self.shell.is_ready else "readonly"])
        names.give(entry, text, usual)
        self.shell.reach(entry, text, underline, lambda: None)
        self._fields.append(entry)
        self._hints.append((hint, usual))
        return entry

    def buttons(self, main: Action | None, others: Sequence[Action], cancel: Action) -> None:
        """The lowest row: ways out of the page on the left, the last word on the right. Tab goes from left to right."""
        row = ttk.Frame(self.frame)
        row.pack(fill=tk.X, pady=(pixels(self.frame, 16), 0))
        gap = pixels(self.frame, 8)
        row.columnconfigure(len(others), weight=1, minsize=pixels(self.frame, 24))
        made = [self.shell.button(row, label, action) for label, action in others]
        for column, button in enumerate(made):
            button.grid(row=0, column=column, padx=(0, gap))
        self.shell.button(row, *cancel).grid(row=0, column=len(others) + 1)
        if main is not None:
            self._main = self.shell.button(row, *main, accent=True)
            self._main.grid(row=0, column=len(others) + 2, padx=(gap, 0))
        self._changed()

    def begin(self) -> None:
        """Where keys go first: the first field, or else the last button."""
        if self._fields:
            self._fields[0].focus_set()
        elif self._main is not None:
            self._main.focus_set()

    def wipe(self) -> None:
        """Forget what was typed."""
        for entry in self._fields:
            entry.wipe()

    def take(self) -> tuple[Secret, ...]:
        """What was typed, field by field; they are empty then."""
        return tuple(entry.take() for entry in self._fields)

    def are_same(self, first: int, second: int) -> bool:
        """Whether the same was typed into two fields."""
        return self._fields[first].is_same(self._fields[second])

    def press(self) -> None:
        """What the button does: submit, if everything is there."""
        if self._is_complete():
            self._submit()

    def say(self, number: int, text: str) -> None:
        """Tell something below a field, until the next key there."""
        self._hints[number][0].configure(text=text)

    def _is_complete(self) -> bool:
        sure = self._confirmation is None or self._confirmation.given
        return sure and all(entry.is_complete for entry in self._fields)

    def _changed(self) -> None:
        for hint, usual in self._hints:
            hint.configure(text=usual)
        if self._main is not None:
            self._main.state(["!disabled" if self._is_complete() else "disabled"])

    def _return(self, number: int) -> str:
        """Return goes to the next field, and from the last one it is the button."""
        if not self.shell.guard.takes_key():
            return "break"
        if number + 1 < len(self._fields) and self._fields[number].is_complete:
            self._fields[number + 1].focus_set()
        else:
            self.press()
        return "break"

    def _guard_moved(self, is_open: bool) -> None:
        for entry in self._fields:
            if entry.winfo_exists():
                entry.state(["!readonly" if is_open else "readonly"])

    def _refused(self, number: int, why: Refused) -> None:
        words = self.shell.words
        self.say(
            number,
            {
                Refused.EARLY: words("Keys were left out: they may have been for another window. Go on now."),
                Refused.NO_DIGIT: words("Digits only, 0 to 9."),
                Refused.FULL: words("It has no more characters than that."),
            }[why],
        )

    def _rule(self, rules: PinRules) -> str:
        words = self.shell.words
        if rules.minimum == rules.maximum:
            exactly = words("{number} digits") if rules.digits else words("{number} characters")
            return exactly.format(number=rules.minimum)
        if rules.maximum >= PinRules().maximum:
            return ""
        bounds = words("{least} to {most} digits") if rules.digits else words("{least} to {most} characters")
        return bounds.format(least=rules.minimum, most=rules.maximum)


def text_width(widget: tk.Misc) -> int:
    """How wide a text of a page may become."""
    return pixels(widget, WIDTH)
