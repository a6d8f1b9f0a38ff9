"""The page on which a PIN is changed, or set anew with the PUK."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from csp_frontend.prompts import PinRequest
from csp_frontend.window.form import Form
from csp_frontend.window.messages import Kind, Reply
from csp_frontend.window.shell import Shell

_NEW, _AGAIN = 1, 2


class Renewal:
    """Fields for the old PIN or the PUK, and twice for the new PIN; on a keypad only what has to be confirmed."""

    def __init__(
        self, shell: Shell, parent: ttk.Frame, request: PinRequest, *, unblock: bool, back: Callable[[], None]
    ) -> None:
        words = shell.words
        self._shell = shell
        self._keypad = request.keypad
        self._kind = Kind.UNBLOCK if unblock else Kind.CHANGE
        self.form = form = Form(shell, parent, self._submit)
        label, rules, left = request.label, request.rules, request.tries_left
        if unblock and request.unblocking is not None:
            label, rules, left = request.unblocking.label, request.unblocking.rules, request.unblocking.tries_left
        title = words("Set a new {label} with the {puk}") if unblock else words("Change the {label}")
        ttk.Label(form.boxes, text=title.format(label=request.label, puk=label), style="Strong.TLabel").pack(
            anchor=tk.W, pady=(0, 8)
        )
        if left == 1:
            form.confirm(words("Only one try is left. If the {label} is wrong, it is blocked.").format(label=label))
        if not self._keypad:
            form.field(f"&{label}" if unblock else words("&Old {label}").format(label=label), rules)
            form.field(words("&New {label}").format(label=request.label), request.rules)
            form.field(words("New {label}, a&gain").format(label=request.label), request.rules)
        if not self._keypad and left is not None and left != 1:
            form.say(0, words.many("{number} try is left.", "{number} tries are left.", left))
        main = words("&Set") if unblock else words("C&hange")
        form.buttons((main, form.press), [(words("&Back"), back)], (words("&Cancel"), shell.cancel))
        form.begin()

    def _submit(self) -> None:
        if self._keypad:
            self._shell.finish(Reply(kind=self._kind))
            return
        if not self.form.are_same(_NEW, _AGAIN):
            self.form.say(_AGAIN, self._shell.words("This is another one than above."))
            return
        code, new, again = self.form.take()
        again.wipe()
        self._shell.finish(Reply(kind=self._kind, secrets=(code, new)))
