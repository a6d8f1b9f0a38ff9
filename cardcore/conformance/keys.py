"""Keys: signatures of every form and hash, decryption, agreement, each verified with other people's cryptography."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardcore import keytypes, signing, verifying
from cardcore.card import Card
from cardcore.conformance.bench import Bench, require
from cardcore.errors import NotSupported
from cardcore.keytypes import KeyType, Kind
from cardcore.profile.model import Scheme, Usage
from cardcore.secret import Secret

if TYPE_CHECKING:
    from cardcore.keytypes import PublicKey

HASHES = ("sha1", "sha256", "sha384", "sha512")
_TLS_HASH = "md5sha1"
_MESSAGE = b"Signed to see whether the card does what its profile says.\n"
_SECRET = b"a session key of thirty-two bytes"[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One key on the card, and the PIN for keys that want it each time."""

    name: str
    public: PublicKey
    usage: frozenset[Usage]
    pin: Secret | None

    @property
    def kind(self) -> KeyType:
        """The key's type."""
        return keytypes.type_of(self.public)

    @property
    def group(self) -> str:
        """What the steps with this key are listed under."""
        return f"key {self.name} ({self.kind.name})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One kind of signature."""

    hash_name: str
    scheme: Scheme
    oid: bool = True

    def __str__(self) -> str:
        names = {Scheme.PKCS1: "PKCS #1", Scheme.PSS: "PSS", Scheme.ECDSA: "ECDSA"}
        bare = " without OID" if self.scheme is Scheme.PKCS1 and not self.oid and self.hash_name != _TLS_HASH else ""
        return f"sign {names.get(self.scheme, self.scheme)} {self.hash_name}{bare}"


def forms(kind: KeyType) -> list[Form]:
    """Every kind of signature that a key of this type could make."""
    if kind.kind is Kind.EC:
        return [Form(hash_name=name, scheme=Scheme.ECDSA) for name in HASHES]
    plain = [Form(hash_name=name, scheme=Scheme.PKCS1, oid=oid) for oid in (True, False) for name in HASHES]
    pss = [Form(hash_name=name, scheme=Scheme.PSS) for name in HASHES]
    fitting = [form for form in pss if kind.bits >= 1536 or form.hash_name != "sha512"]
    return [*plain, Form(hash_name=_TLS_HASH, scheme=Scheme.PKCS1, oid=False), *fitting]


def check_use(bench: Bench, card: Card, subject: Subject) -> None:
    """Everything that the key is for."""
    if Usage.SIGN in subject.usage:
        for form in forms(subject.kind):
            _check_signature(bench, card, subject, form)
    if Usage.DECIPHER in subject.usage and subject.kind.kind is Kind.RSA:
        for scheme in (Scheme.PKCS1, Scheme.OAEP):
            _check_decryption(bench, card, subject, scheme)
    if Usage.AGREE in subject.usage and subject.kind.kind is Kind.EC:
        bench.step(subject.group, "agree on a secret (ECDH)", lambda: _agreed(card, subject))


def _check_signature(bench: Bench, card: Card, subject: Subject, form: Form) -> None:
    def sign() -> str:
        signature = card.sign(
            subject.name,
            _MESSAGE,
            hash=form.hash_name,
            scheme=form.scheme,
            oid=form.oid,
            key_type=subject.kind.name,
            pin=subject.pin,
        )
        request = signing.request_for(
            subject.kind, _MESSAGE, hash_name=form.hash_name, scheme=form.scheme, oid=form.oid
        )
        require(verifying.is_valid(subject.public, request, signature), "the signature does not verify")
        return f"{len(signature)} bytes, verified"

    bench.step(subject.group, str(form), sign)


def _check_decryption(bench: Bench, card: Card, subject: Subject, scheme: Scheme) -> None:
    bench.step(subject.group, f"decrypt {scheme.value}", lambda: _decrypted(card, subject, scheme))


def _decrypted(card: Card, subject: Subject, scheme: Scheme) -> str:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    if not isinstance(subject.public, rsa.RSAPublicKey):
        raise NotSupported("only RSA keys decrypt")
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    encrypted = subject.public.encrypt(_SECRET, oaep if scheme is Scheme.OAEP else padding.PKCS1v15())
    found = card.decipher(subject.name, encrypted, scheme=scheme, key_type=subject.kind.name, pin=subject.pin)
    require(found == _SECRET, "the decrypted text is not what was encrypted")
    return f"{len(found)} bytes, the same"


def _agreed(card: Card, subject: Subject) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec

    if not isinstance(subject.public, ec.EllipticCurvePublicKey):
        raise NotSupported("only EC keys agree on secrets")
    mine = ec.generate_private_key(subject.public.curve)
    found = card.agree(subject.name, mine.public_key(), pin=subject.pin)
    require(found == mine.exchange(ec.ECDH(), subject.public), "the two sides have different secrets")
    return f"{len(found)} bytes, the same on both sides"
