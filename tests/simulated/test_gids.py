"""GIDS: other people's programs and this driver on the same card, in both directions; openssl checks the results."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cardcore.card import Card
from cardcore.errors import NotFound, PinBlocked, PinError
from cardcore.opening import open_on
from cardcore.profile.model import Scheme
from cardcore.softcard import ScryptCost, SoftCard, SoftCardStore
from cardcore.transport.soft import SoftTransport
from tests.simulated.rig import PcscRig

pytestmark = pytest.mark.pcsc

COST = ScryptCost(n=16)
NAME = "odysseus"
PIN, NEW_PIN, WRONG_PIN = "123456", "654321", "999999"
ADMIN, OTHER_ADMIN = "00" * 24, "010203040506070801020304050607080102030405060708"
SERIAL = "00112233445566778899aabbccddeeff"
MESSAGE = b"Tell me, muse, of the man of many ways\n"
RECOVER = ("pkeyutl", "-verifyrecover", "-pubin", "-pkeyopt", "rsa_padding_mode:pkcs1")


class Bench:
    """One card in one reader, the programs that use it, and this driver, which has the card in its own process.

    The card is a file that both sides have open: each has its own power, and what one wrote the other finds.
    """

    def __init__(self, rig: PcscRig, folder: Path) -> None:
        self.rig = rig
        self.folder = folder
        self.reader = rig.reader_names[0]

    def run(self, *command: str, status: int | None = 0) -> str:
        """Run a program, check its exit status (None: any but 0), return all that it said."""
        ended = subprocess.run(
            command, env=self.rig.env, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        said = ended.stdout + ended.stderr
        assert (ended.returncode != 0) if status is None else (ended.returncode == status), said
        return said

    def gids(self, *arguments: str, status: int | None = 0) -> str:
        return self.run("gids-tool", "--reader", self.reader, *arguments, status=status)

    def pkcs15(self, *arguments: str, status: int | None = 0) -> str:
        return self.run("pkcs15-tool", "--reader", self.reader, *arguments, status=status)

    def init(self, *arguments: str) -> str:
        pin = ("--auth-id", "80", "--pin", PIN, "--verify-pin")
        return self.run("pkcs15-init", "--reader", self.reader, *pin, *arguments)

    def pkcs11(self, *arguments: str, pin: str = PIN, status: int | None = 0) -> str:
        reader = ("--slot-description", self.reader)
        return self.run("pkcs11-tool", *reader, "--login", "--pin", pin, *arguments, status=status)

    def openssl(self, *arguments: str) -> str:
        return self.run("openssl", *arguments)

    def open(self, *, cached: bool = False) -> Card:
        """This driver on the card."""
        return open_on(SoftTransport(stored(self.folder), NAME), "gids", cached=cached)

    def write(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return name

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def write_public_key(self, key: rsa.RSAPublicKey) -> str:
        pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return self.write("public.pem", pem)

    def certify(self, public: str) -> x509.Certificate:
        """A certificate for the public key in a file, from an authority that is made for it."""
        new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key")
        self.openssl("req", "-x509", *new_key, "-subj", "/CN=Authority", "-out", "ca.crt")
        issuer = ("-CA", "ca.crt", "-CAkey", "ca.key", "-days", "30", "-subj", "/CN=Odysseus")
        self.openssl("x509", "-new", "-force_pubkey", public, *issuer, "-out", "card.crt")
        return x509.load_pem_x509_certificate(self.read("card.crt"))


def stored(folder: Path) -> SoftCard:
    """The card that is kept in a folder, freshly powered."""
    return SoftCardStore(folder / "cards").open(NAME)


def create(folder: Path, *, blank: bool = False) -> SoftCard:
    """A new card in a folder."""
    SoftCardStore(folder / "cards").create(NAME, "gids", blank=blank, cost=COST)
    return stored(folder)


@pytest.fixture(scope="module")
def rig() -> Iterator[PcscRig]:
    with PcscRig(readers=1) as running:
        yield running


@pytest.fixture
def blank(rig: PcscRig, tmp_path: Path) -> Iterator[Bench]:
    """A card that was never initialised."""
    with rig.holding(0, create(tmp_path, blank=True)):
        yield Bench(rig, tmp_path)


@pytest.fixture
def fresh(rig: PcscRig, tmp_path: Path) -> Iterator[Bench]:
    """A card with factory secrets and no key."""
    with rig.holding(0, create(tmp_path)):
        yield Bench(rig, tmp_path)


@pytest.fixture(scope="module")
def by_opensc(rig: PcscRig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card that gids-tool and pkcs15-init prepared: a key for everything, and its certificate."""
    folder = tmp_path_factory.mktemp("opensc")
    with rig.holding(0, create(folder, blank=True)):
        bench = Bench(rig, folder)
        bench.gids("--initialize", "--pin", PIN, "--admin-key", ADMIN, "--serial", SERIAL)
        bench.init("--generate-key", "rsa/2048", "--id", "0", "--key-usage", "decrypt,sign")
        bench.pkcs15("--read-public-key", "0", "-o", "public.pem")
        bench.certify("public.pem")
        bench.init("--store-certificate", "card.crt", "--id", "0")
    return folder


@pytest.fixture
def theirs(rig: PcscRig, by_opensc: Path) -> Iterator[Bench]:
    with rig.holding(0, stored(by_opensc)):
        yield Bench(rig, by_opensc)


@pytest.fixture(scope="module")
def by_us(rig: PcscRig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card that this driver prepared: initialised, a key, and its certificate."""
    folder = tmp_path_factory.mktemp("driver")
    create(folder, blank=True)
    bench = Bench(rig, folder)
    with bench.open() as driver:
        driver.initialise(pin=PIN, admin=bytes(24))
        driver.verify(PIN)
        public = driver.generate("1", "rsa2048")
        assert isinstance(public, rsa.RSAPublicKey)
        driver.write_certificate("1", bench.certify(bench.write_public_key(public)))
    return folder


@pytest.fixture
def ours(rig: PcscRig, by_us: Path) -> Iterator[Bench]:
    with rig.holding(0, stored(by_us)):
        yield Bench(rig, by_us)


@pytest.fixture(params=["theirs", "ours"])
def issued(request: pytest.FixtureRequest) -> Bench:
    """A card with key and certificate, whoever made them."""
    bench = request.getfixturevalue(request.param)
    assert isinstance(bench, Bench)
    return bench


def test_opensc_takes_its_gids_driver(blank: Bench) -> None:
    assert "GIDS" in blank.run("opensc-tool", "--reader", blank.reader, "--name")


def test_opensc_lists_key_and_certificate(issued: Bench) -> None:
    listed = issued.pkcs15("--dump")
    assert listed.count("Private RSA Key [") == listed.count("X.509 Certificate [") == 1
    assert "ModLength      : 2048" in listed


def test_opensc_reads_the_certificate(issued: Bench) -> None:
    issued.pkcs15("--read-certificate", "0", "-o", "read.crt")
    assert issued.read("read.crt").split() == issued.read("card.crt").split()


@pytest.mark.parametrize("mechanism", ["SHA1-RSA-PKCS", "SHA256-RSA-PKCS", "SHA512-RSA-PKCS"])
def test_opensc_signs_with_oid(issued: Bench, mechanism: str) -> None:
    data = issued.write("message", MESSAGE)
    issued.pkcs11("--sign", "--id", "00", "-m", mechanism, "-i", data, "-o", "signature")
    digest = f"-{mechanism.partition('-')[0].lower()}"
    assert "Verified OK" in issued.openssl("dgst", digest, "-verify", "public.pem", "-signature", "signature", data)


@pytest.mark.parametrize("size", [20, 32, 36])
def test_opensc_signs_without_oid(issued: Bench, size: int) -> None:
    issued.write("bare", bytes(range(1, size + 1)))
    issued.pkcs11("--sign", "--id", "00", "-m", "RSA-PKCS", "-i", "bare", "-o", "signature")
    issued.openssl(*RECOVER, "-inkey", "public.pem", "-in", "signature", "-out", "recovered")
    assert issued.read("recovered") == bytes(range(1, size + 1))


def test_opensc_decrypts(issued: Bench) -> None:
    data = issued.write("message", MESSAGE)
    issued.openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", "public.pem", "-in", data, "-out", "cryptogram")
    issued.pkcs11("--decrypt", "--id", "00", "-m", "RSA-PKCS", "-i", "cryptogram", "-o", "plain")
    assert issued.read("plain") == MESSAGE


def test_opensc_tests_the_token(issued: Bench) -> None:
    """Its one complaint is that the card gives no random numbers, as the applet gives none."""
    said = issued.pkcs11("--test")
    assert "RSA-PKCS: OK" in said
    assert "1 errors\n  ERR: C_GenerateRandom failed" in said


def test_we_see_key_and_certificate(issued: Bench) -> None:
    with issued.open() as card:
        (info,) = card.keys()
        certificate = card.certificate("1")
        assert certificate == x509.load_pem_x509_certificate(issued.read("card.crt"))
        assert info.slot.name == "1"
        assert info.type is not None
        assert info.type.name == "rsa2048"
        assert certificate is not None
        assert card.public_key("1") == certificate.public_key()


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512"])
def test_we_sign_with_oid(issued: Bench, digest: str) -> None:
    data = issued.write("message", MESSAGE)
    with issued.open() as card:
        issued.write("signature", card.sign("1", MESSAGE, hash=digest, pin=PIN))
    verify = ("dgst", f"-{digest}", "-verify", "public.pem", "-signature", "signature", data)
    assert "Verified OK" in issued.openssl(*verify)


@pytest.mark.parametrize("digest", ["sha1", "sha256", "md5sha1"])
def test_we_sign_without_oid(issued: Bench, digest: str) -> None:
    size = {"sha1": 20, "sha256": 32, "md5sha1": 36}[digest]
    bare = bytes(range(1, size + 1))
    with issued.open() as card:
        issued.write("signature", card.sign("1", bare, hash=digest, oid=False, prehashed=True, pin=PIN))
    issued.openssl(*RECOVER, "-inkey", "public.pem", "-in", "signature", "-out", "recovered")
    assert issued.read("recovered") == bare


def test_we_sign_pss(issued: Bench) -> None:
    data = issued.write("message", MESSAGE)
    with issued.open() as card:
        issued.write("signature", card.sign("1", MESSAGE, scheme=Scheme.PSS, pin=PIN))
    check = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32", "-signature", "signature")
    assert "Verified OK" in issued.openssl("dgst", "-sha256", "-verify", "public.pem", *check, data)


@pytest.mark.parametrize("mode", ["pkcs1", "oaep"])
def test_we_decrypt(issued: Bench, mode: str) -> None:
    data = issued.write("message", MESSAGE)
    encrypt = ("pkeyutl", "-encrypt", "-pubin", "-inkey", "public.pem", "-pkeyopt", f"rsa_padding_mode:{mode}")
    issued.openssl(*encrypt, "-in", data, "-out", "cryptogram")
    with issued.open() as card:
        plain = card.decipher("1", issued.read("cryptogram"), scheme=mode, hash="sha1", pin=PIN)
    assert plain == MESSAGE


def test_the_serial_is_the_one_that_gids_tool_gave(theirs: Bench) -> None:
    with theirs.open() as card:
        assert card.serial() == SERIAL


def test_their_card_is_not_initialised_again(theirs: Bench) -> None:
    with theirs.open() as card, pytest.raises(Exception, match="not blank"):
        card.initialise(pin=PIN, admin=bytes(24))


def test_our_card_is_not_initialised_again(ours: Bench) -> None:
    assert "failed" in ours.gids("--initialize", "--pin", PIN, "--admin-key", ADMIN, "--serial", SERIAL)


def test_pins_by_opensc(fresh: Bench) -> None:
    pin = ("--auth-id", "80", "--pin")
    fresh.pkcs15("--verify-pin", *pin, PIN)
    fresh.pkcs15("--change-pin", *pin, PIN, "--new-pin", NEW_PIN)
    for _ in range(3):
        fresh.pkcs15("--verify-pin", *pin, WRONG_PIN, status=None)
    assert "blocked" in fresh.pkcs15("--verify-pin", *pin, NEW_PIN, status=None).lower()
    with fresh.open() as card:
        assert card.pin_status().blocked
        with pytest.raises(PinBlocked):
            card.verify(NEW_PIN)
    fresh.gids("--unblock", "--pin", PIN, "--admin-key", ADMIN)
    fresh.pkcs15("--verify-pin", *pin, PIN)


def test_pins_by_us(fresh: Bench) -> None:
    with fresh.open() as card:
        card.change_pin(PIN, NEW_PIN)
        for left in (2, 1, 0):
            with pytest.raises(PinError) as refused:
                card.verify(WRONG_PIN, last_try=True)
            assert refused.value.tries_left == left
        with pytest.raises(PinError, match="admin key"):
            card.unblock_pin(bytes(23) + b"\x02", PIN)
        assert card.pin_status().blocked
        card.unblock_pin(bytes(24), PIN)
        assert card.pin_status().tries_left == 3
    fresh.pkcs15("--verify-pin", "--auth-id", "80", "--pin", PIN)


def test_the_admin_key_is_changed(fresh: Bench) -> None:
    fresh.gids("--change-admin-key", "--admin-key", ADMIN, "--new-admin-key", OTHER_ADMIN)
    with fresh.open() as card:
        card.authenticate_admin(bytes.fromhex(OTHER_ADMIN))
        card.change_admin_key(bytes.fromhex(ADMIN))
    fresh.gids("--unblock", "--pin", NEW_PIN, "--admin-key", ADMIN)
    fresh.pkcs15("--verify-pin", "--auth-id", "80", "--pin", NEW_PIN)


def test_opensc_adds_to_what_we_made(fresh: Bench) -> None:
    with fresh.open() as card:
        card.verify(PIN)
        card.generate("1", "rsa1024")
        card.generate("3", "rsa1024")
    fresh.init("--generate-key", "rsa/1024", "--key-usage", "sign")
    fresh.init("--generate-key", "rsa/1024", "--key-usage", "decrypt,sign")
    with fresh.open() as card:
        keys = card.keys()
        assert [info.slot.name for info in keys] == ["1", "2", "3", "4"]
        for name in "1234":
            signature = card.sign(name, MESSAGE, pin=PIN)
            public = card.public_key(name)
            assert isinstance(public, rsa.RSAPublicKey)
            public.verify(signature, MESSAGE, padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("bits", [1024, 2048, 3072])
def test_imported_keys_work(fresh: Bench, bits: int) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    fresh.init("--store-private-key", fresh.write("key.pem", pem), "--key-usage", "sign,decrypt")
    other = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    with fresh.open() as card:
        card.verify(PIN)
        card.import_key("2", other)
        for name, made in (("1", key), ("2", other)):
            made.public_key().verify(card.sign(name, MESSAGE), MESSAGE, padding.PKCS1v15(), hashes.SHA256())
    data = fresh.write("message", MESSAGE)
    fresh.pkcs11("--sign", "--id", "01", "-m", "SHA256-RSA-PKCS", "-i", data, "-o", "signature")
    other.public_key().verify(fresh.read("signature"), MESSAGE, padding.PKCS1v15(), hashes.SHA256())


def test_keys_and_certificates_are_deleted(fresh: Bench) -> None:
    with fresh.open() as card:
        card.verify(PIN)
        public = card.generate("1", "rsa1024")
        assert isinstance(public, rsa.RSAPublicKey)
        certificate = fresh.certify(fresh.write_public_key(public))
        card.write_certificate("1", certificate)
        card.delete_certificate("1")
        assert card.certificate("1") is None
        card.write_certificate("1", certificate)
        card.delete_key("1")
        assert card.keys() == []
        assert card.certificate("1") is None
        with pytest.raises(NotFound):
            card.key("1")
    assert "X.509" not in fresh.pkcs15("--dump")
    fresh.init("--generate-key", "rsa/1024", "--id", "0", "--key-usage", "decrypt,sign")
    fresh.init("--delete-objects", "privkey", "--id", "0")
    with fresh.open() as card:
        assert card.keys() == []


def test_what_opensc_changed_is_not_taken_from_the_cache(fresh: Bench) -> None:
    with fresh.open() as card:
        card.verify(PIN)
        key = card.generate("1", "rsa1024")
        assert isinstance(key, rsa.RSAPublicKey)
        public = fresh.write_public_key(key)
        card.write_certificate("1", fresh.certify(public))
    with fresh.open(cached=True) as card:
        before = card.certificate("1")
    assert list(Path(os.environ["XDG_CACHE_HOME"]).glob("cardcore/public/*"))
    with fresh.open(cached=True) as card:
        assert card.certificate("1") == before
    fresh.init("--delete-objects", "cert", "--id", "0")
    fresh.certify(public)
    fresh.init("--store-certificate", "card.crt", "--id", "0")
    after = x509.load_pem_x509_certificate(fresh.read("card.crt"))
    for _ in range(2):
        with fresh.open(cached=True) as card:
            assert card.certificate("1") == after != before
