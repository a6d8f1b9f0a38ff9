"""What a GIDS application keeps: life cycle, try counter, PIN vault, files with data objects or keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cardcore.errors import ReplyError
from cardcore.softcard.gids.algorithms import FileKind
from cardcore.softcard.memory import JsonObject
from cardcore.softcard.vault import OpenVault, Vault
from cardcore.tlv import parse, require

PIN = "pin"
_TEMPLATE = 0x62
_DESCRIPTOR = 0x82
_IDENTIFIER = 0x83
_ACCESS = 0x8C
_MECHANISMS = 0xA5
_MECHANISM = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A private key: `public` is the content of its public key template, `sealed` the vault's box."""

    public: bytes
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the control parameters of a file say (ISO 7816-4:2020, 7.4).

    `access` maps an operation's bit in the access mode byte to its security condition byte; `mechanisms` are pairs of
    a control reference template and a mechanism identifier.
    """

    identifier: int
    kind: FileKind
    access: Mapping[int, int]
    mechanisms: frozenset[tuple[int, int]]

    @classmethod
    def parse(cls, fcp: bytes) -> Header:
        """The header in a template 62; ValueError or ReplyError if it is none that CREATE FILE takes."""
        whole = parse(fcp)
        if len(whole) != 1 or whole[0].tag != _TEMPLATE:
            raise ValueError("no file control parameters")
        identifier, descriptor = require(fcp, [_TEMPLATE, _IDENTIFIER]), require(fcp, [_TEMPLATE, _DESCRIPTOR])
        if len(identifier) != 2 or not descriptor:
            raise ValueError("a file identifier of two bytes and a descriptor are wanted")
        items = whole[0].children()
        return cls(
            identifier=int.from_bytes(identifier),
            kind=FileKind(descriptor[0]),
            access=_access(next((item.value for item in items if item.tag == _ACCESS), b"")),
            mechanisms=_mechanisms(next((item.value for item in items if item.tag == _MECHANISMS), b"")),
        )


def _access(rule: bytes) -> dict[int, int]:
    """The compact format (ISO 7816-4:2020, 9.3.3.2): a condition byte for each bit that is set, from b7 down."""
    mode, conditions = rule[0] if rule else 0, rule[1:]
    bits = [1 << place for place in range(6, -1, -1) if mode >> place & 1]
    if len(conditions) < len(bits):
        raise ValueError("the access rule lacks conditions")
    return dict(zip(bits, conditions, strict=False))


def _mechanisms(templates: bytes) -> frozenset[tuple[int, int]]:
    found = set()
    for template in parse(templates):
        values = [item.value for item in template.children() if item.tag == _MECHANISM]
        if len(values) != 1 or len(values[0]) != 1:
            raise ReplyError("a control reference template names one mechanism")
        found.add((template.tag, values[0][0]))
    return frozenset(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file: data objects by tag, or a key. An admin key is `symmetric`: the card needs it without any PIN."""

    fcp: bytes
    active: bool = False
    objects: Mapping[int, bytes] = field(default_factory=dict)
    pair: KeyPair | None = None
    symmetric: bytes = field(default=b"", repr=False)

    @property
    def header(self) -> Header:
        """What the file's control parameters say."""
        return Header.parse(self.fcp)

    def to_json(self) -> JsonObject:
        """As JSON values, bytes in hex."""
        stored: JsonObject = {"fcp": self.fcp.hex(), "active": self.active}
        if self.objects:
            stored["objects"] = {f"{tag:X}": value.hex() for tag, value in self.objects.items()}
        if self.pair is not None:
            stored["pair"] = {"public": self.pair.public.hex(), "sealed": self.pair.sealed.hex()}
        if self.symmetric:
            stored["symmetric"] = self.symmetric.hex()
        return stored

    @classmethod
    def from_json(cls, stored: JsonObject) -> File:
        """The file that `to_json` gave."""
        pair = {part: bytes.fromhex(text) for part, text in stored.get("pair", {}).items()}
        return cls(
            fcp=bytes.fromhex(stored["fcp"]),
            active=stored["active"],
            objects={int(tag, 16): bytes.fromhex(value) for tag, value in stored.get("objects", {}).items()},
            pair=KeyPair(public=pair["public"], sealed=pair["sealed"]) if pair else None,
            symmetric=bytes.fromhex(stored.get("symmetric", "")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GidsState:
    """The persistent state.

    `active` ends the initialisation, in which every access rule but "never" counts as satisfied. `vault` opens with
    the PIN and shows whether it is right. `recovery` is the same vault open: the administrator sets a new PIN without
    the old one, having proved a key that the card must hold in clear, so the private keys are only as safe as the file.
    `pin_size` is kept because CHANGE REFERENCE DATA sends both PINs without a mark between them.
    """

    serial: bytes
    active: bool
    terminated: bool
    limit: int
    left: int
    pin_size: int
    vault: Vault
    recovery: OpenVault
    files: Mapping[int, File]

    @property
    def has_pin(self) -> bool:
        """Whether a PIN was ever set."""
        return PIN in self.vault.wraps

    def with_file(self, identifier: int, file: File | None) -> GidsState:
        """This state with a file made or replaced, or taken away."""
        others = {number: other for number, other in self.files.items() if number != identifier}
        return replace(self, files=others if file is None else {**others, identifier: file})

    def with_pin(self, pin: bytes) -> GidsState:
        """This state with a new PIN and all its tries."""
        vault = self.vault.rewrapped(self.recovery, PIN, pin)
        return replace(self, vault=vault, pin_size=len(pin), left=self.limit)

    def to_json(self) -> JsonObject:
        """As JSON values, bytes in hex."""
        return {
            "serial": self.serial.hex(),
            "active": self.active,
            "terminated": self.terminated,
            "tries": {"limit": self.limit, "left": self.left},
            "pin_size": self.pin_size,
            "vault": self.vault.to_json(),
            "recovery": self.recovery.private.hex(),
            "files": {f"{number:04X}": file.to_json() for number, file in self.files.items()},
        }

    @classmethod
    def from_json(cls, stored: JsonObject) -> GidsState:
        """The state that `to_json` gave."""
        return cls(
            serial=bytes.fromhex(stored["serial"]),
            active=stored["active"],
            terminated=stored["terminated"],
            limit=stored["tries"]["limit"],
            left=stored["tries"]["left"],
            pin_size=stored["pin_size"],
            vault=Vault.from_json(stored["vault"]),
            recovery=OpenVault(private=bytes.fromhex(stored["recovery"])),
            files={int(number, 16): File.from_json(file) for number, file in stored["files"].items()},
        )
