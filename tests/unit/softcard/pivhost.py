"""The host's end of a software PIV card, command by command."""

from __future__ import annotations

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from cardcore.softcard import ScryptCost, SoftCard, factory_secrets
from cardcore.tlv import encode, find, require

COST = ScryptCost(n=16)
PIN, OTHER_PIN, PUK, OTHER_PUK = b"123456\xff\xff", b"654321\xff\xff", b"12345678", b"87654321"
ADMIN = factory_secrets("piv").admin or b""
OK = 0x9000


class Host:
    """The host's end: short APDUs in, whole replies out."""

    def __init__(self, card: SoftCard) -> None:
        self.card = card
        self.send(0xA4, 0x04, 0x00, bytes.fromhex("A000000308"))

    def send(self, ins: int, p1: int = 0, p2: int = 0, data: bytes = b"") -> tuple[bytes, int]:
        """Send one command, chained where it is long; the reply's data and status word."""
        while len(data) > 255:
            self.card.process(bytes((0x10, ins, p1, p2, 255)) + data[:255])
            data = data[255:]
        length = bytes((len(data),)) if data else b""
        answer = self.card.process(bytes((0x00, ins, p1, p2)) + length + data + b"\x00")
        reply = answer[:-2]
        while answer[-2] == 0x61:
            answer = self.card.process(bytes.fromhex("00C0000000"))
            reply += answer[:-2]
        return reply, int.from_bytes(answer[-2:])

    def status(self, ins: int, p1: int = 0, p2: int = 0, data: bytes = b"") -> int:
        return self.send(ins, p1, p2, data)[1]

    def verify(self, pin: bytes = PIN) -> int:
        return self.status(0x20, 0x00, 0x80, pin)

    def prove(self, key: bytes = ADMIN, algorithm: int = 0x03) -> int:
        """Mutual authentication with the management key; checks the card's half too."""
        cipher = Cipher(TripleDES(key) if algorithm == 0x03 else AES(key), ECB())  # noqa: S305 - the standard's way
        size = 8 if algorithm == 0x03 else 16
        reply, _ = self.send(0x87, algorithm, 0x9B, bytes.fromhex("7C028000"))
        challenge = bytes(range(size))
        witness = cipher.decryptor().update(require(reply, [0x7C, 0x80]))
        answer = encode(0x7C, encode(0x80, witness) + encode(0x81, challenge))
        reply, status = self.send(0x87, algorithm, 0x9B, answer)
        if status == OK:
            assert require(reply, [0x7C, 0x82]) == cipher.encryptor().update(challenge)
        return status

    def generate(self, slot: int, algorithm: int, more: bytes = b"") -> bytes:
        reply, status = self.send(0x47, 0x00, slot, encode(0xAC, encode(0x80, bytes((algorithm,))) + more))
        assert status == OK
        return reply

    def use(self, slot: int, algorithm: int, value: bytes, tag: int = 0x81) -> tuple[bytes, int]:
        reply, status = self.send(0x87, algorithm, slot, encode(0x7C, encode(0x82, b"") + encode(tag, value)))
        return find(reply, [0x7C, 0x82]) or b"", status
