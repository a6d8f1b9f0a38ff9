"""What stands in the PIN window: texts in two languages, nothing cut off, every control reached by keys."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from csp_frontend.window import messages
from csp_frontend.window.words import DOMAIN, FOLDER, Words, system_languages
from tests.frontend.screens import Screen
from tests.frontend.window_states import STATES
from tests.unit.house import ROOT

LANGUAGES = ("en", "sv")
RESOLUTIONS = (96, 192)
_READER = Path(__file__).with_name("window_reader.py")
_PAGES: Mapping[str, str] = {"": "", "change": "Alt-Key-h", "unblock": "Alt-Key-u"}
_SWEDISH_PAGES: Mapping[str, str] = {"": "", "change": "Alt-Key-d", "unblock": "Alt-Key-p"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One window as it was read."""

    size: tuple[int, int]
    widgets: Sequence[Mapping[str, object]]
    tab: Sequence[str]
    ended: str

    @property
    def texts(self) -> list[str]:
        """All texts, from top to bottom."""
        return [str(widget["text"]) for widget in self.widgets if widget["text"]]

    @property
    def text(self) -> str:
        """All texts, one after the other."""
        return "\n".join(self.texts)

    @property
    def access_keys(self) -> list[str]:
        """The letters that are underlined."""
        found = [(str(widget["text"]), widget["underline"]) for widget in self.widgets]
        return [text[at].lower() for text, at in found if isinstance(at, int) and at >= 0]


@pytest.fixture(scope="module", params=RESOLUTIONS)
def screen(request: pytest.FixtureRequest) -> Iterator[Screen]:
    with Screen(request.param) as screen:
        yield screen


def read(screen: Screen, language: str, keys: str = "", states: Sequence[str] = tuple(STATES)) -> dict[str, Seen]:
    """Windows as they are read on that screen, by the names of their states."""
    orders = io.BytesIO()
    for state in states:
        messages.send_order(orders, STATES[state])
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(_READER), keys],
        input=orders.getvalue(),
        env={**os.environ, **screen.env, "LANGUAGE": language, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(lines) == len(states)
    return {
        state: Seen(size=tuple(line["size"]), widgets=line["widgets"], tab=line["tab"], ended=line["ended"])
        for state, line in zip(states, lines, strict=True)
    }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", _PAGES)
def test_nothing_is_cut_off_and_access_keys_are_unique(screen: Screen, language: str, page: str) -> None:
    pages = _SWEDISH_PAGES if language == "sv" else _PAGES
    states = tuple(STATES) if not page else ("sign", "last-try", "long", "PUK nearly spent")
    for state, seen in read(screen, language, pages[page], states).items():
        cut = [widget for widget in seen.widgets if not widget["shown"] and widget["text"]]
        assert cut == [], state
        assert len(set(seen.access_keys)) == len(seen.access_keys), (state, seen.access_keys)
        assert seen.size[0] <= 1400, state
        assert state == "hostile" or "{" not in seen.text, state
        buttons = [widget for widget in seen.widgets if widget["class"] == "TButton"]
        assert all(widget["underline"] != -1 for widget in buttons), state


@pytest.fixture(scope="module")
def usual() -> Iterator[Screen]:
    with Screen() as screen:
        yield screen


def test_who_asks_for_what_is_said(usual: Screen) -> None:
    seen = read(usual, "en")
    for text in ("A program wants to sign with your card", "firefox (process 4711)", "PIV 24681357", "Example Reader"):
        assert text in seen["sign"].text
    assert "Digital Signature" in seen["sign"].texts
    assert "6 to 8 digits" in seen["sign"].texts
    assert "calls itself" not in seen["sign"].text
    assert "the system does not tell" in seen["claimed"].text
    assert "It calls itself “Letter Writer”." in seen["differs"].texts
    assert "unknown" in seen["nobody knows"].texts
    assert "The program says: “Please sign the contract of 28 November.”" in seen["said"].texts
    assert len(seen["long"].text) < 1200
    for text in ("a?b?c?", "? (process 4711)", "It calls itself “{x}”.", "The program says: “%s?{label}[exit]$x”"):
        assert text in seen["hostile"].texts
    assert "which takes the admin key" in seen["admin"].text
    headings = {
        seen[f"to {purpose}"].texts[0] for purpose in ("use", "sign", "decrypt", "generate", "import", "delete")
    }
    assert len(headings) == 6


def test_what_has_happened_is_said(usual: Screen) -> None:
    seen = read(usual, "en")
    said = {
        "wrong": "That was not the PIN. 2 tries are left.",
        "last-try": "Only one try is left. If the PIN is wrong, it is blocked.",
        "blocked": "The PUK sets a new one.",
        "blocked for good": "The PIN is blocked: there were too many wrong ones.",
        "changed": "The PIN was changed.",
        "unblocked": "The PIN was set anew.",
        "wrong old PIN": "That was not the PIN, and it was not changed. 2 tries are left.",
        "wrong PUK": "That was not the PUK, and nothing was changed.",
        "refused": "The card did not take the new PIN; nothing was changed.",
        "keypad question": "The PIN is entered on the keypad of the reader.",
        "keypad verify": "Enter the PIN on the keypad of the reader.",
        "keypad change": "Enter the PIN on the keypad of the reader, then the new PIN twice.",
        "keypad unblock": "Enter the PUK on the keypad of the reader, then the new PIN twice.",
    }
    for state, text in said.items():
        assert text in seen[state].text, state
    assert "30 seconds are left" in seen["keypad verify"].text
    for state in ("blocked", "keypad verify"):
        assert all(widget["class"] != "TEntry" for widget in seen[state].widgets)


def test_what_can_be_done_with_the_keyboard_alone(usual: Screen) -> None:
    """Tab goes from the field over the ways out to the last word; what cannot be pressed yet is left out."""

    seen = read(usual, "en", states=("sign", "last-try", "blocked", "keypad verify"))
    ways = ["TButton Change PIN…", "TButton Unblock…", "TButton Cancel"]
    assert seen["sign"].tab == ["TEntry", *ways]
    assert seen["last-try"].tab == ["TCheckbutton I know, and want to use the last try", "TEntry", *ways]
    assert seen["blocked"].tab == ["TButton Cancel", "TButton Unblock…"]
    assert seen["keypad verify"].tab == ["TButton Hide"]
    renewal = read(usual, "en", "Alt-Key-h", ("sign",))["sign"]
    assert renewal.tab == [*["TEntry"] * 3, "TButton Back", "TButton Cancel"]
    assert [text for text in renewal.texts if "PIN" in text][:4] == [
        "Change the PIN",
        "Old PIN",
        "New PIN",
        "New PIN, again",
    ]
    back = read(usual, "en", "Alt-Key-h Alt-Key-b", ("sign",))["sign"]
    assert back.tab == seen["sign"].tab
    assert read(usual, "en", "Escape", ("sign",))["sign"].ended == "cancelled"


def test_swedish(usual: Screen) -> None:
    seen = read(usual, "sv:en", states=("sign", "wrong", "keypad verify"))
    for text in ("Ett program vill signera med ditt kort", "6 till 8 siffror", "Avbryt"):
        assert text in seen["sign"].text
    assert "Fel PIN. 2 försök kvar." in seen["wrong"].text
    assert "Slå in PIN på läsarens knappsats." in seen["keypad verify"].text


def test_languages_of_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    assert Words()("Reader") == "Reader"
    monkeypatch.setenv("LANG", "sv_SE.UTF-8")
    assert Words()("Reader") == "Läsare"
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert Words()("Reader") == "Reader"
    monkeypatch.setenv("LANGUAGE", "xx:sv")
    assert system_languages() == ["xx", "sv"]
    assert Words()("Reader") == "Läsare"


@cache
def texts_of_the_code() -> frozenset[str]:
    """Every text that the window translates: the literals in calls of `words` and its `many`."""
    found: set[str] = set()
    for path in (ROOT / "csp_frontend" / "window").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and re.search(r"(^|\.)words(\.many)?$", ast.unparse(node.func)):
                found.update(
                    one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)
                )
    return frozenset(found)


@pytest.mark.parametrize("source", sorted(FOLDER.glob(f"*/LC_MESSAGES/{DOMAIN}.po")), ids=lambda path: path.parts[-3])
def test_translations_are_complete_and_compiled(source: Path, tmp_path: Path) -> None:
    text = source.read_text(encoding="utf-8")
    translated = {ast.literal_eval(one) for one in re.findall(r'^msgid(?:_plural)? (".*")$', text, re.MULTILINE)} - {""}
    assert translated == texts_of_the_code(), "see csp_frontend/window/locale"
    assert 'msgstr ""\n\n' not in text
    made = tmp_path / "made.mo"
    subprocess.run(["msgfmt", "--check-format", "--no-hash", "--output-file", str(made), str(source)], check=True)
    assert source.with_suffix(".mo").read_bytes() == made.read_bytes(), "run tools/translations"
    for one, other in re.findall(
        r'^msgid(?:_plural)? (".*")\n(?:msgid_plural .*\n)?msgstr(?:\[\d\])? (".+")$', text, re.M
    ):
        assert sorted(re.findall(r"{\w+}", one)) == sorted(re.findall(r"{\w+}", other)), one
