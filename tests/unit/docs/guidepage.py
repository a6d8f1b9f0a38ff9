"""The author's guide as somebody reads it who does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"
GUIDE = (DOCS / "profile-authors.md").read_text(encoding="utf-8")
PROFILE = "larkspur.yaml"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", GUIDE, re.M | re.S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Somebody who does what the page says, in a folder of theirs."""

    folder: Path

    def put(self, text: str) -> None:
        """Let the sections in a YAML block take the place of those in the file, comments before them staying."""
        path = self.folder / PROFILE
        for name, body in sections(text).items():
            there = path.read_text(encoding="utf-8")
            old = sections(there).get(name)
            changed = there.replace(old, body) if old is not None else f"{there}\n{body}"
            path.write_text(changed, encoding="utf-8")

    def write_profile(self) -> Path:
        """Do only what makes the profile, and return its file."""
        self.run(next(block for language, block in BLOCKS if language == "sh" and "profile new" in block), fails=False)
        for language, block in BLOCKS:
            if language == "yaml":
                self.put(block)
        return self.folder / PROFILE

    def run(self, block: str, *, fails: bool) -> str:
        """Run a shell block, which keeps what those before it exported; what it printed."""
        script = f"set -e\n[ ! -f ../exported ] || . ../exported\n{block}\nexport -p > ../exported\n"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CARDCORE_")},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "CARDCORE_SOFT_DIR": str(self.folder.parent / "soft"),
        }
        ended = subprocess.run(
            ["bash", "-c", script if not fails else script.replace("set -e\n", "")],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert fails or ended.returncode == 0, ended.stdout
        return ended.stdout


def sections(text: str) -> dict[str, str]:
    """The top-level sections of a profile, each from its key to the next key, comment or blank line in column 1."""
    found = re.findall(r"^([a-z]+):(.*(?:\n(?:[ ].*)?(?=\n|\Z))*)", text, re.M)
    return {name: f"{name}:{rest}".rstrip("\n") for name, rest in found}
