"""What is wrong or doubtful in a profile file, all at once, for the people who write profiles."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cardcore.errors import ProfileError
from cardcore.profile import reader, schema
from cardcore.profile.catalog import Catalog, catalog
from cardcore.profile.match import overlap
from cardcore.profile.model import Algorithm, Profile
from cardcore.profile.operations import OperationSource, StepSource
from cardcore.profile.situation import Situation
from cardcore.profile.template import Value
from cardcore.profile.tree import MapNode, Place
from cardcore.profile.vectors import Vector, problem

_MAIN_PIN = "user"
_USES: Mapping[str, Callable[[Algorithm], bool]] = {
    "sign": lambda algorithm: algorithm.sign is not None,
    "decipher": lambda algorithm: algorithm.decipher is not None,
    "agree": lambda algorithm: algorithm.agree,
}


class Severity(StrEnum):
    """ERROR: the profile cannot be loaded. WARNING: it can, but probably says something else than was meant."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to look at; line and column count from 1, 0 is unknown."""

    severity: Severity
    message: str
    file: str
    line: int
    column: int
    hint: str = ""


def check(
    path: Path,
    shelf: Catalog | None = None,
    vectors: Collection[Vector] | None = None,
    directories: Collection[str] | None = None,
) -> list[Finding]:
    """Everything that can be found in a profile file, in its order; warnings only where there are no errors.

    `shelf` holds the profiles that it may build on (None: those of `cardcore profile list`). `vectors` are those of all
    profiles (None: nobody asks for vectors). `directories` are the names that `directory` may give (None: any).
    """
    shelf = shelf or catalog()
    try:
        draft = shelf.draft(path)
    except ProfileError as error:
        return [_error(error)]
    if draft.problems.found:
        return [_error(error) for error in schema.in_order(draft.problems)]
    errors = [*_unknown_directory(draft, directories), *_broken_vectors(draft, vectors or ())]
    doubts = [*_doubts(draft), *_ambiguous(draft, shelf), *_without_vectors(draft, vectors)]
    warnings = [_warning(place, message) for place, message in doubts]
    return errors + sorted(warnings, key=lambda finding: (finding.line, finding.column))


def caret(finding: Finding, text: str) -> str:
    """The line of a finding with a caret under its column; empty if the file's `text` has no such line."""
    lines = text.splitlines()
    if not 0 < finding.line <= len(lines):
        return ""
    number = str(finding.line)
    line = lines[finding.line - 1]
    # Tabs are kept, so that the caret stands below its column however wide they are shown.
    indent = "".join("\t" if character == "\t" else " " for character in line[: finding.column - 1])
    return f"{number} | {line}\n{' ' * len(number)} | {indent}^"


def _error(error: ProfileError) -> Finding:
    return Finding(
        severity=Severity.ERROR,
        message=error.reason,
        file=error.file,
        line=error.line,
        column=error.column,
        hint=error.hint,
    )


def _warning(place: Place, message: str) -> Finding:
    return Finding(severity=Severity.WARNING, message=message, file=place.file, line=place.line, column=place.column)


def _doubts(draft: schema.Draft) -> Iterator[tuple[Place, str]]:
    profile = draft.profile
    if profile.abstract:
        return
    yield from _unused_pins(draft)
    yield from _idle_algorithms(draft)
    for source in draft.sources.values():
        yield from _unreachable(profile, source)
        for name, place in source.unused.items():
            yield place, f"{name} is saved, but no later step uses it"
        usable = _USES.get(source.operation.name)
        if usable is not None and not source.removes and not any(map(usable, profile.algorithms.values())):
            yield source.place, f"the operation {source.operation.name} is never run: no algorithm is for it"


def _ambiguous(draft: schema.Draft, shelf: Catalog) -> Iterator[tuple[Place, str]]:
    """Other profiles that the same card may match, where neither says that it refines the other."""
    node = None if draft.section is None else draft.section.get("match")
    if node is None or draft.profile.abstract:
        return
    for profile_id in sorted(shelf.sources):
        try:
            other = shelf.load(profile_id)
        except ProfileError:
            continue
        related = other.id == draft.profile.id or other.id == draft.profile.refines or other.refines == draft.profile.id
        if not related and not other.abstract and overlap(draft.profile.match, other.match):
            yield node.place, f"a card may match the profile {other.id} too, and neither `refines` the other"


def _unknown_directory(draft: schema.Draft, directories: Collection[str] | None) -> Iterator[Finding]:
    node = None if draft.section is None else draft.section.get("directory")
    name = draft.profile.directory
    if node is not None and directories is not None and name not in directories:
        known = f"There are {', '.join(sorted(directories))}."
        hint = reader.suggestion(name, directories) or known
        yield _error(node.place.error(f"there is no directory named {name}", hint))


def _broken_vectors(draft: schema.Draft, vectors: Collection[Vector]) -> Iterator[Finding]:
    """Vectors of the profile whose commands are others than what its operations become; JSON has no line numbers."""
    for vector in vectors:
        told = problem(draft.profile, vector) if vector.card == draft.profile.id else ""
        if told:
            yield Finding(severity=Severity.ERROR, message=told, file=vector.file, line=0, column=0)


def _without_vectors(draft: schema.Draft, vectors: Collection[Vector] | None) -> Iterator[tuple[Place, str]]:
    if vectors is None or draft.profile.abstract:
        return
    covered = {vector.operation for vector in vectors if vector.card == draft.profile.id}
    for source in draft.sources.values():
        if not source.removes and source.operation.name not in covered:
            yield source.place, f"there are no vectors for the operation {source.operation.name}"


def _unused_pins(draft: schema.Draft) -> Iterator[tuple[Place, str]]:
    profile = draft.profile
    used = {_MAIN_PIN, *(key.pin for key in profile.keys.values()), *(pin.unblock for pin in profile.pins.values())}
    used |= set() if profile.admin is None else {profile.admin.pin}
    for name, place in _keys_of(draft, "pins"):
        if name not in used:
            yield place, f"the PIN {name} protects no key and unblocks no PIN"


def _idle_algorithms(draft: schema.Draft) -> Iterator[tuple[Place, str]]:
    for name, place in _keys_of(draft, "algorithms"):
        for operation, usable in _USES.items():
            if usable(draft.profile.algorithms[name]) and operation not in draft.profile.operations:
                yield place, f"the algorithm {name} is for {operation}, but there is no such operation"


def _keys_of(draft: schema.Draft, section: str) -> Iterator[tuple[str, Place]]:
    """The names in a section that the file itself has, with their places."""
    node = None if draft.section is None else draft.section.get(section)
    if isinstance(node, MapNode):
        yield from ((key.text, key.place) for key, _ in node.entries)


def _unreachable(profile: Profile, source: OperationSource) -> Iterator[tuple[Place, str]]:
    """Steps and table entries that no card of the profile ever needs, and entries that one needs and does not find."""
    for step in source.steps:
        known = Situation.of(profile, source.operation.name)
        for fact, (place, values) in step.facts.items():
            possible = known.values(fact)
            if possible and not values & possible:
                wanted = " or ".join(sorted(map(_shown, values)))
                yield place, f"the step is never sent: no {fact} of this profile is {wanted}"
                break
            known = known.where(fact, values)
        else:
            yield from _table_doubts(step, known)


def _table_doubts(step: StepSource, known: Situation) -> Iterator[tuple[Place, str]]:
    for choice in step.choices:
        possible = known.values(choice.fact)
        if not possible:
            continue
        missing = sorted(map(_shown, possible - choice.entries.keys()))
        if missing:
            yield (
                choice.place,
                f"the table has no entry for {choice.fact} {', '.join(missing)}, which a card of this profile can have",
            )
        for value, place in choice.entries.items():
            if value not in possible:
                yield place, f"the entry is never used: no {choice.fact} here is {_shown(value)}"


def _shown(value: Value) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
