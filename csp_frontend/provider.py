"""The provider: one per agent, a session per client process, and in it the 25 functions by their documented names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from csp_frontend.calls import BY_NAME, Answer, Argument, Output
from csp_frontend.configuration import Configuration
from csp_frontend.constants import Code
from csp_frontend.errors import CspError
from csp_frontend.prompts import PinDialog


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientInfo:
    """Who calls: the process's number, and its program's name for the person and the log."""

    pid: int = 0
    program: str = ""


class Provider:
    """Everything that clients share: cards, the person's dialog, configuration. It may be used by many threads."""

    def __init__(self, configuration: Configuration, dialog: PinDialog) -> None:
        self.configuration = configuration
        self.dialog = dialog

    def client(self, info: ClientInfo) -> ClientSession:
        """A session for one client process; close it with the process's last connection."""
        return ClientSession(self, info)

    def close(self) -> None:
        """Give all cards back, logged out; sessions that are still open get errors from then on."""


class ClientSession:
    """One client process: its handles, its PINs, its last errors.

    Each CP function takes what `calls.CALLS` lists as its inputs, in that order, and raises CspError. Handles mean
    nothing in other sessions. Calls may come from many threads; only those that need the same card, or ask the person,
    wait for each other.
    """

    def __init__(self, provider: Provider, info: ClientInfo) -> None:
        self.provider = provider
        self.info = info

    def close(self) -> None:
        """The process has gone: free its handles, wipe its PINs, end what they unlocked. May be called twice."""

    def call(self, name: str, arguments: Sequence[Argument], *, thread: int | None = None) -> Answer:
        """Call a function by its name; `thread` is the client's thread, for PP_NX_LAST_ERROR. CspError as the function.

        The arguments have been checked against the kinds in `calls`: their number and types are right.
        """
        if name not in BY_NAME:
            raise CspError(Code.ERROR_INVALID_PARAMETER, name)
        answer: Answer = getattr(self, name)(*arguments)
        return answer

    def CPAcquireContext(self, container: str | None, flags: int, window: int = 0) -> int:
        """Open a container, make one or delete one."""
        raise CspError(Code.NTE_NOT_SUPPORTED)

    def CPReleaseContext(self, context: int, flags: int) -> None:
        """Close a context and everything made in it."""

    def CPGetProvParam(self, context: int, parameter: int, room: int | None, flags: int) -> Output:
        """Read a parameter of the provider."""
        raise CspError(Code.NTE_NOT_SUPPORTED)
