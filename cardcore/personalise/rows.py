"""Rows of the journal's tables as its records."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row

from cardcore.personalise.reasons import Reason, Refusal
from cardcore.personalise.records import (
    CardRecord,
    CertificateRecord,
    HolderRecord,
    RefusedRecord,
    Run,
    SecretRecord,
    StepRecord,
)
from cardcore.personalise.states import CardState, CertificateState, HolderState, SecretState, StepState


def run_of(row: Row[Any]) -> Run:
    """A run."""
    return Run(
        id=row.id,
        name=row.name,
        plan=row.plan,
        digest=row.digest,
        parts=row.parts,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


def holder_of(row: Row[Any]) -> HolderRecord:
    """A holder."""
    return HolderRecord(
        run=row.run,
        holder=row.holder,
        position=row.position,
        state=HolderState(row.state),
        record=json.loads(row.record),
        attempts=row.attempts,
    )


def card_of(row: Row[Any]) -> CardRecord:
    """A card."""
    return CardRecord(
        id=row.id,
        run=row.run,
        holder=row.holder,
        attempt=row.attempt,
        profile=row.profile,
        serial=row.serial,
        state=CardState(row.state),
        reason=None if row.reason is None else Reason(row.reason),
        detail=row.detail,
        reader=row.reader,
        station=row.station,
        claimed_at=row.claimed_at,
        touched_at=row.touched_at,
        ended_at=row.ended_at,
    )


def step_of(row: Row[Any]) -> StepRecord:
    """A step."""
    return StepRecord(
        card=row.card,
        step=row.step,
        number=row.number,
        state=StepState(row.state),
        started_at=row.started_at,
        ended_at=row.ended_at,
        seconds=row.seconds,
        apdus=row.apdus,
        found=row.found,
        result=row.result,
    )


def secret_of(row: Row[Any]) -> SecretRecord:
    """A secret."""
    return SecretRecord(
        card=row.card,
        name=row.name,
        generation=row.generation,
        state=SecretState(row.state),
        source=row.source,
        envelope=row.envelope,
    )


def certificate_of(row: Row[Any]) -> CertificateRecord:
    """A certificate."""
    return CertificateRecord(
        card=row.card,
        key=row.key,
        reference=row.reference,
        state=CertificateState(row.state),
        request=row.request,
        token=row.token,
        ask_after=row.ask_after,
        certificate=row.certificate,
        chain=tuple(bytes.fromhex(other) for other in row.chain or ()),
        subject=row.subject,
        issuer=row.issuer,
        serial=row.serial,
        not_after=row.not_after,
        revoke=row.revoke,
    )


def refused_of(row: Row[Any]) -> RefusedRecord:
    """A card that was not taken."""
    return RefusedRecord(
        run=row.run,
        reader=row.reader,
        serial=row.serial,
        reason=Refusal(row.reason),
        detail=row.detail,
        refused_at=row.refused_at,
    )
