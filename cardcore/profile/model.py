"""The typed model of a card profile: what a YAML file says, after every check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cardcore.pin import PinSpec
from cardcore.profile.template import Node, Value

VERSION = 1

ADMIN = "admin"
"""What a PIN's `unblock` says where the admin key unblocks it, unless a PIN has that name."""


class InputForm(StrEnum):
    """What the card wants as the input of a signature."""

    PADDED = "padded"
    DIGEST_INFO = "digest-info"
    DIGEST_INFO_CHECKED = "digest-info-checked"
    HASH = "hash"
    HASH_LEFT_PADDED = "hash-left-padded"
    MESSAGE = "message"


class SignatureForm(StrEnum):
    """How the card returns a signature: unchanged, as an ECDSA DER SEQUENCE, or as r||s."""

    AS_IS = "as-is"
    DER = "der"
    RS = "rs"


class DecipherResult(StrEnum):
    """What deciphering returns: the plain text, or the padded block that the host must unpad."""

    PLAIN = "plain"
    PADDED = "padded"


class PinPolicy(StrEnum):
    """When a key wants its PIN: once per session, before every use, or never."""

    ONCE = "once"
    ALWAYS = "always"
    NEVER = "never"


class TouchPolicy(StrEnum):
    """When a person has to touch the card before a key is used: each time, once in a while, or never."""

    ALWAYS = "always"
    CACHED = "cached"
    NEVER = "never"


class Usage(StrEnum):
    """What a key may be used for."""

    SIGN = "sign"
    DECIPHER = "decipher"
    AGREE = "agree"


class KeySpec(StrEnum):
    """Which of the two key pairs of a CryptoAPI container the key serves as."""

    EXCHANGE = "exchange"
    SIGNATURE = "signature"


class Scheme(StrEnum):
    """A signature or encryption scheme that a caller asks for."""

    PKCS1 = "pkcs1"
    PSS = "pss"
    OAEP = "oaep"
    ECDSA = "ecdsa"


class Expect(StrEnum):
    """Named sets of status words that a step takes as an answer, beside plain status words."""

    RETRIES = "retries"


class Needs(StrEnum):
    """The authentication that a step wants to have happened before it is sent."""

    PIN = "pin"
    PUK = "puk"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A byte string of which only the bits set in `mask` are compared."""

    value: bytes
    mask: bytes

    def matches(self, data: bytes) -> bool:
        """Whether `data` has the same length and the same bits under the mask."""
        if len(data) != len(self.value):
            return False
        return all((a ^ b) & m == 0 for a, b, m in zip(data, self.value, self.mask, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyMatch:
    """What the reply to SELECT must contain: the value at a tag path begins with `value`."""

    path: tuple[int, ...]
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How a card is recognised: by application identifiers that it selects, and / or by masked ATRs.

    `usual` are ATRs of cards that are known to match: no condition, but with one of them no other profile is tried.
    """

    aids: tuple[bytes, ...] = ()
    atrs: tuple[Masked, ...] = ()
    usual: tuple[Masked, ...] = ()
    reply: ReplyMatch | None = None


class Extended(StrEnum):
    """Whether the card takes extended length: never, always, or as its ATR says (ISO 7816-4, 12.1.1.9)."""

    NO = "no"
    YES = "yes"
    ATR = "atr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Most bytes of data in one command (`send`) and one response (`receive`), and how longer ones travel."""

    send: int = 255
    receive: int = 256
    extended: Extended = Extended.NO
    chaining: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How the result is taken out of a response.

    `path` leads to a value, a tag per level (empty: the whole data field); `find` is a tag looked for at any depth.
    Then at most one of: `byte` (that byte of it as an integer), `values` (bytes to names), `modulus` / `exponent` /
    `point` (tags of a public key's parts; a `fixed_exponent` where the card does not send it), `fields` (a name each).
    """

    path: tuple[int, ...] = ()
    find: int | None = None
    byte: int | None = None
    little_endian: bool = False
    values: Mapping[int, str] = field(default_factory=dict)
    modulus: int | None = None
    exponent: int | None = None
    fixed_exponent: bytes = b""
    whole_modulus: bool = False
    point: int | None = None
    fields: Mapping[str, Reply] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command of an operation, and what is done with its answer.

    `when` maps a fact's name to the values for which the step is sent; `expect` are the status words that mean
    success; `long` says that the reply may have more than 256 bytes; `save` keeps the reply under a name for the steps
    that follow.
    """

    cla: Node
    ins: Node
    p1: Node
    p2: Node
    data: Node | None = None
    le: int | None = None
    extended: bool = False
    long: bool = False
    expect: frozenset[int] = frozenset({0x9000})
    retries: bool = False
    reply: Reply | None = None
    when: Mapping[str, frozenset[Value]] = field(default_factory=dict)
    needs: Needs | None = None
    save: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A named sequence of steps."""

    name: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySlot:
    """A place for a key pair on the card.

    `ref` is the key reference byte, `certificate` the object or file that holds its certificate, `pin` the name of the
    PIN that protects it and `policy` when that is asked for.
    """

    name: str
    ref: int
    label: str = ""
    file: bytes = b""
    certificate: bytes = b""
    usage: frozenset[Usage] = frozenset(Usage)
    pin: str = "user"
    policy: PinPolicy = PinPolicy.ONCE
    key_spec: KeySpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """What the card can do with one kind of key, in which form it wants the input and gives the result.

    `types` are the key types served (`rsa2048`, `ecp256`, ...). `scheme` narrows a mechanism in which the card itself
    pads to that scheme. None for `sign` or `decipher`: the card cannot.
    """

    name: str
    types: tuple[str, ...]
    byte: Node | None = None
    oid: Node | None = None
    scheme: Scheme | None = None
    sign: InputForm | None = None
    signature: SignatureForm = SignatureForm.AS_IS
    hashes: tuple[str, ...] = ()
    decipher: DecipherResult | None = None
    agree: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """How the administrator authenticates: a procedure of `cardcore.procedures` and its parameters.

    `ciphers` maps the name of a cipher (`3des`, `aes128`, ...) to the card's identifier for it. Where the administrator
    has a PIN instead of a key, `pin` names it and the rest is empty.
    """

    ref: int
    procedure: str
    ciphers: Mapping[str, int]
    default_cipher: str = ""
    pin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A whole card profile; `origin` is the file that it came from, `sources` that file and those of its bases."""

    id: str
    name: str
    origin: str
    sources: tuple[str, ...] = ()
    description: str = ""
    verified: str = ""
    abstract: bool = False
    refines: str = ""
    match: Match = Match()
    limits: Limits = Limits()
    directory: str = ""
    quirks: frozenset[str] = frozenset()
    pins: Mapping[str, PinSpec] = field(default_factory=dict)
    admin: Admin | None = None
    keys: Mapping[str, KeySlot] = field(default_factory=dict)
    algorithms: Mapping[str, Algorithm] = field(default_factory=dict)
    objects: Mapping[str, bytes] = field(default_factory=dict)
    operations: Mapping[str, Operation] = field(default_factory=dict)
