"""The DLL as a file: made from the table of calls, exported by name, the same in every build, shipped in the wheel."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import zipfile
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from csp_frontend.calls import CALLS
from tests.frontend.wine import ROOT, Built, build
from tools import dll_check, dll_tables

pytestmark = pytest.mark.slow

FILES = ("personal-csp-x64.dll", "personal-csp-x86.dll", "personal-csp-store.exe")


@pytest.mark.parametrize("path", sorted(dll_tables.files()), ids=lambda path: path.name)
def test_the_tables_in_c_are_those_of_the_agent(path: Path) -> None:
    assert path.read_text(encoding="ascii") == dll_tables.files()[path], "run tools/dll_tables.py"


def test_the_sources_in_c_include_each_other_one_way() -> None:
    """A source file and its header are one module; TopologicalSorter raises CycleError for a circle of them."""
    modules: dict[str, set[str]] = {}
    for path in (ROOT / "csp_frontend" / "dll").rglob("*.[ch]"):
        included = {Path(name).stem for name in re.findall(r'^#include "(.+)"$', path.read_text("ascii"), re.MULTILINE)}
        modules.setdefault(path.stem, set()).update(included - {path.stem})
    assert {"process", "link", "waiting"} <= modules["gather"] | modules["process"]
    TopologicalSorter(modules).prepare()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory)


def test_two_builds_are_the_same(built: Built) -> None:
    said = (built.folder / "done").read_text(encoding="utf-8")
    for name in FILES:
        assert f"{hashlib.sha256((built.folder / name).read_bytes()).hexdigest()}  {name}" in said.splitlines()


@pytest.mark.parametrize("name", FILES)
def test_what_it_exports_and_imports(built: Built, name: str) -> None:
    assert list(dll_check.faults(built.folder / name)) == []


def test_the_functions_are_exported_and_the_system_alone_is_needed(built: Built) -> None:
    """What the check goes by, once by itself, and held against another reader of the format."""
    for dll in (built.dll, built.dll32):
        image = dll_check.read(dll)
        assert len(image.exports) == len(CALLS) == 25
        assert {"bcrypt.dll", "kernel32.dll"} < {library.lower() for library in image.imports}
        headers = subprocess.run(
            ["x86_64-w64-mingw32-objdump", "-p", dll], check=True, capture_output=True, text=True, timeout=60
        ).stdout
        table = headers.partition("[Ordinal/Name Pointer] Table")[2]
        assert re.findall(r"^\s*\[\s*\d+\] (\S+)$", table, re.MULTILINE) == list(image.exports)
        assert re.findall(r"DLL Name: (\S+)", headers) == list(image.imports)


def _spoilt(dll: Path, to: Path, old: bytes, new: bytes) -> Path:
    content = dll.read_bytes()
    assert len(old) == len(new)
    assert old in content
    to.write_bytes(content.replace(old, new))
    return to


def test_what_is_wrong_is_told(built: Built, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    renamed = tmp_path / built.dll32.name.replace("x86", "arm64")
    renamed.write_bytes(built.dll32.read_bytes())
    less = _spoilt(built.dll, tmp_path / built.dll.name, b"CPDecrypt\0", b"CPdecrypt\0")
    more = _spoilt(built.dll32, tmp_path / built.dll32.name, b"bcrypt.dll\0", b"borrow.dll\0")
    assert dll_check.main([str(built.dll), str(renamed), str(less), str(more)]) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(": it ")[2].split(" ")[0] for line in told] == ["is", "is", "exports", "imports"]
    assert "0x014c" in told[0]
    for content in (b"", b"MZ", built.dll.read_bytes()[:1000]):
        less.write_bytes(content)
        with pytest.raises(ValueError, match=r"cut off|no program|no section"):
            dll_check.read(less)


@pytest.mark.parametrize("name", FILES)
def test_nothing_of_the_machine_that_built_it_is_in_it(built: Built, name: str) -> None:
    content = (built.folder / name).read_bytes()
    assert str(ROOT).encode() not in content
    assert str(built.folder).encode() not in content


SHIPPED = ("cardcore", "csp_frontend", "profiles", "pyproject.toml", "README.md", "LICENSE")


def test_the_wheel_ships_what_was_built(built: Built, tmp_path: Path) -> None:
    """From a copy of the tree, so that nothing is left in the real one."""
    copy = tmp_path / "tree"
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", *SHIPPED],
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    without = _wheel(copy, tmp_path / "without")
    assert not [name for name in without if name.startswith("csp_frontend/dll/")]
    assert "csp_frontend/window/locale/sv/LC_MESSAGES/personal-csp.mo" in without
    for dll in (built.dll, built.dll32):
        (copy / "csp_frontend" / "dll" / dll.name).write_bytes(dll.read_bytes())
    within = [name for name in _wheel(copy, tmp_path / "with") if name.startswith("csp_frontend/dll/")]
    assert sorted(within) == ["csp_frontend/dll/personal-csp-x64.dll", "csp_frontend/dll/personal-csp-x86.dll"]


def _wheel(tree: Path, to: Path) -> list[str]:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(to)]
    subprocess.run(command, cwd=tree, check=True, capture_output=True, timeout=120)
    [wheel] = to.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()
