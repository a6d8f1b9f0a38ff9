"""What the command remembers of cards between its runs, and how it is told not to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cardcore.transport.faults import CountingTransport
from tests.unit.cli.openssl import openssl
from tests.unit.cli.shell import QUICK, Shell

TEXT = b"a letter\n"
SIGN = ("sign", "--pin", "env:PIN", "letter", "--out", "letter.sig", "--key", "9a")
ASKED, REMEMBERED = 6, 5  # extended length: SELECT, [metadata,] tries, VERIFY, sign; logging out


@pytest.fixture
def rsa(shell: Shell) -> Shell:
    shell.generate("9a", "rsa2048")
    shell.file("letter", TEXT)
    return shell


def files() -> list[Path]:
    return list((Path(os.environ["XDG_CACHE_HOME"]) / "cardcore" / "public").glob("*"))


def count(shell: Shell, *options: str) -> int:
    """How many commands a signature takes; it is checked."""
    (Path("letter.sig")).unlink(missing_ok=True)
    seen = shell.wrap(CountingTransport)
    answer = shell.document("--profile", "piv", *options, *SIGN)
    assert answer["type"] == "rsa2048"
    openssl("dgst", "-sha256", "-verify", "9a.pem", "-signature", "letter.sig", "letter")
    return seen[0].count


def test_the_second_signature_takes_fewer_commands(rsa: Shell) -> None:
    assert [count(rsa) for _ in range(3)] == [ASKED, REMEMBERED, REMEMBERED]


@pytest.mark.parametrize("by_option", [True, False])
def test_one_option_turns_it_off(rsa: Shell, monkeypatch: pytest.MonkeyPatch, by_option: bool) -> None:
    if not by_option:
        monkeypatch.setenv("CARDCORE_NO_CACHE", "1")
    options = ("--no-cache",) if by_option else ()
    assert [count(rsa, *options) for _ in range(2)] == [ASKED, ASKED]
    assert not files()


def test_a_trace_is_the_same_whatever_is_remembered_and_replays_as_it_was(rsa: Shell) -> None:
    count(rsa)
    assert files()
    assert count(rsa, "--trace", "trace.jsonl") == ASKED
    assert rsa("--reader", "replay:trace.jsonl", "--profile", "piv", *SIGN).status == 0


def test_what_is_written_with_it_off_is_forgotten_too(rsa: Shell) -> None:
    count(rsa)
    assert files()
    rsa.ok("--no-cache", "key", "generate", "9d", "--type", "ecp256", "--admin", "env:ADMIN")
    assert not files()


@pytest.mark.parametrize("raw", [("apdu", "00A4040000"), ("shell",)])
def test_raw_commands_forget_every_card(rsa: Shell, raw: tuple[str, ...]) -> None:
    count(rsa)
    assert files()
    rsa.card(*raw, stdin=b"00A4040000\n")
    assert not files()


def test_a_wrong_pin_is_asked_for_once(rsa: Shell) -> None:
    count(rsa)
    wrong = rsa.card("--json", "sign", "--pin", "env:WRONG", "letter", "--key", "9a")
    assert wrong.error["code"] == "wrong-pin"
    assert rsa.document("pin", "status")["pins"][0]["tries_left"] == 2


@pytest.mark.parametrize("asked_for", [False, True])
def test_an_openpgp_card_tells_everything_at_once(shell: Shell, asked_for: bool) -> None:
    shell.store.create("olga", "openpgp", cost=QUICK)
    shell.monkeypatch.setenv("ADMIN_PIN", "12345678")
    card = ("--reader", "soft:olga")
    making = ("key", "generate", "signature", "--type", "rsa2048", "--admin", "env:ADMIN_PIN", "--out", "9a.pem")
    assert shell(*card, *making).status == 0
    shell.file("letter", TEXT)
    if asked_for:
        shell.terminal("123456")
    seen = shell.wrap(CountingTransport)
    pin = () if asked_for else ("--pin", "env:PIN")
    ended = shell(*card, "--profile", "openpgp", "sign", *pin, "letter", "--out", "letter.sig", "--key", "signature")
    assert ended.status == 0, ended.err
    openssl("dgst", "-sha256", "-verify", "9a.pem", "-signature", "letter.sig", "letter")
    # SELECT, application related data (2), KDF, [tries, since a person took their time,] VERIFY, PSO; and logging out
    assert seen[0].count == (8 if asked_for else 7)


LOADED = """
import sys
from cardcore.cli.root import run
assert run(sys.argv[1:]) == 0
print(*sorted(name for name in ("cardcore.cache", "json", "tempfile") if name in sys.modules))
"""


@pytest.mark.parametrize("more", [("--type", "rsa2048"), ("--no-cache",), ()])
def test_the_cache_is_loaded_only_where_it_could_help(rsa: Shell, more: tuple[str, ...]) -> None:
    before, after = (more, ()) if more == ("--no-cache",) else ((), more)
    line = (*before, "--reader", "soft:alice", *SIGN, *after)
    ended = subprocess.run([sys.executable, "-c", LOADED, *line], capture_output=True, text=True, check=True)
    assert ("cardcore.cache" in ended.stdout.split()) == (not more)
