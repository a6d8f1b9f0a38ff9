"""The one table of the provider's functions, from which the dispatch in Python and the prototypes in C are made.

A function has a number that never changes (the wire's), and its parameters in the order of the C prototype. The kind
of a parameter says how it stands in C and what it is in Python:

==============  =====================================  ==============================================================
kind            in C                                   in Python
==============  =====================================  ==============================================================
CONTEXT, ...    HCRYPTPROV, HCRYPTKEY, HCRYPTHASH      int; 0 is no handle
DWORD, BOOL     DWORD, BOOL                            int, bool
ALGORITHM       ALG_ID                                 int
TEXT            LPCSTR                                 str, None for NULL
WIDE_TEXT       LPCWSTR                                str, None for NULL
VTABLE          const struct provider_vtable *         int: the window that FuncReturnhWnd gives, 0 without one
BYTES           const BYTE *, DWORD                    bytes
SET_DATA        const BYTE *                           bytes, None for NULL; `SET_LENGTHS` says how many there are
BUFFER          BYTE *, DWORD *                        int: the room that the caller has; None for pbData NULL
DATA            BYTE *                                 bytes as long as LENGTH says; None for NULL
LENGTH, ROOM    DWORD *, DWORD                         int: bytes of data in DATA, and the size of its buffer
RESERVED        DWORD *                                int, has to be 0 (NULL)
RANDOM          BYTE *                                 bytes that the caller's buffer held: more seed
NEW_CONTEXT...  HCRYPTPROV *, HCRYPTKEY *, ...         nothing: it is the answer
==============  =====================================  ==============================================================

The answer in Python: an int for a new handle, `Output` for BUFFER and DATA, bytes for RANDOM, else None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from csp_frontend.constants import Hp, Kp, SetPp

Argument = int | bytes | memoryview | str | None
"""What a parameter can be in Python; a bool is an int."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What goes into a caller's buffer: `size` into the length, `data` into the buffer; None after a size query."""

    size: int
    data: bytes | None = None


Answer = int | bytes | Output | None


class Kind(StrEnum):
    """What a parameter is."""

    CONTEXT = "context"
    KEY = "key"
    HASH = "hash"
    DWORD = "dword"
    BOOL = "bool"
    ALGORITHM = "algorithm"
    TEXT = "text"
    WIDE_TEXT = "wide-text"
    VTABLE = "vtable"
    BYTES = "bytes"
    SET_DATA = "set-data"
    BUFFER = "buffer"
    DATA = "data"
    LENGTH = "length"
    ROOM = "room"
    RESERVED = "reserved"
    RANDOM = "random"
    NEW_CONTEXT = "new-context"
    NEW_KEY = "new-key"
    NEW_HASH = "new-hash"

    @property
    def is_answer(self) -> bool:
        """Whether nothing is given for the parameter, because it is the answer."""
        return self in (Kind.NEW_CONTEXT, Kind.NEW_KEY, Kind.NEW_HASH)


C_FORMS: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        Kind.CONTEXT: ("HCRYPTPROV {}",),
        Kind.KEY: ("HCRYPTKEY {}",),
        Kind.HASH: ("HCRYPTHASH {}",),
        Kind.DWORD: ("DWORD {}",),
        Kind.BOOL: ("BOOL {}",),
        Kind.ALGORITHM: ("ALG_ID {}",),
        Kind.TEXT: ("LPCSTR {}",),
        Kind.WIDE_TEXT: ("LPCWSTR {}",),
        Kind.VTABLE: ("const struct provider_vtable *{}",),
        Kind.BYTES: ("const BYTE *{}", "DWORD {}_size"),
        Kind.SET_DATA: ("const BYTE *{}",),
        Kind.BUFFER: ("BYTE *{}", "DWORD *{}_size"),
        Kind.DATA: ("BYTE *{}",),
        Kind.LENGTH: ("DWORD *{}",),
        Kind.ROOM: ("DWORD {}",),
        Kind.RESERVED: ("DWORD *{}",),
        Kind.RANDOM: ("BYTE *{}",),
        Kind.NEW_CONTEXT: ("HCRYPTPROV *{}",),
        Kind.NEW_KEY: ("HCRYPTKEY *{}",),
        Kind.NEW_HASH: ("HCRYPTHASH *{}",),
    }
)
"""How each kind stands in a C prototype: one or two parameters, with the place of the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter by its name in Python; `optional` handles may be 0."""

    name: str
    kind: Kind
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One function: its number, its documented name, its parameters in the order of the C prototype.

    `inputs` are those for which a caller in Python gives something. `mandatory` is whether the loader refuses a
    provider that does not export the function; `asks` is whether a person may have to be asked before it ends.
    """

    number: int
    name: str
    parameters: tuple[Parameter, ...]
    inputs: tuple[Parameter, ...]
    mandatory: bool = True
    asks: bool = False

    @property
    def prototype(self) -> str:
        """The C prototype, without the macro for the export."""
        forms = [form.format(parameter.name) for parameter in self.parameters for form in C_FORMS[parameter.kind]]
        return f"BOOL WINAPI {self.name}({', '.join(forms)})"


def _call(number: int, name: str, parameters: str, *, mandatory: bool = True, asks: bool = False) -> Call:
    """A row of the table; each word is name:kind, with a question mark behind a handle that may be 0."""
    parts = ((*word.rstrip("?").partition(":"), word.endswith("?")) for word in parameters.split())
    found = tuple(Parameter(name=own, kind=Kind(kind or own), optional=optional) for own, _, kind, optional in parts)
    inputs = tuple(parameter for parameter in found if not parameter.kind.is_answer)
    return Call(number=number, name=name, parameters=found, inputs=inputs, mandatory=mandatory, asks=asks)


CALLS: tuple[Call, ...] = (
    _call(1, "CPAcquireContext", "new_context:new-context container:text flags:dword window:vtable", asks=True),
    _call(2, "CPReleaseContext", "context flags:dword"),
    _call(3, "CPGenKey", "context algorithm flags:dword new_key:new-key", asks=True),
    _call(4, "CPDeriveKey", "context algorithm base:hash flags:dword new_key:new-key"),
    _call(5, "CPDestroyKey", "context key"),
    _call(6, "CPSetKeyParam", "context key parameter:dword data:set-data flags:dword", asks=True),
    _call(7, "CPGetKeyParam", "context key parameter:dword room:buffer flags:dword"),
    _call(8, "CPExportKey", "context key public_key:key? blob_type:dword flags:dword room:buffer"),
    _call(9, "CPImportKey", "context data:bytes public_key:key? flags:dword new_key:new-key", asks=True),
    _call(10, "CPEncrypt", "context key hash? final:bool flags:dword data length room"),
    _call(11, "CPDecrypt", "context key hash? final:bool flags:dword data length", asks=True),
    _call(12, "CPCreateHash", "context algorithm key? flags:dword new_hash:new-hash"),
    _call(13, "CPHashData", "context hash data:bytes flags:dword"),
    _call(14, "CPHashSessionKey", "context hash key flags:dword"),
    _call(15, "CPGetHashParam", "context hash parameter:dword room:buffer flags:dword"),
    _call(16, "CPDestroyHash", "context hash"),
    _call(17, "CPSignHash", "context hash key_spec:dword description:wide-text flags:dword room:buffer", asks=True),
    _call(18, "CPGenRandom", "context length:dword seed:random"),
    _call(19, "CPGetUserKey", "context key_spec:dword new_key:new-key"),
    _call(20, "CPSetProvParam", "context parameter:dword data:set-data flags:dword"),
    _call(21, "CPGetProvParam", "context parameter:dword room:buffer flags:dword"),
    _call(22, "CPSetHashParam", "context hash parameter:dword data:set-data flags:dword"),
    _call(
        23,
        "CPVerifySignature",
        "context hash signature:bytes public_key:key description:wide-text flags:dword",
    ),
    _call(24, "CPDuplicateHash", "context hash reserved flags:dword new_hash:new-hash", mandatory=False),
    _call(25, "CPDuplicateKey", "context key reserved flags:dword new_key:new-key", mandatory=False),
)

BY_NAME: Mapping[str, Call] = MappingProxyType({call.name: call for call in CALLS})
BY_NUMBER: Mapping[int, Call] = MappingProxyType({call.number: call for call in CALLS})


class Length(StrEnum):
    """How many bytes a SET_DATA pointer points to, which C does not say."""

    DWORD = "dword"
    """Four bytes."""
    HANDLE = "handle"
    """A pointer's size; the provider takes 4 or 8 bytes."""
    TEXT = "text"
    """Characters up to a NUL, which is left out."""
    WIDE_TEXT = "wide-text"
    """UTF-16 up to a NUL; sent as UTF-8."""
    DER = "der"
    """One DER element; the size stands in its header."""
    BLOCK = "block"
    """As many bytes as a block: KP_BLOCKLEN of the key, in bits."""
    SALT = "salt"
    """As many bytes as KP_SALT of the key has now."""
    POINTED = "pointed"
    """CRYPT_DATA_BLOB: a size and a pointer; the bytes it points to are sent."""
    HASH = "hash"
    """As many bytes as HP_HASHSIZE of the hash says."""
    HMAC_INFO = "hmac-info"
    """HMAC_INFO: sent as ALG_ID, then size and bytes of the inner string, then of the outer, all little endian."""
    NOTHING = "nothing"
    """The pointer is not looked at."""


SET_LENGTHS: Mapping[str, Mapping[int, Length]] = MappingProxyType(
    {
        "CPSetKeyParam": MappingProxyType(
            {
                Kp.KP_IV: Length.BLOCK,
                Kp.KP_SALT: Length.SALT,
                Kp.KP_SALT_EX: Length.POINTED,
                Kp.KP_PADDING: Length.DWORD,
                Kp.KP_MODE: Length.DWORD,
                Kp.KP_MODE_BITS: Length.DWORD,
                Kp.KP_PERMISSIONS: Length.DWORD,
                Kp.KP_ALGID: Length.DWORD,
                Kp.KP_EFFECTIVE_KEYLEN: Length.DWORD,
                Kp.KP_CERTIFICATE: Length.DER,
            }
        ),
        "CPSetProvParam": MappingProxyType(
            {
                SetPp.PP_CLIENT_HWND: Length.HANDLE,
                SetPp.PP_ADMIN_PIN: Length.TEXT,
                SetPp.PP_KEYEXCHANGE_PIN: Length.TEXT,
                SetPp.PP_SIGNATURE_PIN: Length.TEXT,
                SetPp.PP_USE_HARDWARE_RNG: Length.NOTHING,
                SetPp.PP_PIN_PROMPT_STRING: Length.WIDE_TEXT,
                SetPp.PP_KEYSET_SEC_DESCR: Length.NOTHING,
            }
        ),
        "CPSetHashParam": MappingProxyType({Hp.HP_HASHVAL: Length.HASH, Hp.HP_HMAC_INFO: Length.HMAC_INFO}),
    }
)
"""For each function with SET_DATA how long the data is, by parameter; others are not supported and get no data."""
