"""Handles of one client process: numbers for contexts, keys and hashes that mean nothing to other processes."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass

from csp_frontend.constants import Alg, Code
from csp_frontend.containers import ALGORITHMS, Container
from csp_frontend.contexts import Context
from csp_frontend.errors import CspError
from csp_frontend.hashes import HashObject
from csp_frontend.rsa_keys import PublicKey
from csp_frontend.session_keys import SessionKey

_BITS = 31
MAX_HANDLES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class UserKey:
    """A key pair on a card, and the public half of it that software uses."""

    container: Container
    public: PublicKey

    @property
    def algorithm(self) -> Alg:
        """CALG_RSA_KEYX or CALG_RSA_SIGN."""
        return ALGORITHMS[self.container.key_spec]


Key = UserKey | PublicKey | SessionKey


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    context: Context
    thing: Context | Key | HashObject


class Handles:
    """The handles of one process. NTE_NO_MEMORY when there are too many."""

    def __init__(self, most: int = MAX_HANDLES) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._entries: dict[int, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, context: Context, thing: Context | Key | HashObject) -> int:
        """A new handle; the context is the one that the thing is made in, for a context itself."""
        with self._lock:
            if len(self._entries) >= self._most:
                raise CspError(Code.NTE_NO_MEMORY, f"{self._most} handles are in use")
            if context.closed:
                raise CspError(Code.NTE_BAD_UID, "the context was released meanwhile")
            number = 0
            while not number or number in self._entries:
                number = secrets.randbits(_BITS)
            self._entries[number] = _Entry(context=context, thing=thing)
            return number

    def context(self, handle: int) -> Context:
        """The context; NTE_BAD_UID if it is none."""
        entry = self._entries.get(handle)
        if entry is None or not isinstance(entry.thing, Context):
            raise CspError(Code.NTE_BAD_UID, f"{handle:#x} is no context")
        return entry.thing

    def key(self, context: Context, handle: int) -> Key:
        """The key of this context; NTE_BAD_KEY if it is none."""
        entry = self._entries.get(handle)
        if entry is None or entry.context is not context or not isinstance(entry.thing, Key):
            raise CspError(Code.NTE_BAD_KEY, f"{handle:#x} is no key of this context")
        return entry.thing

    def session_key(self, context: Context, handle: int) -> SessionKey:
        """The session key; NTE_BAD_KEY if it is none."""
        found = self.key(context, handle)
        if not isinstance(found, SessionKey):
            raise CspError(Code.NTE_BAD_KEY, f"{handle:#x} is no session key")
        return found

    def public_key(self, context: Context, handle: int) -> PublicKey:
        """The public key, or the public half of a pair; NTE_BAD_KEY if it is none."""
        found = self.key(context, handle)
        if isinstance(found, SessionKey):
            raise CspError(Code.NTE_BAD_KEY, f"{handle:#x} is no public key")
        return found.public if isinstance(found, UserKey) else found

    def hash(self, context: Context, handle: int) -> HashObject:
        """The hash of this context; NTE_BAD_HASH if it is none."""
        entry = self._entries.get(handle)
        if entry is None or entry.context is not context or not isinstance(entry.thing, HashObject):
            raise CspError(Code.NTE_BAD_HASH, f"{handle:#x} is no hash of this context")
        return entry.thing

    def remove(self, handle: int) -> None:
        """Free a key or hash, or a context with everything made in it."""
        with self._lock:
            entry = self._entries.pop(handle, None)
            if entry is None or entry.thing is not entry.context:
                return
            for number in [number for number, other in self._entries.items() if other.context is entry.context]:
                del self._entries[number]
        entry.context.close()

    def contexts(self) -> list[int]:
        """The handles of all contexts."""
        with self._lock:
            return [number for number, entry in self._entries.items() if entry.thing is entry.context]
