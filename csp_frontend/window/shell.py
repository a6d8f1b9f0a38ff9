"""The window around every page: title, place on the screen, keyboard guard, and the one way in which it ends."""

from __future__ import annotations

import os
import sys
import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from csp_frontend.window.guard import KeyGuard
from csp_frontend.window.look import background, pixels
from csp_frontend.window.messages import Kind, Reply
from csp_frontend.window.words import Words, with_access_key

PRODUCT = "Personal CSP"
_TICK_MS = 50
_MARGIN = 20
_OWNER = -8  # GWLP_HWNDPARENT


class Shell:
    """A window for one answer. Keys and clicks that may be meant for another program are not taken."""

    def __init__(self, root: tk.Tk, words: Words, subject: str, owner: int = 0) -> None:
        """`subject` is in the title when the window is ready for keys; `owner` is the program's window, on Windows."""
        self.root = root
        self.words = words
        self.guard = KeyGuard()
        # X gives the number of a window that has ended to the next one; this name tells them apart.
        self.top = tk.Toplevel(
            root, name=f"pin-window-{os.getpid()}", class_="Personal-csp", background=background(root)
        )
        self.top.withdraw()
        self.body = ttk.Frame(self.top, padding=pixels(root, _MARGIN))
        self.body.pack(fill=tk.BOTH, expand=True)
        self.reply: Reply | None = None
        self._owner = owner
        self._ready_title = f"{PRODUCT}: {subject}"
        self._width = 0
        self._outside = True
        self._was_open = False
        self._watchers: list[Callable[[bool], None]] = []
        self.top.title(PRODUCT)
        self.top.resizable(False, False)
        self.top.protocol("WM_DELETE_WINDOW", self.cancel)
        self.top.bind("<Escape>", self._escape)
        self.top.bind("<FocusIn>", self._entered)
        self.top.bind("<FocusOut>", self._left)
        self.top.bind("<ButtonPress>", lambda event: self._open_by_click(), add=True)

    def show(self) -> None:
        """Put it on the screen, in front, without taking the keyboard from whoever has it."""
        self.fit()
        self.top.attributes("-topmost", True)
        if self.root.tk.call("tk", "windowingsystem") == "x11":
            self.top.attributes("-type", "dialog")
        self._belong_to_owner()
        self.guard.appeared()
        self.top.deiconify()
        self.top.lift()
        self._tick()

    def fit(self) -> None:
        """Give it the size that its content wants, in the middle of the screen."""
        self.top.update_idletasks()
        self._width = width = max(self.top.winfo_reqwidth(), self._width)
        height = self.top.winfo_reqheight()
        left = (self.top.winfo_screenwidth() - width) // 2
        top = (self.top.winfo_screenheight() - height) // 3
        self.top.geometry(f"{width}x{height}+{max(left, 0)}+{max(top, 0)}")

    @property
    def is_ready(self) -> bool:
        """Whether keys that are pressed now are taken."""
        return self._was_open

    def watch(self, watcher: Callable[[bool], None]) -> None:
        """Call it whenever the window becomes ready for keys, or is so no longer."""
        self._watchers.append(watcher)

    def finish(self, reply: Reply) -> None:
        """End with an answer; the first one counts."""
        if self.reply is None:
            self.reply = reply
        self.top.withdraw()
        self.root.quit()

    def cancel(self) -> None:
        """End as cancelled."""
        self.finish(Reply(kind=Kind.CANCELLED))

    def button(self, parent: tk.Misc, label: str, action: Callable[[], None], *, accent: bool = False) -> ttk.Button:
        """A button with its access key. It does nothing as long as what is pressed may be meant for others."""
        text, underline = with_access_key(label)
        made = ttk.Button(
            parent,
            text=text,
            underline=underline,
            style="Accent.TButton" if accent else "TButton",
            command=lambda: self.act(action),
        )
        self.reach(made, text, underline, made.invoke)
        made.bind("<Return>", lambda event: made.invoke())
        return made

    def reach(self, widget: tk.Misc, text: str, underline: int, action: Callable[[], object]) -> None:
        """Let Alt and the underlined letter do something, as long as the control is there and enabled."""
        if underline < 0:
            return
        letter = text[underline].lower()

        def pressed(event: tk.Event[tk.Misc]) -> str:
            if widget.winfo_exists() and widget.winfo_viewable():
                widget.focus_set()
                action()
            return "break"

        for case in {letter, letter.upper()}:
            widget.winfo_toplevel().bind(f"<Alt-Key-{case}>", pressed)

    def act(self, action: Callable[[], None]) -> None:
        """Do what a control is for, if that was meant."""
        if self.guard.takes_key():
            action()

    def _escape(self, event: tk.Event[tk.Misc]) -> None:
        self.act(self.cancel)

    def _entered(self, event: tk.Event[tk.Misc]) -> None:
        if self._outside:
            self._outside = False
            self.guard.close()
            self._tell_watchers()

    def _left(self, event: tk.Event[tk.Misc]) -> None:
        self.top.after_idle(self._look_for_focus)

    def _look_for_focus(self) -> None:
        if not self.root.tk.call("focus"):
            self._outside = True

    def _open_by_click(self) -> None:
        self.guard.click()
        self._tell_watchers()

    def _tick(self) -> None:
        self._tell_watchers()
        self.top.after(_TICK_MS, self._tick)

    def _tell_watchers(self) -> None:
        is_open = self.guard.is_open and not self._outside
        if is_open == self._was_open:
            return
        self._was_open = is_open
        self.top.title(self._ready_title if is_open else PRODUCT)
        for watcher in self._watchers:
            watcher(is_open)

    def _belong_to_owner(self) -> None:
        """On Windows: stay in front of the program's own window, and in the middle of it."""
        if sys.platform == "win32" and self._owner:
            import ctypes
            from ctypes import wintypes

            user = ctypes.windll.user32
            self.top.update_idletasks()
            # The 32-bit system has the function of the older name only.
            set_owner = getattr(user, "SetWindowLongPtrW", None) or user.SetWindowLongW
            set_owner.argtypes = (wintypes.HWND, ctypes.c_int, ctypes.c_void_p)
            set_owner(int(self.top.frame(), 16), _OWNER, self._owner)
            area = wintypes.RECT()
            if user.GetWindowRect(wintypes.HWND(self._owner), ctypes.byref(area)):
                left = (area.left + area.right - self.top.winfo_reqwidth()) // 2
                top = (area.top + area.bottom - self.top.winfo_reqheight()) // 2
                self.top.geometry(f"+{max(left, 0)}+{max(top, 0)}")
