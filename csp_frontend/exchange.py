"""Keys and data in exchange: making keys, importing and exporting them, encrypting and decrypting."""

from __future__ import annotations

from csp_frontend import blobs, session_keys
from csp_frontend.algorithms import Policy
from csp_frontend.blobs import PlainBlob, SimpleBlob
from csp_frontend.calls import Output
from csp_frontend.card_keys import CardKeys
from csp_frontend.constants import AT_KEYEXCHANGE, AT_SIGNATURE, Alg, Blob, Code, Flag
from csp_frontend.contexts import Context
from csp_frontend.errors import CspError, require_flags
from csp_frontend.handles import Key, UserKey
from csp_frontend.hashes import HashObject
from csp_frontend.parameters import answer
from csp_frontend.rsa_keys import PublicKey, private_key
from csp_frontend.session_keys import SessionKey

_SPECS = {
    AT_KEYEXCHANGE: AT_KEYEXCHANGE,
    AT_SIGNATURE: AT_SIGNATURE,
    Alg.CALG_RSA_KEYX: AT_KEYEXCHANGE,
    Alg.CALG_RSA_SIGN: AT_SIGNATURE,
}
_IMPORT_FLAGS = {
    Blob.PUBLICKEYBLOB: Flag.CRYPT_EXPORTABLE,
    Blob.SIMPLEBLOB: Flag.CRYPT_EXPORTABLE | Flag.CRYPT_NO_SALT | Flag.CRYPT_OAEP | Flag.CRYPT_IPSEC_HMAC_KEY,
    Blob.PLAINTEXTKEYBLOB: Flag.CRYPT_EXPORTABLE | Flag.CRYPT_NO_SALT | Flag.CRYPT_IPSEC_HMAC_KEY,
    Blob.PRIVATEKEYBLOB: Flag.CRYPT_USER_PROTECTED,
}
_EXPORT_FLAGS = {
    Blob.PUBLICKEYBLOB: Flag(0),
    Blob.SIMPLEBLOB: Flag.CRYPT_OAEP,
    Blob.PLAINTEXTKEYBLOB: Flag(0),
}


class Exchange:
    """The functions about keys and encryption, for one client process."""

    def __init__(self, card_keys: CardKeys, policy: Policy) -> None:
        self._card_keys = card_keys
        self._policy = policy

    # Making keys

    def generate(self, context: Context, algorithm: int, flags: int) -> Key:
        """CPGenKey: a session key, or a key pair on the card, which has to be protected and cannot be exported."""
        if algorithm not in _SPECS:
            return session_keys.generate(self._policy.cipher(algorithm), flags)
        if flags & 0xFFFF != Flag.CRYPT_USER_PROTECTED:
            raise CspError(Code.NTE_BAD_FLAGS, "a key pair needs CRYPT_USER_PROTECTED, and nothing beside it")
        return self._card_keys.generate(context, _SPECS[algorithm], flags >> 16)

    def derive(self, algorithm: int, base: HashObject, flags: int) -> SessionKey:
        """CPDeriveKey; the hash is finished by it."""
        found = self._policy.cipher(algorithm)
        if not base.hash_name or base.algorithm.id is Alg.CALG_SSL3_SHAMD5:
            raise CspError(Code.NTE_BAD_HASH, f"no key is derived from {base.algorithm.name}")
        session_keys.check_flags(flags)
        return session_keys.derive(found, base.hash_name, base.value(), flags)

    # Blobs

    def import_key(self, context: Context, blob: bytes, wrapping: Key | None, flags: int) -> Key:
        """CPImportKey; NTE_BAD_TYPE for blobs that are not supported."""
        kind = blobs.kind_of(blob)
        if kind not in _IMPORT_FLAGS:
            raise CspError(Code.NTE_BAD_TYPE, f"blobs of type {kind} are not imported")
        require_flags(flags, _IMPORT_FLAGS[Blob(kind)])
        match kind:
            case Blob.PUBLICKEYBLOB:
                found = PublicKey.from_blob(blobs.parse_public(blob))
                self._policy.check_rsa(found.bits)
                return found
            case Blob.SIMPLEBLOB:
                return self._import_simple(context, blob, wrapping, flags)
            case Blob.PLAINTEXTKEYBLOB:
                plain = blobs.parse_plain(blob)
                return self._restored(plain.algorithm, plain.key, flags)
        return self._import_private(context, blob, wrapping)

    def _import_simple(self, context: Context, blob: bytes, wrapping: Key | None, flags: int) -> SessionKey:
        simple = blobs.parse_simple(blob)
        algorithm = self._policy.cipher(simple.algorithm)
        key = wrapping or self._card_keys.user_key(context, AT_KEYEXCHANGE)
        if not isinstance(key, UserKey):
            raise CspError(Code.NTE_BAD_KEY, "a SIMPLEBLOB is decrypted with a key pair")
        oaep = bool(flags & Flag.CRYPT_OAEP)
        found = self._card_keys.decrypt(context, key, simple.encrypted, oaep=oaep)
        return self._restored(algorithm.id, found, flags)

    def _restored(self, algorithm: int, key: bytes, flags: int) -> SessionKey:
        any_length = bool(flags & Flag.CRYPT_IPSEC_HMAC_KEY)
        return session_keys.restore(self._policy.cipher(algorithm), key, flags, any_length=any_length)

    def _import_private(self, context: Context, blob: bytes, wrapping: Key | None) -> UserKey:
        """A key pair for the card; encrypted behind the header if a session key comes with it."""
        if wrapping is not None:
            if not isinstance(wrapping, SessionKey):
                raise CspError(Code.NTE_BAD_KEY, "a PRIVATEKEYBLOB is decrypted with a session key")
            body = wrapping.copy().decrypt(blob[blobs.HEADER_SIZE :], final=True)
            blob = blob[: blobs.HEADER_SIZE] + body
        parsed = blobs.parse_private(blob)
        return self._card_keys.import_pair(context, parsed.public.algorithm, private_key(parsed))

    def export(self, key: Key, wrapping: PublicKey | None, kind: int, flags: int, room: int | None) -> Output:
        """CPExportKey; NTE_BAD_TYPE for blobs that are not supported, private keys above all."""
        if kind not in _EXPORT_FLAGS:
            raise CspError(Code.NTE_BAD_TYPE, f"blobs of type {kind} are not exported")
        require_flags(flags, _EXPORT_FLAGS[Blob(kind)])
        if kind == Blob.SIMPLEBLOB and wrapping is None:
            raise CspError(Code.NTE_NO_KEY, "a SIMPLEBLOB is encrypted for a key, which is missing")
        if kind != Blob.SIMPLEBLOB and wrapping is not None:
            raise CspError(Code.NTE_BAD_KEY, "a key to encrypt for belongs to a SIMPLEBLOB only")
        if kind == Blob.PUBLICKEYBLOB:
            return answer(blobs.build_public(_public(key).blob()), room)
        if not isinstance(key, SessionKey):
            raise CspError(Code.NTE_BAD_KEY, "only session keys are exported like this")
        if not key.exportable:
            raise CspError(Code.NTE_BAD_KEY_STATE, "the key is not exportable")
        if wrapping is None:
            return answer(blobs.build_plain(PlainBlob(algorithm=key.algorithm.id, key=key.key)), room)
        wrapping.require_exchange()
        size = answer(bytes(blobs.simple_size(wrapping.bits)), room)
        if room is None:
            return size
        encrypted = wrapping.encrypt(key.key, oaep=bool(flags & Flag.CRYPT_OAEP))
        simple = SimpleBlob(algorithm=key.algorithm.id, wrapped_by=wrapping.algorithm, encrypted=encrypted)
        return answer(blobs.build_simple(simple), room)

    # Data

    def encrypt(
        self,
        key: Key,
        hashed: HashObject | None,
        data: bytes | None,
        *,
        final: bool,
        flags: int,
        length: int,
        room: int,
    ) -> Output:
        """CPEncrypt; the plain text goes into the hash too. `data` of None asks for the size."""
        oaep = _oaep(key, flags)
        size = _encrypted_size(key, length, final=final, oaep=oaep)
        if data is None:
            return Output(size=size)
        if room < size:
            raise CspError(Code.ERROR_MORE_DATA, size=size)
        if hashed is not None:
            hashed.update(data)
        if isinstance(key, SessionKey):
            found = key.encrypt(data, final=final)
        else:
            found = _public(key).encrypt(data, oaep=oaep)[::-1]
        return Output(size=len(found), data=found)

    def decrypt(
        self,
        context: Context,
        key: Key,
        hashed: HashObject | None,
        data: bytes | None,
        *,
        final: bool,
        flags: int,
        length: int,
    ) -> Output:
        """CPDecrypt; the plain text goes into the hash too. `data` of None asks for the size: it is never more."""
        oaep = _oaep(key, flags)
        if isinstance(key, PublicKey):
            raise CspError(Code.NTE_BAD_KEY, "a public key decrypts nothing")
        if isinstance(key, SessionKey):
            key.require_blocks(length)
        if data is None:
            return Output(size=length)
        if isinstance(key, SessionKey):
            found = key.decrypt(data, final=final)
        elif not final:
            raise CspError(Code.NTE_BAD_LEN, "RSA decrypts one block, which is the last")
        else:
            found = self._card_keys.decrypt(context, key, data[::-1], oaep=oaep)
        if hashed is not None:
            hashed.update(found)
        return Output(size=len(found), data=found)


def _public(key: Key) -> PublicKey:
    if isinstance(key, SessionKey):
        raise CspError(Code.NTE_BAD_KEY, "a session key is no public key")
    return key.public if isinstance(key, UserKey) else key


def _oaep(key: Key, flags: int) -> bool:
    require_flags(flags, 0 if isinstance(key, SessionKey) else Flag.CRYPT_OAEP)
    return bool(flags)


def _encrypted_size(key: Key, length: int, *, final: bool, oaep: bool) -> int:
    """The size of the ciphertext, or the error that encrypting so much would be."""
    if isinstance(key, SessionKey):
        if not final:
            key.require_blocks(length)
        return key.encrypted_size(length, final=final)
    public = _public(key)
    public.require_exchange()
    if not final or length > public.most_encrypted(oaep=oaep):
        raise CspError(Code.NTE_BAD_LEN, f"RSA encrypts one block: {length} bytes do not fit in it")
    return public.size
