"""Pictures of the PIN window, for docs/csp.md: with `--pictures` this file makes them anew.

Without the option they are taken all the same, and looked at as far as a program can.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from csp_frontend.window.messages import Order
from csp_frontend.window_dialog import WindowDialog
from tests.frontend.screens import Screen, Window
from tests.frontend.window_states import STATES
from tests.unit.house import ROOT

FOLDER = ROOT / "docs" / "images"


@contextmanager
def shown(screen: Screen, order: Order, patch: pytest.MonkeyPatch, language: str = "en") -> Iterator[Window]:
    """The window of an order, in a process of its own as the agent has it."""
    for name, value in (*screen.env.items(), ("LANGUAGE", language)):
        patch.setenv(name, value)
    dialog = WindowDialog()
    if order.seconds:
        take_off = dialog.tell(order.request, "", order.seconds)
        yield screen.window()
        take_off()
        return
    thread = threading.Thread(target=dialog.ask, args=(order.request,))
    thread.start()
    yield screen.window().ready()
    dialog.withdraw()
    thread.join(30)
    assert not thread.is_alive()


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Path]:
    """Where a picture goes."""
    folder = FOLDER if request.config.getoption("--pictures") else tmp_path
    folder.mkdir(exist_ok=True)
    return lambda name: folder / f"pin-window-{name}.png"


@pytest.fixture(scope="module")
def usual() -> Iterator[Screen]:
    with Screen() as screen:
        yield screen


def looked_at(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG (ISO/IEC 15948, 11.2.1) that has something on it."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack_from(">II", data, 16)
    parts = b"".join(chunk for name, chunk in _chunks(data) if name == b"IDAT")
    assert len(set(zlib.decompress(parts))) > 16, "it is blank"
    assert len(data) < 40_000
    return width, height


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4])
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        at += 12 + size


def test_the_question(usual: Screen, place: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with shown(usual, STATES["sign"], monkeypatch) as window:
        looked_at(window.type("1234").picture(place("sign")))
        before = window.press("alt+h").picture(place("change"))
        after = window.press("alt+b", "alt+u").picture(place("unblock"))
        assert before != after


@pytest.mark.parametrize("state", ["last-try", "blocked", "differs"])
def test_what_is_told(usual: Screen, place: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    with shown(usual, STATES[state], monkeypatch) as window:
        looked_at(window.picture(place(state)))


def test_the_keypad(usual: Screen, place: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with shown(usual, STATES["keypad verify"], monkeypatch) as window:
        looked_at(window.picture(place("keypad")))
    window.gone()


def test_swedish(usual: Screen, place: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with shown(usual, STATES["wrong"], monkeypatch, "sv") as window:
        looked_at(window.picture(place("swedish")))


def test_a_fine_screen(
    usual: Screen, place: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Everything is twice as large on a screen that is twice as fine; Xft.dpi says so where the server does not."""
    with shown(usual, STATES["sign"], monkeypatch) as window:
        width, height = looked_at(window.picture(tmp_path / "usual.png"))
    with Screen(192) as fine, shown(fine, STATES["sign"], monkeypatch) as window:
        large = looked_at(window.picture(place("2x")))
    usual.resource("Xft.dpi: 192")
    with shown(usual, STATES["sign"], monkeypatch) as window:
        by_desktop = looked_at(window.picture(tmp_path / "desktop.png"))
    usual.resource("")
    for seen in (large, by_desktop):
        assert 1.8 < seen[0] / width < 2.2
        assert 1.8 < seen[1] / height < 2.2
