"""The certificates of a token as PP_USER_CERTSTORE and PP_ROOT_CERTSTORE answer them; the DLL makes stores of them.

One behind the other: u32 key spec, 0 for a certificate without a key; u32 size of the container's name and the name as
UTF-8; u32 size of the certificate and the certificate as DER. All numbers are little endian.
"""

from __future__ import annotations

from csp_frontend.authorities import is_authority, is_root
from csp_frontend.tokens import Token


def user_certificates(token: Token) -> bytes:
    """The certificates of the token's key pairs, each with what leads to its key; not those of authorities."""
    return b"".join(
        _entry(container.certificate, container.key_spec, container.name)
        for container in token.containers()
        if container.certificate and not is_authority(container.certificate)
    )


def root_certificates(token: Token) -> bytes:
    """The certificates of authorities that signed themselves, in keys' places and elsewhere on the token."""
    found = [container.certificate for container in token.containers()]
    return b"".join(_entry(der) for der in (*found, *token.other_certificates()) if is_root(der))


def _entry(certificate: bytes, key_spec: int = 0, container: str = "") -> bytes:
    name = container.encode()
    sizes = [number.to_bytes(4, "little") for number in (key_spec, len(name), len(certificate))]
    return b"".join((sizes[0], sizes[1], name, sizes[2], certificate))
