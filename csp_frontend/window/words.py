"""The window's texts in the person's language: English in the code, translations beside it (gettext)."""

from __future__ import annotations

import gettext
import locale
import os
import sys
from collections.abc import Sequence
from pathlib import Path

DOMAIN = "personal-csp"
FOLDER = Path(__file__).with_name("locale")
_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


class Words:
    """Texts in one language; calling it translates one."""

    def __init__(self, languages: Sequence[str] | None = None) -> None:
        """The first of these languages that there is, English without any; by default those of the system."""
        wanted = system_languages() if languages is None else languages
        self._translation = gettext.translation(DOMAIN, FOLDER, languages=wanted or ["en"], fallback=True)

    def __call__(self, text: str) -> str:
        """The text."""
        return self._translation.gettext(text)

    def many(self, one: str, several: str, number: int) -> str:
        """A text about a number of things, with the number in it."""
        return self._translation.ngettext(one, several, number).format(number=number)


def system_languages() -> list[str]:
    """The languages of this session, the preferred one first (as gettext: LANGUAGE, LC_ALL, LC_MESSAGES, LANG)."""
    for variable in _VARIABLES:
        chosen = os.environ.get(variable)
        if chosen:
            return chosen.split(":")
    if sys.platform == "win32":
        import ctypes

        number: int = ctypes.windll.kernel32.GetUserDefaultUILanguage()
        return [locale.windows_locale.get(number, "en")]
    return []


def with_access_key(label: str) -> tuple[str, int]:
    """The text of a control without the `&` before the letter that reaches it with Alt, and where that letter is."""
    position = label.find("&")
    return label.replace("&", "", 1), position
