"""Who calls: a client process as it is shown to the person and named in the log."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientInfo:
    """A process by its number and its program's name.

    `checked` says that both are the system's word, not the process's own; `claimed` is what it calls itself where that
    differs.
    """

    pid: int = 0
    program: str = ""
    checked: bool = False
    claimed: str = ""
