"""Files that an issuer's settings name: certificates and keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cardcore import keyfiles
from cardcore.errors import InputError
from cardcore.keyfiles import Identity
from cardcore.personalise.issuers.settings import SecretSource

if TYPE_CHECKING:
    from cryptography import x509

MOST_BYTES = 1 << 20


def read(file: Path) -> bytes:
    """The bytes of a file of at most 1 MiB; InputError where it cannot be read."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}", hint="Check the path and your rights.") from error
    if len(data) > MOST_BYTES:
        raise InputError(f"{file} has more than {MOST_BYTES} bytes", hint="Check which file it is.")
    return data


def certificates(file: Path) -> tuple[x509.Certificate, ...]:
    """The certificates in a file; InputError that names the file."""
    return keyfiles.bundle(read(file))


def identity(key: Path, certificate: Path | None, passphrase: SecretSource | None) -> Identity:
    """A key and its certificates: those of `certificate`, or those that are in the key's own file.

    InputError if there is none, or if the first is of another key.
    """
    found = _with_passphrase(key, passphrase)
    chain = found.certificates if certificate is None else certificates(certificate)
    if not chain:
        raise InputError(f"{key} holds no certificate", hint="Say in which file the certificate is.")
    if chain[0].public_key() != found.key.public_key():
        raise InputError(
            f"the certificate in {certificate or key} is not of the key in {key}",
            hint="The key's own certificate has to be the first in its file.",
        )
    return Identity(key=found.key, certificates=chain)


def _with_passphrase(key: Path, passphrase: SecretSource | None) -> Identity:
    data = read(key)
    try:
        if passphrase is None:
            return keyfiles.identity(data, None)
        with passphrase() as secret:
            return keyfiles.identity(data, secret.reveal())
    except InputError as error:
        raise InputError(f"{key}: {error.message}", hint=error.hint) from error
