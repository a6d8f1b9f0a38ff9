"""Software cards as files: names, two connections at once, crashes, damage, what is legible in them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cardcore.errors import CardError, InputError, NoReader
from cardcore.softcard import ScryptCost, Secrets, SoftCard, SoftCardStore

COST = ScryptCost(n=16)
SELECT = bytes.fromhex("00A4040005A000000308")
VERIFY = bytes.fromhex("0020008008313233343536FFFF")
WRONG = bytes.fromhex("0020008008393939393939FFFF")
ASK = bytes.fromhex("0020008000")


@pytest.fixture
def cards(tmp_path: Path) -> SoftCardStore:
    return SoftCardStore(tmp_path / "soft")


def selected(cards: SoftCardStore, name: str = "alice") -> SoftCard:
    card = cards.open(name)
    assert card.process(SELECT)[-2:] == b"\x90\x00"
    return card


def test_a_card_is_created_listed_and_deleted(cards: SoftCardStore) -> None:
    assert cards.list() == []
    made = cards.create("alice", "piv", cost=COST)
    cards.create("Bob-2.old", "piv", Secrets(pin=b"654321"), cost=COST)
    assert made in cards.list()
    assert {info.name for info in cards.list()} == {"alice", "Bob-2.old"}
    cards.delete("alice")
    assert [info.name for info in cards.list()] == ["Bob-2.old"]
    with pytest.raises(NoReader, match="alice"):
        cards.open("alice")
    with pytest.raises(NoReader):
        cards.delete("alice")


@pytest.mark.parametrize(
    "name", ["", "..", "../x", "a/b", "a\\b", ".hidden", "a.", "nul", "COM1.x", "a b", "x" * 65, "ä"]
)
def test_bad_names_are_refused(cards: SoftCardStore, name: str) -> None:
    for action in (cards.open, cards.delete, lambda given: cards.create(given, "piv", cost=COST)):
        with pytest.raises(InputError, match="cannot be the name"):
            action(name)


def test_a_name_is_taken_once(cards: SoftCardStore) -> None:
    cards.create("alice", "piv", cost=COST)
    with pytest.raises(InputError, match="exists already"):
        cards.create("alice", "piv", cost=COST)


@pytest.mark.parametrize(
    "secrets",
    [
        Secrets(pin=b"12345"),
        Secrets(pin=b"abcdef"),
        Secrets(pin=b"123456789"),
        Secrets(puk=b"123"),
        Secrets(admin=b"short"),
    ],
)
def test_unfit_secrets_are_refused_and_not_repeated(cards: SoftCardStore, secrets: Secrets) -> None:
    with pytest.raises(InputError) as caught:
        cards.create("alice", "piv", secrets, cost=COST)
    given = next(value for value in (secrets.pin, secrets.puk, secrets.admin) if value)
    assert given.decode() not in str(caught.value) + repr(secrets)
    assert cards.list() == []


def test_unknown_application_and_bad_limits(cards: SoftCardStore) -> None:
    with pytest.raises(InputError, match="novelty"):
        cards.create("alice", "novelty", cost=COST)
    with pytest.raises(InputError, match="1 to 15"):
        cards.create("alice", "piv", pin_tries=16, cost=COST)


def test_the_directory_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDCORE_SOFT_DIR", str(tmp_path))
    assert SoftCardStore().directory == tmp_path
    monkeypatch.delenv("CARDCORE_SOFT_DIR")
    assert SoftCardStore().directory.name == "soft"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps other people out in another way")
def test_only_the_owner_reads_a_card(cards: SoftCardStore) -> None:
    path = cards.create("alice", "piv", cost=COST).path
    selected(cards).process(WRONG)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [item.name for item in path.parent.iterdir() if item.suffix == ".tmp"] == []


def test_no_pin_is_legible(cards: SoftCardStore) -> None:
    secrets = Secrets(pin=b"739154", puk=b"80462917")
    path = cards.create("alice", "piv", secrets, cost=COST).path
    selected(cards).process(bytes.fromhex("0020008008") + b"739154\xff\xff")
    text = path.read_text(encoding="ascii")
    for secret in (b"739154", b"80462917"):
        assert secret.decode() not in text
        assert secret.hex() not in text.lower()


def test_two_connections_share_counters_but_not_proofs(cards: SoftCardStore) -> None:
    cards.create("alice", "piv", cost=COST)
    one, other = selected(cards), selected(cards)
    assert one.process(VERIFY) == b"\x90\x00"
    assert other.process(ASK).hex() == "63c3"
    assert other.process(WRONG).hex() == "63c2"
    assert one.process(ASK) == b"\x90\x00"
    assert other.process(WRONG).hex() == "63c1"
    assert one.process(VERIFY) == b"\x90\x00"
    assert other.process(ASK).hex() == "63c3"


def test_processes_at_once_lose_no_try(cards: SoftCardStore) -> None:
    cards.create("alice", "piv", pin_tries=15, cost=COST)
    program = (
        "import sys; from pathlib import Path; from cardcore.softcard import SoftCardStore\n"
        f"card = SoftCardStore(Path(sys.argv[1])).open('alice'); card.process(bytes.fromhex('{SELECT.hex()}'))\n"
        f"for _ in range(4): card.process(bytes.fromhex('{WRONG.hex()}'))\n"
    )
    command = [sys.executable, "-c", program, str(cards.directory)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    running = [subprocess.Popen(command, env=environment) for _ in range(3)]
    assert [process.wait(30) for process in running] == [0, 0, 0]
    assert selected(cards).process(ASK).hex() == "63c3"


def test_a_try_is_spent_before_it_is_known_to_be_wrong(cards: SoftCardStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killing the process between the comparison and the counter wins nothing: the counter comes first."""
    cards.create("alice", "piv", cost=COST)
    card = selected(cards)

    def killed(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr("cardcore.softcard.vault.Vault.unlock", killed)
    with pytest.raises(SystemExit):
        card.process(VERIFY)
    monkeypatch.undo()
    assert selected(cards).process(ASK).hex() == "63c2"


def test_nothing_is_compared_when_the_disk_is_full(cards: SoftCardStore, monkeypatch: pytest.MonkeyPatch) -> None:
    cards.create("alice", "piv", cost=COST)
    card = selected(cards)

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert card.process(VERIFY).hex() == "6581"
    assert [item.suffix for item in cards.directory.iterdir() if item.suffix == ".tmp"] == []
    monkeypatch.undo()
    assert card.process(ASK).hex() == "63c3"
    assert card.process(VERIFY).hex() == "9000"


def test_damage_is_told(cards: SoftCardStore) -> None:
    path = cards.create("alice", "piv", cost=COST).path
    card = selected(cards)
    whole = path.read_bytes()
    for content in (b"", whole[:100], b"[]", json.dumps({"format": 2}).encode()):
        path.write_bytes(content)
        assert card.process(ASK).hex() == "6581"
        with pytest.raises(CardError, match="no software card file"):
            cards.open("alice")
    path.write_bytes(whole)
    assert card.process(ASK).hex() == "63c3"


def test_a_deleted_card_is_gone_for_those_who_use_it(cards: SoftCardStore) -> None:
    cards.create("alice", "piv", cost=COST)
    card = selected(cards)
    cards.delete("alice")
    assert card.process(ASK).hex() == "6581"
