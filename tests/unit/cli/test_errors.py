"""Every kind of error: exit status, what is said, what is never said."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable

import click
import pytest

from cardcore import errors as library
from cardcore.cli import errors
from cardcore.transport.faults import FaultKind, FaultPlan
from tests.unit import house
from tests.unit.cli.shell import Shell

SIGN = ("sign", "--key", "9a", "--pin", "env:PIN", "-", "--out", "x.sig")

STATUS: tuple[tuple[BaseException, int, str], ...] = (
    (library.CardError("x"), 1, "card-error"),
    (library.InputError("x"), 1, "input"),
    (library.StatusError("x", sw=0x6A80), 1, "status"),
    (library.SecurityStatus("x", sw=0x6982), 1, "security-status"),
    (library.NotFound("x", sw=0x6A82), 1, "not-found"),
    (library.ReplyError("x"), 1, "reply"),
    (errors.BadSignature("x"), 1, "bad-signature"),
    (library.PinEntryError("x", sw=0x64FF), 1, "pin-entry"),
    (library.PinEntryCancelled("x", sw=0x6401), 9, "pin-entry-cancelled"),
    (library.PinEntryTimeout("x", sw=0x6400), 10, "pin-entry-timeout"),
    (library.PinEntryMismatch("x", sw=0x6402), 11, "pin-entry-mismatch"),
    (library.PinEntryLength("x", sw=0x6403), 12, "pin-entry-length"),
    (library.PinRequired("x"), 2, "pin-required"),
    (library.AdminRequired("x"), 2, "admin-required"),
    (errors.OptionError("x"), 2, "usage"),
    (click.UsageError("x"), 2, "usage"),
    (library.NoService("x"), 3, "no-service"),
    (library.NoReader("x"), 3, "no-reader"),
    (library.NoCard("x"), 3, "no-card"),
    (library.PinError("x"), 4, "wrong-pin"),
    (library.LastTry("x", tries_left=1), 4, "last-try"),
    (library.PinBlocked("x", tries_left=0), 5, "pin-blocked"),
    (library.NotSupported("x"), 6, "not-supported"),
    (library.UnknownCard("x"), 6, "unknown-card"),
    (library.ProfileError("x"), 7, "profile"),
    (library.TransportError("x"), 8, "transport"),
    (library.CardRemoved("x"), 8, "card-removed"),
    (library.CardReset("x"), 8, "card-reset"),
    (library.ReaderBusy("x"), 8, "reader-busy"),
    (click.Abort(), 130, "interrupted"),
    (KeyboardInterrupt(), 130, "interrupted"),
    (click.ClickException("x"), 1, "failed"),
    (PermissionError(errno.EACCES, "Permission denied", "name"), 1, "file"),
    (ModuleNotFoundError("x", name="sqlalchemy.orm"), 1, "not-installed"),
    (ModuleNotFoundError("x", name="psycopg"), 1, "not-installed"),
    (ModuleNotFoundError("x", name="cardcore.nothing"), 1, "internal"),
    (ZeroDivisionError("x"), 1, "internal"),
    (RuntimeError(), 1, "internal"),
)


@pytest.mark.parametrize(("error", "status", "code"), STATUS, ids=lambda value: str(value) or "none")
def test_each_error_has_its_status_and_code(error: BaseException, status: int, code: str) -> None:
    report = errors.report_of(error)
    assert (errors.exit_status(error), report.code) == (status, code)
    assert report.message
    assert report.hint


def test_which_extra_brings_what_is_not_installed() -> None:
    project = tomllib.loads((house.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extra in ("personalise", "stations"):
        packages = [re.split(r"[\[>=]", line)[0] for line in project["optional-dependencies"][extra]]
        for name in (package.replace("-", "_").removesuffix("2") for package in packages if package != "cardcore"):
            report = errors.report_of(ModuleNotFoundError(name=name))
            assert (report.code, report.hint) == ("not-installed", f"Install it: pip install 'cardcore[{extra}]'")


WITHOUT = "import sys; sys.modules['sqlalchemy'] = None; from cardcore.cli import main; sys.exit(main(sys.argv[1:]))"


def test_a_plan_without_its_packages() -> None:
    """In an interpreter of its own: what one has imported cannot be taken from it cleanly."""
    line = [sys.executable, "-c", WITHOUT, "--json", "personalise", "status", "staff.yaml"]
    ended = subprocess.run(line, cwd=house.ROOT, capture_output=True, text=True, check=False)
    told = json.loads(ended.stderr)["error"]
    assert (ended.returncode, told["code"], "sqlalchemy" in told["message"]) == (1, "not-installed", True)


@pytest.mark.parametrize("option", ["--reader", "--json", "--trace"])
def test_a_global_option_behind_the_command(shell: Shell, option: str) -> None:
    told = shell("info", option, "x")
    assert told.status == 2
    assert f"Put {option} before the command" in told.err
    assert "Did you mean" not in told.err


def test_a_hint_that_an_error_does_not_bring_is_one_for_its_kind() -> None:
    """What was sent to a card is of no use where nothing was, or where the card does not have it."""
    assert "--help" in errors.report_of(library.InputError("x")).hint
    assert "profile show" in errors.report_of(library.NotSupported("x")).hint
    assert "object list" in errors.report_of(library.NotFound("x", sw=0x6A82)).hint
    assert "-vv" in errors.report_of(library.StatusError("x", sw=0x6A80)).hint
    assert errors.report_of(library.InputError("x", hint="Do y.")).hint == "Do y."


def test_all_codes_are_documented() -> None:
    text = (house.ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\d+) \| [^|]* \| ([^|]*)\|$", text, flags=re.M))
    for status in {status for _, status, _ in STATUS}:
        assert set(re.findall("`([^`]+)`", rows[str(status)])) >= {code for _, own, code in STATUS if own == status}


def test_all_errors_of_the_library_are_in_the_table() -> None:
    def kinds(kind: type[library.CardError]) -> set[type[library.CardError]]:
        return {kind}.union(*(kinds(below) for below in kind.__subclasses__()))

    tested = {type(error) for error, _, _ in STATUS}
    assert {kind for kind in kinds(library.CardError) if kind.__module__ == "cardcore.errors"} <= tested


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        (("pin", "verify", "--pin", "env:WRONG"), 4, "wrong-pin"),
        (("pin", "verify"), 2, "usage"),
        (("pin", "verify", "--name", "nobody", "--pin", "env:PIN"), 6, "not-supported"),
        (("pin", "verify", "--pin", "pad"), 6, "not-supported"),
        (("key", "generate", "9a", "--type", "ecp256"), 2, "usage"),
        (("key", "generate", "9a", "--type", "ecp256", "--admin", "env:NEW"), 1, "input"),
        (("key", "generate", "9a", "--type", "ecp521", "--admin", "env:ADMIN"), 6, "not-supported"),
        (("key", "generate", "nine", "--type", "ecp256", "--admin", "env:ADMIN"), 1, "input"),
        (("key", "public", "9a"), 1, "not-found"),
        (("cert", "export", "9a"), 1, "not-found"),
        (("object", "read", "chuids"), 1, "input"),
        (("profile", "show", "nothing"), 7, "profile"),
        (("sign", "--kee"), 2, "usage"),
        (("nothing",), 2, "usage"),
    ],
)
def test_errors_on_a_card(shell: Shell, line: tuple[str, ...], status: int, code: str) -> None:
    ended = shell.card("--json", *line)
    assert (ended.status, ended.error["code"]) == (status, code)
    assert ended.raw == b""
    assert set(ended.error) == {"code", "message", "hint", "sw", "tries_left"}
    people = shell.card(*line)
    assert people.status == status
    assert [line.split()[0] for line in people.err.splitlines()] == ["error:", "hint:"]


def test_a_wrong_pin_tells_what_is_left_until_it_is_blocked(shell: Shell) -> None:
    line = ("--json", "pin", "verify", "--pin", "env:WRONG")
    told = [shell.card(*line), shell.card(*line), shell.card(*line), shell.card(*line, "--last-try"), shell.card(*line)]
    assert [(ended.status, ended.error["code"], ended.error["tries_left"]) for ended in told] == [
        (4, "wrong-pin", 2),
        (4, "wrong-pin", 1),
        (4, "last-try", 1),
        (5, "pin-blocked", 0),
        (5, "pin-blocked", 0),
    ]
    assert told[0].error["sw"] == "63C2"
    assert "--last-try" in told[2].error["hint"]


def test_no_card_and_no_reader(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    from cardcore.transport import pcsc

    assert shell("--reader", "soft:bob", "info").status == 3
    monkeypatch.setattr(pcsc, "list_readers", list)
    for line in (("info",), ("apdu", "00A4040000"), ("--reader", "any", "info")):
        assert shell(*line).status == 3


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (FaultKind.REMOVED_BEFORE, 8, "card-removed"),
        (FaultKind.REMOVED_AFTER, 8, "card-removed"),
        (FaultKind.BUSY, 8, "reader-busy"),
        (FaultKind.RESET, 8, "card-reset"),
        (FaultKind.TRUNCATED, 1, "reply"),
    ],
)
def test_faults_while_signing(shell: Shell, kind: FaultKind, status: int, code: str) -> None:
    shell.generate("9a", "rsa2048")
    shell.fail(FaultPlan(kind=kind, at=4, times=9))
    ended = shell.card(
        "--profile", "piv", "--json", "sign", "--key", "9a", "--type", "rsa2048", *SIGN[3:], stdin=b"text"
    )
    assert (ended.status, ended.error["code"]) == (status, code)
    assert not (shell.folder / "x.sig").exists()


def test_a_card_taken_out_at_any_moment_costs_no_try(shell: Shell) -> None:
    shell.generate("9a", "rsa2048")
    ends = []
    for exchange in range(1, 12):
        shell.fail(FaultPlan(kind=FaultKind.REMOVED_BEFORE, at=exchange))
        ends.append(shell.card("--profile", "piv", *SIGN, stdin=b"text"))
        shell.fail(FaultPlan(kind=FaultKind.DELAY))
        assert shell.document("pin", "status")["pins"][0]["tries_left"] == 3
    assert {ended.status for ended in ends} == {0, 8}
    assert not any("Traceback" in ended.err for ended in ends)


def test_an_unexpected_error_shows_no_traceback_but_with_vv(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object, **__: object) -> None:
        raise ZeroDivisionError("bang")

    monkeypatch.setattr("cardcore.open_card", explode, raising=False)
    quiet, loud = shell.card("info"), shell.card("-vv", "info")
    assert quiet.status == loud.status == 1
    assert "Traceback" not in quiet.err
    assert "bang" in quiet.err
    assert "Traceback" in loud.err


def test_interruption(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cardcore.open_card", interrupt, raising=False)
    ended = shell.card("--json", "info")
    assert (ended.status, ended.error["code"]) == (130, "interrupted")


def test_a_reader_of_the_output_that_has_gone_is_no_error(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(*_: object, **__: object) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr("cardcore.cli.output.Output.result", break_off)
    ended = shell("soft", "list")
    assert (ended.status, ended.err) == (1, "")


def test_nor_at_the_last_moment() -> None:
    program = "import sys; from cardcore.cli import main; sys.exit(main(sys.argv[1:]))"
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-c", program, "--help"], stdout=writing, stderr=subprocess.PIPE, cwd=house.ROOT, check=False
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, b"")


@pytest.mark.parametrize("option", ["--reader", "--profile", "--json", "--trace", "-v"])
def test_global_options_after_the_command_are_explained(shell: Shell, option: str) -> None:
    ended = shell("key", "list", option)
    assert ended.status == 2
    text = json.loads(ended.err)["error"]["hint"] if option == "--json" else ended.err
    assert "before the command" in text


@pytest.mark.parametrize("make", [lambda: library.LastTry("x", tries_left=1), lambda: library.CardError("a\nb")])
def test_messages_stay_on_one_line(make: Callable[[], library.CardError]) -> None:
    report = errors.report_of(make())
    assert "\n" not in report.message + report.hint


def test_without_arguments_there_is_help(shell: Shell) -> None:
    for line in ((), ("key",)):
        ended = shell(*line)
        assert ended.status == 2
        assert "Usage: cardcore" in ended.err
