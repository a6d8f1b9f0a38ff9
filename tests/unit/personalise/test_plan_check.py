"""What is found in a plan, its holders' records and its secrets before any card is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from cardcore.errors import CardError
from cardcore.personalise.plan_check import MOST_FINDINGS, HolderCheck, check_plan
from cardcore.profile.check import Severity
from tests.unit.personalise.plans import PIV, STAFF, folder_of, plan_of
from tests.unit.personalise.small_plans import SMALL


def told(path: Path, plan: str = PIV, holders: str = STAFF) -> list[tuple[int, str]]:
    report = check_plan(folder_of(path, plan, holders))
    return [(finding.line, finding.message) for finding in report.findings if finding.severity is Severity.ERROR]


@pytest.fixture(autouse=True)
def master(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER", "00" * 16)


def test_every_record_is_tried(tmp_path: Path) -> None:
    holders = STAFF + "1003,,a@example.org,u@example.org,1\n1004,A,nobody,u@example.org,1\n"
    assert told(tmp_path, PIV, holders) == [
        (4, "the holder 1003: the field name cannot stand in a certificate"),
        (5, "the holder 1004: 'nobody' is no email for a certificate"),
    ]


def test_files_of_holders_are_looked_for(tmp_path: Path) -> None:
    text = PIV.replace("9c: {type: ecp256, ", '9c: {import: {pkcs12: "{employee}.p12", passphrase: {field: code}}, ')
    text = text.replace(
        "    objects:", '      82: {import: {pkcs12: "{employee}.p12", passphrase: {field: code}}}\n    objects:'
    )
    text += '      facial-image: {tlv: {0xBC: {file: "{employee}.jpg"}}}\n'
    folder_of(tmp_path, text)
    (tmp_path / "1001.p12").write_bytes(b"x")
    assert told(tmp_path, text) == [
        (2, f"the holder 1001: there is no file {tmp_path / '1001.jpg'}"),
        (3, f"the holder 1002: there is no file {tmp_path / '1002.p12'}"),
    ]


def test_labels_have_room_and_differ(tmp_path: Path) -> None:
    long = "x" * 40
    both = SMALL["gids"].rstrip() + '\n      2: {type: rsa1024, label: "{mail}"}\n'
    records = [("Anne", "a@example.org"), (long, "b@example.org"), ("c@example.org", "C@example.org"), ("d", "e")]
    holders = "employee,name,mail\n" + "".join(
        f"{number},{name},{mail}\n" for number, (name, mail) in enumerate(records)
    )
    assert told(tmp_path, both, holders) == [
        (3, "the holder 1: the label of the key 1 has 40 characters, at most 39 fit"),
        (4, "the holder 2: 2 keys of the card would have the label c@example.org"),
    ]


@pytest.mark.parametrize("family", ["gids", "isoapplet"])
def test_labels_are_text_on_one_line(tmp_path: Path, family: str) -> None:
    """Whether of a key or of the card: a record may hold line breaks, a name may not."""
    text = SMALL[family]
    what = "the label of the card" if "initialise: {label" in text else "the label of the key 1"
    assert told(tmp_path, text, 'employee,name,mail\n0,"Anne\nBerg",a@example.org\n') == [
        (2, f"the holder 0: {what} holds a control character, or what is no character")
    ]


def test_a_holder_without_a_card(tmp_path: Path) -> None:
    text = PIV.replace("    initialise: true\n", "    initialise: true\n    only: {employee: 1001}\n")
    assert told(tmp_path, text) == [(3, "no card of the plan is for the holder 1002")]


def test_a_letter_that_cannot_be_printed(tmp_path: Path) -> None:
    folder_of(tmp_path)
    (tmp_path / "letter.txt").write_text("{name}: {pin.user}")
    text = PIV + "letters: {template: letter.txt, recipients: issuer.pem, folder: .}\n"
    holders = STAFF + "1003,Łukasz,a@example.org,u@example.org,1\n"
    ((line, message),) = told(tmp_path, text, holders)
    assert line == 4
    assert message.startswith("the holder 1003: the letter's font has no Ł")


def test_a_field_that_only_some_records_have(tmp_path: Path) -> None:
    folder_of(tmp_path)
    lines = (
        '{"employee": 1, "name": "A", "mail": "a@b.c", "upn": "a@b.c"}\n{"employee": 2, "name": "B", "mail": "a@b.c"}\n'
    )
    (tmp_path / "staff.jsonl").write_text(lines)
    text = PIV.replace("csv: staff.csv", "jsonl: staff.jsonl")
    assert told(tmp_path, text) == [(2, "the holder 2 has no field upn")]


def test_records_that_cannot_be_read_end_the_check(tmp_path: Path) -> None:
    assert told(tmp_path, PIV, STAFF + "1001,A,b@c,b@c,1\n") == [(4, "the holder 1001 stands twice")]


def test_a_database_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CA_PASS", raising=False)
    text = PIV.replace("csv: staff.csv", "sql: {url: env:CA_PASS, query: select 1}")
    assert told(tmp_path, text) == [(1, "the environment variable CA_PASS is not set")]


def test_not_every_record_is_told(tmp_path: Path) -> None:
    holders = STAFF.splitlines()[0] + "\n" + "".join(f"{number},,a@b.c,a@b.c,1\n" for number in range(60))
    report = check_plan(folder_of(tmp_path, PIV, holders))
    assert len(report.findings) == MOST_FINDINGS
    assert report.unnamed == 60 - MOST_FINDINGS
    assert (report.holders, report.cards) == (60, {"piv": 60})


def test_a_holder_may_be_required_to_be_right(tmp_path: Path) -> None:
    from cardcore.personalise.holders import Holder

    check = HolderCheck(plan_of(tmp_path))
    fields = {"employee": "1", "name": "A", "mail": "a@b.c", "upn": "a@b.c"}
    check.require(Holder(id="1", fields=fields))
    with pytest.raises(CardError, match="no email"):
        check.require(Holder(id="1", fields={**fields, "mail": "nobody"}, line=7))
