"""Public RSA keys in software: what a program imported, or the public half of a card's key."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from csp_frontend.blobs import PrivateKeyBlob, PublicKeyBlob
from csp_frontend.constants import Alg, Code, Kp, Permission
from csp_frontend.errors import CspError

_DIGEST_INFO = {
    "md5": bytes.fromhex("3020300c06082a864886f70d020505000410"),
    "sha1": bytes.fromhex("3021300906052b0e03021a05000414"),
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
"""What stands before the hash in DigestInfo (RFC 8017, 9.2, note 1)."""


class PublicKey:
    """An RSA public key; `algorithm` is CALG_RSA_KEYX or CALG_RSA_SIGN."""

    def __init__(self, algorithm: Alg, key: rsa.RSAPublicKey) -> None:
        self.algorithm = algorithm
        self.key = key

    @classmethod
    def from_blob(cls, blob: PublicKeyBlob) -> PublicKey:
        """The key in a blob; NTE_BAD_DATA if it is none that can be used."""
        try:
            return cls(blob.algorithm, rsa.RSAPublicNumbers(blob.exponent, blob.modulus).public_key())
        except ValueError as error:
            raise CspError(Code.NTE_BAD_DATA, "the numbers are no RSA key") from error

    @property
    def bits(self) -> int:
        """Size of the modulus, in whole pairs of bytes as blobs have it."""
        return -(-self.key.key_size // 16) * 16

    @property
    def size(self) -> int:
        """Bytes of the modulus, and of signatures and ciphertexts."""
        return self.bits // 8

    def blob(self) -> PublicKeyBlob:
        """The key as it is exported."""
        numbers = self.key.public_numbers()
        return PublicKeyBlob(algorithm=self.algorithm, bits=self.bits, exponent=numbers.e, modulus=numbers.n)

    def get(self, parameter: int) -> bytes:
        """KP_ parameters of a public key; NTE_BAD_TYPE for others."""
        permissions = Permission.CRYPT_ENCRYPT | Permission.CRYPT_EXPORT | Permission.CRYPT_READ
        known: dict[int, int] = {
            Kp.KP_ALGID: self.algorithm,
            Kp.KP_KEYLEN: self.bits,
            Kp.KP_BLOCKLEN: self.bits,
            Kp.KP_PERMISSIONS: permissions,
        }
        if parameter not in known:
            raise CspError(Code.NTE_BAD_TYPE, f"a public key has no parameter {parameter}")
        return known[parameter].to_bytes(4, "little")

    def require_exchange(self) -> None:
        """NTE_BAD_KEY for a key that is for signatures only."""
        if self.algorithm is not Alg.CALG_RSA_KEYX:
            raise CspError(Code.NTE_BAD_KEY, "the key is for signatures only")

    def encrypt(self, data: bytes, *, oaep: bool) -> bytes:
        """RSAES-PKCS1-v1_5, or OAEP with SHA-1, big endian; NTE_BAD_LEN for too much data."""
        sha1 = hashes.SHA1()  # noqa: S303 - the hash of CRYPT_OAEP
        scheme = padding.OAEP(padding.MGF1(sha1), sha1, None) if oaep else padding.PKCS1v15()
        try:
            return self.key.encrypt(data, scheme).rjust(self.size, b"\x00")
        except ValueError as error:
            raise CspError(Code.NTE_BAD_LEN, f"{len(data)} bytes are too many for this key") from error

    def most_encrypted(self, *, oaep: bool) -> int:
        """How many bytes can be encrypted at once (RFC 8017, 7.1.1 and 7.2.1)."""
        return self.size - (42 if oaep else 11)

    def verifies(self, hash_name: str, value: bytes, signature: bytes, *, oid: bool) -> bool:
        """Whether a signature (big endian, PKCS #1 v1.5) is of this hash value, exactly with or without its OID."""
        content = _DIGEST_INFO.get(hash_name, b"") + value if oid else value
        try:
            return self.key.recover_data_from_signature(signature, padding.PKCS1v15(), None) == content
        except (InvalidSignature, ValueError):
            return False


def private_key(blob: PrivateKeyBlob) -> rsa.RSAPrivateKey:
    """The key pair in a blob; NTE_BAD_DATA if its numbers do not belong together."""
    public = rsa.RSAPublicNumbers(blob.public.exponent, blob.public.modulus)
    numbers = rsa.RSAPrivateNumbers(blob.p, blob.q, blob.d, blob.dp, blob.dq, blob.qinv, public)
    try:
        return numbers.private_key()
    except ValueError:
        raise CspError(Code.NTE_BAD_DATA, "the numbers are no RSA key pair") from None
