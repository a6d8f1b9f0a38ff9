"""OpenSC and this driver on the same IsoApplet cards: each uses what the other made; openssl checks the results."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from cardcore.errors import InputError, NotFound, PinBlocked, PinError
from cardcore.softcard import volatile_card
from tests.simulated.isobench import AUTH, COST, PIN, Bench
from tests.simulated.rig import PcscRig

pytestmark = pytest.mark.pcsc

OTHER_PIN, WRONG_PIN = "654321", "999999"
PUK = "0123456789abcdef"
MESSAGE = b"Tell me, Muse, of the man of many ways\n"
THEIRS, OURS = "made by OpenSC", "made by us"
# A script that is a client of the private PC/SC service: signs once, then once more, and counts the commands.
CLIENT = """
import sys
from cardcore.opening import open_on, open_transport
class Counting:
    def __init__(self, inner): self.inner, self.sent = inner, 0
    def __getattr__(self, name): return getattr(self.inner, name)
    def transmit(self, *arguments):
        self.sent += 1
        return self.inner.transmit(*arguments)
transport = Counting(open_transport(sys.argv[1]))
card = open_on(transport, "isoapplet")
first = card.sign("1", sys.argv[2].encode(), pin=sys.argv[3], key_type="rsa2048")
connected = transport.sent
second = card.sign("1", sys.argv[2].encode(), key_type="rsa2048")
assert first == second
print(first.hex(), connected, transport.sent - connected)
card.close()
"""


def make_key_files(bench: Bench) -> None:
    """Keys from outside, and a certificate for one of them."""
    bench.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa.key")
    bench.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", "ec.key")
    bench.openssl("req", "-x509", "-new", "-key", "rsa.key", "-subj", "/CN=Outside", "-out", "rsa.crt")
    for name in ("rsa", "ec"):
        bench.openssl("pkey", "-in", f"{name}.key", "-pubout", "-out", f"{name}.pem")


def personalise_by_opensc(bench: Bench) -> None:
    """PINs and structure, key 1 RSA and key 2 EC made on the card, key 3 RSA with certificate and 4 EC imported."""
    bench.init("--create-pkcs15", "--so-pin", PIN, "--so-puk", PUK)
    bench.init("--generate-key", "rsa/2048", "--id", "1", "--key-usage", "decrypt,sign", *AUTH)
    bench.init("--generate-key", "ec/secp256r1", "--id", "2", "--key-usage", "sign", *AUTH)
    bench.init("--store-private-key", "rsa.key", "--id", "3", "--key-usage", "decrypt,sign", *AUTH)
    bench.init("--store-private-key", "ec.key", "--id", "4", "--key-usage", "sign", *AUTH)
    bench.init("--store-certificate", "rsa.crt", "--id", "3", *AUTH)


def personalise_by_us(bench: Bench) -> None:
    """The same with this driver."""
    with bench.ours() as card:
        card.initialise("Ours", pin=PIN, puk=PUK)
        card.generate("1", "rsa2048")
        card.generate("2", "ecp256")
        for key, name in (("3", "rsa.key"), ("4", "ec.key")):
            private = serialization.load_pem_private_key(bench.read(name), None)
            card.import_key(key, private)  # type: ignore[arg-type] # the loader's type has every kind of key
        card.write_certificate("3", x509.load_pem_x509_certificate(bench.read("rsa.crt")))


@pytest.fixture(scope="module")
def rig() -> Iterator[PcscRig]:
    with PcscRig(readers=1) as running:
        yield running


@pytest.fixture(scope="module", params=[THEIRS, OURS])
def issued(rig: PcscRig, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A blank card that was personalised by either side, in the reader."""
    card = volatile_card("isoapplet", blank=True, cost=COST)
    rig.insert(0, card)
    try:
        bench = Bench(rig=rig, reader=rig.reader_names[0], card=card, folder=tmp_path_factory.mktemp("issued"))
        make_key_files(bench)
        (personalise_by_opensc if request.param == THEIRS else personalise_by_us)(bench)
        for key in ("1", "2"):
            bench.pkcs15("--read-public-key", key, "--output", f"{key}.pem")
        bench.run("cp", "rsa.pem", "3.pem")
        bench.run("cp", "ec.pem", "4.pem")
        bench.write("message", MESSAGE)
        yield bench
    finally:
        rig.remove(0)


def check_signature(bench: Bench, key: str, digest: str, *options: str) -> None:
    verify = ("dgst", f"-{digest}", "-verify", f"{key}.pem", *options, "-signature", "signature", "message")
    assert "Verified OK" in bench.openssl(*verify)


def recovered(bench: Bench, key: str) -> bytes:
    """What is inside the PKCS #1 padding of the file `signature`."""
    recover = ("pkeyutl", "-verifyrecover", "-pubin", "-inkey", f"{key}.pem", "-pkeyopt", "rsa_padding_mode:pkcs1")
    bench.openssl(*recover, "-in", "signature", "-out", "recovered")
    return bench.read("recovered")


def encrypted(bench: Bench, key: str) -> bytes:
    bench.openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", f"{key}.pem", "-in", "message", "-out", "encrypted")
    return bench.read("encrypted")


def test_opensc_lists_everything(issued: Bench) -> None:
    listed = issued.pkcs15("--dump")
    assert listed.count("Private RSA Key [") == listed.count("Public RSA Key [") == 2
    assert listed.count("Private EC Key [") == listed.count("Public EC Key [") == 2
    assert listed.count("X.509 Certificate [") == 1
    assert listed.count("Auth ID        : ff") == 4
    assert "PIN [" in listed


def test_we_list_everything(issued: Bench) -> None:
    with issued.ours() as card:
        infos = card.keys()
        found = {info.slot.name: info.type.name for info in infos if info.type is not None}
        assert found == {"1": "rsa2048", "2": "ecp256", "3": "rsa2048", "4": "ecp384"}
        assert list(card.certificates()) == ["3"]
        for key in found:
            assert card.public_key(key) == serialization.load_pem_public_key(issued.read(f"{key}.pem"))


def test_both_read_the_same_certificate(issued: Bench) -> None:
    issued.pkcs15("--read-certificate", "3", "--output", "read.crt")
    stored = x509.load_pem_x509_certificate(issued.read("rsa.crt"))
    assert x509.load_pem_x509_certificate(issued.read("read.crt")) == stored
    with issued.ours() as card:
        assert card.certificate("3") == stored


@pytest.mark.parametrize("mechanism", ["SHA1-RSA-PKCS", "SHA256-RSA-PKCS", "SHA512-RSA-PKCS"])
def test_opensc_signs_with_oid(issued: Bench, mechanism: str) -> None:
    issued.pkcs11("--sign", "--id", "01", "-m", mechanism, "-i", "message", "-o", "signature")
    check_signature(issued, "1", mechanism.partition("-")[0].lower())


@pytest.mark.parametrize("size", [20, 32, 36])
def test_opensc_signs_without_oid(issued: Bench, size: int) -> None:
    block = bytes(range(1, size + 1))
    issued.write("bare", block)
    issued.pkcs11("--sign", "--id", "03", "-m", "RSA-PKCS", "-i", "bare", "-o", "signature")
    assert recovered(issued, "3") == block


@pytest.mark.parametrize("key", ["2", "4"])
def test_opensc_signs_ecdsa(issued: Bench, key: str) -> None:
    sign = ("--sign", "--id", f"0{key}", "-m", "ECDSA-SHA1", "--signature-format", "openssl")
    issued.pkcs11(*sign, "-i", "message", "-o", "signature")
    check_signature(issued, key, "sha1")


@pytest.mark.parametrize("key", ["1", "3"])
def test_opensc_deciphers(issued: Bench, key: str) -> None:
    encrypted(issued, key)
    issued.pkcs11("--decrypt", "--id", f"0{key}", "-m", "RSA-PKCS", "-i", "encrypted", "-o", "decrypted")
    assert issued.read("decrypted") == MESSAGE
    issued.crypt("--decipher", "--key", key, "--pkcs1", "-i", "encrypted", "-o", "decrypted")
    assert issued.read("decrypted") == MESSAGE


def test_pkcs15_crypt_signs(issued: Bench) -> None:
    issued.openssl("dgst", "-sha256", "-binary", "-out", "hash", "message")
    issued.crypt("--sign", "--key", "1", "--pkcs1", "--sha-256", "-i", "hash", "-o", "signature")
    check_signature(issued, "1", "sha256")


@pytest.mark.parametrize("key", ["1", "3"])
def test_we_sign_with_oid(issued: Bench, key: str) -> None:
    digests = ("sha1", "sha256", "sha384", "sha512")
    with issued.ours() as card:
        signatures = {digest: card.sign(key, MESSAGE, hash=digest, pin=PIN) for digest in digests}
    for digest, signature in signatures.items():
        issued.write("signature", signature)
        check_signature(issued, key, digest)


def test_we_sign_without_oid(issued: Bench) -> None:
    blocks = {name: bytes(range(size)) for name, size in (("sha1", 20), ("sha256", 32), ("md5sha1", 36))}
    with issued.ours() as card:
        signatures = [
            card.sign("1", block, hash=name, oid=False, prehashed=True, pin=PIN) for name, block in blocks.items()
        ]
    for block, signature in zip(blocks.values(), signatures, strict=True):
        issued.write("signature", signature)
        assert recovered(issued, "1") == block


@pytest.mark.parametrize("key", ["2", "4"])
def test_we_sign_ecdsa(issued: Bench, key: str) -> None:
    with issued.ours() as card:
        issued.write("signature", card.sign(key, MESSAGE, hash="sha1", pin=PIN))
    check_signature(issued, key, "sha1")


@pytest.mark.parametrize("key", ["1", "3"])
def test_we_decipher(issued: Bench, key: str) -> None:
    cryptogram = encrypted(issued, key)
    with issued.ours() as card:
        assert card.decipher(key, cryptogram, pin=PIN) == MESSAGE


def test_signing_takes_few_commands(issued: Bench) -> None:
    said = issued.run(sys.executable, "-c", CLIENT, issued.reader, MESSAGE.decode(), PIN)
    signature, connected, warm = said.split()
    issued.write("signature", bytes.fromhex(signature))
    check_signature(issued, "1", "sha256")
    assert int(connected) <= 7
    assert int(warm) == 2


def test_pins_are_changed_from_both_sides(issued: Bench) -> None:
    issued.pkcs15("--change-pin", "--pin", PIN, "--new-pin", OTHER_PIN)
    with issued.ours() as card:
        with pytest.raises(PinError):
            card.verify(PIN)
        card.verify(OTHER_PIN)
        card.change_pin(OTHER_PIN, PIN)
        assert card.sign("1", MESSAGE, pin=PIN)
    issued.pkcs15("--verify-pin", "--pin", PIN)


def test_a_blocked_pin_is_unblocked_from_both_sides(issued: Bench) -> None:
    for _ in range(3):
        issued.pkcs15("--verify-pin", "--pin", WRONG_PIN, status=1)
    with issued.ours() as card:
        assert card.pin_status().blocked
        with pytest.raises(PinBlocked):
            card.verify(PIN)
    issued.pkcs15("--unblock-pin", "--puk", PUK, "--new-pin", OTHER_PIN)
    with issued.ours() as card:
        assert card.pin_status().tries_left == 3
        card.verify(OTHER_PIN)
        card.unblock_pin(PUK, PIN)
    issued.pkcs15("--verify-pin", "--pin", PIN)


def test_changes_of_each_side_are_seen_by_the_other(issued: Bench) -> None:
    with issued.ours() as card:
        card.verify(PIN)
        made = card.generate("10", "ecp256")
    issued.pkcs15("--read-public-key", "10", "--output", "10.pem")
    assert serialization.load_pem_public_key(issued.read("10.pem")) == made
    issued.init("--delete-objects", "privkey,pubkey", "--id", "10", *AUTH)
    with issued.ours() as card, pytest.raises(NotFound):
        card.public_key("10")


def test_keys_with_unusual_identifiers_are_found(issued: Bench) -> None:
    issued.init("--generate-key", "ec/secp384r1", "--id", "abcd", "--key-usage", "sign", *AUTH)
    issued.pkcs15("--read-public-key", "abcd", "--output", "abcd.pem")
    with issued.ours() as card:
        infos = card.keys()
        assert [info.slot.name for info in infos] == ["1", "2", "3", "4", "abcd"]
        issued.write("signature", card.sign("ABCD", MESSAGE, hash="sha1", pin=PIN))
        card.delete_key("abcd")
    check_signature(issued, "abcd", "sha1")
    assert "abcd" not in issued.pkcs15("--dump")


def test_certificates_of_each_side_are_replaced_by_the_other(issued: Bench) -> None:
    for name in ("Short", "A much longer name than before"):
        issued.openssl("req", "-x509", "-new", "-key", "rsa.key", "-subj", f"/CN={name}", "-out", "new.crt")
        new = x509.load_pem_x509_certificate(issued.read("new.crt"))
        with issued.ours() as card:
            card.verify(PIN)
            card.write_certificate("3", new)
        issued.pkcs15("--read-certificate", "3", "--output", "read.crt")
        assert x509.load_pem_x509_certificate(issued.read("read.crt")) == new
    issued.init("--delete-objects", "cert", "--id", "3", *AUTH)
    with issued.ours() as card:
        assert card.certificate("3") is None
    issued.init("--store-certificate", "rsa.crt", "--id", "3", *AUTH)
    with issued.ours() as card:
        assert card.certificate("3") == x509.load_pem_x509_certificate(issued.read("rsa.crt"))


def test_what_opensc_changed_is_not_taken_from_the_cache(issued: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y%m%d%H%M%SZ").encode()
    monkeypatch.setattr("cardcore.directory.pkcs15.token.now", lambda: later)  # for us, the last change is long ago
    seen = []
    for name in ("First", "Second"):
        issued.openssl("req", "-x509", "-new", "-key", "rsa.key", "-subj", f"/CN={name}", "-out", "new.crt")
        issued.init("--delete-objects", "cert", "--id", "3", *AUTH)
        issued.init("--store-certificate", "new.crt", "--id", "3", *AUTH)
        for _ in range(2):
            with issued.ours(cached=True) as card:
                assert card.certificate("3") == x509.load_pem_x509_certificate(issued.read("new.crt"))
        seen += list((Path(os.environ["XDG_CACHE_HOME"]) / "cardcore" / "public").iterdir())
    assert len(seen) == 2


@pytest.mark.parametrize("listing", ["--list-keys", "--list-public-keys", "--list-certificates"])
def test_a_key_pair_gets_another_label(issued: Bench, listing: str) -> None:
    """Whoever made the entries: they have the new one, and nothing else has changed in them."""
    before = issued.pkcs15(listing)
    label = f"Anne's key {listing}"
    with issued.ours() as card:
        card.verify(PIN)
        card.name_key("3", label)
        assert card.key("3").slot.label == label
        for wrong in ("", "x" * 256):
            with pytest.raises(InputError):
                card.name_key("3", wrong)
    after = issued.pkcs15(listing)
    changed = [pair for pair in zip(before.splitlines(), after.splitlines(), strict=True) if len(set(pair)) > 1]
    assert [re.sub(r"\[.*]", "", old) for old, _ in changed] == [re.sub(r"\[.*]", "", new) for _, new in changed]
    assert [f"[{label}]" in new for _, new in changed] == [True]


def test_a_certificate_without_a_key(issued: Bench) -> None:
    issued.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ca.key")
    issued.openssl("req", "-x509", "-new", "-key", "ca.key", "-subj", "/CN=Authority", "-out", "ca.crt")
    issued.init("--store-certificate", "ca.crt", "--authority", "--id", "AB", *AUTH)
    with issued.ours() as card:
        assert card.other_certificates() == [x509.load_pem_x509_certificate(issued.read("ca.crt"))]
        assert list(card.certificates()) == ["3"]
