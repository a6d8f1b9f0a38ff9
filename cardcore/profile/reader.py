"""Typed values out of a profile's tree: each accessor says what it expected and what it found, and where."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ParamSpec, TypeVar

from cardcore.errors import ProfileError
from cardcore.profile.tree import ListNode, MapNode, Place, Scalar, Tree, shown
from cardcore.tlv import tag_bytes

T = TypeVar("T")
P = ParamSpec("P")
Default = TypeVar("Default")
Form = TypeVar("Form", bound=StrEnum)

INTEGER = r"0x[0-9A-Fa-f]{1,8}|0|[1-9][0-9]{0,9}"
NAME = r"[a-z0-9]+(-[a-z0-9]+)*"
HEX = r"([0-9A-Fa-f]{2})*"

_INTEGER = re.compile(INTEGER)
_NAME = re.compile(NAME)
_HEX = re.compile(HEX)
_LOOKS_LIKE_INTEGER = re.compile(r"[-+]?0?[xob]?[0-9A-Fa-f_]+")
_MAX_NAME = 64


def integer(node: Tree, low: int, high: int) -> int:
    """A plain integer, decimal without leading zeros or 0x hexadecimal, within the bounds."""
    number = as_integer(node)
    if number is None:
        hint = "Write 18 or 0x12; no leading zeros, no quotes." if _is_like_integer(node) else ""
        raise node.place.error(f"expected an integer from {low} to {high}, found {shown(node)}", hint)
    if not low <= number <= high:
        raise node.place.error(f"expected an integer from {low} to {high} (0x{high:X}), found {shown(node)}")
    return number


def as_integer(node: Tree) -> int | None:
    """The integer that a scalar is, None if it is something else."""
    if not isinstance(node, Scalar) or not node.plain or not _INTEGER.fullmatch(node.text):
        return None
    return int(node.text, 16 if node.text.startswith("0x") else 10)


def is_hex(found: str) -> bool:
    """Whether text is pairs of hexadecimal digits."""
    return bool(found) and _HEX.fullmatch(found[:_MAX_NAME]) is not None


def _is_like_integer(node: Tree) -> bool:
    return isinstance(node, Scalar) and _LOOKS_LIKE_INTEGER.fullmatch(node.text[:_MAX_NAME]) is not None


def boolean(node: Tree) -> bool:
    """`true` or `false`."""
    if isinstance(node, Scalar) and node.plain and node.text in ("true", "false"):
        return node.text == "true"
    raise node.place.error(f"expected true or false, found {shown(node)}", "Other words, as yes or on, do not count.")


def text(node: Tree) -> str:
    """Any text that is not empty."""
    if isinstance(node, Scalar) and node.text.strip():
        return node.text.strip()
    raise node.place.error(f"expected text, found {shown(node)}")


def name(node: Tree) -> str:
    """A lower-case identifier: letters, digits, single dashes."""
    if isinstance(node, Scalar) and node.plain and len(node.text) <= _MAX_NAME and _NAME.fullmatch(node.text):
        return node.text
    raise node.place.error(
        f"expected a name, found {shown(node)}", "A name has lower-case letters, digits and single dashes, no quotes."
    )


def hex_bytes(node: Tree, low: int = 0, high: int = 65535) -> bytes:
    """A quoted string of hexadecimal digit pairs, from `low` to `high` bytes long."""
    if not isinstance(node, Scalar):
        raise node.place.error(f'expected hexadecimal digits in quotes, as "A000", found {shown(node)}')
    if node.plain:
        hint = f'Write "{node.text}".' if is_hex(node.text) else ""
        raise node.place.error(f'expected hexadecimal digits in quotes, as "A000", found {shown(node)}', hint)
    if not _HEX.fullmatch(node.text):
        odd = re.fullmatch("[0-9A-Fa-f]+", node.text)
        hint = f"It has {len(node.text)} digits; a byte has two." if odd else "Only 0-9 and A-F, no spaces."
        raise node.place.error(f"expected pairs of hexadecimal digits, found {shown(node)}", hint)
    data = bytes.fromhex(node.text)
    if not low <= len(data) <= high:
        raise node.place.error(f"expected {low} to {high} bytes, found {len(data)}")
    return data


def tag(node: Tree) -> int:
    """A BER-TLV tag as an integer."""
    number = integer(node, 0, 0xFFFFFFFF)
    try:
        tag_bytes(number)
    except ValueError as error:
        raise node.place.error(f"expected a BER-TLV tag, found {shown(node)}", f"{error}.") from error
    return number


def choice(node: Tree, choices: Iterable[str]) -> str:
    """One word of a closed list."""
    allowed = tuple(choices)
    if isinstance(node, Scalar) and node.plain and node.text in allowed:
        return node.text
    found = node.text if isinstance(node, Scalar) else ""
    wanted = f"expected one of {', '.join(allowed)}, found {shown(node)}"
    raise node.place.error(wanted, suggestion(found, allowed))


def form(node: Tree, forms: type[Form]) -> Form:
    """One member of an enumeration, by its value."""
    return forms(choice(node, [member.value for member in forms]))


def suggestion(found: str, choices: Iterable[str]) -> str:
    """A hint that names the choice nearest to what was found; empty if none is near."""
    import difflib

    near = difflib.get_close_matches(found[:_MAX_NAME], list(choices), n=1)
    return f"Did you mean {near[0]}?" if near else ""


def items(node: Tree) -> tuple[Tree, ...]:
    """The items of a list that is not empty."""
    if isinstance(node, ListNode) and node.items:
        return node.items
    raise node.place.error(f"expected a list, found {'an empty list' if isinstance(node, ListNode) else shown(node)}")


def one_or_more(node: Tree) -> tuple[Tree, ...]:
    """The items of a list, or the node itself as the only one."""
    return items(node) if isinstance(node, ListNode) else (node,)


def entries(node: Tree, what: str) -> tuple[tuple[Scalar, Tree], ...]:
    """The entries of a mapping that is not empty, whatever its keys; `what` it is, for the error."""
    if isinstance(node, MapNode) and node.entries:
        return node.entries
    found = "an empty mapping" if isinstance(node, MapNode) else shown(node)
    raise node.place.error(f"expected {what}, found {found}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A mapping whose keys are known."""

    node: MapNode
    what: str

    @property
    def place(self) -> Place:
        """Where it begins."""
        return self.node.place

    def get(self, key: str) -> Tree | None:
        """The value of a key that may be missing."""
        return self.node.get(key)

    def need(self, key: str) -> Tree:
        """The value of a key that must be there."""
        value = self.node.get(key)
        if value is None:
            raise self.place.error(f"{self.what} lacks the key {key}")
        return value

    def read(self, key: str, accessor: Callable[[Tree], T], default: Default) -> T | Default:
        """What the accessor makes of a key's value; the default where it is missing."""
        value = self.node.get(key)
        return default if value is None else accessor(value)


def section(node: Tree, keys: Sequence[str], what: str) -> Section:
    """A mapping with no other keys than `keys`; an unknown one is an error that names the nearest."""
    if not isinstance(node, MapNode):
        raise node.place.error(f"expected {what} (a mapping), found {shown(node)}")
    for key, _ in node.entries:
        if key.text not in keys:
            hint = suggestion(key.text, keys) or f"Known keys: {', '.join(keys)}."
            raise key.place.error(f"unknown key {shown(key)} in {what}", hint)
    return Section(node=node, what=what)


class Problems:
    """Collects the errors of a profile, so that one check shows them all."""

    def __init__(self) -> None:
        self.found: list[ProfileError] = []

    def attempt(self, default: Default, read: Callable[P, T], *args: P.args, **keywords: P.kwargs) -> T | Default:
        """The result of `read`; the default, and the error noted, where it fails."""
        try:
            return read(*args, **keywords)
        except ProfileError as error:
            self.found.append(error)
            return default

    def note(self, place: Place, message: str, hint: str = "") -> None:
        """Note an error without leaving the work."""
        self.found.append(place.error(message, hint))
