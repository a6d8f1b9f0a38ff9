"""The DLL as a file: made from the table of calls, exported by name, the same in every build, shipped in the wheel."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from csp_frontend.calls import CALLS
from tests.frontend.wine import ROOT, Built, build
from tools import dll_tables

pytestmark = pytest.mark.slow

SYSTEM_LIBRARIES = {"ADVAPI32.dll", "KERNEL32.dll", "WS2_32.dll", "bcrypt.dll", "msvcrt.dll"}


@pytest.mark.parametrize("path", sorted(dll_tables.files()), ids=lambda path: path.name)
def test_the_tables_in_c_are_those_of_the_agent(path: Path) -> None:
    assert path.read_text(encoding="ascii") == dll_tables.files()[path], "run tools/dll_tables.py"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory)


def test_two_builds_are_the_same(built: Built) -> None:
    said = (built.folder / "done").read_text(encoding="utf-8")
    for dll in (built.dll, built.dll32):
        assert f"{hashlib.sha256(dll.read_bytes()).hexdigest()}  {dll.name}" in said.splitlines()


def _headers(dll: Path) -> str:
    return subprocess.run(
        ["x86_64-w64-mingw32-objdump", "-p", dll], check=True, capture_output=True, text=True, timeout=60
    ).stdout


@pytest.mark.parametrize("name", ["personal-csp-x64.dll", "personal-csp-x86.dll"])
def test_what_it_exports_and_imports(built: Built, name: str) -> None:
    headers = _headers(built.folder / name)
    table = headers.partition("[Ordinal/Name Pointer] Table")[2]
    exported = re.findall(r"^\s*\[\s*\d+\] (\S+)$", table, re.MULTILINE)
    assert sorted(exported) == sorted(call.name for call in CALLS)
    assert set(re.findall(r"DLL Name: (\S+)", headers)) == SYSTEM_LIBRARIES
    for protection in ("DYNAMIC_BASE", "NX_COMPAT"):
        assert protection in headers


@pytest.mark.parametrize("name", ["personal-csp-x64.dll", "personal-csp-x86.dll"])
def test_nothing_of_the_machine_that_built_it_is_in_it(built: Built, name: str) -> None:
    content = (built.folder / name).read_bytes()
    assert str(ROOT).encode() not in content
    assert str(built.folder).encode() not in content


def test_the_wheel_ships_what_was_built(built: Built, tmp_path: Path) -> None:
    """From a copy of the tree, so that nothing is left in the real one."""
    copy = tmp_path / "tree"
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "cardcore", "csp_frontend", "profiles", "pyproject.toml", "LICENSE"],
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
