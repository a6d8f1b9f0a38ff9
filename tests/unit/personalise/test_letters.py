"""PIN letters: what is in them, that they are never in clear on disk, and what is refused before one is printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from cardcore.errors import InputError
from cardcore.personalise.envelope import Opener
from cardcore.personalise.letters import LetterError, Letters
from cardcore.personalise.plan import LetterFormat, LettersPlan, ToPrinter, ToRecipients
from cardcore.personalise.templates import Template
from cardcore.secret import Secret
from tests.unit.cli.openssl import openssl
from tests.unit.personalise.plans import PIV, plan_of, recipient, recipient_key, recipient_pem, wrong

TEXT = """# Your card {card.serial}

Dear {name},
PIN {pin.user}
PUK {pin.puk}
\f# Page two
\tThe end
"""
FIELDS = {"name": "Jörg Müller", "card.serial": "4711", "card.profile": "piv"}
PRINT = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())"


def pins() -> dict[str, Secret]:
    return {"user": Secret(b"472910"), "puk": Secret(b"83629174")}


def letters(
    destination: ToRecipients | ToPrinter, *, text: str = TEXT, form: LetterFormat = LetterFormat.TEXT
) -> Letters:
    return Letters(LettersPlan(template=Template(text=text), destination=destination, format=form))


@pytest.fixture
def recipients(tmp_path: Path) -> ToRecipients:
    file = tmp_path / "mail.pem"
    file.write_bytes(recipient().public_bytes(Encoding.PEM))
    folder = tmp_path / "letters"
    folder.mkdir()
    return ToRecipients(certificates=(file,), folder=folder)


def test_a_letter_is_encrypted_to_its_recipient(recipients: ToRecipients, tmp_path: Path) -> None:
    where = letters(recipients).write("10/01", "4711", FIELDS, pins())
    path = Path(where)
    assert path == recipients.folder / "10%2F01.4711.txt.p7m"
    assert path.stat().st_mode & 0o777 == 0o600
    expected = "# Your card 4711\n\nDear Jörg Müller,\nPIN 472910\nPUK 83629174\n\f# Page two\n    The end\n"
    with Opener(recipient_key("issuer"), [recipient()]).open_bytes(path.read_bytes()) as content:
        assert content.reveal().decode() == expected
    key = tmp_path / "mail.key"
    key.write_bytes(recipient_pem())
    opened = openssl("cms", "-decrypt", "-inform", "DER", "-in", where, "-inkey", str(key))
    assert b"PIN 472910" in opened


def test_nothing_in_clear_is_on_disk(recipients: ToRecipients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for form in LetterFormat:
        letters(recipients, form=form).write("1001", "4711", FIELDS, pins())
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(found) == 3
    assert not [path for path in found if b"472910" in path.read_bytes() or b"%PDF" in path.read_bytes()]


def test_a_pdf_has_the_pins_in_the_letters_of_its_own_font(recipients: ToRecipients) -> None:
    import zlib

    with letters(recipients, form=LetterFormat.PDF).content(FIELDS, pins()) as content:
        data = content.reveal()
    assert data.startswith(b"%PDF-1.")
    streams = [part.split(b"endstream")[0].strip(b"\r\n") for part in data.split(b"stream\n")[1::2]]
    text = b"".join(zlib.decompressobj().decompress(stream) for stream in streams if stream[:1] == b"\x78")
    assert data.count(b"/Type /Page\n") == 2
    for shown in (b"472910", b"83629174", "Jörg Müller".encode("latin-1"), b"Courier"):
        assert shown in text + data


def test_a_field_cannot_begin_a_line_of_its_own(recipients: ToRecipients) -> None:
    with letters(recipients).content({**FIELDS, "name": "A\nPIN 111111\f# B"}, pins()) as content:
        assert b"Dear A PIN 111111 # B,\n" in content.reveal()


@pytest.mark.parametrize("name", ["Łukasz", "محمد", "दीपक", "李明", "\u202eenoD", "A\u0301\u0301"])
def test_a_name_that_cannot_be_shown_is_refused(recipients: ToRecipients, name: str) -> None:
    made = letters(recipients, form=LetterFormat.PDF)
    with pytest.raises(InputError, match=r"the letter's font has no . \(U\+") as caught:
        made.check({**FIELDS, "name": name})
    assert "TrueType" in caught.value.hint
    letters(recipients).check({**FIELDS, "name": name})  # as text there is nothing that it needs


@pytest.mark.parametrize(
    ("pin", "message"),
    [
        (b"\xff\xfe", "the PIN is no text"),
        (b"12\n34", "cannot be printed"),
        ("12\u0142".encode(), "cannot be shown in the letter's font"),
    ],
)
def test_a_pin_that_cannot_be_shown_is_refused_and_not_told(recipients: ToRecipients, pin: bytes, message: str) -> None:
    made = letters(recipients, form=LetterFormat.PDF)
    with pytest.raises(InputError, match=message) as caught:
        made.write("1001", "1", FIELDS, {**pins(), "user": Secret(pin)})
    assert "12" not in str(caught.value)
    assert not list(recipients.folder.iterdir())


def test_what_the_letter_shows_has_to_be_there(recipients: ToRecipients) -> None:
    with pytest.raises(InputError, match="no field name"):
        letters(recipients).content({"card.serial": "1"}, pins())
    with pytest.raises(InputError, match=r"shows pin\.puk"):
        letters(recipients).content(FIELDS, {"user": Secret(b"1")})


def test_a_printer_gets_the_letter_on_its_standard_input(tmp_path: Path) -> None:
    printed = tmp_path / "printed"
    printer = ToPrinter(arguments=(sys.executable, "-c", PRINT, str(printed)))
    assert letters(printer).write("1001", "1", FIELDS, pins()) == sys.executable
    assert b"PIN 472910" in printed.read_bytes()


def test_a_printer_gets_no_secret_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER", "00112233445566778899aabbccddeeff")
    monkeypatch.setenv("CUPS_SERVER", "printers.example")
    seen = tmp_path / "seen"
    look = "import os, sys; open(sys.argv[1], 'w').write(repr(dict(os.environ)))"
    letters(ToPrinter(arguments=(sys.executable, "-c", look, str(seen)))).write("1001", "1", FIELDS, pins())
    assert "MASTER" not in seen.read_text()
    assert "printers.example" in seen.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((sys.executable, "-c", "import sys; print(sys.stdin.read()); sys.exit(3)"), "ended with status 3"),
        ((sys.executable, "-c", "import time; time.sleep(60)"), "did not end within 0.5 seconds"),
        (("/nowhere/lp",), "cannot be run: No such file"),
    ],
)
def test_a_printer_that_fails_is_told_without_the_letter(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(LetterError, match=message) as caught:
        letters(ToPrinter(arguments=arguments, timeout=0.5)).write("1001", "1", FIELDS, pins())
    error: BaseException | None = caught.value
    while error is not None:
        assert "472910" not in repr(error) + repr(vars(error) if hasattr(error, "__dict__") else "")
        error = error.__cause__


def test_a_folder_that_has_gone_is_told(recipients: ToRecipients) -> None:
    recipients.folder.rmdir()
    with pytest.raises(LetterError, match="cannot be written: No such file"):
        letters(recipients).write("1001", "1", FIELDS, pins())


def test_a_file_that_cannot_take_its_place_leaves_none_behind(recipients: ToRecipients) -> None:
    (recipients.folder / "1001.1.txt.p7m").mkdir()
    with pytest.raises(LetterError, match="cannot be written"):
        letters(recipients).write("1001", "1", FIELDS, pins())
    assert [path.name for path in recipients.folder.iterdir()] == ["1001.1.txt.p7m"]


def small_font(path: Path) -> Path:
    """A TrueType font of a few characters, each a box, made here."""
    from fontTools.fontBuilder import FontBuilder  # type: ignore[import-untyped] # has no types
    from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-untyped] # has no types

    characters = sorted(set(TEXT + "Łukasz0123456789JörgMül.!?") - set("\f\t\n"))
    names = [".notdef", *(f"u{ord(character):04X}" for character in characters)]
    pen = TTGlyphPen(None)
    pen.moveTo((50, 0))
    for point in ((50, 600), (450, 600), (450, 0)):
        pen.lineTo(point)
    pen.closePath()
    box = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(character): f"u{ord(character):04X}" for character in characters})
    builder.setupGlyf(dict.fromkeys(names, box))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (500, 50)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Boxes", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    builder.save(path)
    return path


def test_with_a_font_of_ones_own_more_names_can_be_shown(recipients: ToRecipients, tmp_path: Path) -> None:
    font = small_font(tmp_path / "boxes.ttf")
    settings = LettersPlan(template=Template(text=TEXT), destination=recipients, font=font, pin_font=font)
    made = Letters(settings)
    made.check({**FIELDS, "name": "Łukasz"})
    assert "472910" not in repr(made._lines(FIELDS, pins()))
    with made.content({**FIELDS, "name": "Łukasz"}, pins()) as content:
        assert b"/FontFile2" in content.reveal()
    with pytest.raises(InputError, match=r"no Ż \(U\+017B"):
        made.check({**FIELDS, "name": "Żółć"})


LETTER_PLAN = PIV + "letters: {template: letter.txt, recipients: issuer.pem, folder: .}\n"


def test_letters_in_a_plan(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text(TEXT, encoding="utf-8")
    plan = plan_of(tmp_path, LETTER_PLAN)
    assert plan.letters is not None
    assert plan.letters.pins == {"user", "puk"}
    assert plan.letters.destination == ToRecipients(certificates=(tmp_path / "issuer.pem",), folder=tmp_path)
    printer = "printer: [lp, -d, pins], timeout: 5"
    plan = plan_of(tmp_path, LETTER_PLAN.replace("recipients: issuer.pem, folder: .", printer))
    assert plan.letters is not None
    assert plan.letters.destination == ToPrinter(arguments=("lp", "-d", "pins"), timeout=5.0)


def test_letters_in_a_font_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text(TEXT, encoding="utf-8")
    small_font(tmp_path / "boxes.ttf")
    plan = plan_of(tmp_path, LETTER_PLAN.replace("folder: .", "folder: ., font: boxes.ttf, pin_font: boxes.ttf"))
    assert plan.letters is not None
    assert plan.letters.font == plan.letters.pin_font == tmp_path / "boxes.ttf"


@pytest.mark.parametrize(
    ("text", "before", "after", "message"),
    [
        ("Dear {name}", "", "", "the letter shows no PIN"),
        ("{nam} {pin.user}", "", "", "no field nam"),
        ("{pin.usr}", "", "", "have no PIN usr in this plan"),
        ("{pin.user", "", "", "a brace that is not part"),
        ("{pin.user}\xff", "", "", "is not UTF-8"),
        ("{pin.user}" + "x" * 70_000, "", "", "has more than"),
        (TEXT, "letter.txt", "nothing.txt", "cannot read the file"),
        (TEXT, "recipients: issuer.pem, folder: .", "folder: .", "either to `recipients`"),
        (TEXT, "folder: .", "folder: nowhere", "there is no folder"),
        (TEXT, ", folder: .", "", "lacks the key folder"),
        (TEXT, "folder: .", "folder: ., printer: [lp]", "either to `recipients`"),
        (TEXT, "folder: .", "folder: ., timeout: 5", "`timeout` is for printers"),
        (TEXT, "recipients: issuer.pem, folder", "printer: [lp], folder", "`folder` is for letters to recipients"),
        (TEXT, "folder: .", "folder: ., format: text, font: ca.pem", "`font` is for PDF letters"),
        (TEXT, "folder: .", "folder: ., font: ca.pem", "cannot be used as a font"),
        (TEXT, "folder: .", "folder: ., format: word", "pdf, text"),
    ],
)
def test_what_is_wrong_with_letters_in_a_plan(tmp_path: Path, text: str, before: str, after: str, message: str) -> None:
    (tmp_path / "letter.txt").write_bytes(text.encode("latin-1"))
    found = wrong(tmp_path, LETTER_PLAN.replace(before, after) if before else LETTER_PLAN)
    assert len(found) == 1
    assert message in found[0].message
    assert found[0].line == LETTER_PLAN.count("\n")


def test_the_library_for_pdf_is_loaded_for_a_pdf_only() -> None:
    code = "import sys, cardcore.personalise.letters; assert not {'fpdf', 'fontTools'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
