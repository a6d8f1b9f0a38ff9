"""A fleet of cards of four families, the people who put them into the readers of a rig, and what becomes of them."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue, SimpleQueue
from types import MappingProxyType
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cardcore.opening import open_on
from cardcore.personalise.journal import Journal
from cardcore.personalise.records import CardRecord
from cardcore.softcard import ScryptCost, SoftCard, serve, volatile_card
from cardcore.transport.soft import SoftTransport
from tests.simulated.rig import PcscRig
from tests.unit.personalise.plans import folder_of

KINDS = MappingProxyType({"piv": 100, "openpgp": 60, "gids": 20, "isoapplet": 20})
HOLDERS = sum(KINDS.values())
_KEYS = MappingProxyType({"piv": "9a", "openpgp": "signature", "gids": "1", "isoapplet": "1"})
_QUICK = ScryptCost(n=2, r=1, p=1)
_PATIENCE = 15.0
_LOOK_SECONDS = 0.6  # PC/SC looks every 0.4 s
_WHOLE_RUN = 600.0
_ENDED = "ended"

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


Made = Sequence[tuple[str, SoftCard]]
"""Cards with their kinds."""


def fleet_plan(folder: Path) -> Path:
    """A plan for two hundred holders, families mixed."""
    kinds = [kind for kind, number in KINDS.items() for _ in range(number)]
    random.Random(1).shuffle(kinds)  # noqa: S311 - an order that is the same each time, no secret
    rows = [f"{1000 + n},Holder {n},h{n}@example.org,{kind}" for n, kind in enumerate(kinds)]
    return folder_of(folder, PLAN, "\n".join(["employee,name,mail,kind", *rows, ""]))


def blank_cards() -> Made:
    """A card for each of them, mixed otherwise."""
    made = [(kind, volatile_card(kind, blank=True, cost=_QUICK)) for kind, n in KINDS.items() for _ in range(n)]
    random.Random(2).shuffle(made)  # noqa: S311 - as above
    return made


class Operators:
    """A person at each reader: puts in a card, waits to be told, takes it out, until no card is left."""

    def __init__(self, rig: PcscRig, made: Made) -> None:
        self._rig = rig
        self._cards: SimpleQueue[SoftCard] = SimpleQueue()
        for _, card in made:
            self._cards.put(card)
        self._told: dict[str, Queue[str]] = {name: Queue() for name in rig.reader_names}
        self._people = [
            threading.Thread(target=self._work, args=(rig.port(number), self._told[name]))
            for number, name in enumerate(rig.reader_names)
        ]

    def start(self) -> None:
        """Let them begin."""
        for person in self._people:
            person.start()

    def tell(self, event: dict[str, Any]) -> None:
        """An event of the run."""
        if event["event"] in ("card-inserted", "take-out"):
            self._told[event["reader"]].put(event["event"])

    def join(self) -> None:
        """Wait until they have gone: no run tells them anything more."""
        for told in self._told.values():
            told.put(_ENDED)
        for person in self._people:
            person.join(_PATIENCE)

    def _work(self, port: int, told: Queue[str]) -> None:
        while True:
            try:
                card = self._cards.get_nowait()
            except Empty:
                return
            while (answer := _presented(port, card, told)) != "take-out":
                if answer == _ENDED:
                    return


def _presented(port: int, card: SoftCard, told: Queue[str]) -> str:
    """Put in a card, and take it out when that is asked for; or because the reader has not seen the last one go."""
    with _inserted(port, card):
        try:
            answer = told.get(timeout=_PATIENCE)  # card-inserted
            answer = answer if answer == _ENDED else told.get(timeout=10 * _PATIENCE)
        except Empty:
            answer = "not seen"
    time.sleep(_LOOK_SECONDS)
    return answer


@contextmanager
def _inserted(port: int, card: SoftCard) -> Iterator[None]:
    """The card is in the reader."""
    stop = threading.Event()
    thread = threading.Thread(target=serve, args=(card, "127.0.0.1", port, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class Command:
    """A run of the plan by the command, whose events are told to the people at the readers."""

    def __init__(self, rig: PcscRig, plan: Path, operators: Operators, *options: str) -> None:
        command = [sys.executable, "-m", "cardcore", "--json", "personalise", str(plan), *options]
        environment = {**os.environ, **rig.env, "MASTER": "ab" * 32}
        self._operators = operators
        self._process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        if self._process.stdout is None:
            raise AssertionError("stdout is a pipe")
        for line in self._process.stdout:
            self._operators.tell(json.loads(line))

    def wait(self) -> int:
        """Its exit status, when it has one; one that does not come to its end is killed."""
        try:
            status = self._process.wait(_WHOLE_RUN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._listener.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return status


def check_fleet(folder: Path, place: str | Path, made: Made) -> list[CardRecord]:
    """Every holder has a card, every card a holder, no key and no serial number occurs twice; OpenSSL verifies all.

    Returns the cards as the journal at `place` has them.
    """
    with Journal.open(place) as journal:
        begun = journal.runs()[0]
        totals = journal.totals(begun.id)
        assert (totals.holders, totals.done, totals.parked, totals.waiting) == (HOLDERS, HOLDERS, 0, 0)
        records = {(card.profile, card.serial): card for card in journal.cards(begun.id)}
    assert len({card.holder for card in records.values()}) == len(records) == HOLDERS
    certificates = [_read(kind, card, records) for kind, card in made]
    assert len({_public(one) for one in certificates}) == HOLDERS
    assert len({one.serial_number for one in certificates}) == HOLDERS
    _verified_by_openssl(folder, certificates)
    return list(records.values())


def _read(kind: str, card: SoftCard, records: dict[tuple[str, str], CardRecord]) -> x509.Certificate:
    """The certificate on the card, which is that of the holder to whom the journal gave the card."""
    with open_on(SoftTransport(card, kind), kind) as opened:
        record = records[(kind, opened.serial())]
        found = opened.certificate(_KEYS[kind])
    assert found is not None
    assert found.subject.rfc4514_string() == f"CN=Holder {int(record.holder) - 1000}"
    return found


def _public(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _verified_by_openssl(folder: Path, certificates: list[x509.Certificate]) -> None:
    """OpenSSL says that the CA issued all of them."""
    files = []
    for number, certificate in enumerate(certificates):
        files.append(folder / f"{number}.pem")
        files[-1].write_bytes(certificate.public_bytes(Encoding.PEM))
    command = ["openssl", "verify", "-CAfile", str(folder / "ca.pem"), *map(str, files)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr[-2000:]
    assert answer.stdout.count(": OK") == len(certificates)
