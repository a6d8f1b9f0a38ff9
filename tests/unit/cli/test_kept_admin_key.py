"""The admin key of a card that keeps it behind its PIN: commands that need it ask for the PIN."""

from __future__ import annotations

import pytest

from tests.unit.cli.shell import ADMIN, Shell

KEPT = bytes.fromhex("8003810102")
PIN_OPTION = ("--pin", "env:PIN")


@pytest.fixture
def keeping(shell: Shell) -> Shell:
    """The card keeps its factory admin key."""
    shell.ok("object", "write", "5FFF00", "-", "--admin", "env:ADMIN", stdin=KEPT)
    content = bytes.fromhex("881A8918" + ADMIN)
    shell.ok("object", "write", "printed", "-", "--admin", "env:ADMIN", stdin=content)
    return shell


def test_keys_and_certificates_take_the_pin_only(keeping: Shell) -> None:
    keeping.ok("key", "generate", "9a", "--type", "ecp256", *PIN_OPTION)
    keeping.ok("cert", "self-sign", "9a", "--subject", "CN=A", *PIN_OPTION)
    keeping.ok("key", "delete", "9a", *PIN_OPTION)


def test_the_pin_is_asked_for(keeping: Shell) -> None:
    prompts = keeping.terminal("123456")
    keeping.ok("key", "generate", "9a", "--type", "ecp256")
    assert prompts == ["PIN: "]


def test_a_wrong_pin_and_none(keeping: Shell) -> None:
    assert keeping.card("admin", "verify", "--pin", "env:WRONG").status == 4
    assert keeping.card("admin", "verify").status == 2
    assert keeping.document("pin", "status")["pins"][0]["tries_left"] == 2
    keeping.ok("admin", "verify", *PIN_OPTION)


def test_the_key_itself_is_taken_first(keeping: Shell) -> None:
    keeping.ok("admin", "verify", "--admin", "env:ADMIN")
    assert keeping.card("admin", "verify", "--admin", "env:WRONG", *PIN_OPTION).status != 0


def test_a_new_key_is_kept_too(keeping: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "00112233445566778899aabbccddeeff")
    keeping.ok("admin", "change", *PIN_OPTION, "--new-admin", "env:KEY")
    assert keeping.card("admin", "verify", "--admin", "env:ADMIN").status != 0
    keeping.ok("admin", "verify", *PIN_OPTION)
    keeping.ok("admin", "verify", "--admin", "env:KEY")
