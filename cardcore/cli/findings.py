"""What is wrong or doubtful in a file that people write, as text with the line it is about, and as data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cardcore.profile.check import Finding


def document(finding: Finding) -> dict[str, object]:
    """A finding as data; line and column count from 1, 0 is unknown."""
    return {
        "severity": finding.severity.value,
        "message": finding.message,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "hint": finding.hint,
    }


def lines(finding: Finding) -> list[str]:
    """A finding for people: what it is, where, the line with a mark, what to do."""
    from cardcore.profile.check import caret

    where = f"{finding.file}:{finding.line}:{finding.column}: " if finding.line else f"{finding.file}: "
    found = [f"{where}{finding.severity}: {finding.message}"]
    path = Path(finding.file)
    if finding.line and path.is_file():
        found += caret(finding, path.read_text(encoding="utf-8", errors="replace")).splitlines()
    return found + ([f"  {finding.hint}"] if finding.hint else [])
