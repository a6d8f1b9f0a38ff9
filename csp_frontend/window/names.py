"""Names of controls for screen readers, where the toolkit can tell them: Tk 9.1 and newer."""

from __future__ import annotations

import tkinter as tk

_COMMAND = "::tk::accessible::set_acc_name"


def give(widget: tk.Misc, name: str, description: str = "") -> None:
    """Say what a control is called, and what is to be known of it."""
    if not widget.tk.call("info", "commands", _COMMAND):
        return  # an older Tk: its controls have no names, whatever is done
    widget.tk.call(_COMMAND, str(widget), name)
    if description:
        widget.tk.call("::tk::accessible::set_acc_description", str(widget), description)
