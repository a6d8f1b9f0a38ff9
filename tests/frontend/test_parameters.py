"""Parameters of the provider, random bytes, handles: every parameter of the contract by its name."""

from __future__ import annotations

import io
import struct
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from cardcore.opening import open_on
from cardcore.transport.soft import SoftTransport
from csp_frontend.callers import ClientInfo
from csp_frontend.configuration import Configuration
from csp_frontend.constants import AT_KEYEXCHANGE, AT_SIGNATURE, Alg, Code, Flag, Kp, Nx, Pp, SetPp
from csp_frontend.entry import Entry
from csp_frontend.names import LONGEST
from csp_frontend.provider import ClientSession, Provider
from tests.frontend.bench import BIG, NEWKEYSET, PIN, VERIFY, Bench, items, other_key, piv_card
from tests.frontend.refusals import refused
from tests.unit.core.softpiv import ADMIN

ALICE = "\\\\.\\soft:alice\\"
SOFT, READER = "soft:alice", "Reader B"
OWNER_AND_DACL = 5
UNKNOWN_TO_READ = {
    "PP_CERTCHAIN": 9,
    "PP_KEYSTORAGE": 17,
    "PP_SYM_KEYSIZE": 19,
    "PP_SESSION_KEYSIZE": 20,
    "PP_ADMIN_PIN": 31,
    "PP_KEYEXCHANGE_PIN": 32,
    "PP_SIGNATURE_PIN": 33,
    "PP_SGC_INFO": 37,
    "PP_ENUMEX_SIGNING_PROT": 40,
    "PP_CRYPT_COUNT_KEY_USE": 41,
}
"""What the documentation of CryptGetProvParam names beside what this provider answers."""
UNKNOWN_TO_SET = {
    "PP_UI_PROMPT": 21,
    "PP_DELETEKEY": 24,
    "PP_USER_CERTSTORE": 42,
    "PP_SMARTCARD_READER": 43,
    "PP_SMARTCARD_GUID": 45,
    "PP_ROOT_CERTSTORE": 46,
    "PP_SECURE_KEYEXCHANGE_PIN": 47,
    "PP_SECURE_SIGNATURE_PIN": 48,
}
"""The same of CryptSetProvParam."""


@pytest.fixture
def bench() -> Bench:
    bench = Bench(soft_alice=piv_card(("9a", "9c")))
    bench.readers.plug(READER, piv_card())
    return bench


@pytest.fixture
def client(bench: Bench) -> ClientSession:
    return bench.client()


def get(client: ClientSession, context: int, parameter: int) -> bytes:
    """A parameter, asked for by its size first."""
    size = client.CPGetProvParam(context, parameter, None, 0).size
    if size:
        with refused(Code.ERROR_MORE_DATA):
            client.CPGetProvParam(context, parameter, size - 1, 0)
    found = client.CPGetProvParam(context, parameter, size, 0).data
    assert found is not None
    assert len(found) == size
    return found


@pytest.mark.parametrize(
    ("parameter", "wanted"),
    [
        (Pp.PP_NAME, b"Personal CSP\0"),
        (Pp.PP_VERSION, struct.pack("<I", 0x0100)),
        (Pp.PP_PROVTYPE, struct.pack("<I", 1)),
        (Pp.PP_KEYSPEC, struct.pack("<I", 3)),
        (Pp.PP_KEYSET_TYPE, struct.pack("<I", 0)),
        (Pp.PP_SIG_KEYSIZE_INC, struct.pack("<I", 256)),
        (Pp.PP_KEYX_KEYSIZE_INC, struct.pack("<I", 256)),
        (Pp.PP_IMPTYPE, struct.pack("<I", 2)),
        (Pp.PP_SMARTCARD_READER, b"soft:alice\0"),
        (Pp.PP_NX_CONTEXT_FLAGS, struct.pack("<I", 8)),
        (Pp.PP_NX_LAST_ERROR, struct.pack("<I", Nx.ERROR_NX_UNDEFINED)),
    ],
)
def test_parameters(client: ClientSession, parameter: Pp, wanted: bytes) -> None:
    assert get(client, client.CPAcquireContext(ALICE, 0), parameter) == wanted


def test_names_of_the_container(client: ClientSession) -> None:
    context = client.CPAcquireContext(ALICE, 0)
    name = get(client, context, Pp.PP_CONTAINER)
    assert uuid.UUID(name.decode().removesuffix("\0")).version == 5
    assert get(client, context, Pp.PP_UNIQUE_CONTAINER) == ALICE.encode() + name
    assert client.CPAcquireContext(get(client, context, Pp.PP_UNIQUE_CONTAINER).decode().removesuffix("\0"), 0)
    assert len(get(client, context, Pp.PP_SMARTCARD_GUID)) == 16
    fresh = client.CPAcquireContext(ALICE + "fresh", NEWKEYSET)
    assert get(client, fresh, Pp.PP_UNIQUE_CONTAINER) == ALICE.encode() + b"fresh\0"
    assert get(client, fresh, Pp.PP_SMARTCARD_GUID) == get(client, context, Pp.PP_SMARTCARD_GUID)


def test_a_hardware_token(bench: Bench, client: ClientSession) -> None:
    context = client.CPAcquireContext(f"\\\\.\\{READER}\\", 0)
    assert get(client, context, Pp.PP_IMPTYPE) == struct.pack("<I", 11)
    assert get(client, context, Pp.PP_NX_CONTEXT_FLAGS) == struct.pack("<I", 1 | 4 | 8)
    bench.readers.pull(READER)
    assert get(client, context, Pp.PP_NX_CONTEXT_FLAGS) == struct.pack("<I", 1 | 4)


def test_a_context_for_no_card(client: ClientSession) -> None:
    context = client.CPAcquireContext(None, VERIFY)
    assert get(client, context, Pp.PP_CONTAINER) == b"\0"
    assert get(client, context, Pp.PP_UNIQUE_CONTAINER) == b"\0"
    assert get(client, context, Pp.PP_NX_CONTEXT_FLAGS) == bytes(4)
    with refused(Code.NTE_BAD_TYPE):
        client.CPGetProvParam(context, Pp.PP_SMARTCARD_READER, BIG, 0)
    for parameter in (Pp.PP_SMARTCARD_GUID, Pp.PP_USER_CERTSTORE, Pp.PP_ROOT_CERTSTORE):
        with refused(Code.NTE_BAD_KEYSET):
            client.CPGetProvParam(context, parameter, BIG, 0)


def test_certificates_of_the_token(client: ClientSession) -> None:
    context = client.CPAcquireContext(ALICE, 0)
    assert client.CPGetProvParam(context, Pp.PP_ROOT_CERTSTORE, BIG, 0).data == b""
    found = stored(client, context, Pp.PP_USER_CERTSTORE)
    assert [spec for spec, _, _ in found] == [AT_KEYEXCHANGE, AT_SIGNATURE]
    for spec, name, der in found:
        opened = client.CPAcquireContext(name, 0)
        assert client.CPGetKeyParam(opened, client.CPGetUserKey(opened, spec), Kp.KP_CERTIFICATE, BIG, 0).data == der


def test_roots_on_the_token(bench: Bench, client: ClientSession) -> None:
    """A certificate of an authority in a key's place is none of a user's; only roots are in the store of roots."""
    root = _authority(other_key(5), "CN=Root", "CN=Root")
    below = _authority(other_key(6), "CN=Below", "CN=Root")
    soft = piv_card(("9a",))
    with open_on(SoftTransport(soft, "making"), "piv") as card:
        card.authenticate_admin(ADMIN)
        for name, key, one in (("9d", other_key(5), root), ("9c", other_key(6), below)):
            card.import_key(name, key)
            card.write_certificate(name, one)
    bench.readers.plug("soft:ca", soft)
    context = client.CPAcquireContext("\\\\.\\soft:ca\\", 0)
    assert stored(client, context, Pp.PP_ROOT_CERTSTORE) == [(0, "", root.public_bytes(Encoding.DER))]
    assert [spec for spec, _, _ in stored(client, context, Pp.PP_USER_CERTSTORE)] == [AT_KEYEXCHANGE]


def _authority(key: rsa.RSAPrivateKey, subject: str, issuer: str) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string(subject))
        .issuer_name(x509.Name.from_rfc4514_string(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return builder.sign(other_key(5), hashes.SHA256())


def stored(client: ClientSession, context: int, parameter: int) -> list[tuple[int, str, bytes]]:
    """Key spec, container and certificate, each as the DLL reads them."""
    data = client.CPGetProvParam(context, parameter, BIG, 0).data
    assert data is not None
    stream, found = io.BytesIO(data), []
    while start := stream.read(8):
        spec, size = struct.unpack("<II", start)
        name = stream.read(size).decode()
        (size,) = struct.unpack("<I", stream.read(4))
        found.append((spec, name, stream.read(size)))
        assert len(found[-1][2]) == size
    return found


def test_algorithms_are_listed(client: ClientSession) -> None:
    context = client.CPAcquireContext(None, VERIFY)
    plain, extended = (
        [struct.unpack(form, item) for item in items(client, context, parameter)]
        for parameter, form in ((Pp.PP_ENUMALGS, "<III20s"), (Pp.PP_ENUMALGS_EX, "<IIIIII20sI40s"))
    )
    assert {row[0] for row in plain} == {row[0] for row in extended} == set(Alg)
    for row in plain:
        assert row[3][: row[2]].endswith(b"\0")
        assert len(row[3].rstrip(b"\0")) + 1 == row[2]
    for row in extended:
        assert row[2] <= row[1] <= row[3]
        assert len(row[8].rstrip(b"\0")) + 1 == row[7]


def test_lists_are_each_contexts_own_and_wait_for_room(client: ClientSession) -> None:
    one, other = client.CPAcquireContext(None, VERIFY), client.CPAcquireContext(None, VERIFY)
    with refused(Code.NTE_BAD_FLAGS):
        client.CPGetProvParam(one, Pp.PP_ENUMCONTAINERS, 99, 0)
    first = client.CPGetProvParam(one, Pp.PP_ENUMCONTAINERS, 99, Flag.CRYPT_FIRST).data
    with refused(Code.ERROR_MORE_DATA, size=LONGEST + 1):
        client.CPGetProvParam(one, Pp.PP_ENUMCONTAINERS, 36, Flag.CRYPT_NEXT)
    assert client.CPGetProvParam(other, Pp.PP_ENUMCONTAINERS, 99, Flag.CRYPT_FIRST).data == first
    second = client.CPGetProvParam(one, Pp.PP_ENUMCONTAINERS, 99, Flag.CRYPT_NEXT).data
    assert second not in (None, first)
    assert client.CPGetProvParam(other, Pp.PP_ENUMCONTAINERS, 99, 0).data == second
    with refused(Code.NTE_BAD_FLAGS):
        client.CPGetProvParam(one, Pp.PP_ENUMCONTAINERS, None, 0x100)


def test_a_program_that_does_not_set_the_length_again_lists_everything(client: ClientSession) -> None:
    context = client.CPAcquireContext(None, VERIFY)
    for parameter, count in ((Pp.PP_ENUMCONTAINERS, 3), (Pp.PP_ENUMALGS, len(Alg)), (Pp.PP_ENUMALGS_EX, len(Alg))):
        room = longest = client.CPGetProvParam(context, parameter, None, Flag.CRYPT_FIRST).size
        for number in range(count):
            found = client.CPGetProvParam(context, parameter, room, Flag.CRYPT_NEXT if number else Flag.CRYPT_FIRST)
            room = found.size
            assert room == longest
        with refused(Code.ERROR_NO_MORE_ITEMS):
            client.CPGetProvParam(context, parameter, room, Flag.CRYPT_NEXT)


def test_parameters_that_are_not_supported(client: ClientSession) -> None:
    """Whatever their flags are: those of PP_KEYSET_SEC_DESCR say which part of the descriptor is wanted."""
    context = client.CPAcquireContext(None, VERIFY)
    for parameter in (Pp.PP_KEYSET_SEC_DESCR, *UNKNOWN_TO_READ.values(), 0x7777):
        for flags in (0, OWNER_AND_DACL):
            with refused(Code.NTE_BAD_TYPE):
                client.CPGetProvParam(context, parameter, None, flags)
    for parameter in (Pp.PP_KEYSET_SEC_DESCR, *UNKNOWN_TO_SET.values(), 0x7777):
        for flags in (0, OWNER_AND_DACL):
            with refused(Code.NTE_BAD_TYPE):
                client.CPSetProvParam(context, parameter, b"", flags)
    with refused(Code.NTE_BAD_FLAGS):
        client.CPGetProvParam(context, Pp.PP_NAME, None, 1)
    with refused(Code.NTE_BAD_FLAGS):
        client.CPSetProvParam(context, SetPp.PP_KEYEXCHANGE_PIN, b"", 1)


def test_what_the_program_says_to_the_person(bench: Bench, client: ClientSession) -> None:
    context = client.CPAcquireContext(ALICE, 0, 7)
    client.CPSetProvParam(context, SetPp.PP_PIN_PROMPT_STRING, b"Sign\x1b the\ncontract\0rest", 0)
    bench.dialog.expect(PIN, PIN)
    handle = client.CPCreateHash(context, Alg.CALG_SHA1, 0, 0)
    client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, 256)
    assert bench.dialog.requests[0].text == "Sign  the contract"
    assert bench.dialog.requests[0].window == 7
    for window in (struct.pack("<I", 9), struct.pack("<Q", 9)):
        client.CPSetProvParam(context, SetPp.PP_CLIENT_HWND, window, 0)
        assert client.handles.context(context).window == 9
    for wrong in (None, b"123"):
        with refused(Code.ERROR_INVALID_PARAMETER):
            client.CPSetProvParam(context, SetPp.PP_CLIENT_HWND, wrong, 0)


def test_random_bytes(bench: Bench, client: ClientSession) -> None:
    context = client.CPAcquireContext(ALICE, 0)
    before = bench.exchanges
    assert len({client.CPGenRandom(context, 32, b"seed") for _ in range(10)}) == 10
    assert client.CPGenRandom(context, 0) == b""
    assert bench.exchanges == before
    for size in (-1, (1 << 20) + 1):
        with refused(Code.NTE_BAD_LEN):
            client.CPGenRandom(context, size)


def test_random_bytes_of_the_card() -> None:
    """Where there is no card, or it has none to give, that is said; nothing is taken for random that is not."""
    bench = Bench(soft_alice=piv_card())
    from cardcore.softcard import ScryptCost, volatile_card

    bench.readers.plug("soft:other", volatile_card("openpgp", cost=ScryptCost(n=16)), profile="openpgp")
    client = bench.client()
    context = client.CPAcquireContext("\\\\.\\soft:other\\", 0)
    assert client.CPGetProvParam(context, Pp.PP_USE_HARDWARE_RNG, None, 0).size == 0
    client.CPSetProvParam(context, SetPp.PP_USE_HARDWARE_RNG, None, 0)
    before = bench.exchanges
    assert len(client.CPGenRandom(context, 100)) == 100
    assert bench.exchanges > before
    for without in (client.CPAcquireContext(None, VERIFY), client.CPAcquireContext(ALICE, 0)):
        with refused(Code.NTE_NOT_SUPPORTED):
            client.CPGetProvParam(without, Pp.PP_USE_HARDWARE_RNG, None, 0)
        with refused(Code.NTE_NOT_SUPPORTED):
            client.CPSetProvParam(without, SetPp.PP_USE_HARDWARE_RNG, None, 0)
        assert len(client.CPGenRandom(without, 100)) == 100


def test_handles_are_limited_and_mean_nothing_to_others(bench: Bench) -> None:
    provider = Provider(Configuration(), bench.dialog, readers=bench.readers, max_handles=3)
    client, other = provider.client(ClientInfo()), provider.client(ClientInfo())
    context = client.CPAcquireContext(None, VERIFY)
    handles = [client.CPCreateHash(context, Alg.CALG_SHA1, 0, 0) for _ in range(2)]
    with refused(Code.NTE_NO_MEMORY):
        client.CPCreateHash(context, Alg.CALG_SHA1, 0, 0)
    with refused(Code.NTE_BAD_UID):
        other.CPReleaseContext(context, 0)
    client.CPDestroyHash(context, handles[0])
    assert client.CPCreateHash(context, Alg.CALG_SHA1, 0, 0)
    client.close()
    assert len(client.handles) == 0
    with refused(Code.NTE_BAD_UID):
        client.CPGetProvParam(context, Pp.PP_NX_LAST_ERROR, 4, 0)


def test_the_memory_of_last_errors_is_bounded() -> None:
    entry = Entry()
    for thread in range(5000):
        with entry.on_behalf(thread):
            entry.note(Nx.ERROR_NX_PIN_BLOCKED)
    assert len(entry._last) == 1024
    with entry.on_behalf(4999):
        before = entry.last
        entry.reset()
        assert (before, entry.last) == (Nx.ERROR_NX_PIN_BLOCKED, Nx.ERROR_NX_UNDEFINED)
