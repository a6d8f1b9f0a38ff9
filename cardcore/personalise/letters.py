"""PIN letters: one per holder, as PDF or text, and never on disk in clear.

A letter exists in memory only until it is encrypted to recipients, or has gone to a printer command's standard input.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from cardcore.errors import CardError, InputError
from cardcore.personalise.envelope import sealer
from cardcore.personalise.letter_pages import Fonts, Run, open_fonts, pdf_pages
from cardcore.personalise.plan import LetterFormat, LettersPlan, ToPrinter, ToRecipients
from cardcore.personalise.templates import PIN_PREFIX
from cardcore.secret import Secret

SUFFIX = ".p7m"
"""What the name of an encrypted letter ends with, behind .pdf or .txt: CMS, as for S/MIME (RFC 8551, 3.2.1)."""

_INHERITED = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT", "TEMP"),
    *("PRINTER", "LPDEST", "CUPS_SERVER", "CUPS_ENCRYPTION", "CUPS_USER"),
)
"""All that a printer command gets of our environment: secrets of the plan may stand in it (`env:VAR`)."""

_PLACE = re.compile(r"(\{[^{}]+\})")


class LetterError(CardError):
    """A letter did not get to where it was to go."""

    code = "letter"


class Letters:
    """Writes the letters of one plan."""

    def __init__(self, settings: LettersPlan) -> None:
        self._settings = settings
        self._fonts: Fonts | None = None
        if settings.format is LetterFormat.PDF:
            self._fonts = open_fonts(settings.font, settings.pin_font)

    def check(self, fields: Mapping[str, str]) -> None:
        """InputError that names the character if the letter for this record cannot be shown in its fonts."""
        pins = {name: Secret(b"") for name in self._settings.pins}
        for line in self._lines(fields, pins):
            for run in line:
                self._check_run(run)

    def write(self, holder: str, serial: str, fields: Mapping[str, str], pins: Mapping[str, Secret]) -> str:
        """Write one letter, and return where it went, for people.

        `fields` is the record with what is known of the card (`plan.with_card`). InputError for a record or PIN that
        cannot be shown, LetterError where the letter did not arrive; neither shows a PIN.
        """
        with self.content(fields, pins) as content:
            destination = self._settings.destination
            if isinstance(destination, ToPrinter):
                return _to_printer(destination, content)
            return self._to_recipients(destination, f"{holder}.{serial}", content)

    def content(self, fields: Mapping[str, str], pins: Mapping[str, Secret]) -> Secret:
        """The whole letter as the bytes of a file."""
        lines = self._lines(fields, pins)
        for line in lines:
            for run in line:
                self._check_run(run)
        if self._fonts is None:
            text = "\n".join("".join(run.text for run in line) for line in lines)
            return Secret(text.encode() + b"\n")
        return Secret(pdf_pages(lines, self._fonts))

    def _lines(self, fields: Mapping[str, str], pins: Mapping[str, Secret]) -> list[list[Run]]:
        """The template's lines, filled; what a record holds cannot begin a new one."""
        text = self._settings.template.text.replace("\r\n", "\n").rstrip("\n")
        return [[self._run(part, fields, pins) for part in _PLACE.split(line) if part] for line in text.split("\n")]

    def _run(self, part: str, fields: Mapping[str, str], pins: Mapping[str, Secret]) -> Run:
        if not _PLACE.fullmatch(part):
            return Run(text=unicodedata.normalize("NFC", part.replace("\t", "    ")))
        name = part[1:-1]
        if not name.startswith(PIN_PREFIX):
            if name not in fields:
                raise InputError(
                    f"there is no field {name}", hint="Add the column to the holders, or change the letter."
                )
            return Run(text=unicodedata.normalize("NFC", " ".join(fields[name].split())))
        pin = pins.get(name.removeprefix(PIN_PREFIX))
        if pin is None:
            raise InputError(f"the letter shows {name}, but there is no such PIN", hint="Change one of them.")
        return Run(text=_pin_text(pin), is_pin=True)

    def _check_run(self, run: Run) -> None:
        if self._fonts is None:
            return
        if run.is_pin and self._fonts.missing(run):
            raise InputError("the PIN cannot be shown in the letter's font", hint="Choose another `pin_font`.")
        missing = self._fonts.missing(run)
        if missing:
            raise InputError(
                f"the letter's font has no {missing} (U+{ord(missing):04X}, {unicodedata.name(missing, 'unnamed')})",
                hint="Give `font` a TrueType file that has it. Scripts that need shaping cannot be printed.",
            )

    def _to_recipients(self, recipients: ToRecipients, name: str, content: Secret) -> str:
        path = recipients.folder / f"{quote(name, safe=' ')}.{self._suffix}{SUFFIX}"
        _replace(path, sealer(recipients.certificates).seal_bytes(content))
        return str(path)

    @property
    def _suffix(self) -> str:
        return "pdf" if self._settings.format is LetterFormat.PDF else "txt"


def _pin_text(pin: Secret) -> str:
    try:
        text = pin.reveal().decode()
    except UnicodeDecodeError:
        raise InputError("the PIN is no text", hint="It cannot be in a letter.") from None
    if not text.isprintable():
        raise InputError("the PIN holds characters that cannot be printed", hint="It cannot be in a letter.")
    return text


def _replace(path: Path, data: bytes) -> None:
    """Write a file that its owner alone may read, whole or not at all."""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".letter.")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = f"the letter {path.name} cannot be written: {error.strerror}"
        raise LetterError(reason, hint="Check the folder and your rights.") from error


def _to_printer(printer: ToPrinter, content: Secret) -> str:
    command = printer.arguments[0]
    try:
        ended = subprocess.run(  # noqa: S603 - the plan's own command, without a shell; the letter is not an argument
            printer.arguments,
            input=content.reveal(),
            env={name: os.environ[name] for name in _INHERITED if name in os.environ},
            capture_output=True,
            timeout=printer.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        # Without the cause, which may hold what the command had printed.
        raise LetterError(
            f"{command} did not end within {printer.timeout:g} seconds", hint="Look whether the letter was printed."
        ) from None
    except OSError as error:
        hint = "Check the command in the plan; nothing was printed."
        raise LetterError(f"{command} cannot be run: {error.strerror}", hint=hint) from error
    if ended.returncode:
        # What it said may repeat the letter.
        raise LetterError(
            f"{command} ended with status {ended.returncode}",
            hint="Look whether it printed the letter.",
        )
    return command
