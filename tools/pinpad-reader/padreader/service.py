"""Virtual readers with keypads behind a private pcscd."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from padreader import pcscd
from padreader.reader import VirtualReader

SOURCE = Path(__file__).resolve().parents[1] / "ifd.c"
HEADERS = Path("/usr/include/PCSC")
_FLAGS = ("-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fPIC", "-shared")


def build(target: Path) -> Path:
    """Compile the driver, `ifd.c`."""
    subprocess.run(["gcc", *_FLAGS, f"-I{HEADERS}", str(SOURCE), "-o", str(target), "-lpthread"], check=True)
    return target


class PadService:
    """A private pcscd with as many virtual readers as there are names (16 at most), to be used as a context manager.

    `readers` are the readers by these names; `full_name` is what clients call them. `process` is pcscd.
    """

    def __init__(self, *names: str) -> None:
        self._names = names or ("Virtual PIN Pad",)
        self._cleanup = ExitStack()
        self._folder = Path()
        self.readers: dict[str, VirtualReader] = {}
        self.process: subprocess.Popen[bytes]

    def full_name(self, name: str) -> str:
        """The reader's name as clients see it: pcscd numbers readers of one driver, and their slots."""
        return f"{name} {self._names.index(name):02X} 00"

    @property
    def env(self) -> dict[str, str]:
        """The environment in which a process finds this service and no other."""
        return pcscd.environment(self._folder)

    @property
    def log(self) -> str:
        """What pcscd has said so far."""
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    def __enter__(self) -> Self:
        with ExitStack() as cleanup:
            self._folder = Path(tempfile.mkdtemp(prefix="pinpad-"))
            cleanup.callback(shutil.rmtree, self._folder)
            driver = build(self._folder / "ifd.so")
            blocks = []
            for number, name in enumerate(self._names):
                path = self._folder / f"{number}.sock"
                self.readers[name] = cleanup.enter_context(VirtualReader(path))
                # LIBPATH ends a reader's block; what comes after it would count for the next one.
                blocks.append(f'FRIENDLYNAME "{name}"\nDEVICENAME pad:{path}\nCHANNELID {number}\nLIBPATH {driver}\n')
            (self._folder / "readers").mkdir()
            (self._folder / "readers" / "pads.conf").write_text("\n".join(blocks), encoding="utf-8")
            self.process = pcscd.start(self._folder)
            cleanup.callback(pcscd.end, self.process)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._cleanup.close()
