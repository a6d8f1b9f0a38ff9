"""Contexts: what a program has opened, and how the name it gave leads to a reader, a card and a key pair."""

from __future__ import annotations

import logging
from dataclasses import replace

from cardcore import CardError, Secret
from cardcore.errors import CardRemoved, NoCard
from csp_frontend.constants import Acquire, Code
from csp_frontend.containers import Container
from csp_frontend.errors import CspError, require_flags
from csp_frontend.names import ContainerName, NameBook, parse
from csp_frontend.tokens import SeenReader, Token, TokenPool

LOG = logging.getLogger("csp_frontend.contexts")
_FLAGS = (
    Acquire.CRYPT_VERIFYCONTEXT
    | Acquire.CRYPT_NEWKEYSET
    | Acquire.CRYPT_DELETEKEYSET
    | Acquire.CRYPT_MACHINE_KEYSET
    | Acquire.CRYPT_SILENT
    | Acquire.CRYPT_DEFAULT_CONTAINER_OPTIONAL
)
_CHANGING = Acquire.CRYPT_NEWKEYSET | Acquire.CRYPT_DELETEKEYSET


class Context:
    """One opened context. `container` is None without a key pair: to verify, for a reader, or for one yet to be made.

    `reader` is empty where no reader was meant; `new_name` is what a program called the container it is going to make.
    `stay` is the card that it has met there: one that takes its place gets neither PIN nor key pair of it. `lists` are
    what the PP_ENUM parameters still have to tell, by parameter.
    """

    def __init__(self, flags: int, window: int) -> None:
        self.silent = bool(flags & Acquire.CRYPT_SILENT)
        self.closed = False
        self.verify_only = flags & Acquire.CRYPT_VERIFYCONTEXT == Acquire.CRYPT_VERIFYCONTEXT
        self.window = window
        self.reader = ""
        self.stay = ""
        self.container: Container | None = None
        self.new_name = ""
        self.pin: Secret | None = None
        self.admin: Secret | None = None
        self.prompt = ""
        self.hardware_random = False
        self.lists: dict[int, list[bytes]] = {}

    def close(self) -> None:
        """Wipe what the program gave; nothing more can be made in the context."""
        self.closed = True
        for secret in (self.pin, self.admin):
            if secret is not None:
                secret.wipe()
        self.pin = self.admin = None


def check_flags(flags: int) -> None:
    """NTE_BAD_FLAGS for flags that do not exist, or do not go together."""
    require_flags(flags, _FLAGS)
    if (flags & Acquire.CRYPT_VERIFYCONTEXT) not in (0, Acquire.CRYPT_VERIFYCONTEXT):
        raise CspError(Code.NTE_BAD_FLAGS, f"flags {flags:#x}")
    chosen = (Acquire.CRYPT_VERIFYCONTEXT, Acquire.CRYPT_NEWKEYSET, Acquire.CRYPT_DELETEKEYSET)
    optional = flags & Acquire.CRYPT_DEFAULT_CONTAINER_OPTIONAL
    if sum(bool(flags & one) for one in chosen) > 1 or (optional and flags & _CHANGING):
        raise CspError(Code.NTE_BAD_FLAGS, f"flags {flags:#x} do not go together")


class Finder:
    """Finds what a container's name means among the cards that are there."""

    def __init__(self, pool: TokenPool, names: NameBook, default: str) -> None:
        self._pool = pool
        self._names = names
        self._default = default

    def open(self, text: str | None, flags: int, window: int) -> Context:
        """A context without CRYPT_DELETEKEYSET; NTE_BAD_KEYSET if there is no such container."""
        context = Context(flags, window)
        if context.verify_only:
            self._verify_only(context, text)
        elif flags & Acquire.CRYPT_NEWKEYSET:
            self._new(context, text)
        elif text:
            self._fill(context, parse(text))
        elif self._default:
            self._fill_default(context, optional=bool(flags & Acquire.CRYPT_DEFAULT_CONTAINER_OPTIONAL))
        else:
            self._fall_back(context)
        return context

    def _fill_default(self, context: Context, *, optional: bool) -> None:
        """The configured container; if it is not there and `optional`, what a program gets that names none."""
        try:
            self._fill(context, parse(self._default))
        except CspError as error:
            if not optional or error.code not in (Code.NTE_BAD_KEYSET, Code.SCARD_E_NO_SMARTCARD):
                raise
            self._fall_back(context)

    def _verify_only(self, context: Context, text: str | None) -> None:
        if not text:
            return
        wanted = parse(text)
        if wanted.sha1 or wanted.name:
            raise CspError(Code.NTE_BAD_FLAGS, "CRYPT_VERIFYCONTEXT with the name of a container")
        context.reader = self._reader(wanted.reader).name

    def _new(self, context: Context, text: str | None) -> None:
        """A context for a container that CPGenKey or CPImportKey will make; NTE_EXISTS if there is one."""
        wanted = parse(text) if text else ContainerName()
        context.new_name = wanted.name or wanted.sha1.hex()
        if context.new_name and self._find(wanted) is not None:
            raise CspError(Code.NTE_EXISTS, f"there is a container {context.new_name}")
        if wanted.reader:
            self._enter(context, self._reader(wanted.reader))
            return
        default = parse(self._default).reader if self._default else ""
        readers = [seen for seen in self._pool.seen() if seen.name.casefold() == default.casefold() or not default]
        chosen = next((seen for seen in readers if seen.present), None)
        if chosen is None:
            raise CspError(Code.SCARD_E_NO_SMARTCARD, "there is no card for a new container")
        self._enter(context, chosen)

    def _fill(self, context: Context, wanted: ContainerName) -> None:
        if wanted.reader and not (wanted.name or wanted.sha1):
            self._whole_reader(context, self._reader(wanted.reader))
            return
        found = self._find(wanted)
        if found is None:
            raise CspError(Code.NTE_BAD_KEYSET, f"there is no container {wanted.name or wanted.sha1.hex()}")
        context.container, context.reader = found[0], found[1].reader

    def _whole_reader(self, context: Context, seen: SeenReader) -> None:
        """A reader by itself: the first container on its card, none without a card or a key."""
        token = self._enter(context, seen)
        context.container = None if token is None else next(iter(token.containers()), None)

    def _enter(self, context: Context, seen: SeenReader) -> Token | None:
        """The context is for this reader from now on, and for the card that is in it."""
        context.reader = seen.name
        return self.token(context) if seen.present else None

    def _fall_back(self, context: Context) -> None:
        """The first reader with a card, else the first reader, else as CRYPT_VERIFYCONTEXT."""
        readers = sorted(self._pool.seen(), key=lambda seen: not seen.present)
        usable = next((seen for seen in readers if not seen.present or self._is_usable(seen)), None)
        if usable is None:
            context.verify_only = True
        else:
            self._whole_reader(context, usable)

    def _is_usable(self, seen: SeenReader) -> bool:
        try:
            self._pool.token(seen).containers()
        except CardError as error:
            LOG.info("%s is passed over: %s", seen.name, error)
            return False
        return True

    def _reader(self, name: str) -> SeenReader:
        found = self._pool.reader(name)
        if found is None:
            raise CspError(Code.NTE_BAD_KEYSET, f"there is no reader {name}")
        return found

    def _find(self, wanted: ContainerName) -> tuple[Container, Token] | None:
        """The container and its token; in one reader if it is named, else wherever it is."""
        named = [replace(wanted, name=own) for own in self._names.resolve(wanted.name)]
        seen = self._reader(wanted.reader) if wanted.reader else None
        if seen is not None and not seen.present:
            raise CspError(Code.SCARD_E_NO_SMARTCARD, f"there is no card in {seen.name}")
        tokens = self._pool.tokens() if seen is None else iter((self._pool.token(seen),))
        for token in tokens:
            for container in self._listed(token):
                if any(container.answers_to(one) for one in named):
                    return container, token
        return None

    def _listed(self, token: Token) -> tuple[Container, ...]:
        try:
            return token.containers()
        except CardError as error:
            LOG.info("%s cannot be listed: %s", token.reader, error)
            return ()

    def to_delete(self, text: str | None) -> tuple[Container, Token]:
        """What CRYPT_DELETEKEYSET means: an existing container that is named, never a default one."""
        wanted = parse(text or "")
        if not (wanted.name or wanted.sha1):
            raise CspError(Code.NTE_BAD_KEYSET, "which container is to be deleted was not said")
        found = self._find(wanted)
        if found is None:
            raise CspError(Code.NTE_BAD_KEYSET, f"there is no container {text}")
        return found

    def token(self, context: Context) -> Token:
        """The card that a context is about; SCARD_E_NO_SMARTCARD, SCARD_W_REMOVED_CARD, NTE_BAD_KEYSET without any."""
        if context.container is not None:
            return self._pool.find(context.container)
        if not context.reader:
            raise CspError(Code.NTE_BAD_KEYSET, "the context is for no card")
        seen = self._pool.reader(context.reader)
        if seen is None:
            raise CardRemoved(f"{context.reader} is no longer there")
        if not seen.present:
            raise NoCard(f"there is no card in {seen.name}")
        token = self._pool.token(seen)
        if context.stay not in ("", token.stay):
            raise CardRemoved(f"another card is in {seen.name}")
        if not context.verify_only:
            context.stay = token.stay
        return token

    def opened(self, container: Container) -> Token | None:
        """The card of a container as it was found last, if it can be used without a look at the readers."""
        return self._pool.opened_with(container)

    def listed(self, context: Context) -> list[str]:
        """The names of all containers on the context's card, or on every card for a context that is for none."""
        try:
            tokens = [self.token(context)] if context.reader else list(self._pool.tokens())
        except NoCard:
            return []
        return [container.name for token in tokens for container in self._listed(token)]
