"""pin: what is said where a PIN or PUK is not there, is not taken, or would not be used."""

from __future__ import annotations

from tests.unit.cli.shell import QUICK, Ended, Shell

USAGE, WRONG, BLOCKED, UNSUPPORTED = 2, 4, 5, 6


def card_of(shell: Shell, application: str, *, blank: bool = False) -> None:
    shell.store.create("card", application, blank=blank, cost=QUICK)


def pin(shell: Shell, *arguments: str) -> Ended:
    return shell("--json", "--reader", "soft:card", "pin", *arguments)


def test_a_puk_is_not_for_verifying(shell: Shell) -> None:
    card_of(shell, "piv")
    ended = pin(shell, "verify", "--name", "puk", "--pin", "env:PUK")
    assert (ended.status, ended.error["code"]) == (UNSUPPORTED, "not-supported")
    assert "no PUK that could be verified" in ended.error["message"]


def test_a_wrong_puk_is_called_one(shell: Shell) -> None:
    card_of(shell, "piv")
    ended = pin(shell, "unblock", "--puk", "env:NEW", "--new-pin", "env:PIN")
    assert ended.status == WRONG
    assert ended.error["message"] == "wrong PUK, 2 tries left"
    assert ended.error["hint"].startswith("Check the PUK")


def test_a_puk_that_would_not_be_used_is_refused(shell: Shell) -> None:
    card_of(shell, "gids")
    ended = pin(shell, "unblock", "--puk", "env:PUK", "--new-pin", "env:PIN")
    assert ended.status == UNSUPPORTED
    assert "--admin" in ended.error["hint"]
    ended = pin(shell, "unblock", "--puk", "env:PUK", "--admin", "env:ADMIN", "--new-pin", "env:PIN")
    assert (ended.status, ended.error["code"]) == (USAGE, "usage")


def test_a_blank_card_has_no_pin_to_be_unblocked(shell: Shell) -> None:
    """It answers as if its PIN were blocked; what helps is not the PUK, which it does not have either."""
    card_of(shell, "isoapplet", blank=True)
    ended = pin(shell, "verify", "--pin", "env:PIN")
    assert ended.status == BLOCKED
    assert "cardcore init" in ended.error["hint"]


def test_an_administrator_with_a_pin(shell: Shell) -> None:
    card_of(shell, "openpgp")
    shell.monkeypatch.setenv("ADMIN", "12345678")
    change = ("--json", "--reader", "soft:card", "admin", "change", "--admin", "env:ADMIN", "--new-admin", "env:NEW")
    ended = shell(*change)
    assert ended.status == UNSUPPORTED
    assert "pin change --name admin" in ended.error["hint"]
    assert pin(shell, "change", "--name", "admin", "--pin", "env:ADMIN", "--new-pin", "env:NEW").status == 0
