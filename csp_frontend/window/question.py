"""The question for a PIN or an admin key, and the way from it to changing or unblocking the PIN."""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk

from csp_frontend.prompts import Note, PinRequest, Wanted
from csp_frontend.window import box
from csp_frontend.window.facts import show_facts
from csp_frontend.window.form import Action, Form, text_width
from csp_frontend.window.messages import Kind, Reply
from csp_frontend.window.renewal import Renewal
from csp_frontend.window.shell import Shell


class Question:
    """The window with its pages; one page at a time."""

    def __init__(self, shell: Shell, request: PinRequest) -> None:
        self._shell = shell
        self._request = request
        show_facts(shell, request)
        self._place = ttk.Frame(shell.body)
        self._place.pack(fill=tk.X)
        self._form: Form | None = None
        self._ask()

    def _clear(self) -> None:
        if self._form is not None:
            self._form.wipe()
            self._form.frame.destroy()

    def _ask(self) -> None:
        self._clear()
        request, words = self._request, self._shell.words
        form = self._form = Form(self._shell, self._place, self._answer)
        self._tell(form)
        if request.last_try and request.wanted is Wanted.PIN:
            form.confirm(
                words("Only one try is left. If the {label} is wrong, it is blocked.").format(label=request.label)
            )
        main: Action | None = (words("&OK"), form.press)
        if request.blocked:
            main = (words("&Unblock…"), lambda: self._renew(unblock=True))
        elif request.keypad:
            text = words("The {label} is entered on the keypad of the reader.").format(label=request.label)
            ttk.Label(form.frame, text=text, wraplength=text_width(form.frame)).pack(anchor=tk.W)
        else:
            form.field(self._label(), request.rules)
        form.buttons(main, self._ways(), (words("&Cancel"), self._shell.cancel))
        form.begin()
        self._shell.fit()

    def _label(self) -> str:
        if self._request.wanted is Wanted.ADMIN:
            return self._shell.words("&Admin key")
        return f"&{self._request.label}"

    def _ways(self) -> list[Action]:
        """Other things that can be done with the PIN."""
        request, words = self._request, self._shell.words
        found: list[Action] = []
        if request.changes and not request.blocked:
            found.append((words("C&hange {label}…").format(label=request.label), lambda: self._renew(unblock=False)))
        if request.unblocking is not None and not request.blocked:
            found.append((words("&Unblock…"), lambda: self._renew(unblock=True)))
        return found

    def _tell(self, form: Form) -> None:
        """What has happened before, and how many tries are left."""
        request, words = self._request, self._shell.words
        label, left = request.label, request.tries_left
        known = "" if not left or request.last_try else self._tries(left)
        match request.note:
            case Note.CHANGED:
                box.show_box(form.boxes, box.DONE, words("The {label} was changed.").format(label=label))
            case Note.UNBLOCKED:
                box.show_box(form.boxes, box.DONE, words("The {label} was set anew.").format(label=label))
            case Note.WRONG_PIN:
                text = words("That was not the {label}, and it was not changed.").format(label=label)
                box.show_box(form.boxes, box.NOTE, f"{text} {known}".strip())
            case Note.WRONG_PUK:
                puk = request.unblocking.label if request.unblocking else "PUK"
                text = words("That was not the {puk}, and nothing was changed.").format(puk=puk)
                box.show_box(form.boxes, box.NOTE, text)
            case Note.REFUSED:
                text = words("The card did not take the new {label}; nothing was changed.").format(label=label)
                box.show_box(form.boxes, box.NOTE, text)
            case _ if request.again:
                text = words("That was not the {label}.").format(label=label)
                box.show_box(form.boxes, box.NOTE, f"{text} {known}".strip())
        if request.blocked:
            text = words("The {label} is blocked: there were too many wrong ones.").format(label=label)
            if request.unblocking is not None:
                text += " " + words("The {puk} sets a new one.").format(puk=request.unblocking.label)
            box.show_box(form.boxes, box.NOTE, text)

    def _tries(self, left: int) -> str:
        return self._shell.words.many("{number} try is left.", "{number} tries are left.", left)

    def _renew(self, *, unblock: bool) -> None:
        """Go on to changing or unblocking. On a keypad nothing is typed here."""
        if self._request.keypad:
            known = self._request.unblocking.tries_left if unblock and self._request.unblocking else None
            if known != 1:
                self._shell.finish(Reply(kind=Kind.UNBLOCK if unblock else Kind.CHANGE))
                return
        self._clear()
        self._form = Renewal(self._shell, self._place, self._request, unblock=unblock, back=self._ask).form
        self._shell.fit()

    def _answer(self) -> None:
        form = self._form
        if form is None:
            return
        if self._request.keypad:
            self._shell.finish(Reply(kind=Kind.KEYPAD))
        else:
            self._shell.finish(Reply(kind=Kind.PIN, secrets=form.take()))
