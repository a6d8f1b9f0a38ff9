"""New key pairs on cards that keep a map of containers, the system's readers, and many threads at once."""

from __future__ import annotations

import threading
import uuid

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from cardcore.opening import open_on
from cardcore.softcard import ScryptCost, Secrets, SoftCard, SoftCardStore, volatile_card
from cardcore.transport.soft import SoftTransport
from csp_frontend.callers import ClientInfo
from csp_frontend.configuration import Configuration
from csp_frontend.constants import AT_KEYEXCHANGE, Alg, Code, Flag, Kp, Pp, SetPp
from csp_frontend.prompts import ScriptedDialog
from csp_frontend.provider import ClientSession, Provider
from csp_frontend.tokens import SystemReaders
from tests.frontend.bench import BIG, DELETEKEYSET, NEWKEYSET, PIN, SILENT, VERIFY, Bench, names, piv_card
from tests.frontend.refusals import refused
from tests.unit.core.softpiv import certificate

CARD = "\\\\.\\soft:map\\"
SMALL = Flag.CRYPT_USER_PROTECTED | 1024 << 16


@pytest.fixture
def mapped() -> SoftCard:
    """A card whose directory has a map of containers."""
    return volatile_card("gids", Secrets(pin=PIN.encode()), cost=ScryptCost(n=16))


def sign(client: ClientSession, context: int, rounds: int = 1) -> None:
    """Signatures that verify."""
    key = client.CPGetUserKey(context, AT_KEYEXCHANGE)
    for _ in range(rounds):
        handle = client.CPCreateHash(context, Alg.CALG_SHA_256, 0, 0)
        signature = client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, 256).data
        assert signature is not None
        client.CPVerifySignature(context, handle, signature, key, None, 0)
        client.CPDestroyHash(context, handle)
    client.CPDestroyKey(context, key)


def test_a_key_pair_from_its_making_to_its_end(mapped: SoftCard) -> None:
    """On a card that wants its PIN for all of it; the container's name is the one in the card's map."""
    bench = Bench()
    bench.readers.plug("soft:map", mapped, profile="gids")
    bench.dialog.expect(*[PIN] * 2)
    client = bench.client()
    with refused(Code.NTE_SILENT_CONTEXT):
        client.CPGenKey(client.CPAcquireContext(CARD + "web", NEWKEYSET | SILENT), AT_KEYEXCHANGE, SMALL)
    context = client.CPAcquireContext(CARD + "web", NEWKEYSET)
    key = client.CPGenKey(context, AT_KEYEXCHANGE, SMALL)
    sign(client, context)
    own = client.handles.public_key(client.handles.context(context), key).key
    der = certificate(own).public_bytes(Encoding.DER)
    client.CPSetKeyParam(context, key, Kp.KP_CERTIFICATE, der, 0)
    assert client.CPGetKeyParam(context, key, Kp.KP_CERTIFICATE, BIG, 0).data == der
    assert len(bench.dialog.requests) == 1
    [name] = names(client, client.CPAcquireContext(None, VERIFY))
    assert uuid.UUID(name).version == 4
    with open_on(SoftTransport(mapped, "again"), "gids") as card:
        assert [info.container for info in card.keys()] == [name]  # noqa: SIM118 - a card is no mapping
    assert client.CPAcquireContext("web", DELETEKEYSET) == 0
    assert names(client, client.CPAcquireContext(None, VERIFY)) == []
    with refused(Code.NTE_BAD_KEYSET):
        client.CPAcquireContext("web", 0)


def test_software_cards_of_the_user_are_readers() -> None:
    store = SoftCardStore()
    provider = Provider(Configuration(), ScriptedDialog())
    client = provider.client(ClientInfo())
    store.create("alice", "piv", cost=ScryptCost(n=16))
    [seen] = [reader for reader in SystemReaders().seen() if not reader.hardware]
    assert (seen.name, seen.present) == ("soft:alice", True)
    context = client.CPAcquireContext("\\\\.\\soft:alice\\", 0)
    assert client.CPGetProvParam(context, Pp.PP_SMARTCARD_READER, 99, 0).data == b"soft:alice\0"
    store.delete("alice")
    with refused(Code.SCARD_W_REMOVED_CARD):
        client.CPGenKey(context, AT_KEYEXCHANGE, SMALL)
    (store.directory / "damaged.json").write_text("{}")
    assert [reader for reader in SystemReaders().seen() if not reader.hardware] == []
    provider.close()


def test_two_processes_with_threads_on_two_cards() -> None:
    """No wrong signature, no PIN that crosses, no error that is another thread's."""
    bench = Bench(soft_alice=piv_card(("9a",)), soft_bob=piv_card(("9a",)))
    failures: list[BaseException] = []

    def work(client: ClientSession, reader: str) -> None:
        try:
            context = client.CPAcquireContext(f"\\\\.\\{reader}\\", SILENT)
            client.CPSetProvParam(context, SetPp.PP_KEYEXCHANGE_PIN, PIN.encode(), 0)
            sign(client, context, 5)
            client.CPReleaseContext(context, 0)
        except BaseException as error:
            failures.append(error)

    clients = [bench.client("one"), bench.client("two")]
    threads = [
        threading.Thread(target=work, args=(client, reader))
        for client in clients
        for reader in ("soft:alice", "soft:bob")
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failures == []
    assert bench.readers.opened.count("soft:alice") == bench.readers.opened.count("soft:bob") == 1
    for client in clients:
        client.close()
        assert len(client.handles) == 0
