"""Keys out of encrypted PKCS #12 files, made by openssl, on software cards: certified, tried, interrupted, refused."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cardcore.opening import open_on
from cardcore.personalise.events import CardParked, Event, StepEnded, StepStarted
from cardcore.personalise.reasons import Reason
from cardcore.softcard import SoftCard
from cardcore.transport.base import Transport
from cardcore.transport.faults import CountingTransport, FaultKind, FaultPlan, FaultTransport
from cardcore.transport.soft import SoftTransport
from tests.unit.personalise.audit import issued, unfinished
from tests.unit.personalise.bureau import Bureau, fresh
from tests.unit.personalise.killed import MASTER
from tests.unit.personalise.plans import folder_of
from tests.unit.personalise.small_plans import ONE, SMALL

CODE = "kF-471103"
STAFF = ONE.replace("mail\n", "mail,code\n").replace(".org\n", f".org,{CODE}\n")
ENTRIES = {"piv": "9d", "openpgp": "decryption"}
PLANS = {
    "piv": SMALL["piv"].replace("      9c:", "      9d: {IMPORTED}\n      9c:"),
    "openpgp": SMALL["openpgp"].replace("decryption: {type: ecp256}", "decryption: {IMPORTED}"),
}
BRINGS = 'type: TYPE, import: {pkcs12: "keys/{employee}.p12", passphrase: {field: code}}, certificate: imported'
ORDERS = BRINGS.replace(
    "certificate: imported",
    'certificate: {issuer: staff, subject: "CN={name}", days: 30, key_usage: [key-encipherment]}',
)
KINDS = {"rsa2048": ("-newkey", "rsa:2048"), "ecp256": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")}


@pytest.fixture(autouse=True)
def _master(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER", MASTER)


def openssl(folder: Path, *words: str) -> None:
    """Run openssl in a folder."""
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def pack(keys: Path, code: str) -> None:
    """Put key and certificate into the holder's file, encrypted with this password."""
    files = ("-in", "c.pem", "-inkey", "k.pem", "-out", "1001.p12")
    openssl(keys, "pkcs12", "-export", *files, "-passout", f"pass:{code}")


def prepared(folder: Path, application: str, entry: str, *, kind: str = "rsa2048", code: str = CODE) -> Path:
    """A plan that imports a key, and the holder's file, encrypted with this password."""
    keys = folder / "keys"
    keys.mkdir(parents=True)
    request = ("-x509", "-nodes", "-days", "30", "-subj", "/CN=Anne", "-keyout", "k.pem", "-out", "c.pem")
    openssl(keys, "req", *KINDS[kind], *request)
    openssl(
        keys, "pkcs12", "-export", "-in", "c.pem", "-inkey", "k.pem", "-out", "1001.p12", "-passout", f"pass:{code}"
    )
    return folder_of(folder, PLANS[application].replace("IMPORTED", entry), STAFF)


def parked(bureau: Bureau) -> tuple[Reason, str]:
    """Why the only card is parked, as it was told."""
    (event,) = bureau.told(CardParked)
    assert isinstance(event, CardParked)
    assert CODE not in repr(bureau.events)
    return event.reason, event.detail


@pytest.mark.parametrize("application", list(ENTRIES))
def test_a_key_and_its_certificate_are_imported(tmp_path: Path, application: str) -> None:
    bureau = Bureau(prepared(tmp_path, application, BRINGS.replace("TYPE", "rsa2048")))
    card = fresh(application)
    assert bureau.insert(card).done
    holds(tmp_path, bureau, card, application)


def holds(folder: Path, bureau: Bureau, card: SoftCard, application: str) -> None:
    """The card has the certificate of the file, and its key was tried; openssl knows both for a pair."""
    wanted = x509.load_pem_x509_certificate((folder / "keys" / "c.pem").read_bytes())
    key = ENTRIES[application]
    with open_on(SoftTransport(card, "look"), application) as opened:
        assert opened.certificate(key) == wanted
    (record,) = bureau.journal.cards(bureau.run.id)
    steps = bureau.journal.steps(record.id)
    public = wanted.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    told = steps[f"key:{key}"].result or {}
    assert (told["origin"], told["public_key"]) == ("imported", public.hex())
    assert (steps[f"verify:{key}"].result or {})["by"] == "decryption" or application == "piv"
    kept = b"".join(file.read_bytes() for file in folder.glob("journal.db*"))
    assert CODE.encode() not in kept


def test_a_certificate_is_ordered_for_an_imported_key(tmp_path: Path) -> None:
    bureau = Bureau(prepared(tmp_path, "openpgp", ORDERS.replace("TYPE", "rsa2048")))
    card = fresh("openpgp")
    assert bureau.insert(card).done
    (record,) = bureau.journal.cards(bureau.run.id)
    assert set(bureau.journal.certificates(record.id)) == {"signature", "decryption"}
    assert issued(tmp_path) == 2


def test_a_wrong_password_parks_the_card_before_anything_is_imported(tmp_path: Path) -> None:
    bureau = Bureau(prepared(tmp_path, "piv", BRINGS.replace("TYPE", "rsa2048"), code="another"))
    card = fresh()
    assert not bureau.insert(card).done
    reason, detail = parked(bureau)
    assert reason is Reason.PLAN_FAILED
    assert "password" in detail
    pack(tmp_path / "keys", CODE)
    bureau.journal.retry(bureau.journal.cards(bureau.run.id)[0].id)
    assert bureau.insert(card).done
    holds(tmp_path, bureau, card, "piv")


@pytest.mark.parametrize("application", list(ENTRIES))
def test_a_key_of_another_type_than_the_plan_says(tmp_path: Path, application: str) -> None:
    bureau = Bureau(prepared(tmp_path, application, BRINGS.replace("TYPE", "rsa2048"), kind="ecp256"))
    assert not bureau.insert(fresh(application)).done
    assert parked(bureau) == (Reason.PLAN_FAILED, "the key of the holder is ecp256, not rsa2048")


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    bureau = Bureau(prepared(tmp_path, "piv", BRINGS.replace("TYPE", "rsa2048")))
    (tmp_path / "keys" / "1001.p12").unlink()
    assert not bureau.insert(fresh()).done
    reason, detail = parked(bureau)
    assert reason is Reason.PLAN_FAILED
    assert "1001.p12" in detail


@pytest.mark.slow
@pytest.mark.parametrize("application", list(ENTRIES))
def test_the_card_is_pulled_at_each_exchange_of_the_import(tmp_path: Path, application: str) -> None:
    first, last = exchanges_of_import(tmp_path / "whole", application)
    assert last >= first  # one command with extended length
    for at in range(first, last + 1):
        folder = tmp_path / str(at)
        plan = prepared(folder, application, BRINGS.replace("TYPE", "rsa2048"))
        bureau, card = Bureau(plan), fresh(application)
        bureau.insert(card, partial(pulled, at))
        (record,) = unfinished(bureau)
        assert record.reason is Reason.CARD_REMOVED
        assert bureau.insert(card, reader="B").done
        holds(folder, bureau, card, application)
        bureau.close()


def pulled(at: int, inner: Transport) -> Transport:
    """A card that is pulled after this exchange."""
    return FaultTransport(inner, FaultPlan(kind=FaultKind.REMOVED_AFTER, at=at))


def exchanges_of_import(folder: Path, application: str) -> tuple[int, int]:
    """The numbers of the first and the last exchange in which the key is imported."""
    bureau = Bureau(prepared(folder, application, BRINGS.replace("TYPE", "rsa2048")))
    seen: list[CountingTransport] = []
    counts: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, StepStarted | StepEnded) and event.step == f"key:{ENTRIES[application]}":
            counts.append(seen[0].count)

    def counted(inner: Transport) -> Transport:
        seen.append(CountingTransport(inner))
        return seen[-1]

    object.__setattr__(bureau.job, "emit", listen)
    assert bureau.insert(fresh(application), counted).done
    bureau.close()
    return counts[0] + 1, counts[1]


def test_a_file_with_another_key_than_the_one_that_was_imported(tmp_path: Path) -> None:
    """No certificate is ordered for a key that the card does not have."""
    bureau = Bureau(prepared(tmp_path, "openpgp", ORDERS.replace("TYPE", "rsa2048")))

    def told(event: Event) -> None:
        bureau.events.append(event)
        if isinstance(event, StepEnded) and event.step == "key:decryption":
            request = ("-x509", "-nodes", "-subj", "/CN=Anne", "-keyout", "k.pem", "-out", "c.pem")
            openssl(tmp_path / "keys", "req", *KINDS["rsa2048"], *request)
            pack(tmp_path / "keys", CODE)

    object.__setattr__(bureau.job, "emit", told)
    assert not bureau.insert(fresh("openpgp")).done
    reason, detail = parked(bureau)
    assert reason is Reason.PLAN_FAILED
    assert "another key" in detail
    (record,) = bureau.journal.cards(bureau.run.id)
    assert set(bureau.journal.certificates(record.id)) <= {"signature"}


def test_a_holder_whose_password_is_in_no_record_any_more(tmp_path: Path) -> None:
    bureau = Bureau(prepared(tmp_path, "piv", BRINGS.replace("TYPE", "rsa2048")))
    object.__setattr__(bureau.job, "secret_fields", lambda _holder: {})
    assert not bureau.insert(fresh()).done
    assert parked(bureau)[0] is Reason.PLAN_FAILED
