"""The administrator: proving the admin key with GENERAL AUTHENTICATE (GIDS 2.0, 9.4), and replacing it.

Two forms. External: an empty challenge 81 asks for 8 bytes, which come back encrypted. Mutual: 16 bytes each way, then
both challenges and seven bytes of key material encrypted together, from the host and from the card. The cipher is 3DES
in CBC mode with a zero vector.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import replace

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import CBC

from cardcore.apdu import CommandApdu
from cardcore.softcard.application import Refusal
from cardcore.softcard.context import require_parameters
from cardcore.softcard.gids.algorithms import ADMIN_KEY_SIZE
from cardcore.softcard.gids.context import GidsContext, items_of, value_of
from cardcore.softcard.gids.state import File
from cardcore.sw import Sw
from cardcore.tlv import encode

FACTORY_KEY = bytes(ADMIN_KEY_SIZE)
_TEMPLATE, _CHALLENGE, _RESPONSE = 0x7C, 0x81, 0x82
_EXTERNAL, _MUTUAL = 8, 16
_MATERIAL = 7
_END = b"\x80"


def authenticate(gids: GidsContext, command: CommandApdu) -> bytes:
    """GENERAL AUTHENTICATE, one step of either form. Each challenge serves once."""
    if not gids.state.active:
        raise Refusal(Sw.NO_CURRENT_EF)
    require_parameters(command.p1, command.p2)
    fields = {item.tag: item.value for item in items_of(value_of(command.data, _TEMPLATE))}
    if _CHALLENGE in fields:
        return _challenge(gids, fields[_CHALLENGE])
    if _RESPONSE in fields:
        return _response(gids, fields[_RESPONSE])
    raise Refusal(Sw.REFERENCE_DATA_NOT_USABLE)


def _challenge(gids: GidsContext, host: bytes) -> bytes:
    if len(host) not in (0, _MUTUAL):
        raise Refusal(Sw.REFERENCE_DATA_NOT_USABLE)
    card = os.urandom(len(host) or _EXTERNAL)
    gids.security = replace(gids.security, admin=False, card_challenge=card, host_challenge=host)
    return encode(_TEMPLATE, encode(_CHALLENGE, card))


def _response(gids: GidsContext, answer: bytes) -> bytes:
    card, host = gids.security.card_challenge, gids.security.host_challenge
    gids.security = replace(gids.security, admin=False, card_challenge=b"", host_challenge=b"")
    key = _key(gids)
    if not card or not key:
        raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
    plain = _cbc(key, answer, decrypt=True) if answer and len(answer) % _EXTERNAL == 0 else b""
    known = card + host
    whole = len(known) + (_MATERIAL + len(_END) if host else 0)
    if len(plain) != whole or not hmac.compare_digest(plain[: len(known)], known):
        raise Refusal(Sw.SECURITY_STATUS)
    if host and plain[-1:] != _END:
        raise Refusal(Sw.SECURITY_STATUS)
    gids.security = replace(gids.security, admin=True)
    if not host:
        return b""
    return encode(_TEMPLATE, encode(_RESPONSE, _cbc(key, host + card + os.urandom(_MATERIAL) + _END)))


def _key(gids: GidsContext) -> bytes:
    """The key that MANAGE SECURITY ENVIRONMENT has named."""
    identifier = gids.environment.admin_key
    file: File | None = None if identifier is None else gids.state.files.get(identifier)
    return b"" if file is None else file.symmetric


def _cbc(key: bytes, data: bytes, decrypt: bool = False) -> bytes:
    machine = Cipher(TripleDES(key), CBC(bytes(8)))
    context = machine.decryptor() if decrypt else machine.encryptor()
    return context.update(data) + context.finalize()
