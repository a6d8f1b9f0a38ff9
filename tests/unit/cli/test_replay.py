"""A trace that --trace recorded plays as a card: a report of a fault with its trace can be gone through again."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.shell import PIN, QUICK, Shell

FAMILIES = ("piv", "openpgp", "isoapplet", "gids")
SIGN = ("sign", "--key", "9a", "--pin", "env:PIN", "letter", "--out")


@pytest.mark.parametrize("family", FAMILIES)
def test_info_of_a_recorded_card(shell: Shell, family: str) -> None:
    shell.store.create("bob", family, cost=QUICK)
    live = shell("--reader", "soft:bob", "--trace", "bob.jsonl", "--json", "info")
    shell.store.delete("bob")
    played = shell("--reader", "replay:bob.jsonl", "--json", "info")
    assert (live.status, played.status) == (0, 0), played.err
    assert played.json == live.json


def test_masked_bytes_match_any(shell: Shell) -> None:
    shell.generate("9a", "rsa2048")
    shell.file("letter", b"text")
    shell.ok("--trace", "sign.jsonl", *SIGN, "live.sig")
    assert PIN.encode().hex() not in (shell.folder / "sign.jsonl").read_text(encoding="utf-8")
    shell.monkeypatch.setenv("PIN", "999999")  # whoever plays the trace does not know the PIN
    played = shell("--reader", "replay:sign.jsonl", *SIGN, "played.sig")
    assert played.status == 0, played.err
    assert (shell.folder / "played.sig").read_bytes() == (shell.folder / "live.sig").read_bytes()


def test_a_fault_is_played_too(shell: Shell) -> None:
    live = shell.card("--trace", "wrong.jsonl", "--json", "pin", "verify", "--pin", "env:WRONG")
    played = shell("--reader", "replay:wrong.jsonl", "--json", "pin", "verify", "--pin", "env:PIN")
    assert (played.status, played.error) == (4, live.error)


def test_what_was_not_recorded_is_told_without_secrets(shell: Shell) -> None:
    shell.card("--trace", "info.jsonl", "info")
    ended = shell("--reader", "replay:info.jsonl", "--json", "pin", "verify", "--pin", "env:PIN")
    assert (ended.status, ended.error["code"]) == (1, "reply")
    assert "not as in the trace" in ended.error["message"]
    assert PIN.encode().hex() not in ended.err


def test_a_trace_of_raw_commands(shell: Shell) -> None:
    command = ("apdu", "00A4040005A000000308")
    live = shell.card("--trace", "raw.jsonl", "--json", *command)
    played = shell("--reader", "replay:raw.jsonl", "--json", *command)
    exchanges = [dict(one, microseconds=0) for document in (live, played) for one in document.json["exchanges"]]
    assert exchanges[0] == exchanges[1]


@pytest.mark.parametrize("content", [None, b"nonsense\n", json.dumps({"c": "zz"}).encode()])
def test_what_is_no_trace(shell: Shell, content: bytes | None) -> None:
    if content is not None:
        shell.file("t.jsonl", content)
    ended = shell("--reader", "replay:t.jsonl", "info")
    assert ended.status == 1
    assert "Traceback" not in ended.err
