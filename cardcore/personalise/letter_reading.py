"""Reads the part of a plan about PIN letters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cardcore.errors import InputError
from cardcore.personalise.issuer_reading import MOST_SECONDS
from cardcore.personalise.letter_pages import open_fonts
from cardcore.personalise.plan import CardPlan, LetterFormat, LettersPlan, ToPrinter, ToRecipients
from cardcore.personalise.plan_scope import Scope
from cardcore.personalise.templates import CARD_FIELDS, PIN_PREFIX, Template
from cardcore.profile import reader
from cardcore.profile.tree import Tree

LETTER_KEYS = ("format", "template", "font", "pin_font", "recipients", "folder", "printer", "timeout")
MAX_TEMPLATE = 65_536


def read_letters(node: Tree, scope: Scope, cards: Mapping[str, CardPlan]) -> LettersPlan:
    """How letters look and where they go; every PIN in them has to be one of every card in the plan."""
    section = reader.section(node, LETTER_KEYS, "the letters")
    form = section.read("format", lambda value: reader.form(value, LetterFormat), LetterFormat.PDF)
    for key in ("font", "pin_font"):
        if section.get(key) is not None and form is not LetterFormat.PDF:
            raise section.need(key).place.error(f"`{key}` is for PDF letters", "Remove it.")
    letters = LettersPlan(
        template=_template(section.need("template"), scope),
        destination=_destination(section, scope),
        format=form,
        font=section.read("font", lambda value: _font(value, scope), None),
        pin_font=section.read("pin_font", lambda value: _font(value, scope), None),
    )
    place = section.need("template").place
    if not letters.pins:
        raise place.error("the letter shows no PIN", "Write {pin.user}, or another PIN's name, where it is to stand.")
    for name, card in cards.items():
        lacking = next((pin for pin in sorted(letters.pins) if pin not in card.pins), None)
        if lacking is not None:
            raise place.error(f"cards of the profile {name} have no PIN {lacking} in this plan", "Add it to the plan.")
    return letters


def _template(node: Tree, scope: Scope) -> Template:
    path = scope.file(node)
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_TEMPLATE + 1).decode("utf-8-sig")
        found = Template(text=text)
    except UnicodeDecodeError as error:
        raise node.place.error(f"{path} is not UTF-8", "Save the file in the encoding UTF-8.") from error
    except InputError as error:
        raise node.place.error(f"{path}: {error.message}", error.hint) from error
    if len(text) >= MAX_TEMPLATE:
        raise node.place.error(f"{path} has more than {MAX_TEMPLATE} bytes")
    for name in sorted(found.columns - CARD_FIELDS):
        if not name.startswith(PIN_PREFIX):
            scope.use(node.place, name)
    return found


def _font(node: Tree, scope: Scope) -> Path:
    path = scope.file(node)
    try:
        open_fonts(path, None)
    except InputError as error:
        raise node.place.error(error.message, error.hint) from error
    return path


def _destination(section: reader.Section, scope: Scope) -> ToRecipients | ToPrinter:
    """Recipients and a folder, or a printer's command: nothing else, because a PIN is never on disk in clear."""
    printer, recipients = section.get("printer"), section.get("recipients")
    if (printer is None) == (recipients is None):
        hint = "A PIN is never written in clear."
        raise section.place.error("letters go either to `recipients`, encrypted, or to a `printer`", hint)
    if recipients is not None:
        if section.get("timeout") is not None:
            raise section.need("timeout").place.error("`timeout` is for printers", "Remove it.")
        files = tuple(recipient(item, scope) for item in reader.one_or_more(recipients))
        return ToRecipients(certificates=files, folder=_folder(section.need("folder"), scope))
    if section.get("folder") is not None:
        raise section.need("folder").place.error("`folder` is for letters to recipients", "Remove it.")
    arguments = tuple(reader.text(item) for item in reader.items(section.need("printer")))
    seconds = section.read("timeout", lambda value: reader.integer(value, 1, MOST_SECONDS), 60)
    return ToPrinter(arguments=arguments, timeout=float(seconds))


def _folder(node: Tree, scope: Scope) -> Path:
    path = scope.path(node)
    if not path.is_dir():
        raise node.place.error(f"there is no folder {path}", "Create it first.")
    return path


def recipient(node: Tree, scope: Scope) -> Path:
    """The file of a certificate to which secrets can be encrypted."""
    from cardcore.personalise.envelope import recipient_certificate

    path = scope.file(node)
    try:
        recipient_certificate(path)
    except InputError as error:
        raise node.place.error(error.message, error.hint) from error
    return path
