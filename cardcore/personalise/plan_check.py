"""What is wrong or doubtful in a plan, its holders and its secrets, before any card is touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cardcore.errors import CardError, InputError, ProfileError
from cardcore.personalise.card_secrets import CardSecrets, check_sources
from cardcore.personalise.holders import Holder, read_holders
from cardcore.personalise.letters import Letters
from cardcore.personalise.plan import CardPlan, FromFile, Plan, SqlHolders, Tlv, with_card
from cardcore.personalise.plan_reading import draft_plan
from cardcore.personalise.sql_records import QUERY
from cardcore.personalise.templates import path_part
from cardcore.profile.catalog import Catalog
from cardcore.profile.check import Finding, Severity

MOST_FINDINGS = 50
"""Records that are told of; what is wrong with one is often wrong with all."""

_SERIAL = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """What was found. `holders` is their number, `cards` how many of them get a card of each profile.

    `unnamed` is the number of findings about holders that are left out, because there are too many.
    """

    plan: Plan | None
    findings: tuple[Finding, ...]
    holders: int = 0
    cards: Mapping[str, int] = field(default_factory=dict)
    unnamed: int = 0

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings with which no card can be prepared."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)


def check_plan(path: Path, shelf: Catalog | None = None) -> PlanReport:
    """Everything that can be found without a card or an issuer: the plan, every holder's record, the secrets' sources.

    A source that is not there is a warning, because it may be on another machine; a secret that is there and does not
    fit is an error. A database is asked for the holders.
    """
    draft = draft_plan(path, shelf)
    findings = [_finding(error) for error in draft.problems]
    findings += [_finding(doubt, Severity.WARNING) for doubt in draft.doubts]
    if draft.plan is None:
        return PlanReport(plan=None, findings=tuple(findings))
    findings += _source_findings(draft.plan)
    return _with_holders(draft.plan, findings)


def _finding(error: ProfileError, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(
        severity=severity,
        message=error.reason,
        file=error.file,
        line=error.line,
        column=error.column,
        hint=error.hint,
    )


def _source_findings(plan: Plan) -> Iterator[Finding]:
    for error, missing in check_sources(plan):
        severity = Severity.WARNING if missing else Severity.ERROR
        yield Finding(severity=severity, message=error.message, file=str(plan.file), line=0, column=0, hint=error.hint)


def _with_holders(plan: Plan, findings: list[Finding]) -> PlanReport:
    """The report with what is wrong with the holders."""
    count, unnamed = 0, 0
    cards: Counter[str] = Counter()
    check = HolderCheck(plan)
    try:
        for holder in read_holders(plan.holders):
            count += 1
            cards.update(check.cards(holder))
            found = [_finding(error) for error in check.problems(holder)]
            room = max(MOST_FINDINGS - len(findings), 0)
            findings += found[:room]
            unnamed += len(found[room:])
    except ProfileError as error:
        findings.append(_finding(error))
    except CardError as error:  # the database's URL cannot be had
        findings.append(_finding(ProfileError(error.message, file=plan.file, line=1, column=1, hint=error.hint)))
    return PlanReport(plan=plan, findings=tuple(findings), holders=count, cards=dict(cards), unnamed=unnamed)


class HolderCheck:
    """Finds what is wrong with holders' records for one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._file = QUERY if isinstance(plan.holders, SqlHolders) else str(plan.holders.path)
        self._letters = None if plan.letters is None else Letters(plan.letters)

    def cards(self, holder: Holder) -> list[str]:
        """The profiles of the cards that the holder may get."""
        return [name for name, card in self._plan.cards.items() if card.is_for(holder.fields)]

    def require(self, holder: Holder) -> None:
        """ProfileError for the first thing for which the holder could not get a card."""
        for error in self.problems(holder):
            raise error

    def problems(self, holder: Holder) -> Iterator[ProfileError]:
        """What is wrong with the record, with the line where it stands."""
        missing = sorted(self._plan.columns - holder.fields.keys())
        if missing:
            hint = "Complete the record, or change the plan."
            yield self._wrong(holder, f"the holder {holder.id} has no field {missing[0]}", hint)
            return
        cards = self.cards(holder)
        if not cards:
            yield self._wrong(holder, f"no card of the plan is for the holder {holder.id}", "See `only` in the plan.")
        for name in cards:
            fields = with_card(holder.fields, _SERIAL, name)
            try:
                _try_card(self._plan.cards[name], fields)
                if self._letters is not None:
                    self._letters.check(fields)
            except InputError as error:
                yield self._wrong(holder, f"the holder {holder.id}: {error.message}", error.hint)

    def _wrong(self, holder: Holder, message: str, hint: str) -> ProfileError:
        return ProfileError(message, file=self._file, line=holder.line, column=1, hint=hint)


def _try_card(card: CardPlan, fields: Mapping[str, str]) -> None:
    """InputError if the plan cannot be filled with the record."""
    CardSecrets(plan=card, fields=fields, serial=_SERIAL).check_record()
    if card.initialise:
        card.initialise.label_for(fields)
    _check_labels(card, fields)
    for key in card.keys.values():
        if key.certificate is not None:
            key.certificate.contents.render(fields)
        if key.imported is not None:
            _check_there(key.imported.path(fields))
    waiting = list(card.objects.values())
    for content in waiting:
        if isinstance(content, Tlv):
            waiting.extend(item for _, item in content.items)
        elif isinstance(content, FromFile):
            _check_there(content.folder / content.template.fill(fields, path_part))


def _check_labels(card: CardPlan, fields: Mapping[str, str]) -> None:
    labels = Counter(filter(None, (key.label_for(fields).casefold() for key in card.keys.values())))
    for label, count in labels.items():
        if count > 1:
            raise InputError(f"{count} keys of the card would have the label {label}", hint="Make them differ.")


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"there is no file {path}", hint="Check its name against the holder's record.")
