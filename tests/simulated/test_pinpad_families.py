"""Keys of every card family with the PIN from the keypad."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cardcore.softcard import volatile_card
from tests.simulated.issuedcards import COST, FAMILIES, MESSAGE, NEW, PIN, PUK, Issued, check
from tests.simulated.padbench import READERS, PadBench, pad_bench
from tests.simulated.pcsc_client import client

pytestmark = pytest.mark.pcsc


@pytest.fixture(scope="module")
def bench() -> Iterator[PadBench]:
    with pad_bench() as running:
        yield running


@pytest.fixture(scope="module", params=[(family, reader) for family in FAMILIES for reader in READERS], ids="-".join)
def place(bench: PadBench, request: pytest.FixtureRequest) -> Iterator[tuple[Issued, str]]:
    """A new card of each family in each reader."""
    family, reader = request.param
    issued = FAMILIES[family]()
    bench.insert(reader, issued.card)
    yield issued, reader
    bench.reader(reader).remove()
    bench.expect(reader, "empty")


def sign(bench: PadBench, reader: str, key: str, folder: Path) -> bytes:
    """A signature by the command line, the PIN typed on the keypad."""
    person = bench.reader(reader).person
    person.forget()
    person.will(PIN)
    letter, out = folder / "letter", folder / "letter.sig"
    letter.write_bytes(MESSAGE)
    ended = bench.on(reader, "sign", "--key", key, str(letter), "--out", str(out))
    assert ended.status == 0, ended.err
    assert person.asked == ["PIN"]
    assert len(ended.prompts) == 1
    return out.read_bytes()


def test_a_signature(bench: PadBench, place: tuple[Issued, str], tmp_path: Path) -> None:
    issued, reader = place
    check(issued.public[issued.signing], sign(bench, reader, issued.signing, tmp_path))


def test_a_key_that_wants_its_pin_each_time(bench: PadBench, place: tuple[Issued, str], tmp_path: Path) -> None:
    issued, reader = place
    for _ in range(2):
        key = issued.always or issued.signing
        check(issued.public[key], sign(bench, reader, key, tmp_path))


def test_a_decryption(bench: PadBench, place: tuple[Issued, str], tmp_path: Path) -> None:
    issued, reader = place
    public = issued.public[issued.deciphering]
    assert isinstance(public, rsa.RSAPublicKey)
    person = bench.reader(reader).person
    person.forget()
    person.will(PIN)
    (tmp_path / "letter.enc").write_bytes(public.encrypt(MESSAGE, padding.PKCS1v15()))
    out = tmp_path / "letter"
    ended = bench.on(reader, "decrypt", "--key", issued.deciphering, str(tmp_path / "letter.enc"), "--out", str(out))
    assert ended.status == 0, ended.err
    assert out.read_bytes() == MESSAGE
    assert person.asked == ["PIN"]


SESSION = """
import cardcore
asked = []
pad = cardcore.PinPad(prompt=lambda message, seconds: asked.append(message))
with cardcore.open_card(readers[0]) as card:
    say(card.has_pin_pad)
    for key in readers[1:]:
        for _ in range(3):
            card.sign(key, b"message", pin=pad)
        say(len(asked))
        asked.clear()
"""


def test_how_often_a_session_asks(bench: PadBench, place: tuple[Issued, str]) -> None:
    issued, reader = place
    keys = [issued.signing, *filter(None, [issued.always])]
    person = bench.reader(reader).person
    person.forget()
    person.will(*[PIN] * (1 + 3 * bool(issued.always)))
    with client(bench.service.env, SESSION, bench.service.full_name(reader), *keys) as peer:
        assert peer.hear() is True
        assert [peer.hear() for _ in keys] == [1, 3][: len(keys)]
        peer.end()


def test_changing_and_unblocking(bench: PadBench, place: tuple[Issued, str]) -> None:
    """Each family's own way: with a PUK or reset code, or by the administrator, whose PIN is on the keypad too."""
    _, reader = place
    person = bench.reader(reader).person
    family = bench.on(reader, "info").document["profile"]["id"]
    person.forget()
    person.will(PIN, NEW, NEW)
    assert bench.on(reader, "pin", "change").status == 0
    for _ in range(3):
        person.will("999999")
        bench.on(reader, "pin", "verify", "--last-try")
    assert bench.on(reader, "pin", "verify").status == 5
    options: dict[str, tuple[str, ...]] = {"piv": (), "openpgp": ("--admin", "pad"), "gids": ("--admin", "env:ADMIN")}
    typed = {"piv": (PUK, PIN, PIN), "openpgp": (PUK, PIN, PIN), "gids": (PIN, PIN)}
    person.forget()
    person.will(*typed[family])
    ended = bench.on(reader, "pin", "unblock", *options[family])
    assert ended.status == 0, ended.err
    person.will(PIN)
    assert bench.on(reader, "pin", "verify").status == 0


def test_a_block_of_sixteen_bytes_is_refused(bench: PadBench) -> None:
    reader, sent = READERS[0], []
    card = volatile_card("isoapplet", cost=COST)
    bench.reader(reader).watch = lambda command, response: sent.append(command)
    bench.insert(reader, card)
    for command in (("pin", "verify"), ("pin", "change"), ("pin", "unblock")):
        ended = bench.on(reader, *command)
        assert (ended.status, ended.error["code"], ended.prompts) == (6, "not-supported", [])
        assert "16 bytes" in ended.error["message"]
        assert "--pin prompt" in ended.error["hint"]
    assert [command for command in sent if command[1] in (0x20, 0x24, 0x2C) and len(command) > 5] == []
    assert bench.on(reader, "pin", "verify", "--pin", "prompt").status == 2, (
        "no terminal, and no falling back to the pad"
    )
    assert bench.on(reader, "pin", "verify", "--pin", "env:PIN").status == 0
    bench.reader(reader).remove()
    bench.expect(reader, "empty")
