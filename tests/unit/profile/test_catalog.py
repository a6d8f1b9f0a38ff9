"""Where profiles are found, which one wins, and what can go wrong on the way to a base."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from platformdirs import windows

from cardcore.errors import ProfileError
from cardcore.profile.catalog import (
    ENVIRONMENT,
    Catalog,
    available,
    candidates,
    catalog,
    load,
    shipped_directory,
    user_directories,
)
from cardcore.profile.known_atrs import known_atrs
from cardcore.profile.model import Match
from tests.unit.profile.profile_text import CARD

ROOT = Path(__file__).parents[3]


def write(folder: Path, name: str, text: str = CARD) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def ids() -> list[str]:
    """What a card may match, each built."""
    return [candidate.build().id for candidate in candidates()]


def test_shipped_profiles_all_load() -> None:
    sources = available()
    assert {"iso7816"} <= {source.id for source in sources}
    assert sources == sorted(sources, key=lambda source: source.id)
    assert all(source.shipped for source in sources)
    assert ids() == [source.id for source in sources]
    assert load("iso7816").abstract


def test_the_users_profiles_take_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "mine", "piv")
    monkeypatch.setenv(ENVIRONMENT, f"{tmp_path / 'none'}:{tmp_path / 'mine'}")
    assert load("piv").name == "X"
    assert [(source.path, source.shipped) for source in available() if source.id == "piv"] == [(path, False)]
    assert user_directories()[:2] == [tmp_path / "none", tmp_path / "mine"]


def test_a_users_profile_that_is_not_valid_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It counts as if it were not there, those that build on it too; a shipped one that it hid is there again."""
    shipped = ids()
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path))
    write(tmp_path, "iso7816", CARD + "quirks: 1\n")
    write(tmp_path, "mine", CARD)
    assert ids() == sorted([*shipped, "mine"])
    (warning,) = caplog.messages
    assert warning.startswith(f"the profile iso7816 is not valid and left out: {tmp_path / 'iso7816.yaml'}:6:9: ")
    caplog.clear()
    write(tmp_path, "builds", CARD + "base: broken\n")
    write(tmp_path, "broken", "")
    assert "builds" not in ids()
    assert [message.split()[2] for message in caplog.messages] == ["broken", "builds", "iso7816"]
    with pytest.raises(ProfileError):
        load("broken")


def test_a_shipped_profile_that_is_not_valid_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a", CARD + "quirks: 1\n")
    monkeypatch.setattr("cardcore.profile.catalog.shipped_directory", lambda: tmp_path)
    with pytest.raises(ProfileError, match=r"a\.yaml:6:9: "):
        ids()


def test_how_a_profile_matches_is_known_before_it_is_built(tmp_path: Path) -> None:
    shelf = catalog([shipped_directory()])
    for name in shelf.sources:
        candidate = shelf.candidate(name)
        profile = candidate.build()
        assert candidate.match == profile.match
        assert shelf.candidate(name).build() is profile
    write(tmp_path, "list", "[1]")
    write(tmp_path, "bad", "match: {}\n")
    write(tmp_path, "late", CARD + "quirks: 1\n")
    shelf = catalog([tmp_path])
    assert shelf.candidate("list").match == Match()
    with pytest.raises(ProfileError, match=r"bad\.yaml:1:8: "):
        shelf.candidate("bad")
    with pytest.raises(ProfileError, match=r"late\.yaml:6:9: "):
        shelf.candidate("late").build()


def test_the_configuration_folder() -> None:
    (folder,) = user_directories()
    assert folder.parts[-2:] == ("cardcore", "profiles")
    folder.mkdir(parents=True)
    write(folder, "own")
    (folder / "notes.txt").write_text("not a profile")
    (folder / "folder.yaml").mkdir()
    assert [source.id for source in available() if not source.shipped] == ["own"]
    assert load("own").id == "own"


def test_the_configuration_folder_roams_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, folder in (("APPDATA", "Roaming"), ("LOCALAPPDATA", "Local")):
        monkeypatch.setenv(name, f"C:/Users/me/AppData/{folder}")

    def of_windows(appname: str, *, appauthor: Literal[False], roaming: bool) -> Path:
        # What the library asks the system for, it asks the environment for where there is no such system.
        monkeypatch.setattr(windows, "get_win_folder", windows.get_win_folder_from_env_vars)
        return windows.Windows(appname, appauthor=appauthor, roaming=roaming).user_config_path

    monkeypatch.setattr("platformdirs.user_config_path", of_windows)
    assert user_directories()[-1].as_posix().replace("\\", "/") == "C:/Users/me/AppData/Roaming/cardcore/profiles"


@pytest.mark.parametrize("inside", [True, False])
def test_shipped_in_the_package_or_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bool) -> None:
    package = tmp_path / "cardcore"
    (package / "_profiles" if inside else package).mkdir(parents=True)
    monkeypatch.setattr("importlib.resources.files", lambda _name: package)
    assert shipped_directory() == (package / "_profiles" if inside else tmp_path / "profiles")


def test_files_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "card")
    monkeypatch.chdir(tmp_path)
    for name in (path, str(path), "card.yaml", Path("card.yaml"), "./card.yaml"):
        assert load(name).id == "card"
    (tmp_path / "sub").mkdir()
    other = path.rename(tmp_path / "sub" / "card")
    assert load("sub/card").id == "card"
    assert load(other).name == "X"


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="there is no profile named nothing") as caught:
        load("nothing")
    assert "iso7816" in caught.value.hint
    with pytest.raises(ProfileError, match=r"none\.yaml: the profile cannot be read: No such file"):
        load(tmp_path / "none.yaml")
    with pytest.raises(ProfileError, match="cannot be read"):
        load(tmp_path)


def test_bases(tmp_path: Path) -> None:
    write(tmp_path, "a", CARD + "base: b\n")
    write(tmp_path, "b", CARD + "base: c\nobjects: {x: '01'}\n")
    write(tmp_path, "c", CARD + "operations: {version: [{ins: 1}]}\n")
    shelf = catalog([tmp_path])
    profile = shelf.load("a")
    assert (list(profile.operations), profile.objects) == (["version"], {"x": b"\1"})
    assert shelf.load("a") is profile
    assert shelf.load_file(tmp_path / "a.yaml") == profile


def test_bases_in_a_circle(tmp_path: Path) -> None:
    write(tmp_path, "a", CARD + "base: b\n")
    write(tmp_path, "b", CARD + "base: a\n")
    write(tmp_path, "self", CARD + "base: self\n")
    shelf = catalog([tmp_path])
    with pytest.raises(ProfileError, match=r"b\.yaml:6:7: the base goes in a circle: a -> b -> a"):
        shelf.load("a")
    with pytest.raises(ProfileError, match="circle: self -> self"):
        shelf.load_file(tmp_path / "self.yaml")


def test_an_error_in_the_base_is_told_with_its_own_place(tmp_path: Path) -> None:
    write(tmp_path, "a", CARD + "base: b\n")
    write(tmp_path, "b", CARD + "quirks: 1\n")
    with pytest.raises(ProfileError, match=r"b\.yaml:6:9: expected a list"):
        catalog([tmp_path]).load("a")


def test_the_first_error_of_the_file_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, "a", CARD.replace("length: [4, 8]", "length: 4") + "limits: 1\n")
    with pytest.raises(ProfileError, match=r"a\.yaml:4:31: ") as caught:
        Catalog({}).load_file(path)
    assert caught.value.line == 4


def test_a_long_chain_of_bases(tmp_path: Path) -> None:
    for number in range(12):
        write(tmp_path, f"p{number}", CARD + f"base: p{number + 1}\n")
    write(tmp_path, "p12", CARD)
    with pytest.raises(ProfileError, match="more than 8 bases"):
        catalog([tmp_path]).load("p0")


def test_every_atr_is_known_once_and_masked() -> None:
    known = known_atrs()
    assert len({(one.value, one.mask) for one in known}) == len(known)
    piv = load("piv")
    mine = [one for one in known if one.profile == "piv"]
    assert [one.mask for one in mine] == [masked.mask for masked in (*piv.match.atrs, *piv.match.usual)]
    assert {one.name for one in mine} == {piv.name}
    assert all(byte & ~mask == 0 for one in known for byte, mask in zip(one.value, one.mask, strict=True))


def test_a_file_that_is_meant_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "mine", CARD)
    with pytest.raises(ProfileError, match="there is no profile named mine") as caught:
        load("mine")
    assert caught.value.hint == "Is the file meant? Write mine.yaml."
    assert load("mine.yaml").id == "mine"
