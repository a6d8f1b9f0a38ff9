"""`cardcore personalise`: which command is meant, and what `check` and `schema` say."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from cardcore.cli.personalise import Personalise, with_command
from tests.unit.cli.openssl import openssl
from tests.unit.cli.shell import Shell
from tests.unit.cli.test_documents import assert_documented
from tests.unit.personalise.plans import ALL, PIV, folder_of
from tests.unit.personalise.small_plans import ONE, SMALL

MASTER = "00112233445566778899aabbccddeeff"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ([], []),
        (["--help"], ["--help"]),
        (["-h"], ["-h"]),
        (["check", "a.yaml"], ["check", "a.yaml"]),
        (["a.yaml"], ["run", "a.yaml"]),
        (["a.yaml", "--resume"], ["run", "a.yaml", "--resume"]),
        (["--dry-run", "a.yaml"], ["run", "--dry-run", "a.yaml"]),
        (["./check"], ["run", "./check"]),
        (["--status"], ["status"]),
        (["--status", "--store", "URL"], ["status", "--store", "URL"]),
        (["--store", "URL", "--status"], ["status", "--store", "URL"]),
    ],
)
def test_without_a_name_a_plan_is_run(typed: list[str], meant: list[str]) -> None:
    assert with_command(typed, {**Personalise.table, "check": None}) == meant


@pytest.mark.parametrize("spelling", ["personalise", "personalize"])
def test_a_plan_that_is_right(shell: Shell, spelling: str) -> None:
    shell.monkeypatch.setenv("MASTER", MASTER)
    plan = folder_of(shell.folder / "plan", ALL)
    assert shell.ok(spelling, "check", str(plan)).out.splitlines() == [
        "cards of the profile piv: for 2 holders",
        "cards of the profile isoapplet: for 2 holders",
        "cards of the profile gids: for 2 holders",
        "cards of the profile openpgp: for 2 holders",
        "2 holders: 0 errors, 0 warnings",
    ]


def test_a_master_key_that_is_elsewhere_is_a_warning(shell: Shell) -> None:
    plan = folder_of(shell.folder / "plan", PIV)
    document = shell("--json", "personalise", "check", str(plan)).json
    assert_documented("personalise check", {**document, "cards": {"PROFILE": 2}})
    assert document["cards"] == {"piv": 2}
    assert [finding["severity"] for finding in document["findings"]] == ["warning"]
    assert "MASTER is not set" in document["findings"][0]["message"]


def test_a_plan_that_is_wrong_has_its_exit_status(shell: Shell) -> None:
    plan = folder_of(shell.folder / "plan", PIV.replace("digits: 6", "digits: 5"))
    ended = shell("personalise", "check", str(plan))
    assert ended.status == 7
    assert f"{plan}:16:39: error: expected an integer from 6 to 8" in ended.out
    assert "^" in ended.out
    assert ended.out.endswith("0 holders: 1 error, 0 warnings\n")


def test_a_file_that_is_not_there(shell: Shell) -> None:
    ended = shell("--json", "personalise", "check", "chekc")
    assert ended.status == 7
    assert "cannot be read" in ended.error["message"]
    assert "./NAME" in ended.error["hint"]


def test_the_schema_is_one(shell: Shell) -> None:
    schema = shell.ok("personalise", "schema").out
    assert shell("--json", "personalise", "schema").out == schema
    jsonschema.Draft202012Validator.check_schema(shell("--json", "personalise", "schema").json)


def test_help_lists_the_commands(shell: Shell) -> None:
    assert "check" in shell.ok("personalise", "--help").out
    assert "personalize" not in shell.ok("--help").out


LETTERS = "letters: {format: text, template: letter.txt, recipients: issuer.pem, folder: letters}\n"
LETTER = "{name}, {card.serial}: {pin.user} {pin.puk}\n"


def issued(shell: Shell, plan: str) -> Path:
    """The plan of a run in which one card was prepared."""
    shell.monkeypatch.setenv("MASTER", MASTER)
    folder = shell.folder / "plan"
    file = folder_of(folder, "plan: 1\n", ONE)
    (folder / "letter.txt").write_text(LETTER, encoding="utf-8")
    (folder / "letters").mkdir()
    file.write_text(plan, encoding="utf-8")
    shell.store.delete("alice")
    shell.create("bob", blank=True)
    ended = shell("personalise", str(file), "--reader", "soft:bob")
    assert ended.status == 0, ended.err + ended.out
    return file


def test_letters_of_finished_cards_have_the_pins_of_the_cards(shell: Shell) -> None:
    plan = issued(shell, SMALL["piv"] + LETTERS)
    key = plan.parent / "issuer.key"
    document = shell.ok("--json", "personalise", "letters", str(plan), "--unlock", f"file:{key}").json
    assert_documented("personalise letters", document)
    (letter,) = document["letters"]
    arguments = ("cms", "-decrypt", "-inform", "DER", "-in", letter["to"], "-inkey", str(key))
    name, _, pins = openssl(*arguments).decode().strip().partition(f", {letter['card']}: ")
    assert name == "Anne O'Hara"
    shell.monkeypatch.setenv("PIN", pins.split()[0])
    shell.ok("--reader", "soft:bob", "pin", "verify", "--pin", "env:PIN")
    for path in plan.parent.rglob("*"):
        assert not path.is_file() or pins.split()[0].encode() not in path.read_bytes(), path


def test_letters_need_the_key_of_a_recipient(shell: Shell) -> None:
    plan = issued(shell, SMALL["piv"] + LETTERS)
    ended = shell("--json", "personalise", "letters", str(plan))
    assert ended.status == 1
    assert "in the journal only, encrypted" in ended.error["message"]
    assert list((plan.parent / "letters").iterdir()) == []
    ended = shell("--json", "personalise", "letters", str(plan), "--holder", "1002")
    assert ended.error["message"] == "1002 has no finished card in this run"
    (plan.parent / "letter.txt").write_text("{pin.user}", encoding="utf-8")
    plan.write_text(SMALL["openpgp"] + LETTERS, encoding="utf-8")
    message = shell("--json", "personalise", "letters", str(plan)).error["message"]
    assert message == "the plan has no such card for 1001 any more"
    plan.write_text(SMALL["piv"], encoding="utf-8")
    assert shell("--json", "personalise", "letters", str(plan)).error["message"] == "the plan has no letters"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("env:MASTER", "env:NOWHERE", "NOWHERE is not set"),
        ("{random: {digits: 6}}", "env:NEWPIN", "the PIN has the wrong length"),
        ("user: {final: {random: {digits: 6}}}", "user: {final: {field: mail}}", "the PIN has the wrong length"),
        ("csv: staff.csv, ", "jsonl: staff.jsonl, ", "the holder 2 has no field mail"),
    ],
)
def test_a_run_with_secrets_or_records_that_do_not_fit_touches_no_card(
    shell: Shell, before: str, after: str, message: str
) -> None:
    shell.monkeypatch.setenv("MASTER", MASTER)
    shell.monkeypatch.setenv("NEWPIN", "1234")
    file = folder_of(shell.folder / "plan", "plan: 1\n", ONE)
    whole = '{"employee": 1, "name": "A", "mail": "a@example.org"}\n'
    (file.parent / "staff.jsonl").write_text(whole + '{"employee": 2, "name": "B"}\n')
    assert before in SMALL["piv"]
    file.write_text(SMALL["piv"].replace(before, after), encoding="utf-8")
    ended = shell("--json", "personalise", str(file), "--reader", "soft:alice")
    assert ended.status != 0
    assert message in ended.error["message"]
    assert ended.out == ""
