"""What a process has in its memory, to be searched for what should not be there."""

from __future__ import annotations

from pathlib import Path


def memory(process: int) -> bytes:
    """Everything that the process can write to: its heap, stacks and buffers."""
    found = []
    maps = Path(f"/proc/{process}/maps").read_text(encoding="ascii")
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as whole:
        for line in maps.splitlines():
            span, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            start, end = (int(address, 16) for address in span.split("-"))
            whole.seek(start)
            found.append(whole.read(end - start))
    return b"\n\n".join(found)
