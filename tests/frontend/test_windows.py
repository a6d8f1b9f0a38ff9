"""Windows programs on Wine, through Microsoft's interfaces and our DLL, to cards of every family in virtual readers.

The agent runs on this side with a private pcscd. Programs are those in `capi/`; what they made is checked with openssl.
"""

from __future__ import annotations

import hashlib
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from csp_frontend.calls import Output
from csp_frontend.constants import Acquire, Alg, Code, Pp
from csp_frontend.errors import CspError
from tests.frontend.agents import RunningAgent
from tests.frontend.cards import KEYS, PIN, Key, OpenSsl, PlayedCard, make
from tests.frontend.wine import Built, Ended, Wine, build, build_checks
from tests.simulated.rig import PcscRig
from tests.unit.core.softpiv import ADMIN

pytestmark = [pytest.mark.pcsc, pytest.mark.slow]

FAMILIES = tuple(KEYS)
EACH_KEY = [pytest.param(name, key, id=f"{name}-{key.slot}") for name, keys in KEYS.items() for key in keys]
DECRYPTING = [
    pytest.param(name, key, id=f"{name}-{key.slot}") for name, keys in KEYS.items() for key in keys if key.decrypts
]
MESSAGE = b"Tell me, Muse, of the man of many ways\n"
DES_EDE3_CBC = bytes.fromhex("2a864886f70d0307")
SHA256_OID = "2.16.840.1.101.3.4.2.1"
HARDWARE = "13"  # NX_FLAG_HW_TOKEN, _REMOVABLE, _PRESENT
CANCELLING = len(FAMILIES)  # the reader of a card for whose PIN the person has no answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Wine with the DLL registered, the programs of checks, an agent, and a card of each family in a reader."""

    wine: Wine
    rig: PcscRig
    agent: RunningAgent
    cards: dict[str, PlayedCard]
    folder: Path
    built: Built

    def run(self, group: str, *arguments: str, passing: bool = True) -> Ended:
        """Run a group of checks; all of them have to pass."""
        ended = self.wine.run(self.built.checks, group, *arguments, folder=self.folder)
        if passing:
            assert (ended.failed, ended.status) == ([], 0), ended.output
        return ended

    def reader(self, family: str) -> str:
        return self.rig.reader_names[FAMILIES.index(family)]

    def certificate(self, family: str, key: Key) -> x509.Certificate:
        return self.cards[family].certificates[key.slot]

    def sha1(self, family: str, key: Key) -> str:
        der = self.certificate(family, key).public_bytes(Encoding.DER)
        return hashlib.sha1(der, usedforsecurity=False).hexdigest()

    def container(self, family: str, key: Key) -> str:
        return f"\\\\.\\{self.reader(family)}\\{self.sha1(family, key)}"

    def put(self, name: str, data: bytes) -> None:
        (self.folder / name).write_bytes(data)

    def openssl(self, *arguments: str) -> bytes:
        ended = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("windows")
    built = build(tmp_path_factory)
    with Wine(folder / "wine") as wine, PcscRig(readers=len(FAMILIES) + 1) as rig:
        wine.register(built.dll)
        cards = {family: make(family) for family in FAMILIES}
        for number, card in enumerate([*cards.values(), make("isoapplet")]):
            rig.insert(number, card.card)
        names = rig.reader_names
        agent = RunningAgent(
            wine.agent_folder,
            env={**rig.env, "CARDCORE_SOFT_DIR": str(folder / "soft")},
            answers=dict.fromkeys(names[: len(FAMILIES)], PIN),
        )
        work = folder / "work"
        work.mkdir()
        with agent:
            yield Place(wine=wine, rig=rig, agent=agent, cards=cards, folder=work, built=built)


def test_which_wine_this_is(place: Place) -> None:
    """What was tested where is told, not guessed: 32-bit programs run only if this Wine can."""
    version = subprocess.run(["wine", "--version"], env=place.wine.env, capture_output=True, text=True, check=True)
    print(f"{version.stdout.strip()}: 32-bit programs {'run' if place.wine.has_32_bit else 'do not run'} here")
    if place.wine.has_32_bit:
        small = build_checks(place.folder, bits=32)
        place.wine.register(place.built.dll32, bits=32)
        ended = place.wine.run(small, "enumerate", folder=place.folder)
        assert (ended.failed, ended.status) == ([], 0)


def _text(answer: Output) -> str:
    return (answer.data or b"").rstrip(b"\0").decode()


# Opening


def test_all_containers_are_listed(place: Place) -> None:
    with place.agent.client() as client:
        context = client.CPAcquireContext(None, Acquire.CRYPT_VERIFYCONTEXT)
        count = sum(map(len, KEYS.values())) + 1
        flags = [1, *[2] * (count - 1)]
        listed = [_text(client.CPGetProvParam(context, Pp.PP_ENUMCONTAINERS, 99, flag)) for flag in flags]
        with pytest.raises(CspError) as caught:
            client.CPGetProvParam(context, Pp.PP_ENUMCONTAINERS, 99, 2)
    assert caught.value.code == Code.ERROR_NO_MORE_ITEMS
    assert place.run("enumerate").told("container") == listed


@pytest.mark.parametrize(("family", "key"), EACH_KEY)
def test_every_form_of_a_name(place: Place, family: str, key: Key) -> None:
    reader = f"\\\\.\\{place.reader(family)}\\"
    sha1 = place.sha1(family, key)
    with place.agent.client() as client:
        context = client.CPAcquireContext(sha1, 0)
        name = _text(client.CPGetProvParam(context, Pp.PP_CONTAINER, 99, 0))
    forms = [sha1, sha1.upper(), name, f"{{{name}}}", reader + name, reader + sha1]
    if family == "piv":
        forms += [f"{reader}0x{key.slot}", f"{reader}{int(key.slot, 16)}"]
    if key is KEYS[FAMILIES[0]][0]:
        forms += ["NULL", reader]
    place.run("names", name, *forms)


def test_names_that_are_not_ascii(place: Place) -> None:
    place.run("foreign-names", place.reader("piv"))


def test_the_library_stays(place: Place) -> None:
    place.run("free-library")


def test_what_a_context_says_of_itself(place: Place) -> None:
    ended = place.run("describe", place.container("piv", KEYS["piv"][0]), place.reader("piv"), HARDWARE)
    assert ended.told("certificates") == [str(len(KEYS["piv"]))]


# Signatures


@pytest.mark.parametrize("algorithm", [Alg.CALG_SHA1, Alg.CALG_SHA_256, Alg.CALG_SHA_512], ids=lambda one: one.name)
@pytest.mark.parametrize(("family", "key"), EACH_KEY)
def test_signatures(place: Place, family: str, key: Key, algorithm: Alg) -> None:
    data = secrets.token_bytes(5000)
    place.put("data", data)
    place.run("sign", place.container(family, key), str(key.spec), PIN, str(int(algorithm)), "0", "signature")
    digest = algorithm.name.removeprefix("CALG_").replace("_", "").lower()
    openssl = OpenSsl(place.folder / "openssl", place.certificate(family, key))
    openssl.verify(data, (place.folder / "signature").read_bytes(), digest)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_signature_without_oid(place: Place, family: str) -> None:
    key = KEYS[family][0]
    place.put("data", MESSAGE)
    place.run("sign", place.container(family, key), str(key.spec), PIN, str(int(Alg.CALG_SHA_256)), "1", "signature")
    openssl = OpenSsl(place.folder / "openssl", place.certificate(family, key))
    openssl.verify_raw(hashlib.sha256(MESSAGE).digest(), (place.folder / "signature").read_bytes())


@pytest.mark.parametrize("family", FAMILIES)
def test_tls_1_0_client(place: Place, family: str) -> None:
    key, block = KEYS[family][0], secrets.token_bytes(36)
    place.put("data", block)
    place.run("tls", place.container(family, key), str(key.spec), PIN, "signature")
    openssl = OpenSsl(place.folder / "openssl", place.certificate(family, key))
    openssl.verify_raw(block, (place.folder / "signature").read_bytes())


@pytest.mark.parametrize("family", FAMILIES)
def test_the_systems_own_provider_verifies(place: Place, family: str) -> None:
    key = KEYS[family][0]
    place.run("elsewhere", place.container(family, key), str(key.spec), PIN)


# Messages and certificates: the person is asked, as the programs know of no PIN


@pytest.mark.parametrize("family", FAMILIES)
def test_signed_messages(place: Place, family: str) -> None:
    key = KEYS[family][0]
    place.put("data", MESSAGE)
    before = len(place.agent.asked)
    place.run("message", place.container(family, key), str(key.spec), SHA256_OID)
    asked = place.agent.asked[before:]
    assert {one["reader"] for one in asked} == {place.reader(family)}
    trusted = ("-noverify", "-inform", "DER")
    assert place.openssl("cms", "-verify", *trusted, "-binary", "-in", "attached.p7m") == MESSAGE
    detached = ("-in", "detached.p7s", "-content", "data")
    assert place.openssl("cms", "-verify", *trusted, "-binary", *detached) == MESSAGE


@pytest.mark.parametrize(("family", "key"), DECRYPTING)
def test_encrypted_messages(place: Place, family: str, key: Key) -> None:
    place.put("own.pem", place.certificate(family, key).public_bytes(Encoding.PEM))
    place.put("data", MESSAGE.rstrip())
    how = ("-outform", "DER", "-binary", "-des3", "-in", "data", "-out", "mail.p7m")
    place.openssl("cms", "-encrypt", *how, "own.pem")
    _, _, behind = (place.folder / "mail.p7m").read_bytes().partition(DES_EDE3_CBC)
    assert behind[:2] == b"\x04\x08"  # an OCTET STRING with the IV
    place.run("decrypt", place.container(family, key), str(key.spec), MESSAGE.decode().rstrip(), behind[2:10].hex())


@pytest.mark.parametrize(("family", "key"), EACH_KEY)
def test_a_certificate_in_the_store_leads_to_its_key(place: Place, family: str, key: Key) -> None:
    place.run("store", place.container(family, key), str(key.spec), PIN)


@pytest.mark.parametrize(("family", "admin"), [("piv", ADMIN.hex()), ("gids", "")])
def test_a_new_container(place: Place, family: str, admin: str) -> None:
    name = f"\\\\.\\{place.reader(family)}\\made under wine {secrets.token_hex(4)}"
    place.run("generate", name, "1", PIN, admin, "new.crt", "2048")
    assert b"(2048 bit)" in place.openssl("x509", "-inform", "DER", "-in", "new.crt", "-noout", "-text")
    place.openssl("x509", "-inform", "DER", "-in", "new.crt", "-out", "new.pem")
    place.openssl("verify", "-check_ss_sig", "-CAfile", "new.pem", "new.pem")


# What fails, and how


def test_session_keys(place: Place) -> None:
    place.run("session-keys", place.container("piv", KEYS["piv"][0]), PIN)


def test_more_than_one_message_at_a_time(place: Place) -> None:
    place.run("large")
    place.run("large-messages", place.container("piv", KEYS["piv"][0]))


def test_refusals(place: Place) -> None:
    place.run("refusals", place.reader("piv"), place.container("piv", KEYS["piv"][0]), "1")


@pytest.mark.parametrize("family", FAMILIES)
def test_silent_contexts_ask_nobody(place: Place, family: str) -> None:
    before = len(place.agent.asked)
    key = KEYS[family][0]
    place.run("silent", place.container(family, key), str(key.spec))
    assert len(place.agent.asked) == before


@pytest.mark.parametrize("family", FAMILIES)
def test_wrong_pins_and_their_reason(place: Place, family: str) -> None:
    key = KEYS[family][0]
    place.run("pins", place.container(family, key), str(key.spec), PIN)


def test_the_agent_may_put_its_window_in_front(place: Place) -> None:
    key = KEYS["piv"][0]
    ended = place.run("front", place.container("piv", key), str(key.spec))
    assert ended.told("heir") == [str(place.agent.process.pid)]


def test_a_person_who_cancels(place: Place) -> None:
    reader = place.rig.reader_names[CANCELLING]
    place.run("wait", f"\\\\.\\{reader}\\", hex(Code.SCARD_W_CANCELLED_BY_USER))
    assert place.agent.asked[-1]["reader"] == reader
    assert place.agent.asked[-1]["text"] == "Contract \N{NUMERO SIGN} 7, \xe4gare"
