"""What exactly is sent to a card so that it signs or decrypts what was asked for, and nothing else.

The profile says in which form the card wants its input; this module decides between the algorithms of a profile and
computes that form. A request that the card cannot do as asked is refused here, before anything is sent.
"""

from __future__ import annotations

from typing import NamedTuple

from cardcore import padding
from cardcore.errors import InputError, NotSupported, ReplyError, StatusError
from cardcore.keytypes import KeyType, Kind
from cardcore.padding import MD5SHA1
from cardcore.profile.model import Algorithm, DecipherResult, InputForm, Profile, Scheme, SignatureForm
from cardcore.sw import Sw

_HOST_PADS = frozenset({InputForm.PADDED})
_MOST_DROPPED = 8
_UNCOMPRESSED = 0x04
_DECIPHER_SCHEMES = frozenset({Scheme.PKCS1, Scheme.OAEP})


class SignRequest(NamedTuple):
    """A signature as the caller wants it: scheme, hash name, hash value, with or without the hash's OID.

    `message` is what was hashed, where the caller has it: some cards hash themselves.
    """

    scheme: Scheme
    hash_name: str
    value: bytes
    oid: bool = True
    message: bytes | None = None


def default_scheme(kind: KeyType) -> Scheme:
    """The scheme where none was asked for: PKCS #1 v1.5 for RSA, ECDSA for elliptic curves."""
    return Scheme.PKCS1 if kind.kind is Kind.RSA else Scheme.ECDSA


def request_for(
    kind: KeyType,
    data: bytes,
    *,
    hash_name: str = "sha256",
    scheme: Scheme | None = None,
    oid: bool = True,
    prehashed: bool = False,
) -> SignRequest:
    """Check a caller's wishes and hash the data; InputError for a combination that means nothing."""
    chosen = scheme or default_scheme(kind)
    if (chosen is Scheme.ECDSA) != (kind.kind is Kind.EC) or chosen is Scheme.OAEP:
        raise InputError(f"the scheme {chosen} does not go with a key of type {kind.name}")
    if hash_name == MD5SHA1 and chosen is not Scheme.PKCS1:
        raise InputError(f"the hash {MD5SHA1} is for PKCS #1 signatures only")
    value = data if prehashed else padding.digest(hash_name, data)
    if len(value) != padding.digest_size(hash_name):
        raise InputError(
            f"{len(value)} bytes are not a {hash_name} value", hint=f"It has {padding.digest_size(hash_name)} bytes."
        )
    return SignRequest(
        scheme=chosen,
        hash_name=hash_name,
        value=value,
        oid=oid and hash_name != MD5SHA1 and chosen is Scheme.PKCS1,
        message=None if prehashed else data,
    )


def choose_for_signing(profile: Profile, kind: KeyType, request: SignRequest, *, checked: bool = False) -> Algorithm:
    """The algorithm of the profile that makes the signature as asked for; NotSupported, with the reason, if none.

    `checked` says that the key was seen to look into what it signs: `digest-info` is `digest-info-checked` for it.
    """
    reasons: list[str] = []
    for algorithm in profile.algorithms.values():
        if kind.name not in algorithm.types or algorithm.sign is None:
            continue
        reason = _refusal(algorithm, request, checked=checked)
        if not reason:
            return algorithm
        reasons.append(reason)
    reason = reasons[0] if reasons else f"its profile has no signature with keys of type {kind.name}"
    raise NotSupported(f"this card cannot make that signature: {reason}")


def _refusal(algorithm: Algorithm, request: SignRequest, *, checked: bool) -> str:
    """Why the algorithm cannot do exactly what was asked for; empty if it can."""
    form = algorithm.sign
    if form in _HOST_PADS:
        return "an elliptic-curve signature has no padding" if request.scheme is Scheme.ECDSA else ""
    served = algorithm.scheme or (Scheme.ECDSA if _is_ecdsa(algorithm) else Scheme.PKCS1)
    if request.scheme is not served:
        return f"its algorithm {algorithm.name} makes {served} signatures, not {request.scheme}"
    if algorithm.hashes and request.hash_name not in algorithm.hashes:
        return f"its algorithm {algorithm.name} takes {', '.join(algorithm.hashes)} only, not {request.hash_name}"
    if form is InputForm.MESSAGE and request.message is None:
        return "the card hashes the message itself, and only its hash was given"
    if request.scheme is Scheme.PKCS1 and not request.oid and (checked or form is not InputForm.DIGEST_INFO):
        return "the card insists on the hash's OID, and a signature without it was asked for"
    return ""


def explained(error: StatusError, request: SignRequest) -> NotSupported | None:
    """The card's refusal in words, where the missing OID is what it minds: some look into what they are to sign."""
    bare = request.scheme is Scheme.PKCS1 and not request.oid
    if bare and error.sw in (Sw.CONDITIONS_NOT_SATISFIED, Sw.INCORRECT_DATA):
        return NotSupported(
            f"this key signs only with the hash's OID, the card says ({error.sw:04X})",
            hint="Nothing was signed. Another key of this card may do it.",
        )
    return None


def _is_ecdsa(algorithm: Algorithm) -> bool:
    return all(name.startswith("ecp") for name in algorithm.types)


def signature_input(algorithm: Algorithm, kind: KeyType, request: SignRequest) -> bytes:
    """The bytes of `$input` for a signature: a padded block, DigestInfo, a bare hash, or the message."""
    match algorithm.sign:
        case InputForm.PADDED:
            return _padded(kind, request)
        case InputForm.DIGEST_INFO | InputForm.DIGEST_INFO_CHECKED:
            content = _content(request)
            padding.pkcs1_sign_block(content, kind.size)  # refuses here what cannot fit, whoever pads
            return content
        case InputForm.HASH_LEFT_PADDED:
            return padding.left_padded_hash(request.value, kind.size)
        case InputForm.MESSAGE if request.message is not None:
            return request.message
        case _:
            return request.value[: kind.size] if kind.kind is Kind.EC else request.value


def _content(request: SignRequest) -> bytes:
    return padding.digest_info(request.hash_name, request.value) if request.oid else request.value


def _padded(kind: KeyType, request: SignRequest) -> bytes:
    if request.scheme is Scheme.PSS:
        return padding.pss_block(request.value, request.hash_name, kind.bits)
    return padding.pkcs1_sign_block(_content(request), kind.size)


def finish_signature(algorithm: Algorithm, kind: KeyType, raw: bytes) -> bytes:
    """The signature in its usual form: as long as the modulus for RSA, ECDSA-Sig-Value (DER) for elliptic curves."""
    if kind.kind is Kind.RSA:
        return full_size(raw, kind.size)
    if algorithm.signature is not SignatureForm.RS:
        raw = padding.ecdsa_raw(raw, kind.size)  # some cards' DER lacks the zero before a high bit
    if len(raw) != 2 * kind.size:
        raise ReplyError(f"the card returned {len(raw)} bytes as r||s of {kind.size} bytes each")
    return padding.ecdsa_der(raw)


def full_size(raw: bytes, size: int) -> bytes:
    """A number of `size` bytes from which some cards drop leading zeros; ReplyError if it is too long or too short."""
    if not size - _MOST_DROPPED <= len(raw) <= size:
        raise ReplyError(f"the card returned {len(raw)} bytes where {size} were wanted")
    return raw.rjust(size, b"\x00")


def shared_secret(kind: KeyType, raw: bytes) -> bytes:
    """The x coordinate of ECDH, also where the card returns the whole point (SEC 1, 2.3.3): it cannot be mistaken."""
    if len(raw) == 1 + 2 * kind.size and raw[0] == _UNCOMPRESSED:
        return raw[1 : 1 + kind.size]
    return full_size(raw, kind.size)


def choose_for_deciphering(profile: Profile, kind: KeyType, scheme: Scheme) -> Algorithm:
    """The algorithm that decrypts as asked for; NotSupported if the profile has none."""
    if kind.kind is not Kind.RSA or scheme not in _DECIPHER_SCHEMES:
        raise InputError(f"{scheme} decryption does not go with a key of type {kind.name}")
    for algorithm in profile.algorithms.values():
        if kind.name not in algorithm.types or algorithm.decipher is None:
            continue
        if algorithm.decipher is DecipherResult.PADDED or (algorithm.scheme or Scheme.PKCS1) is scheme:
            return algorithm
    raise NotSupported(f"this card cannot decrypt {scheme} with a key of type {kind.name}")


def plain_text(algorithm: Algorithm, kind: KeyType, scheme: Scheme, hash_name: str, raw: bytes) -> bytes:
    """The message in what the card returned, unpadded where the card leaves that to the host."""
    if algorithm.decipher is DecipherResult.PLAIN:
        return raw
    block = full_size(raw, kind.size)
    return padding.pkcs1_unpad(block) if scheme is Scheme.PKCS1 else padding.oaep_unpad(block, hash_name)


def choose_for_agreement(profile: Profile, kind: KeyType) -> Algorithm:
    """The algorithm for key agreement (ECDH); NotSupported if the profile has none for the type."""
    for algorithm in profile.algorithms.values():
        if kind.name in algorithm.types and algorithm.agree:
            return algorithm
    raise NotSupported(f"this card cannot agree keys of type {kind.name}")


def choose_by_type(profile: Profile, kind: KeyType) -> Algorithm:
    """The algorithm under which a key of the type is generated or imported; NotSupported if there is none."""
    for algorithm in profile.algorithms.values():
        if kind.name in algorithm.types:
            return algorithm
    known = sorted({name for algorithm in profile.algorithms.values() for name in algorithm.types})
    raise NotSupported(f"this card has no keys of type {kind.name}", hint=f"It has {', '.join(known)}.")
