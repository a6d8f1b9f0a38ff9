"""Who gets a card: records from a CSV file, JSON Lines or a SQL query, one after the other, never all at once.

What stands there is hostile input: sizes are bounded, and whatever is wrong is told with its line.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cardcore.errors import ProfileError
from cardcore.lines import is_line
from cardcore.personalise.csv_records import MAX_LINE, csv_records
from cardcore.personalise.plan import CsvHolders, HoldersSettings, JsonHolders, SqlHolders
from cardcore.personalise.sql_records import QUERY, sql_records
from cardcore.personalise.templates import CARD_FIELDS, PIN_PREFIX
from cardcore.profile.reader import suggestion

MOST_HOLDERS = 1_000_000
MAX_COLUMNS = 256
MAX_ID = 128
"""Bounds: records, fields of a record, characters of an id or of a field's name."""

_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who gets a card: `id` is unique among the holders, `fields` is the whole record, `line` where it stands.

    For a query the line is the number of the row.
    """

    id: str
    fields: Mapping[str, str]
    line: int = 0


Record = tuple[int, Mapping[str, str]]


def read_holders(settings: HoldersSettings) -> Iterator[Holder]:
    """Yield every holder; ProfileError with file and line at the first record that is wrong.

    Ids are compared as Unicode in normalisation form C, without the white space around them.
    """
    file = _file(settings)
    first_lines: dict[str, int] = {}
    for line, fields in _records(settings):
        holder_id = unicodedata.normalize("NFC", fields.get(settings.id_column, ""))
        if not holder_id:
            raise _wrong(file, line, f"the holder's id ({settings.id_column}) is empty", "Every holder needs one.")
        if len(holder_id) > MAX_ID or not is_line(holder_id):
            hint = f"It has at most {MAX_ID} characters, and no line breaks or control characters."
            raise _wrong(file, line, "the holder's id cannot be used", hint)
        before = first_lines.setdefault(holder_id, line)
        if before != line:
            raise _wrong(file, line, f"the holder {holder_id} stands twice", f"It stands in line {before} too.")
        if len(first_lines) > MOST_HOLDERS:
            raise _wrong(file, line, f"more than {MOST_HOLDERS} holders", "Make it several plans.")
        yield Holder(id=holder_id, fields=fields, line=line)


def columns(settings: HoldersSettings) -> frozenset[str]:
    """The names of the fields, by the header or the first record; ProfileError if there is none."""
    for _, fields in _records(settings):
        return frozenset(fields)
    raise _wrong(_file(settings), 1, "there are no holders", "Give at least one record.")


def _file(settings: HoldersSettings) -> str:
    return QUERY if isinstance(settings, SqlHolders) else str(settings.path)


def _wrong(file: str, line: int, message: str, hint: str = "") -> ProfileError:
    return ProfileError(message, file=file, line=line, column=1, hint=hint)


def _records(settings: HoldersSettings) -> Iterator[Record]:
    """Every record with its line, the names of its fields checked."""
    match settings:
        case CsvHolders():
            found: Iterator[Record] = csv_records(settings)
        case JsonHolders():
            found = _json_records(settings.path)
        case _:
            found = sql_records(settings)
    known: Sequence[str] = ()
    file = _file(settings)
    for line, fields in found:
        names = tuple(fields)
        if names != known:
            _check_names(file, line, names, settings.id_column)
            known = names
        if _NO_TEXT.search("".join(fields.values())):
            bad = next(name for name, value in fields.items() if _NO_TEXT.search(value))
            raise _wrong(file, line, f"the field {bad} holds a control character", "Remove it.")
        yield line, fields


def _check_names(file: str, line: int, names: Sequence[str], id_column: str) -> None:
    if len(names) > MAX_COLUMNS:
        raise _wrong(file, line, f"more than {MAX_COLUMNS} fields")
    for name in names:
        if not name or len(name) > MAX_ID or not is_line(name) or "{" in name or "}" in name:
            raise _wrong(file, line, "a field without a usable name", "A name has text, and no braces.")
        if name in CARD_FIELDS or name.startswith(PIN_PREFIX):
            raise _wrong(file, line, f"a field cannot be named {name}", "Plans use such names for something else.")
    if id_column not in names:
        hint = suggestion(id_column, names) or f"Fields: {', '.join(names)[:200]}."
        raise _wrong(file, line, f"there is no field {id_column}, which is to be the holder's id", hint)


def _json_records(path: Path) -> Iterator[Record]:
    """The objects of a file of JSON Lines (one JSON text per line, UTF-8)."""
    try:
        with path.open("rb") as stream:
            yield from _json_lines(str(path), stream)
    except OSError as error:
        raise _wrong(str(path), 1, f"the holders cannot be read: {error.strerror}", "Check the path.") from error


def _json_lines(file: str, stream: BinaryIO) -> Iterator[Record]:
    line = 0
    while text := stream.readline(MAX_LINE + 1):
        line += 1
        if len(text) > MAX_LINE:
            raise _wrong(file, line, f"a line of more than {MAX_LINE} bytes")
        if text.strip():
            yield line, _json_record(file, line, text)


def _json_record(file: str, line: int, text: bytes) -> Mapping[str, str]:
    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise _wrong(file, line, "a name stands twice in the object", "Each field has a name of its own.")
        return found

    try:
        # Numbers stay as they are written: 007 would be no number, 1e400 and 12345678901234567890 no float.
        record = json.loads(
            text.decode("utf-8-sig" if line == 1 else "utf-8"),
            object_pairs_hook=members,
            parse_int=str,
            parse_float=str,
        )
    except UnicodeDecodeError as error:
        raise _wrong(file, line, "not UTF-8", "Save the file in the encoding UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise _wrong(file, line, "not valid JSON", "Each line is one object: {...}.") from error
    if not isinstance(record, dict):
        raise _wrong(file, line, "not a JSON object", "Each line is one object: {...}.")
    return {name.strip(): _json_text(file, line, name, value) for name, value in record.items()}


def _json_text(file: str, line: int, name: str, value: object) -> str:
    match value:
        case str():
            return value.strip()
        case None:
            return ""
        case bool():
            return "true" if value else "false"
    raise _wrong(file, line, f"the field {name[:MAX_ID]} is no text or number", "Lists and objects have no place here.")
