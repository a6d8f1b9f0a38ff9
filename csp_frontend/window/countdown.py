"""Tells the person to use the keypad of the reader, and how much time there is. It goes when the entry has ended."""

from __future__ import annotations

import time
import tkinter as tk
from tkinter import ttk

from csp_frontend.prompts import PadStep
from csp_frontend.window import names
from csp_frontend.window.facts import show_facts
from csp_frontend.window.form import text_width
from csp_frontend.window.look import pixels
from csp_frontend.window.messages import Order
from csp_frontend.window.shell import Shell

_TICK_MS = 200


class Countdown:
    """The window while the reader waits. Nothing can be entered in it."""

    def __init__(self, shell: Shell, order: Order) -> None:
        self._shell = shell
        self._seconds = order.seconds
        self._deadline = time.monotonic() + order.seconds
        show_facts(shell, order.request)
        words, body = shell.words, shell.body
        label = order.request.label
        puk = order.request.unblocking.label if order.request.unblocking else "PUK"
        what = {
            PadStep.VERIFY: words("Enter the {label} on the keypad of the reader."),
            PadStep.CHANGE: words("Enter the {label} on the keypad of the reader, then the new {label} twice."),
            PadStep.UNBLOCK: words("Enter the {puk} on the keypad of the reader, then the new {label} twice."),
        }[order.request.step].format(label=label, puk=puk)
        ttk.Label(body, text=what, style="Strong.TLabel", wraplength=text_width(body)).pack(anchor=tk.W)
        self._bar = ttk.Progressbar(body, maximum=order.seconds, value=order.seconds, length=text_width(body))
        self._bar.pack(fill=tk.X, pady=(pixels(body, 12), pixels(body, 6)))
        self._left = ttk.Label(body)
        self._left.pack(anchor=tk.W)
        hint = words("To cancel, press the cancel key of the reader.")
        ttk.Label(body, text=hint, style="Small.TLabel").pack(anchor=tk.W, pady=(pixels(body, 10), 0))
        row = ttk.Frame(body)
        row.pack(fill=tk.X, pady=(pixels(body, 14), 0))
        shell.button(row, words("&Hide"), shell.top.withdraw).pack(side=tk.RIGHT)
        names.give(self._bar, what)
        self._tick()
        shell.fit()

    def _tick(self) -> None:
        left = max(0.0, self._deadline - time.monotonic())
        words = self._shell.words
        text = words.many("{number} second is left", "{number} seconds are left", round(left))
        self._bar.configure(value=left)
        self._left.configure(text=text if round(left) else words("The time is over."))
        self._shell.top.after(_TICK_MS, self._tick)
