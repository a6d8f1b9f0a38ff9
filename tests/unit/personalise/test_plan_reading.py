"""Plans are read strictly: what is right becomes a plan, what is wrong is told with its place and what to do."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cardcore.personalise.issuers.settings import LocalCa
from cardcore.personalise.plan import CsvHolders, Derived, Form, Given, Published, Random, Tlv
from cardcore.personalise.plan_reading import read_plan
from tests.unit.personalise.plans import ALL, PIV, folder_of, plan_of, wrong


def test_a_plan_says_what_is_done_with_each_card(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ALL)
    assert plan.name == "Staff badges"
    assert plan.digest == hashlib.sha256(plan.file.read_bytes()).digest()
    assert plan.holders == CsvHolders(path=tmp_path / "staff.csv", id_column="employee")
    assert plan.columns == {"name", "mail", "upn", "employee"}
    assert list(plan.cards) == ["piv", "isoapplet", "gids", "openpgp"]
    issuer = plan.issuers["staff"]
    assert isinstance(issuer, LocalCa)
    assert issuer.rules.index == tmp_path / "plan.staff.issued.db"
    piv = plan.cards["piv"]
    user = piv.pins["user"]
    assert isinstance(user.initial, Given)
    assert isinstance(user.initial.source, Published)
    assert user.initial.source().reveal() == b"123456"
    assert user.final == Random(form=Form(digits=6))
    assert user.change_at_first_use
    assert piv.admin is not None
    assert isinstance(piv.admin.final, Derived)
    assert piv.admin.cipher == "aes256"
    assert piv.keys["9a"].certificate is not None
    assert piv.keys["9a"].certificate.contents.upn == "{upn}"
    assert isinstance(piv.objects["printed"], Tlv)
    assert plan.cards["openpgp"].pins["sign"].same_as == "user"
    assert plan.cards["gids"].admin is not None
    assert plan.cards["gids"].admin.cipher == "3des"


# What is replaced, by what, where the error points to (from the start of the replacement on), what it says.
MISTAKES = [
    ("plan: 1", "plan: 2", "2", "expected version 1"),
    ("name: Staff", "nam: Staff", "nam", "unknown key nam in a plan"),
    ("staff.csv", "nobody.csv", "nobody", "cannot read the file"),
    ("[issuer.pem]", "[ca.pem]", "ca.pem", "not a certificate of an RSA key"),
    ("{digits: 6}", "{digits: 9}", "9", "from 6 to 8"),
    ("{digits: 6}", "{}", "{", "either `digits` or `characters`"),
    ("{digits: 6}", "{characters: 6}", "characters", "holds digits only"),
    ("{random: {digits: 6}}", '{published: "123456"}', '"123456"', "cannot become the PIN of a finished card"),
    ('{published: "123456"}', '{published: "12345"}', '"12345"', "the PIN has the wrong length"),
    ('"0102030405060708010203', '"01020304', '"01020304', "the admin key has 17 bytes"),
    ("user: {final", "users: {final", "users", "no PIN named users"),
    ('      user: {published: "123456"}\n', "", "user: {final", "`factory` says nothing of the PIN"),
    ("cipher: aes256", "cipher: aes512", "aes512", "one of 3des, aes128, aes192, aes256"),
    ("master: env:MASTER", "master: 00112233", "00112233", "source of a secret"),
    ("9a:", "9b:", "9b", "no key named 9b"),
    ("type: rsa2048", "type: rsa2047", "rsa2047", "rsa2048"),
    ("issuer: staff\n", "issuer: stuff\n", "stuff", "no issuer named stuff"),
    ('CN={name},O=Example"\n', 'CN={nam},O=Example"\n', "", "no field nam"),
    ('"{upn}"', '"{upn"', '"', "a brace that is not part"),
    ("smartcard-logon", "smart-logon", "smart-logon", "unknown extended key usage smart-logon"),
    ("days: 730\n", "days: 0\n", "0", "from 1 to 36600"),
    ("printed:", "printer:", "printer", "no object named printer"),
    ("piv:", "pif:", "pif", "no profile named pif"),
    ("piv:", "iso7816:", "iso", "a base for others"),
]


@pytest.mark.parametrize(("before", "after", "at", "message"), MISTAKES)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, before: str, after: str, at: str, message: str) -> None:
    start = PIV.index(before)
    text = PIV[:start] + after + PIV[start + len(before) :]
    found = wrong(tmp_path, text)
    assert message in found[0].message
    where = text.index(at, start) if at else text.rindex('"', 0, text.index(after))
    line = text.count("\n", 0, where) + 1
    column = where - text.rfind("\n", 0, where)
    assert (found[0].file, found[0].line) == (str(tmp_path / "plan.yaml"), line)
    assert found[0].column == column


def test_the_id_has_to_be_a_field(tmp_path: Path) -> None:
    found = wrong(tmp_path, PIV.replace("id: employee", "id: employe"))
    assert found[0].file == str(tmp_path / "staff.csv")
    assert found[0].message.endswith("there is no field employe, which is to be the holder's id")
    assert found[0].hint == "Did you mean employee?"


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = PIV.replace("digits: 6", "digits: 5").replace("rsa2048", "rsa1").replace("name: Staff badges", "name: []")
    found = wrong(tmp_path, text)
    assert [error.line for error in found] == [3, 16, 21]
    with pytest.raises(type(found[0]), match="expected text"):
        read_plan(folder_of(tmp_path, text))
