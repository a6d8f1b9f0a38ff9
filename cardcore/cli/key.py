"""`cardcore key`: the key pairs of a card."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from cardcore import keyfiles
from cardcore.cli import files
from cardcore.cli.authorising import Authority
from cardcore.cli.context import Context, pass_context
from cardcore.cli.options import (
    KEY_TYPES,
    TEXT,
    admin_option,
    examples,
    key_argument,
    last_try_option,
    out_option,
    pin_option,
    policy_options,
)
from cardcore.cli.output import refuse_terminal, table
from cardcore.cli.progress import working
from cardcore.cli.secrets import SOURCE, Source, obtain
from cardcore.lines import shown

if TYPE_CHECKING:
    from cardcore import Card, KeyInfo
    from cardcore.keytypes import PublicKey


@click.group()
def key() -> None:
    """Key pairs: list, generate, import, delete, rename, public."""


def describe(card: Card, info: KeyInfo) -> dict[str, object]:
    """A key for JSON."""
    return {
        "name": info.slot.name,
        "label": info.label,
        "type": info.type.name if info.type else None,
        "bits": info.type.bits if info.type else None,
        "usage": sorted(info.usage),
        "pin": info.slot.pin,
        "pin_policy": info.policy.value,
        "touch": info.touch.value if info.touch else None,
        "origin": info.origin or None,
        "certificate": card.certificate(info.slot.name) is not None,
    }


def key_rows(keys: list[dict[str, object]]) -> list[str]:
    """Described keys as a table."""
    rows = [
        (
            str(item["name"]),
            str(item["label"]),
            str(item["type"] or "unknown"),
            str(item["bits"] or ""),
            ",".join(map(str, item["usage"] if isinstance(item["usage"], list) else ())),
            str(item["pin_policy"]) + (", touch" if item["touch"] in ("always", "cached") else ""),
            "yes" if item["certificate"] else "no",
        )
        for item in keys
    ]
    return table(("KEY", "LABEL", "TYPE", "BITS", "USAGE", "PIN", "CERTIFICATE"), rows)


@key.command("list", epilog=examples("cardcore key list", "cardcore --json key list | jq -r '.keys[].name'"))
@pass_context
def list_keys(context: Context) -> None:
    """List the keys on the card.

    Type, size, usage, when the PIN is wanted, and whether there is a certificate.
    """
    with context.card() as card, working("reading the card"), card.transaction():
        entries = card.keys()
        found = [describe(card, info) for info in entries]
        free = len(card.profile.keys) - len(found)
    context.output.result({"keys": found, "free": free}, key_rows(found) if found else ["the card holds no keys"])


@key.command(
    epilog=examples(
        "cardcore key generate 9a --type rsa2048 --out public.pem",
        "cardcore key generate 9c --type ecp256 --admin env:ADMIN",
        "cardcore key generate 9a --type ecp256 --pin-policy always --touch cached",
    )
)
@key_argument
@click.option("--type", "key_type", type=click.Choice(KEY_TYPES), required=True, help="Kind and size of the key.")
@click.option("--out", metavar="FILE", help="Write the public key (PEM) to a file instead of stdout.")
@policy_options
@admin_option
@pin_option
@last_try_option
@pass_context
def generate(
    context: Context,
    key: str,
    key_type: str,
    out: str | None,
    pin_policy: str | None,
    touch: str | None,
    admin: Source | None,
    pin: Source | None,
    last_try: bool,
) -> None:
    """Generate a key pair on the card and print its public key. A key that was there before is lost."""
    files.check_target(out)
    with context.card() as card, Authority(card, pin=pin, admin=admin, last_try=last_try) as authority:
        slot = card.keyring.slot(key)
        card.keyring.require_type(slot.name, key_type)
        card.require_policies("generate", pin_policy, touch)
        make = _Making(card=card, name=slot.name, key_type=key_type, pin_policy=pin_policy, touch=touch)
        public, seconds = authority.carry_out("generate", make)
    context.output.note(f"generated {key_type} in {slot.name} in {seconds:.1f} s")
    _deliver(context, slot.name, public, out, {"seconds": round(seconds, 3)})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Making:
    """A key pair that is to be generated. Called, it is: the new public key, and the seconds that it took."""

    card: Card
    name: str
    key_type: str
    pin_policy: str | None
    touch: str | None

    def __call__(self) -> tuple[PublicKey, float]:
        started = time.monotonic()
        with working(f"the card generates {self.key_type} in {self.name}"):
            public = self.card.generate(self.name, self.key_type, pin_policy=self.pin_policy, touch=self.touch)
        return public, time.monotonic() - started


def _deliver(context: Context, name: str, public: PublicKey, out: str | None, more: dict[str, object]) -> None:
    """Print a public key, or write it to a file."""
    from cardcore import keytypes

    text = keyfiles.pem(public)
    document = {"key": name, "type": keytypes.type_of(public).name, "public_key": text, "out": out} | more
    if not files.is_file(out):
        context.output.result(document, text.rstrip("\n"))
        return
    files.write(out, text.encode("ascii"))
    context.output.result(document)


@key.command(
    "import",
    short_help="Write a private key from a file to the card.",
    epilog=examples("cardcore key import 9d key.pem", "cardcore key import 9d id.p12 --password env:P12"),
)
@key_argument
@click.argument("file")
@click.option("--password", type=SOURCE, metavar="SRC", help="Source of the file's password.")
@policy_options
@admin_option
@pin_option
@last_try_option
@pass_context
def import_key(
    context: Context,
    key: str,
    file: str,
    password: Source | None,
    pin_policy: str | None,
    touch: str | None,
    admin: Source | None,
    pin: Source | None,
    last_try: bool,
) -> None:
    """Write a private key from FILE (PEM, DER or PKCS #12; - is stdin) to the card."""
    from cardcore import keytypes

    private = keyfiles.private_key(files.read(file), file_password(password))
    kind = keytypes.type_of(private)
    with context.card() as card, Authority(card, pin=pin, admin=admin, last_try=last_try) as authority:
        slot = card.keyring.slot(key)
        card.keyring.require_type(slot.name, kind.name)
        card.require_policies("import", pin_policy, touch)
        authority.carry_out("import", lambda: card.import_key(slot.name, private, pin_policy=pin_policy, touch=touch))
    document = {"key": slot.name, "type": kind.name, "public_key": keyfiles.pem(private.public_key())}
    context.output.result(document, f"imported {kind.name} into {slot.name}")


def file_password(source: Source | None) -> bytes | None:
    """The password of a file, None if none was given."""
    if source is None:
        return None
    with obtain(source, "password of the file", "--password") as password:
        return password.reveal()


@key.command(epilog=examples("cardcore key delete 9d --admin env:ADMIN"))
@key_argument
@admin_option
@pin_option
@last_try_option
@pass_context
def delete(context: Context, key: str, admin: Source | None, pin: Source | None, last_try: bool) -> None:
    """Delete a key pair. It is lost for good, unless it was imported from a file that still exists."""
    with context.card() as card, Authority(card, pin=pin, admin=admin, last_try=last_try) as authority:
        slot = card.keyring.slot(key)
        authority.carry_out("delete-key", lambda: card.delete_key(slot.name))
    context.output.result({"key": slot.name, "deleted": True}, f"deleted the key in {slot.name}")


@key.command(epilog=examples('cardcore key rename 1 "Anne Berg, signatures"'))
@key_argument
@click.argument("name", type=TEXT, metavar="NAME")
@admin_option
@pin_option
@last_try_option
@pass_context
def rename(context: Context, key: str, name: str, admin: Source | None, pin: Source | None, last_try: bool) -> None:
    """Give a key pair the name by which programs list it.

    The card keeps it: as the label of key and certificate (PKCS #15), or as the name of the container. Not every
    family of cards has names of keys.
    """
    with context.card() as card, Authority(card, pin=pin, admin=admin, last_try=last_try) as authority:
        slot = card.keyring.slot(key)
        before = card.key_name(slot.name)
        authority.carry_out("write", lambda: card.name_key(slot.name, name))
    document = {"key": slot.name, "label": name, "before": before}
    context.output.result(document, f"the key in {slot.name} is called {name} now" + _formerly(before))


def _formerly(name: str) -> str:
    return f"; before it was {shown(name)}" if name else ""


@key.command(epilog=examples("cardcore key public 9a", "cardcore key public 9a --der --out key.der"))
@key_argument
@out_option
@click.option("--der", "as_der", is_flag=True, help="DER instead of PEM.")
@pass_context
def public(context: Context, key: str, out: str | None, as_der: bool) -> None:
    """Print the public key of a key pair."""
    files.check_target(out)
    if as_der and not files.is_file(out) and not context.output.json_wanted:
        refuse_terminal("public key")
    with context.card() as card:
        slot = card.keyring.slot(key)
        found = card.public_key(slot.name)
    if not as_der or context.output.json_wanted:
        _deliver(context, slot.name, found, out, {})
    elif files.is_file(out):
        files.write(out, keyfiles.der(found))
    else:
        context.output.binary(keyfiles.der(found))
