"""A report as one HTML page that needs nothing else: no scripts, no fonts, no other files. Charts are drawn as SVG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from cardcore.pages import document, facts, table, tiles, verdict
from cardcore.personalise.card_certificate import CardCertificate
from cardcore.personalise.report import HOUR, RunReport, StepTimes, refusal_advice
from cardcore.personalise.report_forms import moment
from cardcore.personalise.states import CardState

# In the units of the drawings, which are pixels at full size.
_BAR_WIDTH, _BAR_HEIGHT, _ROW, _TEXT = 380, 18, 24, 13
_LABEL, _FIGURE = 220, 230
_MOST_CARDS = 2000
"""More cards than these stand in the CSV only."""


def report_page(report: RunReport) -> str:
    """The report of a run; whatever holders, cards and issuers said is escaped."""
    left = report.totals.holders - report.totals.done
    outcome = "Every holder has a finished card" if not left else f"{left} of {report.totals.holders} holders wait"
    return document(
        f"{report.run.plan}: personalisation",
        [
            verdict(outcome, good=not left),
            tiles(
                [
                    (str(report.totals.done), "cards done"),
                    (str(report.totals.parked), "parked"),
                    (str(report.totals.waiting), "wait for a certificate"),
                    (str(len(report.refused)), "refused"),
                    (str(len(report.revocations)), "certificates to revoke"),
                    (_pace(report), "cards an hour"),
                ]
            ),
            facts(
                {
                    "run": report.run.name,
                    "began": moment(report.run.started_at) or "",
                    "ended": moment(report.run.ended_at) or "not yet",
                    "plan's SHA-256": report.run.digest,
                }
            ),
            *_charts(report),
            *_unfinished(report),
            *_cards(report),
        ],
    )


def card_page(found: CardCertificate) -> str:
    """The certificate of personalisation of one card."""
    card = found.card
    done = card.state is CardState.DONE
    keys = [
        (line.key, line.certificate.subject or "", line.certificate.issuer or "", line.fingerprint)
        for line in found.keys
    ]
    steps = [
        (str(step.number), step.step, step.state.value, str(step.apdus or ""), duration(step.seconds))
        for step in found.steps
    ]
    return document(
        f"Certificate of personalisation: {card.serial}",
        [
            verdict("Done and verified" if done else f"Not finished: {card.state}", good=done),
            facts(
                {
                    "holder": card.holder,
                    "card": f"{card.profile}, serial number {card.serial}",
                    "plan": f"{found.plan}, run {found.run}",
                    "began": moment(card.claimed_at) or "",
                    "ended": moment(card.ended_at) or "not yet",
                    "work": f"{len(found.steps)} steps, {found.apdus} command APDUs, {found.seconds:.1f} s",
                }
            ),
            "<h2>Keys</h2>",
            table(("key", "certificate for", "issued by", "SHA-256 of the public key"), keys),
            "<h2>Secrets</h2>",
            table(
                ("secret", "state", "source"), [(name, state.value, source) for name, state, source in found.secrets]
            ),
            "<h2>Steps</h2>",
            table(("", "step", "state", "APDUs", "time"), steps, numbers=(3, 4)),
        ],
    )


def _pace(report: RunReport) -> str:
    """Cards an hour, in the hours that had any; a run that was shorter is taken for as long as it took."""
    busy = [hour.cards for hour in report.hours if hour.cards]
    done = [line.card for line in report.cards if line.card.state is CardState.DONE]
    if not busy or not done:
        return "0"
    seconds = max(card.ended_at or card.claimed_at for card in done) - min(card.claimed_at for card in done)
    return f"{sum(busy) / min(len(busy), max(seconds, 1.0) / HOUR):.0f}"


def _charts(report: RunReport) -> Iterable[str]:
    for profile in sorted({times.profile for times in report.steps}):
        yield f"<h2>Time of each step: {escape(profile)}</h2>"
        yield step_chart([times for times in report.steps if times.profile == profile])
    if len(report.hours) > 1:
        yield "<h2>Cards finished in each hour (UTC)</h2>"
        yield bar_chart([((moment(hour.start) or "")[5:16].replace("T", " "), hour.cards) for hour in report.hours])
    failures = {**{reason.value: count for reason, count in report.parked().items()}, **report.refusals()}
    if failures:
        yield "<h2>Why cards were parked or refused</h2>"
        yield bar_chart(sorted(failures.items(), key=lambda row: -row[1]))


def step_chart(steps: Sequence[StepTimes]) -> str:
    """For each step a bar as long as its median, and a line to the slowest tenth; on one scale of seconds."""
    scale = _BAR_WIDTH / (max((times.slowest_tenth for times in steps), default=0.0) or 1.0)
    rows = []
    for number, times in enumerate(steps):
        middle = number * _ROW + _BAR_HEIGHT / 2
        start, end = _LABEL + times.median * scale, _LABEL + times.slowest_tenth * scale
        figure = f"{duration(times.median)}; slowest tenth {duration(times.slowest_tenth)}; APDUs {times.apdus}"
        line = f'<line x1="{start:.1f}" y1="{middle}" x2="{end:.1f}" y2="{middle}"/>'
        rows.append(line + _bar(number, times.step, times.median * scale, figure, end))
    note = '<p class="soft">Bar: median. Line: to the time that the slowest tenth of the cards exceeds.</p>'
    return _figure(rows) + note


def bar_chart(counts: Sequence[tuple[str, int]]) -> str:
    """A bar for each name, on one scale, with its figure."""
    scale = _BAR_WIDTH / (max((count for _, count in counts), default=0) or 1)
    rows = [_bar(number, name, count * scale, str(count), 0.0) for number, (name, count) in enumerate(counts)]
    return _figure(rows)


def _bar(number: int, name: str, width: float, figure: str, line_end: float) -> str:
    y = number * _ROW
    after = max(_LABEL + width, line_end) + 8
    return (
        f'<text x="{_LABEL - 8}" y="{y + _TEXT}" text-anchor="end">{escape(name)}</text>'
        f'<rect x="{_LABEL}" y="{y}" width="{max(1.0, width):.1f}" height="{_BAR_HEIGHT}" rx="3"/>'
        f'<text class="figure" x="{after:.1f}" y="{y + _TEXT}">{escape(figure)}</text>'
    )


def _figure(rows: Sequence[str]) -> str:
    width, height = _LABEL + _BAR_WIDTH + _FIGURE, max(1, len(rows)) * _ROW
    opening = f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
    return f"<figure>{opening}{''.join(rows)}</svg></figure>"


def _unfinished(report: RunReport) -> Iterable[str]:
    waiting = [line for line in report.cards if line.card.reason is not None]
    if waiting:
        yield "<h2>Cards that are not finished</h2>"
        yield table(
            ("holder", "serial number", "reason", "what happened", "what to do"),
            [
                (line.card.holder, line.card.serial, line.card.reason or "", line.card.detail or "", line.advice)
                for line in waiting
            ],
        )
    if report.refused:
        yield "<h2>Cards that were not taken</h2>"
        yield table(
            ("reader", "serial number", "reason", "what to do"),
            [(each.reader, each.serial, each.reason, refusal_advice(each)) for each in report.refused],
        )
    if report.revocations:
        yield "<h2>Certificates to revoke</h2>"
        yield table(
            ("issuer", "serial number", "subject", "why"),
            [
                (each.issuer or "", each.serial or "", each.subject or "", each.revoke or "")
                for each in report.revocations
            ],
        )


def _cards(report: RunReport) -> Iterable[str]:
    yield "<h2>Cards</h2>"
    shown = report.cards[:_MOST_CARDS]
    yield table(
        ("holder", "serial number", "kind", "state", "APDUs", "time"),
        [
            (
                line.card.holder,
                line.card.serial,
                line.card.profile,
                line.card.state.value,
                str(line.apdus),
                duration(line.seconds),
            )
            for line in shown
        ],
        numbers=(4, 5),
    )
    if len(shown) < len(report.cards):
        yield f'<p class="soft">{len(report.cards) - len(shown)} more cards stand in the CSV.</p>'


def duration(seconds: float | None) -> str:
    """A time that a person can read: `12 ms`, `1.5 s`, `2:05`."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 100 else f"{int(seconds) // 60}:{int(seconds) % 60:02}"
