"""A report as one HTML page that needs nothing else: no scripts, no fonts, no other files."""

from __future__ import annotations

from html import escape
from itertools import groupby

from cardcore.conformance.report import Outcome, Report, Step

_CLASSES = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "failed",
    Outcome.REFUSED: "refused",
    Outcome.LEFT_OUT: "left",
}
_LEGEND = (
    "<b>passed</b>: the result was verified in software. <b>refused</b>: the card cannot do this, and says so before "
    "anything is signed or spoilt. <b>left out</b>: not tried, for the reason given."
)
_STYLE = """
:root { --ink: #1c2430; --soft: #5d6b7e; --line: #e2e7ee; --page: #f5f7fa; --card: #fff;
  --passed: #1a7f4b; --failed: #c62839; --refused: #8a6100; --left: #667085; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf4; --soft: #9aa8ba; --line: #2c3644; --page: #12171e;
  --card: #1a212b; --passed: #4cc38a; --failed: #ff7a85; --refused: #e3b04b; --left: #98a2b3; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { margin: 0; font-size: 1.75rem; letter-spacing: -.01em; } h2 { margin: 2.25rem 0 .5rem; font-size: 1.05rem; }
.verdict { display: inline-block; margin: .75rem 0 1.5rem; padding: .3rem .9rem; border-radius: 2rem;
  font-weight: 600; }
.verdict.passed { background: #1a7f4b; color: #fff; } .verdict.failed { background: #c62839; color: #fff; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .75rem; margin-bottom: 1rem; }
.tile, table, dl { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
.tile { padding: .75rem 1rem; } .tile b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.tile span, dt, th, .soft { color: var(--soft); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 0; padding: 1rem; }
dd { margin: 0; overflow-wrap: anywhere; }
table { width: 100%; table-layout: fixed; border-collapse: separate; border-spacing: 0; overflow: hidden; }
th:nth-child(1) { width: 34%; } th:nth-child(2) { width: 6rem; } th.n { width: 5rem; } td { overflow-wrap: break-word; }
th { text-align: left; font-weight: 500; font-size: .85rem; } td, th { padding: .4rem .9rem; vertical-align: top; }
tr + tr td { border-top: 1px solid var(--line); } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.passed { color: var(--passed); } .failed { color: var(--failed); font-weight: 600; }
.refused { color: var(--refused); }
.left { color: var(--left); }
ul.operations { display: flex; flex-wrap: wrap; gap: .4rem; margin: 0; padding: 0; list-style: none; }
ul.operations li { padding: .1rem .6rem; border: 1px solid var(--line); border-radius: 1rem; background: var(--card);
  font: .85rem ui-monospace, monospace; } ul.operations li.left { border-style: dashed; }
@media print { body { background: #fff; } main { padding: 0; } tr, .tile { break-inside: avoid; } }
"""


def page(report: Report) -> str:
    """The report as HTML; whatever the card or the profile said is escaped."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(report.name)}: conformance</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>",
            f"<h1>{escape(report.name)}</h1>",
            _verdict(report),
            _tiles(report),
            _facts(report),
            *(_group(name, list(steps)) for name, steps in groupby(report.steps, lambda step: step.group)),
            _operations(report),
            f'<p class="soft">{_LEGEND}</p>',
            "</main>\n</body>\n</html>\n",
        ]
    )


def _verdict(report: Report) -> str:
    if report.passed:
        return '<div class="verdict passed">The card does what its profile says</div>'
    failed = report.count(Outcome.FAILED)
    return f'<div class="verdict failed">{failed} {"step" if failed == 1 else "steps"} failed</div>'


def _tiles(report: Report) -> str:
    tiles = [(str(report.count(outcome)), outcome.value) for outcome in Outcome]
    tiles += [(str(report.commands), "APDUs"), (f"{report.seconds:.1f} s", "in all")]
    inner = "".join(f'<div class="tile"><b>{escape(value)}</b><span>{name}</span></div>' for value, name in tiles)
    return f'<div class="tiles">{inner}</div>'


def _facts(report: Report) -> str:
    kind = "keys, certificates and PINs changed" if report.destructive else "nothing on the card was changed"
    facts = {
        "profile": report.profile,
        "evidence so far": report.verified,
        "reader": report.reader,
        "ATR": report.atr,
        "serial number": report.serial or "none",
        "run": f"{report.started}, {kind}",
    }
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{escape(value)}</dd>' for name, value in facts.items())}</dl>"


def _group(name: str, steps: list[Step]) -> str:
    head = '<tr><th>step</th><th>result</th><th></th><th class="n">APDUs</th><th class="n">ms</th></tr>'
    return f"<h2>{escape(name)}</h2>\n<table>{head}\n{''.join(map(_row, steps))}</table>"


def _row(step: Step) -> str:
    tried = step.outcome in (Outcome.PASSED, Outcome.FAILED)
    commands, time = (str(step.commands), f"{step.milliseconds:.0f}") if tried else ("", "")
    return (
        f'<tr><td>{escape(step.name)}</td><td class="{_CLASSES[step.outcome]}">{step.outcome.value}</td>'
        f'<td class="soft">{escape(step.detail)}</td><td class="n">{commands}</td><td class="n">{time}</td></tr>\n'
    )


def _operations(report: Report) -> str:
    items = "".join(
        f'<li class="{"passed" if ran else "left"}" title="{"run" if ran else "not run"}">{escape(name)}</li>'
        for name, ran in report.operations.items()
    )
    ran = sum(report.operations.values())
    title = f"Operations of the profile: {ran} of {len(report.operations)} run"
    return f'<h2>{title}</h2>\n<ul class="operations">{items}</ul>'
