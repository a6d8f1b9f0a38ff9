"""Holds the modules on which everything else stands to full branch coverage, by the report of `coverage json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

# Patterns below the top of the tree; one that matches no file asks for nothing.
FULLY_COVERED = (
    "cardcore/tlv.py",
    "cardcore/apdu.py",
    "cardcore/pin.py",
    "cardcore/padding.py",
    "cardcore/profile/*.py",
    "cardcore/pinpad/*.py",
    "cardcore/sources.py",
    "cardcore/personalise/templates.py",
    "cardcore/personalise/plan.py",
    "cardcore/personalise/plan_*.py",
    "cardcore/personalise/*_reading.py",
    "cardcore/personalise/csv_records.py",
    "cardcore/personalise/sql_records.py",
    "cardcore/personalise/holders.py",
    "cardcore/personalise/card_secrets.py",
    "cardcore/personalise/derivation.py",
    "cardcore/personalise/pin_policy.py",
    "cardcore/personalise/object_contents.py",
    "cardcore/personalise/envelope.py",
    "cardcore/personalise/letter*.py",
    "csp_frontend/blobs.py",
    "csp_frontend/wire.py",
)


def gaps(root: Path, measured: Mapping[str, Any], patterns: Sequence[str] = FULLY_COVERED) -> Iterator[str]:
    """Yield one message for each file below `root` that matches a pattern and was not run in full.

    `measured` is the member `files` of the report.
    """
    for path in sorted({path for pattern in patterns for path in root.glob(pattern)}):
        name = path.relative_to(root).as_posix()
        if name not in measured:
            yield f"{name}: not measured at all: never imported, or no __init__.py beside it"
            continue
        lines = measured[name]["missing_lines"]
        branches = [
            f"{start}->{'exit' if end < 0 else end}"
            for start, end in measured[name]["missing_branches"]
            if start not in lines
        ]
        if lines:
            yield f"{name}: never run: line {_ranges(lines)}"
        if branches:
            yield f"{name}: never taken: branch {', '.join(branches)}"


def _ranges(lines: Sequence[int]) -> str:
    runs: list[list[int]] = []
    for line in sorted(lines):
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def main(arguments: Sequence[str]) -> int:
    """Print what is missing by the report that `arguments` name: 0 if nothing is, 1 if something, 2 if unread."""
    report = Path(*arguments[:1]) if arguments else Path("coverage.json")
    if not report.is_file():
        print(f"{report} is missing: the tests left no coverage report", file=sys.stderr)
        return 2
    content = json.loads(report.read_text(encoding="utf-8"))
    if not content["meta"]["branch_coverage"]:
        print(f"{report} knows no branches: measured without them, or nothing was run", file=sys.stderr)
        return 2
    measured = {name.replace("\\", "/"): facts for name, facts in content["files"].items()}
    found = list(gaps(Path.cwd(), measured))
    for message in found:
        print(message)
    print(f"{len(found)} gaps" if found else "full branch coverage where it is asked for")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
