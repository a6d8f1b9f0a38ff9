"""Files that commands write: whole or not at all, and no more readable than they may be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cardcore.cli import files
from cardcore.cli.errors import OptionError
from cardcore.errors import InputError


def test_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"one", b"another"):
        files.write(str(path), content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["file"]


def test_the_mode_of_a_file(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        files.write(str(tmp_path / "plain"), b"")
        files.write(str(tmp_path / "secret"), b"", secret=True)
    finally:
        os.umask(mask)
    assert (tmp_path / "plain").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    (tmp_path / "plain").chmod(0o604)
    files.write(str(tmp_path / "plain"), b"")
    assert (tmp_path / "plain").stat().st_mode & 0o777 == 0o604
    files.write(str(tmp_path / "plain"), b"", secret=True)
    assert (tmp_path / "plain").stat().st_mode & 0o777 == 0o600


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("target")
    files.write(str(tmp_path / "link"), b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_a_device_is_written_to() -> None:
    files.check_target(os.devnull)
    files.write(os.devnull, b"data")
    assert not Path(os.devnull).is_file()


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InputError, match="No space left"):
        files.write(str(tmp_path / "file"), b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for good in (None, "-", str(tmp_path / "new"), "new"):
        files.check_target(good)
    for bad in (str(tmp_path), str(tmp_path / "no" / "file"), ""):
        with pytest.raises(OptionError):
            files.check_target(bad)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OptionError, match="not writable"):
        files.check_target(str(tmp_path / "new"))


def test_what_cannot_be_read(tmp_path: Path) -> None:
    for name in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match="cannot read"):
            files.read(str(name))
    with pytest.raises(OptionError, match="empty"):
        files.read("")
