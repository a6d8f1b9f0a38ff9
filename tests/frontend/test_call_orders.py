"""What real programs call, in their order, through the wire against cards of every family in virtual readers."""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding

from csp_frontend.client import Client
from csp_frontend.constants import Acquire, Alg, Blob, Code, Hp, Kp, Pp, SetPp
from csp_frontend.errors import CspError
from tests.frontend.agents import RunningAgent
from tests.frontend.cards import AT_KEYEXCHANGE, AT_SIGNATURE, KEYS, PIN, Counter, Key, OpenSsl, PlayedCard, make
from tests.simulated.rig import PcscRig

pytestmark = pytest.mark.pcsc

MESSAGE = b"Tell me, Muse, of the man of many ways\n"
FAMILIES = tuple(KEYS)
EACH_KEY = [pytest.param(name, key, id=f"{name}-{key.slot}") for name, keys in KEYS.items() for key in keys]
DECRYPTING = [
    pytest.param(name, key, id=f"{name}-{key.slot}") for name, keys in KEYS.items() for key in keys if key.decrypts
]
NOHASHOID = 1
PATIENCE = 20.0
FIRST, NEXT = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A reader with a card in it, and who counts the card's commands."""

    reader: str
    card: PlayedCard
    counter: Counter

    def name(self, key: Key) -> str:
        """A container by reader and key number."""
        return f"\\\\.\\{self.reader}\\{self.sha1(key)}"

    def sha1(self, key: Key) -> str:
        """A container by its certificate."""
        return hashlib.sha1(self.der(key), usedforsecurity=False).hexdigest()

    def der(self, key: Key) -> bytes:
        return self.card.certificates[key.slot].public_bytes(Encoding.DER)

    def public(self, key: Key) -> rsa.RSAPublicKey:
        public = self.card.certificates[key.slot].public_key()
        assert isinstance(public, rsa.RSAPublicKey)
        return public


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Four readers with a card of each family, and an agent."""

    rig: PcscRig
    agent: RunningAgent
    slots: dict[str, Slot]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with PcscRig(readers=len(FAMILIES)) as rig:
        slots = {}
        for number, family in enumerate(FAMILIES):
            slots[family] = Slot(reader=rig.reader_names[number], card=make(family), counter=Counter())
            rig.insert(number, slots[family].card.card, watch=slots[family].counter)
        answers = dict.fromkeys(rig.reader_names, PIN)
        env = {**rig.env, "CARDCORE_SOFT_DIR": str(tmp_path_factory.mktemp("soft"))}
        with RunningAgent(tmp_path_factory.mktemp("agent"), env=env, answers=answers) as agent:
            yield Place(rig=rig, agent=agent, slots=slots)


@pytest.fixture
def client(place: Place) -> Iterator[Client]:
    with place.agent.client() as client:
        yield client


def digest(name: str) -> bytes:
    return hashlib.new(name, MESSAGE, usedforsecurity=False).digest()


@contextmanager
def silent(slot: Slot) -> Iterator[None]:
    """No command reaches the card inside the `with`."""
    before = slot.counter.count
    yield
    assert slot.counter.count == before


def sign(client: Client, slot: Slot, context: int, hashed: int, spec: int, flags: int = 0) -> bytes:
    """Ask for the size, which touches nothing, then sign; big endian as openssl wants it."""
    with silent(slot):
        size = client.CPSignHash(context, hashed, spec, None, flags, None)
    assert (size.size, size.data) == (256, None)
    signed = client.CPSignHash(context, hashed, spec, None, flags, size.size)
    assert signed.data is not None
    assert len(signed.data) == 256
    return signed.data[::-1]


@pytest.mark.parametrize(("family", "key"), EACH_KEY)
def test_tls_1_0(place: Place, client: Client, tmp_path: Path, family: str, key: Key) -> None:
    slot, block = place.slots[family], digest("md5") + digest("sha1")
    context = client.CPAcquireContext(slot.name(key), 0)
    user_key = client.CPGetUserKey(context, key.spec)
    with silent(slot):
        size = client.CPExportKey(context, user_key, 0, Blob.PUBLICKEYBLOB, 0, None)
        blob = client.CPExportKey(context, user_key, 0, Blob.PUBLICKEYBLOB, 0, size.size).data
        assert blob is not None
        assert int.from_bytes(blob[20:], "little") == slot.public(key).public_numbers().n
        hashed = client.CPCreateHash(context, Alg.CALG_SSL3_SHAMD5, 0, 0)
        client.CPSetHashParam(context, hashed, Hp.HP_HASHVAL, block, 0)
    signature = sign(client, slot, context, hashed, key.spec)
    OpenSsl(tmp_path, slot.card.certificates[key.slot]).verify_raw(block, signature)
    client.CPDestroyHash(context, hashed)
    client.CPDestroyKey(context, user_key)
    client.CPReleaseContext(context, 0)


@pytest.mark.parametrize(("family", "key"), EACH_KEY)
@pytest.mark.parametrize(("algorithm", "name"), [(Alg.CALG_SHA_256, "sha256"), (Alg.CALG_SHA1, "sha1")])
def test_tls_1_2_requests_and_files(
    place: Place, client: Client, tmp_path: Path, family: str, key: Key, algorithm: int, name: str
) -> None:
    slot = place.slots[family]
    context = client.CPAcquireContext(slot.name(key), 0)
    user_key = client.CPGetUserKey(context, key.spec)
    with silent(slot):
        hashed = client.CPCreateHash(context, algorithm, 0, 0)
        size = client.CPGetHashParam(context, hashed, Hp.HP_HASHSIZE, 4, 0)
        assert size.data == hashlib.new(name).digest_size.to_bytes(4, "little")
        for _ in range(100):
            client.CPHashData(context, hashed, MESSAGE, 0)
    signature = sign(client, slot, context, hashed, key.spec)
    OpenSsl(tmp_path, slot.card.certificates[key.slot]).verify(MESSAGE * 100, signature, name)
    client.CPDestroyHash(context, hashed)
    again = client.CPCreateHash(context, algorithm, 0, 0)
    client.CPHashData(context, again, MESSAGE * 100, 0)
    with silent(slot):
        client.CPVerifySignature(context, again, signature[::-1], user_key, None, 0)
    client.CPReleaseContext(context, 0)


@pytest.mark.parametrize(("family", "key"), EACH_KEY)
def test_without_the_oid(place: Place, client: Client, tmp_path: Path, family: str, key: Key) -> None:
    slot, value = place.slots[family], digest("sha256")
    context = client.CPAcquireContext(slot.name(key), 0)
    hashed = client.CPCreateHash(context, Alg.CALG_SHA_256, 0, 0)
    client.CPSetHashParam(context, hashed, Hp.HP_HASHVAL, value, 0)
    signature = sign(client, slot, context, hashed, key.spec, NOHASHOID)
    OpenSsl(tmp_path, slot.card.certificates[key.slot]).verify_raw(value, signature)


@pytest.mark.parametrize(("family", "key"), DECRYPTING)
def test_a_session_key_outlives_the_user_key(place: Place, client: Client, family: str, key: Key) -> None:
    slot, secret = place.slots[family], bytes(range(16))
    wrapped = slot.public(key).encrypt(secret, padding.PKCS1v15())[::-1]
    blob = struct.pack("<BBHII", Blob.SIMPLEBLOB, 2, 0, Alg.CALG_AES_128, Alg.CALG_RSA_KEYX) + wrapped
    context = client.CPAcquireContext(slot.name(key), 0)
    user_key = client.CPGetUserKey(context, key.spec)
    session = client.CPImportKey(context, blob, user_key, 0)
    client.CPDestroyKey(context, user_key)
    aes = Cipher(algorithms.AES128(secret), modes.CBC(bytes(16))).encryptor()
    filled = MESSAGE + bytes([16 - len(MESSAGE) % 16]) * (16 - len(MESSAGE) % 16)
    encrypted = aes.update(filled) + aes.finalize()
    with silent(slot):
        plain = client.CPDecrypt(context, session, 0, True, 0, encrypted, len(encrypted))
    assert plain.data == MESSAGE
    assert plain.size == len(MESSAGE)
    client.CPDestroyKey(context, session)


@pytest.mark.parametrize(("family", "key"), DECRYPTING)
def test_decrypting_with_the_user_key_itself(place: Place, client: Client, family: str, key: Key) -> None:
    slot = place.slots[family]
    context = client.CPAcquireContext(slot.name(key), 0)
    user_key = client.CPGetUserKey(context, key.spec)
    encrypted = slot.public(key).encrypt(MESSAGE, padding.PKCS1v15())[::-1]
    plain = client.CPDecrypt(context, user_key, 0, True, 0, encrypted, len(encrypted))
    assert plain.data is not None
    assert plain.data[: plain.size] == MESSAGE


def listed(client: Client, context: int, room: int, flags: int) -> str:
    """The next container's name."""
    item = client.CPGetProvParam(context, Pp.PP_ENUMCONTAINERS, room, flags).data
    assert item is not None
    return item.rstrip(b"\0").decode()


def test_enumerating_containers(place: Place, client: Client) -> None:
    client.CPAcquireContext(None, 0)  # whatever has to be read once has been read
    context = client.CPAcquireContext(None, Acquire.CRYPT_VERIFYCONTEXT)
    for slot in place.slots.values():
        with silent(slot):
            longest = client.CPGetProvParam(context, Pp.PP_ENUMCONTAINERS, None, FIRST).size
    found = [listed(client, context, longest, FIRST)]
    for number in range(sum(map(len, KEYS.values())) - 1):
        found.append(listed(client, context, longest, NEXT if number % 2 else 0))
    with pytest.raises(CspError) as caught:
        listed(client, context, longest, NEXT)
    assert caught.value.code == Code.ERROR_NO_MORE_ITEMS
    assert len(set(found)) == len(found)
    assert longest > max(map(len, found))
    for name in found:
        opened = client.CPAcquireContext(name, Acquire.CRYPT_SILENT)
        unique = client.CPGetProvParam(opened, Pp.PP_CONTAINER, 300, 0).data
        assert unique == name.encode() + b"\0"


def test_listing_costs_no_signature_and_no_pin(place: Place, client: Client) -> None:
    asked = len(place.agent.asked)
    before = {family: (slot.counter.of(0x20), slot.counter.of(0x2A)) for family, slot in place.slots.items()}
    context = client.CPAcquireContext(None, Acquire.CRYPT_VERIFYCONTEXT)
    client.CPGetProvParam(context, Pp.PP_ENUMCONTAINERS, 300, FIRST)
    assert len(place.agent.asked) == asked
    after = {family: (slot.counter.of(0x20), slot.counter.of(0x2A)) for family, slot in place.slots.items()}
    assert after == before


@pytest.mark.parametrize(("family", "key"), EACH_KEY)
def test_certificates(place: Place, client: Client, family: str, key: Key) -> None:
    slot = place.slots[family]
    asked = len(place.agent.asked)
    context = client.CPAcquireContext(slot.name(key), Acquire.CRYPT_SILENT)
    other = AT_SIGNATURE if key.spec == AT_KEYEXCHANGE else AT_KEYEXCHANGE
    with pytest.raises(CspError) as caught:
        client.CPGetUserKey(context, other)
    assert caught.value.code == Code.NTE_NO_KEY
    user_key = client.CPGetUserKey(context, key.spec)
    with silent(slot):
        size = client.CPGetKeyParam(context, user_key, Kp.KP_CERTIFICATE, None, 0)
    der = client.CPGetKeyParam(context, user_key, Kp.KP_CERTIFICATE, size.size, 0).data
    assert der == slot.der(key)
    assert x509.load_der_x509_certificate(der).public_key() == slot.public(key)
    assert len(place.agent.asked) == asked


@pytest.mark.parametrize("family", FAMILIES)
def test_silent_contexts_ask_nobody(place: Place, client: Client, family: str) -> None:
    slot, key = place.slots[family], KEYS[family][0]
    asked = len(place.agent.asked)
    context = client.CPAcquireContext(slot.name(key), Acquire.CRYPT_SILENT)
    hashed = client.CPCreateHash(context, Alg.CALG_SHA1, 0, 0)
    client.CPHashData(context, hashed, MESSAGE, 0)
    with pytest.raises(CspError) as caught:
        client.CPSignHash(context, hashed, key.spec, None, 0, 256)
    assert caught.value.code == Code.NTE_SILENT_CONTEXT
    client.CPSetProvParam(context, SetPp.PP_SIGNATURE_PIN, PIN.encode(), 0)
    assert len(client.CPSignHash(context, hashed, key.spec, None, 0, 256).data or b"") == 256
    assert len(place.agent.asked) == asked


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pin_serves_its_own_process_only(place: Place, client: Client, family: str) -> None:
    slot, key = place.slots[family], KEYS[family][0]

    def signed(program: Client) -> None:
        context = program.CPAcquireContext(slot.name(key), 0)
        hashed = program.CPCreateHash(context, Alg.CALG_SHA1, 0, 0)
        program.CPHashData(context, hashed, MESSAGE, 0)
        program.CPSignHash(context, hashed, key.spec, None, 0, 256)

    asked = len(place.agent.asked)
    signed(client)
    signed(client)
    assert [question["reader"] for question in place.agent.asked[asked:]] == [slot.reader]
    with place.agent.client("another program") as another:
        signed(another)
    assert [question["client"] for question in place.agent.asked[asked + 1 :]] == ["another program"]
    deadline = time.monotonic() + PATIENCE
    while len(client.status()["clients"]) > 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    status = client.status()
    assert [pin["program"] for pin in status["cached_pins"]] == ["test"]
    assert PIN not in str(status)
    signed(client)
    assert len(place.agent.asked) == asked + 2


@pytest.mark.parametrize(
    ("name", "flags", "code"),
    [
        ("\\\\.\\", 0, Code.NTE_BAD_KEYSET),
        ("0" * 40, 0, Code.NTE_BAD_KEYSET),
        ("nobody", 0, Code.NTE_BAD_KEYSET),
        ("nobody", Acquire.CRYPT_VERIFYCONTEXT, Code.NTE_BAD_FLAGS),
    ],
)
def test_what_cannot_be_opened(client: Client, name: str, flags: int, code: Code) -> None:
    with pytest.raises(CspError) as caught:
        client.CPAcquireContext(name, flags)
    assert caught.value.code == code


def test_no_pin_in_the_log(place: Place) -> None:
    assert "NTE_SILENT_CONTEXT (80090022)" in place.agent.log
    assert PIN not in place.agent.log
