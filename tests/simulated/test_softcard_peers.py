"""Other people's programs take the software card for a real one, through real pcscd; openssl checks the results."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardcore.softcard import ScryptCost, SoftCard, volatile_card
from tests.simulated.rig import PcscRig

pytestmark = pytest.mark.pcsc

COST = ScryptCost(n=16)
PIN = "123456"
WRONG_PIN = "999999"
PUK = "12345678"
ADMIN = "010203040506070801020304050607080102030405060708"
OTHER_ADMIN = "a1b2c3d4e5f60718293a4b5c6d7e8f900112233445566778"
SLOTS = {"9a": "RSA2048", "9c": "ECCP256", "9d": "RSA2048", "9e": "ECCP384"}
PKCS11_IDS = {"9a": "01", "9c": "02", "9d": "03", "9e": "04"}
MESSAGE = b"Sing, goddess, the anger of Peleus' son Achilleus\n"
SENDER = """
import sys
from smartcard.System import readers
connection = next(reader for reader in readers() if reader.name == sys.argv[1]).createConnection()
connection.connect()
for command in sys.argv[2:]:
    data, sw1, sw2 = connection.transmit(list(bytes.fromhex(command)))
    print(bytes([*data, sw1, sw2]).hex())
"""


class Bench:
    """One card in one reader, and the programs that use it, in a folder of their own."""

    def __init__(self, rig: PcscRig, reader: int, folder: Path) -> None:
        self.rig = rig
        self.folder = folder
        self.reader = rig.reader_names[reader]

    def run(self, *command: str, status: int | None = 0) -> str:
        """Run a client, check its exit status, return all that it said."""
        ended = subprocess.run(
            command, env=self.rig.env, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        said = ended.stdout + ended.stderr
        if status is None:
            assert ended.returncode != 0, said
        else:
            assert ended.returncode == status, said
        return said

    def yubico(self, *arguments: str, status: int | None = 0) -> str:
        return self.run("yubico-piv-tool", "--reader", self.reader, f"--key={ADMIN}", *arguments, status=status)

    def pkcs11(self, *arguments: str, pin: str = PIN, status: int | None = 0) -> str:
        reader = ("--slot-description", self.reader)
        return self.run("pkcs11-tool", *reader, "--login", "--pin", pin, *arguments, status=status)

    def pkcs15(self, *arguments: str, status: int | None = 0) -> str:
        return self.run("pkcs15-tool", "--reader", self.reader, *arguments, status=status)

    def openssl(self, *arguments: str) -> str:
        return self.run("openssl", *arguments)

    def send(self, *commands: str) -> list[bytes]:
        """Send raw APDUs through a PC/SC client that changes nothing about them."""
        answers = self.run(sys.executable, "-c", SENDER, self.reader, *commands)
        return [bytes.fromhex(line) for line in answers.split()]

    def write(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return name


@pytest.fixture(scope="module")
def rig() -> Iterator[PcscRig]:
    with PcscRig(readers=2) as running:
        yield running


@pytest.fixture
def fresh(rig: PcscRig, tmp_path: Path) -> Iterator[Bench]:
    """A new card with factory secrets in the second reader."""
    with rig.holding(1, volatile_card("piv", cost=COST)):
        yield Bench(rig, 1, tmp_path)


@pytest.fixture(scope="module")
def issued_card(rig: PcscRig, tmp_path_factory: pytest.TempPathFactory) -> tuple[SoftCard, Path]:
    """A card that yubico-piv-tool issued: a key and a certificate in each of the four slots."""
    card, folder = volatile_card("piv", cost=COST), tmp_path_factory.mktemp("issued")
    with rig.holding(1, card):
        bench = Bench(rig, 1, folder)
        make_authority(bench)
        for slot, algorithm in SLOTS.items():
            issue(bench, slot, algorithm)
    return card, folder


def make_authority(bench: Bench) -> None:
    """Make the authority that issues the test's certificates."""
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key")
    bench.openssl("req", "-x509", *new_key, "-subj", "/CN=Authority", "-out", "ca.crt")


def issue(bench: Bench, slot: str, algorithm: str) -> None:
    """Make a key and store a certificate for it.

    The tool's own self-signing is not used: version 2.2.0 fails over OpenSSL 3 before it has sent anything.
    """
    bench.yubico("-s", slot, "-a", "generate", "-A", algorithm, "-o", f"{slot}.pem")
    authority = ("-CA", "ca.crt", "-CAkey", "ca.key", "-days", "30")
    bench.openssl(
        "x509", "-new", "-force_pubkey", f"{slot}.pem", "-subj", f"/CN=Card {slot}", *authority, "-out", f"{slot}.crt"
    )
    bench.yubico("-s", slot, "-a", "import-certificate", "-i", f"{slot}.crt")


@pytest.fixture(scope="module")
def issued(rig: PcscRig, issued_card: tuple[SoftCard, Path]) -> Iterator[Bench]:
    card, folder = issued_card
    with rig.holding(0, card):
        yield Bench(rig, 0, folder)


def test_readers_are_named_as_said(rig: PcscRig) -> None:
    listed = rig.run("opensc-tool", "--list-readers").stdout
    assert [line.split(maxsplit=2)[2].strip() for line in listed.splitlines()[2:4]] == list(rig.reader_names)


def test_rigs_run_side_by_side(rig: PcscRig, tmp_path: Path) -> None:
    with PcscRig(readers=3) as other:
        for reader in (0, 2):
            other.insert(reader, volatile_card("piv", cost=COST))
            assert "Personal Identity" in Bench(other, reader, tmp_path).run(
                "opensc-tool", "--reader", other.reader_names[reader], "--name"
            )
        assert not set(map(rig.port, (0, 1))) & set(map(other.port, (0, 1, 2)))


def test_opensc_takes_its_piv_driver(issued: Bench) -> None:
    assert "Personal Identity Verification Card" in issued.run("piv-tool", "--reader", issued.reader, "--name")


def test_opensc_lists_keys_and_certificates(issued: Bench) -> None:
    listed = issued.pkcs15("--dump")
    assert listed.count("X.509 Certificate [") == listed.count("Private RSA Key") + listed.count("Private EC Key") == 4


@pytest.mark.parametrize("slot", ["9a", "9c", "9e"])
def test_yubico_signs(issued: Bench, slot: str) -> None:
    test = ("-a", "verify-pin", "-P", PIN, "-a", "test-signature", "-i", f"{slot}.crt")
    assert "Successful" in issued.yubico("-s", slot, *test)


@pytest.mark.parametrize("slot", ["9d", "9e"])
def test_yubico_deciphers(issued: Bench, slot: str) -> None:
    test = ("-a", "verify-pin", "-P", PIN, "-a", "test-decipher", "-i", f"{slot}.crt")
    assert "Successful" in issued.yubico("-s", slot, *test)


@pytest.mark.parametrize("mechanism", ["SHA1-RSA-PKCS", "SHA256-RSA-PKCS", "SHA384-RSA-PKCS", "SHA512-RSA-PKCS"])
def test_opensc_signs_with_oid(issued: Bench, mechanism: str) -> None:
    data = issued.write("message", MESSAGE)
    issued.pkcs11("--sign", "--id", PKCS11_IDS["9a"], "-m", mechanism, "-i", data, "-o", "signature")
    digest = f"-{mechanism.partition('-')[0].lower()}"
    assert "Verified OK" in issued.openssl("dgst", digest, "-verify", "9a.pem", "-signature", "signature", data)


@pytest.mark.parametrize("size", [20, 32, 36])
def test_opensc_signs_without_oid(issued: Bench, size: int) -> None:
    block = bytes(range(1, size + 1))
    issued.write("bare", block)
    issued.pkcs11("--sign", "--id", PKCS11_IDS["9a"], "-m", "RSA-PKCS", "-i", "bare", "-o", "signature")
    recover = ("pkeyutl", "-verifyrecover", "-pubin", "-inkey", "9a.pem", "-pkeyopt", "rsa_padding_mode:pkcs1")
    issued.openssl(*recover, "-in", "signature", "-out", "recovered")
    assert (issued.folder / "recovered").read_bytes() == block


def test_opensc_signs_pss(issued: Bench) -> None:
    data = issued.write("message", MESSAGE)
    issued.pkcs11("--sign", "--id", PKCS11_IDS["9a"], "-m", "SHA256-RSA-PKCS-PSS", "-i", data, "-o", "signature")
    check = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32", "-signature", "signature")
    assert "Verified OK" in issued.openssl("dgst", "-sha256", "-verify", "9a.pem", *check, data)


@pytest.mark.parametrize(("slot", "digest"), [("9c", "sha256"), ("9e", "sha384"), ("9e", "sha1")])
def test_opensc_signs_ecdsa(issued: Bench, slot: str, digest: str) -> None:
    data = issued.write("message", MESSAGE)
    issued.openssl("dgst", f"-{digest}", "-binary", "-out", "hash", data)
    sign = ("--sign", "--id", PKCS11_IDS[slot], "-m", "ECDSA", "--signature-format", "openssl")
    issued.pkcs11(*sign, "-i", "hash", "-o", "signature", *(("--pin", PIN) if slot == "9c" else ()))
    verify = ("dgst", f"-{digest}", "-verify", f"{slot}.pem", "-signature", "signature", data)
    assert "Verified OK" in issued.openssl(*verify)


@pytest.mark.parametrize(("mechanism", "mode"), [("RSA-PKCS", "pkcs1"), ("RSA-PKCS-OAEP", "oaep")])
def test_opensc_decrypts(issued: Bench, mechanism: str, mode: str) -> None:
    data = issued.write("message", MESSAGE)
    encrypt = ("pkeyutl", "-encrypt", "-pubin", "-inkey", "9d.pem", "-pkeyopt", f"rsa_padding_mode:{mode}")
    digests = ("-pkeyopt", "rsa_oaep_md:sha256", "-pkeyopt", "rsa_mgf1_md:sha256") if mode == "oaep" else ()
    issued.openssl(*encrypt, *digests, "-in", data, "-out", "cryptogram")
    hashes = ("--hash-algorithm", "SHA256", "--mgf", "MGF1-SHA256") if mode == "oaep" else ()
    decrypt = ("--decrypt", "--id", PKCS11_IDS["9d"], "-m", mechanism, *hashes)
    issued.pkcs11(*decrypt, "-i", "cryptogram", "-o", "plain")
    assert (issued.folder / "plain").read_bytes() == MESSAGE


def test_opensc_agrees_on_a_secret(fresh: Bench) -> None:
    make_authority(fresh)
    issue(fresh, "9d", "ECCP384")
    fresh.openssl("ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", "peer.key")
    fresh.openssl("ec", "-in", "peer.key", "-pubout", "-outform", "DER", "-out", "peer.der")
    derive = ("--derive", "--id", PKCS11_IDS["9d"], "-m", "ECDH1-COFACTOR-DERIVE", "-i", "peer.der")
    fresh.pkcs11(*derive, "-o", "secret")
    fresh.openssl("pkeyutl", "-derive", "-inkey", "peer.key", "-peerkey", "9d.pem", "-out", "wanted")
    assert (fresh.folder / "secret").read_bytes() == (fresh.folder / "wanted").read_bytes()


def test_extended_length_passes_whole(issued: Bench) -> None:
    select, read = "00A404000BA000000308000010000100", "00CB3FFF{}055C035FC105{}"
    _, short, extended = issued.send(select, read.format("", "00"), read.format("0000", "0000"))
    assert len(short) == 258
    assert short[-2] == 0x61
    assert len(extended) > 258
    assert extended[-2:] == bytes.fromhex("9000")
    assert extended.startswith(short[:-2])


def test_pins_by_yubico(fresh: Bench) -> None:
    fresh.yubico("-a", "verify-pin", "-P", PIN)
    assert "2 tries left" in fresh.yubico("-a", "verify-pin", "-P", WRONG_PIN, status=1)
    fresh.yubico("-a", "change-pin", "-P", PIN, "-N", "654321")
    fresh.yubico("-a", "verify-pin", "-P", "654321")
    fresh.yubico("-a", "change-puk", "-P", PUK, "-N", "87654321")
    fresh.yubico("-a", "unblock-pin", "-P", PUK, "-N", PIN, status=1)
    fresh.yubico("-a", "unblock-pin", "-P", "87654321", "-N", PIN)
    fresh.yubico("-a", "verify-pin", "-P", PIN)


def test_pins_by_opensc(fresh: Bench) -> None:
    pin = ("--auth-id", "01", "--pin")
    fresh.pkcs15("--verify-pin", *pin, PIN)
    fresh.pkcs15("--change-pin", *pin, PIN, "--new-pin", "654321")
    for _ in range(3):
        fresh.pkcs15("--verify-pin", *pin, WRONG_PIN, status=None)
    assert "blocked" in fresh.pkcs15("--verify-pin", *pin, "654321", status=None).lower()
    fresh.pkcs15("--unblock-pin", "--auth-id", "01", "--puk", PUK, "--new-pin", PIN)
    fresh.pkcs15("--verify-pin", *pin, PIN)


def test_wrong_pin_costs_a_signature(issued: Bench) -> None:
    data = issued.write("message", MESSAGE)
    sign = ("--sign", "--id", PKCS11_IDS["9a"], "-m", "SHA256-RSA-PKCS", "-i", data, "-o", "refused")
    assert "CKR_PIN_INCORRECT" in issued.pkcs11(*sign, pin=WRONG_PIN, status=None)
    issued.pkcs11(*sign)


def test_management_key_is_changed(fresh: Bench) -> None:
    fresh.yubico("-a", "set-mgm-key", "-n", OTHER_ADMIN)
    fresh.yubico("-a", "set-chuid", status=1)
    reader = ("--reader", fresh.reader)
    fresh.run("yubico-piv-tool", *reader, f"--key={OTHER_ADMIN}", "-a", "set-chuid", "-a", "set-ccc")


def test_opensc_proves_the_management_key_and_generates(fresh: Bench) -> None:
    """The tool's exit status says nothing: version 0.23 cannot write the public key down over OpenSSL 3.

    Its external authentication (A) fails before it has sent the response, so only the mutual one (M) is shown.
    """
    fresh.write("admin", ":".join(ADMIN[at : at + 2] for at in range(0, len(ADMIN), 2)).encode())
    key = ("env", "PIV_EXT_AUTH_KEY=admin")
    fresh.run(*key, "piv-tool", "--reader", fresh.reader, "-A", "M:9B:03", "-G", "9A:07", status=None)
    _, metadata = fresh.send("00A4040005A000000308", "00F7009A00")
    assert metadata.startswith(bytes.fromhex("010107 02020201 030101 0482010981820100"))


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384"])
def test_imported_keys_sign(fresh: Bench, kind: str) -> None:
    curves = {"p256": "P-256", "p384": "P-384"}
    option = f"ec_paramgen_curve:{curves[kind]}" if kind in curves else "rsa_keygen_bits:2048"
    fresh.openssl("genpkey", "-algorithm", "EC" if kind in curves else "RSA", "-pkeyopt", option, "-out", "key.pem")
    fresh.openssl("req", "-x509", "-new", "-key", "key.pem", "-subj", "/CN=Imported", "-out", "key.crt")
    fresh.yubico("-s", "9a", "-a", "import-key", "-i", "key.pem", "--pin-policy=once")
    fresh.yubico("-s", "9a", "-a", "import-certificate", "-i", "key.crt")
    test = ("-a", "verify-pin", "-P", PIN, "-a", "test-signature", "-i", "key.crt")
    assert "Successful" in fresh.yubico("-s", "9a", *test)


def test_status_and_reset(fresh: Bench) -> None:
    assert "5.7.1" in fresh.yubico("-a", "status")
    fresh.yubico("-a", "reset", status=1)
    for _ in range(3):
        fresh.yubico("-a", "verify-pin", "-P", WRONG_PIN, status=1)
        fresh.yubico("-a", "change-puk", "-P", "00000000", "-N", "11111111", status=1)
    fresh.yubico("-a", "reset")
    assert "PIN tries left:\t3" in fresh.yubico("-a", "status")


def test_try_limits_are_set(fresh: Bench) -> None:
    limits = ("-a", "pin-retries", "--pin-retries=5", "--puk-retries=4")
    fresh.yubico("-a", "verify-pin", "-P", PIN, *limits)
    assert "PIN tries left:\t5" in fresh.yubico("-a", "status")
