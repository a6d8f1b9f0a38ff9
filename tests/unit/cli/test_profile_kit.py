"""The tools for authors of profiles at the command line: explain, new."""

from __future__ import annotations

import io

import pytest

from cardcore.profile.catalog import load
from cardcore.profile.check import check
from tests.unit.cli.shell import Shell, Terminal

AID = "F04C61726B73707572"


def test_what_a_command_would_send(shell: Shell) -> None:
    out = shell("profile", "explain", "piv", "sign", "--key", "9c").out
    assert "the PIN user before each use" in out
    assert "81 <input:256>  input" in out


def test_a_pin_is_a_placeholder(shell: Shell) -> None:
    (command,) = shell("--json", "profile", "explain", "piv", "verify").json["commands"]
    assert command["apdus"] == ["0020008008<pin.block:8>"]


def test_what_a_card_cannot_do_is_told(shell: Shell) -> None:
    ended = shell("--json", "profile", "explain", "openpgp", "sign", "--scheme", "pss")
    assert (ended.status, ended.error["code"]) == (6, "not-supported")


def test_a_new_profile_passes_the_check(shell: Shell) -> None:
    ended = shell("profile", "new", "mine.yaml", "--aid", AID, "--name", "Mine: #1", "--pad", "FF:8", "--puk-ref", "02")
    assert ended.status == 0, ended.err
    assert check(shell.folder / "mine.yaml") == []
    made = load(shell.folder / "mine.yaml")
    assert (made.name, made.pins["user"].pad_to, made.pins["user"].unblock) == ("Mine: #1", 8, "puk")


def test_questions_are_asked_on_a_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["My card", "", "Mine", "3B00", "1", "81", "6-8", "none", "", "11-13", "02", "padded"])
    monkeypatch.setattr("cardcore.cli.draft._has_terminal", lambda: True)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _="": next(answers))
    ended = shell("profile", "new", "mine.yaml")
    assert ended.status == 0, ended.err
    assert [word for word in ("My card", "1", "81") if f"'{word}' is not understood" in ended.err] == ["My card", "1"]
    made = load(shell.folder / "mine.yaml")
    assert (made.name, len(made.keys), made.pins["user"].ref) == ("Mine", 3, 0x81)
    assert list(answers) == []


def test_a_file_is_not_replaced_by_accident(shell: Shell) -> None:
    path = shell.file("mine.yaml", b"precious")
    assert shell("profile", "new", path, "--aid", AID).status == 1
    assert (shell.folder / "mine.yaml").read_bytes() == b"precious"
    assert shell("profile", "new", path, "--aid", AID, "--force").status == 0


REFUSED = [
    ((), 1),
    (("--aid", "zz"), 2),
    (("--aid", AID, "--pin-length", "many"), 2),
    (("--aid", AID, "--pin-length", "9-4"), 1),
    (("--aid", AID, "--pad", "FF:2"), 1),
    (("--aid", AID, "--pin-ref", "0102"), 2),
    (("--aid", AID, "--puk-ref", "01"), 1),
    (("--aid", AID, "--keys", "05-01"), 1),
    (("--aid", "F0"), 1),
    (("--atr", "3B"), 1),
]


@pytest.mark.parametrize(("options", "status"), REFUSED)
def test_what_no_profile_can_say(shell: Shell, options: tuple[str, ...], status: int) -> None:
    ended = shell("profile", "new", "mine.yaml", *options)
    assert ended.status == status, ended.err
    assert not (shell.folder / "mine.yaml").exists()


def test_a_card_is_tested_and_a_report_written(shell: Shell) -> None:
    serial = shell.document("info")["serial"]
    options = ("--pin", "env:PIN", "--puk", "env:PUK", "--admin", "env:ADMIN", "--report", "report.html")
    ended = shell("profile", "test", "piv", "--reader", "soft:alice", *options, "--destructive", "--serial", serial)
    assert ended.status == 0, ended.err
    assert "0 failed" in ended.out
    assert "The card does what its profile says" in (shell.folder / "report.html").read_text(encoding="utf-8")


def test_a_destructive_test_wants_the_serial_number(shell: Shell) -> None:
    assert shell.card("profile", "test", "piv", "--destructive").status == 2
    assert shell.card("profile", "test", "piv", "--destructive", "--serial", "7").status == 1


def test_a_destructive_test_asks_on_a_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    serial = shell.document("info")["serial"]
    monkeypatch.setattr(io, "TextIOWrapper", Terminal)
    secrets = ("--pin", "env:PIN", "--puk", "env:PUK", "--admin", "env:ADMIN")
    command = ("profile", "test", "piv", *secrets, "--destructive")
    refused = shell.card(*command, stdin=b"1234\n")
    assert refused.status == 1
    assert f"Type the serial number {serial} to go on" in refused.err
    assert shell.document("key", "list")["keys"] == []
    assert shell.card(*command, stdin=f"{serial}\n".encode()).status == 0


def test_a_failing_card_is_told(shell: Shell) -> None:
    ended = shell.card("--json", "profile", "test", "piv", "--pin", "env:WRONG")
    assert (ended.status, ended.error["code"]) == (1, "conformance-failed")
    assert ended.json["failed"] == 1
