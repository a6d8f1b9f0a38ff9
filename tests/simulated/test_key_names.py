"""Names of keys: what `cardcore key rename` writes, OpenSC lists, whoever made the key."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cardcore.softcard import ScryptCost, volatile_card
from tests.simulated.rig import PcscRig

pytestmark = pytest.mark.pcsc

ROOT = Path(__file__).resolve().parents[2]
PIN = "123456"
# How pkcs15-init is told which PIN it is, which identifier a key has that is the first one here, and a name: OpenSC
# 0.23 lists those of containers without the high byte of each character.
FAMILIES = {"isoapplet": ("FF", "01", "Zo\u00eb's key"), "gids": ("80", "00", "Zoe's key")}


class Bench:
    """A new card of one family in the reader, and the programs that use it there."""

    def __init__(self, rig: PcscRig, folder: Path, family: str) -> None:
        self.rig = rig
        self.folder = folder
        self.auth_id, self.key_id, self.name = FAMILIES[family]
        (folder / "pin").write_text(PIN)

    def run(self, *command: str) -> str:
        """What a program says that has to succeed."""
        environment = {**self.rig.env, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
        ended = subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def opensc(self, tool: str, *arguments: str) -> str:
        return self.run(tool, "--reader", self.rig.reader_names[0], *arguments)

    def cardcore(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "cardcore", "--reader", self.rig.reader_names[0], *arguments)

    def key(self) -> Any:  # noqa: ANN401 - whatever the command answers
        """The one key on the card as this driver lists it."""
        (found,) = json.loads(self.cardcore("--json", "key", "list"))["keys"]
        return found

    def generate(self, *, by_opensc: bool) -> None:
        """Have the card make its first key, and write the public one to a file."""
        if not by_opensc:
            self.cardcore("key", "generate", "1", "--type", "rsa2048", "--pin", "file:pin", "--out", "public.pem")
            return
        pin = ("--auth-id", self.auth_id, "--pin", PIN, "--verify-pin")
        self.opensc(
            "pkcs15-init", "--generate-key", "rsa/2048", "--id", self.key_id, "--key-usage", "decrypt,sign", *pin
        )
        self.opensc("pkcs15-tool", "--read-public-key", self.key_id, "--output", "public.pem")


@pytest.fixture(scope="module")
def rig() -> Iterator[PcscRig]:
    with PcscRig(readers=1) as running:
        yield running


@pytest.fixture(params=FAMILIES)
def bench(rig: PcscRig, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    family = str(request.param)
    with rig.holding(0, volatile_card(family, cost=ScryptCost(n=16))):
        yield Bench(rig, tmp_path, family)


@pytest.mark.parametrize("by_opensc", [False, True], ids=["ours", "opensc"])
def test_opensc_lists_the_name(bench: Bench, by_opensc: bool) -> None:
    bench.generate(by_opensc=by_opensc)
    before = bench.key()
    said = bench.cardcore("key", "rename", "1", bench.name, "--pin", "file:pin")
    assert f"the key in 1 is called {bench.name} now" in said
    assert bench.key() == {**before, "label": bench.name}
    for listing, what in (("--list-keys", "Private"), ("--list-public-keys", "Public")):
        listed = bench.opensc("pkcs15-tool", listing)
        assert re.findall(rf"^{what} RSA Key \[(.*)\]$", listed, flags=re.M) == [bench.name]
        assert re.findall(r"ID\s*: (\w+)$", listed, flags=re.M)[-1] == bench.key_id
    (bench.folder / "letter").write_text("signed under the new name")
    bench.cardcore("sign", "--key", "1", "--pin", "file:pin", "letter", "--out", "signature")
    bench.run("openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "letter")
