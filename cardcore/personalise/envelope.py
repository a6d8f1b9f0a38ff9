"""Secrets encrypted to those who may open them: CMS EnvelopedData (RFC 5652, 6), AES-256 in CBC mode, RSA recipients.

This keeps a secret from everybody without a recipient's key. It does not say who wrote it: recipients' certificates
are public, and whoever can write to the journal can put another envelope there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cardcore import keyfiles
from cardcore.errors import CardError, InputError
from cardcore.personalise.issuers.files import certificates
from cardcore.secret import Secret

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

LEAST_BITS = 2048
"""Least size of a recipient's RSA key."""


class EnvelopeError(CardError):
    """An encrypted secret cannot be opened, or is not the one it should be."""

    code = "envelope"


def recipient_certificate(file: Path) -> x509.Certificate:
    """The certificate of a recipient in a file (PEM or DER); InputError for a key that nothing can be encrypted to."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    found = certificates(file)[0]
    key = found.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < LEAST_BITS:
        raise InputError(
            f"{file} is not a certificate of an RSA key of {LEAST_BITS} bits or more",
            hint="Secrets are encrypted to RSA keys only; make one for this purpose.",
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealer:
    """Encrypts to all of the recipients, so that each of them can open it."""

    recipients: tuple[x509.Certificate, ...]

    def seal(self, secret: Secret, label: str) -> bytes:
        """The secret as CMS EnvelopedData (DER). `label` says whose and which it is, and is checked on opening.

        Inside is a JSON object, so that people can read it with `openssl cms -decrypt` too.
        """
        document = {"label": label, "secret": secret.reveal().hex(), **_readable(secret)}
        with Secret(json.dumps(document).encode()) as text:
            return self.seal_bytes(text)

    def seal_bytes(self, content: Secret) -> bytes:
        """Any content as CMS EnvelopedData (DER)."""
        from cryptography.hazmat.primitives.ciphers.algorithms import AES256
        from cryptography.hazmat.primitives.serialization import Encoding
        from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options

        builder = PKCS7EnvelopeBuilder().set_data(content.reveal()).set_content_encryption_algorithm(AES256)
        for recipient in self.recipients:
            builder = builder.add_recipient(recipient)
        return builder.encrypt(Encoding.DER, [PKCS7Options.Binary])


def sealer(files: Sequence[Path]) -> Sealer:
    """A sealer for the recipients in these files."""
    return Sealer(recipients=tuple(recipient_certificate(file) for file in files))


def _readable(secret: Secret) -> dict[str, str]:
    """The secret as text, where it is text, for people who open an envelope by hand."""
    data = secret.reveal()
    return {"text": data.decode("ascii")} if data.isascii() and data.decode("ascii").isprintable() else {}


class Opener:
    """Opens envelopes with the private key of one recipient; the key stays in memory until the process ends."""

    def __init__(self, key: RSAPrivateKey, recipients: Sequence[x509.Certificate]) -> None:
        self._key = key
        own = next((one for one in recipients if one.public_key() == key.public_key()), None)
        if own is None:
            raise InputError(
                "the key is that of none of the plan's recipients", hint="Use a key whose certificate the plan names."
            )
        self._certificate = own

    def open(self, envelope: bytes, label: str) -> Secret:
        """The secret that was sealed under this label; EnvelopeError otherwise, which does not show it."""
        with self.open_bytes(envelope) as content:
            try:
                document = json.loads(content.reveal())
                found, data = document["label"], bytes.fromhex(document["secret"])
            except (ValueError, TypeError, KeyError):
                raise EnvelopeError("what was encrypted is no secret of a journal") from None
        if found != label:
            raise EnvelopeError(f"the envelope for {label} holds another secret", hint="The journal was tampered with.")
        return Secret(data)

    def open_bytes(self, envelope: bytes) -> Secret:
        """The content of CMS EnvelopedData (DER)."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization.pkcs7 import pkcs7_decrypt_der

        try:
            return Secret(pkcs7_decrypt_der(envelope, self._certificate, self._key, []))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise EnvelopeError(
                "the envelope cannot be opened with this key",
                hint="It was encrypted to others, or is damaged.",
            ) from error


def opener(key: Secret, passphrase: Secret | None, files: Sequence[Path]) -> Opener:
    """An opener from a private key (PEM, DER or PKCS #12) of one of the recipients in `files`."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    found = keyfiles.private_key(key.reveal(), None if passphrase is None else passphrase.reveal())
    if not isinstance(found, rsa.RSAPrivateKey):
        raise InputError("the key is no RSA key", hint="Recipients have RSA keys.")
    return Opener(found, [recipient_certificate(file) for file in files])
