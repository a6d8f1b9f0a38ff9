"""ykman and this driver on one PIV card, through real pcscd: what one makes or changes the other one uses."""

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
# It takes a contact card for its own kind of token only in a reader of this name.
READER = "Yubico YubiKey CCID"
PIN, OTHER_PIN, PUK, OTHER_PUK = "123456", "654321", "12345678", "87654321"
ADMIN = "010203040506070801020304050607080102030405060708"
ADMINS = {"aes128": "a1" * 16, "aes192": "b2" * 24, "aes256": "c3" * 32, "3des": "0d1c2b3a49586776" * 3}
TYPES = {"rsa2048": "RSA2048", "ecp256": "ECCP256", "ecp384": "ECCP384"}
# If it cannot connect, it ends every scdaemon and yubikey-agent of the machine by this program.
NO_KILLING = "#!/bin/sh\nexit 1\n"
MESSAGE = b"Tell me, Muse, of the man of many ways\n"


class Bench:
    """A new card in the reader, and the programs that use it there."""

    def __init__(self, rig: PcscRig, folder: Path) -> None:
        self.reader = rig.reader_names[0]
        self.folder = folder
        (folder / "bin").mkdir()
        (folder / "bin" / "pkill").write_text(NO_KILLING)
        (folder / "bin" / "pkill").chmod(0o755)
        (folder / "message").write_bytes(MESSAGE)
        self.environment = {
            **rig.env,
            "PATH": f"{folder / 'bin'}:{rig.env['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "PIN": PIN,
            "PUK": PUK,
            "ADMIN": ADMIN,
        }

    def run(self, *command: str, status: int = 0) -> str:
        """What a program says that ends with this status."""
        ended = subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == status, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def ykman(self, *arguments: str, status: int = 0) -> str:
        return self.run(sys.executable, "-m", "ykman._cli", "--reader", self.reader, "piv", *arguments, status=status)

    def cardcore(self, *arguments: str, status: int = 0) -> str:
        return self.run(sys.executable, "-m", "cardcore", "--reader", self.reader, *arguments, status=status)

    def asked(self, *arguments: str) -> Any:  # noqa: ANN401 - whatever the command answers
        return json.loads(self.cardcore("--json", *arguments))

    def secret(self, name: str, value: str) -> str:
        """The source of a secret for `cardcore`."""
        self.environment[name] = value
        return f"env:{name}"

    def signs(self, key: str, public: str) -> None:
        """This driver signs with a key, and openssl finds the signature good."""
        self.cardcore("sign", "--key", key, "--pin", "env:PIN", "message", "--out", "signature")
        verify = ("openssl", "dgst", "-sha256", "-verify", public, "-signature", "signature", "message")
        assert "Verified OK" in self.run(*verify)

    def holds_admin(self, key: str) -> None:
        """Both make a key by this management key."""
        self.ykman("keys", "generate", "-a", "ECCP256", "-m", key, "82", "82.pem")
        self.cardcore("key", "generate", "83", "--type", "ecp256", "--admin", self.secret("CHECKED", key))

    def key(self, name: str) -> Any:  # noqa: ANN401 - whatever the command answers
        """One key as this driver lists it."""
        return next(key for key in self.asked("key", "list")["keys"] if key["name"] == name)


@pytest.fixture(scope="module")
def rig() -> Iterator[PcscRig]:
    with PcscRig(readers=1, name=READER) as running:
        yield running


@pytest.fixture
def bench(rig: PcscRig, tmp_path: Path) -> Iterator[Bench]:
    with rig.holding(0, volatile_card("piv", cost=ScryptCost(n=16))):
        yield Bench(rig, tmp_path)


@pytest.mark.parametrize("kind", TYPES)
def test_keys_and_certificates_of_ykman(bench: Bench, kind: str) -> None:
    bench.ykman("keys", "generate", "-a", TYPES[kind], "-m", ADMIN, "9a", "9a.pem")
    bench.ykman("certificates", "generate", "-s", "CN=Odysseus,O=Ithaca", "-P", PIN, "-m", ADMIN, "9a", "9a.pem")
    bench.signs("9a", "9a.pem")
    bench.ykman("certificates", "export", "9a", "theirs.crt")
    bench.cardcore("cert", "export", "9a", "--out", "ours.crt")
    assert (bench.folder / "ours.crt").read_text().split() == (bench.folder / "theirs.crt").read_text().split()
    assert bench.cardcore("key", "public", "9a").split() == (bench.folder / "9a.pem").read_text().split()
    assert "OK" in bench.run("openssl", "verify", "-CAfile", "ours.crt", "ours.crt")


@pytest.mark.parametrize("kind", TYPES)
def test_keys_and_certificates_of_ours(bench: Bench, kind: str) -> None:
    bench.cardcore("key", "generate", "9a", "--type", kind, "--admin", "env:ADMIN", "--out", "9a.pem")
    subject = ("--subject", "CN=Penelope", "--pin", "env:PIN", "--admin", "env:ADMIN")
    bench.cardcore("cert", "self-sign", "9a", *subject, "--out", "ours.crt")
    bench.ykman("keys", "export", "--verify", "-P", PIN, "9a", "theirs.pem")
    bench.ykman("certificates", "export", "9a", "theirs.crt")
    for ours, theirs in (("9a.pem", "theirs.pem"), ("ours.crt", "theirs.crt")):
        assert (bench.folder / ours).read_text().split() == (bench.folder / theirs).read_text().split()
    bench.ykman("certificates", "request", "-s", "CN=Penelope", "-P", PIN, "9a", "9a.pem", "9a.csr")
    assert "OK" in bench.run("openssl", "req", "-verify", "-noout", "-in", "9a.csr")
    bench.ykman("certificates", "import", "--verify", "-P", PIN, "-m", ADMIN, "--compress", "9a", "ours.crt")
    assert bench.cardcore("cert", "export", "9a").split() == (bench.folder / "ours.crt").read_text().split()


@pytest.mark.parametrize("by_ykman", [False, True], ids=["ours", "ykman"])
@pytest.mark.parametrize("kind", ["rsa", "p256", "p384"])
def test_imported_keys(bench: Bench, kind: str, by_ykman: bool) -> None:
    option = f"ec_paramgen_curve:P-{kind[1:]}" if kind != "rsa" else "rsa_keygen_bits:2048"
    bench.run("openssl", "genpkey", "-algorithm", "EC" if kind != "rsa" else "RSA", "-pkeyopt", option, "-out", "key")
    bench.run("openssl", "pkey", "-in", "key", "-pubout", "-out", "public.pem")
    if by_ykman:
        bench.ykman("keys", "import", "-m", ADMIN, "9d", "key")
    else:
        bench.cardcore("key", "import", "9d", "key", "--admin", "env:ADMIN")
    bench.signs("9d", "public.pem")
    assert bench.key("9d")["origin"] == "imported"
    assert "IMPORTED" in bench.ykman("keys", "info", "9d")
    bench.ykman("certificates", "generate", "-s", "CN=Imported", "-P", PIN, "-m", ADMIN, "9d", "public.pem")
    assert [found["key"] for found in bench.asked("cert", "list")["certificates"]] == ["9d"]


def test_pins_that_ykman_changed(bench: Bench) -> None:
    bench.ykman("access", "change-pin", "-P", PIN, "-n", OTHER_PIN)
    bench.cardcore("pin", "verify", "--pin", bench.secret("NEW", OTHER_PIN))
    bench.ykman("access", "change-puk", "-p", PUK, "-n", OTHER_PUK)
    unblock = ("pin", "unblock", "--puk", bench.secret("NEW_PUK", OTHER_PUK), "--new-pin", "env:PIN")
    bench.cardcore(*unblock)
    bench.cardcore("pin", "verify", "--pin", "env:PIN")
    bench.ykman("access", "set-retries", "-P", PIN, "-m", ADMIN, "--force", "5", "7")
    tries = {pin["name"]: pin["tries_left"] for pin in bench.asked("pin", "status")["pins"]}
    assert tries == {"user": 5, "puk": 7}
    bench.ykman("access", "change-pin", "-P", OTHER_PIN, "-n", PIN, status=1)
    assert bench.asked("pin", "status", "--name", "user")["pins"][0]["tries_left"] == 4


def test_pins_that_we_changed(bench: Bench) -> None:
    bench.cardcore("pin", "change", "--pin", "env:PIN", "--new-pin", bench.secret("NEW", OTHER_PIN))
    bench.cardcore("pin", "change", "--name", "puk", "--pin", "env:PUK", "--new-pin", bench.secret("NEXT", OTHER_PUK))
    assert "2 tries left" in bench.ykman("access", "change-pin", "-P", PIN, "-n", PIN, status=1)
    assert "PIN tries remaining:      2/3" in bench.ykman("info")
    bench.ykman("access", "unblock-pin", "-p", OTHER_PUK, "-n", PIN)
    bench.ykman("access", "change-puk", "-p", OTHER_PUK, "-n", PUK)
    bench.cardcore("pin", "verify", "--pin", "env:PIN")


@pytest.mark.parametrize("cipher", ADMINS)
def test_management_keys(bench: Bench, cipher: str) -> None:
    new, old = ADMINS[cipher], ADMINS["aes256" if cipher == "aes192" else "aes192"]
    algorithm = {"3des": "TDES"}.get(cipher, cipher.upper())
    bench.ykman("access", "change-management-key", "-m", ADMIN, "-n", new, "-a", algorithm, "--force")
    bench.holds_admin(new)
    sources = ("--admin", bench.secret("HERE", new), "--new-admin", bench.secret("NEW", old))
    bench.cardcore("admin", "change", *sources, "--cipher", "aes256" if cipher == "aes192" else "aes192")
    bench.holds_admin(old)
    back = ("--admin", "env:NEW", "--new-admin", "env:HERE", "--cipher", cipher)
    bench.cardcore("admin", "change", *back)
    assert re.search(rf"algorithm: {algorithm}$", bench.ykman("info"), flags=re.M)
    bench.holds_admin(new)


def test_a_management_key_that_ykman_protects(bench: Bench) -> None:
    protect = ("access", "change-management-key", "--protect", "-a", "AES256", "-P", PIN)
    bench.ykman(*protect, "-m", ADMIN)
    bench.cardcore("key", "generate", "9a", "--type", "ecp256", "--pin", "env:PIN", "--out", "9a.pem")
    bench.signs("9a", "9a.pem")
    new = bench.secret("NEW", ADMINS["aes192"])
    bench.cardcore("admin", "change", "--pin", "env:PIN", "--new-admin", new, "--cipher", "aes192")
    bench.ykman("keys", "generate", "-a", "ECCP384", "-P", PIN, "9d", "9d.pem")  # with the key that we put there
    bench.signs("9d", "9d.pem")
    bench.holds_admin(ADMINS["aes192"])
    bench.ykman(*protect)
    bench.cardcore("admin", "verify", "--pin", "env:PIN")
    assert "protected by PIN" in bench.ykman("info")
    bench.ykman("access", "change-management-key", "-P", PIN, "-a", "TDES", "-n", ADMIN, "--force")
    bench.cardcore("admin", "verify", "--pin", "env:PIN", status=2)
    bench.holds_admin(ADMIN)


def test_policies_that_ykman_chose(bench: Bench) -> None:
    for slot, pin, touch in (("9a", "ALWAYS", "NEVER"), ("9c", "ONCE", "CACHED"), ("9d", "NEVER", "ALWAYS")):
        policies = ("--pin-policy", pin, "--touch-policy", touch)
        bench.ykman("keys", "generate", "-a", "ECCP256", *policies, "-m", ADMIN, slot, f"{slot}.pem")
        assert (bench.key(slot)["pin_policy"], bench.key(slot)["touch"]) == (pin.lower(), touch.lower())
        bench.signs(slot, f"{slot}.pem")
    bench.cardcore("sign", "--key", "9d", "message", "--out", "signature")
    assert "Verified OK" in bench.run(
        "openssl", "dgst", "-sha256", "-verify", "9d.pem", "-signature", "signature", "message"
    )


@pytest.mark.parametrize("imported", [False, True], ids=["generated", "imported"])
def test_policies_that_we_chose(bench: Bench, imported: bool) -> None:
    bench.run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key")
    for slot, pin, touch in (("9a", "always", "cached"), ("9d", "never", "always"), ("9e", "once", "never")):
        make = ("import", slot, "key") if imported else ("generate", slot, "--type", "ecp256")
        bench.cardcore("key", *make, "--admin", "env:ADMIN", "--pin-policy", pin, "--touch", touch)
        told = bench.ykman("keys", "info", slot)
        assert re.search(rf"^PIN required for use: +{pin.upper()}$", told, flags=re.M)
        assert re.search(rf"^Touch required for use: +{touch.upper()}$", told, flags=re.M)


def test_keys_are_moved_and_deleted(bench: Bench) -> None:
    bench.ykman("keys", "generate", "-a", "ECCP256", "-m", ADMIN, "9a", "9a.pem")
    bench.ykman("keys", "move", "-m", ADMIN, "9a", "95")
    bench.signs("95", "9a.pem")
    bench.cardcore("key", "generate", "9a", "--type", "ecp256", "--admin", "env:ADMIN")
    assert "not empty" in bench.ykman("keys", "move", "-m", ADMIN, "9a", "95", status=1)
    bench.cardcore("key", "delete", "95", "--admin", "env:ADMIN")
    assert "No key stored" in bench.ykman("keys", "info", "95", status=1)
    bench.ykman("keys", "delete", "-m", ADMIN, "9a")
    assert bench.asked("key", "list")["keys"] == []


def test_resets(bench: Bench) -> None:
    serial = bench.asked("info")["serial"]
    bench.cardcore("key", "generate", "9a", "--type", "ecp256", "--admin", "env:ADMIN")
    bench.cardcore("admin", "change", "--admin", "env:ADMIN", "--new-admin", bench.secret("NEW", ADMINS["aes256"]))
    bench.ykman("reset", "--force")
    assert bench.asked("key", "list")["keys"] == []
    bench.holds_admin(ADMIN)
    bench.ykman("access", "change-management-key", "-m", ADMIN, "-P", PIN, "--protect", "-a", "AES128")
    bench.ykman("access", "change-pin", "-P", PIN, "-n", OTHER_PIN)
    for _ in range(3):
        bench.ykman("access", "change-pin", "-P", PIN, "-n", PIN, status=1)
        bench.ykman("access", "unblock-pin", "-p", OTHER_PUK, "-n", PIN, status=1)
    bench.cardcore("reset", "--yes-destroy", serial)
    told = bench.ykman("info")
    assert "PIN tries remaining:      3/3" in told
    assert "PUK tries remaining:      3/3" in told
    assert told.count("WARNING: Using default") == 3
    assert "Slot" not in told
    bench.holds_admin(ADMIN)


def test_attestation(bench: Bench) -> None:
    bench.ykman("certificates", "export", "f9", "authority.crt")
    for by_ykman in (False, True):
        if by_ykman:
            bench.ykman("keys", "generate", "-m", ADMIN, "9a", "9a.pem")
        else:
            bench.cardcore("key", "generate", "9a", "--type", "rsa2048", "--admin", "env:ADMIN", "--out", "9a.pem")
        bench.ykman("keys", "attest", "9a", "theirs.crt")
        bench.cardcore("cert", "attest", "9a", "--out", "ours.crt")
        for name in ("theirs.crt", "ours.crt"):
            assert "OK" in bench.run("openssl", "verify", "-CAfile", "authority.crt", name)
            named = bench.run("openssl", "x509", "-in", name, "-noout", "-pubkey")
            assert named.split() == (bench.folder / "9a.pem").read_text().split()
    bench.run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key")
    bench.cardcore("key", "import", "9a", "key", "--admin", "env:ADMIN")
    assert "failed" in bench.ykman("keys", "attest", "9a", "none.crt", status=1)
    assert "was not made on this card" in bench.cardcore("cert", "attest", "9a", status=1)
