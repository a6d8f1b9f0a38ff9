"""Two processes and eight threads sign with two cards: no wrong answer, nobody gets what is another's.

Takes 10 seconds each; `PERSONAL_CSP_LOAD_SECONDS=60` lets it go on for a minute.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter as Counts
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tests.frontend.agents import RunningAgent
from tests.frontend.cards import KEYS, PlayedCard, make
from tests.simulated.rig import PcscRig

pytestmark = [pytest.mark.pcsc, pytest.mark.slow]

SECONDS = float(os.environ.get("PERSONAL_CSP_LOAD_SECONDS", "10"))
PINS = ("123456", "654321")
APPLICATIONS = ("piv", "openpgp")
_MAIN = Path(__file__).with_name("signer_main.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Two readers with a card each, whose PINs differ, and an agent at whose dialog nobody is."""

    rig: PcscRig
    agent: RunningAgent
    cards: tuple[PlayedCard, ...]

    def target(self, number: int, place: int = 0) -> dict[str, Any]:
        """A container: the card's first key wants the PIN once, its second one each time."""
        card, key = self.cards[number], KEYS[APPLICATIONS[number]][place]
        certificate = card.certificates[key.slot]
        public = certificate.public_key()
        assert isinstance(public, rsa.RSAPublicKey)
        name = hashlib.sha1(certificate.public_bytes(Encoding.DER), usedforsecurity=False).hexdigest()
        return {
            "container": f"\\\\.\\{self.rig.reader_names[number]}\\{name}",
            "spec": key.spec,
            "pin": PINS[number],
            "modulus": f"{public.public_numbers().n:x}",
        }

    def run(self, *processes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Let processes with these threads work at the same time, and return what each said."""
        started = []
        for number, threads in enumerate(processes):
            told = {
                "file": str(self.agent.file),
                "program": f"process {number}",
                "seconds": SECONDS,
                "threads": threads,
            }
            command = [sys.executable, "-W", "error", str(_MAIN), json.dumps(told)]
            started.append(subprocess.Popen(command, env=self.agent.env, stdout=subprocess.PIPE, text=True))
        said = [process.communicate(timeout=SECONDS + 60)[0] for process in started]
        assert [process.returncode for process in started] == [0] * len(started)
        return [json.loads(one) for one in said]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with PcscRig(readers=2) as rig:
        cards = tuple(make(name, pin=pin) for name, pin in zip(APPLICATIONS, PINS, strict=True))
        for number, card in enumerate(cards):
            rig.insert(number, card.card)
        env = {**rig.env, "CARDCORE_SOFT_DIR": str(tmp_path_factory.mktemp("soft"))}
        with RunningAgent(tmp_path_factory.mktemp("agent"), env=env) as agent:
            yield Place(rig=rig, agent=agent, cards=cards)


def test_all_sign_with_both_cards(place: Place) -> None:
    both = [place.target(0), place.target(1)]
    threads = [{"does": "sign", "targets": both if number % 2 else both[::-1]} for number in range(4)]
    said = place.run(threads, threads)
    print(said)
    assert [one["wrong"] for one in said] == [[], []]
    assert all(one["done"]["signed"] >= 2 * SECONDS for one in said)
    assert place.agent.asked == []


def test_nobody_gets_what_is_anothers(place: Place) -> None:
    """Each process has the PIN of one card; it signs with that, mistypes it, and tries the other card without a PIN."""

    def threads(own: int, other: int) -> list[dict[str, Any]]:
        mine, others = [place.target(own)], [place.target(other)]
        return [
            {"does": "sign", "targets": mine},
            {"does": "sign", "targets": mine},
            {"does": "mistype", "targets": [place.target(own, 1)]},
            {"does": "intrude", "targets": others},
        ]

    said = place.run(threads(0, 1), threads(1, 0))
    print(said)
    done: Counts[str] = Counts()
    for one in said:
        assert one["wrong"] == []
        done.update(one["done"])
    assert min(done["signed"], done["kept out"], done["mistyped"]) >= SECONDS
    assert place.agent.asked == []


def test_no_pin_and_no_data_in_the_log(place: Place) -> None:
    assert place.agent.log
    for pin in (*PINS, "111111"):
        assert pin not in place.agent.log
