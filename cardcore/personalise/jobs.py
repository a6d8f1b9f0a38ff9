"""What a run needs, put together from its plan: holders in the journal, issuers, who opens secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import Event as Flag
from threading import Lock

from cardcore.errors import InputError
from cardcore.personalise.card_secrets import CardSecrets
from cardcore.personalise.dispatch import Dispatch, OneStation
from cardcore.personalise.envelope import Opener, sealer
from cardcore.personalise.events import Listener
from cardcore.personalise.held_secrets import Keeping
from cardcore.personalise.holders import Holder, read_holders
from cardcore.personalise.issuers import open_issuer
from cardcore.personalise.issuers.base import Issuer
from cardcore.personalise.journal import Journal
from cardcore.personalise.plan import FromField, Plan
from cardcore.personalise.records import Enrolment, Run
from cardcore.personalise.workpiece import Issuers
from cardcore.profile import catalog
from cardcore.profile.match import Candidate

SecretFields = Callable[[str], Mapping[str, str]]

PATIENCE = 300.0
"""Seconds for which a card waits in its reader for an issuer that cannot be reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What all workers of a run have in common.

    `profiles` are tried on a card that is inserted. `secret_fields` gives the fields of a holder's record that are
    secrets, and so not in the journal. `within` counts only the first holders. `patience` is in seconds. `station` is
    this station among several; without one the journal alone gives cards to holders.
    """

    run: Run
    plan: Plan
    journal: Journal
    issuers: Issuers
    keeping: Keeping
    profiles: tuple[Candidate, ...]
    emit: Listener
    stop: Flag
    secret_fields: SecretFields
    within: int | None = None
    station: Dispatch | None = None
    patience: float = PATIENCE

    @property
    def dispatch(self) -> Dispatch:
        """Who gives cards to holders."""
        return self.station or OneStation(self.journal, self.run.id, within=self.within)


class IssuerShelf:
    """The plan's issuers, each opened once, by the first thread that wants it. Close it in the end."""

    def __init__(self, plan: Plan) -> None:
        self._settings = plan.issuers
        self._open: dict[str, Issuer] = {}
        self._lock = Lock()

    def issuer(self, name: str) -> Issuer:
        """The issuer of that name; InputError if its files cannot be used."""
        with self._lock:
            if name not in self._open:
                self._open[name] = open_issuer(self._settings[name])
            return self._open[name]

    def close(self) -> None:
        """Close those that were opened."""
        with self._lock:
            for issuer in self._open.values():
                issuer.close()
            self._open.clear()


class Enrolling:
    """The plan's holders on their way into the journal; the fields that are secrets stay in memory."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._columns = frozenset(
            rule.column for card in plan.cards.values() for rule in card.rules() if isinstance(rule, FromField)
        )
        self._everything = frozenset(plan.cards)
        self._restricted = any(card.only for card in plan.cards.values())
        self._secret: dict[str, dict[str, str]] = {}

    def __iter__(self) -> Iterator[Enrolment]:
        for holder in read_holders(self._plan.holders):
            missing = self._plan.columns - holder.fields.keys()
            if missing:
                raise InputError(
                    f"the holder {holder.id} has no field {min(missing)}",
                    hint="Complete the records or the query, or change the plan.",
                )
            if self._columns:
                self._check_secrets(holder)
                self._secret[holder.id] = {name: holder.fields.get(name, "") for name in self._columns}
            yield self._enrolment(holder)

    def _check_secrets(self, holder: Holder) -> None:
        """InputError for a secret in the record that no card could take: before one is touched."""
        for card in self._plan.cards.values():
            if card.is_for(holder.fields):
                CardSecrets(plan=card, fields=holder.fields, serial="").check_record()

    def _enrolment(self, holder: Holder) -> Enrolment:
        fitting = self._everything
        if self._restricted:
            fitting = frozenset(name for name, card in self._plan.cards.items() if card.is_for(holder.fields))
        if not fitting:
            raise InputError(
                f"the plan has no kind of card for the holder {holder.id}",
                hint="Change `only` in the plan, or the holder's record.",
            )
        record = holder.fields
        if self._columns:
            record = {name: value for name, value in holder.fields.items() if name not in self._columns}
        every = len(fitting) == len(self._plan.cards)
        return Enrolment(holder=holder.id, record=record, profiles=None if every else fitting)

    def secret_fields(self, holder: str) -> Mapping[str, str]:
        """The fields of a holder's record that are secrets."""
        return self._secret.get(holder, {})


def keeping_for(plan: Plan, opener: Opener | None = None) -> Keeping:
    """How the journal keeps secrets: sealed for the plan's recipients, if it names any."""
    return Keeping(sealer=sealer(plan.recipients) if plan.recipients else None, opener=opener)


def every_profile() -> tuple[Candidate, ...]:
    """The profiles that a card may have, so that one which is not in the plan is told as what it is."""
    return tuple(catalog.candidates())
