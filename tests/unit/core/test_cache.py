"""The files in which cards are remembered: whole or ignored, this user's alone, and never an error."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cardcore import cache
from cardcore.cache import DIFFERS, MAX_BYTES, CardCache

ATR, MARK, DER = b"\x3b\x80", b"\x01" * 32, b"\x30\x03\x02\x01\x01"
ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="there every folder of a user is the user's alone")


@pytest.fixture
def profile(tmp_path: Path) -> str:
    """A profile's file."""
    path = tmp_path / "some.yaml"
    path.write_text("profile: 1\n")
    return str(path)


@pytest.fixture
def filled(profile: str) -> Path:
    """The file of a cache that remembers one hint and one object."""
    remembering = CardCache((profile,), ATR)
    remembering.keep_key_type("9a", "rsa2048")
    remembering.keep_content(MARK, "certificate 1", DER)
    (found,) = folder().iterdir()
    return found


def folder() -> Path:
    return Path(os.environ["XDG_CACHE_HOME"]) / "cardcore" / "public"


def known(profile: str, atr: bytes = ATR) -> tuple[str, bytes | None]:
    """What another process finds."""
    remembering = CardCache((profile,), atr)
    return remembering.key_type("9a"), remembering.content(MARK, "certificate 1")


NOTHING = ("", None)


def test_what_was_kept_is_found_by_another_process(profile: str, filled: Path) -> None:
    assert known(profile) == ("rsa2048", DER)
    assert CardCache((profile,), ATR).content(b"\x02" * 32, "certificate 1") is None


@ON_POSIX
def test_nobody_else_can_read_it(filled: Path) -> None:
    assert stat.S_IMODE(filled.stat().st_mode) == 0o600
    assert stat.S_IMODE(filled.parent.stat().st_mode) == 0o700


def test_another_card_or_an_edited_profile_finds_nothing(profile: str, filled: Path) -> None:
    assert known(profile, b"\x3b\x81") == NOTHING
    Path(profile).write_text("profile: 1\nname: other\n")
    assert known(profile) == NOTHING


def test_an_edited_base_finds_nothing(tmp_path: Path, profile: str) -> None:
    base = tmp_path / "base.yaml"
    base.write_text("profile: 1\n")
    CardCache((profile, str(base)), ATR).keep_key_type("9a", "rsa2048")
    assert CardCache((profile, str(base)), ATR).key_type("9a") == "rsa2048"
    base.write_text("profile: 1 # other\n")
    assert CardCache((profile, str(base)), ATR).key_type("9a") == ""


def test_a_dropped_card_is_not_known(profile: str, filled: Path) -> None:
    CardCache((profile,), ATR).drop()
    assert not filled.exists()
    assert known(profile) == NOTHING


def test_types_that_contradict_each_other_are_asked_for_from_then_on(profile: str, filled: Path) -> None:
    CardCache((profile,), ATR).keep_key_type("9a", "ecp256")
    assert known(profile)[0] == DIFFERS
    CardCache((profile,), ATR).keep_key_type("9a", "rsa2048")
    assert known(profile) == (DIFFERS, DER)


SPOILT = {
    "empty": b"",
    "cut": None,
    "bytes": b"\xff" * 100,
    "no hash": b'{"types": {"9a": "rsa2048"}, "objects": {}}',
    "too large": b"x" * (MAX_BYTES + 1),
}


@pytest.mark.parametrize("content", SPOILT.values(), ids=SPOILT)
def test_a_damaged_file_is_ignored_and_replaced(profile: str, filled: Path, content: bytes | None) -> None:
    filled.write_bytes(filled.read_bytes()[:-3] if content is None else content)
    assert known(profile) == NOTHING
    CardCache((profile,), ATR).keep_key_type("9a", "rsa2048")
    assert known(profile) == ("rsa2048", None)


@pytest.mark.parametrize(
    "text",
    [
        *(b"null", b"[]", b"{}", b'{"types": [], "objects": {}}', b'{"types": {}, "objects": {"00": 1}}'),
        *(b'{"types": {}, "objects": {"00": {"a": "zz"}}}', b'{"types": {}, "objects": {"00": {"a": 1}}}'),
        *(b"[" * 200_000, b'{"types": {' + b",".join(b'"%d": ""' % number for number in range(3000)) + b"}}"),
    ],
    ids=range(9),
)
def test_a_file_of_another_form_is_ignored(profile: str, filled: Path, text: bytes) -> None:
    import hashlib

    filled.write_bytes(hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
    assert known(profile) == NOTHING


@ON_POSIX
def test_what_is_not_a_file_of_this_user_alone_is_ignored(
    tmp_path: Path, profile: str, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.chmod(0o644)
    assert known(profile) == NOTHING
    filled.chmod(0o600)
    filled.parent.chmod(0o755)
    assert known(profile) == NOTHING
    filled.parent.chmod(0o700)
    assert known(profile)[0] == "rsa2048"
    real = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: real + 1)
    assert known(profile) == NOTHING


@ON_POSIX
def test_a_folder_that_others_can_exchange_is_neither_read_nor_written(profile: str, filled: Path) -> None:
    """Who can write to the folder around it can put another one in its place between two looks at it."""
    around = filled.parent.parent
    assert stat.S_IMODE(around.stat().st_mode) == 0o700
    before = filled.read_bytes()
    around.chmod(0o777)
    assert known(profile) == NOTHING
    CardCache((profile,), ATR).keep_key_type("9a", "ecp256")
    CardCache((profile,), ATR).drop()
    cache.clear()
    around.chmod(0o775)
    assert filled.read_bytes() == before
    assert known(profile)[0] == "rsa2048"


def test_clearing_takes_nothing_else_along(profile: str, filled: Path) -> None:
    others = [filled.parent / name for name in ("notes.txt", "letter.cache", f"{'0' * 63}.cache")]
    for path in others:
        path.write_text("somebody's")
    begun = filled.with_suffix(".4711-1")
    begun.write_text("")
    cache.clear()
    assert sorted(filled.parent.iterdir()) == sorted(others)


@ON_POSIX
def test_links_and_pipes_are_not_followed(tmp_path: Path, profile: str, filled: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    filled.rename(elsewhere)
    filled.symlink_to(elsewhere)
    assert known(profile) == NOTHING
    CardCache((profile,), ATR).keep_key_type("9a", "ecp256")
    assert not filled.is_symlink()
    assert known(profile)[0] == "ecp256"
    filled.unlink()
    os.mkfifo(filled, 0o600)
    assert known(profile) == NOTHING


@ON_POSIX
def test_a_folder_that_is_a_link_is_neither_read_nor_written(tmp_path: Path, profile: str, filled: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    filled.parent.rename(elsewhere)
    folder().symlink_to(elsewhere)
    before = (elsewhere / filled.name).read_bytes()
    assert known(profile) == NOTHING
    CardCache((profile,), ATR).keep_key_type("9a", "ecp256")
    CardCache((profile,), ATR).drop()
    cache.clear()
    assert (elsewhere / filled.name).read_bytes() == before


def test_where_nothing_can_be_written_nothing_is_missed(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", profile)  # a file, so that no folder can be made there
    remembering = CardCache((profile,), ATR)
    remembering.keep_key_type("9a", "rsa2048")
    remembering.drop()
    cache.clear()
    assert known(profile) == NOTHING


def test_a_profile_that_has_gone_is_not_missed(profile: str, filled: Path) -> None:
    Path(profile).unlink()
    remembering = CardCache((profile,), ATR)
    remembering.keep_key_type("9a", "rsa2048")
    remembering.drop()
    assert known(profile) == NOTHING


def test_it_does_not_grow_without_end(tmp_path: Path, profile: str) -> None:
    for number in range(80):
        CardCache((profile,), bytes((number,))).keep_key_type("9a", "rsa2048")
    assert len(list(folder().iterdir())) == 64
    remembering = CardCache((profile,), ATR)
    for number in range(20):
        remembering.keep_content(bytes((number,)), "certificate 1", DER)
    kept = CardCache((profile,), ATR)
    marks = [number for number in range(20) if kept.content(bytes((number,)), "certificate 1") is not None]
    assert marks == list(range(12, 20))
    remembering.keep_content(MARK, "certificate 1", bytes(MAX_BYTES))
    assert CardCache((profile,), ATR).content(b"\x13", "certificate 1") == DER


WRITER = """
import sys
from cardcore.cache import CardCache
for number in range(100):
    CardCache((sys.argv[1],), b"\\x3b\\x80").keep_content(bytes((number,)), sys.argv[2], b"\\x30\\x00" * 500)
    if number % 10 == 9:
        CardCache((sys.argv[1],), b"\\x3b\\x80").drop()
"""


def test_two_processes_at_once_leave_a_whole_file(profile: str) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, profile, name]) for name in ("a", "b")]
    while any(writer.poll() is None for writer in writers):
        for number in range(100):
            for name in ("a", "b"):
                assert CardCache((profile,), ATR).content(bytes((number,)), name) in (None, b"\x30\x00" * 500)
    assert [writer.wait() for writer in writers] == [0, 0]
    assert all(path.suffix == ".cache" for path in folder().iterdir())


def test_clear_forgets_every_card(profile: str, filled: Path) -> None:
    cache.clear()
    assert not list(folder().iterdir())
    assert known(profile) == NOTHING
