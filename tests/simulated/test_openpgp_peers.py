"""GnuPG and OpenSC take the software card for a real OpenPGP card, and share keys and PINs with cardcore."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cardcore.card import Card
from cardcore.directory import openpgp
from cardcore.errors import PinError
from cardcore.opening import open_on
from cardcore.softcard import ScryptCost, SoftCard, volatile_card
from cardcore.transport.soft import SoftTransport
from tests.simulated.gnupg import CardOperationFailed, GnuPg
from tests.simulated.rig import PcscRig

pytestmark = pytest.mark.pcsc

COST = ScryptCost(n=16)
PIN, ADMIN = "123456", "12345678"
USER = "Sappho <sappho@example.org>"
MESSAGE = b"Deathless Aphrodite on your rich-wrought throne\n"
MODULE = "opensc-pkcs11.so"
CREATED = 1_700_000_000
TOKENS = {"01": "OpenPGP card (User PIN (sig))", "02": "OpenPGP card (User PIN)", "03": "OpenPGP card (User PIN)"}
NAMES = {"01": "signature", "02": "decryption", "03": "authentication"}


class Bench:
    """One card: in the reader for other people's programs, out of it for cardcore in this process."""

    def __init__(self, rig: PcscRig, card: SoftCard, folder: Path) -> None:
        self.rig = rig
        self.card = card
        self.folder = folder
        self.commands = 0

    def run(self, *command: str, status: int = 0) -> str:
        """Run a client of the reader, check its exit status, return all that it said."""
        ended = subprocess.run(
            command, env=self.rig.env, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        said = ended.stdout + ended.stderr
        assert ended.returncode == status, said
        return said

    def inserted(self) -> ExitStack:
        """The card is in the reader as long as this lasts."""
        stack = ExitStack()
        self.rig.insert(0, self.card, watch=self._count)
        stack.callback(self.rig.remove, 0)
        return stack

    def _count(self, command: bytes, response: bytes) -> None:
        self.commands += 1

    def ours(self) -> Card:
        """The card as cardcore sees it, without any reader."""
        return open_on(SoftTransport(self.card, "bench"), "openpgp")

    def gnupg(self) -> GnuPg:
        """GnuPG that finds the reader."""
        return GnuPg(self.rig.env, self.rig.reader_names[0])

    def pkcs11(self, key: str, *arguments: str) -> str:
        token = ("--module", MODULE, "--token-label", TOKENS[key], "--login", "--pin", PIN)
        return self.run("pkcs11-tool", *token, "--id", key, *arguments)

    def write(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return name

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def checks(self, key: str, signature: str) -> bool:
        """Whether openssl says that the file is a signature of the message by the key."""
        with self.ours() as card:
            public = card.public_key(NAMES[key]).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        verify = ("dgst", "-sha256", "-verify", self.write("key.pem", public), "-signature", signature)
        return "Verified OK" in self.run("openssl", *verify, self.write("message", MESSAGE))


@pytest.fixture(scope="module")
def rig() -> Iterator[PcscRig]:
    with PcscRig(readers=2) as running:
        yield running


@pytest.fixture
def bench(rig: PcscRig, tmp_path: Path) -> Bench:
    """A new card with factory PINs."""
    return Bench(rig, volatile_card("openpgp", cost=COST), tmp_path)


@pytest.fixture
def keyed(bench: Bench) -> Bench:
    """A card with three RSA keys made by cardcore."""
    with bench.ours() as card:
        card.authenticate_admin(ADMIN)
        for name in NAMES.values():
            card.generate(name, "rsa2048")
    return bench


@pytest.fixture
def fixed_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of cardcore are made at one known moment, and so have one fingerprint."""
    monkeypatch.setattr(openpgp, "time", SimpleNamespace(time=lambda: CREATED))


def test_gnupg_shows_a_new_card(bench: Bench) -> None:
    with bench.inserted(), bench.gnupg() as gpg:
        status = gpg.status()
    assert status["version"][0] == "0304"
    assert status["pinretry"][:3] == ["3", "0", "3"]
    assert status["keyattr"][1:3] == ["1", "2048"]
    assert status["forcepin"][0] == "1"
    with bench.ours() as card:
        assert card.serial() == "FFFE" + status["serial"][0]


def test_keys_made_by_gnupg_are_used_by_cardcore(bench: Bench) -> None:
    with bench.inserted(), bench.gnupg() as gpg:
        gpg.edit("admin", "generate", "n", "0", "Sappho", "sappho@example.org", "")
        fingerprints = gpg.status()["fpr"][:3]
    with bench.ours() as card:
        assert card.read("c5").hex().upper() == "".join(fingerprints)
        keys = card.keys()
        assert [info.origin for info in keys] == ["generated"] * 3
        for name in ("signature", "authentication"):
            bench.write(f"{name}.sig", card.sign(name, MESSAGE, pin=PIN))
        public = card.public_key("decryption")
        assert isinstance(public, RSAPublicKey)
        assert card.decipher("decryption", public.encrypt(MESSAGE, PKCS1v15()), pin=PIN) == MESSAGE
        assert int.from_bytes(card.read("signature-counter")) == 5
    assert bench.checks("01", "signature.sig")
    assert bench.checks("03", "authentication.sig")


@pytest.mark.parametrize(
    ("signing", "decrypting"), [("rsa2048", "rsa3072"), ("ecp256", "ecp384"), ("ecp384", "ecp256")]
)
@pytest.mark.usefixtures("fixed_clock")
def test_keys_made_by_cardcore_are_used_by_gnupg(bench: Bench, signing: str, decrypting: str) -> None:
    with bench.ours() as card:
        card.authenticate_admin(ADMIN)
        card.generate("signature", signing)
        card.generate("decryption", decrypting)
    with bench.inserted(), bench.gnupg() as gpg:
        gpg.secrets[""] = ""
        ours = gpg.status()["fpr"][:2]
        # At the very moment of the keys' making GnuPG computes the same fingerprints for them.
        gpg.run("--batch", "--faked-system-time", f"{CREATED}!", "--quick-generate-key", USER, "card", "default", "0")
        listed = gpg.run("--with-colons", "--with-subkey-fingerprint", "-K").stdout.splitlines()
        assert [line.split(":")[9] for line in listed if line.startswith("fpr")] == ours
        gpg.forget()
        (gpg.home / "message").write_bytes(MESSAGE)
        gpg.run("--detach-sign", "message")
        assert "Good signature" in gpg.run("--verify", "message.sig", "message").stderr
        gpg.run("--recipient", USER, "--encrypt", "message")
        gpg.forget()
        assert gpg.run("--decrypt", "message.gpg").stdout.encode() == MESSAGE


def test_gnupg_moves_keys_to_the_card(bench: Bench) -> None:
    """Keys that GnuPG made in software, of the kinds that cardcore does not make itself, and RSA with its numbers."""
    with bench.inserted(), bench.gnupg() as gpg:
        gpg.secrets[""] = ""
        gpg.run("--batch", "--passphrase", "", "--quick-generate-key", USER, "ed25519", "sign", "0")
        secret = gpg.run("--with-colons", "-K").stdout.splitlines()
        fingerprint = next(line.split(":")[9] for line in secret if line.startswith("fpr"))
        gpg.run("--batch", "--passphrase", "", "--quick-add-key", fingerprint, "cv25519", "encr", "0")
        gpg.run("--batch", "--passphrase", "", "--quick-add-key", fingerprint, "rsa3072", "auth", "0")
        moves = ("keytocard", "y", "1", "key 1", "keytocard", "2", "key 1", "key 2", "keytocard", "3", "save", "")
        gpg.run("--status-fd", "1", "--command-fd", "0", "--edit-key", fingerprint, stdin="\n".join(moves))
        assert gpg.status()["fpr"][0] == fingerprint
        gpg.forget()
        (gpg.home / "message").write_bytes(MESSAGE)
        gpg.run("--detach-sign", "message")
        assert "Good signature" in gpg.run("--verify", "message.sig", "message").stderr
        gpg.run("--recipient", USER, "--encrypt", "message")
        gpg.forget()
        assert gpg.run("--decrypt", "message.gpg").stdout.encode() == MESSAGE
    with bench.ours() as card:
        keys = card.keys()
        assert [info.origin for info in keys] == ["imported"] * 3
        assert [info.type and info.type.name for info in keys] == [None, None, "rsa3072"]
        bench.write("auth.sig", card.sign("authentication", MESSAGE, pin=PIN))
    assert bench.checks("03", "auth.sig")


def test_pins_changed_and_unblocked_by_gnupg(bench: Bench) -> None:
    with bench.ours() as card:
        for _ in range(3):
            with pytest.raises(PinError):
                card.verify("999999", last_try=True)
    with bench.inserted(), bench.gnupg() as gpg:
        assert gpg.status()["pinretry"][:3] == ["0", "0", "3"]
        gpg.secrets |= {"New PIN": "234567"}
        gpg.edit("admin", "passwd", "2", "q")
        gpg.secrets |= {"New Admin PIN": "23456789"}
        gpg.edit("admin", "passwd", "3", "q")
        gpg.secrets |= {"Admin PIN": "23456789", "New Reset Code": "87654321"}
        gpg.edit("admin", "passwd", "4", "q")
        assert gpg.status()["pinretry"][:3] == ["3", "3", "3"]
    with bench.ours() as card:
        card.verify("234567")
        card.unblock_pin("87654321", "345678")
        card.authenticate_admin("23456789")
        card.change_pin("23456789", "34567890", "admin")
    with bench.inserted(), bench.gnupg() as gpg:
        gpg.secrets |= {"PIN": "345678", "New PIN": "456789"}
        gpg.edit("passwd")
    with bench.ours() as card:
        card.verify("456789")
        card.authenticate_admin("34567890")


def unblock_by_gnupg(keyed: Bench, tries: int = 3) -> None:
    """By the reset code, with hashed PINs: scdaemon 2.2.40 dies of that now and then, before it asks the card."""
    try:
        with keyed.inserted(), keyed.gnupg() as gpg:
            gpg.secrets |= {"Reset Code": "resetcode", "New PIN": "876543"}
            gpg.edit("unblock")
    except CardOperationFailed:
        if tries == 1:
            raise
        unblock_by_gnupg(keyed, tries - 1)


def test_gnupg_sets_up_hashed_pins(keyed: Bench) -> None:
    with keyed.inserted(), keyed.gnupg() as gpg:
        gpg.edit("admin", "kdf-setup")
        assert gpg.status()["kdf"][0] == "on"
    with keyed.ours() as card:
        keyed.write("ours.sig", card.sign("signature", MESSAGE, pin=PIN))
        card.authenticate_admin(ADMIN)
        card.change_pin(PIN, "654321")
        card.change_pin(ADMIN, "87654321", "admin")
        card.unblock_pin(None, "resetcode", "reset-code")
        with pytest.raises(PinError):
            card.verify(PIN)
    assert keyed.checks("01", "ours.sig")
    with keyed.inserted(), keyed.gnupg() as gpg:
        gpg.secrets |= {"PIN": "654321", "New PIN": "765432", "Admin PIN": "87654321"}
        gpg.edit("passwd")
        gpg.edit("admin", "login", "sappho")
        assert gpg.status()["login"][0] == "sappho"
    unblock_by_gnupg(keyed)
    with keyed.ours() as card:
        card.verify("876543")


def test_gnupg_resets_the_card(keyed: Bench) -> None:
    with keyed.ours() as card:
        card.authenticate_admin(ADMIN)
        card.change_pin(PIN, "654321")
    with keyed.inserted(), keyed.gnupg() as gpg:
        gpg.edit("admin", "factory-reset", "y", "yes")
        assert gpg.status()["fpr"][:3] == ["", "", ""]
    with keyed.ours() as card:
        assert card.keys() == []
        card.verify(PIN)


def test_the_cardholders_data(bench: Bench) -> None:
    with bench.inserted(), bench.gnupg() as gpg:
        gpg.edit(
            "admin", "name", "Sappho", "Psappha", "lang", "el", "salutation", "F", "url", "https://example.org/key"
        )
    with bench.ours() as card:
        assert card.read("name") == b"Sappho<<Psappha"
        assert card.read("language") == b"el"
        assert card.read("salutation") == b"2"
        assert card.read("url") == b"https://example.org/key"
        card.authenticate_admin(ADMIN)
        card.write("login", b"psappha")
        card.write("name", b"Sappho")
    with bench.inserted(), bench.gnupg() as gpg:
        status = gpg.status()
    assert (status["login"][0], status["name"][0]) == ("psappha", "Sappho")


def test_opensc_sees_keys_and_certificates(keyed: Bench) -> None:
    with keyed.inserted():
        tool = keyed.run("openpgp-tool", "--card-info", "--key-info")
        assert tool.count("RSA2048") == 3
        listed = keyed.run("pkcs15-tool", "--dump")
        for label in ("Signature key", "Encryption key", "Authentication key"):
            assert f"Private RSA Key [{label}]" in listed


@pytest.mark.parametrize("key", ["01", "03"])
def test_opensc_signs(keyed: Bench, key: str) -> None:
    keyed.write("message", MESSAGE)
    with keyed.inserted():
        keyed.pkcs11(key, "--sign", "-m", "SHA256-RSA-PKCS", "-i", "message", "-o", "opensc.sig")
    assert keyed.checks(key, "opensc.sig")


def test_opensc_decrypts(keyed: Bench) -> None:
    with keyed.ours() as card:
        public = card.public_key("decryption")
    assert isinstance(public, RSAPublicKey)
    keyed.write("cryptogram", public.encrypt(MESSAGE, PKCS1v15()))
    with keyed.inserted():
        keyed.pkcs11("02", "--decrypt", "-m", "RSA-PKCS", "-i", "cryptogram", "-o", "plain")
    assert keyed.read("plain") == MESSAGE


def test_keys_and_certificates_of_opensc_are_used_by_cardcore(bench: Bench) -> None:
    with bench.inserted():
        admin = ("--verify", "CHV3", "--pin", ADMIN)
        bench.run("openpgp-tool", *admin, "--gen-key", "3", "--key-type", "rsa2048")
    with bench.ours() as card:
        public = card.public_key("authentication").public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        bench.write("authentication.sig", card.sign("authentication", MESSAGE, pin=PIN))
    assert bench.checks("03", "authentication.sig")
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key")
    bench.run("openssl", "req", "-x509", *new_key, "-subj", "/CN=Authority", "-out", "ca.crt")
    issue = ("-force_pubkey", bench.write("key.pem", public), "-CA", "ca.crt", "-CAkey", "ca.key", "-days", "30")
    bench.run("openssl", "x509", "-new", *issue, "-subj", "/CN=Card", "-out", "card.crt")
    with bench.inserted():
        store = ("--store-certificate", "card.crt", "--id", "3")
        bench.run("pkcs15-init", "--verify-pin", "--auth-id", "3", "--pin", ADMIN, *store)
        bench.run("pkcs15-tool", "--read-certificate", "3", "-o", "read.crt")
    with bench.ours() as card:
        certificate = card.certificate("authentication")
        assert certificate is not None
        assert certificate.public_bytes(Encoding.PEM) == bench.read("read.crt") == bench.read("card.crt")
        assert list(card.certificates()) == ["authentication"]


def test_how_many_commands_clients_need(keyed: Bench) -> None:
    """What cardcore does in six commands takes others many times as many."""
    keyed.write("message", MESSAGE)
    with keyed.inserted():
        keyed.commands = 0
        keyed.pkcs11("03", "--sign", "-m", "SHA256-RSA-PKCS", "-i", "message", "-o", "opensc.sig")
    assert keyed.commands > 30
