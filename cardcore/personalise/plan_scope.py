"""What the parts of a plan refer to while they are read: its folder, the holders' columns, what was wrong so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cardcore.errors import InputError
from cardcore.personalise.templates import CARD_FIELDS, Template
from cardcore.profile import reader
from cardcore.profile.tree import Place, Tree
from cardcore.sources import Source, SourceKind

_SOURCE_HINT = "Say where it comes from: env:VARIABLE or file:PATH. A plan holds no secrets."


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is known while a plan is read.

    `columns` are the fields of the holders' records, None where they cannot be known without asking a database.
    `used` collects those that the plan needs, `problems` what is wrong, `doubts` what may be meant otherwise.
    """

    folder: Path
    columns: frozenset[str] | None
    problems: reader.Problems
    doubts: reader.Problems
    used: set[str] = field(default_factory=set)

    def column(self, node: Tree) -> str:
        """The name of a field of the holders' records."""
        name = reader.text(node)
        self.use(node.place, name)
        return name

    def template(self, node: Tree, more: frozenset[str] = frozenset()) -> Template:
        """Text with {field}: fields of the record, and those in `more`."""
        try:
            found = Template(text=reader.text(node))
        except InputError as error:
            raise node.place.error(error.message, error.hint) from error
        for name in sorted(found.columns - more):
            self.use(node.place, name)
        return found

    def card_template(self, node: Tree) -> Template:
        """Text with {field}, of the record or of the card."""
        return self.template(node, CARD_FIELDS)

    def use(self, place: Place, name: str) -> None:
        """Note that the plan needs a field of the records; an error where there is none of that name."""
        if self.columns is not None and name not in self.columns:
            hint = reader.suggestion(name, self.columns) or f"Fields: {', '.join(sorted(self.columns))[:200]}."
            raise place.error(f"the holders have no field {name}", hint)
        self.used.add(name)

    def path(self, node: Tree) -> Path:
        """A path; one that is not absolute begins in the plan's folder."""
        return self.folder / reader.text(node)

    def file(self, node: Tree) -> Path:
        """The path of a file that is there."""
        path = self.path(node)
        try:
            with path.open("rb"):
                return path
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "no usable path"
            hint = f"Paths begin in the plan's folder, {self.folder}."
            raise node.place.error(f"cannot read the file {path}: {reason}", hint) from error

    def parent(self, node: Tree) -> Path:
        """The path of a file that is written later: its folder has to be there."""
        path = self.path(node)
        if not path.parent.is_dir():
            raise node.place.error(f"there is no folder {path.parent}", "Create it first.")
        return path

    def source(self, node: Tree) -> Source:
        """Where a secret is: env:VARIABLE or file:PATH. What else stands there is not repeated: it may be a secret."""
        text = reader.text(node)
        kind, _, place = text.partition(":")
        if kind not in tuple(SourceKind) or not place.strip():
            raise node.place.error("expected the source of a secret", _SOURCE_HINT)
        if kind == SourceKind.FILE:
            return Source(kind=SourceKind.FILE, place=str(self.folder / place))
        return Source(kind=SourceKind.ENVIRONMENT, place=place)
