"""Coloured boxes in the window: what went wrong, what is dangerous, what has been done."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from csp_frontend.window import names
from csp_frontend.window.facts import WIDTH
from csp_frontend.window.look import pixels
from csp_frontend.window.shell import Shell
from csp_frontend.window.words import with_access_key

NOTE, WARNING, DONE = "Note", "Warning", "Done"


def show_box(parent: ttk.Frame, kind: str, text: str) -> ttk.Frame:
    """A box with a text in it."""
    frame = ttk.Frame(parent, style=f"{kind}.TFrame", padding=pixels(parent, 10))
    frame.pack(fill=tk.X, pady=(0, pixels(parent, 12)))
    ttk.Label(frame, text=text, style=f"{kind}.TLabel", wraplength=pixels(parent, WIDTH - 20)).pack(anchor=tk.W)
    return frame


class Confirmation:
    """A warning about a last try, and the tick by which the person says that they know."""

    def __init__(self, shell: Shell, parent: ttk.Frame, warning: str, changed: Callable[[], None]) -> None:
        frame = show_box(parent, WARNING, warning)
        text, underline = with_access_key(shell.words("&I know, and want to use the last try"))
        self._shell = shell
        self._changed = changed
        self._ticked = tk.BooleanVar(frame, False)
        self._given = False
        self._tick = ttk.Checkbutton(
            frame,
            text=text,
            underline=underline,
            style="Warning.TCheckbutton",
            variable=self._ticked,
            command=self._clicked,
        )
        self._tick.pack(anchor=tk.W, pady=(pixels(parent, 8), 0))
        names.give(self._tick, text, warning)
        shell.reach(self._tick, text, underline, self._tick.invoke)

    @property
    def given(self) -> bool:
        """Whether the person has ticked it."""
        return self._given

    def _clicked(self) -> None:
        if self._shell.guard.takes_key():
            self._given = self._ticked.get()
            self._changed()
        else:
            self._ticked.set(self._given)
