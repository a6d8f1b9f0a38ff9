"""CMP in a run: the program dies before and after every message; then it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyasn1_alt_modules import rfc9810

from cardcore.personalise.reasons import Reason
from cardcore.personalise.states import CertificateState
from tests.unit.personalise.authority import Authority, authority
from tests.unit.personalise.bureau import Bureau, fresh
from tests.unit.personalise.cmp_responder import REFERENCE, SECRET, Responder, answering, granting, reaching, requested
from tests.unit.personalise.killed import MASTER
from tests.unit.personalise.plans import folder_of
from tests.unit.personalise.small_plans import ONE, SMALL

LOCAL = "{local: {certificate: ca.pem, key: ca.key}}"
CMP = (
    f"{{cmp: {{url: http://cmp.invalid/, plain_http: true, secret: env:CMP, secret_reference: {REFERENCE}, wait: 0}}}}"
)
MESSAGES = ("genm", "p10cr", "certConf", "p10cr", "certConf")


class Died(BaseException):
    """The program ends here."""


@dataclass(kw_only=True)
class Office:
    """A CA that remembers its transactions; `dies` is at which message the program ends, `heard` whether it arrives."""

    ca: Authority
    dies: int = 0
    heard: bool = True
    count: int = 0
    issued: dict[bytes, bytes] = field(default_factory=dict)
    responder: Responder = field(init=False)

    def __post_init__(self) -> None:
        bodies = {"p10cr": self.enrol, "pollReq": self.polled}
        self.responder = Responder(ca=self.ca, bodies=dict(bodies))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.count += 1
        if self.count != self.dies:
            return self.responder(request)
        if self.heard:
            self.responder(request)
        raise Died

    def enrol(self, asked: rfc9810.PKIMessage) -> rfc9810.PKIBody:
        """Issue what the request says."""
        request, now = requested(asked), datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(request.subject).public_key(request.public_key())
        made = made.not_valid_before(now).not_valid_after(now + timedelta(days=30))
        for entry in request.extensions:
            made = made.add_extension(entry.value, entry.critical)
        certificate = self.ca.sign(made).public_bytes(Encoding.DER)
        self.issued[bytes(asked["header"]["transactionID"])] = certificate
        return granting(certificate)

    def polled(self, asked: rfc9810.PKIMessage) -> rfc9810.PKIBody:
        """The certificate of the transaction, if there is one."""
        found = self.issued.get(bytes(asked["header"]["transactionID"]))
        return granting(found) if found else answering(2, 2, kind="error")


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER", MASTER)
    monkeypatch.setenv("CMP", SECRET.decode())


def plan_in(folder: Path) -> Path:
    return folder_of(folder, SMALL["piv"].replace(LOCAL, CMP), ONE)


def test_a_card(in_memory: Path) -> None:
    office = Office(ca=authority())
    bureau = Bureau(plan_in(in_memory))
    with reaching(office):
        assert bureau.insert(fresh()).done
    assert tuple(office.responder.kinds) == MESSAGES
    bureau.close()


@pytest.mark.parametrize("heard", [False, True])
@pytest.mark.parametrize("dies", range(1, len(MESSAGES) + 1))
def test_a_run_that_ends_at_a_message(in_memory: Path, dies: int, heard: bool) -> None:
    """No certificate is ordered twice and none is lost; what nobody can know, a person decides."""
    office, card = Office(ca=authority(), dies=dies, heard=heard), fresh()
    plan = plan_in(in_memory)
    with reaching(office):
        first = Bureau(plan)
        with pytest.raises(Died):
            first.insert(card)
        first.close()
        again = Bureau(plan, unlock=True)
        again.insert(card, reader="B")
    (record,) = again.journal.cards(again.run.id)
    states = {one.key: one.state for one in again.journal.certificates(record.id).values()}
    kinds = office.responder.kinds
    if MESSAGES[dies - 1] == "p10cr" and not heard:
        assert record.reason is Reason.ISSUER_UNCERTAIN
        assert CertificateState.ORDERED in states.values()
        assert kinds.count("pollReq") == 1
        assert len(office.issued) == kinds.count("p10cr") < 2
    else:
        assert set(states.values()) == {CertificateState.WRITTEN}
        assert len(office.issued) == kinds.count("p10cr") == 2
    again.close()
