"""The pages of a letter: PDF of lines in which PINs stand out, in the fonts of every PDF reader or in one's own."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cardcore.errors import InputError

if TYPE_CHECKING:
    from fpdf import FPDF

HEADING = "# "
"""How a line begins that is a heading; a form feed at its beginning starts a new page."""

_MARGIN, _LINE, _PIN_LINE, _HEADING_LINE = 25.0, 5.6, 9.0, 9.0  # mm
_SIZE, _PIN_SIZE, _HEADING_SIZE = 11, 17, 15  # points
_BODY, _PIN = "body", "pin"
_CORE_BODY, _CORE_PIN = "Helvetica", "Courier"
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
_NEED_SHAPING = frozenset({"Mn", "Mc", "Me"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A piece of a line: text, or a PIN."""

    text: str
    is_pin: bool = False

    def __repr__(self) -> str:
        return "<run>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fonts:
    """TrueType files for text and PINs, None for a reader's own; `known` are the characters that each file has."""

    body: Path | None
    pin: Path | None
    known: dict[Path, frozenset[int]]

    def missing(self, run: Run) -> str:
        """The first character that cannot be shown; empty if there is none."""
        font = self.pin if run.is_pin else self.body
        return next((character for character in run.text.strip("\f") if not self._has(font, character)), "")

    def _has(self, font: Path | None, character: str) -> bool:
        if unicodedata.bidirectional(character) in _RIGHT_TO_LEFT or unicodedata.category(character) in _NEED_SHAPING:
            return False
        if font is None:
            return ord(character) < 0x100 and character.isprintable()  # ISO 8859-1
        return ord(character) in self.known[font]


def open_fonts(body: Path | None, pin: Path | None) -> Fonts:
    """The fonts of a letter; InputError for a file that is no TrueType font."""
    return Fonts(body=body, pin=pin, known={path: _characters(path) for path in (body, pin) if path is not None})


def _characters(path: Path) -> frozenset[int]:
    from fpdf.fonts import TTFFont

    with _document({_BODY: path}) as pdf:
        font = pdf.fonts[_BODY]
        return frozenset(font.cmap) if isinstance(font, TTFFont) else frozenset()


@contextmanager
def _document(files: Mapping[str, Path]) -> Iterator[FPDF]:
    """An empty document with the fonts in these files, which stay open until its end."""
    from fpdf import FPDF
    from fpdf.fonts import TTFFont

    logging.getLogger("fontTools").setLevel(logging.ERROR)  # else it tells which characters a letter is made of
    pdf = FPDF(format="A4", unit="mm")
    pdf.set_margins(_MARGIN, _MARGIN)
    pdf.set_auto_page_break(True, _MARGIN)
    pdf.set_creator("cardcore")
    try:
        for name, path in files.items():
            _add_font(pdf, name, path)
        yield pdf
    finally:
        for font in pdf.fonts.values():
            if isinstance(font, TTFFont):
                font.ttfont.close()


def _add_font(pdf: FPDF, name: str, path: Path) -> None:
    try:
        pdf.add_font(name, fname=path)
    except Exception as error:
        # A font is a program's worth of tables, and the library lets whatever goes wrong in them through.
        raise InputError(f"{path} cannot be used as a font", hint="Use a TrueType font (.ttf).") from error


def pdf_pages(lines: Sequence[Sequence[Run]], fonts: Fonts) -> bytes:
    """The letter as a PDF file. Lines are broken at spaces; PINs stand in large letters of one width."""
    files = {name: path for name, path in ((_BODY, fonts.body), (_PIN, fonts.pin)) if path is not None}
    with _document(files) as pdf:
        pdf.add_page()
        for line in lines:
            _write_line(pdf, line, fonts)
        return bytes(pdf.output())


def _write_line(pdf: FPDF, line: Sequence[Run], fonts: Fonts) -> None:
    first = line[0].text if line else ""
    if first.startswith("\f"):
        pdf.add_page()
    text = first.removeprefix("\f")
    heading = text.startswith(HEADING)
    height = _HEADING_LINE if heading else _PIN_LINE if any(run.is_pin for run in line) else _LINE
    for place, run in enumerate(line):
        if run.is_pin:
            pdf.set_font(_PIN if fonts.pin else _CORE_PIN, "" if fonts.pin else "B", _PIN_SIZE)
        else:
            size = _HEADING_SIZE if heading else _SIZE
            pdf.set_font(_BODY if fonts.body else _CORE_BODY, "" if fonts.body or not heading else "B", size)
        shown = run.text if place else text.removeprefix(HEADING)
        pdf.write(height, shown)
    pdf.ln(height)
