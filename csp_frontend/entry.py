"""What happens around every function: one kind of error, and the last detailed one of each thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from cardcore import CardError
from csp_frontend.constants import Code, Nx
from csp_frontend.errors import CspError, from_card

P = ParamSpec("P")
R = TypeVar("R")
_MAX_THREADS = 1024


class Entry:
    """The way into one client's functions: ERROR_NX_ codes by the client's thread, and whether it is still there."""

    def __init__(self) -> None:
        self.closed = False
        self._lock = threading.Lock()
        self._last: dict[int, Nx] = {}
        self._local = threading.local()

    @contextmanager
    def on_behalf(self, thread: int | None) -> Iterator[None]:
        """Calls of this thread are those of the client's thread with that number."""
        self._local.thread = thread
        try:
            yield
        finally:
            self._local.thread = None

    @property
    def _thread(self) -> int:
        thread: int | None = getattr(self._local, "thread", None)
        return threading.get_ident() if thread is None else thread

    @property
    def last(self) -> Nx:
        """Why the thread's last call failed with NTE_FAIL."""
        return self._last.get(self._thread, Nx.ERROR_NX_UNDEFINED)

    def reset(self) -> None:
        """A function is called: what went before is over. NTE_BAD_UID when the client has gone."""
        with self._lock:
            self._last.pop(self._thread, None)
        if self.closed:
            raise CspError(Code.NTE_BAD_UID, "the client has gone")

    def note(self, nx: Nx) -> None:
        """The thread's call failed for this reason."""
        if nx is Nx.ERROR_NX_UNDEFINED:
            return
        with self._lock:
            while len(self._last) >= _MAX_THREADS:
                del self._last[next(iter(self._last))]
            self._last[self._thread] = nx


class HasEntry(Protocol):
    """What has functions that are called through an `Entry`."""

    @property
    def entry(self) -> Entry:
        """The way in."""
        ...


S = TypeVar("S", bound=HasEntry)


def entry(function: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Make a method one of the provider's functions: it raises CspError, and tells its thread why."""

    @wraps(function)
    def called(session: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        session.entry.reset()
        try:
            return function(session, *args, **kwargs)
        except CspError as error:
            session.entry.note(error.nx)
            raise
        except CardError as error:
            found = from_card(error)
            session.entry.note(found.nx)
            raise found from error

    return called
