"""Which bytes of a command are secret, and commands as text without them.

Two sources are joined: the `Mask` that the sender of a command gives, because it knows where it put a PIN, and
`mask_of`, which goes by the instruction alone and needs nobody's help. Masked text keeps its length.
"""

from __future__ import annotations

from dataclasses import dataclass

from cardcore.apdu import CommandApdu
from cardcore.errors import ReplyError

HIDDEN_BYTE = "**"

_HEADER_SIZE = 4
_CHAINING = 0x10
_PUT_DATA = 0xDA
_PUT_DATA_TLV = 0xDB

# Instructions whose whole data field is taken for secret, in every class (ISO 7816-4:2020, 11.6; 7816-8).
# ENVELOPE is among them because it may carry any of the others.
_SECRET_INSTRUCTIONS = frozenset(
    {
        *(0x20, 0x21),  # VERIFY
        *(0x24, 0x25),  # CHANGE REFERENCE DATA
        *(0x26, 0x27),  # DISABLE VERIFICATION REQUIREMENT
        *(0x28, 0x29),  # ENABLE VERIFICATION REQUIREMENT
        *(0x2C, 0x2D),  # RESET RETRY COUNTER
        0x50,  # initialisation with the first PINs, an extension
        *(0xC2, 0xC3),  # ENVELOPE
        *(0xD8, 0xD9),  # PUT KEY
        0xFE,  # import of an asymmetric key, a widespread extension
        0xFF,  # set management key, a widespread extension
    }
)
# PUT DATA with the object's tag in P1-P2: resetting code, secure messaging keys, symmetric key; 01xx are PIN records.
_SECRET_OBJECTS = frozenset({0x00D1, 0x00D2, 0x00D3, 0x00D5, 0x00F4})
_PIN_RECORDS = 0x01
# PUT DATA with a template in its data field that loads a key: extended header list, private key, key container.
_KEY_TEMPLATES = (b"\x4d", b"\x7f\x48", b"\x70")
# The data object in which some tools keep an admin key behind the PIN, as GET DATA and PUT DATA name it.
_GET_DATA = 0xCB
_KEPT_KEY = bytes.fromhex("5c035fc109")
_GET_RESPONSE = 0xC0
# What comes out in plain: PERFORM SECURITY OPERATION with that in P1 (ISO 7816-8), and GENERAL AUTHENTICATE
# with a key for key management, today's or a retired one (SP 800-73-4).
_SECURITY_OPERATION, _PLAIN_VALUE = 0x2A, 0x80
_GENERAL_AUTHENTICATE = frozenset({0x86, 0x87})
_KEY_MANAGEMENT = frozenset({0x9D, *range(0x82, 0x96)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """Which bytes of one exchange are secret.

    `command` holds (start, end) offsets into the encoded command; `reply` says that the whole data
    field of the response is secret. Recorders and logs must not show what a mask covers.
    """

    command: tuple[tuple[int, int], ...] = ()
    reply: bool = False


OPEN = Mask()


def mask_of(command: bytes) -> Mask:
    """What is secret in one encoded command by its instruction (ISO 7816-4:2020, 11.6), whatever its class.

    Blocks after the first of a chain that loads a key need `ChainMasker`. A command whose length fields
    are wrong is masked from the end of its header.
    """
    return _mask(command, secret=_is_secret(command), reply=_answers_secret(command))


def join(first: Mask, second: Mask) -> Mask:
    """A mask that covers what either covers."""
    if first == OPEN:
        return second
    if second == OPEN:
        return first
    return Mask(command=first.command + second.command, reply=first.reply or second.reply)


class ChainMasker:
    """Masks a sequence of commands, and remembers what a chain began with (ISO 7816-4:2020, 5.3.3 and 5.3.4).

    With `shows_plain` what a card deciphers is left to be seen: by the person alone who asked for it.
    """

    def __init__(self, *, shows_plain: bool = False) -> None:
        self._chain: tuple[bytes, bool] | None = None
        self._answers = OPEN
        self._shows_plain = shows_plain

    def mask(self, command: bytes, given: Mask = OPEN) -> Mask:
        """What is secret in the next command: what `given` covers, and what the instruction says."""
        header = command[1:_HEADER_SIZE]
        secret = _is_secret(command) or self._chain == (header, True)
        self._chain = (header, secret) if command and command[0] & _CHAINING else None
        if header[:1] != bytes((_GET_RESPONSE,)):
            self._answers = Mask(reply=given.reply or _answers_secret(command, shows_plain=self._shows_plain))
        return join(given, _mask(command, secret=secret, reply=self._answers.reply))


def redact(command: bytes, mask: Mask) -> str:
    """The command in lower-case hex, with `**` for each byte that the mask covers."""
    if not mask.command:
        return command.hex()
    hidden = {offset for start, end in mask.command for offset in range(max(start, 0), min(end, len(command)))}
    return "".join(HIDDEN_BYTE if offset in hidden else f"{byte:02x}" for offset, byte in enumerate(command))


def redact_reply(reply: bytes, mask: Mask) -> str:
    """The response in lower-case hex, with `**` for each byte of its data field if the mask covers it."""
    if not mask.reply:
        return reply.hex()
    return HIDDEN_BYTE * len(reply[:-2]) + reply[-2:].hex()


def _is_secret(command: bytes) -> bool:
    if len(command) <= _HEADER_SIZE:
        return False
    instruction, p1_p2 = command[1], int.from_bytes(command[2:4])
    if instruction in _SECRET_INSTRUCTIONS:
        return True
    if instruction == _PUT_DATA and (p1_p2 in _SECRET_OBJECTS or p1_p2 >> 8 == _PIN_RECORDS):
        return True
    if instruction in (_PUT_DATA, _PUT_DATA_TLV):
        start, end = _data_span(command)
        return start == _HEADER_SIZE or _loads_key(command[start:end], goes_on=bool(command[0] & _CHAINING))
    return False


def _loads_key(data: bytes, *, goes_on: bool) -> bool:
    """Whether a data field begins like one that loads a key, or may still do so in the next command of a chain."""
    beginnings = (*_KEY_TEMPLATES, _KEPT_KEY)
    return data.startswith(beginnings) or (goes_on and any(beginning.startswith(data) for beginning in beginnings))


def _answers_secret(command: bytes, *, shows_plain: bool = False) -> bool:
    """Whether the answer is a key, or what a key has deciphered."""
    if len(command) <= _HEADER_SIZE:
        return False
    instruction, p1, p2 = command[1:_HEADER_SIZE]
    if instruction == _GET_DATA:
        start, end = _data_span(command)
        return command[start:end] == _KEPT_KEY
    if shows_plain:
        return False
    deciphers = instruction == _SECURITY_OPERATION and p1 == _PLAIN_VALUE
    return deciphers or (instruction in _GENERAL_AUTHENTICATE and p2 in _KEY_MANAGEMENT)


def _mask(command: bytes, *, secret: bool, reply: bool) -> Mask:
    """A mask of the whole data field if it is secret, and of the reply if that is."""
    start, end = _data_span(command)
    return Mask(command=((start, end),) if secret and start < end else (), reply=reply)


def _data_span(command: bytes) -> tuple[int, int]:
    """Where the data field begins and ends; all that follows the header where the length fields are wrong."""
    try:
        decoded = CommandApdu.decode(command)
    except ReplyError:
        return _HEADER_SIZE, len(command)
    return decoded.data_offset, decoded.data_offset + len(decoded.data)
