"""What the journal answers: its rows as dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from cardcore.personalise.reasons import Reason, Refusal
from cardcore.personalise.states import CardState, CertificateState, HolderState, SecretState, StepState

Result: TypeAlias = Mapping[str, Any]
"""What a step found out, as JSON values; bytes in hexadecimal, never a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a plan; `digest` is the SHA-256 of the plan's file in hexadecimal.

    `parts` are digests of what the plan lays down, by name (see `plan_parts`); None: a run of an older release.
    """

    id: int
    name: str
    plan: str
    digest: str
    parts: Mapping[str, str] | None
    started_at: float
    ended_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A holder as it goes into the journal. `profiles` names the kinds of card that will do, None: any."""

    holder: str
    record: Mapping[str, str]
    profiles: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderRecord:
    """A holder in a run; `attempts` counts the cards that were begun for him."""

    run: int
    holder: str
    position: int
    state: HolderState
    record: Mapping[str, str]
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRecord:
    """A card that became a holder's. `attempt` counts from 1 for each holder; `detail` says what exactly happened."""

    id: int
    run: int
    holder: str
    attempt: int
    profile: str
    serial: str
    state: CardState
    reason: Reason | None
    detail: str | None
    reader: str | None
    station: str | None
    claimed_at: float
    touched_at: float
    ended_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """A step of a card. `found` says that recovery found it done; `seconds` and `apdus` are None until it is done."""

    card: int
    step: str
    number: int
    state: StepState
    started_at: float
    ended_at: float | None
    seconds: float | None
    apdus: int | None
    found: bool
    result: Result | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRecord:
    """A secret of a card. `source` says where it comes from (`random`, `derived`, ...).

    `envelope` is CMS EnvelopedData (RFC 5652) as DER; None if the plan can give the secret again.
    """

    card: int
    name: str
    generation: int
    state: SecretState
    source: str
    envelope: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRecord:
    """The certificate of a key of a card: DER, certificates above it in `chain`; `revoke` says why it has to be."""

    card: int
    key: str
    reference: str
    state: CertificateState
    request: bytes | None
    token: str | None
    ask_after: float | None
    certificate: bytes | None
    chain: tuple[bytes, ...]
    subject: str | None
    issuer: str | None
    serial: str | None
    not_after: float | None
    revoke: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRecord:
    """A card that was not taken, and why."""

    run: int
    reader: str
    serial: str
    reason: Refusal
    detail: str
    refused_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How far a run is. `holders` are all of them, `assigned` those whose card is not finished.

    `gone`, who are not among them, had no card yet when the plan's source did not name them any more.

    `active`, `parked` and `waiting` count cards that are not finished: in a reader, parked, parked for a certificate.
    `gone` are not among `holders`: they had no card yet when the plan's source did not name them any more.
    """

    holders: int
    done: int
    assigned: int
    active: int
    parked: int
    waiting: int
    gone: int = 0
