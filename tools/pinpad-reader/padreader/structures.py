"""What a reader reads in PIN_VERIFY and PIN_MODIFY structures, and how it puts digits into a command.

PC/SC part 10, 2.5.2 and 2.5.3; the bit fields are those of CCID 1.1, 6.1.11.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_VERIFY = struct.Struct("<BBBBBBBBBHB3sI")
_MODIFY = struct.Struct("<BBBBBBBBBBBBHBBB3sI")
_BCD, _ASCII = 1, 2


class Malformed(Exception):
    """The structure is none, or asks for what no reader can do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the reader is to do: ask for these PINs, put them there, send the command.

    `offsets` are those of the old and the new PIN in the data field; `confirm` says that the new one is asked for
    twice, `old` that there is an old one. In a verification the PIN is the old one.
    """

    seconds: int
    second_seconds: int
    format: int
    block: int
    length: int
    minimum: int
    maximum: int
    condition: int
    messages: int
    command: bytes
    old: bool = True
    new: bool = False
    confirm: bool = False
    offsets: tuple[int, int] = (0, 0)

    @property
    def variable(self) -> bool:
        """Whether the PIN goes into the command as long as it is."""
        return self.block & 0x0F == 0

    def position(self) -> int:
        """Where digits begin after the PIN's offset, in bytes."""
        position = self.format >> 3 & 0x0F
        return position if self.format & 0x80 else position // 8


def parse_verify(raw: bytes) -> Job:
    """PIN_VERIFY_STRUCTURE."""
    fields, command = _split(_VERIFY, raw)
    timer, timer2, form, block, length, most, least, condition, messages = fields[:9]
    return Job(
        seconds=timer,
        second_seconds=timer2,
        format=form,
        block=block,
        length=length,
        minimum=least,
        maximum=most,
        condition=condition,
        messages=messages,
        command=command,
    )


def parse_modify(raw: bytes) -> Job:
    """PIN_MODIFY_STRUCTURE."""
    fields, command = _split(_MODIFY, raw)
    timer, timer2, form, block, length, first, second, most, least, confirm, condition, messages = fields[:12]
    return Job(
        seconds=timer,
        second_seconds=timer2,
        format=form,
        block=block,
        length=length,
        minimum=least,
        maximum=most,
        condition=condition,
        messages=messages,
        command=command,
        old=bool(confirm & 2),
        new=True,
        confirm=bool(confirm & 1),
        offsets=(first, second),
    )


def _split(layout: struct.Struct, raw: bytes) -> tuple[tuple[int, ...], bytes]:
    if len(raw) < layout.size + 4:
        raise Malformed(f"{len(raw)} bytes")
    fields, command = layout.unpack_from(raw), raw[layout.size :]
    if fields[-1] != len(command):
        raise Malformed(f"ulDataLength {fields[-1]}, {len(command)} bytes of data")
    return fields, command


def fill(job: Job, pins: list[str]) -> bytes:
    """The command with the digits in it: the old PIN first where there is one, then the new one."""
    header, body = job.command[:4], job.command[4:]
    data = bytearray(body[1:])
    if body and body[0] != len(data):
        raise Malformed(f"Lc {body[0]}, {len(data)} bytes of data")
    offsets = list(job.offsets if len(pins) == 2 else job.offsets[job.new :][:1])
    for number, (pin, offset) in enumerate(zip(pins, offsets, strict=True)):
        if job.variable:
            offset += sum(len(_digits(job, earlier)) for earlier in pins[:number])
            data[offset:offset] = _digits(job, pin)
        else:
            _overwrite(job, data, offset, pin)
    return header + bytes((len(data),)) + bytes(data)


def _digits(job: Job, pin: str) -> bytes:
    if job.format & 0x03 == _ASCII:
        return pin.encode("ascii")
    if job.format & 0x03 == _BCD and len(pin) % 2 == 0:
        return bytes.fromhex(pin)
    raise Malformed(f"bmFormatString {job.format:02X} for {len(pin)} digits of variable length")


def _overwrite(job: Job, data: bytearray, offset: int, pin: str) -> None:
    """Put the digits over the template, and their number where that is asked for; the rest is padding already."""
    start = offset + job.position()
    whole = data[start:].hex()
    typed = pin.encode("ascii").hex() if job.format & 0x03 == _ASCII else pin
    if len(typed) > 2 * (job.block & 0x0F) or len(typed) > len(whole):
        raise Malformed(f"{len(pin)} digits do not fit in the block")
    data[start:] = bytes.fromhex(typed + whole[len(typed) :])
    bits = job.block >> 4
    if not bits:
        return
    place = job.length & 0x0F if not job.length & 0x10 else (job.length & 0x0F) * 8
    shift = 8 - place % 8 - bits
    if shift < 0:
        raise Malformed("the length does not fit in one byte")
    mask = (1 << bits) - 1 << shift
    where = offset + place // 8
    data[where] = data[where] & ~mask & 0xFF | len(pin) << shift & mask
