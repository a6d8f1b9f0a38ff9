"""sign, verify, decrypt: every form, checked with OpenSSL."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from cardcore.transport.faults import CountingTransport
from tests.unit.cli.openssl import openssl
from tests.unit.cli.shell import Shell

TEXT = b"a letter\n"
PSS = ("-sigopt", "rsa_padding_mode:pss")
SIGN = ("sign", "--pin", "env:PIN", "letter", "--out", "letter.sig", "--key")


@pytest.fixture
def rsa(shell: Shell) -> Shell:
    shell.generate("9a", "rsa2048")
    shell.file("letter", TEXT)
    return shell


@pytest.mark.parametrize("digest", ["sha1", "sha224", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("scheme", ["pkcs1", "pss"])
def test_rsa(rsa: Shell, digest: str, scheme: str) -> None:
    rsa.ok(*SIGN, "9a", "--hash", digest, "--scheme", scheme)
    options = PSS if scheme == "pss" else ()
    openssl("dgst", f"-{digest}", *options, "-verify", "9a.pem", "-signature", "letter.sig", "letter")
    check = ("verify", "--signature", "letter.sig", "letter", "--hash", digest, "--scheme", scheme)
    assert rsa.ok(*check, "--key", "9a").out == "the signature is valid\n"
    assert rsa("--json", *check, "--cert", "9a.pem").json["valid"]
    assert rsa.card(*check[:-1], "pss" if scheme == "pkcs1" else "pkcs1", "--key", "9a").status == 1


def test_without_oid_the_bare_hash_is_padded(rsa: Shell) -> None:
    rsa.ok(*SIGN, "9a", "--no-oid")
    recovered = openssl("pkeyutl", "-verifyrecover", "-pubin", "-inkey", "9a.pem", "-in", "letter.sig")
    assert recovered == hashlib.sha256(TEXT).digest()
    check = ("verify", "--key", "9a", "--signature", "letter.sig", "letter")
    assert rsa.card(*check, "--no-oid").status == 0
    assert rsa.card("--json", *check).error["code"] == "bad-signature"


def test_md5sha1_has_36_bytes_and_no_oid(rsa: Shell) -> None:
    rsa.ok(*SIGN, "9a", "--hash", "md5sha1")
    recovered = openssl("pkeyutl", "-verifyrecover", "-pubin", "-inkey", "9a.pem", "-in", "letter.sig")
    assert recovered == hashlib.md5(TEXT).digest() + hashlib.sha1(TEXT).digest()  # noqa: S324 - TLS 1.0 has it so
    assert rsa.card("verify", "--hash", "md5sha1", "--key", "9a", "--signature", "letter.sig", "letter").status == 0


def test_prehashed(rsa: Shell) -> None:
    rsa.file("hash", hashlib.sha384(TEXT).digest())
    rsa.ok("sign", "--pin", "env:PIN", "hash", "--out", "letter.sig", "--key", "9a", "--hash", "sha384", "--prehashed")
    openssl("dgst", "-sha384", "-verify", "9a.pem", "-signature", "letter.sig", "letter")
    wrong = rsa.card(*SIGN, "9a", "--prehashed")
    assert wrong.status == 1
    assert "32 bytes" in wrong.err


@pytest.mark.parametrize(("kind", "digest"), [("ecp256", "sha256"), ("ecp384", "sha384"), ("ecp256", "sha512")])
def test_ecdsa(shell: Shell, kind: str, digest: str) -> None:
    shell.generate("9c", kind)
    shell.file("letter", TEXT)
    for _ in range(2):  # the key wants its PIN each time
        assert shell.document(*SIGN, "9c", "--hash", digest)["scheme"] == "ecdsa"
        openssl("dgst", f"-{digest}", "-verify", "9c.pem", "-signature", "letter.sig", "letter")
    check = ("verify", "--key", "9c", "--hash", digest, "--signature", "letter.sig")
    assert shell.card(*check, "letter").status == 0
    assert shell.card(*check, stdin=TEXT + b"!").status == 1


def test_from_stdin_to_stdout(rsa: Shell) -> None:
    data = bytes(range(256)) * 40
    signature = rsa.ok("sign", "--key", "9a", "--pin", "env:PIN", stdin=data).raw
    assert signature == rsa.ok("sign", "--key", "9a", "--pin", "env:PIN", "-", "--out", "-", stdin=data).raw
    assert len(signature) == 256
    rsa.file("data.sig", signature)
    assert rsa.card("verify", "--key", "9a", "--signature", "data.sig", stdin=data).status == 0
    assert rsa.card("verify", "--key", "9a", "--signature", "-", "-", stdin=data).status == 2


def test_no_binary_to_a_terminal(rsa: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True, raising=False)
    for line in (
        ("sign", "--key", "9a", "--pin", "env:PIN", "letter"),
        ("key", "public", "9a", "--der"),
        ("object", "read", "chuid"),
    ):
        ended = rsa.card(*line)
        assert ended.status == 2
        assert ended.raw == b""
        assert "--out" in ended.err


def test_where_it_cannot_be_written_nothing_is_sent(rsa: Shell) -> None:
    seen = rsa.wrap(CountingTransport)
    for out in ("nowhere/letter.sig", str(rsa.folder)):
        assert rsa.card(*SIGN[:-2], out, "--key", "9a").status == 2
    assert not seen


def test_a_signature_takes_few_commands(rsa: Shell) -> None:
    counts = []
    for more in ((), ("--type", "rsa2048")):
        seen = rsa.wrap(CountingTransport)
        rsa.ok("--profile", "piv", *SIGN, "9a", *more)
        counts.append([transport.count for transport in seen])
    # SELECT, [metadata,] tries, VERIFY, sign (extended); and logging out at the end
    assert counts == [[6], [5]]


def test_the_type_that_was_given_is_believed(rsa: Shell) -> None:
    ended = rsa.card("--json", *SIGN, "9a", "--type", "ecp256")
    assert (ended.status, ended.error["sw"]) == (1, "6A80")
    assert "of type ecp256" in ended.error["hint"]
    block = rsa.file("block", bytes(512))
    decrypt = rsa.card("--json", "decrypt", "--key", "9a", "--type", "rsa4096", "--pin", "env:PIN", block)
    assert "of type rsa4096" in decrypt.error["hint"]
    assert rsa.document("pin", "status")["pins"][0]["tries_left"] == 3


@pytest.mark.parametrize(
    ("scheme", "digest", "options"),
    [
        ("pkcs1", "sha256", ()),
        ("oaep", "sha1", ("-pkeyopt", "rsa_padding_mode:oaep")),
        ("oaep", "sha256", ("-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256")),
    ],
)
def test_decryption(rsa: Shell, scheme: str, digest: str, options: tuple[str, ...]) -> None:
    encrypted = openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", "9a.pem", *options, stdin=b"\x00secret\xff")
    rsa.file("secret.enc", encrypted)
    line = ("decrypt", "--key", "9a", "--pin", "env:PIN", "--scheme", scheme, "--hash", digest)
    assert rsa.ok(*line, "secret.enc").raw == b"\x00secret\xff"
    assert rsa.document(*line, stdin=encrypted)["plaintext"] == "00736563726574ff"
    rsa.ok(*line, "secret.enc", "--out", "secret")
    assert (rsa.folder / "secret").read_bytes() == b"\x00secret\xff"
    assert (rsa.folder / "secret").stat().st_mode & 0o777 == 0o600
    assert rsa.document(*line, "secret.enc", "--out", "secret")["plaintext"] is None
    assert rsa.card("--json", *line, stdin=encrypted[:-1]).error["code"] == "input"
    assert rsa.card("--json", *line, stdin=bytes(255) + b"\x02").error["code"] == "reply"


def test_a_terminal_is_shown_text_only(rsa: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True, raising=False)
    line = ("decrypt", "--key", "9a", "--pin", "env:PIN")
    for plain, status, shown in ((b"a text", 0, b"a text\n"), (b"\x1b[2J", 2, b""), (b"\xff", 2, b"")):
        encrypted = openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", "9a.pem", stdin=plain)
        ended = rsa.card(*line, stdin=encrypted)
        assert (ended.status, ended.raw) == (status, shown)


def test_a_key_that_needs_no_pin_asks_for_none(shell: Shell) -> None:
    shell.generate("9e", "ecp256")
    shell.ok("sign", "--key", "9e", "--out", "x.sig", stdin=TEXT)
    openssl("dgst", "-sha256", "-verify", "9e.pem", "-signature", "x.sig", stdin=TEXT)


def test_verify_wants_one_key(rsa: Shell) -> None:
    rsa.file("x.sig", b"")
    for keys in ((), ("--key", "9a", "--cert", "9a.pem")):
        assert rsa.card("verify", *keys, "--signature", "x.sig", "letter").status == 2


def test_openssl_is_content_only_with_the_right_text(rsa: Shell) -> None:
    """That the checks of this file can fail."""
    rsa.ok(*SIGN, "9a")
    rsa.file("letter", b"another")
    with pytest.raises(subprocess.CalledProcessError):
        openssl("dgst", "-sha256", "-verify", "9a.pem", "-signature", "letter.sig", "letter")
