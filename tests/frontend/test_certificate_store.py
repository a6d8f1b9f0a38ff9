"""The certificate process in Wine's certificate stores: the real helper, the real agent, tokens that come and go."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding

from cardcore.opening import open_on
from cardcore.softcard import ScryptCost, SoftCardStore, factory_secrets
from cardcore.transport.soft import SoftTransport
from tests.frontend.agents import RunningAgent
from tests.frontend.cards import KEYS, PIN, make
from tests.frontend.wine import ROOT, Wine, windows_path
from tests.simulated.rig import PcscRig
from tests.unit.personalise.authority import authority

pytestmark = [pytest.mark.pcsc, pytest.mark.slow]

SOURCE = Path(__file__).with_name("certstore") / "lister.c"
HELPER = sorted((ROOT / "csp_frontend" / "dll" / "helper").glob("*.c"))
CHANGES = 200
AT_ONCE = 4
PATIENCE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A certificate in a store."""

    store: str
    thumbprint: str
    provider: str
    container: str
    key_spec: int
    name: str


class Lister:
    """The Windows program that shows the stores."""

    def __init__(self, wine: Wine, program: Path) -> None:
        self._process = subprocess.Popen(
            wine.command(program),
            env=wine.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    def ask(self, line: str) -> list[str]:
        """The lines of an answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer: list[str] = []
        while (said := self._process.stdout.readline().rstrip("\r\n")) != ".":
            assert self._process.poll() is None, answer
            answer.append(said)
        return answer

    def list(self) -> list[Line]:
        """Everything in MY and CA."""
        found = []
        for line in self.ask("list"):
            store, thumbprint, provider, container, key_spec, name = line.split("|", 5)
            found.append(
                Line(
                    store=store,
                    thumbprint=thumbprint,
                    provider=provider,
                    container=container,
                    key_spec=int(key_spec),
                    name=name,
                )
            )
        return found

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=PATIENCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Wine with a lister and the helper's program, software cards aside (`drawer`) and inserted (`live`)."""

    wine: Wine
    lister: Lister
    helper: Path
    drawer: Path
    live: Path
    certificates: Mapping[str, frozenset[str]]

    def start_helper(self) -> subprocess.Popen[bytes]:
        """The helper, as the agent would start it on Windows."""
        return subprocess.Popen(
            self.wine.command(self.helper), env=self.wine.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def agent(self, **more: str) -> RunningAgent:
        """The agent, on this side, with the inserted cards; its endpoint is where Windows programs look."""
        env = {**self.wine.env, "CARDCORE_SOFT_DIR": str(self.live), "PATH": "/usr/bin:/bin", **more}
        return RunningAgent(
            self.wine.agent_folder, env=env, answers={f"soft:{name}": PIN for name in self.certificates}
        )

    def toggle(self, name: str) -> None:
        """Insert a card, or take it out."""
        for source, target in ((self.drawer, self.live), (self.live, self.drawer)):
            files = list(source.glob(f"{name}.*"))
            if files:
                for file in files:
                    file.rename(target / file.name)
                return

    def inserted(self) -> set[str]:
        """The cards that are inserted."""
        return {name for name in self.certificates if list(self.live.glob(f"{name}.json"))}

    def wanted(self) -> set[str]:
        """Thumbprints that have to be in MY for what is inserted."""
        return {thumbprint for name in self.inserted() for thumbprint in self.certificates[name]}

    def ours(self) -> set[str]:
        """Thumbprints in MY that name our provider."""
        return {line.thumbprint for line in self.lister.list() if line.provider == "Personal CSP"}


def eventually(condition: Callable[[], bool], what: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)


def settled(desk: Desk) -> None:
    eventually(lambda: desk.ours() == desk.wanted(), lambda: (desk.ours(), desk.wanted()))


def thumbprint(certificate: x509.Certificate) -> str:
    return sha1(certificate.public_bytes(Encoding.DER), usedforsecurity=False).hexdigest()


def fill(drawer: Path) -> dict[str, frozenset[str]]:
    """Six cards of two families, each with its certificates."""
    store, found = SoftCardStore(drawer), {}
    for number in range(6):
        application = ("piv", "gids")[number % 2]
        name = f"card{number}"
        store.create(name, application, cost=ScryptCost(n=16))
        with open_on(SoftTransport(store.open(name), name), application) as card:
            admin = factory_secrets(application).admin
            if admin is not None:
                card.authenticate_admin(admin)
            card.verify(PIN)
            for key in KEYS[application][:1]:
                public = card.generate(key.slot, "rsa2048")
                card.write_certificate(key.slot, _certificate(public))
            found[name] = frozenset(thumbprint(one) for one in card.certificates().values())
    return found


def _certificate(public: object) -> x509.Certificate:
    assert isinstance(public, rsa.RSAPublicKey)
    ca = authority()
    name = x509.Name.from_rfc4514_string("CN=Holder")
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(public)
        .not_valid_before(ca.certificate.not_valid_before_utc)
        .not_valid_after(ca.certificate.not_valid_after_utc)
    )
    return ca.sign(builder)


def _run(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("store")
    build = str(ROOT / "tools" / "build_dll")
    _run(build, "--out", str(folder))
    program = ["--program", "helper.exe", *map(str, HELPER), "--", "-lcrypt32"]
    _run(build, "--out", str(folder), *program)
    lister = str(folder / "lister.exe")
    warnings = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")
    _run("x86_64-w64-mingw32-gcc", *warnings, str(SOURCE), "-o", lister, "-lcrypt32", "-ladvapi32")
    drawer, live = folder / "drawer", folder / "live"
    live.mkdir()
    with Wine(folder / "wine") as wine:
        wine.register(folder / "personal-csp-x64.dll")
        shown = Lister(wine, folder / "lister.exe")
        yield Desk(
            wine=wine,
            lister=shown,
            helper=folder / "helper.exe",
            drawer=drawer,
            live=live,
            certificates=fill(drawer),
        )
        shown.close()


@pytest.fixture
def stranger(desk: Desk, tmp_path: Path) -> str:
    """A certificate that another program has put into MY."""
    certificate = authority(f"Stranger {tmp_path.name}").certificate
    file = tmp_path / "stranger.der"
    file.write_bytes(certificate.public_bytes(Encoding.DER))
    assert desk.lister.ask(f"add {windows_path(file)}") == ["added"]
    return thumbprint(certificate)


def test_tokens_come_and_go(desk: Desk, stranger: str) -> None:
    chance = random.Random(1)  # noqa: S311 - which cards are moved is no secret
    with desk.agent():
        helper = desk.start_helper()
        for _ in range(CHANGES // AT_ONCE):
            for name in chance.sample(sorted(desk.certificates), AT_ONCE):
                desk.toggle(name)
            settled(desk)
            assert stranger in {line.thumbprint for line in desk.lister.list()}
    helper.wait(PATIENCE)


def test_nothing_stale_stays_when_the_agent_was_killed(desk: Desk, stranger: str) -> None:
    agent = desk.agent()
    agent.start()
    helper = desk.start_helper()
    if not desk.inserted():
        desk.toggle("card0")
    settled(desk)
    assert desk.ours()
    agent.process.kill()
    agent.process.communicate()
    helper.wait(PATIENCE)
    for name in desk.inserted():
        desk.toggle(name)
    desk.toggle("card1")
    assert desk.ours() != desk.wanted()
    with desk.agent():
        helper = desk.start_helper()
        settled(desk)
        assert stranger in {line.thumbprint for line in desk.lister.list()}
    helper.wait(PATIENCE)


def test_what_others_put_there_or_bound_anew_is_left_alone(desk: Desk, tmp_path: Path) -> None:
    for name in desk.inserted():
        desk.toggle(name)
    with desk.agent() as agent:
        helper = desk.start_helper()
        desk.toggle("card0")
        settled(desk)
        (mine,) = desk.certificates["card0"]
        assert desk.lister.ask(f"bind {mine}") == ["bound"]  # as Windows' own propagation does
        eventually(lambda: "not by us" in agent.log, lambda: agent.log)
        desk.toggle("card0")
        desk.toggle("card2")
        settled(desk)
        line = next(line for line in desk.lister.list() if line.thumbprint == mine)
        assert line.provider == "Another Provider"
    helper.wait(PATIENCE)


def test_a_program_signs_by_the_store(desk: Desk) -> None:
    for name in desk.inserted():
        desk.toggle(name)
    with desk.agent():
        helper = desk.start_helper()
        desk.toggle("card4")
        settled(desk)
        (mine,) = desk.certificates["card4"]
        line = next(line for line in desk.lister.list() if line.thumbprint == mine)
        assert line.container
        assert line.name
        provider, signature = desk.lister.ask(f"sign {mine}")[0].split("|")
        assert provider == "Personal CSP"
    helper.wait(PATIENCE)
    with open_on(SoftTransport(SoftCardStore(desk.live).open("card4"), "c")) as card:
        public = next(iter(card.certificates().values())).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(bytes.fromhex(signature), b"letter", padding.PKCS1v15(), SHA1())  # noqa: S303 - what the program asks for


def test_switched_off_takes_away_what_was_there(desk: Desk) -> None:
    if not desk.inserted():
        desk.toggle("card0")
    agent = desk.agent()
    agent.start()
    helper = desk.start_helper()
    settled(desk)
    assert desk.ours()
    agent.end()
    helper.wait(PATIENCE)
    with RunningAgent(agent.folder, env=agent.env, configuration="certificates = false\n"):
        helper = desk.start_helper()
        eventually(lambda: not desk.ours(), desk.ours)
    helper.wait(PATIENCE)


def test_cards_in_real_readers(desk: Desk) -> None:
    for name in desk.inserted():
        desk.toggle(name)
    card = make("piv")
    wanted = {thumbprint(certificate) for certificate in card.certificates.values()}
    with PcscRig(readers=2) as rig, desk.agent(PCSCLITE_CSOCK_NAME=rig.env["PCSCLITE_CSOCK_NAME"]):
        helper = desk.start_helper()
        for _ in range(3):
            with rig.holding(0, card.card):
                eventually(lambda: desk.ours() == wanted, desk.ours)
            eventually(lambda: not desk.ours(), desk.ours)
    helper.wait(PATIENCE)


def test_authorities_of_a_card_that_others_prepared(desk: Desk, tmp_path: Path) -> None:
    """OpenSC puts the authority's certificate on the card, without a key; Windows builds the chain by it."""
    for name in desk.inserted():
        desk.toggle(name)
    ca = authority().certificate
    file = tmp_path / "ca.pem"
    file.write_bytes(ca.public_bytes(Encoding.PEM))
    card = make("isoapplet")
    mine = {thumbprint(certificate) for certificate in card.certificates.values()}
    with PcscRig(readers=1) as rig, desk.agent(PCSCLITE_CSOCK_NAME=rig.env["PCSCLITE_CSOCK_NAME"]):
        with rig.holding(0, card.card):
            store = ("--store-certificate", str(file), "--authority", "--id", "AB", "--auth-id", "FF", "--pin", PIN)
            ended = rig.run("pkcs15-init", *store)
            assert ended.returncode == 0, ended.stdout + ended.stderr
        helper = desk.start_helper()
        with rig.holding(0, card.card):
            eventually(lambda: desk.ours() == mine, desk.ours)
            eventually(lambda: thumbprint(ca) in authorities(desk), lambda: authorities(desk))
        eventually(lambda: not desk.ours() and thumbprint(ca) not in authorities(desk), lambda: authorities(desk))
    helper.wait(PATIENCE)


def authorities(desk: Desk) -> set[str]:
    """Thumbprints in CA."""
    return {line.thumbprint for line in desk.lister.list() if line.store == "CA"}
