"""Private keys at rest: sealed to a vault key that only the card's secrets open.

A vault is an X25519 key pair. Its private half is stored only wrapped, once under each secret that may open
it (PIN, PUK, ...): scrypt (RFC 7914) makes a key from the secret, AES-GCM wraps with it. That a secret is right
shows only in that the wrap opens; the secret itself is stored nowhere. New private keys are sealed to the
vault's public half, so that making one needs no PIN.

What this is worth: whoever copies the file can try PINs without the card's try counter, at the price of one
scrypt each. A six-digit PIN withstands that for hours, not for years.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from cardcore.softcard.memory import JsonObject
from cardcore.softcard.personality import ScryptCost

_POINT = 32
_SALT = 16
_NONCE = 12
_ONE_USE_NONCE = bytes(_NONCE)  # every seal has a key of its own, so its nonce may be constant


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenVault:
    """The private half of a vault in memory: it unseals what was sealed to the public half."""

    private: bytes = field(repr=False)

    @property
    def public(self) -> bytes:
        """The public half, 32 bytes."""
        return X25519PrivateKey.from_private_bytes(self.private).public_key().public_bytes_raw()

    def unseal(self, box: bytes, about: bytes) -> bytes:
        """The secret in `box`; ValueError if it was sealed to another vault or about something else."""
        sender = box[:_POINT]
        private = X25519PrivateKey.from_private_bytes(self.private)
        try:
            shared = private.exchange(X25519PublicKey.from_public_bytes(sender))
            return _cipher(shared, sender + self.public).decrypt(_ONE_USE_NONCE, box[_POINT:], about)
        except InvalidTag as error:
            raise ValueError("the sealed secret does not open with this vault") from error

    @classmethod
    def new(cls) -> OpenVault:
        """A new vault key."""
        return cls(private=X25519PrivateKey.generate().private_bytes_raw())


def seal(public: bytes, secret: bytes, about: bytes) -> bytes:
    """Encrypt `secret` to the vault with the public half `public`, bound to the public data `about`."""
    sender = X25519PrivateKey.generate()
    point = sender.public_key().public_bytes_raw()
    shared = sender.exchange(X25519PublicKey.from_public_bytes(public))
    return point + _cipher(shared, point + public).encrypt(_ONE_USE_NONCE, secret, about)


def _cipher(shared: bytes, salt: bytes) -> AESGCM:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"cardcore software card, sealed key")
    return AESGCM(kdf.derive(shared))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrap:
    """The vault key under one secret: scrypt salt, AES-GCM nonce and ciphertext."""

    salt: bytes
    nonce: bytes
    box: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """A vault as it is stored: the public half, and the private half wrapped once under each secret, by role."""

    public: bytes
    wraps: Mapping[str, Wrap]
    cost: ScryptCost

    @classmethod
    def new(cls, secrets: Mapping[str, bytes], cost: ScryptCost) -> Vault:
        """A new vault that each of `secrets` opens."""
        opened = OpenVault.new()
        vault = cls(public=opened.public, wraps={}, cost=cost)
        for role, secret in secrets.items():
            vault = vault.rewrapped(opened, role, secret)
        return vault

    def unlock(self, role: str, secret: bytes) -> OpenVault | None:
        """Open the vault with the secret of `role`; None if the secret is wrong."""
        wrap = self.wraps[role]
        try:
            private = AESGCM(self._stretch(secret, wrap.salt)).decrypt(wrap.nonce, wrap.box, self._about(role))
        except InvalidTag:
            return None
        return OpenVault(private=private)

    def rewrapped(self, opened: OpenVault, role: str, secret: bytes) -> Vault:
        """This vault with a new secret for `role`."""
        salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
        box = AESGCM(self._stretch(secret, salt)).encrypt(nonce, opened.private, self._about(role))
        return replace(self, wraps={**self.wraps, role: Wrap(salt=salt, nonce=nonce, box=box)})

    def to_json(self) -> JsonObject:
        """The vault as JSON values, bytes in hex."""
        wraps = {
            role: {"salt": wrap.salt.hex(), "nonce": wrap.nonce.hex(), "box": wrap.box.hex()}
            for role, wrap in self.wraps.items()
        }
        cost = {"n": self.cost.n, "r": self.cost.r, "p": self.cost.p}
        return {"public": self.public.hex(), "scrypt": cost, "wraps": wraps}

    @classmethod
    def from_json(cls, stored: JsonObject) -> Vault:
        """The vault that `to_json` gave."""
        wraps = {
            role: Wrap(**{part: bytes.fromhex(text) for part, text in wrap.items()})
            for role, wrap in stored["wraps"].items()
        }
        return cls(public=bytes.fromhex(stored["public"]), wraps=wraps, cost=ScryptCost(**stored["scrypt"]))

    def _stretch(self, secret: bytes, salt: bytes) -> bytes:
        return Scrypt(salt=salt, length=32, n=self.cost.n, r=self.cost.r, p=self.cost.p).derive(secret)

    def _about(self, role: str) -> bytes:
        return role.encode() + b"\x00" + self.public
