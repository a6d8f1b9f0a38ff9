"""Parameters of the provider: what CPGetProvParam answers and CPSetProvParam takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from cardcore import CardError, Secret
from csp_frontend.algorithms import ENUMALGS_EX_SIZE, ENUMALGS_SIZE, Policy, enumalgs, enumalgs_ex
from csp_frontend.calls import Output
from csp_frontend.constants import (
    AT_KEYEXCHANGE,
    AT_SIGNATURE,
    PROV_RSA_FULL,
    PROVIDER_NAME,
    VERSION,
    Acquire,
    Code,
    Flag,
    Implementation,
    Pp,
    SetPp,
    TokenFlag,
)
from csp_frontend.containers import token_name
from csp_frontend.contexts import Context, Finder
from csp_frontend.errors import CspError, require_flags
from csp_frontend.names import LONGEST
from csp_frontend.token_stores import root_certificates, user_certificates
from csp_frontend.tokens import SOFT
from csp_frontend.wire import MESSAGE_SIZE

_List = tuple[Callable[[Context], Iterable[bytes]], int]
"""What a list begins with, and the size of its longest item."""

_FIXED: Mapping[int, int] = MappingProxyType(
    {
        Pp.PP_SMARTCARD_GUID: 16,
        Pp.PP_NX_CONTEXT_FLAGS: 4,
        Pp.PP_USER_CERTSTORE: MESSAGE_SIZE,
        Pp.PP_ROOT_CERTSTORE: MESSAGE_SIZE,
    }
)
"""Sizes that are known before the answer is: for certificates the most there can be."""
_SETTABLE = frozenset(SetPp) - {SetPp.PP_KEYSET_SEC_DESCR}
_KEYSIZE_INC = 256
_MAX_TEXT = 1024
_MAX_PIN = 256


def number(value: int) -> bytes:
    """A DWORD."""
    return value.to_bytes(4, "little")


def text(value: str) -> bytes:
    """A string with its NUL."""
    return value.encode() + b"\x00"


def answer(data: bytes, room: int | None) -> Output:
    """What goes into a caller's buffer: the size alone if there is none; ERROR_MORE_DATA if it is too small."""
    if room is None:
        return Output(size=len(data))
    if room < len(data):
        raise CspError(Code.ERROR_MORE_DATA, size=len(data))
    return Output(size=len(data), data=data)


class ProviderParameters:
    """Parameters of the contexts of one client process."""

    def __init__(self, finder: Finder, policy: Policy) -> None:
        self._finder = finder
        self._answers: Mapping[int, Callable[[Context], bytes]] = MappingProxyType(
            {
                Pp.PP_NAME: lambda context: text(PROVIDER_NAME),
                Pp.PP_VERSION: lambda context: number(VERSION),
                Pp.PP_PROVTYPE: lambda context: number(PROV_RSA_FULL),
                Pp.PP_KEYSPEC: lambda context: number(AT_KEYEXCHANGE | AT_SIGNATURE),
                Pp.PP_KEYSET_TYPE: lambda context: number(0),
                Pp.PP_SIG_KEYSIZE_INC: lambda context: number(_KEYSIZE_INC),
                Pp.PP_KEYX_KEYSIZE_INC: lambda context: number(_KEYSIZE_INC),
                Pp.PP_USE_HARDWARE_RNG: self._hardware_rng,
                Pp.PP_IMPTYPE: _implementation,
                Pp.PP_CONTAINER: lambda context: text(_name(context)),
                Pp.PP_UNIQUE_CONTAINER: _unique,
                Pp.PP_SMARTCARD_READER: _reader,
                Pp.PP_SMARTCARD_GUID: self._guid,
                Pp.PP_USER_CERTSTORE: lambda context: user_certificates(finder.token(context)),
                Pp.PP_ROOT_CERTSTORE: lambda context: root_certificates(finder.token(context)),
                Pp.PP_NX_CONTEXT_FLAGS: self._flags,
            }
        )

        self._lists: Mapping[int, _List] = MappingProxyType(
            {
                Pp.PP_ENUMALGS: (lambda context: map(enumalgs, policy.listed()), ENUMALGS_SIZE),
                Pp.PP_ENUMALGS_EX: (lambda context: map(enumalgs_ex, policy.listed()), ENUMALGS_EX_SIZE),
                Pp.PP_ENUMCONTAINERS: (lambda context: map(text, finder.listed(context)), LONGEST + 1),
            }
        )

    def get(self, context: Context, parameter: int, room: int | None, flags: int) -> Output:
        """Read a parameter; NTE_BAD_TYPE for one that is not supported."""
        listing = self._lists.get(parameter)
        if listing is not None:
            return _next(context, parameter, room, flags, listing)
        if parameter not in self._answers:
            raise CspError(Code.NTE_BAD_TYPE, f"there is no parameter {parameter:#x} to be read")
        require_flags(flags)
        if room is None and parameter in _FIXED:
            return Output(size=_FIXED[parameter])
        return answer(self._answers[parameter](context), room)

    def _guid(self, context: Context) -> bytes:
        return token_name(self._identity(context)).bytes_le

    def _hardware_rng(self, context: Context) -> bytes:
        """Nothing, if the context's card has random bytes to give: to be able to is the answer."""
        if not context.reader:
            raise CspError(Code.NTE_NOT_SUPPORTED, "the context is for no card that could give random bytes")
        if "challenge" not in self._finder.token(context).card.profile.operations:
            raise CspError(Code.NTE_NOT_SUPPORTED, "the card gives no random bytes")
        return b""

    def _identity(self, context: Context) -> str:
        return context.container.token if context.container is not None else self._finder.token(context).identity

    def _flags(self, context: Context) -> bytes:
        """PP_NX_CONTEXT_FLAGS: without a card in the reader what can be said of the reader."""
        if not context.reader:
            return number(0)
        try:
            return number(self._finder.token(context).flags)
        except CardError:
            soft = context.reader.startswith(SOFT)
            return number(0 if soft else TokenFlag.NX_FLAG_HW_TOKEN | TokenFlag.NX_FLAG_TOKEN_REMOVABLE)

    def set(self, context: Context, parameter: int, data: bytes | None, flags: int) -> None:
        """Set a parameter; NTE_BAD_TYPE for one that is not supported, ERROR_INVALID_PARAMETER for a bad value."""
        if parameter not in _SETTABLE:
            raise CspError(Code.NTE_BAD_TYPE, f"there is no parameter {parameter:#x} to be set")
        require_flags(flags)
        match parameter:
            case SetPp.PP_KEYEXCHANGE_PIN | SetPp.PP_SIGNATURE_PIN:
                context.pin = _secret(data)
            case SetPp.PP_ADMIN_PIN:
                context.admin = _secret(data)
            case SetPp.PP_USE_HARDWARE_RNG:
                self._hardware_rng(context)
                context.hardware_random = True
            case SetPp.PP_PIN_PROMPT_STRING:
                context.prompt = _printable(data or b"")
            case SetPp.PP_CLIENT_HWND:
                if data is None or len(data) not in (4, 8):
                    raise CspError(Code.ERROR_INVALID_PARAMETER, "a window's handle has 4 or 8 bytes")
                context.window = int.from_bytes(data, "little")


def _secret(data: bytes | None) -> Secret | None:
    """A PIN; NULL or nothing takes back the one that was set."""
    found = (data or b"").partition(b"\x00")[0]
    if len(found) > _MAX_PIN:
        raise CspError(Code.ERROR_INVALID_PARAMETER, "the PIN is too long")
    return Secret(found) if found else None


def _printable(data: bytes) -> str:
    shown = data.partition(b"\x00")[0][:_MAX_TEXT].decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else " " for sign in shown)


def _implementation(context: Context) -> bytes:
    if context.reader.startswith(SOFT):
        return number(Implementation.CRYPT_IMPL_SOFTWARE)
    return number(Implementation.CRYPT_IMPL_MIXED | Implementation.CRYPT_IMPL_REMOVABLE)


def _name(context: Context) -> str:
    return context.new_name or (context.container.name if context.container is not None else "")


def _unique(context: Context) -> bytes:
    name = context.container.name if context.container is not None else context.new_name
    return text(f"\\\\.\\{context.reader}\\{name}" if context.reader else "")


def _reader(context: Context) -> bytes:
    if not context.reader:
        raise CspError(Code.NTE_BAD_TYPE, "the context is for no reader")
    return text(context.reader)


def _next(
    context: Context,
    parameter: int,
    room: int | None,
    flags: int,
    listing: _List,
) -> Output:
    """The next item of a list that begins with CRYPT_FIRST; the size query answers the longest and reads nothing.

    An item fills the room that the longest would take: programs ask for the size once, and do not set it again.
    """
    start, longest = listing
    require_flags(flags, Flag.CRYPT_FIRST | Flag.CRYPT_NEXT | Acquire.CRYPT_MACHINE_KEYSET)
    if room is None:
        return Output(size=longest)
    if flags & Flag.CRYPT_FIRST:
        context.lists[parameter] = list(start(context))
    waiting = context.lists.get(parameter)
    if waiting is None:
        raise CspError(Code.NTE_BAD_FLAGS, "the list was not begun with CRYPT_FIRST")
    if not waiting:
        raise CspError(Code.ERROR_NO_MORE_ITEMS)
    if room < len(waiting[0]):
        raise CspError(Code.ERROR_MORE_DATA, size=longest)
    return answer(waiting.pop(0).ljust(min(room, longest), b"\x00"), room)
