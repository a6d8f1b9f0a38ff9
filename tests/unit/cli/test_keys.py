"""key: generate, import, list, public, delete; and the files that keys come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from cardcore import keyfiles
from cardcore.cli import options
from cardcore.errors import InputError
from tests.unit.cli.openssl import openssl
from tests.unit.cli.shell import ADMIN, Shell

ADMIN_OPTION = ("--admin", "env:ADMIN")
PASSWORD = ("--password", "env:PASSWORD")


def test_the_names_to_choose_from_are_those_of_the_library() -> None:
    from cardcore import certificates, keytypes, padding, procedures
    from cardcore.cli import admin, cert
    from cardcore.profile.model import PinPolicy, Scheme, TouchPolicy

    assert set(options.KEY_TYPES) == set(keytypes.KEY_TYPES)
    assert options.HASHES == padding.HASHES
    assert set(options.SIGNATURE_SCHEMES) | set(options.DECRYPTION_SCHEMES) == set(Scheme)
    assert set(options.PIN_POLICIES) == set(PinPolicy)
    assert set(options.TOUCH_POLICIES) == set(TouchPolicy)
    assert cert.CERTIFICATE_HASHES == certificates.HASHES
    assert set(admin.CIPHERS) == set(procedures.CIPHERS)


def test_generate_prints_the_public_key(shell: Shell) -> None:
    ended = shell.ok("key", "generate", "9A", "--type", "ecp384", *ADMIN_OPTION)
    assert b"P-384" in openssl("pkey", "-pubin", "-noout", "-text", stdin=ended.raw)
    assert "generated ecp384 in 9a in" in ended.err
    shell.ok("key", "generate", "9a", "--type", "rsa1024", *ADMIN_OPTION, "--out", "new.pem")
    assert b"1024 bit" in openssl("pkey", "-pubin", "-noout", "-text", "-in", "new.pem")
    assert shell.ok("key", "public", "9a").raw == (shell.folder / "new.pem").read_bytes()
    der = shell.ok("key", "public", "9a", "--der").raw
    assert openssl("pkey", "-pubin", "-inform", "DER", stdin=der) == (shell.folder / "new.pem").read_bytes()
    shell.ok("key", "public", "9a", "--der", "--out", "new.der")
    assert (shell.folder / "new.der").read_bytes() == der


def test_policies_of_new_keys(shell: Shell) -> None:
    shell.ok("key", "generate", "9a", "--type", "ecp256", *ADMIN_OPTION, "--pin-policy", "always", "--touch", "cached")
    shell.file("key.pem", openssl("genrsa", "2048"))
    shell.ok("key", "import", "9d", "key.pem", *ADMIN_OPTION, "--pin-policy", "never", "--touch", "never")
    shell.generate("9c", "ecp256")
    keys = {key["name"]: (key["pin_policy"], key["touch"]) for key in shell.document("key", "list")["keys"]}
    assert keys == {"9a": ("always", "cached"), "9c": ("always", "never"), "9d": ("never", "never")}
    lines = shell.ok("key", "list").out.splitlines()
    assert [", touch" in line for line in lines] == [False, True, False, False]


def test_the_card_attests_what_it_made(shell: Shell) -> None:
    public = shell.generate("9a", "ecp256")
    attested = shell.ok("cert", "attest", "9a").raw
    assert openssl("x509", "-noout", "-pubkey", stdin=attested) == Path(public).read_bytes()
    shell.ok("cert", "attest", "9a", "--der", "--out", "attested.der")
    assert b"BEGIN CERTIFICATE" in openssl("x509", "-inform", "DER", "-in", "attested.der")
    shell.file("key.pem", openssl("genrsa", "2048"))
    shell.ok("key", "import", "9d", "key.pem", *ADMIN_OPTION)
    for name, why in (("9d", "was not made on this card"), ("9c", "no key in 9c")):
        refused = shell.card("cert", "attest", name)
        assert refused.status == 1
        assert why in refused.err


def test_list_and_delete(shell: Shell) -> None:
    assert "no keys" in shell.ok("key", "list").out
    shell.generate("9c", "ecp256")
    shell.file("key.pem", openssl("genrsa", "2048"))
    shell.ok("key", "import", "82", "key.pem", *ADMIN_OPTION)
    keys = {key["name"]: key for key in shell.document("key", "list")["keys"]}
    assert [keys[name]["type"] for name in ("9c", "82")] == ["ecp256", "rsa2048"]
    assert [keys[name]["origin"] for name in ("9c", "82")] == ["generated", "imported"]
    assert [keys[name]["pin_policy"] for name in ("9c", "82")] == ["always", "once"]
    assert keys["9c"]["usage"] == ["sign"]
    assert keys["82"]["usage"] == ["decipher", "sign"]  # its place is for agreeing too, which RSA keys cannot
    lines = shell.ok("key", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == ["KEY", "9c", "82"]
    shell.ok("key", "delete", "82", *ADMIN_OPTION)
    assert [key["name"] for key in shell.document("key", "list")["keys"]] == ["9c"]
    assert shell.card("--json", "key", "delete", "82", *ADMIN_OPTION).error["code"] == "not-found"


@pytest.mark.parametrize("form", ["PEM", "DER"])
@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_import_of_what_openssl_made(shell: Shell, form: str, kind: str) -> None:
    what = ("-algorithm", "RSA") if kind == "rsa" else ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    openssl("genpkey", *what, "-outform", form, "-out", "key")
    public = openssl("pkey", "-in", "key", "-inform", form, "-pubout")
    assert shell.document("key", "import", "9d", "key", *ADMIN_OPTION)["public_key"].encode() == public
    shell.ok("sign", "--key", "9d", "--pin", "env:PIN", "--out", "x.sig", stdin=b"text")
    shell.file("public.pem", public)
    openssl("dgst", "-sha256", "-verify", "public.pem", "-signature", "x.sig", stdin=b"text")


def test_import_of_encrypted_keys(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "open sesame")
    openssl("genpkey", "-algorithm", "RSA", "-aes256", "-pass", "env:PASSWORD", "-out", "key.pem")
    openssl("req", "-x509", "-key", "key.pem", "-passin", "env:PASSWORD", "-subj", "/CN=A", "-out", "a.crt")
    p12 = ("-inkey", "key.pem", "-passin", "env:PASSWORD", "-in", "a.crt", "-passout", "env:PASSWORD")
    openssl("pkcs12", "-export", *p12, "-out", "a.p12")
    for name in ("key.pem", "a.p12"):
        shell.ok("key", "import", "9d", name, *PASSWORD, *ADMIN_OPTION)
        ended = shell.card("key", "import", "9d", name, *ADMIN_OPTION)
        assert ended.status == 1
        assert "--password" in ended.err
        wrong = shell.card("key", "import", "9d", name, "--password", "env:PIN", *ADMIN_OPTION)
        assert wrong.status == 1
    shell.ok("cert", "import", "9d", "a.p12", *PASSWORD, *ADMIN_OPTION)
    assert shell.document("cert", "list")["certificates"][0]["subject"] == "CN=A"


def test_what_is_no_key(shell: Shell) -> None:
    plain = serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    edwards = ed25519.Ed25519PrivateKey.generate().private_bytes(serialization.Encoding.PEM, pkcs8, plain)
    odd = ec.generate_private_key(ec.SECP256K1()).private_bytes(serialization.Encoding.DER, pkcs8, plain)
    for content, status in ((b"", 1), (b"-----BEGIN nonsense", 1), (edwards, 1), (odd, 6)):
        assert shell.card("key", "import", "9d", "-", *ADMIN_OPTION, stdin=content).status == status
    assert shell.card("key", "import", "9d", "missing", *ADMIN_OPTION).status == 1


def test_a_password_that_is_not_needed() -> None:
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(InputError, match="not encrypted"):
        keyfiles.private_key(key, b"password")


def test_the_admin_key_is_wanted_before_anything_is_sent(shell: Shell) -> None:
    ended = shell.card("--json", "key", "generate", "9a", "--type", "ecp256")
    assert ended.status == 2
    assert "--admin" in ended.error["hint"]
    shell.terminal(ADMIN)
    assert shell.card("key", "generate", "9a", "--type", "ecp256").status == 0


def test_admin(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER", "00112233445566778899aabbccddeeff" * 2)
    shell.ok("admin", "verify", *ADMIN_OPTION)
    shell.ok("admin", "change", *ADMIN_OPTION, "--new-admin", "env:OTHER", "--cipher", "aes256")
    assert shell.card("admin", "verify", *ADMIN_OPTION).status != 0
    shell.ok("admin", "verify", "--admin", "env:OTHER")
    monkeypatch.setenv("SHORT", "00")
    short = shell.card("--json", "admin", "change", "--admin", "env:OTHER", "--new-admin", "env:SHORT")
    assert json.loads(short.err)["error"]["code"] == "input"
