"""What a plan says of an issuer. Files are read and connections made when the issuer is opened, not before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cardcore.secret import Secret

SecretSource = Callable[[], Secret]
"""Called when a secret is needed. Whoever calls it wipes what it returns."""


class Strictness(StrEnum):
    """What happens if an issuer changed the contents of a certificate."""

    DENY = "deny"
    WARN = "warn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """How a certificate is checked before it goes to a card.

    That it holds the key of the request, is valid now, and is no CA's is always checked. `trust` is a file of PEM
    certificates, one of which it must lead to. `contents` says whether subject, alternative names and usages that
    differ from the order are refused or only reported.
    """

    trust: Path | None = None
    contents: Strictness = Strictness.DENY


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningRules:
    """What a CA of one's own does for every certificate.

    `index` is the file in which it remembers what it issued, by order; it must outlive the run. `hash_name` is
    sha256, sha384 or sha512. `crl_urls`, `ocsp_urls` and `issuer_urls` go into the extensions cRLDistributionPoints
    and authorityInfoAccess (RFC 5280, 4.2.1.13 and 4.2.2.1).
    """

    index: Path
    hash_name: str = "sha256"
    crl_urls: tuple[str, ...] = ()
    ocsp_urls: tuple[str, ...] = ()
    issuer_urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCa:
    """A CA whose key is a file.

    `key` is a private key (PEM or DER), or a PKCS #12 file that holds key and certificates. `certificate` is a file
    of PEM certificates, the CA's own first, then those above it; None if they are in the PKCS #12 file.
    """

    key: Path
    rules: SigningRules
    certificate: Path | None = None
    passphrase: SecretSource | None = None
    checks: Checks = Checks()


@dataclass(frozen=True, slots=True, kw_only=True)
class CardCa:
    """A CA whose key is on a card.

    `reader` and `profile` are as for `cardcore.open_card`, `key` names the key on that card. `certificate` is as in
    `LocalCa`; None: the card holds it. The PIN is asked for once, when the first certificate is ordered.
    """

    reader: str
    key: str
    pin: SecretSource
    rules: SigningRules
    certificate: Path | None = None
    profile: str | None = None
    checks: Checks = Checks()


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandCa:
    """A command that gets a request and answers with a certificate.

    `arguments` is the command and its arguments; no shell takes part. In them {request} stands for the path of a
    file with the request (PEM), {certificate} for the path where the certificate is to be written, {days} for the
    validity. Without {request} the request goes to standard input, without {certificate} the certificate is read
    from standard output, PEM or DER. `timeout` is in seconds. Exit statuses: 0 is success; those in `unreachable`
    say that certainly nothing was issued, those in `refused` that it never will be, those in `pending` that the
    certificate comes later, the first line of output being the token. Anything else is uncertain. `ask` is the
    command by which such orders are asked after. `environment` names the variables that are handed on beside PATH,
    HOME, LANG, TMPDIR and TZ. `idempotent` promises that the same request again gives the same certificate.
    """

    arguments: tuple[str, ...]
    ask: tuple[str, ...] = ()
    timeout: float = 60.0
    unreachable: frozenset[int] = frozenset({69, 75})
    refused: frozenset[int] = frozenset({65, 77})
    pending: frozenset[int] = frozenset()
    environment: tuple[str, ...] = ()
    idempotent: bool = False
    checks: Checks = Checks()


@dataclass(frozen=True, slots=True, kw_only=True)
class EstCa:
    """A CA that speaks EST (RFC 7030).

    `url` is that of the server, https://HOST[:PORT], `label` the optional CA label of the path (3.2.2). `trust` is
    a file of PEM certificates by which the server is known, the explicit trust anchors of 3.3.1; nothing else is
    trusted. The client proves who it is by `certificate` and `key` (files, `passphrase` for the key), by `user` and
    `password` (HTTP Basic), or both. `timeout` is in seconds. `idempotent` promises that the same request again
    gives the same certificate.
    """

    url: str
    trust: Path
    label: str = ""
    certificate: Path | None = None
    key: Path | None = None
    passphrase: SecretSource | None = None
    user: str = ""
    password: SecretSource | None = None
    timeout: float = 30.0
    idempotent: bool = False
    checks: Checks = Checks()


class Mac(StrEnum):
    """How messages are protected with a shared secret: RFC 9810, 5.1.3.1 and RFC 9481, 6.1, or RFC 9579."""

    PBM = "pbm"
    PBMAC1 = "pbmac1"


@dataclass(frozen=True, slots=True, kw_only=True)
class CmpCa:
    """A CA that speaks CMP (RFC 9810) over HTTP (RFC 9811).

    `url` is the whole address, https://HOST/.well-known/cmp or another. `trust` is a file of PEM certificates by which
    the TLS server is known; http without TLS only if `plain_http` says so, for the messages are protected themselves.
    They are either by a shared `secret` whose name is `secret_reference`, or by a signature (`key`, `certificate`,
    `passphrase`), and then the server's by a certificate that is one of `server_trust` or leads to one of them.
    `recipient` is the CA's distinguished name (RFC 4514), where it wants to be named, `sender` that of who may answer
    beside CAs and those whose certificates are for it. `implicit` asks the CA not to wait for a confirmation of each
    certificate. `timeout` is in seconds for each message, `wait` for all the asking after a certificate that is not
    there at once. `idempotent` promises that the same request again gives the same certificate.
    """

    url: str
    certificate: Path | None = None
    key: Path | None = None
    passphrase: SecretSource | None = None
    server_trust: Path | None = None
    secret_reference: str = ""
    secret: SecretSource | None = None
    mac: Mac = Mac.PBM
    trust: Path | None = None
    plain_http: bool = False
    recipient: str = ""
    sender: str = ""
    implicit: bool = False
    timeout: float = 30.0
    wait: float = 20.0
    idempotent: bool = False
    checks: Checks = Checks()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline:
    """Requests go out as files, certificates come in as files: `requests` and `certificates` are folders.

    A certificate belongs to the order whose public key it has, whatever its file is called.
    """

    requests: Path
    certificates: Path
    checks: Checks = Checks()


IssuerSettings = LocalCa | CardCa | CommandCa | EstCa | CmpCa | Offline
