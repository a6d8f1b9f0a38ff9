"""A screen without a monitor, and a person with a keyboard in front of it: Xvfb and xdotool."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from csp_frontend.window.shell import PRODUCT

PATIENCE = 30.0
_POLL_SECONDS = 0.03
_CLASS = "Personal-csp"


def until(condition: Callable[[], bool], what: str | Callable[[], str] = "it does not happen") -> None:
    """Wait for something that takes a moment; `what` to say if it never comes."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what if isinstance(what, str) else what()
        time.sleep(_POLL_SECONDS)


class Screen:
    """A display of its own; the server chooses a number that is free."""

    def __init__(self, dpi: int = 96) -> None:
        self._dpi = dpi
        self._server: subprocess.Popen[bytes] | None = None
        self.env: Mapping[str, str] = {}

    def __enter__(self) -> Self:
        reading, writing = os.pipe()
        size = ("-screen", "0", "1400x1200x24", "-dpi", str(self._dpi), "-nolisten", "tcp", "-noreset")
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), *size], pass_fds=[writing], stderr=subprocess.DEVNULL
        )
        os.close(writing)
        with os.fdopen(reading, encoding="ascii") as told:
            number = told.readline().strip()
        assert number, "Xvfb did not start"
        self.env = {"DISPLAY": f":{number}", "LC_ALL": "C.UTF-8", "LANGUAGE": "en"}
        self.do("mousemove", "0", "0")  # where no window is
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.terminate()
            self._server.wait(PATIENCE)

    def do(self, *command: str) -> str:
        """Run xdotool; what it says, nothing if it fails."""
        ended = subprocess.run(
            ["xdotool", *command],
            env={**os.environ, **self.env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return ended.stdout if ended.returncode == 0 else ""

    def resource(self, text: str) -> None:
        """Set the resources of the display, as desktops do."""
        setting = ["xprop", "-root", "-f", "RESOURCE_MANAGER", "8s", "-set", "RESOURCE_MANAGER", text + "\n"]
        subprocess.run(setting, env={**os.environ, **self.env}, check=True, timeout=60)

    def numbers(self) -> list[str]:
        """The PIN windows that can be seen now."""
        return self.do("search", "--onlyvisible", "--class", _CLASS).split()

    def window(self, other_than: Window | None = None) -> Window:
        """The PIN window, as soon as there is one; it gets the keyboard, as if the person had chosen it."""
        found: list[Window] = []

        def appeared() -> bool:
            seen = [Window(screen=self, number=number, name=self.name(number)) for number in self.numbers()]
            found[:] = [window for window in seen if _CLASS in window.name and window != other_than]
            return bool(found)

        until(appeared, "no window appears")
        self.do("windowfocus", "--sync", found[0].number)
        return found[0]

    def name(self, number: str) -> str:
        """The name by which a window is told from others, as numbers are used again; of one that has gone, whatever."""
        command = ["xprop", "-id", number, "WM_CLASS"]
        env = {**os.environ, **self.env}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False).stdout.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One PIN window."""

    screen: Screen
    number: str
    name: str

    @property
    def title(self) -> str:
        """What stands in its title."""
        return self.screen.do("getwindowname", self.number).strip()

    @property
    def is_there(self) -> bool:
        """Whether it can be seen."""
        return self.number in self.screen.numbers() and self.screen.name(self.number) == self.name

    def ready(self, subject: str = "PIN") -> Self:
        """Wait until it says in its title that keys are taken."""
        until(lambda: self.title == f"{PRODUCT}: {subject}", f"the window is not ready: {self.title!r}")
        return self

    def type(self, text: str) -> Self:
        """Press the keys of a text."""
        self.screen.do("type", "--delay", "15", text)
        return self

    def press(self, *keys: str) -> Self:
        """Press keys by their names."""
        self.screen.do("key", "--delay", "15", *keys)
        return self

    def gone(self) -> None:
        """Wait until it has left the screen."""
        until(lambda: not self.is_there, "the window stays")

    def picture(self, path: Path) -> bytes:
        """Take a picture of it, as a PNG file with few colours."""
        shot = ["import", "-window", self.number, "-strip", "+dither", "-colors", "64", f"PNG8:{path}"]
        subprocess.run(shot, env={**os.environ, **self.screen.env}, check=True, timeout=60)
        return path.read_bytes()
