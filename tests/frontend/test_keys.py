"""Keys: made on the card and in software, their blobs and parameters, encryption and decryption, certificates."""

from __future__ import annotations

import struct

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding

from csp_frontend import blobs
from csp_frontend.blobs import PlainBlob
from csp_frontend.configuration import Configuration
from csp_frontend.constants import AT_KEYEXCHANGE, AT_SIGNATURE, Alg, Blob, Code, Flag, Kp, Mode, SetPp
from csp_frontend.provider import ClientSession
from tests.frontend.bench import ADMIN_TEXT, BIG, NEWKEYSET, PIN, SILENT, VERIFY, Bench, other_key, piv_card
from tests.frontend.refusals import refused
from tests.frontend.test_blobs import private_blob
from tests.unit.core.softpiv import certificate

ALICE = "\\\\.\\soft:alice\\"
PROTECTED = Flag.CRYPT_USER_PROTECTED
SMALL = 1024 << 16
NO_PADDING_CHECK = 0x20
"""CRYPT_DECRYPT_RSA_NO_PADDING_CHECK."""


@pytest.fixture
def bench() -> Bench:
    return Bench(soft_alice=piv_card(("9a", "9c")))


@pytest.fixture
def client(bench: Bench) -> ClientSession:
    return bench.client()


@pytest.fixture
def context(client: ClientSession) -> int:
    found = client.CPAcquireContext(ALICE, SILENT)
    client.CPSetProvParam(found, SetPp.PP_KEYEXCHANGE_PIN, PIN.encode(), 0)
    return found


def new_context(client: ClientSession) -> int:
    found = client.CPAcquireContext(ALICE, NEWKEYSET | SILENT)
    client.CPSetProvParam(found, SetPp.PP_ADMIN_PIN, ADMIN_TEXT.encode(), 0)
    client.CPSetProvParam(found, SetPp.PP_KEYEXCHANGE_PIN, PIN.encode(), 0)
    return found


def dword(value: int) -> bytes:
    return value.to_bytes(4, "little")


def exported(client: ClientSession, context: int, key: int, kind: Blob, wrapping: int = 0, flags: int = 0) -> bytes:
    """A key's blob, asked for by its size first."""
    size = client.CPExportKey(context, key, wrapping, kind, flags, None).size
    with refused(Code.ERROR_MORE_DATA):
        client.CPExportKey(context, key, wrapping, kind, flags, size - 1)
    found = client.CPExportKey(context, key, wrapping, kind, flags, size)
    assert found.data is not None
    assert len(found.data) == found.size == size
    return found.data


@pytest.mark.parametrize(
    ("algorithm", "key_spec"),
    [
        (AT_KEYEXCHANGE, AT_KEYEXCHANGE),
        (Alg.CALG_RSA_KEYX, AT_KEYEXCHANGE),
    ],
)
def test_a_key_pair_is_made_on_the_card(client: ClientSession, algorithm: int, key_spec: int) -> None:
    context = new_context(client)
    key = client.CPGenKey(context, algorithm, PROTECTED | SMALL)
    assert client.CPGetKeyParam(context, key, Kp.KP_KEYLEN, 4, 0).data == dword(1024)
    handle = client.CPCreateHash(context, Alg.CALG_SHA1, 0, 0)
    signature = client.CPSignHash(context, handle, key_spec, None, 0, 128).data
    assert signature is not None
    client.CPVerifySignature(context, handle, signature, client.CPGetUserKey(context, key_spec), None, 0)


def test_a_signature_key_is_made_where_the_profile_says() -> None:
    client = Bench(soft_alice=piv_card()).client()
    context = new_context(client)
    key = client.CPGenKey(context, Alg.CALG_RSA_SIGN, PROTECTED | SMALL)
    assert client.CPGetKeyParam(context, key, Kp.KP_ALGID, 4, 0).data == dword(Alg.CALG_RSA_SIGN)
    again = client.CPAcquireContext(ALICE + "0x9c", 0)
    assert client.CPGetUserKey(again, AT_SIGNATURE)
    with refused(Code.NTE_NO_KEY):
        client.CPGetUserKey(again, AT_KEYEXCHANGE)
    with refused(Code.NTE_BAD_KEY):
        client.CPGetUserKey(again, 3)


@pytest.mark.parametrize(
    "flags",
    [
        *(0, Flag.CRYPT_EXPORTABLE, PROTECTED | Flag.CRYPT_EXPORTABLE, PROTECTED | Flag.CRYPT_CREATE_SALT),
        *(PROTECTED | Flag.CRYPT_ARCHIVABLE, PROTECTED | 1000 << 16, PROTECTED | 8192 << 16),
    ],
)
def test_flags_that_a_key_pair_cannot_have(bench: Bench, client: ClientSession, flags: int) -> None:
    context = new_context(client)
    before = bench.exchanges
    with refused(Code.NTE_BAD_FLAGS):
        client.CPGenKey(context, AT_KEYEXCHANGE, flags)
    assert bench.exchanges == before


def test_a_size_that_the_card_does_not_have(client: ClientSession) -> None:
    context = new_context(client)
    with refused(Code.NTE_NOT_SUPPORTED):
        client.CPGenKey(context, AT_KEYEXCHANGE, PROTECTED | 512 << 16)


def test_short_keys_can_be_forbidden() -> None:
    client = Bench(Configuration(forbidden=frozenset({"rsa-short"})), soft_alice=piv_card()).client()
    context = new_context(client)
    with refused(Code.NTE_BAD_ALGID):
        client.CPGenKey(context, AT_KEYEXCHANGE, PROTECTED | SMALL)
    with refused(Code.NTE_BAD_ALGID):
        client.CPImportKey(context, private_blob(1024), 0, 0)


def test_the_public_half_of_a_card_key(client: ClientSession, context: int) -> None:
    key = client.CPGetUserKey(context, AT_KEYEXCHANGE)
    blob = exported(client, context, key, Blob.PUBLICKEYBLOB)
    parsed = blobs.parse_public(blob)
    assert parsed.modulus == other_key(0).public_key().public_numbers().n
    imported = client.CPImportKey(context, blob, 0, 0)
    assert exported(client, context, imported, Blob.PUBLICKEYBLOB) == blob
    for kind in (Blob.PRIVATEKEYBLOB, Blob.OPAQUEKEYBLOB, 0x77):
        with refused(Code.NTE_BAD_TYPE):
            client.CPExportKey(context, key, 0, kind, 0, None)
    with refused(Code.NTE_BAD_FLAGS):
        client.CPExportKey(context, key, 0, Blob.PUBLICKEYBLOB, Flag.CRYPT_OAEP, None)
    with refused(Code.NTE_BAD_KEY):
        client.CPExportKey(context, key, imported, Blob.PUBLICKEYBLOB, 0, None)
    for kind in (Blob.SIMPLEBLOB, Blob.PLAINTEXTKEYBLOB):
        with refused(Code.NTE_BAD_KEY):
            client.CPExportKey(context, key, imported if kind == Blob.SIMPLEBLOB else 0, kind, 0, None)


@pytest.mark.parametrize("flags", [0, Flag.CRYPT_OAEP])
def test_a_session_key_travels_in_a_simple_blob(client: ClientSession, context: int, flags: int) -> None:
    """And outlives the key pair that decrypted it."""
    user = client.CPGetUserKey(context, AT_KEYEXCHANGE)
    key = client.CPGenKey(context, Alg.CALG_AES_256, Flag.CRYPT_EXPORTABLE)
    blob = exported(client, context, key, Blob.SIMPLEBLOB, user, flags)
    imported = client.CPImportKey(context, blob, user, flags)
    client.CPDestroyKey(context, user)
    encrypted = client.CPEncrypt(context, key, 0, True, 0, b"a message", 9, 16).data
    assert encrypted is not None
    assert client.CPDecrypt(context, imported, 0, True, 0, encrypted, 16).data == b"a message"
    with refused(Code.NTE_BAD_KEY_STATE):
        client.CPExportKey(context, imported, 0, Blob.PLAINTEXTKEYBLOB, 0, None)
    without = client.CPImportKey(context, blob, 0, flags | Flag.CRYPT_EXPORTABLE)
    assert exported(client, context, without, Blob.PLAINTEXTKEYBLOB) == exported(
        client, context, key, Blob.PLAINTEXTKEYBLOB
    )


def test_a_simple_blob_of_another_program(client: ClientSession, context: int) -> None:
    """The session key stands in the padding from its first byte to its last; the whole is turned around."""
    encrypted = other_key(0).public_key().encrypt(b"0123456789abcdef", padding.PKCS1v15())
    blob = struct.pack("<BBHII", 1, 2, 0, Alg.CALG_RC4, Alg.CALG_RSA_KEYX) + encrypted[::-1]
    key = client.CPImportKey(context, blob, client.CPGetUserKey(context, AT_KEYEXCHANGE), Flag.CRYPT_EXPORTABLE)
    assert blobs.parse_plain(exported(client, context, key, Blob.PLAINTEXTKEYBLOB)).key == b"0123456789abcdef"


def test_simple_blobs_that_are_refused(client: ClientSession, context: int) -> None:
    user = client.CPGetUserKey(context, AT_KEYEXCHANGE)
    session = client.CPGenKey(context, Alg.CALG_RC4, Flag.CRYPT_EXPORTABLE)
    with refused(Code.NTE_NO_KEY):
        client.CPExportKey(context, session, 0, Blob.SIMPLEBLOB, 0, None)
    blob = exported(client, context, session, Blob.SIMPLEBLOB, user)
    for damaged, code in (
        (blob[:-1], Code.NTE_BAD_DATA),
        (blob[:12] + bytes(256), Code.NTE_BAD_DATA),
        (blob[:4] + dword(Alg.CALG_SHA1) + blob[8:], Code.NTE_BAD_ALGID),
        (blob[:4] + dword(Alg.CALG_AES_256) + blob[8:], Code.NTE_BAD_DATA),
    ):
        with refused(code):
            client.CPImportKey(context, damaged, user, 0)
    with refused(Code.NTE_BAD_KEY):
        client.CPImportKey(context, blob, session, 0)
    with refused(Code.NTE_BAD_FLAGS):
        client.CPImportKey(context, blob, user, 0x8000)
    with refused(Code.NTE_BAD_TYPE):
        client.CPImportKey(context, bytes((Blob.OPAQUEKEYBLOB, 2)) + bytes(20), 0, 0)
    signing = client.CPAcquireContext(ALICE + "0x9c", SILENT)
    public = client.CPImportKey(signing, exported(client, context, user, Blob.PUBLICKEYBLOB), 0, 0)
    other = client.CPGenKey(signing, Alg.CALG_RC4, Flag.CRYPT_EXPORTABLE)
    assert client.CPExportKey(signing, other, public, Blob.SIMPLEBLOB, 0, None).size == 268
    with refused(Code.NTE_BAD_KEY):
        client.CPExportKey(signing, other, client.CPGetUserKey(signing, AT_SIGNATURE), Blob.SIMPLEBLOB, 0, None)


def test_a_private_key_goes_to_the_card(client: ClientSession) -> None:
    context = new_context(client)
    for flags in (Flag.CRYPT_EXPORTABLE, Flag.CRYPT_OAEP):
        with refused(Code.NTE_BAD_FLAGS):
            client.CPImportKey(context, private_blob(1024), 0, flags)
    key = client.CPImportKey(context, private_blob(1024), 0, PROTECTED)
    assert exported(client, context, key, Blob.PUBLICKEYBLOB)[20:] == private_blob(1024)[20:148]
    encrypted = client.CPEncrypt(context, key, 0, True, 0, b"secret", 6, 128).data
    assert encrypted is not None
    assert client.CPDecrypt(context, key, 0, True, 0, encrypted, 128).data == b"secret"
    verify = client.CPAcquireContext(None, VERIFY)
    with refused(Code.NTE_PERM):
        client.CPImportKey(verify, private_blob(1024), 0, 0)


def test_an_encrypted_private_key(client: ClientSession) -> None:
    context = new_context(client)
    session = client.CPGenKey(context, Alg.CALG_3DES, 0)
    plain = private_blob(1024)
    body = client.CPEncrypt(context, session, 0, True, 0, plain[8:], len(plain) - 8, BIG).data
    assert body is not None
    with refused(Code.NTE_BAD_DATA):
        client.CPImportKey(context, plain[:8] + body, 0, 0)
    public = client.CPImportKey(context, struct.pack("<B", 6) + plain[1:8] + b"RSA1" + plain[12:148], 0, 0)
    with refused(Code.NTE_BAD_KEY):
        client.CPImportKey(context, plain[:8] + body, public, 0)
    assert client.CPImportKey(context, plain[:8] + body, session, 0)


def test_encryption_with_public_keys(client: ClientSession, context: int) -> None:
    key = client.CPGetUserKey(context, AT_KEYEXCHANGE)
    for flags, scheme in (
        (0, padding.PKCS1v15()),
        (Flag.CRYPT_OAEP, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)),  # noqa: S303 - CRYPT_OAEP's
    ):
        assert client.CPEncrypt(context, key, 0, True, flags, None, 6, 0).size == 256
        with refused(Code.ERROR_MORE_DATA):
            client.CPEncrypt(context, key, 0, True, flags, b"secret", 6, 255)
        found = client.CPEncrypt(context, key, 0, True, flags, b"secret", 6, 256).data
        assert found is not None
        assert other_key(0).decrypt(found[::-1], scheme) == b"secret"
        assert client.CPDecrypt(context, key, 0, True, flags, found, 256).data == b"secret"
    for size, flags in ((246, 0), (215, Flag.CRYPT_OAEP)):
        with refused(Code.NTE_BAD_LEN):
            client.CPEncrypt(context, key, 0, True, flags, bytes(size), size, 256)
    with refused(Code.NTE_BAD_LEN):
        client.CPEncrypt(context, key, 0, False, 0, b"", 0, 256)
    with refused(Code.NTE_BAD_FLAGS):
        client.CPEncrypt(context, key, 0, True, 1, b"", 0, 256)
    with refused(Code.ERROR_INVALID_PARAMETER):
        client.CPEncrypt(context, key, 0, True, 0, b"four", 5, 256)


def test_decryption_that_is_refused(client: ClientSession, context: int) -> None:
    key = client.CPGetUserKey(context, AT_KEYEXCHANGE)
    public = client.CPImportKey(context, exported(client, context, key, Blob.PUBLICKEYBLOB), 0, 0)
    with refused(Code.NTE_BAD_KEY):
        client.CPDecrypt(context, public, 0, True, 0, bytes(256), 256)
    for wrong in (bytes(255), bytes(256)):
        with refused(Code.NTE_BAD_DATA):
            client.CPDecrypt(context, key, 0, True, 0, wrong, len(wrong))
    with refused(Code.NTE_BAD_LEN):
        client.CPDecrypt(context, key, 0, False, 0, bytes(256), 256)
    with refused(Code.NTE_BAD_FLAGS):
        client.CPDecrypt(context, key, 0, True, NO_PADDING_CHECK, bytes(256), 256)
    signing = client.CPAcquireContext(ALICE + "0x9c", SILENT)
    signer = client.CPGetUserKey(signing, AT_SIGNATURE)
    with refused(Code.NTE_BAD_KEY):
        client.CPDecrypt(signing, signer, 0, True, 0, bytes(256), 256)
    with refused(Code.NTE_BAD_KEY):
        client.CPEncrypt(signing, signer, 0, True, 0, b"", 0, 256)


def test_data_is_hashed_on_its_way(client: ClientSession, context: int) -> None:
    key = client.CPGenKey(context, Alg.CALG_AES_128, 0)
    first, second, third = (client.CPCreateHash(context, Alg.CALG_SHA_256, 0, 0) for _ in range(3))
    with refused(Code.ERROR_MORE_DATA):
        client.CPEncrypt(context, key, first, True, 0, b"text", 4, 15)
    for text in (b"text", None):
        with refused(Code.NTE_BAD_DATA):
            client.CPEncrypt(context, key, first, False, 0, text, 4, 15)
        with refused(Code.NTE_BAD_DATA):
            client.CPDecrypt(context, key, first, True, 0, text, 4)
    assert client.CPEncrypt(context, key, first, True, 0, None, 4, 0).size == 16
    encrypted = client.CPEncrypt(context, key, first, True, 0, b"text", 4, 16).data
    assert encrypted is not None
    assert client.CPDecrypt(context, key, second, True, 0, None, 16).size == 16
    client.CPDecrypt(context, key, second, True, 0, encrypted, 16)
    client.CPHashData(context, third, b"text", 0)
    values = {client.CPGetHashParam(context, one, 2, 32, 0).data for one in (first, second, third)}
    assert len(values) == 1


def test_parameters_of_session_keys(client: ClientSession, context: int) -> None:
    key = client.CPGenKey(context, Alg.CALG_3DES, 0)
    wanted = {
        Kp.KP_ALGID: Alg.CALG_3DES,
        Kp.KP_KEYLEN: 192,
        Kp.KP_EFFECTIVE_KEYLEN: 168,
        Kp.KP_BLOCKLEN: 64,
        Kp.KP_PADDING: 1,
        Kp.KP_MODE: Mode.CRYPT_MODE_CBC,
        Kp.KP_MODE_BITS: 8,
        Kp.KP_PERMISSIONS: 0x3B,
    }
    for parameter, number in wanted.items():
        assert client.CPGetKeyParam(context, key, parameter, None, 0).size == 4
        assert client.CPGetKeyParam(context, key, parameter, 4, 0).data == dword(number)
    assert client.CPGetKeyParam(context, key, Kp.KP_IV, 8, 0).data == bytes(8)
    client.CPSetKeyParam(context, key, Kp.KP_IV, bytes(range(8)), 0)
    assert client.CPGetKeyParam(context, key, Kp.KP_IV, 8, 0).data == bytes(range(8))
    for parameter, good in ((Kp.KP_PADDING, 1), (Kp.KP_MODE, 4), (Kp.KP_MODE_BITS, 8), (Kp.KP_PERMISSIONS, 3)):
        client.CPSetKeyParam(context, key, parameter, dword(good), 0)
    for parameter, bad in ((Kp.KP_PADDING, 2), (Kp.KP_MODE, 3), (Kp.KP_MODE_BITS, 64), (Kp.KP_PERMISSIONS, 4)):
        with refused(Code.NTE_BAD_DATA):
            client.CPSetKeyParam(context, key, parameter, dword(bad), 0)
    for parameter, data in ((Kp.KP_IV, bytes(7)), (Kp.KP_SALT, b"x"), (Kp.KP_SALT_EX, b""), (Kp.KP_MODE, b"\1")):
        with refused(Code.NTE_BAD_DATA):
            client.CPSetKeyParam(context, key, parameter, data, 0)
    for unknown in (Kp.KP_ALGID, Kp.KP_KEYLEN, Kp.KP_BLOCKLEN, Kp.KP_EFFECTIVE_KEYLEN, Kp.KP_CERTIFICATE, 99):
        with refused(Code.NTE_BAD_TYPE):
            client.CPSetKeyParam(context, key, unknown, bytes(4), 0)
    with refused(Code.NTE_BAD_TYPE):
        client.CPGetKeyParam(context, key, Kp.KP_CERTIFICATE, 4, 0)
    with refused(Code.ERROR_INVALID_PARAMETER):
        client.CPSetKeyParam(context, key, Kp.KP_IV, None, 0)


def test_parameters_of_stream_keys(client: ClientSession, context: int) -> None:
    key = client.CPGenKey(context, Alg.CALG_RC4, 40 << 16)
    assert client.CPGetKeyParam(context, key, Kp.KP_SALT, 11, 0).data == bytes(11)
    client.CPSetKeyParam(context, key, Kp.KP_SALT, b"x" * 11, 0)
    assert client.CPGetKeyParam(context, key, Kp.KP_SALT, 11, 0).data == b"x" * 11
    assert client.CPGetKeyParam(context, key, Kp.KP_IV, None, 0).size == 0
    assert client.CPGetKeyParam(context, key, Kp.KP_BLOCKLEN, 4, 0).data == bytes(4)
    assert client.CPGetKeyParam(context, key, Kp.KP_MODE, 4, 0).data == bytes(4)
    for unknown in (Kp.KP_MODE_BITS, Kp.KP_SALT_EX):
        with refused(Code.NTE_BAD_TYPE):
            client.CPGetKeyParam(context, key, unknown, 4, 0)
    with refused(Code.NTE_BAD_DATA):
        client.CPSetKeyParam(context, key, Kp.KP_SALT_EX, bytes(25), 0)
    duplicate = client.CPDuplicateKey(context, key, 0, 0)
    assert client.CPGetKeyParam(context, duplicate, Kp.KP_SALT, 11, 0).data == b"x" * 11
    with refused(Code.NTE_BAD_FLAGS):
        client.CPDuplicateKey(context, key, 0, 1)
    with refused(Code.ERROR_INVALID_PARAMETER):
        client.CPDuplicateKey(context, key, 1, 0)


def test_parameters_of_card_keys(client: ClientSession, context: int) -> None:
    key = client.CPDuplicateKey(context, client.CPGetUserKey(context, AT_KEYEXCHANGE), 0, 0)
    public = client.CPImportKey(context, exported(client, context, key, Blob.PUBLICKEYBLOB), 0, 0)
    for handle in (key, public):
        for parameter, number in ((Kp.KP_ALGID, Alg.CALG_RSA_KEYX), (Kp.KP_KEYLEN, 2048), (Kp.KP_BLOCKLEN, 2048)):
            assert client.CPGetKeyParam(context, handle, parameter, 4, 0).data == dword(number)
        permissions = 0x3B if handle == key else 0x0D
        assert client.CPGetKeyParam(context, handle, Kp.KP_PERMISSIONS, 4, 0).data == dword(permissions)
        with refused(Code.NTE_BAD_TYPE):
            client.CPGetKeyParam(context, handle, Kp.KP_IV, 4, 0)
        with refused(Code.NTE_BAD_TYPE):
            client.CPSetKeyParam(context, handle, Kp.KP_IV, bytes(8), 0)
        with refused(Code.NTE_BAD_FLAGS):
            client.CPGetKeyParam(context, handle, Kp.KP_KEYLEN, 4, 1)
    with refused(Code.NTE_BAD_TYPE):
        client.CPGetKeyParam(context, public, Kp.KP_CERTIFICATE, BIG, 0)


def test_certificates_are_read_and_written(client: ClientSession) -> None:
    context = new_context(client)
    key = client.CPGenKey(context, AT_KEYEXCHANGE, PROTECTED | SMALL)
    with refused(Code.NTE_NOT_FOUND):
        client.CPGetKeyParam(context, key, Kp.KP_CERTIFICATE, BIG, 0)
    public = blobs.parse_public(exported(client, context, key, Blob.PUBLICKEYBLOB))
    own = certificate(client.handles.public_key(client.handles.context(context), key).key)
    assert public.bits == 1024
    for wrong in (b"no certificate", certificate(other_key(0).public_key()).public_bytes(Encoding.DER)):
        with refused(Code.NTE_BAD_DATA):
            client.CPSetKeyParam(context, key, Kp.KP_CERTIFICATE, wrong, 0)
    der = own.public_bytes(Encoding.DER)
    client.CPSetKeyParam(context, key, Kp.KP_CERTIFICATE, der, 0)
    assert client.CPGetKeyParam(context, key, Kp.KP_CERTIFICATE, None, 0).size == len(der)
    assert client.CPGetKeyParam(context, key, Kp.KP_CERTIFICATE, BIG, 0).data == der
    with refused(Code.NTE_BAD_FLAGS):
        client.CPSetKeyParam(context, key, Kp.KP_CERTIFICATE, der, 1)


def test_keys_of_other_contexts_and_kinds(client: ClientSession, context: int) -> None:
    other = client.CPAcquireContext(None, VERIFY)
    key = client.CPGenKey(other, Alg.CALG_RC4, 0)
    handle = client.CPCreateHash(other, Alg.CALG_SHA1, 0, 0)
    for wrong in (key, handle, other, 0):
        with refused(Code.NTE_BAD_KEY):
            client.CPGetKeyParam(context, wrong, Kp.KP_ALGID, 4, 0)
    with refused(Code.NTE_BAD_KEY):
        client.CPVerifySignature(other, handle, b"", key, None, 0)
    blob = blobs.build_plain(PlainBlob(algorithm=Alg.CALG_AES_128, key=bytes(15)))
    with refused(Code.NTE_BAD_DATA):
        client.CPImportKey(other, blob, 0, 0)
