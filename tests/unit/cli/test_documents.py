"""Every command answers with --json what docs/json.md says, key for key."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from cardcore.cli.root import cardcore
from tests.unit import house
from tests.unit.cli.shell import Shell

# Below these there are keys that come from the card or the profile, or that repeat themselves.
OPAQUE = frozenset({"tlv", "objects"})
DOCUMENTED = house.ROOT / "docs" / "json.md"


def documented() -> dict[str, set[str]]:
    """The keys of each command as the documentation lists them; of another form of it under `command: form`."""
    sections = re.split(r"^####? `(.*)`$", DOCUMENTED.read_text(encoding="utf-8"), flags=re.M)[1:]
    return {
        name: set(re.findall(r"^\| `([^`]+)` \|", text, flags=re.M))
        for name, text in zip(sections[::2], sections[1::2], strict=True)
    }


def keys(value: object, path: str = "") -> Iterator[str]:
    """The paths of all values in a document."""
    name = path.rpartition(".")[2]
    if isinstance(value, dict) and name not in OPAQUE:
        for key, inner in value.items():
            yield from keys(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value) and name != "tlv":
        for item in value:
            yield from keys(item, f"{path}[]")
    else:
        yield path


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command that is no group, by its full name."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        elif command is not None:
            yield " ".join((*path, name)), command


# What is run for each command before it, and the command itself.
SIGN = ("sign", "--key", "9a", "--pin", "env:PIN", "letter", "--out", "letter.sig")
SELF_SIGN = ("cert", "self-sign", "9a", "--subject", "CN=A", "--pin", "env:PIN", "--admin", "env:ADMIN")
CASES: dict[str, tuple[tuple[str, ...], ...]] = {
    "info": (SELF_SIGN, ("info",)),
    "demo": (("demo",),),
    "reset": (("reset", "--yes-destroy", "SERIAL"),),
    "pin status": (("pin", "status"),),
    "pin verify": (("pin", "verify", "--pin", "env:PIN"),),
    "pin change": (("pin", "change", "--pin", "env:PIN", "--new-pin", "env:NEW"),),
    "pin unblock": (("pin", "unblock", "--puk", "env:PUK", "--new-pin", "env:NEW"),),
    "admin verify": (("admin", "verify", "--admin", "env:ADMIN"),),
    "admin change": (("admin", "change", "--admin", "env:ADMIN", "--new-admin", "env:ADMIN"),),
    "key list": (("key", "list"),),
    "key generate": (("key", "generate", "9c", "--type", "ecp256", "--admin", "env:ADMIN"),),
    "key import": (("key", "import", "9d", "key.pem", "--admin", "env:ADMIN"),),
    "key delete": (("key", "delete", "9a", "--admin", "env:ADMIN"),),
    "key public": (("key", "public", "9a"),),
    "cert list": (SELF_SIGN, ("cert", "list")),
    "cert export": (SELF_SIGN, ("cert", "export", "9a")),
    "cert attest": (("cert", "attest", "9a"),),
    "cert import": (
        (*SELF_SIGN, "--no-store", "--out", "a.crt"),
        ("cert", "import", "9a", "a.crt", "--admin", "env:ADMIN"),
    ),
    "cert delete": (SELF_SIGN, ("cert", "delete", "9a", "--admin", "env:ADMIN")),
    "cert request": (("cert", "request", "9a", "--subject", "CN=A", "--pin", "env:PIN"),),
    "cert self-sign": (SELF_SIGN,),
    "sign": (SIGN,),
    "verify": (SIGN, ("verify", "--key", "9a", "--signature", "letter.sig", "letter")),
    "decrypt": (("decrypt", "--key", "9a", "--pin", "env:PIN", "letter.enc"),),
    "object list": (("object", "list"),),
    "object read": (("object", "read", "chuid"),),
    "object write": (("object", "write", "printed", "letter", "--admin", "env:ADMIN"),),
    "profile list": (("profile", "list"),),
    "profile show": (("profile", "show", "piv"),),
    "profile explain": (("profile", "explain", "piv", "sign"),),
    "profile new": (("profile", "new", "new.yaml", "--aid", "F04C61726B73707572", "--force"),),
    "profile test": (("profile", "test", "piv", "--pin", "env:PIN", "--report", "report.html"),),
    "profile check": (("profile", "check", "doubtful.yaml"),),
    "apdu": (("apdu", "00A4040005A000000308"),),
    "trace show": (("--trace", "t.trace", "apdu", "00A4040005A000000308"), ("trace", "show", "t.trace")),
    "soft create": (("soft", "create", "bob", "--application", "piv"),),
    "soft list": (("soft", "list"),),
    "soft delete": (("soft", "delete", "alice"),),
    "completion": (("completion", "fish"),),
}
# These need a blank card, a reader, or a reader's driver: they have tests of their own that use `assert_documented`.
ELSEWHERE = frozenset(
    {
        "init",
        "key rename",
        "readers",
        "soft attach",
        "profile schema",
        "shell",
        "personalise check",
        "personalise letters",
        "personalise replace",
        "personalise report",
        "personalise retry",
        "personalise run",
        "personalise schema",
        "personalise settle",
        "personalise status",
        "personalise undo",
    }
)


def assert_documented(command: str, document: object) -> None:
    """The document has exactly the keys that the documentation lists."""
    assert set(keys(document)) == documented()[command]


def test_every_command_is_documented() -> None:
    names = {name for name, _ in leaves(cardcore)}
    assert {name.partition(":")[0] for name in documented()} == names
    assert CASES.keys() | ELSEWHERE == names


@pytest.fixture
def prepared(shell: Shell) -> Shell:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    path = shell.generate("9a", "rsa2048")
    public = serialization.load_pem_public_key((shell.folder / path).read_bytes())
    assert isinstance(public, rsa.RSAPublicKey)
    shell.file("letter.enc", public.encrypt(b"secret", padding.PKCS1v15()))
    shell.file("letter", b"text")
    private = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    shell.file("key.pem", private)
    shell.file("doubtful.yaml", b"profile: 1\nname: N\nnonsense: 1\n")
    return shell


@pytest.mark.parametrize("command", CASES)
def test_a_command_answers_what_is_documented(prepared: Shell, command: str) -> None:
    serial = prepared.document("info")["serial"]
    *before, last = (tuple(word.replace("SERIAL", serial) for word in line) for line in CASES[command])
    for line in before:
        prepared.ok(*line)
    ended = prepared.card("--json", *last)
    assert ended.status == (7 if command == "profile check" else 0), ended.err
    assert_documented(command, ended.json)


def test_init_answers_what_is_documented(shell: Shell) -> None:
    shell.create("blank", blank=True)
    ended = shell("--reader", "soft:blank", "--json", "init", "--admin", "env:ADMIN")
    assert ended.status == 0, ended.err
    assert_documented("init", ended.json)


def test_the_schema_is_one(shell: Shell) -> None:
    assert shell.document("profile", "schema")["$schema"].startswith("https://json-schema.org/")


@pytest.mark.parametrize("command", CASES)
def test_a_command_speaks_to_people_too(prepared: Shell, command: str) -> None:
    serial = prepared.document("info")["serial"]
    for line in CASES[command]:
        ended = prepared.card(*(word.replace("SERIAL", serial) for word in line))
    assert ended.status == (7 if command == "profile check" else 0), ended.err
    assert not ended.raw.startswith(b"{")
    assert "Traceback" not in ended.err
