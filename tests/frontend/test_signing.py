"""Signatures, the call orders of real programs, and that a question about a size leaves the card alone."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cardcore.opening import open_on
from cardcore.softcard import ScryptCost, Secrets, volatile_card
from cardcore.transport.soft import SoftTransport
from csp_frontend import blobs
from csp_frontend.constants import AT_KEYEXCHANGE, AT_SIGNATURE, Alg, Blob, Code, Flag, Hp, Kp, Pp, SetPp
from csp_frontend.provider import ClientSession
from csp_frontend.rsa_keys import PublicKey
from tests.frontend.bench import BIG, PIN, SILENT, VERIFY, Bench, names, other_key, piv_card
from tests.frontend.refusals import refused

ALICE = "\\\\.\\soft:alice\\"
HASHES = {
    Alg.CALG_MD5: "md5",
    Alg.CALG_SHA1: "sha1",
    Alg.CALG_SHA_256: "sha256",
    Alg.CALG_SHA_384: "sha384",
    Alg.CALG_SHA_512: "sha512",
}


@pytest.fixture
def bench() -> Bench:
    bench = Bench(soft_alice=piv_card(("9a", "9c")))
    bench.dialog.expect(*[PIN] * 20)
    return bench


@pytest.fixture
def client(bench: Bench) -> ClientSession:
    return bench.client()


def taken(data: bytes | None) -> bytes:
    assert data is not None
    return data


def hashed(client: ClientSession, context: int, algorithm: Alg, message: bytes = b"message") -> int:
    handle = client.CPCreateHash(context, algorithm, 0, 0)
    client.CPHashData(context, handle, message, 0)
    return handle


@pytest.mark.parametrize("algorithm", HASHES, ids=lambda algorithm: algorithm.name)
def test_signatures_are_those_of_openssl(client: ClientSession, algorithm: Alg, tmp_path: Path) -> None:
    context = client.CPAcquireContext(ALICE, 0)
    handle = hashed(client, context, algorithm)
    signature = taken(client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, 256).data)
    pem = other_key(0).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for name, content in (("key", pem), ("signature", signature[::-1]), ("data", b"message")):
        (tmp_path / name).write_bytes(content)
    openssl = shutil.which("openssl")
    assert openssl
    command = [openssl, "dgst", f"-{HASHES[algorithm]}", "-verify", "key", "-signature", "signature", "data"]
    assert "Verified OK" in subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    key = client.CPGetUserKey(context, AT_KEYEXCHANGE)
    client.CPVerifySignature(context, handle, signature, key, None, 0)
    with refused(Code.NTE_BAD_SIGNATURE):
        client.CPVerifySignature(context, handle, signature, key, None, Flag.CRYPT_NOHASHOID)


@pytest.mark.parametrize("algorithm", [*HASHES, Alg.CALG_SSL3_SHAMD5], ids=lambda algorithm: algorithm.name)
def test_signatures_without_oid(client: ClientSession, algorithm: Alg) -> None:
    context = client.CPAcquireContext(ALICE, 0)
    handle = hashed(client, context, algorithm)
    value = taken(client.CPGetHashParam(context, handle, Hp.HP_HASHVAL, 64, 0).data)
    signature = taken(client.CPSignHash(context, handle, AT_KEYEXCHANGE, "", Flag.CRYPT_NOHASHOID, 256).data)
    public = other_key(0).public_key()
    assert public.recover_data_from_signature(signature[::-1], padding.PKCS1v15(), None) == value
    key = client.CPGetUserKey(context, AT_KEYEXCHANGE)
    client.CPVerifySignature(context, handle, signature, key, None, Flag.CRYPT_NOHASHOID)
    if algorithm is Alg.CALG_SSL3_SHAMD5:
        assert client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, 256).data == signature
        client.CPVerifySignature(context, handle, signature, key, None, 0)


def test_a_card_that_adds_the_oid_itself_refuses_to_leave_it_out() -> None:
    """Its profile takes DigestInfo and checks it; something else than was asked for is never signed."""
    import dataclasses

    from cardcore.profile.model import InputForm

    bench = Bench(soft_alice=piv_card())
    client = bench.client()
    context = client.CPAcquireContext(ALICE, SILENT)
    client.CPSetProvParam(context, SetPp.PP_KEYEXCHANGE_PIN, PIN.encode(), 0)
    [token] = bench.provider.pool.opened()
    profile = token.card.profile
    checked = {
        name: dataclasses.replace(algorithm, sign=InputForm.DIGEST_INFO_CHECKED)
        for name, algorithm in profile.algorithms.items()
    }
    token.card._session.engine.profile = dataclasses.replace(profile, algorithms=checked)
    for algorithm, flags in ((Alg.CALG_SHA_256, Flag.CRYPT_NOHASHOID), (Alg.CALG_SSL3_SHAMD5, 0)):
        handle = hashed(client, context, algorithm)
        with refused(Code.NTE_NOT_SUPPORTED):
            client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, flags, 256)


def test_what_cannot_be_signed_or_verified(client: ClientSession) -> None:
    context = client.CPAcquireContext(ALICE, 0)
    handle, key = hashed(client, context, Alg.CALG_SHA1), client.CPGetUserKey(context, AT_KEYEXCHANGE)
    session = client.CPGenKey(context, Alg.CALG_AES_128, 0)
    mac = client.CPCreateHash(context, Alg.CALG_MAC, session, 0)
    for flags in (Flag.CRYPT_TYPE2_FORMAT, Flag.CRYPT_X931_FORMAT, 0x80000000):
        with refused(Code.NTE_BAD_FLAGS):
            client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, flags, None)
        with refused(Code.NTE_BAD_FLAGS):
            client.CPVerifySignature(context, handle, bytes(256), key, None, flags)
    with refused(Code.ERROR_INVALID_PARAMETER):
        client.CPSignHash(context, handle, AT_KEYEXCHANGE, "description", 0, None)
    with refused(Code.NTE_BAD_HASH):
        client.CPSignHash(context, mac, AT_KEYEXCHANGE, None, 0, None)
    with refused(Code.NTE_BAD_HASH):
        client.CPSignHash(context, key, AT_KEYEXCHANGE, None, 0, None)
    with refused(Code.NTE_NO_KEY):
        client.CPSignHash(context, handle, AT_SIGNATURE, None, 0, None)
    for signature in (b"", bytes(255), bytes(256), b"\xff" * 256, bytes(257)):
        with refused(Code.NTE_BAD_SIGNATURE):
            client.CPVerifySignature(context, handle, signature, key, None, 0)


def test_the_first_questions_about_sizes_cost_nothing(bench: Bench, client: ClientSession) -> None:
    """Every size query there is, with a card that nobody has unlocked: no exchange, no question to the person."""
    context = client.CPAcquireContext(ALICE, 0)
    verify = client.CPAcquireContext(None, VERIFY)
    user = client.CPGetUserKey(context, AT_KEYEXCHANGE)
    session = client.CPGenKey(context, Alg.CALG_AES_128, Flag.CRYPT_EXPORTABLE)
    handle = hashed(client, context, Alg.CALG_SHA_256)
    before = bench.exchanges
    queries: list[Callable[[], int]] = [
        lambda: client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, None).size,
        lambda: client.CPGetKeyParam(context, user, Kp.KP_CERTIFICATE, None, 0).size,
        lambda: client.CPExportKey(context, user, 0, Blob.PUBLICKEYBLOB, 0, None).size,
        lambda: client.CPExportKey(context, session, user, Blob.SIMPLEBLOB, 0, None).size,
        lambda: client.CPEncrypt(context, user, 0, True, 0, None, 10, 0).size,
        lambda: client.CPDecrypt(context, user, 0, True, 0, None, 256).size,
        lambda: client.CPGetHashParam(context, handle, Hp.HP_HASHVAL, None, 0).size,
        lambda: client.CPGetProvParam(verify, Pp.PP_ENUMCONTAINERS, None, Flag.CRYPT_FIRST).size,
    ]
    for parameter in set(Pp) - {Pp.PP_KEYSET_SEC_DESCR, Pp.PP_USE_HARDWARE_RNG, Pp.PP_ROOT_CERTSTORE}:
        queries.append(lambda parameter=parameter: client.CPGetProvParam(context, parameter, None, 0).size)  # type: ignore[misc]  # a default binds it
    sizes = [query() for query in queries]
    assert all(sizes)
    assert sizes[0] == 256
    with refused(Code.ERROR_MORE_DATA):
        client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, 255)
    assert bench.exchanges == before
    assert bench.dialog.requests == []
    client.CPHashData(context, handle, b"nor is the hash finished", 0)


def test_listing_containers_costs_no_pin_and_is_read_once(bench: Bench, client: ClientSession) -> None:
    first = names(client, client.CPAcquireContext(None, VERIFY))
    before = bench.exchanges
    assert names(client, client.CPAcquireContext(None, VERIFY)) == first
    assert bench.exchanges == before
    assert bench.dialog.requests == []
    assert bench.readers.opened == ["soft:alice"]


def test_tls_1_0_client(client: ClientSession) -> None:
    """Acquire GetUserKey ExportKey CreateHash(SHAMD5) SetHashParam SignHash DestroyHash DestroyKey Release."""
    [first, *_] = names(client, client.CPAcquireContext(None, VERIFY))
    context = client.CPAcquireContext(first, 0)
    key = client.CPGetUserKey(context, AT_KEYEXCHANGE)
    size = client.CPExportKey(context, key, 0, Blob.PUBLICKEYBLOB, 0, None).size
    blob = taken(client.CPExportKey(context, key, 0, Blob.PUBLICKEYBLOB, 0, size).data)
    handle = client.CPCreateHash(context, Alg.CALG_SSL3_SHAMD5, 0, 0)
    value = hashlib.md5(b"x", usedforsecurity=False).digest() + hashlib.sha1(b"x", usedforsecurity=False).digest()
    client.CPSetHashParam(context, handle, Hp.HP_HASHVAL, value, 0)
    assert client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, None).size == 256
    signature = taken(client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, 256).data)
    public = PublicKey.from_blob(blobs.parse_public(blob)).key
    assert public.recover_data_from_signature(signature[::-1], padding.PKCS1v15(), None) == value
    client.CPDestroyHash(context, handle)
    client.CPDestroyKey(context, key)
    client.CPReleaseContext(context, 0)


@pytest.mark.parametrize("algorithm", [Alg.CALG_SHA_256, Alg.CALG_SHA1])
@pytest.mark.parametrize("flags", [0, Flag.CRYPT_NOHASHOID])
def test_tls_1_2_client_and_certificate_request(client: ClientSession, algorithm: Alg, flags: int) -> None:
    context = client.CPAcquireContext(ALICE, 0)
    handle = client.CPCreateHash(context, algorithm, 0, 0)
    size = int.from_bytes(taken(client.CPGetHashParam(context, handle, Hp.HP_HASHSIZE, 4, 0).data), "little")
    client.CPSetHashParam(context, handle, Hp.HP_HASHVAL, bytes(range(size)), 0)
    for _ in range(2):
        client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, flags, None)
    signature = taken(client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, flags, 256).data)
    key = client.CPGetUserKey(context, AT_KEYEXCHANGE)
    client.CPVerifySignature(context, handle, signature, key, None, flags)


def test_decrypting_mail(client: ClientSession) -> None:
    """GetUserKey ImportKey(SIMPLEBLOB, user key) DestroyKey Decrypt DestroyKey."""
    sender = client.CPAcquireContext(None, VERIFY)
    recipient = PublicKey(Alg.CALG_RSA_KEYX, other_key(0).public_key())
    public = client.CPImportKey(sender, blobs.build_public(recipient.blob()), 0, 0)
    session = client.CPGenKey(sender, Alg.CALG_3DES, Flag.CRYPT_EXPORTABLE)
    client.CPSetKeyParam(sender, session, Kp.KP_IV, b"12345678", 0)
    mail = taken(client.CPEncrypt(sender, session, 0, True, 0, b"Dear Alice,", 11, 16).data)
    blob = taken(client.CPExportKey(sender, session, public, Blob.SIMPLEBLOB, 0, BIG).data)
    context = client.CPAcquireContext(ALICE, 0)
    user = client.CPGetUserKey(context, AT_KEYEXCHANGE)
    key = client.CPImportKey(context, blob, user, 0)
    client.CPDestroyKey(context, user)
    client.CPSetKeyParam(context, key, Kp.KP_IV, b"12345678", 0)
    assert client.CPDecrypt(context, key, 0, True, 0, mail, 16).data == b"Dear Alice,"
    client.CPDestroyKey(context, key)


def test_enumeration_then_certificates(client: ClientSession) -> None:
    """Acquire(container, CRYPT_SILENT) GetUserKey(1), (2), GetKeyParam(KP_CERTIFICATE, NULL, buf)."""
    exchange, signature = names(client, client.CPAcquireContext(None, VERIFY))
    for name, key_spec, absent in (
        (exchange, AT_KEYEXCHANGE, AT_SIGNATURE),
        (signature, AT_SIGNATURE, AT_KEYEXCHANGE),
    ):
        context = client.CPAcquireContext(name, SILENT)
        with refused(Code.NTE_NO_KEY):
            client.CPGetUserKey(context, absent)
        key = client.CPGetUserKey(context, key_spec)
        size = client.CPGetKeyParam(context, key, Kp.KP_CERTIFICATE, None, 0).size
        assert len(taken(client.CPGetKeyParam(context, key, Kp.KP_CERTIFICATE, size, 0).data)) == size


@pytest.mark.parametrize("family", ["openpgp", "gids", "isoapplet"])
def test_other_families(family: str) -> None:
    """A key made through the provider, or before it, signs with and without OID on each family there is."""
    secrets = Secrets(pin=PIN.encode()) if family in ("gids", "isoapplet") else Secrets()
    soft = volatile_card(family, secrets, cost=ScryptCost(n=16))
    with open_on(SoftTransport(soft, "making")) as card:
        name = next(slot.name for slot in card.profile.keys.values())
        admin = card.profile.admin
        card.verify(PIN, card.profile.keys[name].pin)
        if admin is not None and admin.pin:
            card.authenticate_admin("12345678")
        card.import_key(name, other_key(3))
    bench = Bench()
    bench.readers.plug("soft:other", soft, profile=family)
    bench.dialog.expect(*[PIN] * 4)
    client = bench.client()
    context = client.CPAcquireContext("\\\\.\\soft:other\\", 0)
    key_spec = client.handles.context(context).container.key_spec  # type: ignore[union-attr]  # it has one
    for flags in (0, Flag.CRYPT_NOHASHOID):
        handle = hashed(client, context, Alg.CALG_SHA_256)
        signature = taken(client.CPSignHash(context, handle, key_spec, None, flags, 256).data)
        client.CPVerifySignature(context, handle, signature, client.CPGetUserKey(context, key_spec), None, flags)
