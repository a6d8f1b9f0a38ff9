"""Where secrets come from, and that they go nowhere else."""

from __future__ import annotations

import getpass
import os
import pty
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from cardcore.cli import secrets
from cardcore.cli.errors import OptionError
from cardcore.cli.secrets import Source, obtain, obtain_key
from cardcore.errors import InputError, NotSupported
from cardcore.sources import SourceError
from tests.unit import house
from tests.unit.cli.shell import ADMIN, PIN, PUK, Shell


def source(text: str) -> Source:
    found = secrets.SOURCE.convert(text, None, None)
    assert isinstance(found, Source)
    return found


@pytest.mark.parametrize("option", ["--pin", "--new-pin", "--puk", "--admin", "--new-admin"])
def test_a_secret_in_place_of_its_source_is_not_repeated(shell: Shell, option: str) -> None:
    commands = {
        "--pin": ("pin", "verify"),
        "--new-pin": ("pin", "change"),
        "--puk": ("pin", "unblock"),
        "--admin": ("admin", "verify"),
        "--new-admin": ("admin", "change"),
    }
    for line in ((option, "918273"), (f"{option}=918273",), ("918273",), (option, "env:PIN", "918273")):
        for form in ((), ("--json",), ("-vv",)):
            ended = shell.card(*form, *commands[option], *line)
            assert ended.status == 2
            assert "918273" not in ended.err + ended.out
    assert "env:VAR" in shell.card(*commands[option], option, "918273").err


@pytest.mark.parametrize(
    "text", ["", "123456", "env", "env:", "file:", "fd:", "fd:x", "fd:-1", "pad:1", "prompt:", "x:y"]
)
def test_what_is_no_source(shell: Shell, text: str) -> None:
    assert shell.card("pin", "verify", "--pin", text).status == 2


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "tell\n")
    assert obtain(source("env:SECRET"), "PIN", "--pin").reveal() == b"tell"
    monkeypatch.setenv("SECRET", "")
    with pytest.raises(OptionError, match="empty"):
        obtain(source("env:SECRET"), "PIN", "--pin")
    monkeypatch.delenv("SECRET")
    with pytest.raises(SourceError, match="SECRET is not set"):
        obtain(source("env:SECRET"), "PIN", "--pin")


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_from_a_file(tmp_path: Path, ending: bytes) -> None:
    (tmp_path / "pin").write_bytes(b" 12\xc3\xa4 " + ending)
    assert obtain(source(f"file:{tmp_path / 'pin'}"), "PIN", "--pin").reveal() == b" 12\xc3\xa4 "
    with pytest.raises(SourceError, match="cannot read"):
        obtain(source(f"file:{tmp_path / 'other'}"), "PIN", "--pin")


def test_several_from_one_open_file() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"first\r\nsecond")
    os.close(writing)
    assert [obtain(source(f"fd:{reading}"), "PIN", "--pin").reveal() for _ in range(2)] == [b"first", b"second"]
    os.close(reading)
    with pytest.raises(OptionError, match=f"descriptor {reading}"):
        obtain(source(f"fd:{reading}"), "PIN", "--pin")


def test_a_key_is_hexadecimal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "0a 0B0c")
    assert obtain_key(source("env:KEY"), "key", "--admin").reveal() == b"\x0a\x0b\x0c"
    monkeypatch.setenv("KEY", "0a0x")
    with pytest.raises(InputError, match="not hexadecimal") as caught:
        obtain_key(source("env:KEY"), "key", "--admin")
    assert "0a0x" not in str(caught.value)
    assert caught.value.__context__ is None


def test_what_is_no_pin_comes_from_no_pin_pad(shell: Shell) -> None:
    with pytest.raises(NotSupported, match="admin key cannot be entered on a PIN pad"):
        obtain(source("pad"), "admin key", "--admin")
    assert shell.card("admin", "verify", "--admin", "pad").status == 6


def test_a_pin_pad_that_is_not_there(shell: Shell) -> None:
    ended = shell.card("pin", "verify", "--pin", "pad")
    assert ended.status == 6
    assert "no PIN pad" in ended.err
    assert "--pin prompt" in ended.err


def test_asked_for_on_a_terminal(shell: Shell) -> None:
    prompts = shell.terminal(PIN)
    assert shell.card("pin", "verify").status == 0
    assert prompts == ["PIN: "]
    shell.terminal("000000")
    assert shell.card("pin", "verify", "--pin", "prompt").status == 4


def test_new_ones_are_asked_for_twice(shell: Shell) -> None:
    prompts = shell.terminal(PIN, "654321", "654321")
    assert shell.card("pin", "change").status == 0
    assert prompts == ["PIN: ", "New PIN: ", "New PIN again: "]
    shell.terminal("654321", "111111", "222222")
    ended = shell.card("pin", "change")
    assert ended.status == 2
    assert "differently" in ended.err
    shell.terminal("")
    assert shell.card("pin", "verify").status == 2


def test_what_is_typed_is_text(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Depending on how Python was started, bytes that are no UTF-8 become surrogates or an error that holds them."""

    def undecodable(prompt: str) -> str:
        return b"918273\xff".decode()

    shell.terminal("918273\udcff")
    for _ in range(2):
        ended = shell.card("-vv", "pin", "verify")
        assert ended.status == 2
        assert "UTF-8" in ended.err
        assert "918273" not in ended.err
        monkeypatch.setattr("getpass.getpass", undecodable)


def test_never_asked_for_where_it_would_be_seen(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(prompt: str) -> str:
        warnings.warn("can be seen", getpass.GetPassWarning, stacklevel=2)
        return PIN

    shell.terminal()
    monkeypatch.setattr("getpass.getpass", careless)
    ended = shell.card("pin", "verify")
    assert ended.status == 2
    assert "unseen" in ended.err
    assert shell.card("pin", "verify", "--pin", "prompt", stdin=b"").status == 2


def test_no_terminal_no_question(shell: Shell) -> None:
    ended = shell.card("pin", "verify", "--pin", "prompt")
    assert ended.status == 2
    assert "--pin env:VAR" in ended.err


def test_secrets_never_come_out(shell: Shell) -> None:
    path = shell.generate("9a", "rsa2048")
    said = [
        shell.card("-vv", "--trace", "t.trace", *line).err
        for line in (
            ("sign", "--key", "9a", "--pin", "env:PIN", path, "--out", "x.sig"),
            ("pin", "verify", "--pin", "env:WRONG"),
            ("pin", "change", "--pin", "env:PIN", "--new-pin", "env:NEW"),
            ("pin", "unblock", "--puk", "env:PUK", "--new-pin", "env:PIN"),
            ("admin", "change", "--admin", "env:ADMIN", "--new-admin", "env:ADMIN"),
            ("apdu", "00A4040005A000000308", f"0020008008{PIN.encode().hex()}ffff"),
        )
    ]
    said.append((shell.folder / "t.trace").read_text())
    everything = "".join(said).lower()
    for secret in (PIN, PUK, "87654321", "000000"):
        assert secret.encode().hex() not in everything
        assert f" {secret}" not in everything
    assert ADMIN not in everything
    assert "****" in everything


def test_on_a_real_terminal(shell: Shell) -> None:
    """The prompt stands on the terminal, what is typed does not."""
    program = "import sys; from cardcore.cli import main; sys.exit(main(sys.argv[1:]))"
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program, "--reader", "soft:alice", "pin", "verify"],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(house.ROOT)},
    )
    os.close(follower)
    shown = b""
    while b"PIN: " not in shown:
        shown += os.read(leader, 1024)
    time.sleep(0.2)  # echo is switched off before the prompt is read, not before it is written
    os.write(leader, PIN.encode() + b"\n")
    while True:
        try:
            shown += os.read(leader, 1024)
        except OSError:  # Linux says so when the other side was closed
            break
    assert process.wait(10) == 0
    os.close(leader)
    assert b"the PIN is right" in shown
    assert PIN.encode() not in shown
