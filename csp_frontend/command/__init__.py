"""The `personal-csp` command: run the agent, look at it, call its functions. Help imports nothing heavy."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (None: that of the process) and return its exit status."""
    from csp_frontend.command.root import run

    return run(arguments)
