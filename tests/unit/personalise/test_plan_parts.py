"""Every part of a plan that can be said: issuers, holders, objects, imports, and what does not go with what."""

from __future__ import annotations

from pathlib import Path

import pytest

from cardcore.personalise.issuers.settings import (
    CardCa,
    Checks,
    CmpCa,
    CommandCa,
    EstCa,
    LocalCa,
    Mac,
    Offline,
    SigningRules,
    Strictness,
)
from cardcore.personalise.plan import (
    CardPlan,
    CsvHolders,
    Derived,
    Fixed,
    Form,
    FromField,
    FromFile,
    Given,
    JsonHolders,
    Random,
    RandomBytes,
    SqlHolders,
    Text,
)
from cardcore.personalise.plan_reading import draft_plan, read_plan
from cardcore.personalise.plan_scope import Scope
from cardcore.personalise.secret_reading import Wanted, read_rule
from cardcore.pin import PinEncoding, PinSpec
from cardcore.profile.catalog import catalog
from cardcore.profile.loader import load_tree
from cardcore.profile.reader import Problems
from cardcore.sources import Source, SourceKind
from tests.unit.personalise.plans import ALL, PIV, folder_of, plan_of, wrong

LOCAL = "{local: {certificate: ca.pem, key: ca.key}}"
ENV = Source(kind=SourceKind.ENVIRONMENT, place="CA_PASS")

HEAD = "plan: 1\nname: N\nholders: {csv: staff.csv, id: employee}\n"


def with_issuer(issuer: str) -> str:
    return PIV.replace(LOCAL, issuer)


def test_a_ca_of_ones_own(tmp_path: Path) -> None:
    text = with_issuer(
        "{local: {key: ca.key, certificate: ca.pem, passphrase: env:CA_PASS, index: issued.db, hash: sha384,"
        " crl: http://c/l, ocsp: [http://o], above: http://a, checks: {trust: ca.pem, contents: warn}}}"
    )
    assert plan_of(tmp_path, text).issuers["staff"] == LocalCa(
        key=tmp_path / "ca.key",
        certificate=tmp_path / "ca.pem",
        passphrase=ENV,
        rules=SigningRules(
            index=tmp_path / "issued.db",
            hash_name="sha384",
            crl_urls=("http://c/l",),
            ocsp_urls=("http://o",),
            issuer_urls=("http://a",),
        ),
        checks=Checks(trust=tmp_path / "ca.pem", contents=Strictness.WARN),
    )


def test_a_ca_on_a_card(tmp_path: Path) -> None:
    text = with_issuer("{card: {reader: Safe, key: 9c, pin: file:pin.txt, profile: piv}}")
    assert plan_of(tmp_path, text).issuers["staff"] == CardCa(
        reader="Safe",
        key="9c",
        pin=Source(kind=SourceKind.FILE, place=str(tmp_path / "pin.txt")),
        profile="piv",
        rules=SigningRules(index=tmp_path / "plan.staff.issued.db"),
    )


def test_a_command(tmp_path: Path) -> None:
    text = with_issuer(
        '{command: {run: [sign, "{request}"], ask: [ask], timeout: 5, unreachable: 75, refused: [65, 66], pending: 10,'
        " environment: [CA_TOKEN], idempotent: true}}"
    )
    assert plan_of(tmp_path, text).issuers["staff"] == CommandCa(
        arguments=("sign", "{request}"),
        ask=("ask",),
        timeout=5.0,
        unreachable=frozenset({75}),
        refused=frozenset({65, 66}),
        pending=frozenset({10}),
        environment=("CA_TOKEN",),
        idempotent=True,
    )


def test_a_server_for_est(tmp_path: Path) -> None:
    text = with_issuer(
        "{est: {url: https://est.example.org, trust: ca.pem, label: staff, certificate: ca.pem, key: ca.key,"
        " passphrase: env:CA_PASS, user: me, password: env:CA_PASS, timeout: 7, idempotent: true}}"
    )
    assert plan_of(tmp_path, text).issuers["staff"] == EstCa(
        url="https://est.example.org",
        trust=tmp_path / "ca.pem",
        label="staff",
        certificate=tmp_path / "ca.pem",
        key=tmp_path / "ca.key",
        passphrase=ENV,
        user="me",
        password=ENV,
        timeout=7.0,
        idempotent=True,
    )


def test_a_server_for_cmp(tmp_path: Path) -> None:
    text = with_issuer(
        "{cmp: {url: https://cmp.example.org/, secret_reference: me, secret: env:CA_PASS, mac: pbmac1, trust: ca.pem,"
        ' server_trust: ca.pem, recipient: "CN=CA", sender: "CN=RA", plain_http: true, implicit: true,'
        " timeout: 8, wait: 0, idempotent: true}}"
    )
    assert plan_of(tmp_path, text).issuers["staff"] == CmpCa(
        url="https://cmp.example.org/",
        secret_reference="me",
        secret=ENV,
        mac=Mac.PBMAC1,
        trust=tmp_path / "ca.pem",
        server_trust=tmp_path / "ca.pem",
        recipient="CN=CA",
        sender="CN=RA",
        plain_http=True,
        implicit=True,
        timeout=8.0,
        wait=0.0,
        idempotent=True,
    )


def test_requests_as_files(tmp_path: Path) -> None:
    text = with_issuer("{offline: {requests: out, certificates: in}}")
    expected = Offline(requests=tmp_path / "out", certificates=tmp_path / "in")
    assert plan_of(tmp_path, text).issuers["staff"] == expected


def test_holders_from_elsewhere(tmp_path: Path) -> None:
    text = PIV.replace(
        "{csv: staff.csv, id: employee}", '{csv: staff.csv, id: employee, delimiter: ",", encoding: utf8}'
    )
    expected = CsvHolders(path=tmp_path / "staff.csv", id_column="employee", delimiter=",")
    assert plan_of(tmp_path, text).holders == expected
    text = PIV.replace("csv: staff.csv", "csv: staff.csv, delimiter: tab, encoding: iso-8859-1")
    (found,) = wrong(tmp_path, text)
    assert found.message.endswith("there is no field employee, which is to be the holder's id")
    (tmp_path / "staff.jsonl").write_text('{"employee": 1, "name": "A", "mail": "a@b", "upn": "a@b"}\n')
    plan = plan_of(tmp_path, PIV.replace("csv: staff.csv", "jsonl: staff.jsonl"))
    assert plan.holders == JsonHolders(path=tmp_path / "staff.jsonl", id_column="employee")
    plan = plan_of(tmp_path, PIV.replace("csv: staff.csv", "sql: {url: env:CA_PASS, query: select 1}"))
    assert plan.holders == SqlHolders(url=ENV, query="select 1", id_column="employee")
    assert plan.columns == {"name", "mail", "upn"}


def card_of(path: Path, text: str, name: str = "piv") -> CardPlan:
    return plan_of(path, PIV + text).cards[name]


def test_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    text = (
        '      "5FC108": {file: photo.jpg}\n'
        '      iris: {hex: "00FF"}\n'
        "      security: {random: 16}\n"
        "      fingerprints: {text: plain}\n"
        '      facial-image: {file: "{employee}.jpg"}\n'
    )
    objects = card_of(tmp_path, text).objects
    assert list(objects) == ["printed", "5FC108", "iris", "security", "fingerprints", "facial-image"]
    assert isinstance(objects["5FC108"], FromFile)
    assert objects["iris"] == Fixed(data=b"\x00\xff")
    assert objects["security"] == RandomBytes(size=16)
    assert isinstance(objects["fingerprints"], Text)


def test_who_gets_which_card(tmp_path: Path) -> None:
    text = PIV.replace(
        "    initialise: true\n", "    initialise: false\n    only: {name: [Anne, Bob], employee: 1001}\n"
    )
    plan = plan_of(tmp_path, text)
    card = plan.cards["piv"]
    assert card.initialise is None
    assert card.only == {"name": {"Anne", "Bob"}, "employee": {"1001"}}
    anne = {"name": "Anne", "employee": "1001"}
    assert plan.card_for("piv", anne) is card
    assert plan.card_for("piv", {**anne, "employee": "1002"}) is None
    assert plan.card_for("gids", anne) is None


def test_derived_secrets_have_generations_and_contexts(tmp_path: Path) -> None:
    text = PIV.replace(
        "{random: {digits: 8}}", "{derived: {master: file:m.hex, generation: 2, context: acme, characters: 8}}"
    )
    rule = plan_of(tmp_path, text).cards["piv"].pins["puk"].final
    assert rule == Derived(
        master=Source(kind=SourceKind.FILE, place=str(tmp_path / "m.hex")),
        generation=2,
        context="acme",
        form=Form(characters=8),
    )
    assert len(plan_of(tmp_path, text).cards["piv"].rules()) == 6


def test_without_secrets_that_exist_nowhere_else_nobody_has_to_be_able_to_open_the_journal(tmp_path: Path) -> None:
    text = PIV.replace("recipients: [issuer.pem]\n", "")
    (found,) = wrong(tmp_path, text)
    assert "cards of the profile piv get random secrets, kept for nobody" in found.message
    pins = "    pins:\n      user: {}\n      puk: {}\n"
    start = text.index("    pins:")
    end = text.index("    admin: {final")
    assert plan_of(tmp_path, text[:start] + pins + text[end:]).recipients == ()


MISTAKES = [
    ("csv: staff.csv", "csv: staff.csv, jsonl: x", "expected one of csv, jsonl, sql"),
    ("csv: staff.csv, ", "", "expected one of csv, jsonl, sql"),
    ("csv: staff.csv", "jsonl: staff.csv, delimiter: tab", "`delimiter` is for CSV files"),
    ("csv: staff.csv", "csv: staff.csv, delimiter: xx", "expected one character"),
    ("csv: staff.csv", "csv: staff.csv, encoding: klingon", "there is no encoding klingon"),
    ("csv: staff.csv", "csv: staff.csv, encoding: hex", "there is no encoding hex"),
    ("csv: staff.csv", "sql: {url: env:A}", "the query lacks the key query"),
    ("csv: staff.csv", 'csv: "a\\0b"', "control character"),
    ("[issuer.pem]", "[plan.yaml]", "certificate"),
    (LOCAL, "{local: {key: ca.key}, est: {}}", "expected one of local, card, command, est, cmp, offline"),
    (LOCAL, "{ldap: {}}", "unknown key ldap in an issuer"),
    (LOCAL, "{local: {certificate: ca.pem}}", "an issuer of the kind local lacks the key key"),
    (LOCAL, "{local: {key: ca.key, index: no/where.db}}", "there is no folder"),
    (LOCAL, "{local: {key: ca.key, passphrase: secret}}", "expected the source of a secret"),
    (LOCAL, "{cmp: {url: https://a.example.org/, trust: ca.pem}}", "by a shared secret or by a key"),
    (LOCAL, "{cmp: {url: https://a.example.org/, trust: ca.pem, secret: env:A}}", "the shared secret has no name"),
    (LOCAL, "{cmp: {url: https://a.example.org/, trust: ca.pem, key: ca.key}}", "whose answers may be trusted"),
    (LOCAL, "{cmp: {url: https://a.example.org/, secret: env:A, secret_reference: me}}", "which server may be trusted"),
    (LOCAL, "{command: {run: [a], timeout: 0}}", "from 1 to 3600"),
    (LOCAL, "{command: {run: [a], refused: 0}}", "from 1 to 255"),
    ("name: Staff badges", f"name: {'x' * 201}", "expected at most 200 characters"),
    ("initialise: true", "initialise: maybe", "expected true or false"),
    ("initialise: true", "initialise: {lable: a}", "unknown key lable"),
    ("factory:\n", "factory:\n      pukk: env:A\n", "no secret named pukk"),
    ("puk: {final: {random: {digits: 8}}}", "puk: {initial: unset}", "the PUK is not set and would not be"),
    ("puk: {final: {random: {digits: 8}}}", "puk: {same_as: puk}", "expected one of user"),
    ("puk: {final: {random: {digits: 8}}}", "puk: {same_as: user, final: random}", "has nothing of its own"),
    ("{random: {digits: 8}}", "random", "either `digits` or `characters`"),
    ("{random: {digits: 8}}", "{random: {digits: 8}, field: code}", "expected one of published, field, random"),
    ("{random: {digits: 8}}", "{field: cod}", "the holders have no field cod"),
    ("{random: {digits: 8}}", f"{{derived: {{master: env:M, digits: 8, context: {'x' * 65}}}}}", "at most 64 bytes"),
    (
        "{derived: {master: env:MASTER}}",
        "{derived: {master: env:MASTER, digits: 6}}",
        "the length that its cipher wants",
    ),
    ("9c: {type: ecp256,", "9c: {type: rsa512,", "expected one of rsa1024"),
    ("9c: {type: ecp256, certificate: {", "9c: {type: ecp256, certificate: {isuer: a, ", "unknown key isuer"),
    (
        "9c: {type: ecp256, certificate: {issuer: staff",
        "9c: {type: ecp256, certificate: {issuer: staff, key_usage: all",
        "digital-signature",
    ),
    ("9c: {type: ecp256, ", "9c: {", "lacks the key type"),
    ("9c: {type: ecp256, ", "9c: {import: {pkcs12: no.p12, passphrase: env:A}, ", "cannot read the file"),
    ("9c: {type: ecp256, ", '9c: {import: {pkcs12: "{nam}.p12", passphrase: env:A}, ', "no field nam"),
    ("9c: {type: ecp256, ", '9c: {import: {pkcs12: "{name}.p12", passphrase: {feld: a}}, ', "unknown key feld"),
    ("printed: {tlv: {0x01:", "printed: {tlv: {0x1F:", "expected a BER-TLV tag"),
    ("printed: {tlv: {0x01:", "printed: {hex: aa, tlv: {0x01:", "expected one of text, hex, file, random, tlv"),
    ('{hex: ""}', "{hex: 00}", "in quotes"),
    (
        "    admin: {final: {derived: {master: env:MASTER}}, cipher: aes256}\n",
        "",
        "this needs the admin key: add `admin`",
    ),
    ("      user: {final: {random: {digits: 6}}, change_at_first_use: true}\n", "", "this needs the PIN user"),
]


@pytest.mark.parametrize(("before", "after", "message"), MISTAKES)
def test_what_does_not_fit(tmp_path: Path, before: str, after: str, message: str) -> None:
    assert before in PIV
    found = wrong(tmp_path, PIV.replace(before, after, 1))
    assert message in found[0].message
    assert found[0].line


OTHER_MISTAKES = [
    ("isoapplet", "admin: {final: random}\n    ", "cards of the profile isoapplet have no admin key"),
    ("openpgp", "admin: {final: random}\n    ", "the administrator of such a card has a PIN"),
    ("isoapplet", "objects: {a: b}\n    ", "cards of the profile isoapplet cannot write objects"),
    ("piv", "keys: {9a: {type: rsa2048, label: x}}\n    ", "cards of the profile piv keep no names of keys"),
    (
        "schsm",
        "keys: {1: {type: rsa2048, import: {pkcs12: issuer.key, passphrase: env:A}}}\n    ",
        "cannot import keys",
    ),
]


@pytest.mark.parametrize(("card", "part", "message"), OTHER_MISTAKES)
def test_what_does_not_fit_other_cards(tmp_path: Path, card: str, part: str, message: str) -> None:
    found = wrong(tmp_path, f"{HEAD}cards:\n  {card}:\n    {part}\n")
    assert message in found[0].message


def test_a_card_that_makes_keys_with_its_pin_needs_it_in_the_plan(tmp_path: Path) -> None:
    (found,) = wrong(tmp_path, f"{HEAD}cards:\n  isoapplet:\n    keys: {{1: {{type: rsa2048}}}}\n")
    assert found.message.endswith("this needs the PIN user: add it under `pins`")


def test_a_blank_card_has_to_be_initialised_before_it_has_secrets(tmp_path: Path) -> None:
    (found,) = wrong(tmp_path, ALL.replace('    initialise: {label: "{name}"}\n', ""))
    assert found.message.endswith("nothing sets user, puk")
    (found,) = wrong(tmp_path, ALL.replace("  gids:\n    initialise: true\n", "  gids:\n"))
    assert found.message.endswith("nothing sets admin")


@pytest.mark.parametrize(
    ("card", "key", "message"),
    [
        ("openpgp", "decryption: {type: rsa2048", "the key decryption cannot sign, and so not ask for a certificate"),
        ("isoapplet", "2: {type: ecp256", "takes sha1 only, not sha256, so the key cannot ask for a certificate"),
    ],
)
def test_a_key_that_cannot_sign_cannot_ask_for_a_certificate(tmp_path: Path, card: str, key: str, message: str) -> None:
    start = ALL.index(f"  {card}:")
    place = ALL.index("    keys:\n", start) + len("    keys:\n")
    made = f'      {key}, certificate: {{issuer: staff, subject: "CN={{name}}", days: 1}}}}\n'
    (found,) = wrong(tmp_path, ALL[:place] + made + ALL[place:])
    assert message in found.message


def test_a_decryption_key_may_be_imported_with_its_certificate(tmp_path: Path) -> None:
    key = 'decryption: {import: {pkcs12: "{employee}.p12", passphrase: env:A}, certificate: imported}'
    text = ALL.replace("    keys:\n      signature", f"    keys:\n      {key}\n      signature")
    plan = plan_of(tmp_path, text)
    imported = plan.cards["openpgp"].keys["decryption"].imported
    assert imported is not None
    assert imported.with_certificate
    assert plan.cards["openpgp"].keys["decryption"].certificate is None


def test_the_same_key_for_all_is_doubtful(tmp_path: Path) -> None:
    text = PIV.replace("9c: {type: ecp256, ", "9c: {import: {pkcs12: ca.key, passphrase: env:A}, ")
    draft = draft_plan(folder_of(tmp_path, text))
    assert draft.problems == ()
    assert [doubt.reason for doubt in draft.doubts] == ["all holders get the same key"]


def test_a_profile_of_ones_own_with_several_ciphers(tmp_path: Path) -> None:
    """Where nothing says which cipher a new admin key is for, the plan has to."""
    shelf = tmp_path / "profiles"
    shelf.mkdir()
    shipped = catalog().sources["piv"].path
    text = shipped.read_text(encoding="utf-8").replace("  default: 3des\n", "")
    (shelf / "piv.yaml").write_text(text, encoding="utf-8")
    (shelf / "iso7816.yaml").write_text((shipped.parent / "iso7816.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    file = folder_of(tmp_path / "plan", PIV.replace(", cipher: aes256", ""))
    draft = draft_plan(file, catalog([shelf]))
    assert [error.reason for error in draft.problems] == ["say which `cipher` the new admin key is for"]
    file = folder_of(tmp_path / "plan", PIV)
    assert read_plan(file, catalog([shelf])).cards["piv"].admin is not None


def test_secrets_of_a_fresh_card_may_be_said_where_they_are_used(tmp_path: Path) -> None:
    text = f"{HEAD}cards:\n  piv:\n    pins: {{user: {{initial: env:CA_PASS, final: {{field: code}}}}}}\n"
    plan = plan_of(tmp_path, text)
    pin = plan.cards["piv"].pins["user"]
    assert pin.initial == Given(source=ENV)
    assert pin.final == FromField(column="code")
    assert plan.columns == {"code"}


@pytest.mark.parametrize(("digits", "fits"), [(4, True), (5, False), (6, True)])
def test_a_pin_that_is_made_has_a_length_that_its_encoding_can_hold(digits: int, fits: bool) -> None:
    spec = PinSpec(name="so", ref=1, minimum=4, maximum=8, encoding=PinEncoding.HEX)
    node = load_tree(f"random: {{digits: {digits}}}\n".encode(), "plan")
    problems = Problems()
    scope = Scope(folder=Path(), columns=None, problems=problems, doubts=Problems())
    rule = problems.attempt(None, read_rule, node, Wanted(what="the SO-PIN", pin=spec), scope)
    assert (rule == Random(form=Form(digits=digits))) == fits
    assert [error.reason for error in problems.found] == (
        [] if fits else ["the so must be pairs of hexadecimal digits"]
    )
