"""A card with transparent files and one RSA key that knows nothing but ISO 7816-4 and 7816-8: nobody's family."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import rsa

from cardcore.apdu import CommandApdu, ResponseApdu
from cardcore.softcard.rsa import private_operation

AID = bytes.fromhex("A0000009990001")
PIN = b"4711"
PIN_REFERENCE, KEY_REFERENCE = 0x82, 0x95
ALGORITHM = 0x02
SIZE = 256


@dataclass(kw_only=True)
class State:
    """What changes while the card is powered."""

    selected: bytes = b""
    verified: bool = False
    environment: bytes = b""
    pending: bytes = b""


@dataclass(kw_only=True)
class FileCard:
    """`files` by path below the MF, in hexadecimal; a `log` of the commands."""

    files: dict[str, bytes]
    key: rsa.RSAPrivateKey
    state: State = field(default_factory=State)
    log: list[bytes] = field(default_factory=list)

    @property
    def atr(self) -> bytes:
        return bytes.fromhex("3B800181")

    def reset(self) -> None:
        self.state = State()

    def power_off(self) -> None:
        self.reset()

    def process(self, command: bytes) -> bytes:
        self.log.append(command)
        apdu = CommandApdu.decode(command)
        data, sw = self._answer(apdu)
        return ResponseApdu(data=data, sw=sw).encode()

    def _answer(self, apdu: CommandApdu) -> tuple[bytes, int]:
        match apdu.ins, apdu.p1, apdu.p2:
            case 0xA4, 0x04, _:
                return b"", 0x9000 if apdu.data == AID else 0x6A82
            case 0xA4, 0x08, _:
                self.state.selected = apdu.data if apdu.data.hex().upper() in self.files else b""
                return b"", 0x9000 if self.state.selected else 0x6A82
            case 0xB0, _, _:
                return self._read(apdu.p1 << 8 | apdu.p2)
            case 0x20, 0x00, 0x82:
                return self._verify(apdu.data)
            case 0x22, 0x41, 0xB6:
                self.state.environment = apdu.data
                return b"", 0x9000
            case 0x2A, 0x9E, 0x9A:
                return self._sign(apdu.data)
            case _:
                return b"", 0x6D00

    def _read(self, offset: int) -> tuple[bytes, int]:
        content = self.files[self.state.selected.hex().upper()]
        if offset > len(content) or (offset == len(content) and content):
            return b"", 0x6B00
        part = content[offset : offset + SIZE]
        return part, 0x9000 if len(part) == SIZE else 0x6282

    def _verify(self, data: bytes) -> tuple[bytes, int]:
        if not data:
            return b"", 0x9000 if self.state.verified else 0x63C3
        self.state.verified = data == PIN.ljust(8, b"\xff")
        return b"", 0x9000 if self.state.verified else 0x63C2

    def _sign(self, data: bytes) -> tuple[bytes, int]:
        if not self.state.verified:
            return b"", 0x6982
        if self.state.environment != bytes((0x80, 1, ALGORITHM, 0x84, 1, KEY_REFERENCE)):
            return b"", 0x6A88
        size = self.key.key_size // 8
        return private_operation(self.key, b"\x00\x01" + b"\xff" * (size - 3 - len(data)) + b"\x00" + data), 0x9000
