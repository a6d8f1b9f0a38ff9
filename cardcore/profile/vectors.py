"""Which operations of which profiles have vectors: expected commands, kept as JSON beside the tests."""

from __future__ import annotations

import json
from pathlib import Path

from cardcore.errors import InputError


def covered(folder: Path) -> dict[str, set[str]]:
    """The operations with vectors by the profile's id, from every JSON file in the folder and those below it.

    A file holds `{"vectors": [{"card": id, "operation": name, ...}, ...]}`; where `card` is left out, the folder is
    named by it. Files and entries of other forms are for other tests. InputError for a file that is not JSON.
    """
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*.json")):
        for vector in _entries(path):
            if isinstance(vector, dict) and "operation" in vector:
                found.setdefault(str(vector.get("card", path.parent.name)), set()).add(str(vector["operation"]))
    return found


def _entries(path: Path) -> list[object]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON") from error
    entries = document.get("vectors") if isinstance(document, dict) else None
    return entries if isinstance(entries, list) else []
