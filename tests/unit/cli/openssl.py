"""What OpenSSL, as other people's software, says of our results."""

from __future__ import annotations

import subprocess
from pathlib import Path


def openssl(*arguments: str | Path, stdin: bytes = b"") -> bytes:
    """Run openssl; its stdout. CalledProcessError if it is not content."""
    return subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True, check=True).stdout
