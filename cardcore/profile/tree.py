"""A profile file as a tree of lists, mappings and raw scalars, each with its place; types come later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from cardcore.errors import ProfileError

_SHOWN = 40


class Place(NamedTuple):
    """A position in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def error(self, message: str, hint: str = "") -> ProfileError:
        """The error for what stands here."""
        return ProfileError(message, file=self.file, line=self.line, column=self.column, hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """Text as it stands in the file; `plain` if it is neither quoted nor a block."""

    place: Place
    text: str
    plain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNode:
    """A sequence."""

    place: Place
    items: tuple[Tree, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapNode:
    """A mapping, in the order of the file; no key stands twice."""

    place: Place
    entries: tuple[tuple[Scalar, Tree], ...]

    def get(self, key: str) -> Tree | None:
        """The value of the key, None if there is none."""
        return next((value for scalar, value in self.entries if scalar.text == key), None)


Tree: TypeAlias = Scalar | ListNode | MapNode


def shown(node: Tree) -> str:
    """How a node is named in an error message: what was found instead of what was expected."""
    if isinstance(node, ListNode):
        return "a list"
    if isinstance(node, MapNode):
        return "a mapping"
    if not node.text:
        return "nothing" if node.plain else "empty text"
    text = node.text if len(node.text) <= _SHOWN else node.text[:_SHOWN] + "..."
    return text if node.plain else f'"{text}"'
