"""The `cardcore` command.

Modules of this package import nothing heavy when they are loaded: what a command needs of the library it imports when
it runs, so that help and completion answer at once.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (None: that of the process) and return its exit status."""
    from cardcore.cli.root import run

    return run(arguments)
