"""Where secrets come from: a person at a terminal, the environment, a file, an open file descriptor. Never argv."""

from __future__ import annotations

import getpass
import os
import sys
import warnings
from dataclasses import dataclass

import click

from cardcore import sources
from cardcore.cli.errors import OptionError
from cardcore.errors import InputError, NotSupported
from cardcore.secret import Secret

FORMS = "prompt, pad, env:VAR, file:PATH or fd:N"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A place that holds a secret: `kind` is prompt, pad, env, file or fd, `place` what stands after the colon."""

    kind: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.place}" if self.place else self.kind


class SourceType(click.ParamType):  # type: ignore[type-arg] # generic in new releases of click only
    """The type of options that say where a secret comes from. What is no source is refused without being repeated."""

    name = "source"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Source:
        """The source; a usage error that does not show the value, which may be the secret itself."""
        if isinstance(value, Source):
            return value
        kind, colon, place = str(value).partition(":")
        plain = not colon and kind in ("prompt", "pad")
        placed = bool(colon and place) and kind in ("env", "file", "fd") and (kind != "fd" or place.isascii())
        if plain or (placed and (kind != "fd" or place.isdigit())):
            return Source(kind=kind, place=place)
        problem = click.BadParameter(
            "what was given is not a source of a secret, and is not shown here in case it is the secret itself",
            ctx=ctx,
            param=param,
        )
        problem.hint = f"Say where it comes from: {FORMS}. Other programs can see arguments."  # type: ignore[attr-defined] # read in errors.py
        raise problem

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """The forms that a source can have."""
        from click.shell_completion import CompletionItem

        forms = {
            "prompt": "ask on the terminal",
            "pad": "the reader's PIN pad",
            "env:": "an environment variable",
            "file:": "a file",
            "fd:": "an open file descriptor",
        }
        return [CompletionItem(form, help=text) for form, text in forms.items() if form.startswith(incomplete)]


SOURCE = SourceType()


def obtain(source: Source | None, label: str, option: str, *, new: bool = False) -> Secret:
    """The secret from its source; without one it is asked for on the terminal, a new one twice.

    OptionError where there is no terminal, OptionError or SourceError where the source has nothing.
    """
    if source is None and not _has_terminal():
        raise OptionError(
            f"the {label} is needed, and there is no terminal to ask on",
            hint=f"Say where it comes from: {option} env:VAR, {option} file:PATH or {option} fd:N.",
        )
    if source is None or source.kind == "prompt":
        return _prompt(label, option, new=new)
    if source.kind == "pad":
        raise NotSupported(
            f"the {label} cannot be entered on a PIN pad", hint=f"Use {option} with prompt, env:VAR, file:PATH or fd:N."
        )
    read = {"env": sources.environment, "file": sources.file, "fd": _from_descriptor}[source.kind]
    secret = Secret(read(source.place))
    if not secret:
        raise OptionError(f"{source} is empty, so there is no {label}", hint="Check what fills it.")
    return secret


def obtain_key(source: Source | None, label: str, option: str, *, new: bool = False) -> Secret:
    """As `obtain`, for a binary key that is written in hexadecimal; the error never shows it."""
    with obtain(source, label, option, new=new) as text:
        try:
            return Secret(bytes.fromhex(text.reveal().decode("ascii")))
        except ValueError:
            pass
    raise InputError(f"the {label} is not hexadecimal", hint="Use pairs of the digits 0 to 9 and A to F.")


def _has_terminal() -> bool:
    return sys.stdin.isatty() or sys.stderr.isatty()


def _prompt(label: str, option: str, *, new: bool) -> Secret:
    try:
        return Secret(_typed(label, option, new=new).encode())
    except UnicodeError:
        pass  # not the cause of what follows: it would hold the secret
    raise OptionError(f"the {label} that was typed is no text in UTF-8", hint="Check the encoding of the terminal.")


def _typed(label: str, option: str, *, new: bool) -> str:
    first = _ask(f"{label}: ", option)
    if not first:
        raise OptionError(f"no {label} was typed", hint="Nothing was sent to the card.")
    if new and _ask(f"{label} again: ", option) != first:
        raise OptionError(f"the {label} was typed differently the second time", hint="Nothing was changed. Try again.")
    return first


def _ask(prompt: str, option: str) -> str:
    """Ask without echo; where that cannot be had, do not ask at all."""
    try:
        if not _has_terminal():
            raise EOFError
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(prompt[:1].upper() + prompt[1:])
    except (getpass.GetPassWarning, EOFError) as error:
        raise OptionError(
            "there is no terminal on which a secret can be typed unseen",
            hint=f"Say where it comes from: {option} env:VAR, {option} file:PATH or {option} fd:N.",
        ) from error


def _from_descriptor(number: str) -> bytes:
    """One line of an open file, so that several secrets can come through the same one."""
    line = bytearray()
    try:
        while len(line) < sources.MOST_BYTES:
            byte = os.read(int(number), 1)
            if byte in (b"", b"\n"):
                break
            line += byte
    except (OSError, OverflowError) as error:
        raise OptionError(f"cannot read the file descriptor {number}", hint="Is it open? Try `3<FILE`.") from error
    return sources.without_newline(bytes(line))
