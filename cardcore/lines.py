"""Text that stands on one line: what may be a name, and what can be shown as it is."""

from __future__ import annotations

import re

_STRAY = "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"


def is_line(text: str) -> bool:
    """Whether text is whole characters on one line: no control characters, no line breaks, no surrogates.

    A surrogate is half a character, or in a command line a byte that was no UTF-8; no encoding has room for it.
    """
    return text.isprintable() or re.search(_STRAY, text) is None


def shown(text: str) -> str:
    """The text with everything else as an escape (`\\x1b`): it may come from a card, and would steer a terminal."""
    return text if text.isprintable() else re.sub(_STRAY, _escape, text)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
