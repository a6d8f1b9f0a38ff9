"""Hashing, signing and verifying: what the functions about hashes do."""

from __future__ import annotations

from csp_frontend import blobs
from csp_frontend.algorithms import Policy
from csp_frontend.calls import Output
from csp_frontend.card_keys import CardKeys
from csp_frontend.constants import Code, Flag, Hp
from csp_frontend.contexts import Context
from csp_frontend.errors import CspError, require_flags
from csp_frontend.hashes import HashObject
from csp_frontend.parameters import answer, number
from csp_frontend.rsa_keys import PublicKey
from csp_frontend.session_keys import SessionKey


class Hashing:
    """The functions about hashes, for one client process."""

    def __init__(self, card_keys: CardKeys, policy: Policy) -> None:
        self._card_keys = card_keys
        self._policy = policy

    def create(self, algorithm: int, key: SessionKey | None, flags: int) -> HashObject:
        """CPCreateHash; NTE_BAD_ALGID, NTE_BAD_KEY."""
        require_flags(flags)
        found = self._policy.known(algorithm)
        if not found.is_hash:
            raise CspError(Code.NTE_BAD_ALGID, f"{found.name} is no hash")
        return HashObject(found, key)

    def session_key(self, hashed: HashObject, key: SessionKey, flags: int) -> None:
        """CPHashSessionKey: the key's bytes from the last to the first, or as they are with CRYPT_LITTLE_ENDIAN."""
        require_flags(flags, Flag.CRYPT_LITTLE_ENDIAN)
        hashed.update(key.key if flags else key.key[::-1])

    def get(self, hashed: HashObject, parameter: int, room: int | None, flags: int) -> Output:
        """CPGetHashParam; asking for the value finishes the hash, asking for its size does not."""
        require_flags(flags)
        match parameter:
            case Hp.HP_ALGID:
                return answer(number(hashed.algorithm.id), room)
            case Hp.HP_HASHSIZE:
                return answer(number(hashed.size), room)
            case Hp.HP_HASHVAL:
                size = answer(bytes(hashed.size), room)
                return size if room is None else answer(hashed.value(), room)
        raise CspError(Code.NTE_BAD_TYPE, f"a hash has no parameter {parameter}")

    def set(self, hashed: HashObject, parameter: int, data: bytes | None, flags: int) -> None:
        """CPSetHashParam."""
        require_flags(flags)
        if parameter not in (Hp.HP_HASHVAL, Hp.HP_HMAC_INFO):
            raise CspError(Code.NTE_BAD_TYPE, f"the parameter {parameter} of a hash cannot be set")
        if data is None:
            raise CspError(Code.ERROR_INVALID_PARAMETER, "no data")
        if parameter == Hp.HP_HASHVAL:
            hashed.set_value(data)
            return
        info = blobs.parse_hmac_info(data)
        hashed.use_hmac(self._policy.known(info.algorithm), info.inner, info.outer)

    def sign(
        self,
        context: Context,
        hashed: HashObject,
        key_spec: int,
        description: str | None,
        flags: int,
        room: int | None,
    ) -> Output:
        """CPSignHash, little endian. The size query neither signs nor touches the card."""
        oid = _with_oid(hashed, description, flags)
        key = self._card_keys.user_key(context, key_spec)
        size = answer(bytes(key.public.size), room)
        if room is None:
            return size
        value = hashed.value()
        return answer(self._card_keys.sign(context, key, hashed.hash_name, value, oid=oid)[::-1], room)

    def verify(self, hashed: HashObject, signature: bytes, key: PublicKey, description: str | None, flags: int) -> None:
        """CPVerifySignature; NTE_BAD_SIGNATURE."""
        oid = _with_oid(hashed, description, flags)
        well_sized = len(signature) == key.size
        if not (well_sized and key.verifies(hashed.hash_name, hashed.value(), signature[::-1], oid=oid)):
            raise CspError(Code.NTE_BAD_SIGNATURE, "the signature is not by this key over this hash")


def _with_oid(hashed: HashObject, description: str | None, flags: int) -> bool:
    """Whether the hash's OID is part of the signature; checks of what signing and verifying have in common."""
    require_flags(flags, Flag.CRYPT_NOHASHOID)
    if description:
        raise CspError(Code.ERROR_INVALID_PARAMETER, "a description, which nothing would sign")
    if not hashed.hash_name:
        raise CspError(Code.NTE_BAD_HASH, f"{hashed.algorithm.name} cannot be signed")
    return not flags
