"""Readers as the agent asks for them, many times a second: nothing is begun anew that can last."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from cardcore import CardError, ReaderList, SoftCardStore
from csp_frontend.tokens import SOFT, SeenReader, SystemReaders

LOG = logging.getLogger("csp_frontend.readers")
_Stamp = tuple[int, int, int]


class LastingReaders(SystemReaders):
    """The readers of the system and the user's software cards, as `SystemReaders`, and as fresh: it is asked faster."""

    def __init__(self) -> None:
        self._hardware = ReaderList()
        self._software = _SoftCards()

    def seen(self) -> list[SeenReader]:
        """All readers as they are now."""
        return [*self._connected(), *self._software.seen()]

    def close(self) -> None:
        """Give the context with the service back."""
        self._hardware.close()

    def _connected(self) -> list[SeenReader]:
        try:
            states = self._hardware.now()
        except CardError as error:
            LOG.debug("no readers: %s", error)
            return []
        return [
            SeenReader(name=state.name, present=state.present and not state.mute, stamp=(state.events, state.atr))
            for state in states
        ]


class _SoftCards:
    """The software cards; their files are read again when one of them is not as it was."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[Path, _Stamp] = {}
        self._seen: list[SeenReader] = []

    def seen(self) -> list[SeenReader]:
        """The cards as readers."""
        with self._lock:
            try:
                store = SoftCardStore()
                files = {path: _stamp(path) for path in store.directory.glob("*.json")}
                if files != self._files:
                    self._seen = [
                        SeenReader(name=SOFT + card.name, present=True, hardware=False, stamp=card.serial)
                        for card in store.list()
                        if not card.damage
                    ]
                    self._files = files
            except (CardError, OSError) as error:
                LOG.warning("no software cards: %s", error)
                self._files, self._seen = {}, []
            return list(self._seen)


def _stamp(path: Path) -> _Stamp:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size
