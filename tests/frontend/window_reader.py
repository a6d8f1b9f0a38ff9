"""Builds windows and reads them: prints what stands in each, as a line of JSON. For tests, on their screen.

Orders come over standard input, as the agent sends them; the first argument names the keys that are pressed in each
before it is read, separated by spaces.
"""

from __future__ import annotations

import json
import sys
import tkinter as tk
from collections.abc import Iterator

from csp_frontend.window import messages
from csp_frontend.window.countdown import Countdown
from csp_frontend.window.look import start_toolkit
from csp_frontend.window.messages import Order
from csp_frontend.window.question import Question
from csp_frontend.window.shell import Shell
from csp_frontend.window.words import Words


def _widgets(widget: tk.Misc) -> Iterator[tk.Misc]:
    for child in widget.winfo_children():
        if child.winfo_viewable():
            yield child
            yield from _widgets(child)


def _described(top: tk.Toplevel, widget: tk.Misc) -> dict[str, object]:
    left, above = widget.winfo_rootx() - top.winfo_rootx(), widget.winfo_rooty() - top.winfo_rooty()
    inside = left >= 0 and left + widget.winfo_width() <= top.winfo_width()
    inside = inside and above >= 0 and above + widget.winfo_height() <= top.winfo_height()
    whole = widget.winfo_width() >= widget.winfo_reqwidth() and widget.winfo_height() >= widget.winfo_reqheight()
    return {
        "class": widget.winfo_class(),
        "text": _option(widget, "text", ""),
        "underline": int(_option(widget, "underline", "-1")),
        "shown": inside and whole,
    }


def _tab_order(top: tk.Toplevel) -> list[str]:
    """What the Tab key goes to in turn, from the first control on."""
    found: list[str] = []
    widget = top.tk_focusNext()
    while widget is not None and str(widget) not in (str(top), *found):
        found.append(str(widget))
        widget = widget.tk_focusNext()
    widgets = [top.nametowidget(name) for name in found]
    return [f"{one.winfo_class()} {_option(one, 'text', '')}".strip() for one in widgets]


def _option(widget: tk.Misc, name: str, otherwise: str) -> str:
    return str(widget.cget(name)) if name in widget.keys() else otherwise  # noqa: SIM118 - a widget is no mapping


def _take_keyboard(shell: Shell) -> None:
    """As if the person had chosen the window."""
    while not shell.root.tk.call("focus"):
        shell.top.focus_force()
        shell.root.update()


def _read(root: tk.Tk, order: Order, keys: list[str]) -> dict[str, object]:
    shell = Shell(root, Words(), order.request.label)
    if order.seconds:
        Countdown(shell, order)
    else:
        Question(shell, order.request)
    shell.show()
    shell.top.wait_visibility()
    root.update()
    for key in keys:
        _take_keyboard(shell)
        shell.guard._since = None
        shell.top.event_generate(f"<{key}>")
        root.update()
    found = {
        "size": [shell.top.winfo_width(), shell.top.winfo_height()],
        "widgets": [_described(shell.top, widget) for widget in _widgets(shell.top)],
        "tab": _tab_order(shell.top) if shell.reply is None else [],
        "ended": shell.reply.kind if shell.reply else "",
    }
    shell.top.destroy()  # the next one has the same name
    return found


def main() -> None:
    """Read and describe until there are no more orders."""
    root = start_toolkit()
    while True:
        try:
            order = messages.receive_order(sys.stdin.buffer)
        except EOFError:
            break
        print(json.dumps(_read(root, order, sys.argv[1].split())))
    root.destroy()


if __name__ == "__main__":
    main()
