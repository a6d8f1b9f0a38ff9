"""Reads the parts of a profile that describe the card: match, limits, PINs, admin key, data objects."""

from __future__ import annotations

import re
from collections.abc import Collection

from cardcore.pin import PinEncoding, PinKdf, PinSpec
from cardcore.profile import reader
from cardcore.profile.model import ADMIN, Admin, Extended, Limits, Masked, Match, ReplyMatch
from cardcore.profile.replies import read_path
from cardcore.profile.tree import MapNode, Place, Scalar, Tree, shown
from cardcore.profile.vocabulary import CIPHERS, PROCEDURES

PIN_KEYS = ("ref", "label", "length", "encoding", "digits", "pad", "unblock", "tries", "kdf")
ADMIN_KEYS = ("ref", "procedure", "ciphers", "default", "pin")
LIMIT_KEYS = ("send", "receive", "extended", "chaining")
MATCH_KEYS = ("aid", "atr", "usual_atr", "reply")
ATR_PATTERN = r"([0-9A-Fa-fxX.]{2})+"
NO_TRIES = "none"

_ATR = re.compile(ATR_PATTERN)
_SHORT = Limits()
_MAX_CHARACTERS = 255
_FORMAT_2_DIGITS = 14
_DIGITS_ONLY = frozenset({PinEncoding.BCD, PinEncoding.FORMAT_2})


def read_match(node: Tree) -> Match:
    """How the card is recognised; all that is given must hold, the items of a list are alternatives."""
    section = reader.section(node, MATCH_KEYS, "a match")
    aids = section.read("aid", _aids, ())
    atrs = section.read("atr", _atrs, ())
    if not aids and not atrs:
        raise section.place.error("a match needs an aid, an atr, or both")
    reply = section.get("reply")
    if reply is not None and not aids:
        raise reply.place.error("a reply to match comes from SELECT, so an aid is needed")
    usual = section.read("usual_atr", _atrs, ())
    return Match(aids=aids, atrs=atrs, usual=usual, reply=None if reply is None else _reply_match(reply))


def _aids(node: Tree) -> tuple[bytes, ...]:
    """Application identifiers of 5 to 16 bytes (ISO 7816-4:2020, 12.2.3)."""
    found: dict[bytes, None] = {}
    for item in reader.one_or_more(node):
        aid = reader.hex_bytes(item, 5, 16)
        if aid in found:
            raise item.place.error(f"the aid {shown(item)} stands twice")
        found[aid] = None
    return tuple(found)


def _atrs(node: Tree) -> tuple[Masked, ...]:
    return tuple(_masked(item) if isinstance(item, MapNode) else _pattern(item) for item in reader.one_or_more(node))


def _pattern(node: Tree) -> Masked:
    """An ATR in which `.` and `x` stand for any hexadecimal digit."""
    if not isinstance(node, Scalar) or node.plain or not _ATR.fullmatch(node.text) or not 4 <= len(node.text) <= 66:
        raise node.place.error(
            f'expected an ATR in quotes, as "3BF.18..", found {shown(node)}',
            "Pairs of hexadecimal digits, 2 to 33 of them; a dot stands for any digit.",
        )
    value = re.sub("[xX.]", "0", node.text)
    mask = "".join("0" if digit in "xX." else "F" for digit in node.text)
    return Masked(value=bytes.fromhex(value), mask=bytes.fromhex(mask))


def _masked(node: Tree) -> Masked:
    section = reader.section(node, ("value", "mask"), "a masked ATR")
    value = reader.hex_bytes(section.need("value"), 2, 33)
    mask_node = section.need("mask")
    mask = reader.hex_bytes(mask_node, 2, 33)
    if len(mask) != len(value):
        raise mask_node.place.error(f"expected a mask of {len(value)} bytes, as long as the value, found {len(mask)}")
    return Masked(value=value, mask=mask)


def _reply_match(node: Tree) -> ReplyMatch:
    section = reader.section(node, ("path", "value"), "a reply to match")
    path = section.read("path", read_path, ())
    return ReplyMatch(path=path, value=reader.hex_bytes(section.need("value"), 1))


def read_limits(node: Tree) -> Limits:
    """Length limits; without extended length they cannot exceed what short length fields hold."""
    section = reader.section(node, LIMIT_KEYS, "limits")
    extended = section.read("extended", _extended, Extended.NO)
    send_limit, receive_limit = (_SHORT.send, _SHORT.receive) if extended is Extended.NO else (65535, 65536)
    return Limits(
        send=section.read("send", lambda value: reader.integer(value, 1, send_limit), _SHORT.send),
        receive=section.read("receive", lambda value: reader.integer(value, 1, receive_limit), _SHORT.receive),
        extended=extended,
        chaining=section.read("chaining", reader.boolean, True),
    )


def _extended(node: Tree) -> Extended:
    word = reader.choice(node, ("true", "false", "atr"))
    return {"true": Extended.YES, "false": Extended.NO, "atr": Extended.ATR}[word]


def read_pins(node: Tree, problems: reader.Problems) -> dict[str, PinSpec]:
    """The PINs by name; what unblocks one is another that is there too, or the admin key."""
    pins: dict[str, PinSpec] = {}
    refs: dict[int, str] = {}
    unblocks: list[tuple[Place, str]] = []
    entries = problems.attempt((), reader.entries, node, "a mapping of PINs")
    names = [key.text for key, _ in entries]
    for key, value in entries:
        spec = problems.attempt(None, _pin, key, value)
        if spec is None:
            continue
        pins[spec.name] = spec
        if spec.ref in refs:
            problems.note(value.place, f"the PINs {refs[spec.ref]} and {spec.name} have the same ref 0x{spec.ref:02X}")
        refs.setdefault(spec.ref, spec.name)
        if spec.unblock:
            unblocks.append((reader.section(value, PIN_KEYS, "a PIN").need("unblock").place, spec.unblock))
    for place, unblock in unblocks:
        if unblock != ADMIN:
            problems.attempt(None, known_pin, place, unblock, names)
    return pins


def known_pin(place: Place, name: str, names: Collection[str]) -> None:
    """ProfileError if there is no PIN of that name."""
    if name not in names:
        hint = reader.suggestion(name, names) or f"PINs: {', '.join(names) or 'none'}."
        raise place.error(f"there is no PIN named {name}", hint)


def _pin(key: Scalar, node: Tree) -> PinSpec:
    name = reader.name(key)
    section = reader.section(node, PIN_KEYS, "a PIN")
    encoding = section.read("encoding", lambda value: reader.form(value, PinEncoding), PinEncoding.ASCII)
    minimum, maximum = _length(section.need("length"), encoding)
    pad_byte, pad_to = _pad(section, encoding, maximum)
    unblock = section.get("unblock")
    if unblock is not None and reader.name(unblock) == name:
        raise unblock.place.error("a PIN cannot unblock itself")
    return PinSpec(
        name=name,
        ref=reader.integer(section.need("ref"), 0, 0xFF),
        minimum=minimum,
        maximum=maximum,
        label=section.read("label", reader.text, ""),
        encoding=encoding,
        digits=_digits(section, encoding),
        pad_byte=pad_byte,
        pad_to=pad_to,
        unblock="" if unblock is None else reader.name(unblock),
        tries=section.read("tries", _tries, "retries"),
        kdf=section.read("kdf", lambda value: reader.form(value, PinKdf), None),
    )


def _tries(node: Tree) -> str:
    word = reader.choice(node, ("retries", "tries", NO_TRIES))
    return "" if word == NO_TRIES else word


def _length(node: Tree, encoding: PinEncoding) -> tuple[int, int]:
    bounds = reader.items(node)
    if len(bounds) != 2:
        raise node.place.error(f"expected two lengths, as [4, 8], found {len(bounds)}")
    minimum, maximum = (reader.integer(bound, 1, _MAX_CHARACTERS) for bound in bounds)
    if minimum > maximum:
        raise node.place.error(f"the least length {minimum} is greater than the greatest {maximum}")
    if encoding is PinEncoding.FORMAT_2 and maximum > _FORMAT_2_DIGITS:
        raise bounds[1].place.error(f"a format 2 block holds at most {_FORMAT_2_DIGITS} digits, found {maximum}")
    if encoding is PinEncoding.HEX and (minimum % 2 or maximum % 2):
        raise node.place.error("a PIN in hexadecimal digits has an even length", "Two digits make one byte.")
    return minimum, maximum


def _pad(section: reader.Section, encoding: PinEncoding, maximum: int) -> tuple[int, int]:
    """Pad byte and block size in bytes; the longest PIN must fit into the block."""
    node = section.get("pad")
    if node is None:
        return 0, 0
    if encoding is PinEncoding.FORMAT_2:
        raise node.place.error("a format 2 block is 8 bytes long by itself", "Remove `pad`.")
    pad = reader.section(node, ("byte", "to"), "the padding")
    byte = reader.integer(pad.need("byte"), 0, 0xFF)
    to_node = pad.need("to")
    size = reader.integer(to_node, 1, _MAX_CHARACTERS)
    longest = maximum if encoding is PinEncoding.ASCII else (maximum + 1) // 2
    if longest > size:
        raise to_node.place.error(f"the longest PIN has {longest} bytes, the block only {size}")
    return byte, size


def _digits(section: reader.Section, encoding: PinEncoding) -> bool:
    digits = section.read("digits", reader.boolean, encoding in _DIGITS_ONLY)
    if encoding in _DIGITS_ONLY and not digits:
        raise section.need("digits").place.error(f"the encoding {encoding.value} can hold digits only")
    return digits


def read_admin(node: Tree) -> Admin:
    """How the administrator authenticates."""
    section = reader.section(node, ADMIN_KEYS, "the admin key")
    if section.get("pin") is not None:
        return _admin_with_pin(section)
    ciphers = _ciphers(section.need("ciphers"))
    default = section.get("default")
    return Admin(
        ref=reader.integer(section.need("ref"), 0, 0xFF),
        procedure=reader.choice(section.need("procedure"), PROCEDURES),
        ciphers=ciphers,
        default_cipher="" if default is None else reader.choice(default, ciphers),
    )


def _admin_with_pin(section: reader.Section) -> Admin:
    for key in ("ref", "procedure", "ciphers", "default"):
        node = section.get(key)
        if node is not None:
            raise node.place.error(f"`{key}` is for admin keys, and the administrator has a PIN", "Remove it.")
    return Admin(ref=0, procedure="", ciphers={}, pin=reader.name(section.need("pin")))


def _ciphers(node: Tree) -> dict[str, int]:
    entries = reader.entries(node, "a mapping of ciphers to their identifiers")
    ciphers = {reader.choice(key, CIPHERS): reader.integer(value, 0, 0xFF) for key, value in entries}
    if len(set(ciphers.values())) != len(ciphers):
        raise node.place.error("two ciphers have the same identifier")
    return ciphers


def read_objects(node: Tree) -> dict[str, bytes]:
    """Identifiers of data objects or files by name."""
    entries = reader.entries(node, "a mapping of objects")
    return {reader.name(key): reader.hex_bytes(value, 1, 32) for key, value in entries}
