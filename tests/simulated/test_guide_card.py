"""The card of the author's guide in a real reader: the profile that the page makes drives it through PC/SC."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardcore.apdu import CommandApdu
from cardcore.softcard import ScryptCost, volatile_card
from tests.simulated.rig import PcscRig
from tests.unit.docs.guidepage import Reader

pytestmark = pytest.mark.pcsc


class Bench:
    """The card in the only reader, and the profile that the page makes."""

    def __init__(self, rig: PcscRig, folder: Path) -> None:
        self.commands: list[CommandApdu] = []
        self._environment = {**rig.env, "PIN": "123456", "PUK": "12345678"}
        self._profile = str(Reader(folder=folder).write_profile())
        card = volatile_card("larkspur", cost=ScryptCost(n=16))
        rig.insert(0, card, watch=lambda command, _: self.commands.append(CommandApdu.decode(command)))

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `cardcore --json` with the profile on the card."""
        command = [sys.executable, "-m", "cardcore", "--json", "--profile", self._profile, *arguments]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=120, check=False)

    @property
    def profile(self) -> str:
        """The profile's file."""
        return self._profile


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    folder = tmp_path / "work"
    folder.mkdir()
    with PcscRig(readers=1) as rig:
        yield Bench(rig, folder)
        rig.remove(0)


def test_the_conformance_run_passes_in_a_reader(bench: Bench) -> None:
    serial = json.loads(bench("info").stdout)["serial"]
    secrets = ("--pin", "env:PIN", "--puk", "env:PUK")
    ended = bench("profile", "test", bench.profile, *secrets, "--destructive", "--serial", serial)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert (report["failed"], report["reader"]) == (0, "Rig A 00 00")
    assert all(operation["run"] for operation in report["operations"])
    done = {f"{step['group']}: {step['name']}" for step in report["steps"] if step["outcome"] == "passed"}
    assert {
        "PIN: set the PIN with the PUK",
        "key 1 (rsa2048): sign PKCS #1 sha256",
        "key 1 (rsa2048): sign PKCS #1 sha256 without OID",
        "key 2 (rsa2048): decrypt pkcs1",
        "key 2 (rsa2048): write a certificate",
    } <= done


def test_what_is_sent_is_what_the_manual_says(bench: Bench) -> None:
    bench("key", "generate", "2", "--type", "rsa2048", "--pin", "env:PIN")
    bench.commands.clear()
    ended = bench("decrypt", "--key", "2", "--type", "rsa2048", "--pin", "env:PIN", "/dev/null")
    assert ended.returncode != 0  # an empty file is no ciphertext: refused before anything but the type was asked for
    assert {command.ins for command in bench.commands} <= {0xA4}
    generated = json.loads(bench("key", "public", "2").stdout)["public_key"]
    assert generated.startswith("-----BEGIN PUBLIC KEY-----")
    (asked,) = [command for command in bench.commands if command.ins == 0x48]
    assert (asked.cla, asked.p1, asked.p2) == (0x80, 0x00, 0x02)
