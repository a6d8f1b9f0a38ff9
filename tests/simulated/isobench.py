"""An IsoApplet card in a reader of the private PC/SC service, and OpenSC's and openssl's programs on it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cardcore.card import Card
from cardcore.opening import open_on
from cardcore.softcard import ScryptCost, SoftCard
from cardcore.transport.soft import SoftTransport
from tests.simulated.rig import PcscRig

ROOT = Path(__file__).resolve().parents[2]
COST = ScryptCost(n=16)
PIN = "123456"
AUTH = ("--auth-id", "FF", "--pin", PIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One card in one reader, and the programs that use it, in a folder of their own."""

    rig: PcscRig
    reader: str
    card: SoftCard
    folder: Path

    def run(self, *command: str, status: int = 0) -> str:
        """Run a client, check its exit status (1: any that is not 0), return all that it said."""
        environment = {**self.rig.env, "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        said = ended.stdout + ended.stderr
        assert min(ended.returncode % 256, 1) == status, said
        return said

    def init(self, *arguments: str) -> str:
        return self.run("pkcs15-init", "--reader", self.reader, *arguments)

    def pkcs15(self, *arguments: str, status: int = 0) -> str:
        return self.run("pkcs15-tool", "--reader", self.reader, *arguments, status=status)

    def pkcs11(self, *arguments: str) -> str:
        return self.run("pkcs11-tool", "--slot-description", self.reader, "--login", "--pin", PIN, *arguments)

    def crypt(self, *arguments: str) -> str:
        return self.run("pkcs15-crypt", "--reader", self.reader, "--pin", PIN, "--raw", *arguments)

    def openssl(self, *arguments: str) -> str:
        return self.run("openssl", *arguments)

    def write(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return name

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    @contextmanager
    def ours(self, *, cached: bool = False) -> Iterator[Card]:
        """This driver on the same card, which is out of the reader meanwhile: pcscd turns idle cards off."""
        self.rig.remove(0)
        try:
            with open_on(SoftTransport(self.card, "card"), "isoapplet", cached=cached) as card:
                yield card
        finally:
            self.rig.insert(0, self.card)
