"""Signatures verified in software, with a public key: the other half of `signing`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cardcore import padding
from cardcore.errors import InputError
from cardcore.keytypes import type_of
from cardcore.profile.model import Scheme
from cardcore.signing import SignRequest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hashes

    from cardcore.keytypes import PublicKey


def is_valid(public: PublicKey, request: SignRequest, signature: bytes) -> bool:
    """Whether the signature is by this key and exactly of the form that the request describes.

    With `oid` false only the bare hash is accepted, otherwise only DigestInfo (RFC 8017, 8.2.2). The salt of PSS may
    have any length (RFC 8017, 9.1.2).
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    try:
        if isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, request.value, ec.ECDSA(Prehashed(_hash(request.hash_name))))
        elif request.scheme is Scheme.PSS:
            algorithm = _hash(request.hash_name)
            scheme = PSS(mgf=MGF1(algorithm), salt_length=PSS.AUTO)
            public.verify(signature, request.value, scheme, Prehashed(algorithm))
        else:
            return public.recover_data_from_signature(signature, PKCS1v15(), None) == _content(public, request)
    except (InvalidSignature, ValueError):
        return False
    return True


def _content(public: PublicKey, request: SignRequest) -> bytes:
    """What stands inside the PKCS #1 padding; InputError if it could not be there."""
    content = padding.digest_info(request.hash_name, request.value) if request.oid else request.value
    padding.pkcs1_sign_block(content, type_of(public).size)
    return content


def _hash(name: str) -> hashes.HashAlgorithm:
    from cryptography.hazmat.primitives import hashes

    known: dict[str, hashes.HashAlgorithm] = {
        "md5": hashes.MD5(),  # noqa: S303 - old signatures have to be verified too
        "sha1": hashes.SHA1(),  # noqa: S303 - as above
        "sha224": hashes.SHA224(),
        "sha256": hashes.SHA256(),
        "sha384": hashes.SHA384(),
        "sha512": hashes.SHA512(),
    }
    if name not in known:
        raise InputError(f"the hash {name} does not go with this scheme", hint="It is for PKCS #1 signatures only.")
    return known[name]
