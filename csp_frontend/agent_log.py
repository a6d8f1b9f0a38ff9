"""The agent's log: a file that only the user can read, turned over before it grows, without secrets."""

from __future__ import annotations

import io
import logging
import logging.handlers
import os
from pathlib import Path

from csp_frontend.endpoint import make_directory

FILE_NAME = "agent.log"
MAX_BYTES = 1 << 20
KEPT = 4
_FORM = "%(asctime)s %(levelname)s %(message)s"


class PrivateFileHandler(logging.handlers.RotatingFileHandler):
    """As its base, with files of mode 0600."""

    def _open(self) -> io.TextIOWrapper:
        return open(self.baseFilename, "a", encoding="utf-8", errors="backslashreplace", opener=_private)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def start(path: Path | None, level: str, *, terminal: bool = False) -> logging.Logger:
    """Let the agent's and the library's log through, to a file and, in the foreground, to stderr.

    The library masks secrets in what it says of a card's commands; those are said at level debug only.
    """
    root = logging.getLogger("csp_frontend")
    handlers: list[logging.Handler] = [logging.StreamHandler()] if terminal else []
    if path is not None:
        make_directory(path.parent)
        handlers.append(PrivateFileHandler(path, maxBytes=MAX_BYTES, backupCount=KEPT, encoding="utf-8"))
    for logger in (root, logging.getLogger("cardcore")):
        stop(logger)
        logger.handlers = list(handlers)
        logger.setLevel(level.upper())
        logger.propagate = False
    for handler in handlers:
        handler.setFormatter(logging.Formatter(_FORM))
    return root


def stop(logger: logging.Logger) -> None:
    """Close the handlers."""
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
