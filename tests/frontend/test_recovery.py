"""What is left when something dies: a client in the middle of a call, the agent, the PC/SC service, a card."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from csp_frontend.client import Client
from csp_frontend.constants import Acquire, Alg, Code, Pp, SetPp, TokenFlag
from csp_frontend.errors import CspError
from tests.frontend.agents import RunningAgent
from tests.frontend.cards import KEYS, PIN, PlayedCard, make
from tests.simulated.rig import PcscRig

pytestmark = pytest.mark.pcsc

PATIENCE = 20.0
DATA = b"Tell me, Muse, of the man of many ways\n"
VICTIM = """
import json, sys
from pathlib import Path
from csp_frontend.client import Client
from csp_frontend.constants import Alg, SetPp
file, container, pin = sys.argv[1:]
client = Client(Path(file), program="victim")
context = client.CPAcquireContext(container, 0)
if pin:
    client.CPSetProvParam(context, SetPp.PP_SIGNATURE_PIN, pin.encode(), 0)
hashed = client.CPCreateHash(context, Alg.CALG_SHA_256, 0, 0)
print("ready", flush=True)
while True:
    client.CPSignHash(context, hashed, 1, None, 0, 512)
"""


@pytest.fixture(scope="module")
def card() -> PlayedCard:
    return make("piv")


@pytest.fixture
def rig() -> Iterator[PcscRig]:
    with PcscRig(readers=2) as rig:
        yield rig


class _Gate:
    """A card's answers are held back until it is opened, as long as the test lasts."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.opened.set()
        self.reached = threading.Event()

    def __call__(self, command: bytes, response: bytes) -> None:
        if not self.opened.is_set():
            self.reached.set()
            self.opened.wait(PATIENCE)


def environment(rig: PcscRig, folder: Path) -> dict[str, str]:
    return {**rig.env, "CARDCORE_SOFT_DIR": str(folder / "soft")}


def container(card: PlayedCard) -> str:
    der = card.certificates[KEYS["piv"][0].slot].public_bytes(Encoding.DER)
    return hashlib.sha1(der, usedforsecurity=False).hexdigest()


def sign(client: Client, card: PlayedCard, context: int = 0) -> None:
    """Sign, and check the signature."""
    public = card.certificates[KEYS["piv"][0].slot].public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    opened = context or client.CPAcquireContext(container(card), Acquire.CRYPT_SILENT)
    client.CPSetProvParam(opened, SetPp.PP_SIGNATURE_PIN, PIN.encode(), 0)
    hashed = client.CPCreateHash(opened, Alg.CALG_SHA_256, 0, 0)
    client.CPHashData(opened, hashed, DATA, 0)
    signature = client.CPSignHash(opened, hashed, 1, None, 0, 512).data
    assert signature is not None
    public.verify(signature[::-1], DATA, padding.PKCS1v15(), SHA256())


@contextmanager
def victim(agent: RunningAgent, card: PlayedCard, pin: str = "") -> Iterator[subprocess.Popen[str]]:
    """A client process that signs until it is killed."""
    command = [sys.executable, "-c", VICTIM, str(agent.file), container(card), pin]
    with subprocess.Popen(command, env=agent.env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def until(condition: Callable[[], bool]) -> float:
    """Wait for it; how many seconds that took."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < PATIENCE
        time.sleep(0.01)
    return time.monotonic() - begin


def programs(client: Client) -> list[str]:
    return [entry["program"] for entry in client.status()["clients"]]


def test_a_person_at_a_dialog_holds_nobody_up_and_a_killed_client_leaves_nothing(
    rig: PcscRig, tmp_path: Path, card: PlayedCard
) -> None:
    reader = rig.reader_names[0]
    rig.insert(0, card.card)
    with (
        RunningAgent(tmp_path / "a", env=environment(rig, tmp_path), deaf=[reader]) as agent,
        agent.client() as client,
        victim(agent, card) as process,
    ):
        until(lambda: len(agent.asked) == 1)
        sign(client, card)  # the same card, while the person thinks about another program's question
        assert programs(client) == ["test", "victim"] or programs(client) == ["victim", "test"]
        process.kill()
        assert until(lambda: programs(client) == ["test"]) < 1.0
        sign(client, card)
        until(lambda: "has gone in the middle of a call" in agent.log)


def test_a_client_that_is_killed_while_the_card_works(rig: PcscRig, tmp_path: Path, card: PlayedCard) -> None:
    rig.insert(0, card.card, delay_ms=50)
    with (
        RunningAgent(tmp_path / "a", env=environment(rig, tmp_path)) as agent,
        agent.client() as client,
        victim(agent, card, PIN) as process,
    ):
        sign(client, card)
        ended = threading.Event()

        def work() -> None:
            sign(client, card)
            ended.set()

        for _ in range(3):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join(PATIENCE)
        assert ended.is_set()
        process.kill()
        assert until(lambda: programs(client) == ["test"]) < 1.0
        sign(client, card)
        assert [pin["program"] for pin in client.status()["cached_pins"]] == ["test"]


def test_the_agent_restarts_under_a_client(rig: PcscRig, tmp_path: Path, card: PlayedCard) -> None:
    rig.insert(0, card.card)
    agent = RunningAgent(tmp_path / "a", env=environment(rig, tmp_path))
    with agent, agent.client() as client:
        context = client.CPAcquireContext(container(card), 0)
        hashed = client.CPCreateHash(context, Alg.CALG_SHA_256, 0, 0)
        for _ in range(3):
            client.CPHashData(context, hashed, DATA, 0)
        agent.end()
        with pytest.raises(CspError) as caught:
            client.CPSignHash(context, hashed, 1, None, 0, None)
        assert caught.value.code == Code.NTE_PROVIDER_DLL_FAIL
        agent.start()
        for _ in range(2):
            with pytest.raises(CspError) as caught:
                client.CPSignHash(context, hashed, 1, None, 0, None)
            assert caught.value.code == Code.NTE_BAD_UID
        sign(client, card)


def test_the_service_restarts_under_the_agent(tmp_path: Path, card: PlayedCard) -> None:
    place = tmp_path / "socket"
    with PcscRig(readers=2) as new, ExitStack() as stack:
        old = stack.enter_context(PcscRig(readers=2))
        place.symlink_to(old.env["PCSCLITE_CSOCK_NAME"])
        old.insert(0, card.card)
        env = {**environment(old, tmp_path), "PCSCLITE_CSOCK_NAME": str(place)}
        with RunningAgent(tmp_path / "a", env=env) as agent, agent.client() as client:
            context = client.CPAcquireContext(container(card), Acquire.CRYPT_SILENT)
            sign(client, card, context)
            stack.close()
            with pytest.raises(CspError) as caught:
                sign(client, card, context)
            assert caught.value.code in (Code.SCARD_E_NO_SERVICE, Code.SCARD_W_REMOVED_CARD)
            verify = client.CPAcquireContext(None, Acquire.CRYPT_VERIFYCONTEXT)  # what needs no card goes on
            assert len(client.CPGenRandom(verify, 16, b"")) == 16
            place.unlink()
            place.symlink_to(new.env["PCSCLITE_CSOCK_NAME"])
            new.insert(1, card.card)  # in another reader this time
            sign(client, card, context)
            sign(client, card)


def test_cards_come_and_go(rig: PcscRig, tmp_path: Path, card: PlayedCard) -> None:
    first = rig.reader_names[0]
    other = make("isoapplet")
    with RunningAgent(tmp_path / "a", env=environment(rig, tmp_path)) as agent, agent.client() as client:
        context = client.CPAcquireContext(f"\\\\.\\{first}\\", Acquire.CRYPT_SILENT)

        def flags() -> int:
            told = client.CPGetProvParam(context, Pp.PP_NX_CONTEXT_FLAGS, 4, 0).data
            return int.from_bytes(told or b"", "little")

        for _ in range(3):
            assert not flags() & TokenFlag.NX_FLAG_TOKEN_PRESENT
            with pytest.raises(CspError) as caught:
                sign(client, card)
            assert caught.value.code == Code.NTE_BAD_KEYSET
            with rig.holding(0, card.card), rig.holding(1, other.card):
                until(lambda: bool(flags() & TokenFlag.NX_FLAG_TOKEN_PRESENT))
                opened = client.CPAcquireContext(container(card), Acquire.CRYPT_SILENT)
                sign(client, card, opened)
                tokens = {token["reader"]: token["profile"] for token in client.status()["tokens"]}
                assert tokens[first] == "piv"
            with pytest.raises(CspError) as caught:
                sign(client, card, opened)
            assert caught.value.code in (Code.SCARD_W_REMOVED_CARD, Code.SCARD_E_NO_SMARTCARD)
            with rig.holding(1, card.card):
                sign(client, card, opened)  # the same card in another reader


def test_a_slow_card_holds_up_nobody_else(rig: PcscRig, tmp_path: Path, card: PlayedCard) -> None:
    """While one card takes its time, the other one signs, and what needs no card is answered."""
    fast, slow = make("piv"), _Gate()
    rig.insert(0, card.card, watch=slow)
    rig.insert(1, fast.card)
    with RunningAgent(tmp_path / "a", env=environment(rig, tmp_path)) as agent, agent.client() as client:
        sign(client, fast)
        sign(client, card)
        slow.opened.clear()
        waiting = threading.Thread(target=sign, args=(client, card))
        waiting.start()
        try:
            assert slow.reached.wait(PATIENCE), "the slow card is not asked"
            opened = client.CPAcquireContext(f"\\\\.\\{rig.reader_names[1]}\\", Acquire.CRYPT_SILENT)
            sign(client, fast, opened)
            client.CPGenRandom(opened, 16, b"")
            assert waiting.is_alive(), "the slow card did not wait"
        finally:
            slow.opened.set()
            waiting.join(PATIENCE)
        assert not waiting.is_alive()
