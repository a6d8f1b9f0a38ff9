"""What a DLL or program that was built says of itself, held against what it has to be: Windows' format, read here.

Run: `.venv/bin/python tools/dll_check.py FILE...`; `tools/build_dll --verify` does. It reads programs for 64-bit ARM
too, which no disassembler here does.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from csp_frontend.calls import CALLS

HIGH_ENTROPY_VA, DYNAMIC_BASE, NX_COMPAT = 0x0020, 0x0040, 0x0100
MACHINES: Mapping[str, int] = MappingProxyType({"x64": 0x8664, "x86": 0x014C, "arm64": 0xAA64})
"""IMAGE_FILE_MACHINE_* by the word in our files' names."""
_SYSTEM = re.compile(
    r"(advapi32|bcrypt|kernel32|ws2_32|msvcrt|crypt32|api-ms-win-crt-[a-z]+-l1-1-0)\.dll", re.IGNORECASE
)
_PE32, _PE32_PLUS = 0x10B, 0x20B


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A file of the format PE: for which machine, how it is protected, exported names, imported libraries."""

    machine: int
    protections: int
    exports: tuple[str, ...]
    imports: tuple[str, ...]


class _Reader:
    """The bytes of a file with the numbers in them; places are offsets, but for what the headers call addresses."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._pe = self._number(0x3C, 4)
        if data[:2] != b"MZ" or data[self._pe : self._pe + 4] != b"PE\0\0":
            raise ValueError("this is no program of Windows")
        self._optional = self._pe + 24
        self._wide = {_PE32: False, _PE32_PLUS: True}[self._number(self._optional, 2)]

    def image(self) -> Image:
        """All that is wanted of it."""
        return Image(
            machine=self._number(self._pe + 4, 2),
            protections=self._number(self._optional + 70, 2),
            exports=tuple(self._exports()),
            imports=tuple(self._imports()),
        )

    def _number(self, at: int, size: int) -> int:
        found = self._data[at : at + size]
        if len(found) != size:
            raise ValueError("the file is cut off")
        return int.from_bytes(found, "little")

    def _text(self, address: int) -> str:
        start = self._place(address)
        return self._data[start : self._data.index(b"\0", start)].decode("ascii")

    def _table(self, number: int) -> int:
        """Where a table of the data directory begins; 0 if there is none."""
        address = self._number(self._optional + (112 if self._wide else 96) + 8 * number, 4)
        return self._place(address) if address else 0

    def _place(self, address: int) -> int:
        first = self._optional + self._number(self._pe + 20, 2)
        for section in range(first, first + 40 * self._number(self._pe + 6, 2), 40):
            begin, size = self._number(section + 12, 4), self._number(section + 16, 4)
            if begin <= address < begin + size:
                return address - begin + self._number(section + 20, 4)
        raise ValueError(f"the address {address:#x} is in no section")

    def _exports(self) -> Iterator[str]:
        table = self._table(0)
        if table:
            names = self._place(self._number(table + 32, 4))
            for at in range(names, names + 4 * self._number(table + 24, 4), 4):
                yield self._text(self._number(at, 4))

    def _imports(self) -> Iterator[str]:
        at = self._table(1)
        while at and (address := self._number(at + 12, 4)):
            yield self._text(address)
            at += 20


def read(file: Path) -> Image:
    """What a file says of itself; ValueError if it is none of Windows."""
    return _Reader(file.read_bytes()).image()


def faults(file: Path) -> Iterator[str]:
    """What is wrong with a file that `tools/build_dll` made, in words."""
    image = read(file)
    word = file.stem.rpartition("-")[2]
    if image.machine != MACHINES.get(word, MACHINES["x64"]):
        yield f"it is for the machine {image.machine:#06x}"
    expected = sorted(call.name for call in CALLS) if file.suffix == ".dll" else []
    if sorted(image.exports) != expected:
        yield f"it exports {', '.join(image.exports) or 'nothing'}"
    for library in image.imports:
        if not _SYSTEM.fullmatch(library):
            yield f"it imports {library}"
    wanted = DYNAMIC_BASE | NX_COMPAT | (0 if word == "x86" else HIGH_ENTROPY_VA)
    if image.protections & wanted != wanted:
        yield f"it is not protected as it should be: {image.protections:#06x}"


def main(names: list[str]) -> int:
    """Check files; the exit status says whether all are as they should be."""
    found = [f"{name}: {fault}" for name in names for fault in faults(Path(name))]
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
