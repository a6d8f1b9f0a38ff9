"""What an answer looks like where the terminal, or its encoding, is not up to it."""

from __future__ import annotations

import io
import json
import sys

import pytest

from cardcore.cli.errors import report_of
from cardcore.cli.output import Output, pairs, table
from cardcore.errors import InputError

NAME = "\N{GREEK CAPITAL LETTER OMEGA}\N{GRINNING FACE}\udcff"
"""A letter, a character beyond U+FFFF, and a byte of a file's name that is no UTF-8."""


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_no_character_costs_an_answer(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    said = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(said, encoding=encoding, errors="strict"))
    Output(json_wanted=True).result({"name": NAME})
    Output(json_wanted=True).event({"name": NAME}, "")
    whole, _, line = said.getvalue().decode(encoding).partition("}")
    assert [json.loads(document)["name"] for document in (whole + "}", line)] == [NAME, NAME]
    Output(json_wanted=False).result({}, [NAME, "next"])
    sys.stdout.flush()
    escaped = NAME.encode(encoding, "backslashreplace")
    assert said.getvalue().splitlines()[-2:] == [escaped, b"next"]


def test_nobody_s_text_steers_the_terminal() -> None:
    (_, row) = table(("LABEL",), [("Anne\x1b[2J\nBerg",)])
    assert row == r"Anne\x1b[2J\nBerg"
    assert pairs([("label", "\x1b]0;x\x07")]) == [r"label: \x1b]0;x\x07"]
    assert report_of(InputError("no key \x1b[2J\nhere")).message == r"no key \x1b[2J here"
