"""Data objects: GET DATA, GET NEXT DATA, SELECT DATA, PUT DATA (OpenPGP card 3.4, 4.4, 7.2.5 to 7.2.8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from cardcore.apdu import CommandApdu
from cardcore.softcard.application import Refusal
from cardcore.softcard.context import items_of
from cardcore.softcard.openpgp import passwords
from cardcore.softcard.openpgp.algorithms import FACTORY_ATTRIBUTES, SLOTS, Crt, key_type, supported
from cardcore.softcard.openpgp.context import Access, OpenPgpContext
from cardcore.softcard.openpgp.state import PW1, PW3, RESET_CODE, OpenPgpState
from cardcore.sw import Sw
from cardcore.tlv import encode

AID = bytes.fromhex("D276000124010304")
MANUFACTURER = bytes.fromhex("FFFE")  # of the range for serial numbers that nobody manages
_NAME, _LANGUAGE, _SEX, _LOGIN, _URL = 0x5B, 0x5F2D, 0x5F35, 0x5E, 0x5F50
_AID, _HISTORICAL, _LENGTHS, _FEATURES = 0x4F, 0x5F52, 0x7F66, 0x7F74
_APPLICATION, _CARDHOLDER, _DISCRETIONARY, _SECURITY_SUPPORT = 0x6E, 0x65, 0x73, 0x7A
_CAPABILITIES, _PASSWORD_STATUS, _COUNTER, _KEY_INFORMATION, _ALGORITHMS = 0xC0, 0xC4, 0x93, 0xDE, 0xFA
_FINGERPRINTS, _AUTHORITIES, _TIMES = 0xC5, 0xC6, 0xCD
_CERTIFICATE, _RESET_CODE = 0x7F21, 0xD3
_PRIVATE_1, _PRIVATE_2, _PRIVATE_3, _PRIVATE_4 = 0x0101, 0x0102, 0x0103, 0x0104
MAX_CERTIFICATE, _MAX_OBJECT, _MAX_NAME, _MAX_LANGUAGE = 0x2000, 0x0800, 39, 8
MAX_COMMAND = 0x0FFF
_FINGERPRINT_SIZE, _TIME_SIZE = 20, 4
_TOUCH_OFF = frozenset({bytes.fromhex("0000"), bytes.fromhex("0020")})
# Card capabilities: selection by partial name; command chaining and extended length. Then life cycle "operational".
_HISTORICAL_BYTES = bytes.fromhex("0031C573C001C0059000")
# GET CHALLENGE, key import, changeable password status, private objects, changeable attributes, KDF; MSE at the end.
_CAPABILITY_BYTES = bytes.fromhex("7D0000FF") + MAX_CERTIFICATE.to_bytes(2) + _MAX_OBJECT.to_bytes(2) + b"\x00\x01"
_NO_BUTTON = bytes.fromhex("810100")
_READ_WITH: Mapping[int, Access] = MappingProxyType({_PRIVATE_3: Access.USER, _PRIVATE_4: Access.ADMIN})
_WRITTEN_BY_USER = frozenset({_PRIVATE_1, _PRIVATE_3})


def _sizes() -> dict[int, range]:
    """The possible lengths of each object that PUT DATA writes as it is (4.4.1, 4.4.3)."""
    sizes = {_NAME: range(_MAX_NAME + 1), _LANGUAGE: range(_MAX_LANGUAGE + 1), _SEX: range(2)}
    sizes |= dict.fromkeys((_LOGIN, _URL, _PRIVATE_1, _PRIVATE_2, _PRIVATE_3, _PRIVATE_4), range(_MAX_OBJECT + 1))
    for slot in SLOTS.values():
        sizes |= dict.fromkeys((slot.fingerprint, slot.authority), range(_FINGERPRINT_SIZE, _FINGERPRINT_SIZE + 1))
        sizes[slot.time] = range(_TIME_SIZE, _TIME_SIZE + 1)
    return sizes


def initial_objects() -> dict[int, bytes]:
    """What a new card holds: empty names, no sex announced, factory attributes, no fingerprints, no KDF."""
    objects = {tag: b"" if 0 in allowed else bytes(allowed[0]) for tag, allowed in _sizes().items()}
    objects |= {_LANGUAGE: b"en", _SEX: b"9", passwords.KDF_DO: passwords.NO_KDF}
    for slot in SLOTS.values():
        objects |= {slot.attributes: FACTORY_ATTRIBUTES, slot.touch: bytes.fromhex("0000")}
    return objects


def get_data(card: OpenPgpContext, command: CommandApdu) -> bytes:
    """GET DATA: the object that P1-P2 name; 6E comes with its tag, the others as their value."""
    tag = command.p1 << 8 | command.p2
    if command.data:
        raise Refusal(Sw.WRONG_LENGTH)
    if tag in _READ_WITH:
        card.require(_READ_WITH[tag])
    if tag == _CERTIFICATE:
        return card.state.certificates[card.security.certificate]
    return _value(card.state, tag)


def get_next_data(card: OpenPgpContext, command: CommandApdu) -> bytes:
    """GET NEXT DATA (7.2.7): the next of the three certificates."""
    if command.p1 << 8 | command.p2 != _CERTIFICATE or card.security.certificate + 1 >= len(SLOTS):
        raise Refusal(Sw.DATA_NOT_FOUND)
    card.security = replace(card.security, certificate=card.security.certificate + 1)
    return get_data(card, command)


def select_data(card: OpenPgpContext, command: CommandApdu) -> bytes:
    """SELECT DATA (7.2.5): which of the certificates, counted from 0, the commands after this one mean."""
    wanted = encode(0x60, encode(0x5C, _CERTIFICATE.to_bytes(2)))
    if command.p2 & 0x04 != 0x04 or command.p1 >= len(SLOTS):
        raise Refusal(Sw.INCORRECT_P1_P2)
    if command.data != wanted:
        raise Refusal(Sw.DATA_NOT_FOUND)
    card.security = replace(card.security, certificate=command.p1)
    return b""


def _value(state: OpenPgpState, tag: int) -> bytes:
    maker = _COMPOSED.get(tag)
    if maker is not None:
        return maker(state)
    if tag in state.objects:
        return state.objects[tag]
    raise Refusal(Sw.DATA_NOT_FOUND)


def _objects(state: OpenPgpState, *tags: int) -> bytes:
    return b"".join(encode(tag, _value(state, tag)) for tag in tags)


def _application_data(state: OpenPgpState) -> bytes:
    return encode(_APPLICATION, _objects(state, _AID, _HISTORICAL, _LENGTHS, _FEATURES, _DISCRETIONARY))


def _discretionary(state: OpenPgpState) -> bytes:
    attributes = [slot.attributes for slot in SLOTS.values()]
    touch = [slot.touch for slot in SLOTS.values()]
    after = (_PASSWORD_STATUS, _FINGERPRINTS, _AUTHORITIES, _TIMES, _KEY_INFORMATION)
    return _objects(state, _CAPABILITIES, *attributes, *after, *touch)


def identifier(state: OpenPgpState) -> bytes:
    """The whole AID: version 3.4, manufacturer, serial number, two bytes for the future (4.2.1)."""
    return AID + MANUFACTURER + state.serial + bytes(2)


def _password_status(state: OpenPgpState) -> bytes:
    """PW status bytes (4.4.2): PW1 for several signatures, the three greatest lengths, the three counters."""
    longest = bytes((passwords.MAX_SIZE,)) * 3
    left = bytes(state.passwords[role].left for role in (PW1, RESET_CODE, PW3))
    return bytes((not state.pin_each_time,)) + longest + left


def _key_information(state: OpenPgpState) -> bytes:
    """Key number and status of each key: 0 not there, 1 generated, 2 imported (4.4.3.8)."""
    status = {crt: 0 if crt not in state.keys else 1 if state.keys[crt].generated else 2 for crt in SLOTS}
    return b"".join(bytes((slot.number, status[crt])) for crt, slot in SLOTS.items())


def _algorithm_information(state: OpenPgpState) -> bytes:
    return b"".join(encode(slot.attributes, one) for crt, slot in SLOTS.items() for one in supported(crt))


def _lengths(state: OpenPgpState) -> bytes:
    """Extended length information (4.1.3.1): most bytes in a command, and in a response."""
    return encode(0x02, MAX_COMMAND.to_bytes(2)) * 2


_COMPOSED: Mapping[int, Callable[[OpenPgpState], bytes]] = MappingProxyType(
    {
        _AID: identifier,
        _HISTORICAL: lambda state: _HISTORICAL_BYTES,
        _LENGTHS: _lengths,
        _FEATURES: lambda state: _NO_BUTTON,
        _APPLICATION: _application_data,
        _CARDHOLDER: lambda state: _objects(state, _NAME, _LANGUAGE, _SEX),
        _DISCRETIONARY: _discretionary,
        _SECURITY_SUPPORT: lambda state: _objects(state, _COUNTER),
        _CAPABILITIES: lambda state: _CAPABILITY_BYTES,
        _PASSWORD_STATUS: _password_status,
        _COUNTER: lambda state: state.signatures.to_bytes(3),
        _KEY_INFORMATION: _key_information,
        _ALGORITHMS: _algorithm_information,
        _FINGERPRINTS: lambda state: b"".join(state.objects[slot.fingerprint] for slot in SLOTS.values()),
        _AUTHORITIES: lambda state: b"".join(state.objects[slot.authority] for slot in SLOTS.values()),
        _TIMES: lambda state: b"".join(state.objects[slot.time] for slot in SLOTS.values()),
    }
)


def put_data(card: OpenPgpContext, command: CommandApdu) -> bytes:
    """PUT DATA (7.2.8): replace an object's value. Wants PW3, for two of the private objects PW1 in mode 82."""
    tag, value = command.p1 << 8 | command.p2, command.data
    card.require(Access.USER if tag in _WRITTEN_BY_USER else Access.ADMIN)
    special = _WRITERS.get(tag)
    if special is not None:
        special(card, value)
        return b""
    allowed = _sizes().get(tag)
    if allowed is None:
        raise Refusal(Sw.DATA_NOT_FOUND)
    if len(value) not in allowed:
        raise Refusal(Sw.WRONG_LENGTH)
    card.commit(card.state.with_object(tag, value))
    return b""


def _put_certificate(card: OpenPgpContext, value: bytes) -> None:
    if len(value) > MAX_CERTIFICATE:
        raise Refusal(Sw.WRONG_LENGTH)
    certificates = list(card.state.certificates)
    certificates[card.security.certificate] = value
    card.commit(replace(card.state, certificates=tuple(certificates)))


def _put_password_status(card: OpenPgpContext, value: bytes) -> None:
    """Only the first byte can be changed: 00 PW1 is good for one signature, 01 for several."""
    if value[:1] not in (b"\x00", b"\x01") or len(value) > 4:
        raise Refusal(Sw.INCORRECT_DATA)
    card.commit(replace(card.state, pin_each_time=value[0] == 0))


def _put_attributes(crt: Crt, card: OpenPgpContext, value: bytes) -> None:
    """New algorithm attributes. A key of another type goes, with its fingerprint and time (4.4.3.9)."""
    slot, state = SLOTS[crt], card.state
    try:
        changed = key_type(crt, value) != key_type(crt, state.objects[slot.attributes])
    except ValueError:
        raise Refusal(Sw.INCORRECT_DATA) from None
    state = state.with_object(slot.attributes, value)
    if changed:
        state = state.with_key(crt, None).with_object(slot.fingerprint, bytes(_FINGERPRINT_SIZE))
        state = state.with_object(slot.time, bytes(_TIME_SIZE))
    card.commit(state)


def _put_touch(tag: int, card: OpenPgpContext, value: bytes) -> None:
    """User interaction flag (4.4.3.6): this card has nothing to touch, so it can only be off."""
    if value not in _TOUCH_OFF:
        raise Refusal(Sw.INCORRECT_DATA)
    card.commit(card.state.with_object(tag, value))


def _attribute_writer(crt: Crt) -> Callable[[OpenPgpContext, bytes], None]:
    return lambda card, value: _put_attributes(crt, card, value)


def _touch_writer(tag: int) -> Callable[[OpenPgpContext, bytes], None]:
    return lambda card, value: _put_touch(tag, card, value)


_WRITERS: Mapping[int, Callable[[OpenPgpContext, bytes], None]] = MappingProxyType(
    {
        _CERTIFICATE: _put_certificate,
        _PASSWORD_STATUS: _put_password_status,
        _RESET_CODE: passwords.set_reset_code,
        passwords.KDF_DO: passwords.set_kdf,
        **{slot.attributes: _attribute_writer(crt) for crt, slot in SLOTS.items()},
        **{slot.touch: _touch_writer(slot.touch) for slot in SLOTS.values()},
    }
)


def private_key_of(data: bytes) -> tuple[Crt, list[tuple[int, int]], bytes]:
    """What an extended header list 4D (4.4.3.12) brings: the key's slot, tags and lengths of its parts, the parts."""
    outer = items_of(data)
    inner = items_of(outer[0].value) if len(outer) == 1 and outer[0].tag == 0x4D else []
    if len(inner) != 3 or [item.tag for item in inner[1:]] != [0x7F48, 0x5F48] or inner[0].tag not in set(Crt):
        raise Refusal(Sw.INCORRECT_DATA)
    return Crt(inner[0].tag), _tags_and_lengths(inner[1].value), inner[2].value


def _tags_and_lengths(data: bytes) -> list[tuple[int, int]]:
    """The template 7F48: tags of one byte, each with a length but without its value."""
    parts, place = [], 0
    while place < len(data):
        tag, first, place = data[place], data[place + 1 : place + 2], place + 2
        more = first[0] & 0x7F if first and first[0] & 0x80 else 0
        length = int.from_bytes(data[place : place + more]) if more else int.from_bytes(first)
        place += more
        if not first or place > len(data):
            raise Refusal(Sw.INCORRECT_DATA)
        parts.append((tag, length))
    return parts
