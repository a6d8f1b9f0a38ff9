"""Every family with a software card: the same jobs through `cardcore` and real PC/SC, and with other people's programs.

What the families differ in stands in `FAMILIES`, and nowhere else. OpenSSL says whether a result is right.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from cardcore.apdu import CommandApdu
from cardcore.softcard import SoftCardStore, application_names
from tests.simulated.gnupg import GnuPg
from tests.simulated.rig import PcscRig
from tests.simulated.test_cli_pcsc import Desk

pytestmark = pytest.mark.pcsc

PIN, NEW_PIN, WRONG_PIN = "123456", "654321", "999999"
TEXT = b"Sing in me, muse, and through me tell the story\n"
SELECT, VERIFY = 0xA4, 0x20
NOT_SUPPORTED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What is particular about a family: secrets, keys, what it cannot do, and how other programs name its keys.

    `initialise` are the options of `init` for a blank card, None if its cards need none. `authority` is what changing
    keys takes, `unblocking` what sets a blocked PIN anew. `rsa`, `decrypting` and `ec` are keys; `refused` are the
    forms (names of FORMS, and of paddings) that cannot be had. `pkcs11` chooses the RSA key in pkcs11-tool; `theirs`
    is a command that makes a key in the slot `made_by_others`.
    """

    secrets: Mapping[str, str] = field(default_factory=dict)
    initialise: tuple[str, ...] | None
    authority: tuple[str, ...]
    unblocking: tuple[str, ...]
    rsa: str = "1"
    decrypting: str = "1"
    ec: str = ""
    ec_hash: str = "sha256"
    refused: frozenset[str] = frozenset()
    pkcs11: tuple[str, ...]
    theirs: tuple[str, ...]
    made_by_others: str


PIV_ADMIN = "010203040506070801020304050607080102030405060708"
PIN_GIVEN, ADMIN_GIVEN, PUK_GIVEN = ("--pin", "env:PIN"), ("--admin", "env:ADMIN"), ("--puk", "env:PUK")
PKCS15_INIT = ("pkcs15-init", "--generate-key", "rsa/2048", "--key-usage", "decrypt,sign", "--pin", PIN)
FAMILIES = {
    "piv": Family(
        secrets={"PUK": "12345678", "ADMIN": PIV_ADMIN},
        initialise=ADMIN_GIVEN,
        authority=(*ADMIN_GIVEN, *PIN_GIVEN),
        unblocking=PUK_GIVEN,
        rsa="9a",
        decrypting="9a",
        ec="9c",
        pkcs11=("--id", "01"),
        theirs=("yubico-piv-tool", "-r", "Rig", f"-k{PIV_ADMIN}", "-s", "9d", "-a", "generate", "-A", "RSA2048"),
        made_by_others="9d",
    ),
    "openpgp": Family(
        secrets={"ADMIN": "12345678"},
        initialise=None,
        authority=(*ADMIN_GIVEN, *PIN_GIVEN),
        unblocking=ADMIN_GIVEN,
        rsa="signature",
        decrypting="decryption",
        ec="authentication",
        refused=frozenset({"pss", "oaep"}),
        pkcs11=("--token-label", "OpenPGP card (User PIN (sig))", "--id", "01"),
        theirs=("openpgp-tool", "--verify", "CHV3", "--pin", "12345678", "--gen-key", "3", "--key-type", "rsa2048"),
        made_by_others="authentication",
    ),
    "isoapplet": Family(
        secrets={"PUK": "0123456789abcdef"},
        initialise=(*PIN_GIVEN, *PUK_GIVEN, "--label", "Families"),
        authority=PIN_GIVEN,
        unblocking=PUK_GIVEN,
        ec="2",
        ec_hash="sha1",
        refused=frozenset({"pss", "oaep", "ecdsa-sha256"}),
        pkcs11=("--id", "01"),
        theirs=(*PKCS15_INIT, "--auth-id", "FF", "--id", "3"),
        made_by_others="3",
    ),
    "gids": Family(
        secrets={"ADMIN": "A0" * 24},
        initialise=(*PIN_GIVEN, *ADMIN_GIVEN),
        authority=PIN_GIVEN,
        unblocking=ADMIN_GIVEN,
        refused=frozenset({"ecdsa", "ecdsa-sha256"}),
        pkcs11=("--id", "00"),
        theirs=(*PKCS15_INIT, "--auth-id", "80", "--verify-pin"),
        made_by_others="2",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A kind of RSA signature: what is signed, the options that ask for it, and what is inside the padding."""

    options: tuple[str, ...]
    data: bytes = TEXT
    check: tuple[str, ...] = ()
    inside: bytes = b""


def bare(hash_name: str, size: int) -> Form:
    """A hash value of that size without its OID."""
    value = bytes(range(size, 0, -1))
    return Form(options=("--hash", hash_name, "--no-oid", "--prehashed"), data=value, inside=value)


MD5SHA1 = hashlib.md5(TEXT).digest() + hashlib.sha1(TEXT).digest()  # noqa: S324 - as TLS 1.0 has it
PSS = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest")
FORMS = {
    **{name: Form(options=("--hash", name), check=(f"-{name}",)) for name in ("sha1", "sha256", "sha384", "sha512")},
    "bare 20": bare("sha1", 20),
    "bare 32": bare("sha256", 32),
    "bare 36": bare("md5sha1", 36),
    "hashed without oid": Form(options=("--no-oid",), inside=hashlib.sha256(TEXT).digest()),
    "md5sha1": Form(options=("--hash", "md5sha1"), inside=MD5SHA1),
    "pss": Form(options=("--scheme", "pss"), check=("-sha256", *PSS)),
}


class Holder(Desk):
    """A person with one card of a family: made by `cardcore`, in the only reader there is."""

    def __init__(self, rig: PcscRig, folder: Path, application: str) -> None:
        super().__init__(rig, folder)
        self.application = application
        self.family = FAMILIES[application]
        self.environment |= {"CARDCORE_SOFT_DIR": str(folder / "soft"), "PIN": PIN, "NEW": NEW_PIN, "WRONG": WRONG_PIN}
        self.environment |= self.family.secrets
        self.commands: list[CommandApdu] = []

    def make(self) -> None:
        """Create a blank card, put it into the reader, initialise it, and generate its keys."""
        self.write("letter", TEXT)
        self.ok("soft", "create", "card", "--application", self.application, "--blank")
        card = SoftCardStore(self.folder / "soft").open("card")
        self.rig.insert(0, card, watch=lambda command, _: self.commands.append(CommandApdu.decode(command)))
        if self.family.initialise is None:
            assert "no initialisation" in self.failed(NOT_SUPPORTED, "init", *ADMIN_GIVEN)["message"]
        else:
            self.ok("init", *self.family.initialise)
        for key in {self.family.rsa, self.family.decrypting}:
            self.generate(key, "rsa2048")
        if self.family.ec:
            self.generate(self.family.ec, "ecp256")

    def generate(self, key: str, kind: str) -> None:
        self.ok("key", "generate", key, "--type", kind, *self.family.authority, "--out", f"{key}.pem")

    def write(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return name

    def failed(self, status: int, *arguments: str) -> Any:  # noqa: ANN401 - a JSON document
        """The error of a command that has to end like this."""
        ended = self.run("--json", *arguments)
        assert ended.returncode == status, ended.stdout + ended.stderr
        return json.loads(ended.stderr)["error"]

    def refused(self, *arguments: str) -> None:
        """The command is not possible with this card, which sees nothing of it but that it is selected."""
        self.commands.clear()
        assert self.failed(NOT_SUPPORTED, *arguments)["message"]
        assert [command.ins for command in self.commands] == [SELECT]

    def sign(self, key: str, *options: str, data: bytes = TEXT) -> tuple[str, ...]:
        """The command line that signs `data` into the file `sig`."""
        return ("sign", "--key", key, *PIN_GIVEN, *options, self.write("data", data), "--out", "sig")

    def checks(self, key: str, *options: str) -> None:
        """OpenSSL verifies the file `sig` over the letter with the public key in a file."""
        self.openssl("dgst", *options, "-verify", f"{key}.pem", "-signature", "sig", "letter")

    def other(self, *command: str) -> CompletedProcess[str]:
        """Another program on the same reader, which has to succeed; its files are in the same folder."""
        ended = self.rig.run("env", "-C", str(self.folder), *command)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended


@pytest.fixture(scope="module")
def rig() -> Iterator[PcscRig]:
    with PcscRig(readers=1) as running:
        yield running


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def holder(rig: PcscRig, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holder]:
    """A card with its keys, for all tests of a family."""
    made = Holder(rig, tmp_path_factory.mktemp("family"), request.param)
    try:
        made.make()
        yield made
    finally:
        if rig._insertions:
            rig.remove(0)


def test_every_family_is_here() -> None:
    assert set(FAMILIES) == set(application_names())


def test_what_the_card_tells(holder: Holder) -> None:
    info = holder.json("info")
    assert (info["profile"]["id"], bool(info["serial"])) == (holder.application, True)
    assert holder.json("soft", "list")["cards"][0]["serial"] == info["serial"]
    family = holder.family
    kinds = {entry["name"]: entry["type"] for entry in info["keys"]}
    wanted = {family.rsa: "rsa2048", family.decrypting: "rsa2048"} | ({family.ec: "ecp256"} if family.ec else {})
    assert {key: kinds[key] for key in wanted} == wanted


def test_a_card_is_initialised_once(holder: Holder) -> None:
    """What it holds by then is named, and nothing is lost."""
    refusal = holder.failed(1, "init", *(holder.family.initialise or ADMIN_GIVEN))["message"]
    assert "the card is not blank: it holds " in refusal
    assert f"key {holder.family.rsa}" in refusal


@pytest.mark.parametrize("name", FORMS)
def test_rsa_signatures(holder: Holder, name: str) -> None:
    form, key = FORMS[name], holder.family.rsa
    command = holder.sign(key, *form.options, "--type", "rsa2048", data=form.data)
    if name in holder.family.refused:
        holder.refused(*command)
        return
    holder.ok(*command)
    if form.check:
        holder.checks(key, *form.check)
    else:
        recover = ("pkeyutl", "-verifyrecover", "-pubin", "-inkey", f"{key}.pem", "-in", "sig")
        assert holder.openssl(*recover) == form.inside


@pytest.mark.parametrize("digest", ["", "sha256"])
def test_ecdsa_signatures(holder: Holder, digest: str) -> None:
    family = holder.family
    if not family.ec:
        holder.refused("key", "generate", "2", "--type", "ecp256", *family.authority)
        return
    command = holder.sign(family.ec, "--hash", digest or family.ec_hash, "--type", "ecp256")
    if f"ecdsa-{digest}" in family.refused:
        holder.refused(*command)
        return
    holder.ok(*command)
    holder.checks(family.ec, f"-{digest or family.ec_hash}")


@pytest.mark.parametrize("padding", ["pkcs1", "oaep"])
def test_decryption(holder: Holder, padding: str) -> None:
    key = holder.family.decrypting
    options = ("-pkeyopt", f"rsa_padding_mode:{padding}", *(("-pkeyopt", "rsa_oaep_md:sha256") * (padding == "oaep")))
    holder.openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", f"{key}.pem", *options, "-out", "enc", stdin=TEXT)
    decrypt = ("decrypt", "--key", key, "--scheme", padding, "--type", "rsa2048", *PIN_GIVEN, "enc")
    if padding in holder.family.refused:
        holder.refused(*decrypt)
    else:
        assert holder.ok(*decrypt) == TEXT.decode()


def test_certificates(holder: Holder) -> None:
    key, authority = holder.family.rsa, holder.family.authority
    holder.ok("cert", "self-sign", key, "--subject", "CN=Self", "--days", "9", *authority, "--out", "self.crt")
    holder.openssl("verify", "-check_ss_sig", "-CAfile", "self.crt", "self.crt")
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key")
    holder.openssl("req", "-x509", *new, "-subj", "/CN=Authority", "-out", "ca.crt")
    assert holder.failed(1, "cert", "import", key, "ca.crt", *authority)["hint"]
    issue = ("-force_pubkey", f"{key}.pem", "-CA", "ca.crt", "-CAkey", "ca.key", "-days", "9", "-subj", "/CN=Issued")
    holder.openssl("x509", "-new", *issue, "-out", "issued.crt")
    holder.ok("cert", "import", key, "issued.crt", *authority)
    holder.ok("cert", "export", key, "--out", "read.crt")
    assert (holder.folder / "read.crt").read_text().split() == (holder.folder / "issued.crt").read_text().split()
    assert [entry["subject"] for entry in holder.json("cert", "list")["certificates"]] == ["CN=Issued"]
    holder.openssl("verify", "-CAfile", "ca.crt", "read.crt")


def test_pins(holder: Holder) -> None:
    verify = ("pin", "verify", "--pin")
    holder.ok("pin", "change", *PIN_GIVEN, "--new-pin", "env:NEW")
    assert holder.failed(4, *verify, "env:PIN")["tries_left"] == 2
    holder.ok(*verify, "env:NEW")
    for left in (2, 1):
        assert holder.failed(4, *verify, "env:WRONG")["tries_left"] == left
    holder.commands.clear()
    guarded = holder.failed(4, *verify, "env:NEW")
    assert guarded["tries_left"] == 1
    assert "--last-try" in guarded["hint"]
    assert not any(command.ins == VERIFY and command.data for command in holder.commands)
    assert holder.failed(5, *verify, "env:WRONG", "--last-try")["tries_left"] == 0
    assert holder.failed(5, *verify, "env:NEW", "--last-try")["tries_left"] == 0
    holder.ok("pin", "unblock", *holder.family.unblocking, "--new-pin", "env:PIN")
    holder.ok(*verify, "env:PIN")
    assert holder.json("pin", "status", "--name", "user")["pins"][0]["tries_left"] in (3, None)


def test_other_programs_sign_with_our_key(holder: Holder) -> None:
    """pkcs11-tool finds the key that `cardcore` made, with the certificate where it wants one."""
    key = holder.family.rsa
    subject = ("--subject", "CN=Other programs")
    holder.ok("cert", "self-sign", key, *subject, *holder.family.authority, "--out", "self.crt")
    login = ("pkcs11-tool", "--login", "--pin", PIN, *holder.family.pkcs11)
    holder.other(*login, "--sign", "-m", "SHA256-RSA-PKCS", "-i", "letter", "-o", "sig")
    holder.checks(key, "-sha256")


def test_we_sign_with_the_key_of_another_program(holder: Holder) -> None:
    family, key = holder.family, holder.family.made_by_others
    holder.other(*family.theirs)
    holder.ok("key", "public", key, "--out", f"{key}.pem")
    holder.ok(*holder.sign(key))
    holder.checks(key, "-sha256")


def test_gnupg_sees_its_card(holder: Holder) -> None:
    """With the fingerprints of our keys; the third may be another program's, and other families' cards are not its."""
    fingerprints = ""
    if holder.application == "openpgp":
        fingerprints = holder.json("object", "read", "c5")["data"][:80]
    with GnuPg(holder.rig.env, holder.rig.reader_names[0]) as gpg:
        ended = gpg.run("--batch", "--with-colons", "--card-status", check=False)
    lines = {line.partition(":")[0]: line.split(":")[1:] for line in ended.stdout.splitlines()}
    assert "".join(lines.get("fpr", [])[:2]).lower() == fingerprints.lower()
    assert (ended.returncode == 0) == bool(fingerprints)
