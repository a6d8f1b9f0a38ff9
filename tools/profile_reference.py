"""Write docs/profile-reference.md from the tables that the profile loader itself goes by.

Run: `.venv/bin/python tools/profile_reference.py`. A test holds the file against the tables.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from cardcore.directory import DIRECTORIES
from cardcore.keytypes import KEY_TYPES
from cardcore.profile import jsonschema
from cardcore.profile.jsonschema_forms import Json, Schema
from cardcore.profile.vocabulary import CIPHERS, NAMES, OPERATIONS, PROCEDURES, QUIRKS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "profile-reference.md"


def table(*columns: str, rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """The lines of one Markdown table."""
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def lines() -> Iterator[str]:
    """The whole page."""
    yield "# Profile language: every key, every operation and every name"
    yield ""
    yield "Made from the loader's own tables and its schema by `tools/profile_reference.py`. The guide is"
    yield "[profile-authors.md](profile-authors.md)."
    yield ""
    yield from _keys()
    yield from _directories()
    yield "## Operations"
    yield ""
    yield from table(
        "operation",
        "what it does",
        "names that its steps may use",
        rows=((f"`{name}`", entry.text, _names(entry.names)) for name, entry in OPERATIONS.items()),
    )
    yield "## Names"
    yield ""
    yield "A *byte* may stand anywhere, *bytes* in data, a *secret* in data as a whole item; a *word* or *number* is a"
    yield "fact that only `by` and `when` compare."
    yield ""
    yield from table(
        "name",
        "kind",
        "what it stands for",
        rows=((f"`${name}`", entry.kind.value, entry.text) for name, entry in NAMES.items()),
    )
    yield "## Procedures of administrators"
    yield ""
    yield from table(
        "procedure",
        "what it does",
        "operations through which it runs",
        rows=((f"`{name}`", entry.text, _listed(entry.operations)) for name, entry in PROCEDURES.items()),
    )
    yield f"Ciphers of admin keys: {_listed(CIPHERS)}. Key types: {_listed(tuple(KEY_TYPES))}."
    if QUIRKS:
        yield f"Quirks: {_listed(tuple(QUIRKS))}."


def _keys() -> Iterator[str]:
    """A table of keys for each part of a profile, out of the JSON Schema."""
    schema = jsonschema.build()
    definitions = _mapping(schema["$defs"])
    parts = _mapping(schema["properties"])
    sections: dict[str, Json] = {
        "Keys of a profile": schema,
        "`match`": parts["match"],
        "`limits`": parts["limits"],
        "A PIN in `pins`": _mapping(parts["pins"])["additionalProperties"],
        "`admin`": parts["admin"],
        "A slot in `keys`": definitions["slot"],
        "`range` in `keys`": definitions["range"],
        "An algorithm in `algorithms`": _mapping(parts["algorithms"])["additionalProperties"],
        "A step of an operation": definitions["step-sign"],
        "`reply`": definitions["reply"],
    }
    for title, section in sections.items():
        yield f"## {title}"
        yield ""
        yield from table("key", "value", "what it says", rows=_rows(_mapping(section)))


def _rows(section: Schema, inside: str = "") -> Iterator[tuple[str, str, str]]:
    required = section["required"]
    for key, found in _mapping(section["properties"]).items():
        value = _mapping(found)
        mark = " (needed)" if isinstance(required, list) and key in required else ""
        yield f"`{inside}{key}`{mark}", _shape(value), str(value["description"])
        if inside or key in _INNER:
            yield from _rows(value, f"{key}.") if key in _INNER else ()


_INNER = ("pad", "rsa", "ec")
"""Keys whose own keys stand in the table too."""


def _mapping(found: Json) -> Schema:
    if not isinstance(found, dict):
        raise TypeError("the schema is not what it was")
    return found


def _shape(value: Schema) -> str:
    """What may stand there, in a few words."""
    match value:
        case {"$ref": str(target)}:
            return {"byte": "a byte template", "data": "a template"}.get(target.split("/")[-1].split("-")[0], "mapping")
        case {"const": constant}:
            return f"`{constant}`"
        case {"enum": [*words]}:
            return ", ".join(f"`{str(word).lower() if isinstance(word, bool) else word}`" for word in words)
        case {"type": "object"}:
            return "mapping"
        case {"not": _}:
            return "nothing yet"
        case {"anyOf": [*choices]}:
            return " or ".join(dict.fromkeys(_shape(_mapping(choice)) for choice in choices))
        case {"type": "integer", "minimum": low, "maximum": high}:
            return f"{low} to {high}" if high != _MOST_TAG else "a tag"
        case {"type": "array", "items": dict(items)}:
            return f"list of {_shape(items)}"
        case {"type": "string", "pattern": str(pattern)}:
            return "a name" if "a-z" in pattern else "hex in quotes"
        case {"type": "string"}:
            return "text"
        case {"type": "boolean"}:
            return "`true`, `false`"
        case _:
            return "mapping"


_MOST_TAG = 0xFFFFFFFF


def _directories() -> Iterator[str]:
    """Who keeps certificates, serial number and objects, by the name in `directory`."""
    yield "## Directories"
    yield ""
    rows = []
    for name, (module, kind) in DIRECTORIES.items():
        text = inspect.getdoc(getattr(import_module(module), kind)) or ""
        rows.append((f"`{name}`" if name else "none", text.partition("\n\n")[0].replace("\n", " ")))
    yield from table("`directory`", "how certificates, serial number and objects are kept", rows=iter(rows))


def _names(names: frozenset[str]) -> str:
    return " ".join(f"`${name}`" for name in sorted(names)) or "none"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def page() -> str:
    """The text of the page."""
    return "\n".join(lines()) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
