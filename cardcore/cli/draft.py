"""`cardcore profile new`: a new profile to begin with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import click

from cardcore.cli.context import Context, pass_context
from cardcore.cli.errors import OptionError
from cardcore.cli.options import KEY_TYPES, examples
from cardcore.errors import InputError

T = TypeVar("T")

_FORMS = ("digest-info-checked", "digest-info", "hash", "padded")


@click.command(
    epilog=examples(
        "cardcore profile new mycard.yaml",
        "cardcore profile new mycard.yaml --name 'My card' --aid F04C61726B73707572 --pin-ref 01 --pin-length 4-8 "
        "--pad FF:8",
    )
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--name", help="What people call the card.")
@click.option("--aid", metavar="HEX", help="The application's identifier, to select and recognise it.")
@click.option("--atr", metavar="HEX", help="The card's answer to reset.")
@click.option("--pkcs15", is_flag=True, help="Keys and certificates are listed in PKCS#15 files.")
@click.option("--pin-ref", metavar="HEX", help="Reference of the PIN (P2 of VERIFY).")
@click.option("--pin-length", metavar="MIN-MAX", help="How many characters the PIN has.")
@click.option("--digits", is_flag=True, help="The PIN has digits only.")
@click.option("--pad", metavar="HEX:SIZE", help="Byte with which the PIN is padded, and to how many bytes; or none.")
@click.option("--puk-ref", metavar="HEX", help="Reference of the PUK; or none.")
@click.option("--keys", metavar="HEX-HEX", help="References of the first and the last key.")
@click.option("--type", "types", multiple=True, type=click.Choice([name for name in KEY_TYPES if "rsa" in name]))
@click.option("--algorithm", metavar="HEX", help="The card's identifier of RSA with PKCS #1 v1.5.")
@click.option("--form", type=click.Choice(_FORMS), help="What the card takes to sign.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@pass_context
def new(
    context: Context,
    /,
    file: Path,
    force: bool,
    pkcs15: bool,
    digits: bool,
    types: tuple[str, ...],
    **said: str | None,
) -> None:
    """Write a commented profile to begin with.

    What is not given is asked for on a terminal, and else what most cards have. The file passes `profile check`.
    """
    from cardcore.profile.drafting import Outline, draft
    from cardcore.profile.model import InputForm

    if file.exists() and not force:
        raise InputError(f"{file} is there already", hint="Choose another name, or replace it with --force.")
    asked = _Answers(said)
    aid = asked.value("aid", "AID in hexadecimal (empty: the card is known by its ATR)", "", _hex)
    outline = Outline(
        name=asked.value("name", "Name of the card", file.stem, str),
        aid=aid,
        atr=asked.value("atr", "ATR in hexadecimal", "", _hex),
        pkcs15=pkcs15,
        digits=digits,
        pin_ref=asked.value("pin_ref", "Reference of the PIN (P2 of VERIFY)", "01", _byte),
        pin_length=asked.value("pin_length", "Length of the PIN", "4-8", _lengths),
        pad=asked.value("pad", "Pad byte and size of the PIN's block, as FF:8", "none", _pad),
        puk_ref=asked.value("puk_ref", "Reference of the PUK", "none", _optional_byte),
        key_refs=asked.value("keys", "References of the first and the last key", "01-02", _refs),
        types=types or ("rsa2048",),
        algorithm=asked.value("algorithm", "Identifier of RSA with PKCS #1 v1.5", "02", _byte),
        form=InputForm(asked.value("form", f"What the card takes to sign ({', '.join(_FORMS)})", _FORMS[0], _form)),
    )
    file.write_text(draft(outline), encoding="utf-8")
    document = {"file": str(file), "name": outline.name, "aid": aid.hex().upper() or None}
    hint = f"Next: cardcore profile check {file}; cardcore profile explain {file} sign"
    context.output.result(document, [f"{file} written.", hint])


class _Answers:
    """What was said on the command line, asked for on a terminal, or is so on most cards."""

    def __init__(self, said: dict[str, str | None]) -> None:
        self._said = said
        self._terminal = _has_terminal()

    def value(self, name: str, question: str, default: str, read: Callable[[str], T]) -> T:
        """The answer to one question; a person is asked again if it is not understood."""
        given = self._said.get(name)
        if given is None and self._terminal:
            answer: T = click.prompt(
                question,
                default=default,
                show_default=bool(default),
                err=True,
                value_proc=partial(_understood, read),
            )
            return answer
        try:
            return read(default if given is None else str(given))
        except ValueError as error:
            option = f"--{name.replace('_', '-')}"
            raise OptionError(f"{option}: {given!r} is not understood", hint=f"{question}.") from error


def _understood(read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise click.UsageError(f"{text!r} is not understood.") from error


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _hex(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", " "))


def _byte(text: str) -> int:
    (number,) = bytes.fromhex(text.removeprefix("0x"))
    return number


def _optional_byte(text: str) -> int | None:
    return None if text == "none" else _byte(text)


def _lengths(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def _refs(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return _byte(first), _byte(last or first)


def _pad(text: str) -> tuple[int, int] | None:
    if text == "none":
        return None
    byte, _, size = text.partition(":")
    return _byte(byte), int(size)


def _form(text: str) -> str:
    if text not in _FORMS:
        raise ValueError(text)
    return text
