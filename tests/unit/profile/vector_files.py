"""Files of vectors, as authors of profiles write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write(folder: Path, *entries: dict[str, Any]) -> Path:
    """A file with these vectors in the folder, which is returned."""
    (folder / "x.json").write_text(json.dumps({"vectors": entries}), encoding="utf-8")
    return folder
