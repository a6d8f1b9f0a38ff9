"""The `cardcore` command.

Modules of this package import nothing heavy when they are loaded: what a command needs of the library it imports when
it runs, so that help and completion answer at once.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

from cardcore.cli.signals import end_in_order
from cardcore.secret import forbid_core_dumps

_PATIENCE = 50_000
"""So many new objects make the collector look for garbage. Loading makes as many and hardly any of them is garbage."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status; None is that of the process, which ends after it."""
    if arguments is not None:
        return _run(arguments)
    gc.set_threshold(_PATIENCE)
    forbid_core_dumps()
    end_in_order()
    if None in (sys.stdin, sys.stdout, sys.stderr):
        from cardcore.cli.streams import stand_in

        stand_in()
    try:
        return _run(None)
    finally:
        gc.freeze()  # the interpreter looks through all objects once more when it ends, for nothing


def _run(arguments: Sequence[str] | None) -> int:
    from cardcore.cli.root import run

    return run(arguments)
