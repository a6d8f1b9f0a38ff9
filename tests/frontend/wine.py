"""Windows programs on the provider's DLL: Wine with a user of its own, the DLL registered, programs compiled and run.

Nothing of the person's own Wine is touched: HOME and the prefix are folders of the test, and so is the server process.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import pytest

from csp_frontend.endpoint import APPLICATION

ROOT = Path(__file__).resolve().parents[2]
CAPI = Path(__file__).with_name("capi")
USER = "tester"
PATIENCE = 120.0
COMPILING = 900.0
"""Seconds for all of the DLL, twice, on a machine that others use too."""
_REGISTRATION = r"""[HKEY_LOCAL_MACHINE\SOFTWARE\{view}Microsoft\Cryptography\Defaults\Provider\Personal CSP]
"Image Path"="{path}"
"Type"=dword:00000001
"SigInFile"=dword:00000000
"""
_FLAGS = ("-std=gnu11", "-O1", "-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Werror")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a program of checks said: its lines of TAP that failed, what it told by name, all of it."""

    status: int
    output: str

    @property
    def failed(self) -> list[str]:
        """The checks that failed."""
        return [line for line in self.output.splitlines() if line.startswith("not ok")]

    @property
    def passed(self) -> int:
        """How many checks there were that passed."""
        return len(re.findall(r"^ok \d+ - ", self.output, re.MULTILINE))

    def told(self, name: str) -> list[str]:
        """What it told under this name, in order."""
        return re.findall(rf"^# {re.escape(name)}: (.*)$", self.output, re.MULTILINE)


class Wine:
    """A prefix in `folder`, made by `with`, and ended with everything that runs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prefix = folder / "prefix"
        self.local = self.prefix / "drive_c" / "users" / USER / "AppData" / "Local"
        self.agent_folder = self.local / APPLICATION
        home = folder / "home"
        home.mkdir(parents=True)
        self.env = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "LANG")},
            "HOME": str(home),
            "USER": USER,
            "LOGNAME": USER,
            "WINEPREFIX": str(self.prefix),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml,winedbg.exe,winemenubuilder.exe=",
        }
        self._resident: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        # A server that stays: between two programs it would end, and the second one could meet it on its way out.
        self.prefix.mkdir()
        self._run("wineserver", "-p")
        self._run("wineboot", "-i")
        self.agent_folder.mkdir(parents=True, exist_ok=True)
        # As long as one program runs, the services do too, and every further one starts at once.
        self._resident = subprocess.Popen(
            ["wine", "cmd"], env=self.env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._resident is not None:
            self._resident.communicate(timeout=PATIENCE)
        subprocess.run(["wineserver", "-k"], env=self.env, check=False, timeout=PATIENCE)
        subprocess.run(["wineserver", "-w"], env=self.env, check=False, timeout=PATIENCE)

    @property
    def has_32_bit(self) -> bool:
        """Whether 32-bit programs run here."""
        return (self.prefix / "drive_c" / "windows" / "syswow64").is_dir()

    def register(self, dll: Path, *, bits: int = 64) -> None:
        """Make the DLL known as the provider, where it stands, to 64- or 32-bit programs."""
        view = "" if bits == 64 else "WOW6432Node\\"
        self.registry(_REGISTRATION.format(view=view, path=escaped(windows_path(dll))))

    def registry(self, text: str) -> None:
        """Take over what would stand in a file that `regedit` writes, below its first line."""
        file = self.folder / "change.reg"
        file.write_text(f"Windows Registry Editor Version 5.00\n\n{text}", encoding="utf-8")
        self._run("wine", "reg", "import", windows_path(file))

    def command(self, program: Path, *arguments: str) -> list[str]:
        """What starts a Windows program."""
        return ["wine", str(program), *arguments]

    def run(
        self,
        program: Path,
        *arguments: str,
        folder: Path | None = None,
        env: Mapping[str, str] | None = None,
        quiet: bool = False,
        patience: float = PATIENCE,
    ) -> Ended:
        """Run a program of checks to its end, in a folder; it is not to hang."""
        begun = time.monotonic()
        ended = subprocess.run(
            self.command(program, *arguments),
            env={**self.env, **(env or {})},
            cwd=folder or self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=patience,
            check=False,
        )
        output = ended.stdout.decode("utf-8", "replace").replace("\r\n", "\n")
        if not quiet:
            print(f"{program.name} {' '.join(arguments)}: {time.monotonic() - begun:.2f} s\n{output}")
        return Ended(status=ended.returncode, output=output)

    def _run(self, *command: str) -> None:
        said = self.folder / "said"  # a file: services that a program starts would keep a pipe open
        with said.open("w") as output:
            ended = subprocess.run(
                command, env=self.env, stdout=output, stderr=subprocess.STDOUT, timeout=PATIENCE, check=False
            )
        assert ended.returncode == 0, (command, said.read_text(encoding="utf-8", errors="replace"))


def windows_path(path: Path) -> str:
    """A path of this system as Windows programs under Wine write it."""
    return "Z:" + str(path).replace("/", "\\")


def escaped(text: str) -> str:
    """A text as it stands between quotes in a file of `regedit`."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def build_dll(folder: Path, env: Mapping[str, str]) -> Path:
    """Build the DLL with settings of its own in the environment; answers the 64-bit one."""
    folder.mkdir()
    _compile([str(ROOT / "tools" / "build_dll"), "--out", str(folder)], env)
    return folder / "personal-csp-x64.dll"


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The DLLs and the programs of checks, compiled once in a test run."""

    folder: Path

    @property
    def dll(self) -> Path:
        """The 64-bit one."""
        return self.folder / "personal-csp-x64.dll"

    @property
    def dll32(self) -> Path:
        """The 32-bit one."""
        return self.folder / "personal-csp-x86.dll"

    @property
    def checks(self) -> Path:
        """The programs of checks in tests/frontend/capi, all in one, 64-bit."""
        return self.folder / "capi64.exe"


def build(factory: pytest.TempPathFactory) -> Built:
    """Compile everything, unless another process of this test run has."""
    base = factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "windows-programs"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            # Twice, in two places: `--verify` compares both builds to the last bit.
            said = _compile([str(ROOT / "tools" / "build_dll"), "--verify", "--out", str(folder)])
            build_checks(folder)
            (folder / "done").write_text(said, encoding="utf-8")
    return Built(folder=folder)


def build_program(to: Path, sources: Sequence[Path], *, bits: int = 64) -> Path:
    """Compile a Windows program."""
    compiler = {64: "x86_64", 32: "i686"}[bits] + "-w64-mingw32-gcc"
    _compile([compiler, *_FLAGS, *map(str, sources), "-o", str(to), "-ladvapi32", "-lcrypt32", "-lpsapi"])
    return to


def build_checks(folder: Path, *, bits: int = 64) -> Path:
    """Compile the programs of checks in tests/frontend/capi."""
    return build_program(folder / f"capi{bits}.exe", sorted(CAPI.glob("*.c")), bits=bits)


def _compile(command: Sequence[str], env: Mapping[str, str] = MappingProxyType({})) -> str:
    ended = subprocess.run(
        command, env={**os.environ, **env}, capture_output=True, text=True, timeout=COMPILING, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
