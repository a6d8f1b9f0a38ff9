"""Records of a CSV file: RFC 4180, and what spreadsheet programs make of it."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Mapping
from typing import TextIO

from cardcore.errors import ProfileError
from cardcore.personalise.plan import CsvHolders

DELIMITERS = (",", ";", "\t", "|")
"""What may stand between fields; the first line tells which, unless the plan does."""

MAX_LINE = 65_536
"""Most characters of a line."""

_NO_MEMBERS = "There are as many fields in each line as names in the first; quote a field that holds the delimiter."


def csv_records(settings: CsvHolders) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield each record after the header with the line in which it begins; ProfileError with the line."""
    file = _File(settings)
    try:
        with settings.path.open(encoding=file.encoding(), newline="") as stream:
            yield from file.records(stream)
    except OSError as error:
        raise file.wrong(1, f"the holders cannot be read: {error.strerror}", "Check the path.") from error
    except UnicodeError as error:
        hint = "Save the file as UTF-8, or say `encoding:` in the plan, as windows-1252."
        raise file.wrong(file.undecodable(), f"not in the encoding {settings.encoding}", hint) from error


class _File:
    def __init__(self, settings: CsvHolders) -> None:
        self._settings = settings

    def wrong(self, line: int, message: str, hint: str = "") -> ProfileError:
        return ProfileError(message, file=self._settings.path, line=line, column=1, hint=hint)

    def encoding(self) -> str:
        """The plan's encoding, or UTF-16 where the file begins with its mark."""
        with self._settings.path.open("rb") as stream:
            mark = stream.read(2)
        return "utf-16" if mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else self._settings.encoding

    def undecodable(self) -> int:
        """The line that holds the first bytes which are not in the encoding; 1 if that cannot be told."""
        encoding = self.encoding()
        if encoding == "utf-16":
            return 1
        with self._settings.path.open("rb") as stream:
            lines = enumerate(iter(lambda: stream.readline(MAX_LINE), b""), 1)
            return next((line for line, text in lines if not _can_be_decoded(text, encoding)), 1)

    def records(self, stream: TextIO) -> Iterator[tuple[int, Mapping[str, str]]]:
        names: list[str] = []
        for line, row in self._rows(stream):
            if not names:
                names = self._names(line, row)
            elif len(row) != len(names):
                raise self.wrong(line, f"{len(row)} fields where the header has {len(names)}", _NO_MEMBERS)
            else:
                yield line, dict(zip(names, map(str.strip, row), strict=True))
        if not names:
            raise self.wrong(1, "the file is empty", "The first line holds the names of the fields.")

    def _names(self, line: int, row: list[str]) -> list[str]:
        names = [name.strip() for name in row]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise self.wrong(line, f"the field {twice[:64]} stands twice in the header", "Name each once.")
        return names

    def _rows(self, stream: TextIO) -> Iterator[tuple[int, list[str]]]:
        """Rows that are not empty, each with the line in which it begins."""
        delimiter = self._settings.delimiter or _delimiter(stream.readline(MAX_LINE))
        stream.seek(0)
        reader = csv.reader(self._lines(stream), delimiter=delimiter, strict=True)
        while True:
            begin = reader.line_num + 1
            try:
                row = next(reader, None)
            except csv.Error as error:
                raise self.wrong(begin, f"not valid CSV: {error}", "Quotes are doubled within quotes.") from error
            if row is None:
                return
            if any(row):
                yield begin, row

    def _lines(self, stream: TextIO) -> Iterator[str]:
        line = 0
        while text := stream.readline(MAX_LINE + 1):
            line += 1
            if len(text) > MAX_LINE:
                raise self.wrong(line, f"a line of more than {MAX_LINE} characters")
            yield text


def _can_be_decoded(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeError:
        return False
    return True


def _delimiter(header: str) -> str:
    return max(DELIMITERS, key=header.count)
