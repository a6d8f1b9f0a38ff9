"""What one transaction of the journal can record about a card."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from cardcore.errors import CardError, InputError
from cardcore.lines import shown
from cardcore.personalise.reasons import Reason
from cardcore.personalise.records import Result
from cardcore.personalise.states import CardState, CertificateState, HolderState, SecretState, StepState
from cardcore.personalise.tables import CARDS, CERTIFICATES, HOLDERS, SECRETS, STEPS

if TYPE_CHECKING:
    from cardcore.personalise.issuers.base import Issued


class JournalConflict(CardError):
    """The journal says otherwise: a card, key or certificate belongs to somebody else, or another took it meanwhile."""

    code = "journal-conflict"
    default_hint = "Look at `cardcore personalise status`; the card must not be handed out."


class Change:
    """One transaction about cards: all of it is on the disk when the transaction ends, or nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # Steps

    def step_started(self, card: int, step: str, number: int, *, again: bool = True) -> None:
        """A step begins, maybe once more: its outcome is unknown from now on. JournalConflict if it is done already.

        Without `again` the caller knows that it was not begun before, which spares a question.
        """
        now = time()
        if not (again and self._restarted(card, step, number, now)):
            self._insert_step(card, step, number, now)

    def _restarted(self, card: int, step: str, number: int, now: float) -> bool:
        begun = (STEPS.c.card == card) & (STEPS.c.step == step) & (STEPS.c.state == StepState.STARTED)
        changed = self._connection.execute(update(STEPS).where(begun).values(started_at=now, number=number))
        return bool(changed.rowcount)

    def _insert_step(self, card: int, step: str, number: int, now: float) -> None:
        values = {"card": card, "step": step, "number": number, "state": StepState.STARTED, "started_at": now}
        try:
            self._connection.execute(insert(STEPS).values(found=False, **values))
        except IntegrityError as error:
            raise JournalConflict(f"the step {step} of card {card} is done already") from error

    def step_done(
        self,
        card: int,
        step: str,
        *,
        seconds: float = 0.0,
        apdus: int = 0,
        found: bool = False,
        result: Result | None = None,
    ) -> None:
        """A step that was started is done. `found`: by looking at the card afterwards."""
        values = {"state": StepState.DONE, "ended_at": time(), "seconds": seconds, "apdus": apdus, "found": found}
        changed = self._connection.execute(
            update(STEPS)
            .where(STEPS.c.card == card, STEPS.c.step == step, STEPS.c.state == StepState.STARTED)
            .values(result=None if result is None else dict(result), **values)
        )
        if not changed.rowcount:
            raise JournalConflict(f"the step {step} of card {card} was not started")

    def step_noted(self, card: int, step: str, result: Result) -> None:
        """What a step that was started has found out before it is done."""
        mine = (STEPS.c.card == card) & (STEPS.c.step == step) & (STEPS.c.state == StepState.STARTED)
        self._connection.execute(update(STEPS).where(mine).values(result=dict(result)))

    def step_undone(self, card: int, step: str) -> None:
        """A step that was started has certainly not happened: the card refused it."""
        mine = (STEPS.c.card == card) & (STEPS.c.step == step) & (STEPS.c.state == StepState.STARTED)
        self._connection.execute(delete(STEPS).where(mine))

    # Secrets

    def propose(self, card: int, name: str, source: str, envelope: bytes | None) -> int:
        """Record a secret before the card gets it, and return its generation, which counts from 1."""
        generation = self._last_generation(card, name) + 1
        values = {"card": card, "name": name, "generation": generation, "source": source, "envelope": envelope}
        self._connection.execute(insert(SECRETS).values(state=SecretState.PROPOSED, proposed_at=time(), **values))
        return generation

    def _last_generation(self, card: int, name: str) -> int:
        found = self._connection.execute(
            select(SECRETS.c.generation)
            .where(SECRETS.c.card == card, SECRETS.c.name == name)
            .order_by(SECRETS.c.generation.desc())
            .limit(1)
        ).scalar()
        return int(found or 0)

    def settle(self, card: int, name: str, generation: int) -> None:
        """The card has this secret now, and none of the others of that name."""
        mine = (SECRETS.c.card == card) & (SECRETS.c.name == name)
        this = SECRETS.c.generation == generation
        for which, state in ((~this, SecretState.FORMER), (this, SecretState.CURRENT)):
            changed = self._connection.execute(
                update(SECRETS).where(mine, which).values(state=state, changed_at=time())
            )
        if not changed.rowcount:
            raise JournalConflict(f"the secret {name} of card {card} was not proposed")

    def withdraw(self, card: int, name: str, generation: int) -> None:
        """The card has certainly not taken the secret that was proposed."""
        self._connection.execute(
            update(SECRETS)
            .where(SECRETS.c.card == card, SECRETS.c.name == name, SECRETS.c.generation == generation)
            .values(state=SecretState.FORMER, changed_at=time())
        )

    # Certificates

    def requested(self, card: int, key: str, *, reference: str, request: bytes, public_key: bytes | None) -> None:
        """A key has signed a request. `public_key` is a generated key's SHA-256; JournalConflict if that is known."""
        values = {"card": card, "key": key, "reference": reference, "request": request, "public_key": public_key}
        try:
            self._connection.execute(
                insert(CERTIFICATES).values(state=CertificateState.REQUESTED, changed_at=time(), **values)
            )
        except IntegrityError as error:
            raise JournalConflict(
                f"another card has the key or the order of {key} already", hint="Do not hand out either card."
            ) from error

    def ordered(self, card: int, key: str) -> None:
        """From now on the issuer may have issued the certificate."""
        self._certificate(card, key, {"state": CertificateState.ORDERED})

    def unordered(self, card: int, key: str) -> None:
        """The issuer said that certainly nothing happened."""
        self._certificate(card, key, {"state": CertificateState.REQUESTED, "token": None, "ask_after": None})

    def pending(self, card: int, key: str, token: str, ask_after: float | None) -> None:
        """The issuer answers later, not before `ask_after` (seconds since 1970)."""
        self._certificate(card, key, {"state": CertificateState.PENDING, "token": token, "ask_after": ask_after})

    def uncertain(self, card: int, key: str, token: str) -> None:
        """The issuer may have issued the certificate; it is asked with `token`."""
        self._certificate(card, key, {"state": CertificateState.ORDERED, "token": token})

    def issued(self, card: int, key: str, issued: Issued) -> None:
        """The certificate is here. JournalConflict if its issuer gave the serial number before."""
        from cryptography import x509

        certificate = x509.load_der_x509_certificate(issued.certificate)
        try:
            self._certificate(
                card,
                key,
                {
                    "state": CertificateState.ISSUED,
                    "certificate": issued.certificate,
                    "chain": [other.hex() for other in issued.chain],
                    "subject": certificate.subject.rfc4514_string(),
                    "issuer": certificate.issuer.rfc4514_string(),
                    "serial": f"{certificate.serial_number:x}",
                    "not_after": certificate.not_valid_after_utc.timestamp(),
                },
            )
        except IntegrityError as error:
            raise JournalConflict(
                "the issuer has given this serial number to another certificate",
                hint="The issuer has to be repaired; revoke both certificates.",
            ) from error

    def written(self, card: int, key: str) -> None:
        """The certificate is on the card."""
        self._certificate(card, key, {"state": CertificateState.WRITTEN})

    def _certificate(self, card: int, key: str, values: dict[str, object]) -> None:
        changed = self._connection.execute(
            update(CERTIFICATES)
            .where(CERTIFICATES.c.card == card, CERTIFICATES.c.key == key)
            .values(changed_at=time(), **values)
        )
        if not changed.rowcount:
            raise JournalConflict(f"no certificate was requested for {key} of card {card}")

    # The card

    def parked(self, card: int, reason: Reason, detail: str) -> None:
        """A card is put aside, for a reason."""
        state = CardState.WAITING if reason is Reason.CERTIFICATE_PENDING else CardState.PARKED
        self._connection.execute(
            update(CARDS)
            .where(CARDS.c.id == card)
            .values(state=state, reason=reason, detail=shown(detail)[:2000], reader=None, touched_at=time())
        )

    def let_go_on(self, card: int) -> None:
        """A person has decided that a parked card may go on; InputError if it is not parked."""
        changed = self._connection.execute(
            update(CARDS)
            .where(CARDS.c.id == card, CARDS.c.state == CardState.PARKED)
            .values(reason=Reason.LET_GO_ON, touched_at=time())
        )
        if not changed.rowcount:
            raise InputError(f"card {card} is not parked", hint="See `cardcore personalise status`.")

    def finished(self, card: int) -> None:
        """A card is done and verified, and its holder with it."""
        now = time()
        row = self._connection.execute(select(CARDS.c.run, CARDS.c.holder).where(CARDS.c.id == card)).one()
        self._connection.execute(
            update(CARDS)
            .where(CARDS.c.id == card)
            .values(state=CardState.DONE, reason=None, detail=None, reader=None, touched_at=now, ended_at=now)
        )
        self._connection.execute(
            update(HOLDERS)
            .where(HOLDERS.c.run == row.run, HOLDERS.c.holder == row.holder)
            .values(state=HolderState.DONE)
        )

    def ended(self, card: int, state: CardState, revoke: str) -> None:
        """A card counts no longer (UNDONE, REPLACED): its holder is next, its certificates are to be revoked.

        JournalConflict if it did not count any more: its holder may have another one by now.
        """
        now = time()
        row = self._connection.execute(select(CARDS.c.run, CARDS.c.holder).where(CARDS.c.id == card)).one()
        changed = self._connection.execute(
            update(CARDS)
            .where(CARDS.c.id == card, CARDS.c.live_holder.is_not(None))
            .values(state=state, live_serial=None, live_holder=None, reader=None, touched_at=now, ended_at=now)
        )
        if not changed.rowcount:
            raise JournalConflict(f"card {card} of {row.holder} counts no longer, as somebody else has decided")
        self._connection.execute(
            update(HOLDERS)
            .where(HOLDERS.c.run == row.run, HOLDERS.c.holder == row.holder)
            .values(state=HolderState.WAITING, urgent=True)
        )
        issued = (CertificateState.ORDERED, CertificateState.PENDING, CertificateState.ISSUED, CertificateState.WRITTEN)
        self._connection.execute(
            update(CERTIFICATES)
            .where(CERTIFICATES.c.card == card, CERTIFICATES.c.state.in_(issued))
            .values(revoke=revoke, changed_at=now)
        )
