"""The step that gets a certificate from an issuer, who may be slow, away, or not sure."""

from __future__ import annotations

from collections.abc import Callable
from time import time
from typing import TYPE_CHECKING, ClassVar

from cardcore.errors import InputError
from cardcore.personalise.issuers.base import Issued, Issuer, IssuerUncertain, IssuerUnreachable, Order, Pending
from cardcore.personalise.parking import Parked
from cardcore.personalise.plan import CertificatePlan, KeyPlan
from cardcore.personalise.reasons import Reason
from cardcore.personalise.records import CertificateRecord, Result
from cardcore.personalise.states import CertificateState
from cardcore.personalise.steps import Step
from cardcore.personalise.workpiece import Workpiece

if TYPE_CHECKING:
    from cardcore.personalise.changes import Change

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds between attempts to reach an issuer: the first, doubled each time up to the longest."""


class OrderStep(Step):
    """Orders a certificate, once. Whoever does not know whether it was issued asks before ordering again.

    An issuer that cannot be reached is waited for, up to `Surroundings.patience`; the card stays in its reader.
    """

    logs_in: ClassVar[bool] = False
    independent: ClassVar[bool] = True

    def __init__(self, key: KeyPlan, plan: CertificatePlan) -> None:
        super().__init__(f"order:{key.name}")
        self._key = key.name
        self._plan = plan
        self._issued: Issued | None = None

    def run(self, work: Workpiece) -> Result:
        """Get the certificate; Parked if it comes later or the issuer stays away."""
        issuer = work.around.issuers.issuer(self._plan.issuer)
        waited, pause = 0.0, FIRST_PAUSE
        while True:
            try:
                answer = self._attempt(work, issuer)
            except (IssuerUnreachable, IssuerUncertain) as error:
                if waited + pause > work.around.patience:
                    raise
                work.around.pause(self.name, pause, error.message)
                waited, pause = waited + pause, min(2 * pause, LONGEST_PAUSE)
                continue
            if isinstance(answer, Issued):
                self._issued = answer
                return {"warnings": list(answer.warnings)}
            self._put_off(work, answer)

    def _attempt(self, work: Workpiece, issuer: Issuer) -> Issued | Pending:
        record = self._record(work)
        order = self._order(work, record)
        if record.state is CertificateState.REQUESTED:
            with work.change() as change:
                change.ordered(work.record.id, self._key)
            return self._sent(work, lambda: issuer.order(order))
        if record.ask_after is not None and record.ask_after > time():
            return Pending(token=record.token or "", after=record.ask_after - time())
        try:
            return self._sent(work, lambda: issuer.ask(order, record.token or ""))
        except IssuerUnreachable:  # certainly there is none: now it may be ordered
            return self._attempt(work, issuer)

    def _sent(self, work: Workpiece, send: Callable[[], Issued | Pending]) -> Issued | Pending:
        """The issuer's answer; the journal knows whether it may have issued the certificate."""
        try:
            return send()
        except IssuerUnreachable:
            with work.change() as change:
                change.unordered(work.record.id, self._key)
            raise
        except IssuerUncertain as error:
            self._remember(work, error.token)
            raise

    def _put_off(self, work: Workpiece, answer: Pending) -> None:
        after = None if answer.after is None else time() + answer.after
        with work.change() as change:
            change.pending(work.record.id, self._key, answer.token, after)
        raise Parked(Reason.CERTIFICATE_PENDING, f"the certificate of {self._key} was ordered and comes later")

    def _record(self, work: Workpiece) -> CertificateRecord:
        found = work.journal.certificates(work.record.id).get(self._key)
        if found is None or found.request is None:
            raise InputError(f"there is no request for {self._key} in the journal")
        return found

    def _order(self, work: Workpiece, record: CertificateRecord) -> Order:
        contents = self._plan.contents.render(work.fields, work.card.profile.keys[self._key].usage)
        return Order(
            reference=record.reference,
            request=record.request or b"",
            contents=contents,
            fields=dict(work.fields),
            remember=lambda token: self._remember(work, token),
        )

    def _remember(self, work: Workpiece, token: str) -> None:
        with work.change() as change:
            change.uncertain(work.record.id, self._key, token)

    def end(self, work: Workpiece, change: Change, result: Result) -> None:
        """The certificate stands in the journal before it goes to the card."""
        if self._issued is not None:
            change.issued(work.record.id, self._key, self._issued)
