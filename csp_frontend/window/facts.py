"""The upper part of the window: what is asked, by which program, about which card and key."""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk

from csp_frontend.prompts import PinRequest, Purpose, Wanted
from csp_frontend.window.look import ACCENT, background, pixels
from csp_frontend.window.shell import Shell
from csp_frontend.window.words import Words

WIDTH = 500
"""How wide texts may become, in pixels of a usual screen."""
_MOST_CHARACTERS = 90
_MOST_SAID = 300


def show_facts(shell: Shell, request: PinRequest) -> None:
    """Fill the upper part of the window's body."""
    words, body = shell.words, shell.body
    upper = ttk.Frame(body)
    upper.pack(fill=tk.X)
    _padlock(upper).pack(side=tk.LEFT, padx=(0, pixels(body, 12)))
    heading = _heading(words, request)
    ttk.Label(upper, text=heading, style="Heading.TLabel", wraplength=pixels(body, WIDTH - 50)).pack(side=tk.LEFT)
    ttk.Frame(body, width=pixels(body, WIDTH)).pack()  # every page is as wide
    table = ttk.Frame(body)
    table.pack(fill=tk.X, pady=(pixels(body, 14), 0))
    table.columnconfigure(1, weight=1)
    for name, value, remark in _rows(words, request):
        _row(table, name, value, remark)
    if request.text:
        said = words("The program says: “{text}”").format(text=_cut(request.text, _MOST_SAID))
        ttk.Label(body, text=said, wraplength=pixels(body, WIDTH), style="Faint.TLabel").pack(
            fill=tk.X, pady=(pixels(body, 10), 0)
        )
    ttk.Frame(body, height=max(1, pixels(body, 1)), style="Line.TFrame").pack(fill=tk.X, pady=pixels(body, 14))


def _row(table: ttk.Frame, name: str, value: str, remark: str) -> None:
    row, gap = table.grid_size()[1], pixels(table, 2)
    wrap = pixels(table, WIDTH - 80)
    ttk.Label(table, text=name, style="Faint.TLabel").grid(
        row=row, column=0, sticky=tk.NW, padx=(0, pixels(table, 14)), pady=gap
    )
    ttk.Label(table, text=value, wraplength=wrap).grid(row=row, column=1, sticky=tk.W, pady=gap)
    if remark:
        ttk.Label(table, text=remark, style="Small.TLabel", wraplength=wrap).grid(row=row + 1, column=1, sticky=tk.W)


def _rows(words: Words, request: PinRequest) -> list[tuple[str, str, str]]:
    """What is known, each with its name, and a remark where one has to be made."""
    found = [(words("Program"), *_program(words, request))]
    if request.token:
        found.append((words("Card"), _cut(request.token), ""))
    if request.reader:
        found.append((words("Reader"), _cut(request.reader), ""))
    if request.key:
        found.append((words("Key"), _cut(request.key), ""))
    return found


def _program(words: Words, request: PinRequest) -> tuple[str, str]:
    name = _cut(request.client) or words("unknown")
    text = words("{program} (process {number})").format(program=name, number=request.pid) if request.pid else name
    if not request.checked:
        return text, words("It says so itself: the system does not tell who it is.")
    if request.claimed:
        return text, words("It calls itself “{name}”.").format(name=_cut(request.claimed))
    return text, ""


def _heading(words: Words, request: PinRequest) -> str:
    headings = {
        Purpose.USE: words("A program wants to use your card"),
        Purpose.SIGN: words("A program wants to sign with your card"),
        Purpose.DECRYPT: words("A program wants to decrypt with your card"),
        Purpose.GENERATE: words("A program wants to make a new key on your card"),
        Purpose.IMPORT: words("A program wants to write a key to your card"),
        Purpose.DELETE: words("A program wants to delete a key from your card"),
        Purpose.CERTIFICATE: words("A program wants to write a certificate to your card"),
    }
    heading = headings[request.purpose]
    return words("{heading}, which takes the admin key").format(heading=heading) if _admin(request) else heading


def _admin(request: PinRequest) -> bool:
    return request.wanted is Wanted.ADMIN


def _cut(text: str, most: int = _MOST_CHARACTERS) -> str:
    """A text of others, on one line: nothing in it moves, hides or reverses what stands around it."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in text[: most + 1])
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def _padlock(parent: tk.Misc) -> tk.Canvas:
    """A padlock, drawn: it is sharp on every screen."""
    size = pixels(parent, 36)
    behind = background(parent)
    canvas = tk.Canvas(parent, width=size, height=size, background=behind, highlightthickness=0, takefocus=False)
    unit = size / 36
    canvas.create_arc(
        *(7 * unit, 3 * unit, 23 * unit, 25 * unit), start=0, extent=180, style=tk.ARC, width=4 * unit, outline=ACCENT
    )
    canvas.create_rectangle(2 * unit, 15 * unit, 28 * unit, 33 * unit, fill=ACCENT, outline="")
    canvas.create_oval(12 * unit, 19 * unit, 18 * unit, 25 * unit, fill=behind, outline="")
    canvas.create_rectangle(14 * unit, 23 * unit, 16 * unit, 29 * unit, fill=behind, outline="")
    return canvas
