"""Messages of CMP that are protected by a shared secret: PasswordBasedMac and PBMAC1 (RFC 9481, 6.1)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from types import MappingProxyType

from cryptography import x509
from cryptography.x509.oid import NameOID
from pyasn1.type import univ
from pyasn1_alt_modules import rfc5280, rfc8018, rfc9810

from cardcore.personalise.issuers.cmp_messages import Malformed, Message, decoded, directory_name, encoded
from cardcore.personalise.issuers.cmp_protection import Refused
from cardcore.personalise.issuers.settings import Mac, SecretSource

_SALT_BYTES = 16
_MOST_SALT_BYTES = 128
_MOST_KEY_BYTES = 128

PBM_ROUNDS = 10_000
PBM_LIMITS = (100, 100_000)
"""Rounds of PasswordBasedMac: those we ask for, and the least and the most that a server may (RFC 4211, 4.4)."""

PBMAC1_ROUNDS = 100_000
PBMAC1_LIMITS = (1, 1_000_000)
"""Rounds of PBKDF2, likewise. What the least protects is the server's secret: it chose them."""

_DIGESTS = MappingProxyType(
    {
        "1.3.14.3.2.26": "sha1",
        "2.16.840.1.101.3.4.2.1": "sha256",
        "2.16.840.1.101.3.4.2.2": "sha384",
        "2.16.840.1.101.3.4.2.3": "sha512",
    }
)
# HMAC by its names in PKCS #5 and in RFC 4210; with SHA-1 as well, which is what many servers answer with.
_MACS = MappingProxyType(
    {
        "1.2.840.113549.2.7": "sha1",
        "1.3.6.1.5.5.8.1.2": "sha1",
        "1.2.840.113549.2.9": "sha256",
        "1.2.840.113549.2.10": "sha384",
        "1.2.840.113549.2.11": "sha512",
    }
)
_SHA256, _HMAC_SHA256 = "2.16.840.1.101.3.4.2.1", "1.2.840.113549.2.9"


class SharedSecret:
    """Protects and verifies by a secret that has a name on the server."""

    def __init__(self, reference: str, secret: SecretSource, mac: Mac) -> None:
        self._secret = secret
        self._mac = mac
        self.key_id = reference.encode()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, reference)])
        self.sender = directory_name(name.public_bytes())
        self.certificates: tuple[bytes, ...] = ()

    def algorithm(self) -> bytes:
        """A new AlgorithmIdentifier, with a salt of its own."""
        return _pbm() if self._mac is Mac.PBM else _pbmac1()

    def protect(self, algorithm: bytes, data: bytes) -> bytes:
        """The MAC of the data."""
        return self._value(algorithm, data)

    def verify(self, message: Message) -> None:
        """Refused unless the message has the right MAC, of either kind."""
        try:
            expected = self._value(message.header.algorithm, message.protected)
        except Malformed as error:
            raise Refused(f"the parameters of its MAC cannot be read: {error}") from error
        if not hmac.compare_digest(expected, message.protection or b""):
            raise Refused("its MAC is not right: the shared secret is another, or it was changed on its way")

    def _value(self, algorithm: bytes, data: bytes) -> bytes:
        found = decoded(algorithm, rfc5280.AlgorithmIdentifier())
        parameters = bytes(found["parameters"]) if found["parameters"].isValue else b""
        with self._secret() as secret:
            if found["algorithm"] == rfc9810.id_PasswordBasedMac:
                return _pbm_value(parameters, secret.reveal(), data)
            if found["algorithm"] == rfc8018.id_PBMAC1:
                return _pbmac1_value(parameters, secret.reveal(), data)
        raise Refused("it is protected by no MAC that is known")


def _identifier(algorithm: str, parameters: bytes = b"") -> rfc5280.AlgorithmIdentifier:
    made = rfc5280.AlgorithmIdentifier()
    made["algorithm"] = algorithm
    made["parameters"] = univ.Any(parameters or encoded(univ.Null("")))
    return made


def _pbm() -> bytes:
    """PasswordBasedMac with SHA-256 (RFC 9810, 5.1.3.1)."""
    made = rfc9810.PBMParameter()
    made["salt"] = secrets.token_bytes(_SALT_BYTES)
    made["owf"] = _identifier(_SHA256)
    made["iterationCount"] = PBM_ROUNDS
    made["mac"] = _identifier(_HMAC_SHA256)
    return encoded(_identifier(str(rfc9810.id_PasswordBasedMac), encoded(made)))


def _pbm_value(parameters: bytes, secret: bytes, data: bytes) -> bytes:
    found = decoded(parameters, rfc9810.PBMParameter())
    rounds = _rounds(found["iterationCount"], PBM_LIMITS)
    digest = _known(_DIGESTS, found["owf"])
    key = secret + _salt(found["salt"])
    for _ in range(rounds):
        key = hashlib.new(digest, key).digest()
    return hmac.digest(key, data, _known(_MACS, found["mac"]))


def _pbmac1() -> bytes:
    """PBMAC1 with PBKDF2 and HMAC-SHA256 (RFC 8018, 7.1)."""
    derivation = rfc8018.PBKDF2_params()
    derivation["salt"]["specified"] = secrets.token_bytes(_SALT_BYTES)
    derivation["iterationCount"] = PBMAC1_ROUNDS
    derivation["keyLength"] = hashlib.sha256().digest_size
    derivation["prf"] = _identifier(_HMAC_SHA256)
    made = rfc8018.PBMAC1_params()
    made["keyDerivationFunc"] = _identifier(str(rfc8018.id_PBKDF2), encoded(derivation))
    made["messageAuthScheme"] = _identifier(_HMAC_SHA256)
    return encoded(_identifier(str(rfc8018.id_PBMAC1), encoded(made)))


def _pbmac1_value(parameters: bytes, secret: bytes, data: bytes) -> bytes:
    found = decoded(parameters, rfc8018.PBMAC1_params())
    derivation = found["keyDerivationFunc"]
    if derivation["algorithm"] != rfc8018.id_PBKDF2 or not derivation["parameters"].isValue:
        raise Refused("its key is derived by no function that is known")
    values = decoded(bytes(derivation["parameters"]), rfc8018.PBKDF2_params())
    if values["salt"].getName() != "specified" or not values["keyLength"].isValue:
        raise Refused("the derivation of its key has no salt or no length")
    length = int(values["keyLength"])
    if not 1 <= length <= _MOST_KEY_BYTES:
        raise Refused("the key of its MAC has an impossible length")
    rounds = _rounds(values["iterationCount"], PBMAC1_LIMITS)
    salt = _salt(values["salt"].getComponent())
    key = hashlib.pbkdf2_hmac(_known(_MACS, values["prf"]), secret, salt, rounds, length)
    return hmac.digest(key, data, _known(_MACS, found["messageAuthScheme"]))


def _rounds(value: univ.Integer, limits: tuple[int, int]) -> int:
    """How often a function is repeated; Refused outside of the limits, so that nobody has us compute for hours."""
    least, most = limits
    if not least <= int(value) <= most:
        raise Refused(f"the rounds of its MAC are not {least} to {most}")
    return int(value)


def _salt(value: univ.OctetString) -> bytes:
    if len(value) > _MOST_SALT_BYTES:
        raise Refused(f"the salt of its MAC has {len(value)} bytes")
    return bytes(value)


def _known(names: MappingProxyType[str, str], algorithm: rfc5280.AlgorithmIdentifier) -> str:
    found = names.get(str(algorithm["algorithm"]))
    if found is None:
        raise Refused("its MAC uses a hash function that is not known")
    return found
