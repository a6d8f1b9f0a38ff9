"""Data objects in files: GET DATA and PUT DATA with the file's identifier in P1 and P2 (GIDS 2.0, 9.3)."""

from __future__ import annotations

from dataclasses import replace

from cardcore.apdu import CommandApdu
from cardcore.errors import ReplyError
from cardcore.softcard.application import Refusal
from cardcore.softcard.gids import keys, pins
from cardcore.softcard.gids.algorithms import APPLICATION_FILE, FileKind
from cardcore.softcard.gids.context import COMMAND_INCOMPATIBLE, GidsContext, Operation, value_of
from cardcore.softcard.gids.files import select_file
from cardcore.softcard.gids.state import File
from cardcore.sw import Sw
from cardcore.tlv import encode, parse_one

MAX_OBJECTS = 30
_ATR_FILE = 0x2F01
_CURRENT_FILE, _NO_FILE = 0x0000, 0xFFFF
_TAG_LIST = 0x5C
_KEY = 0x70
# Card service data, and what issued the card.
_ATR_CONTENT = encode(0x43, b"\xf4") + encode(0x47, bytes.fromhex("080180")) + encode(0x46, b"cardcore")


def get_data(gids: GidsContext, command: CommandApdu) -> bytes:
    """GET DATA: of the application its PIN states and public keys, of a file the objects that 5C names."""
    place = command.p1 << 8 | command.p2
    if place == APPLICATION_FILE:
        return _of_application(gids, command.data)
    if place == _ATR_FILE:
        if command.data != encode(_TAG_LIST, b""):
            raise Refusal(Sw.REFERENCE_DATA_NOT_USABLE)
        return _ATR_CONTENT
    identifier, file = _file(gids, place)
    gids.require(file, Operation.GET)
    select_file(gids, identifier)
    wanted = value_of(command.data, _TAG_LIST)
    if wanted in (b"", bytes((_TAG_LIST,))):
        return b"".join(encode(tag, value) for tag, value in file.objects.items())
    tag = int.from_bytes(wanted)
    if tag not in file.objects:
        raise Refusal(Sw.DATA_NOT_FOUND)
    return encode(tag, file.objects[tag])


def _of_application(gids: GidsContext, request: bytes) -> bytes:
    key = value_of(request, _KEY, b"")
    if key:
        return keys.public_key(gids, key)
    wanted = value_of(request, _TAG_LIST)
    tag = int.from_bytes(wanted)
    if len(wanted) != 2 or tag not in range(0x7F71, 0x7F74):
        raise Refusal(Sw.REFERENCE_DATA_NOT_USABLE)
    return pins.pin_state(gids, tag)


def put_data(gids: GidsContext, command: CommandApdu) -> bytes:
    """PUT DATA: write one object into a file, or a key into its own; an empty object written again is deleted."""
    place = command.p1 << 8 | command.p2
    if place == APPLICATION_FILE:
        return keys.import_key(gids, command.data)
    identifier, file = _file(gids, place)
    gids.require(file, Operation.PUT)
    select_file(gids, identifier)
    try:
        item = parse_one(command.data)
    except ReplyError:
        raise Refusal(Sw.REFERENCE_DATA_NOT_USABLE) from None
    objects = {tag: value for tag, value in file.objects.items() if tag != item.tag}
    if item.value or file.objects.get(item.tag) != b"":
        objects[item.tag] = item.value
    if len(objects) > MAX_OBJECTS:
        raise Refusal(Sw.NO_SPACE)
    gids.commit(gids.state.with_file(identifier, replace(file, objects=objects)))
    return b""


def _file(gids: GidsContext, place: int) -> tuple[int, File]:
    if place == _NO_FILE:
        raise Refusal(Sw.INCORRECT_P1_P2)
    identifier = gids.environment.file if place == _CURRENT_FILE else place
    if identifier is None:
        raise Refusal(COMMAND_INCOMPATIBLE)
    file = gids.file(identifier)
    if file.header.kind is not FileKind.OBJECTS:
        raise Refusal(COMMAND_INCOMPATIBLE)
    return identifier, file
