"""Where profiles come from: those that are shipped, and the user's own, which take precedence."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from cardcore.errors import ProfileError
from cardcore.profile import schema
from cardcore.profile.loader import MAX_BYTES, load_entry
from cardcore.profile.match import Candidate
from cardcore.profile.model import Match, Profile
from cardcore.profile.sections import read_match
from cardcore.profile.tree import Place

ENVIRONMENT = "CARDCORE_PROFILE_PATH"
_SUFFIX = ".yaml"
_SHIPPED = "_profiles"
_MAX_BASES = 8
_log = logging.getLogger(__name__)


class ProfileSource(NamedTuple):
    """A profile that can be loaded: its id (the file's stem), its file, and whether it came with cardcore."""

    id: str
    path: Path
    shipped: bool


class Catalog:
    """Profiles by id; each is read once, when it is asked for."""

    def __init__(self, sources: Mapping[str, ProfileSource]) -> None:
        self.sources = sources
        self._loaded: dict[str, Profile] = {}

    def load(self, profile_id: str) -> Profile:
        """The profile of that id; ProfileError if there is none or it is not valid."""
        source = self.sources.get(profile_id)
        if source is None:
            raise ProfileError(
                f"there is no profile named {profile_id}", hint=f"There are {', '.join(sorted(self.sources))}."
            )
        return self._load(source, ())

    def candidate(self, profile_id: str) -> Candidate:
        """A profile of the catalogue as one that a card may match; one not loaded yet is looked at for that only."""
        if profile_id in self._loaded:
            return Candidate.of(self._loaded[profile_id])
        path = self.sources[profile_id].path
        found = load_entry(_content(path), str(path), "match")
        match = Match() if found is None else read_match(found)
        return Candidate(id=profile_id, match=match, build=partial(self.load, profile_id))

    def load_file(self, path: Path) -> Profile:
        """The profile in a file, whether or not the catalogue has it; it may build on those of the catalogue."""
        return self._load(ProfileSource(id=path.stem, path=path, shipped=False), ())

    def draft(self, path: Path) -> schema.Draft:
        """As `load_file`, but with all that is wrong with it instead of the first error; ProfileError if unreadable."""
        return self._read(ProfileSource(id=path.stem, path=path, shipped=False), ())

    def _load(self, source: ProfileSource, users: tuple[str, ...]) -> Profile:
        """Load a profile as the base of `users`, the innermost last."""
        if self.sources.get(source.id) == source and source.id in self._loaded:
            return self._loaded[source.id]
        draft = self._read(source, users)
        errors = schema.in_order(draft.problems)
        if errors:
            raise errors[0]
        if self.sources.get(source.id) == source:
            self._loaded[source.id] = draft.profile
        return draft.profile

    def _read(self, source: ProfileSource, users: tuple[str, ...]) -> schema.Draft:
        chain = (*users, source.id)

        def base(profile_id: str, place: Place) -> Profile:
            if profile_id in chain:
                raise place.error(f"the base goes in a circle: {' -> '.join((*chain, profile_id))}")
            if len(chain) > _MAX_BASES:
                raise place.error(f"more than {_MAX_BASES} bases on one another")
            return self._load(self.sources[profile_id], chain)

        library = schema.Library(base=base, ids=frozenset(self.sources))
        return schema.read(_content(source.path), profile_id=source.id, file=str(source.path), library=library)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        hint = "Check the path and your rights."
        raise ProfileError(f"the profile cannot be read: {error.strerror}", file=path, hint=hint) from error


def catalog(directories: list[Path] | None = None, without: frozenset[Path] = frozenset()) -> Catalog:
    """The profiles in the directories, the first of the same id taken; None: the user's, then the shipped ones.

    The files in `without` count as if they were not there.
    """
    shipped = shipped_directory()
    where = [*user_directories(), shipped] if directories is None else directories
    sources: dict[str, ProfileSource] = {}
    for directory in where:
        for path in _files(directory):
            if path in without:
                continue
            sources.setdefault(path.stem, ProfileSource(id=path.stem, path=path, shipped=directory == shipped))
    return Catalog(sources)


def _files(directory: Path) -> Iterator[Path]:
    if directory.is_dir():
        yield from sorted(path for path in directory.iterdir() if path.suffix == _SUFFIX and path.is_file())


def shipped_directory() -> Path:
    """Where the profiles that came with cardcore stand: in the package, or beside it in a source checkout."""
    package = Path(str(resources.files("cardcore")))
    inside = package / _SHIPPED
    return inside if inside.is_dir() else package.parent / "profiles"


def user_directories() -> list[Path]:
    """Where a user's own profiles stand: the directories in CARDCORE_PROFILE_PATH, then the configuration directory.

    That is `$XDG_CONFIG_HOME/cardcore/profiles`, on Windows `%APPDATA%\\cardcore\\profiles`, which roams with the user.
    """
    from platformdirs import user_config_path

    named = [Path(part) for part in os.environ.get(ENVIRONMENT, "").split(os.pathsep) if part]
    return [*named, user_config_path("cardcore", appauthor=False, roaming=True) / "profiles"]


def available() -> list[ProfileSource]:
    """All profiles that can be loaded by name, in the order of their ids."""
    return [source for _, source in sorted(catalog().sources.items())]


def load(name_or_path: str | Path) -> Profile:
    """The profile of that id, or in that file: a Path, or a name with a directory or with the suffix .yaml."""
    path = Path(name_or_path)
    if isinstance(name_or_path, Path) or path.suffix == _SUFFIX or len(path.parts) > 1:
        return catalog().load_file(path)
    shelf, file = catalog(), Path(f"{name_or_path}{_SUFFIX}")
    if name_or_path not in shelf.sources and file.is_file():
        raise ProfileError(f"there is no profile named {name_or_path}", hint=f"Is the file meant? Write {file}.")
    return shelf.load(name_or_path)


def candidates() -> list[Candidate]:
    """What a card may match, in the order of the profiles' ids; of a shipped profile only its `match` is read for that.

    A user's own that is not valid is left out with a warning in the log, as if its file were not there: it must not
    stop other cards. ProfileError where a shipped one is not valid, when that shows.
    """
    left_out: dict[Path, ProfileError] = {}
    while True:
        shelf = catalog(without=frozenset(left_out))
        found = _invalid_of_users(shelf)
        if not found:
            break
        left_out |= found
    for path, error in left_out.items():
        _log.warning("the profile %s is not valid and left out: %s", path.stem, error.message)
    return [shelf.candidate(profile_id) for profile_id in sorted(shelf.sources)]


def _invalid_of_users(shelf: Catalog) -> dict[Path, ProfileError]:
    found = {}
    for source in shelf.sources.values():
        if source.shipped:
            continue
        try:
            shelf.load(source.id)
        except ProfileError as error:
            found[source.path] = error
    return found
