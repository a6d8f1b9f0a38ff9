"""HTML pages that need nothing else: no scripts, no fonts, no other files. Whatever is shown is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

_STYLE = """
:root { --ink: #1c2430; --soft: #5d6b7e; --line: #e2e7ee; --page: #f5f7fa; --card: #fff; --bar: #3b6fd4;
  --passed: #1a7f4b; --failed: #c62839; --refused: #8a6100; --left: #667085; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf4; --soft: #9aa8ba; --line: #2c3644; --page: #12171e;
  --card: #1a212b; --bar: #6f9cf0; --passed: #4cc38a; --failed: #ff7a85; --refused: #e3b04b; --left: #98a2b3; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { margin: 0; font-size: 1.75rem; letter-spacing: -.01em; } h2 { margin: 2.25rem 0 .5rem; font-size: 1.05rem; }
.verdict { display: inline-block; margin: .75rem 0 1.5rem; padding: .3rem .9rem; border-radius: 2rem;
  font-weight: 600; }
.verdict.passed { background: #1a7f4b; color: #fff; } .verdict.failed { background: #c62839; color: #fff; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .75rem; margin-bottom: 1rem; }
.tile, table, dl, figure { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
.tile { padding: .75rem 1rem; } .tile b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.tile span, dt, th, .soft { color: var(--soft); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 0; padding: 1rem; }
dd { margin: 0; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: separate; border-spacing: 0; overflow: hidden; }
th { text-align: left; font-weight: 500; font-size: .85rem; }
td, th { padding: .4rem .9rem; vertical-align: top; } th { white-space: nowrap; } td { overflow-wrap: anywhere; }
tr + tr td { border-top: 1px solid var(--line); } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.passed { color: var(--passed); } .failed { color: var(--failed); font-weight: 600; }
.refused { color: var(--refused); }
.left { color: var(--left); }
figure { margin: 0; padding: 1rem; overflow-x: auto; } svg { display: block; max-width: 100%; height: auto; }
svg text { fill: var(--ink); font-size: 12px; } svg .figure { fill: var(--soft); font-size: 11px; }
svg rect { fill: var(--bar); } svg line { stroke: var(--bar); stroke-width: 2; }
@media print { body { background: #fff; } main { padding: 0; } tr, .tile, figure { break-inside: avoid; } }
"""


def document(title: str, parts: Iterable[str], *, style: str = "") -> str:
    """A page with a title and these parts, which are HTML already; `style` is more CSS."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>{_STYLE}{style}</style>\n</head>\n<body>\n<main>",
            f"<h1>{escape(title)}</h1>",
            *parts,
            "</main>\n</body>\n</html>\n",
        ]
    )


def verdict(text: str, *, good: bool) -> str:
    """The result of it all, in a few words."""
    return f'<div class="verdict {"passed" if good else "failed"}">{escape(text)}</div>'


def tiles(figures: Iterable[tuple[str, str]]) -> str:
    """Large figures with a word to each."""
    inner = "".join(
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for value, name in figures
    )
    return f'<div class="tiles">{inner}</div>'


def facts(pairs: Mapping[str, str]) -> str:
    """Names and values."""
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(value)}</dd>' for name, value in pairs.items())}</dl>"


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = ()) -> str:
    """A table of texts; the columns in `numbers` are aligned to the right."""
    kinds = [' class="n"' if column in numbers else "" for column in range(len(headers))]

    def row(tag: str, cells: Sequence[str]) -> str:
        inner = "".join(f"<{tag}{kind}>{escape(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))
        return f"<tr>{inner}</tr>\n"

    return f"<table>{row('th', headers)}{''.join(row('td', cells) for cells in rows)}</table>"
