"""Runs command lines one after the other in one process, which finds its PC/SC service once.

Each line on stdin is a JSON list: the arguments of `cardcore`, or `["wait", READER, STATE]` to wait until the reader
has a card that answers (`present`) or none (`empty`). Each answer is a line too: exit status, stdout, stderr.
"""

from __future__ import annotations

import io
import json
import sys
import time

from cardcore.cli.root import run
from cardcore.errors import TransportError
from cardcore.transport import pcsc

PATIENCE = 10.0


def ended(arguments: list[str]) -> list[object]:
    """Run one command line, and keep what it says."""
    kept = sys.stdout, sys.stderr
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    sys.stdout, sys.stderr = out, err
    try:
        status = run(arguments)
    finally:
        sys.stdout, sys.stderr = kept
    said = []
    for stream in (out, err):
        stream.flush()
        said.append(stream.buffer.getvalue().decode())
    return [status, *said]


def wait(reader: str, state: str) -> list[object]:
    """Wait until the reader is as it should be."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = {entry.name: entry for entry in pcsc.list_readers()}.get(reader)
        if found is not None and bool(found.atr) == (state == "present") and connects(reader):
            return [0, "", ""]
        time.sleep(0.005)
    return [1, "", f"{reader} did not become {state}"]


def connects(reader: str) -> bool:
    """Whether the reader can be spoken to."""
    try:
        pcsc.control_reader(reader, 0x42000D48)
    except TransportError:
        return False
    return True


if __name__ == "__main__":
    for line in sys.stdin:
        words = json.loads(line)
        print(json.dumps(wait(*words[1:]) if words[0] == "wait" else ended(words)), flush=True)
