"""YAML text to a tree, strictly: none of the features and conversions by which YAML surprises people.

Only the event level of the parser is used. Nothing is resolved or constructed, so there are no aliases to expand, no
types to guess (`no`, `12:30`, `010`) and no objects to make.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml
from yaml import events

from cardcore.errors import ProfileError
from cardcore.profile.tree import ListNode, MapNode, Place, Scalar, Tree

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 10_000

# Without libyaml the same events come from Python code, 18 times slower.
_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_WITHOUT_BREAKS = str.maketrans("", "", "\t\n\r")


def load_tree(data: bytes, file: str) -> Tree:
    """The tree of a YAML file's bytes; ProfileError for whatever is not plain YAML of one document in UTF-8."""
    return _Builder(_decode(data, file), file).document()


def load_entry(data: bytes, file: str, key: str) -> Tree | None:
    """The value of one key of a YAML file's mapping, None if it has none. What stands after it is not looked at."""
    return _Builder(_decode(data, file), file).entry(key)


def _decode(data: bytes, file: str) -> str:
    if len(data) > MAX_BYTES:
        raise ProfileError(
            f"the file has {len(data)} bytes, a profile has at most {MAX_BYTES}", file=file, line=1, column=1
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _place(data[: error.start].decode("utf-8-sig", "replace"), file)
        raise place.error(f"not UTF-8: byte {data[error.start]:02X}", "Save the file in the encoding UTF-8.") from error
    bad = _forbidden(text)
    if bad:
        place = _place(text[: bad.start()], file)
        raise place.error(f"control character U+{ord(bad.group()):04X}", "Remove it.")
    return text


def _forbidden(text: str) -> re.Match[str] | None:
    """The first character that YAML forbids, or a line break that only YAML 1.1 knows: editors count lines without it.

    Everything forbidden is not printable; only where there is something of the kind an expression finds out what,
    because one of so many characters takes longer to compile than a profile to read.
    """
    if text.isprintable() or text.translate(_WITHOUT_BREAKS).isprintable():
        return None
    return re.search("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]", text)


def _place(before: str, file: str) -> Place:
    """The position after the text `before`."""
    lines = re.split("\r\n|\n|\r", before)
    return Place(file, len(lines), len(lines[-1]) + 1)


class _Builder:
    """Builds the tree of one document out of the parser's events."""

    def __init__(self, text: str, file: str) -> None:
        self._file = file
        self._events = self._parse(text)
        self._nodes = 0

    def _parse(self, text: str) -> Iterator[events.Event]:
        """The events; what the parser raises (the Python one also ValueError and OverflowError) as ProfileError."""
        try:
            yield from yaml.parse(text, Loader=_PARSER)
        except yaml.MarkedYAMLError as error:
            raise self._malformed(error) from error
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            raise ProfileError("not valid YAML", file=self._file, line=1, column=1) from error

    def _malformed(self, error: yaml.MarkedYAMLError) -> ProfileError:
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        return self._at(error.problem_mark).error(f"not valid YAML: {reason}")

    def document(self) -> Tree:
        """The one document of the file."""
        tree = self._node(self._first(), 0)
        next(self._events)  # end of the document
        after = next(self._events)
        if isinstance(after, events.DocumentStartEvent):
            raise self._at(after.start_mark).error("a second document", "Write one profile per file.")
        return tree

    def entry(self, wanted: str) -> Tree | None:
        """The value of one key of the document, which is read no further."""
        first = self._first()
        if not isinstance(first, events.MappingStartEvent):
            return None
        return next((value for key, value in self._entries(1) if key.text == wanted), None)

    def _first(self) -> events.Event:
        """The event with which the document's content begins."""
        next(self._events)  # start of the stream
        start = next(self._events)
        if not isinstance(start, events.DocumentStartEvent):
            raise ProfileError("the file is empty", file=self._file, line=1, column=1)
        if start.version or start.tags:
            raise self._at(start.start_mark).error("a YAML directive", "Remove the line that begins with %.")
        return next(self._events)

    def _at(self, mark: object) -> Place:
        return Place(self._file, getattr(mark, "line", 0) + 1, getattr(mark, "column", 0) + 1)

    def _node(self, event: events.Event, depth: int) -> Tree:
        place = self._at(event.start_mark)
        if depth > MAX_DEPTH:
            raise place.error(f"nested deeper than {MAX_DEPTH} levels")
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise place.error(f"more than {MAX_NODES} values")
        self._refuse_features(event, place)
        if isinstance(event, events.ScalarEvent):
            return self._scalar(event, place)
        if isinstance(event, events.SequenceStartEvent):
            return ListNode(
                place=place, items=tuple(self._node(item, depth + 1) for item in self._until(events.SequenceEndEvent))
            )
        return MapNode(place=place, entries=tuple(self._entries(depth + 1)))

    def _refuse_features(self, event: events.Event, place: Place) -> None:
        if isinstance(event, events.AliasEvent):
            raise place.error(f"the alias *{event.anchor}", "Write the value out; profiles have no aliases.")
        if getattr(event, "anchor", None) is not None:
            raise place.error("an anchor (&)", "Write the value out; profiles have no anchors.")
        if getattr(event, "tag", None) is not None:
            raise place.error("a tag (!)", "Remove it; the type follows from where the value stands.")

    def _scalar(self, event: events.ScalarEvent, place: Place) -> Scalar:
        bad = _forbidden(event.value)
        if bad:
            raise place.error(f"the text holds the control character U+{ord(bad.group()):04X}", "Remove it.")
        return Scalar(place=place, text=event.value, plain=not event.style)

    def _until(self, end: type[events.Event]) -> Iterator[events.Event]:
        event = next(self._events)
        while not isinstance(event, end):
            yield event
            event = next(self._events)

    def _entries(self, depth: int) -> Iterator[tuple[Scalar, Tree]]:
        seen: dict[str, Place] = {}
        for event in self._until(events.MappingEndEvent):
            key = self._node(event, depth)
            if not isinstance(key, Scalar):
                raise key.place.error("a key must be a word or a number, not a list or mapping")
            if key.text == "<<":
                raise key.place.error("a merge key (<<)", "Write the entries out; profiles have no merge keys.")
            if key.text in seen:
                raise key.place.error(
                    f"the key {key.text} stands twice", f"It stands in line {seen[key.text].line} too."
                )
            seen[key.text] = key.place
            yield key, self._node(next(self._events), depth)
