"""Two hundred holders, eight readers of a real PC/SC service, four families of cards, one command."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue, SimpleQueue
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cardcore.opening import open_on
from cardcore.personalise.journal import Journal
from cardcore.softcard import ScryptCost, SoftCard, serve, volatile_card
from cardcore.transport.soft import SoftTransport
from tests.simulated.rig import PcscRig
from tests.unit.personalise.plans import folder_of

pytestmark = [pytest.mark.pcsc, pytest.mark.slow]

READERS = 8
KINDS = {"piv": 100, "openpgp": 60, "gids": 20, "isoapplet": 20}
KEYS = {"piv": ("9a",), "openpgp": ("signature",), "gids": ("1",), "isoapplet": ("1",)}
QUICK = ScryptCost(n=2, r=1, p=1)
PATIENCE = 15.0

PLAN = """
plan: 1
name: Fleet
holders: {csv: staff.csv, id: employee}
recipients: [issuer.pem]
issuers:
  staff: {local: {certificate: ca.pem, key: ca.key}}
cards:
  piv:
    only: {kind: piv}
    initialise: true
    factory:
      user: {published: "123456"}
      puk: {published: "12345678"}
      admin: {published: "010203040506070801020304050607080102030405060708"}
    pins:
      user: {final: {random: {digits: 6}}}
      puk: {final: {random: {digits: 8}}}
    admin: {final: {derived: {master: env:MASTER}}, cipher: aes256}
    keys: {9a: {type: ecp256, certificate: {issuer: staff, subject: "CN={name}", email: "{mail}", days: 30}}}
  openpgp:
    only: {kind: openpgp}
    factory: {user: {published: "123456"}, admin: {published: "12345678"}}
    pins:
      user: {final: {random: {digits: 6}}}
      sign: {same_as: user}
      admin: {final: {random: {digits: 8}}}
    keys: {signature: {type: ecp256, certificate: {issuer: staff, subject: "CN={name}", email: "{mail}", days: 30}}}
  gids:
    only: {kind: gids}
    initialise: true
    pins: {user: {initial: unset, final: {random: {digits: 6}}}}
    admin: {initial: unset, final: random}
    keys: {1: {type: rsa2048, certificate: {issuer: staff, subject: "CN={name}", email: "{mail}", days: 30}}}
  isoapplet:
    only: {kind: isoapplet}
    initialise: true
    pins:
      user: {initial: unset, final: {random: {digits: 6}}}
      puk: {initial: unset, final: {random: {characters: 16}}}
    keys: {1: {type: rsa2048, certificate: {issuer: staff, subject: "CN={name}", email: "{mail}", days: 30}}}
"""


class Operators:
    """A person at each reader: puts in a card, waits to be told, takes it out, until no card is left."""

    def __init__(self, rig: PcscRig, cards: list[SoftCard]) -> None:
        self._rig = rig
        self._cards: SimpleQueue[SoftCard] = SimpleQueue()
        for card in cards:
            self._cards.put(card)
        self._told: dict[str, Queue[str]] = {name: Queue() for name in rig.reader_names}
        self._people = [threading.Thread(target=self._work, args=(number,)) for number in range(READERS)]

    def start(self) -> None:
        """Let them begin."""
        for person in self._people:
            person.start()

    def tell(self, event: dict[str, Any]) -> None:
        """An event of the run."""
        if event["event"] in ("card-inserted", "take-out"):
            self._told[event["reader"]].put(event["event"])

    def join(self) -> None:
        """Wait until all cards have been put in."""
        for person in self._people:
            person.join(PATIENCE)

    def _work(self, reader: int) -> None:
        while True:
            try:
                card = self._cards.get_nowait()
            except Empty:
                return
            while not self._present(reader, card):
                time.sleep(1.0)  # the reader has not seen the last card go: a person takes it out again, and waits

    def _present(self, reader: int, card: SoftCard) -> bool:
        told = self._told[self._rig.reader_names[reader]]
        with inserted(self._rig.port(reader), card):
            try:
                told.get(timeout=PATIENCE)  # card-inserted
            except Empty:
                return False
            told.get(timeout=10 * PATIENCE)  # take-out
        time.sleep(0.6)  # PC/SC looks every 0.4 s
        return True


@contextmanager
def inserted(port: int, card: SoftCard) -> Iterator[None]:
    """The card is in the reader."""
    stop = threading.Event()
    thread = threading.Thread(target=serve, args=(card, "127.0.0.1", port, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def staff() -> str:
    """The holders, families mixed."""
    kinds = [kind for kind, number in KINDS.items() for _ in range(number)]
    random.Random(1).shuffle(kinds)  # noqa: S311 - an order that is the same each time, no secret
    rows = [f"{1000 + n},Holder {n},h{n}@example.org,{kind}" for n, kind in enumerate(kinds)]
    return "\n".join(["employee,name,mail,kind", *rows, ""])


def test_two_hundred_holders_on_eight_readers(tmp_path: Path) -> None:
    plan = folder_of(tmp_path, PLAN, staff())
    made = [(kind, volatile_card(kind, blank=True, cost=QUICK)) for kind, n in KINDS.items() for _ in range(n)]
    random.Random(2).shuffle(made)  # noqa: S311 - as above
    with PcscRig(readers=READERS) as rig:
        status = run(rig, plan, Operators(rig, [card for _, card in made]))
    assert status == 0
    with Journal.open(plan.with_suffix(".journal")) as journal:
        begun = journal.runs()[0]
        totals = journal.totals(begun.id)
        assert (totals.holders, totals.done, totals.parked, totals.waiting) == (200, 200, 0, 0)
        records = {(card.profile, card.serial): card for card in journal.cards(begun.id)}
        assert len({card.holder for card in records.values()}) == len(records) == 200
    certificates = [read(kind, card, records) for kind, card in made]
    assert len({public(one) for one in certificates}) == 200
    assert len({one.serial_number for one in certificates}) == 200
    verified_by_openssl(tmp_path, certificates)


def run(rig: PcscRig, plan: Path, operators: Operators) -> int:
    """The command, its events told to the people at the readers; its exit status."""
    command = [sys.executable, "-m", "cardcore", "--json", "personalise", str(plan), "--reader", "Rig"]
    environment = {**os.environ, **rig.env, "MASTER": "ab" * 32}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        operators.start()
        for line in process.stdout:
            operators.tell(json.loads(line))
        operators.join()
    return process.returncode


def read(kind: str, card: SoftCard, records: dict[tuple[str, str], Any]) -> x509.Certificate:
    """The certificate on the card, which is that of the holder to whom the journal gave the card."""
    with open_on(SoftTransport(card, kind), kind) as opened:
        record = records[(kind, opened.serial())]
        found = opened.certificate(KEYS[kind][0])
    assert found is not None
    assert found.subject.rfc4514_string() == f"CN=Holder {int(record.holder) - 1000}"
    return found


def public(certificate: x509.Certificate) -> bytes:
    """The public key in a certificate."""
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def verified_by_openssl(folder: Path, certificates: list[x509.Certificate]) -> None:
    """OpenSSL says that the CA issued all of them."""
    files = []
    for number, certificate in enumerate(certificates):
        files.append(folder / f"{number}.pem")
        files[-1].write_bytes(certificate.public_bytes(Encoding.PEM))
    command = ["openssl", "verify", "-CAfile", str(folder / "ca.pem"), *map(str, files)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr[-2000:]
    assert answer.stdout.count(": OK") == len(certificates)
