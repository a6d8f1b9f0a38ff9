"""How a function of the provider fails: one exception with the code of GetLastError, and where codes come from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cardcore import errors
from csp_frontend.constants import Code, Nx


class CspError(Exception):
    """A function of the provider failed with `code`.

    `nx` is the detailed reason that PP_NX_LAST_ERROR tells afterwards. With ERROR_MORE_DATA `size` is what the caller's
    buffer has to hold; it goes into the length that the caller gave. `message` is for the log, never for the program.
    """

    def __init__(self, code: Code, message: str = "", *, nx: Nx = Nx.ERROR_NX_UNDEFINED, size: int = 0) -> None:
        super().__init__(f"{code.name}: {message}" if message else code.name)
        self.code = code
        self.message = message
        self.nx = nx
        self.size = size


def require_flags(flags: int, allowed: int = 0) -> None:
    """NTE_BAD_FLAGS if there are others than the allowed ones.

    Not with the complement of an IntFlag: that lacks the bits above the highest that has a name.
    """
    if flags & ~int(allowed):
        raise CspError(Code.NTE_BAD_FLAGS, f"flags {flags:#x}")


_CODES: Mapping[type[errors.CardError], tuple[Code, Nx]] = MappingProxyType(
    {
        errors.CardError: (Code.NTE_FAIL, Nx.ERROR_NX_UNDEFINED),
        errors.InputError: (Code.ERROR_INVALID_PARAMETER, Nx.ERROR_NX_UNDEFINED),
        errors.PinRequired: (Code.NTE_PERM, Nx.ERROR_NX_UNDEFINED),
        errors.AdminRequired: (Code.NTE_PERM, Nx.ERROR_NX_UNDEFINED),
        errors.TransportError: (Code.SCARD_F_COMM_ERROR, Nx.ERROR_NX_UNDEFINED),
        errors.NoService: (Code.SCARD_E_NO_SERVICE, Nx.ERROR_NX_UNDEFINED),
        errors.NoReader: (Code.SCARD_E_UNKNOWN_READER, Nx.ERROR_NX_UNDEFINED),
        errors.NoCard: (Code.SCARD_E_NO_SMARTCARD, Nx.ERROR_NX_UNDEFINED),
        errors.CardRemoved: (Code.SCARD_W_REMOVED_CARD, Nx.ERROR_NX_UNDEFINED),
        errors.CardReset: (Code.SCARD_W_RESET_CARD, Nx.ERROR_NX_UNDEFINED),
        errors.ReaderBusy: (Code.SCARD_E_SHARING_VIOLATION, Nx.ERROR_NX_UNDEFINED),
        errors.SecurityStatus: (Code.SCARD_W_SECURITY_VIOLATION, Nx.ERROR_NX_UNDEFINED),
        errors.NotFound: (Code.NTE_NOT_FOUND, Nx.ERROR_NX_UNDEFINED),
        errors.PinError: (Code.NTE_FAIL, Nx.ERROR_NX_PIN_INCORRECT),
        errors.PinBlocked: (Code.NTE_FAIL, Nx.ERROR_NX_PIN_BLOCKED),
        errors.LastTry: (Code.NTE_SILENT_CONTEXT, Nx.ERROR_NX_UNDEFINED),
        errors.PinEntryError: (Code.NTE_FAIL, Nx.ERROR_NX_UNDEFINED),
        errors.PinEntryCancelled: (Code.SCARD_W_CANCELLED_BY_USER, Nx.ERROR_NX_UNDEFINED),
        errors.PinEntryTimeout: (Code.SCARD_E_TIMEOUT, Nx.ERROR_NX_UNDEFINED),
        errors.NotSupported: (Code.NTE_NOT_SUPPORTED, Nx.ERROR_NX_UNDEFINED),
        errors.UnknownCard: (Code.SCARD_E_CARD_UNSUPPORTED, Nx.ERROR_NX_UNDEFINED),
        errors.ReplyError: (Code.SCARD_E_UNEXPECTED, Nx.ERROR_NX_UNDEFINED),
    }
)
"""What becomes of the core's errors; a class that is not here has the code of the nearest class above it."""


def from_card(error: errors.CardError) -> CspError:
    """The provider's error for one of the core."""
    code, nx = next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)
    return CspError(code, error.message, nx=nx)
