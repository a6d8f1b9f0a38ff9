"""From a tree to a typed profile: every section read, the base merged in, and the parts checked against each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

from cardcore.errors import ProfileError
from cardcore.profile import reader
from cardcore.profile.crosscheck import cross_check
from cardcore.profile.keys import read_algorithms, read_keys
from cardcore.profile.loader import load_tree
from cardcore.profile.model import VERSION, Match, Operation, Profile
from cardcore.profile.operations import OperationSource, read_operations
from cardcore.profile.sections import read_admin, read_limits, read_match, read_objects, read_pins
from cardcore.profile.tree import MapNode, Place, Tree
from cardcore.profile.vocabulary import QUIRKS

T = TypeVar("T")
Default = TypeVar("Default")

PROFILE_KEYS = (
    "profile",
    "name",
    "description",
    "base",
    "abstract",
    "refines",
    "verified",
    "match",
    "limits",
    "directory",
    "quirks",
    "pins",
    "admin",
    "keys",
    "algorithms",
    "objects",
    "operations",
)


class Library(NamedTuple):
    """What a profile may refer to: `ids` are all profiles; `base` loads one of them, for the place that names it."""

    base: Callable[[str, Place], Profile]
    ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A profile as it was read, what is wrong with it, and where its operations stand."""

    profile: Profile
    problems: reader.Problems
    sources: dict[str, OperationSource] = field(default_factory=dict)
    section: reader.Section | None = None


def in_order(problems: reader.Problems) -> list[ProfileError]:
    """The errors in the order of the file."""
    return sorted(problems.found, key=lambda error: (error.line, error.column))


def read(data: bytes, *, profile_id: str, file: str, library: Library) -> Draft:
    """The profile in the bytes of a YAML file as far as it can be read, with all errors that were found."""
    draft = Draft(profile=Profile(id=profile_id, name="", origin=file), problems=reader.Problems())
    problems = draft.problems
    tree = problems.attempt(None, load_tree, data, file)
    section = None if tree is None else problems.attempt(None, reader.section, tree, PROFILE_KEYS, "a profile")
    if section is None or not problems.attempt(False, _check_version, section):
        return draft
    draft = _assembled(section, draft, library)
    if not problems.found:
        cross_check(draft.profile, draft.sources, section, problems)
    return draft


def _check_version(section: reader.Section) -> bool:
    node = section.need("profile")
    if reader.integer(node, 1, 0xFFFF) != VERSION:
        raise node.place.error(f"expected version {VERSION} of the profile language", "A newer cardcore may know it.")
    return True


def _assembled(section: reader.Section, draft: Draft, library: Library) -> Draft:
    """The draft with every section read; one that is missing is the base's, but for those that say what it is."""
    problems = draft.problems

    def part(key: str, accessor: Callable[[Tree], T], default: Default) -> T | Default:
        return problems.attempt(default, section.read, key, accessor, default)

    base = part("base", lambda node: _base(node, library), Profile(id="", name="", origin=""))
    profile = Profile(
        id=draft.profile.id,
        origin=draft.profile.origin,
        sources=(draft.profile.origin, *base.sources),
        name=problems.attempt("", lambda: reader.text(section.need("name"))),
        description=part("description", reader.text, ""),
        verified=part("verified", reader.text, ""),
        abstract=part("abstract", reader.boolean, False),
        refines=part("refines", lambda node: _refines(node, draft.profile.id, library), ""),
        match=part("match", read_match, Match()),
        limits=part("limits", read_limits, base.limits),
        directory=part("directory", reader.name, base.directory),
        quirks=part("quirks", _quirks, base.quirks),
        pins=part("pins", lambda node: read_pins(node, problems), base.pins),
        admin=part("admin", read_admin, base.admin),
        keys=part("keys", lambda node: read_keys(node, _pin_names(section, base), problems), base.keys),
        algorithms=part("algorithms", lambda node: read_algorithms(node, problems), base.algorithms),
        objects=part("objects", read_objects, base.objects),
    )
    sources = part("operations", lambda node: read_operations(node, problems), {})
    profile = replace(profile, operations=_operations(base, sources, problems))
    return Draft(profile=profile, problems=problems, sources=sources, section=section)


def _base(node: Tree, library: Library) -> Profile:
    """The base profile; its own errors are told with their place in its file."""
    name = reader.name(node)
    if name not in library.ids:
        hint = reader.suggestion(name, library.ids) or "See `cardcore profile list`."
        raise node.place.error(f"there is no profile named {name}", hint)
    return library.base(name, node.place)


def _refines(node: Tree, profile_id: str, library: Library) -> str:
    name = reader.name(node)
    if name == profile_id:
        raise node.place.error("a profile cannot refine itself")
    if name not in library.ids:
        raise node.place.error(f"there is no profile named {name}", reader.suggestion(name, library.ids))
    return name


def _quirks(node: Tree) -> frozenset[str]:
    return frozenset(reader.choice(item, QUIRKS) for item in reader.items(node))


def _pin_names(section: reader.Section, base: Profile) -> list[str]:
    """Names of the PINs, also of those that could not be read: one error each is enough."""
    node = section.get("pins")
    return [key.text for key, _ in node.entries] if isinstance(node, MapNode) else list(base.pins)


def _operations(base: Profile, sources: dict[str, OperationSource], problems: reader.Problems) -> dict[str, Operation]:
    """The base's operations, each replaced by the profile's own; one without steps is taken away."""
    operations = dict(base.operations)
    for name, source in sources.items():
        if not source.removes:
            operations[name] = source.operation
        elif operations.pop(name, None) is None:
            problems.note(source.place, f"the operation {name} has no steps", "There is none in a base to remove.")
    return operations
