"""Looks at a card and at the journal as an auditor would: is the card whose, with which secrets, keys, certificates."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

import cardcore
from cardcore import signing, verifying
from cardcore.errors import CardError
from cardcore.keytypes import certified_key, type_of
from cardcore.opening import open_among
from cardcore.personalise.card_secrets import CardSecrets
from cardcore.personalise.held_secrets import ADMIN
from cardcore.personalise.plan import with_card
from cardcore.personalise.reasons import Reason
from cardcore.personalise.records import CardRecord
from cardcore.personalise.states import CardState, CertificateState, HolderState, SecretState, StepState
from cardcore.personalise.steps import is_numbered
from cardcore.profile.match import Candidate
from cardcore.profile.model import Usage
from cardcore.secret import Secret
from cardcore.softcard import SoftCard
from cardcore.transport.soft import SoftTransport
from tests.unit.personalise.bureau import Bureau
from tests.unit.personalise.plans import recipient_opener

MAY_STAY_UNKNOWN = frozenset({"secret:puk", "secret:admin"})
"""Changes above which there is no authority: what an interruption leaves of them, a person has to settle."""


def unfinished(bureau: Bureau) -> list[CardRecord]:
    """Cards that are begun and not done."""
    return bureau.journal.cards(bureau.run.id, CardState.ACTIVE, CardState.PARKED, CardState.WAITING)


def audit(bureau: Bureau, card: SoftCard) -> str:
    """See that nothing is lost, doubled or unknown; "done", or the step at which the card is parked for good."""
    live = [one for one in bureau.journal.cards(bureau.run.id) if one.state is not CardState.UNDONE]
    live = [one for one in live if not _was_blank(bureau, one)]
    assert len(live) == 1, "one card for one holder"
    record = live[0]
    if record.state is CardState.DONE:
        check_finished(bureau, record, card)
        return "done"
    _check_secrets(bureau, record, card)
    assert record.state is CardState.PARKED
    assert record.reason is Reason.UNKNOWN_OUTCOME, (record.reason, record.detail)
    started = [step.step for step in bureau.journal.steps(record.id).values() if step.state is StepState.STARTED]
    assert len(started) == 1
    assert started[0] in MAY_STAY_UNKNOWN
    return started[0]


def _was_blank(bureau: Bureau, record: CardRecord) -> bool:
    """Whether another card took the place of this one, which had no secret that it would keep."""
    if record.state is not CardState.REPLACED:
        return False
    steps = bureau.journal.steps(record.id)
    assert steps.keys() <= {"initialise"}
    assert not any(is_numbered(step) for step in steps.values())
    return True


def check_finished(bureau: Bureau, record: CardRecord, card: SoftCard) -> None:
    """See that a finished card has what the journal says, and nothing else."""
    _check_secrets(bureau, record, card)
    _check_done(bureau, record, card)


def candidates(bureau: Bureau, record: CardRecord, name: str) -> list[Secret]:
    """The secrets of this name that the card may have, by what plan and journal say; the issuer's key opens them."""
    plan = bureau.plan.cards[record.profile]
    fields = bureau.journal.holder(record.run, record.holder).record
    rules = CardSecrets(plan=plan, fields=with_card(fields, record.serial, record.profile), serial=record.serial)
    found: list[Secret] = []
    kept = [one for one in bureau.journal.secrets(record.id) if one.name == name]
    for one in kept:
        if one.state is SecretState.FORMER:
            continue
        label = f"{bureau.run.name}/{record.holder}/{record.serial}/{name}"
        if one.envelope is not None:
            found.append(recipient_opener().open(one.envelope, label))
        else:
            made = rules.final_admin() if name == ADMIN and plan.admin else rules.final_pin(name)
            assert made is not None
            found.append(made)
    if not any(one.state is SecretState.CURRENT for one in kept):
        first = rules.initial_admin() if name == ADMIN and plan.admin else rules.initial_pin(name)
        found += [first] if first is not None else []
    return found


def _check_secrets(bureau: Bureau, record: CardRecord, card: SoftCard) -> None:
    """Exactly one of the secrets that the journal knows opens the card: none is unknown."""
    plan = bureau.plan.cards[record.profile]
    with open_among(SoftTransport(card, "audit"), lambda: [Candidate.of(plan.profile)]) as opened:
        working: dict[str, Secret] = {}
        for name in [name for name, pin in plan.pins.items() if opened.profile.pins[name].unblock and not pin.same_as]:
            working[name] = _working(bureau, record, name, partial(_verify, opened, name))
        if plan.admin is not None:
            _working(bureau, record, ADMIN, lambda secret: opened.authenticate_admin(secret))
        if "puk" in plan.pins:
            pin = working["user"]
            _working(bureau, record, "puk", lambda secret: opened.unblock_pin(secret, pin))


def _verify(card: cardcore.Card, name: str, secret: Secret) -> None:
    card.verify(secret, name)


def _working(bureau: Bureau, record: CardRecord, name: str, attempt: Callable[[Secret], None]) -> Secret:
    known = candidates(bureau, record, name)
    assert known, f"no {name} is known"
    for secret in known:
        try:
            attempt(secret)
        except CardError:
            continue
        return secret
    raise AssertionError(f"none of the {len(known)} secrets in the journal is the card's {name}")


def _check_done(bureau: Bureau, record: CardRecord, card: SoftCard) -> None:
    """Every key signs, its certificate is the journal's, and was issued once."""
    plan = bureau.plan.cards[record.profile]
    assert bureau.journal.holder(record.run, record.holder).state is HolderState.DONE
    assert all(step.state is StepState.DONE for step in bureau.journal.steps(record.id).values())
    assert not [one for one in bureau.journal.secrets(record.id) if one.state is SecretState.PROPOSED]
    certificates = bureau.journal.certificates(record.id)
    assert set(certificates) == {name for name, key in plan.keys.items() if key.certificate}
    pin = candidates(bureau, record, "user")[-1]
    with open_among(SoftTransport(card, "audit"), lambda: [Candidate.of(plan.profile)]) as opened:
        assert opened.serial() == record.serial
        for name, kept in certificates.items():
            assert kept.state is CertificateState.WRITTEN
            _check_key(opened, name, kept.certificate, pin)


def _check_key(card: cardcore.Card, name: str, der: bytes | None, pin: Secret) -> None:
    certificate = card.certificate(name)
    assert certificate is not None
    assert der == certificate.public_bytes(Encoding.DER)
    public = certified_key(certificate)
    if Usage.SIGN in card.profile.keys[name].usage:
        challenge = os.urandom(32)
        signature = card.sign(name, challenge, pin=pin)
        assert verifying.is_valid(public, signing.request_for(type_of(public), challenge), signature)


def issued(folder: Path) -> int:
    """How many certificates the plan's CA has issued."""
    with closing(sqlite3.connect(next(folder.glob("*.issued.db")))) as connection:
        return int(connection.execute("select count(*) from issued").fetchone()[0])
