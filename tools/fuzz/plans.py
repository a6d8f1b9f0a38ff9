"""Plans and holders' records as what is fuzzed: files that are read in a folder with all that a plan may name."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path

from cardcore.errors import CardError
from cardcore.personalise.card_reading import CARD_KEYS
from cardcore.personalise.certificate_contents import ContentsTemplate
from cardcore.personalise.holders import Holder, read_holders
from cardcore.personalise.plan import CsvHolders, HoldersSettings, JsonHolders
from cardcore.personalise.plan_parts import changed_parts
from cardcore.personalise.plan_reading import HOLDERS_KEYS, PLAN_KEYS, draft_plan
from cardcore.personalise.templates import Template, path_part
from cardcore.profile.catalog import catalog, shipped_directory
from tests.unit.personalise.plans import ALL, PIV, STAFF, folder_of
from tests.unit.personalise.small_plans import SMALL

_SHELF = catalog([shipped_directory()])
_MOST_HOLDERS = 200
_ENCODINGS = ("utf-8-sig", "utf-16", "windows-1252", "iso-8859-15")
_DELIMITERS = ("", ",", ";", "\t", "|")
_JSON = b'{"employee": "1", "name": "Anne", "age": 1e400}\n{"employee": 007}\n{"employee": "2", "name": null}\n'

WORDS = tuple(f"{key}: " for key in dict.fromkeys((*PLAN_KEYS, *HOLDERS_KEYS, *CARD_KEYS)))
"""What plans are made of, beside values."""


@cache
def _folder() -> Path:
    """A folder with all that a plan may name, which goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="cardcore-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder_of(folder)
    return folder


def plan(data: bytes) -> None:
    """A file as a plan."""
    file = _folder() / "plan.yaml"
    file.write_bytes(data)
    draft = draft_plan(file, _SHELF)
    for error in draft.problems:
        if not (error.line >= 1 and error.column >= 1 and error.message):
            raise AssertionError("an error without its place")
    if draft.plan is not None and changed_parts(draft.plan.parts, draft.plan.parts):
        raise AssertionError("a plan that is not the same as itself")


def plan_seeds() -> Iterator[bytes]:
    """Sound plans of every kind."""
    yield from (text.encode() for text in (PIV, ALL, *SMALL.values()))
    imported = 'import: {pkcs12: "{employee}.p12", passphrase: {field: code}}, certificate: imported'
    yield PIV.replace("type: ecp256", imported).encode()
    yield PIV.replace("{csv: staff.csv, id", '{sql: {url: env:DB, query: "select 1"}, id').encode()


def holders(data: bytes) -> None:
    """A file as holders' records (the first byte says in which form), each filled into the places of a plan."""
    file = _folder() / "records"
    file.write_bytes(data[1:])
    settings = _settings(file, data[0] if data else 0)
    with suppress(CardError):
        for holder in islice(read_holders(settings), _MOST_HOLDERS):
            _fill(holder)


def _settings(file: Path, form: int) -> HoldersSettings:
    if form & 1:
        return JsonHolders(path=file, id_column="employee")
    encoding, delimiter = _ENCODINGS[form >> 1 & 3], _DELIMITERS[(form >> 3) % len(_DELIMITERS)]
    return CsvHolders(path=file, id_column="employee", delimiter=delimiter, encoding=encoding)


def _fill(holder: Holder) -> None:
    """What a record holds, as a part of a path and in a certificate; it must not get out of its place."""
    for name in holder.fields:
        with suppress(CardError):
            filled = Template(text=f"{{{name}}}").fill(holder.fields, path_part)
            if "/" in filled or "\\" in filled or filled in ("", ".", ".."):
                raise AssertionError("a record leads out of its folder")
        with suppress(CardError):
            contents = ContentsTemplate(subject=f"CN={{{name}}},O=Example", days=1).render(holder.fields)
            if len(contents.name().rdns) != len(("CN", "O")):
                raise AssertionError("a record adds to a distinguished name")


def holders_seeds() -> Iterator[bytes]:
    """Records in every form."""
    yield b"\x00" + STAFF.encode()
    yield b"\x02" + STAFF.encode("utf-16")
    yield b"\x04" + STAFF.encode("windows-1252")
    yield b"\x10" + STAFF.replace(",", ";").encode()
    yield b'\x00employee,name\n1,"O""Hara, ../../etc"\n2,"two\nlines"\n'
    yield b"\x01" + _JSON
