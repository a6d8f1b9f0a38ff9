"""The command against real PC/SC: private pcscd, virtual readers, software cards, and OpenSSL as the judge."""

from __future__ import annotations

import hashlib
import json
import os
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
SECRETS = {"PIN": "123456", "WRONG": "000000", "ADMIN": "010203040506070801020304050607080102030405060708"}
TEXT = b"a letter through real PC/SC\n"


class Desk:
    """A rig with two readers, and a folder to work in."""

    def __init__(self, rig: PcscRig, folder: Path) -> None:
        self.rig = rig
        self.folder = folder
        self.environment = {**rig.env, **SECRETS, "PYTHONPATH": str(ROOT)}

    def insert(self, reader: int = 0) -> None:
        """Put a new card into a reader."""
        self.rig.insert(reader, volatile_card("piv", cost=ScryptCost(n=2, r=1, p=1)))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `cardcore`, however it ends."""
        command = [sys.executable, "-W", "error", "-m", "cardcore", *arguments]
        return subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )

    def ok(self, *arguments: str) -> str:
        """Run `cardcore`, which has to succeed."""
        ended = self.run(*arguments)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 - whatever the command answers
        """The JSON document of a command."""
        return json.loads(self.ok("--json", *arguments))

    def openssl(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run openssl, which has to be content."""
        command = ["openssl", *arguments]
        return subprocess.run(command, cwd=self.folder, input=stdin, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def rig() -> Iterator[PcscRig]:
    with PcscRig(readers=2) as made:
        yield made


@pytest.fixture
def desk(rig: PcscRig, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(rig, tmp_path)
    (tmp_path / "letter").write_bytes(TEXT)
    made.insert()
    yield made
    for reader in list(rig._insertions):
        rig.remove(reader)


def test_readers_and_info(desk: Desk) -> None:
    first, second = desk.rig.reader_names
    found = {entry["name"]: entry for entry in desk.json("readers")["readers"]}
    assert (found[first]["present"], found[first]["profile"]) == (True, "piv")
    assert (found[second]["present"], found[second]["profile"]) == (False, None)
    info = desk.json("info")
    assert (info["reader"], info["profile"]["id"]) == (first, "piv")
    assert info["atr"]["protocols"] == [1]


def test_the_right_reader_is_found(desk: Desk) -> None:
    first, second = desk.rig.reader_names
    assert desk.json("--reader", first, "info")["reader"] == first
    assert desk.run("--reader", second, "info").returncode == 3
    assert desk.run("--reader", "nothing", "info").returncode == 3
    assert desk.run("--reader", "rig", "info").returncode == 3
    desk.insert(1)
    several = desk.run("info")
    assert several.returncode == 3
    assert first in several.stderr
    assert second in several.stderr
    assert desk.json("--reader", second, "info")["reader"] == second


def test_no_card_at_all(desk: Desk) -> None:
    desk.rig.remove(0)
    assert desk.run("info").returncode == 3
    assert desk.run("apdu", "00A4040000").returncode == 3
    assert all(not entry["present"] for entry in desk.json("readers")["readers"])


def test_no_service(tmp_path: Path) -> None:
    environment = {**os.environ, "PCSCLITE_CSOCK_NAME": str(tmp_path / "socket"), "PYTHONPATH": str(ROOT)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cardcore", "--json", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    for line in (("readers",), ("info",), ("apdu", "00A4040000")):
        ended = run(*line)
        assert (ended.returncode, json.loads(ended.stderr)["error"]["code"]) == (3, "no-service")
    assert run("demo").returncode == 0


def test_pins(desk: Desk) -> None:
    desk.ok("pin", "verify", "--pin", "env:PIN")
    wrong = desk.run("--json", "pin", "verify", "--pin", "env:WRONG")
    assert (wrong.returncode, json.loads(wrong.stderr)["error"]["tries_left"]) == (4, 2)
    assert desk.json("pin", "status")["pins"][0]["tries_left"] == 2


def test_the_whole_job_with_rsa(desk: Desk) -> None:
    desk.ok("key", "generate", "9a", "--type", "rsa2048", "--admin", "env:ADMIN", "--out", "key.pem")
    sign = ("sign", "--key", "9a", "--pin", "env:PIN", "letter", "--out", "sig")
    verify = ("-verify", "key.pem", "-signature", "sig", "letter")
    for digest in ("sha1", "sha256", "sha384", "sha512"):
        desk.ok(*sign, "--hash", digest)
        desk.openssl("dgst", f"-{digest}", *verify)
    desk.ok(*sign, "--scheme", "pss")
    desk.openssl("dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", *verify)
    recover = ("pkeyutl", "-verifyrecover", "-pubin", "-inkey", "key.pem", "-in", "sig")
    desk.ok(*sign, "--no-oid", "--type", "rsa2048")
    assert desk.openssl(*recover) == hashlib.sha256(TEXT).digest()
    desk.ok(*sign, "--hash", "md5sha1")
    assert desk.openssl(*recover) == hashlib.md5(TEXT).digest() + hashlib.sha1(TEXT).digest()  # noqa: S324 - TLS 1.0
    encrypt = ("pkeyutl", "-encrypt", "-pubin", "-inkey", "key.pem", "-out", "enc")
    desk.openssl(*encrypt, stdin=b"secret")
    assert desk.ok("decrypt", "--key", "9a", "--pin", "env:PIN", "enc") == "secret"
    oaep = ("-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256")
    desk.openssl(*encrypt, *oaep, stdin=b"secret")
    assert desk.ok("decrypt", "--key", "9a", "--scheme", "oaep", "--pin", "env:PIN", "enc") == "secret"


def test_the_whole_job_with_elliptic_curves(desk: Desk) -> None:
    desk.ok("key", "generate", "9c", "--type", "ecp256", "--admin", "env:ADMIN", "--out", "key.pem")
    for _ in range(2):  # this key wants its PIN each time
        desk.ok("sign", "--key", "9c", "--pin", "env:PIN", "letter", "--out", "sig")
        desk.openssl("dgst", "-sha256", "-verify", "key.pem", "-signature", "sig", "letter")
    desk.ok("cert", "self-sign", "9c", "--subject", "CN=A", "--pin", "env:PIN", "--admin", "env:ADMIN", "--out", "crt")
    desk.openssl("verify", "-check_ss_sig", "-CAfile", "crt", "crt")
    desk.ok("verify", "--cert", "crt", "--signature", "sig", "letter")
    assert desk.json("key", "list")["keys"][0]["certificate"] is True


def test_raw_commands_and_traces(desk: Desk) -> None:
    exchange = desk.json("--trace", "t", "apdu", "00A4040005A000000308")["exchanges"][0]
    assert (exchange["name"], exchange["sw"]) == ("SELECT", "9000")
    assert desk.rig.reader_names[0] == desk.json("trace", "show", "t")["reader"]


def test_watching(desk: Desk) -> None:
    command = [sys.executable, "-m", "cardcore", "--json", "readers", "--watch"]
    process = subprocess.Popen(command, env=desk.environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        events = [json.loads(process.stdout.readline()) for _ in range(3)]
        desk.rig.remove(0)
        events.append(json.loads(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
    assert sorted(event["event"] for event in events) == ["inserted", "reader-added", "reader-added", "removed"]
    inserted = next(event for event in events if event["event"] == "inserted")
    assert (inserted["reader"], inserted["profile"]) == (desk.rig.reader_names[0], "piv")
