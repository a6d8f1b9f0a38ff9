"""How the window looks: sizes that follow the screen's resolution, colours, fonts; the toolkit's start."""

from __future__ import annotations

import sys
import tkinter as tk
from tkinter import font, ttk

_POINTS_PER_INCH = 72.0
_USUAL_DPI = 96.0
_LEAST_DPI, _MOST_DPI = 48.0, 768.0

BACKGROUND = "#f4f5f7"
TEXT = "#1c1f23"
FAINT = "#5a626b"
BORDER = "#c3c9d1"
ACCENT, ACCENT_PRESSED = "#1f5fbf", "#174a96"
NOTE_BACKGROUND, WARNING_BACKGROUND, DONE_BACKGROUND = "#fdecea", "#fff3d6", "#e5f4e8"
NOTE_TEXT, WARNING_TEXT, DONE_TEXT = "#8c1d18", "#6b4a00", "#1d5b2c"


def start_toolkit() -> tk.Tk:
    """The hidden root of the window, with scaling and style set up; TclError without a screen."""
    if sys.platform == "win32":
        _be_aware_of_resolution()
    # Resources of the class Xft, where desktops say how large things are, are seen by an application of that class.
    root = tk.Tk(baseName="Xft", className="Xft")
    root.withdraw()
    if root.tk.call("tk", "windowingsystem") == "x11":
        root.tk.call("rename", "send", "")  # by which other programs could run what they like in here
        _follow_desktop(root)
    _style(root)
    return root


def _be_aware_of_resolution() -> None:
    """Without this Windows enlarges a window like a photograph where the screen is a fine one."""
    if sys.platform == "win32":
        import ctypes
        from contextlib import suppress

        with suppress(AttributeError, OSError):  # before Windows 8.1
            ctypes.windll.shcore.SetProcessDpiAwareness(1)


def _follow_desktop(root: tk.Tk) -> None:
    """On X the server's resolution is often made up; desktops tell theirs as the resource Xft.dpi."""
    try:
        dpi = float(str(root.tk.call("option", "get", ".", "dpi", "Dpi")))
    except ValueError:
        return
    if _LEAST_DPI <= dpi <= _MOST_DPI:
        root.tk.call("tk", "scaling", dpi / _POINTS_PER_INCH)


def background(widget: tk.Misc) -> str:
    """The colour behind everything, in the system's own theme too."""
    return str(ttk.Style(widget).lookup("TFrame", "background")) or BACKGROUND


def pixels(widget: tk.Misc, count: float) -> int:
    """Pixels for a length that is so many pixels on a usual screen."""
    if widget.tk.call("tk", "windowingsystem") == "aqua":
        return round(count)
    scaling = float(widget.tk.call("tk", "scaling"))
    return round(count * scaling * _POINTS_PER_INCH / _USUAL_DPI)


def _style(root: tk.Tk) -> None:
    system = root.tk.call("tk", "windowingsystem")
    usual = font.nametofont("TkDefaultFont")
    family, size = usual.actual("family"), abs(int(usual.actual("size"))) or 10
    for name, bigger, weight in (
        ("Heading", 2, "bold"),
        ("Strong", 0, "bold"),
        ("Small", -1, "normal"),
        ("Pin", 3, "normal"),
    ):
        more = ("-family", family, "-size", size + bigger, "-weight", weight)
        root.tk.call("font", "create", f"Window{name}", *more)
    style = ttk.Style(root)
    if system == "x11":
        style.theme_use("clam")
        _colours(style, root)
    style.configure("Line.TFrame", background=BORDER)
    style.configure("Heading.TLabel", font="WindowHeading")
    style.configure("Strong.TLabel", font="WindowStrong")
    style.configure("Faint.TLabel", foreground=FAINT)
    style.configure("Small.TLabel", foreground=FAINT, font="WindowSmall")
    for name, background, foreground in (
        ("Note", NOTE_BACKGROUND, NOTE_TEXT),
        ("Warning", WARNING_BACKGROUND, WARNING_TEXT),
        ("Done", DONE_BACKGROUND, DONE_TEXT),
    ):
        style.configure(f"{name}.TLabel", background=background, foreground=foreground)
        style.configure(f"{name}.TFrame", background=background)
        style.configure(f"{name}.TCheckbutton", background=background, foreground=foreground)
        style.map(f"{name}.TCheckbutton", background=[("active", background)])


def _colours(style: ttk.Style, root: tk.Tk) -> None:
    """The theme of X has the colours of its time."""
    style.configure(".", background=BACKGROUND, foreground=TEXT, bordercolor=BORDER, focuscolor=ACCENT)
    style.configure("TButton", background="#ffffff", padding=(pixels(root, 12), pixels(root, 4)))
    style.configure("TButton", bordercolor=BORDER, lightcolor="#ffffff", darkcolor="#ffffff")
    style.map("TButton", background=[("pressed", "#dfe4ea"), ("active", "#eceff3"), ("disabled", BACKGROUND)])
    style.map("TButton", foreground=[("disabled", "#9aa2ab")], bordercolor=[("focus", ACCENT)])
    inner = [("pressed", "#dfe4ea"), ("active", "#eceff3"), ("disabled", BACKGROUND)]
    style.map("TButton", lightcolor=inner, darkcolor=inner)
    inner = [("disabled", "#b9c7db"), ("pressed", ACCENT_PRESSED), ("active", ACCENT_PRESSED)]
    style.map("Accent.TButton", lightcolor=inner, darkcolor=inner)
    style.configure("Accent.TButton", background=ACCENT, foreground="#ffffff", bordercolor=ACCENT)
    style.configure("Accent.TButton", lightcolor=ACCENT, darkcolor=ACCENT)
    style.map(
        "Accent.TButton",
        background=[("disabled", "#b9c7db"), ("pressed", ACCENT_PRESSED), ("active", ACCENT_PRESSED)],
        foreground=[("disabled", "#ffffff")],
        bordercolor=[("disabled", "#b9c7db"), ("focus", TEXT)],
        focuscolor=[("focus", "#ffffff")],
    )
    style.configure("TEntry", fieldbackground="#ffffff", padding=pixels(root, 4), lightcolor="#ffffff")
    style.map(
        "TEntry",
        bordercolor=[("focus", ACCENT)],
        lightcolor=[("focus", ACCENT), ("readonly", "#e9ecf0")],
        fieldbackground=[("readonly", "#e9ecf0")],
    )
    style.configure("TCheckbutton", indicatorsize=pixels(root, 11), indicatormargin=(0, 0, pixels(root, 6), 0))
    style.configure("Horizontal.TProgressbar", background=ACCENT, troughcolor="#dde2e8", thickness=pixels(root, 6))
