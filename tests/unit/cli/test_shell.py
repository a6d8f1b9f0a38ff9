"""The interactive shell: one card for many commands, completion, a history without secrets; pipe and terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from cardcore.cli import typed
from cardcore.cli.held import Holder
from cardcore.cli.root import cardcore
from cardcore.cli.shell import _session as made_session
from cardcore.masking import ChainMasker
from tests.unit.cli.shell import ADMIN, PIN, Ended, Shell

SELECT = "00A4040005A000000308"
VERIFY = "0020008008313233343536FFFF"


def session(shell: Shell, *lines: str, options: tuple[str, ...] = ()) -> Ended:
    return shell.card(*options, "shell", stdin="".join(f"{line}\n" for line in lines).encode())


def test_commands_share_the_card_and_what_was_proved_to_it(shell: Shell) -> None:
    ended = session(shell, "pin verify --pin env:PIN", "pin status", "", "# nothing", "exit", "info")
    assert ended.status == 0, ended.err
    assert "verified" in ended.out
    assert "historical bytes" not in ended.out  # nothing is run after exit


def test_it_identifies_the_card_once(shell: Shell) -> None:
    ended = session(shell, "pin status", "pin status", "pin status", options=("--trace", "t.jsonl"))
    assert ended.status == 0, ended.err
    lines = [json.loads(line) for line in (shell.folder / "t.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sum(line.get("event") == "connect" for line in lines) == 1
    assert sum(line.get("c", "").startswith("00a404") for line in lines) == 1


def test_a_raw_command_and_its_reply_decoded(shell: Shell) -> None:
    ended = session(shell, SELECT, "00 20 00 80", "pin status")
    assert ended.status == 0, ended.err
    assert "4F A000000308" in ended.out
    assert "63C3" in ended.out


def test_a_raw_command_that_is_too_short_is_told_as_one(shell: Shell) -> None:
    ended = shell.card("shell", stdin=b"00A4\n")
    assert ended.status == 2
    assert "It has at least 4 bytes" in ended.err


def test_secrets_in_raw_commands_are_hidden(shell: Shell) -> None:
    ended = session(shell, SELECT, VERIFY)
    assert "313233343536" not in ended.out
    assert "9000 success" in ended.out


def test_after_raw_commands_the_card_is_identified_anew(shell: Shell) -> None:
    ended = session(shell, "pin status", "00A4040005F000000000", "pin status")
    assert ended.status == 0, ended.err
    assert ended.out.count("3 tries left") == 4


def test_errors_do_not_end_it_but_its_status(shell: Shell) -> None:
    ended = session(shell, "bogus", "pin verify --pin env:WRONG", "sign 'x", "pin status", "shell")
    assert ended.status == 2
    assert "2 tries left" in ended.out
    assert ended.err.count("error:") == 4


def test_bytes_that_are_no_text_end_nothing(shell: Shell) -> None:
    ended = shell.card("shell", stdin=b"pin status\r\nkey public 9a\xff\n\xff\xfe\npin status\n")
    assert ended.status == 1
    assert ended.out.count("3 tries left") == 4
    assert ended.err.count("error:") == 2
    assert "unexpected" not in ended.err


def test_a_session_can_be_played_from_its_trace(shell: Shell) -> None:
    lines = ("info", "pin verify --pin env:PIN", "key list", SELECT)
    live = session(shell, *lines, options=("--trace", "t.jsonl"))
    script = "".join(f"{line}\n" for line in lines).encode()
    played = shell("--reader", "replay:t.jsonl", "shell", stdin=script)
    assert played.status == 0, played.err

    def timeless(text: str) -> list[str]:
        return [line.partition("  (")[0] for line in text.splitlines()]

    assert timeless(played.out) == timeless(live.out)


def test_each_answer_is_a_document(shell: Shell) -> None:
    ended = session(shell, "pin status", "bogus", options=("--json",))
    assert [pin["name"] for pin in ended.json["pins"]] == ["user", "puk"]
    assert ended.error["code"] == "usage"


def test_help(shell: Shell) -> None:
    ended = session(shell, "help", "help pin verify")
    assert ended.status == 0, ended.err
    assert "Key pairs" in ended.out
    assert "--last-try" in ended.out


def test_a_conformance_run_leaves_the_card_open(shell: Shell) -> None:
    ended = session(shell, "profile test piv --pin env:PIN", "pin status")
    assert ended.status == 0, ended.err
    assert "0 failed" in ended.out
    assert ended.out.count("3 tries left") >= 2


REMEMBERED = {
    "info": True,
    "pin verify --pin env:PIN": True,
    "pin verify --pin=file:pin.txt": True,
    "key generate 9a --admin prompt": True,
    SELECT: True,
    f"apdu {SELECT}": True,
    f"pin verify --pin {PIN}": False,
    f"pin verify --pin={PIN}": False,
    f"pin change --new-pin {PIN} --pin env:PIN": False,
    f"admin verify --admin {ADMIN}": False,
    "pin verify --pin": False,
    VERIFY: False,
    "00 20 00 80 08 31 32 33 34 35 36 FF FF": False,
    f"apdu {VERIFY}": False,
    "apdu 0020008O08313233343536FFFF": False,
    "sign 'x": False,
    "123456": False,
    "12345678": False,
    "apdu 12345678": False,
    "pin verify 123456": False,
    "admin verify 12345678 --pin env:PIN": False,
}


@pytest.mark.parametrize("line", REMEMBERED)
def test_what_is_remembered(line: str) -> None:
    assert typed.may_be_remembered(line) is REMEMBERED[line]


def test_what_goes_on_with_a_secret_is_not_remembered_either() -> None:
    """A key that is loaded by a chain of commands, one per line: what follows the first does not look like one."""
    masker = ChainMasker()
    lines = ("10 DB 3F FF 03 4D 01 01", "apdu 10DB3FFF020A0B", "00 DB 3F FF 02 0C 0D", "00 DB 3F FF 02 5C 00")
    assert [typed.may_be_remembered(line, masker) for line in lines] == [False, False, False, True]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends programs without asking them")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_shell_lets_it_log_out_first(shell: Shell, tmp_path: Path, number: int) -> None:
    """And there is no image of its memory, with the PIN, if it crashes."""
    trace = tmp_path / "trace"
    process = subprocess.Popen(
        [sys.executable, "-m", "cardcore", "--reader", "soft:alice", "--trace", str(trace), "shell"],
        env={**os.environ, "PIN": PIN},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("pin verify --pin env:PIN\n")
        process.stdin.flush()
        assert process.stdout.readline() == "the PIN is right\n"
        limits = Path(f"/proc/{process.pid}/limits")
        if limits.exists():
            assert re.search(r"Max core file size +0 +0 ", limits.read_text())
        process.send_signal(number)
        assert process.wait(20) == 128 + number
    assert [json.loads(line).get("c", "close") for line in trace.read_text().splitlines()][-2:] == ["0020ff80", "close"]


COMPLETED = [
    ("", "key"),
    ("", "exit"),
    ("pi", "pin"),
    ("key gen", "generate"),
    ("key generate ", "9a"),
    ("key generate 9", "9c"),
    ("sign --key ", "9a"),
    ("sign --hash sha25", "sha256"),
    ("sign --ha", "--hash"),
    ("object read ", "chuid"),
    ("profile explain pi", "piv"),
    ("profile explain piv ver", "verify"),
]


def offered(line: str) -> list[str]:
    found = typed.completions(cardcore, line, keys=lambda: ["9a", "9c"], objects=lambda: ["chuid"], own=("exit",))
    return [word for _, word, _ in found]


@pytest.mark.parametrize(("line", "word"), COMPLETED)
def test_completion(line: str, word: str) -> None:
    assert word in offered(line)


@pytest.mark.parametrize("line", ["key generate 9a ", "bogus ", "sign 'x", "key generate --type rsa2048 9a "])
def test_no_completion_where_no_name_belongs(line: str) -> None:
    assert not {"9a", "chuid"} & set(offered(line))


def test_the_prompt_completes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        completer = made_session(cardcore, Holder()).completer
    assert completer is not None
    found = list(completer.get_completions(Document("pin sta"), CompleteEvent()))
    assert [(one.text, one.start_position) for one in found] == [("status", -3)]
    assert list(completer.get_completions(Document("sign --key "), CompleteEvent())) == []  # no card is open


def test_on_a_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    keys = f"pin status\r{VERIFY}\rdropped\x03key list\r\x04"
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        pipe.send_text(keys)
        monkeypatch.setattr("cardcore.cli.shell._has_terminal", lambda: True)
        ended = shell.card("shell")
    assert ended.status == 0, ended.err
    assert "3 tries left" in ended.out
    history = tmp_path / "state" / "cardcore" / "history"
    remembered = history.read_text(encoding="utf-8")
    assert "+pin status" in remembered
    assert "dropped" not in remembered
    assert "313233343536" not in remembered
    if sys.platform != "win32":
        assert history.stat().st_mode & 0o077 == 0
