"""The provider: one per agent, a session per client process, and in it the 25 functions by their documented names."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from csp_frontend.algorithms import Policy
from csp_frontend.callers import ClientInfo
from csp_frontend.calls import BY_NAME, Answer, Argument, Output
from csp_frontend.card_keys import CardKeys
from csp_frontend.configuration import Configuration
from csp_frontend.constants import Acquire, Code, Pp
from csp_frontend.contexts import Context, Finder, check_flags
from csp_frontend.entry import Entry, entry
from csp_frontend.errors import CspError, require_flags
from csp_frontend.exchange import Exchange
from csp_frontend.handles import MAX_HANDLES, Handles, Key
from csp_frontend.hashes import HashObject
from csp_frontend.hashing import Hashing
from csp_frontend.key_parameters import KeyParameters
from csp_frontend.names import NameBook
from csp_frontend.parameters import ProviderParameters, answer, number
from csp_frontend.pin_needs import PinOwner
from csp_frontend.pins import PinKeeper
from csp_frontend.prompts import PinDialog
from csp_frontend.randomness import random_bytes
from csp_frontend.session_keys import SessionKey
from csp_frontend.tokens import Readers, TokenPool


class Provider:
    """Everything that clients share: cards, the person's dialog, configuration. It may be used by many threads.

    `names_file` keeps the names that programs give to new containers on cards that have no place for names.
    """

    def __init__(
        self,
        configuration: Configuration,
        dialog: PinDialog,
        *,
        readers: Readers | None = None,
        names_file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        max_handles: int = MAX_HANDLES,
    ) -> None:
        self.configuration = configuration
        self.dialog = dialog
        self.pool = TokenPool(readers)
        self.policy = Policy(configuration.forbidden)
        self.names = NameBook(names_file)
        self.finder = Finder(self.pool, self.names, configuration.default_container)
        self.keeper = PinKeeper(configuration, dialog, clock)
        self.max_handles = max_handles
        self._lock = threading.Lock()
        self._sessions: set[ClientSession] = set()

    def client(self, info: ClientInfo) -> ClientSession:
        """A session for one client process; close it with the process's last connection."""
        session = ClientSession(self, info)
        with self._lock:
            self._sessions.add(session)
        return session

    def forget(self, session: ClientSession) -> None:
        """A session was closed."""
        with self._lock:
            self._sessions.discard(session)

    def close(self) -> None:
        """Give all cards back, logged out; sessions that are still open get errors from then on."""
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.close()
        self.pool.close()


class ClientSession:
    """One client process: its handles, its PINs, its last errors.

    Each CP function takes what `calls.CALLS` lists as its inputs, in that order, and raises CspError. Handles mean
    nothing in other sessions. Calls may come from many threads; only those that need the same card, or ask the person,
    wait for each other.
    """

    def __init__(self, provider: Provider, info: ClientInfo) -> None:
        self.info = info
        self.entry = Entry()
        self.owner = PinOwner(info)
        self.handles = Handles(provider.max_handles)
        self._provider = provider
        self._finder = provider.finder
        policy = provider.policy
        self._card_keys = CardKeys(self.owner, provider.finder, provider.keeper, provider.names, policy)
        self._hashing = Hashing(self._card_keys, policy)
        self._exchange = Exchange(self._card_keys, policy)
        self._key_parameters = KeyParameters(self._card_keys)
        self._parameters = ProviderParameters(provider.finder, policy)

    def close(self) -> None:
        """The process has gone: free its handles, wipe its PINs, end what they unlocked. May be called twice."""
        self.entry.closed = True
        for handle in self.handles.contexts():
            self.handles.remove(handle)
        self.owner.close()
        self._provider.forget(self)
        for token in self._provider.pool.opened():
            token.let_go(self.owner)

    def call(self, name: str, arguments: Sequence[Argument], *, thread: int | None = None) -> Answer:
        """Call a function by its name; `thread` is the client's thread, for PP_NX_LAST_ERROR. CspError as the function.

        The arguments have been checked against the kinds in `calls`: their number and types are right.
        """
        if name not in BY_NAME:
            raise CspError(Code.ERROR_INVALID_PARAMETER, f"there is no function {name}")
        with self.entry.on_behalf(thread):
            answered: Answer = getattr(self, name)(*arguments)
        return answered

    def _hash_and_context(self, context: int, handle: int) -> tuple[HashObject, Context]:
        opened = self.handles.context(context)
        return self.handles.hash(opened, handle), opened

    def _key_and_context(self, context: int, handle: int) -> tuple[Key, Context]:
        opened = self.handles.context(context)
        return self.handles.key(opened, handle), opened

    # Connection

    @entry
    def CPAcquireContext(self, container: str | None, flags: int, window: int = 0) -> int:
        """Open a container, make one (CRYPT_NEWKEYSET) or delete one (CRYPT_DELETEKEYSET: the answer is 0)."""
        check_flags(flags)
        if flags & Acquire.CRYPT_DELETEKEYSET and not flags & Acquire.CRYPT_VERIFYCONTEXT:
            found, token = self._finder.to_delete(container)
            self._card_keys.delete(Context(flags, window), found, token)
            return 0
        context = self._finder.open(container, flags, window)
        return self.handles.add(context, context)

    @entry
    def CPReleaseContext(self, context: int, flags: int) -> None:
        """Close a context and everything made in it, with flags too, though these are an error."""
        self.handles.context(context)
        self.handles.remove(context)
        require_flags(flags)

    def CPGetProvParam(self, context: int, parameter: int, room: int | None, flags: int) -> Output:
        """Read a parameter of the provider. Reading PP_NX_LAST_ERROR leaves it as it is."""
        if parameter == Pp.PP_NX_LAST_ERROR and not self.entry.closed:
            self.handles.context(context)
            require_flags(flags)
            return answer(number(self.entry.last), room)
        return self._get_parameter(context, parameter, room, flags)

    @entry
    def _get_parameter(self, context: int, parameter: int, room: int | None, flags: int) -> Output:
        return self._parameters.get(self.handles.context(context), parameter, room, flags)

    @entry
    def CPSetProvParam(self, context: int, parameter: int, data: bytes | None, flags: int) -> None:
        """Set a parameter of the provider for this context."""
        self._parameters.set(self.handles.context(context), parameter, data, flags)

    @entry
    def CPGenRandom(self, context: int, length: int, seed: bytes = b"") -> bytes:
        """Random bytes; `seed` is what the program adds."""
        return random_bytes(self.handles.context(context), self._finder, length, seed)

    # Keys

    @entry
    def CPGenKey(self, context: int, algorithm: int, flags: int) -> int:
        """Make a session key, or a key pair on the card; its size in bits is in the flags' upper half."""
        opened = self.handles.context(context)
        return self.handles.add(opened, self._exchange.generate(opened, algorithm, flags))

    @entry
    def CPDeriveKey(self, context: int, algorithm: int, base: int, flags: int) -> int:
        """Make a session key out of a hash."""
        hashed, opened = self._hash_and_context(context, base)
        return self.handles.add(opened, self._exchange.derive(algorithm, hashed, flags))

    @entry
    def CPGetUserKey(self, context: int, key_spec: int) -> int:
        """The key pair of the container."""
        opened = self.handles.context(context)
        return self.handles.add(opened, self._card_keys.user_key(opened, key_spec))

    @entry
    def CPDestroyKey(self, context: int, key: int) -> None:
        """Free a key's handle; what is on a card stays there."""
        self._key_and_context(context, key)
        self.handles.remove(key)

    @entry
    def CPDuplicateKey(self, context: int, key: int, reserved: int, flags: int) -> int:
        """A key in the same state, with a handle of its own."""
        found, opened = self._key_and_context(context, key)
        _require_nothing(reserved, flags)
        return self.handles.add(opened, found.copy() if isinstance(found, SessionKey) else found)

    @entry
    def CPGetKeyParam(self, context: int, key: int, parameter: int, room: int | None, flags: int) -> Output:
        """Read a parameter of a key, its certificate among them."""
        found, opened = self._key_and_context(context, key)
        return self._key_parameters.get(opened, found, parameter, room, flags)

    @entry
    def CPSetKeyParam(self, context: int, key: int, parameter: int, data: bytes | None, flags: int) -> None:
        """Set a parameter of a key; KP_CERTIFICATE writes to the card."""
        found, opened = self._key_and_context(context, key)
        self._key_parameters.set(opened, found, parameter, data, flags)

    @entry
    def CPExportKey(
        self, context: int, key: int, public_key: int, blob_type: int, flags: int, room: int | None
    ) -> Output:
        """Export a key as a blob, encrypted for another key or not."""
        found, opened = self._key_and_context(context, key)
        wrapping = self.handles.public_key(opened, public_key) if public_key else None
        return self._exchange.export(found, wrapping, blob_type, flags, room)

    @entry
    def CPImportKey(self, context: int, data: bytes, public_key: int, flags: int) -> int:
        """Import a key from a blob; a private key goes to the card."""
        opened = self.handles.context(context)
        wrapping = self.handles.key(opened, public_key) if public_key else None
        return self.handles.add(opened, self._exchange.import_key(opened, data, wrapping, flags))

    # Encryption

    @entry
    def CPEncrypt(
        self, context: int, key: int, hash: int, final: bool, flags: int, data: bytes | None, length: int, room: int
    ) -> Output:
        """Encrypt with a session key or a public key."""
        found, opened = self._key_and_context(context, key)
        hashed = self.handles.hash(opened, hash) if hash else None
        _require_length(data, length)
        return self._exchange.encrypt(found, hashed, data, final=bool(final), flags=flags, length=length, room=room)

    @entry
    def CPDecrypt(
        self, context: int, key: int, hash: int, final: bool, flags: int, data: bytes | None, length: int
    ) -> Output:
        """Decrypt with a session key, or with the card's key."""
        found, opened = self._key_and_context(context, key)
        hashed = self.handles.hash(opened, hash) if hash else None
        _require_length(data, length)
        return self._exchange.decrypt(opened, found, hashed, data, final=bool(final), flags=flags, length=length)

    # Hashes and signatures

    @entry
    def CPCreateHash(self, context: int, algorithm: int, key: int, flags: int) -> int:
        """Begin a hash; HMAC and MAC have a session key."""
        opened = self.handles.context(context)
        with_key = self.handles.session_key(opened, key) if key else None
        return self.handles.add(opened, self._hashing.create(algorithm, with_key, flags))

    @entry
    def CPDestroyHash(self, context: int, hash: int) -> None:
        """Free a hash."""
        self._hash_and_context(context, hash)
        self.handles.remove(hash)

    @entry
    def CPDuplicateHash(self, context: int, hash: int, reserved: int, flags: int) -> int:
        """A hash in the same state that goes its own way."""
        hashed, opened = self._hash_and_context(context, hash)
        _require_nothing(reserved, flags)
        return self.handles.add(opened, hashed.copy())

    @entry
    def CPHashData(self, context: int, hash: int, data: bytes, flags: int) -> None:
        """Hash data; CRYPT_USERDATA is not supported."""
        hashed, _ = self._hash_and_context(context, hash)
        require_flags(flags)
        hashed.update(data)

    @entry
    def CPHashSessionKey(self, context: int, hash: int, key: int, flags: int) -> None:
        """Hash a session key."""
        hashed, opened = self._hash_and_context(context, hash)
        self._hashing.session_key(hashed, self.handles.session_key(opened, key), flags)

    @entry
    def CPGetHashParam(self, context: int, hash: int, parameter: int, room: int | None, flags: int) -> Output:
        """Read a parameter of a hash; reading its value finishes it."""
        hashed, _ = self._hash_and_context(context, hash)
        return self._hashing.get(hashed, parameter, room, flags)

    @entry
    def CPSetHashParam(self, context: int, hash: int, parameter: int, data: bytes | None, flags: int) -> None:
        """Set the value of a hash, or what an HMAC is made of."""
        hashed, _ = self._hash_and_context(context, hash)
        self._hashing.set(hashed, parameter, data, flags)

    @entry
    def CPSignHash(
        self, context: int, hash: int, key_spec: int, description: str | None, flags: int, room: int | None
    ) -> Output:
        """Sign a hash with the card's key; with CRYPT_NOHASHOID without the hash's OID."""
        hashed, opened = self._hash_and_context(context, hash)
        return self._hashing.sign(opened, hashed, key_spec, description, flags, room)

    @entry
    def CPVerifySignature(
        self, context: int, hash: int, signature: bytes, public_key: int, description: str | None, flags: int
    ) -> None:
        """Verify a signature with a public key; NTE_BAD_SIGNATURE."""
        hashed, opened = self._hash_and_context(context, hash)
        key = self.handles.public_key(opened, public_key)
        self._hashing.verify(hashed, signature, key, description, flags)


def _require_nothing(reserved: int, flags: int) -> None:
    """NTE_BAD_FLAGS for flags where there are none, ERROR_INVALID_PARAMETER for a pointer where NULL has to be."""
    if reserved:
        raise CspError(Code.ERROR_INVALID_PARAMETER, "the reserved parameter has to be NULL")
    require_flags(flags)


def _require_length(data: bytes | None, length: int) -> None:
    if data is not None and len(data) != length:
        raise CspError(Code.ERROR_INVALID_PARAMETER, f"{len(data)} bytes of data where {length} were announced")
