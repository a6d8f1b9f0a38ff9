"""The schema says what the reader says, and hostile plans end in errors."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardcore.errors import CardError
from cardcore.personalise.card_reading import ADMIN_KEYS, CARD_KEYS, CERTIFICATE_KEYS, IMPORT_KEYS, KEY_KEYS, PIN_KEYS
from cardcore.personalise.content_reading import CONTENT_KEYS
from cardcore.personalise.issuer_reading import KINDS
from cardcore.personalise.letter_reading import LETTER_KEYS
from cardcore.personalise.plan import (
    Plan,
)
from cardcore.personalise.plan_reading import HOLDERS_KEYS, PLAN_KEYS, SQL_KEYS, draft_plan, read_plan
from cardcore.personalise.plan_schema import build
from cardcore.personalise.secret_reading import DERIVED_KEYS, RULE_KEYS
from cardcore.profile.loader import load_tree
from cardcore.profile.tree import ListNode, MapNode, Tree
from tests.unit.house import ROOT
from tests.unit.personalise.plans import ALL, PIV, folder_of, plan_of, recipient, wrong

LOCAL = "{local: {certificate: ca.pem, key: ca.key}}"


def with_issuer(issuer: str) -> str:
    return PIV.replace(LOCAL, issuer)


def as_json(node: Tree) -> object:
    """A tree as an editor sees it: words that look like numbers or booleans are such."""
    if isinstance(node, MapNode):
        return {key.text: as_json(value) for key, value in node.entries}
    if isinstance(node, ListNode):
        return [as_json(item) for item in node.items]
    if node.plain and node.text in ("true", "false"):
        return node.text == "true"
    return int(node.text) if node.plain and node.text.isdigit() and not node.text.startswith("0") else node.text


def schema_says(text: str) -> bool:
    tree = as_json(load_tree(text.encode(), "plan"))
    return jsonschema.Draft202012Validator(build()).is_valid(tree)


ISSUERS = [
    "{local: {key: ca.key, hash: sha384, crl: http://c/l, ocsp: [http://o], checks: {contents: warn}}}",
    "{card: {reader: Safe, key: 9c, pin: file:pin.txt, profile: piv}}",
    "{command: {run: [sign], timeout: 5, unreachable: 75, refused: [65, 66], idempotent: true}}",
    "{est: {url: https://est.example.org, trust: ca.pem, user: me, password: env:CA_PASS}}",
    "{cmp: {url: https://cmp.example.org/, secret_reference: me, secret: env:CA_PASS, mac: pbmac1, trust: ca.pem}}",
    "{offline: {requests: out, certificates: in}}",
]


@pytest.mark.parametrize("text", [PIV, ALL, *(with_issuer(issuer) for issuer in ISSUERS)])
def test_the_schema_takes_what_the_reader_takes(tmp_path: Path, text: str) -> None:
    assert isinstance(plan_of(tmp_path, text), Plan)
    assert schema_says(text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("plan: 1", "plan: 2"),
        ("name: Staff", "nam: Staff"),
        ("csv: staff.csv", "csv: staff.csv, jsonl: x"),
        ("id: employee", "idd: employee"),
        ("{digits: 6}", "{digit: 6}"),
        ("{random: {digits: 6}}", '{published: "123456"}'),
        ("{random: {digits: 6}}", "123456"),
        ("cipher: aes256", "cipher: aes512"),
        ("type: rsa2048", "type: rsa2047"),
        ("days: 730}", "days: 0}"),
        ('{hex: ""}', '{hexx: ""}'),
        ("{local: {certificate", "{lokal: {certificate"),
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(tmp_path: Path, before: str, after: str) -> None:
    assert before in PIV
    text = PIV.replace(before, after, 1)
    assert wrong(tmp_path, text)
    assert not schema_says(text)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(start=st.integers(0, len(ALL)), size=st.integers(0, 40), put=st.text(max_size=12))
def test_a_plan_that_was_changed_anywhere_ends_in_a_plan_or_errors(
    prepared: Path, start: int, size: int, put: str
) -> None:
    text = ALL[:start] + put + ALL[start + size :]
    prepared.write_bytes(text.encode("utf-8", "surrogatepass"))
    draft = draft_plan(prepared)
    assert (draft.plan is None) == bool(draft.problems)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.binary(max_size=200))
def test_whatever_bytes_there_are(prepared: Path, data: bytes) -> None:
    prepared.write_bytes(data)
    with suppress(CardError):
        read_plan(prepared)


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    recipient()
    return folder_of(tmp_path, ALL)


DOCUMENTED = (ROOT / "docs" / "personalise.md").read_text(encoding="utf-8")


def test_the_plan_of_the_documentation_is_right(tmp_path: Path) -> None:
    whole, letters = re.findall(r"```yaml\n(.*?)```", DOCUMENTED, flags=re.S)[:2]
    file = folder_of(tmp_path, whole + letters)
    (tmp_path / "letter.txt").write_text("{name}: {pin.user}")
    (tmp_path / "mailroom.pem").write_bytes((tmp_path / "issuer.pem").read_bytes())
    (tmp_path / "letters").mkdir()
    assert read_plan(file).name == "Staff badges 2026"
    assert schema_says(whole + letters)


def test_every_key_of_a_plan_is_documented() -> None:
    tables = (
        PLAN_KEYS,
        HOLDERS_KEYS,
        SQL_KEYS,
        CARD_KEYS,
        PIN_KEYS,
        ADMIN_KEYS,
        KEY_KEYS,
        IMPORT_KEYS,
        CERTIFICATE_KEYS,
    )
    others = (CONTENT_KEYS, RULE_KEYS, DERIVED_KEYS, LETTER_KEYS, KINDS, *(keys for keys, _ in KINDS.values()))
    missing = {key for table in (*tables, *others) for key in table if not re.search(rf"\b{key}\b", DOCUMENTED)}
    assert missing == set()
