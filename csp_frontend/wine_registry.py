"""The registry of a Wine prefix, through Wine's own `reg` and `regedit`."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from csp_frontend.registration import Content, Key, RegistryError
from csp_frontend.registry_files import reg_file

_SECONDS = 120
_VALUE = re.compile(r"^    (?P<name>.+?)    (?P<kind>REG_\w+)    ?(?P<text>.*)$")


class WineRegistry:
    """The registry of the prefix in a folder; Wine has to be installed."""

    def __init__(self, prefix: Path) -> None:
        self._env = {**os.environ, "WINEPREFIX": str(prefix), "WINEDEBUG": "-all"}

    def values(self, key: Key) -> dict[str, Content] | None:
        """The values of a key by name."""
        listed = self._query(key)
        return None if listed is None else dict(filter(None, map(_value, listed)))

    def below(self, key: Key) -> dict[str, dict[str, Content]]:
        """The keys right in a key with their values, by one run of Wine."""
        start = f"{key.root}\\{key.path}\\".lower()
        found: dict[str, dict[str, Content]] = {}
        inside: dict[str, Content] = {}
        for line in self._query(key, "/s") or []:
            if line.startswith(key.root):
                name = line[len(start) :] if line.lower().startswith(start) else ""
                inside = {} if not name or "\\" in name else found.setdefault(name, {})
            elif value := _value(line):
                inside[value[0]] = value[1]
        return found

    def write(self, keys: Mapping[Key, Mapping[str, Content]]) -> None:
        """Set values."""
        self._take(reg_file(keys))

    def delete(self, keys: Sequence[Key], values: Sequence[tuple[Key, str]] = ()) -> None:
        """Remove keys and values."""
        self._take(reg_file({}, keys, values))

    def _query(self, key: Key, *options: str) -> list[str] | None:
        with tempfile.TemporaryFile() as said:
            if self._run(said, "reg", "query", f"{key.root}\\{key.path}", *options):
                return None
            said.seek(0)
            return said.read().decode("utf-8", "replace").splitlines()

    def _take(self, text: str) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".reg", encoding="utf-16", newline="\r\n") as file:
            file.write(text)
            file.flush()
            if self._run(subprocess.DEVNULL, "regedit", "/S", "Z:" + file.name.replace("/", "\\")):
                raise RegistryError("Wine's regedit has refused the file", hint="Is that a Wine prefix?")

    def _run(self, said: IO[bytes] | int, *command: str) -> int:
        """The exit status. What it says goes into a file: services that it starts would hold a pipe open for ever."""
        try:
            ended = subprocess.run(  # noqa: S603 - Wine's own programs, by a list of words
                ["wine", *command],  # noqa: S607 - wherever the system has Wine
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.DEVNULL,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RegistryError(f"Wine cannot be run: {type(error).__name__}", hint="Install Wine.") from error
        return ended.returncode


def _value(line: str) -> tuple[str, Content] | None:
    match = _VALUE.match(line)
    return (match["name"], _content(match["kind"], match["text"])) if match else None


def _content(kind: str, text: str) -> Content:
    if kind == "REG_DWORD":
        return int(text, 16)
    return bytes.fromhex(text) if kind == "REG_BINARY" else text
