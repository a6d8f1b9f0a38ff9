"""A report for machines: JSON documents and CSV tables."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from io import StringIO

from cardcore.personalise.card_certificate import CardCertificate, KeyLine
from cardcore.personalise.records import CardRecord, CertificateRecord
from cardcore.personalise.report import CardLine, RunReport, refusal_advice

Document = dict[str, object]
CARD_COLUMNS = ("card", "holder", "serial", "profile", "state", "reason", "detail", "started", "ended", "seconds")
REVOCATION_COLUMNS = ("holder", "card", "key", "issuer", "serial", "subject", "not_after", "why", "reference")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def moment(seconds: float | None) -> str | None:
    """A time in UTC as in ISO 8601, to the second."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def report_document(report: RunReport) -> Document:
    """A run as one JSON document."""
    return {
        "run": report.run.name,
        "plan": report.run.plan,
        "started": moment(report.run.started_at),
        "ended": moment(report.run.ended_at),
        "holders": report.totals.holders,
        "done": report.totals.done,
        "parked": report.totals.parked,
        "waiting": report.totals.waiting,
        "active": report.totals.active,
        "cards": [_card_line(line) for line in report.cards],
        "steps": [
            {
                "step": times.step,
                "profile": times.profile,
                "cards": times.cards,
                "median": round(times.median, 4),
                "slowest_tenth": round(times.slowest_tenth, 4),
                "longest": round(times.longest, 4),
                "apdus": times.apdus,
                "found": times.found,
            }
            for times in report.steps
        ],
        "hours": [{"start": moment(hour.start), "cards": hour.cards} for hour in report.hours],
        "refused": [
            {
                "reader": record.reader,
                "serial": record.serial or None,
                "reason": record.reason.value,
                "detail": record.detail,
                "advice": refusal_advice(record),
                "at": moment(record.refused_at),
            }
            for record in report.refused
        ],
        "revocations": [_revocation(record) for record in report.revocations],
    }


def card_document(found: CardCertificate) -> Document:
    """The certificate of personalisation of one card as a JSON document."""
    return {
        **_card(found.card),
        "plan": found.plan,
        "run": found.run,
        "seconds": round(found.seconds, 3),
        "apdus": found.apdus,
        "steps": [
            {
                "step": step.step,
                "number": step.number,
                "state": step.state.value,
                "started": moment(step.started_at),
                "seconds": step.seconds,
                "apdus": step.apdus,
                "found": step.found,
            }
            for step in found.steps
        ],
        "keys": [_key(line) for line in found.keys],
        "secrets": [{"name": name, "state": state.value, "source": source} for name, state, source in found.secrets],
    }


def cards_table(report: RunReport) -> str:
    """The cards of a run as CSV (RFC 4180), a header first."""
    return _table(
        (*CARD_COLUMNS, "apdus", "advice"),
        ({**_card_line(line), "advice": line.advice} for line in report.cards),
    )


def revocations_table(report: RunReport) -> str:
    """Certificates that have to be revoked, as CSV, for whoever runs the CA."""
    cards = {line.card.id: line.card for line in report.cards}
    rows = []
    for record in report.revocations:
        card = cards.get(record.card)
        rows.append({**_revocation(record), "holder": None if card is None else card.holder})
    return _table(REVOCATION_COLUMNS, rows)


def _card(card: CardRecord) -> Document:
    return {
        "card": card.id,
        "holder": card.holder,
        "serial": card.serial,
        "profile": card.profile,
        "state": card.state.value,
        "reason": None if card.reason is None else card.reason.value,
        "detail": card.detail,
        "started": moment(card.claimed_at),
        "ended": moment(card.ended_at),
    }


def _card_line(line: CardLine) -> Document:
    return {**_card(line.card), "seconds": round(line.seconds, 3), "apdus": line.apdus}


def _key(line: KeyLine) -> Document:
    record = line.certificate
    return {
        "key": line.key,
        "public_key": line.public_key or None,
        "public_key_sha256": line.fingerprint or None,
        "state": record.state.value,
        "subject": record.subject,
        "issuer": record.issuer,
        "serial": record.serial,
        "not_after": moment(record.not_after),
        "certificate": None if record.certificate is None else record.certificate.hex(),
        "revoke": record.revoke,
    }


def _revocation(record: CertificateRecord) -> Document:
    return {
        "card": record.card,
        "key": record.key,
        "issuer": record.issuer,
        "serial": record.serial,
        "subject": record.subject,
        "not_after": moment(record.not_after),
        "why": record.revoke,
        "reference": record.reference,
    }


def _table(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return text.getvalue()


def _cell(value: object) -> str:
    """A value that no spreadsheet takes for a formula: holders' records come from elsewhere."""
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
