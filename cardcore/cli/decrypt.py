"""`cardcore decrypt`: what was encrypted for a key on the card."""

from __future__ import annotations

import sys

import click

from cardcore.cli import files
from cardcore.cli.authorising import Authority
from cardcore.cli.context import Context, pass_context
from cardcore.cli.options import (
    DECRYPTION_SCHEMES,
    HASHES,
    examples,
    key_option,
    last_try_option,
    pin_option,
    type_option,
    with_type,
)
from cardcore.cli.output import refuse_terminal
from cardcore.cli.secrets import Source


@click.command(
    epilog=examples(
        "cardcore decrypt --key 9d message.enc --out message.txt",
        "cardcore decrypt --key 9d --scheme oaep --hash sha256 key.enc > key.bin",
    )
)
@key_option
@click.option("--scheme", type=click.Choice(DECRYPTION_SCHEMES), default="pkcs1", show_default=True)
@click.option(
    "--hash", "hash_name", type=click.Choice(HASHES[:-1]), default="sha256", show_default=True, help="Hash of OAEP."
)
@type_option
@pin_option
@last_try_option
@click.option("--out", metavar="FILE", help="Write to a file, readable by its owner only, instead of stdout.")
@click.argument("file", required=False)
@pass_context
def decrypt(
    context: Context,
    key: str,
    scheme: str,
    hash_name: str,
    key_type: str | None,
    pin: Source | None,
    last_try: bool,
    out: str | None,
    file: str | None,
) -> None:
    """Decrypt FILE, or stdin.

    It is one RSA block, as long as the modulus.
    """
    files.check_target(out)
    data = files.read(file)
    with context.card() as card, Authority(card, pin=pin) as authority, with_type(key_type):
        name = card.keyring.slot(key).name
        if authority.asks_for_pin:
            card.keyring.expect(name, "decipher", key_type or "")
        plain = card.decipher(
            name,
            data,
            scheme=scheme,
            hash=hash_name,
            key_type=key_type or "",
            pin=authority.key_pin(name),
            last_try=last_try,
        )
        kind = card.keyring.kind(name, key_type or "")
    if files.is_file(out):
        files.write(out, plain, secret=True)
    if context.output.json_wanted:
        shown = None if files.is_file(out) else plain.hex()
        context.output.result({"key": name, "type": kind.name, "scheme": scheme, "plaintext": shown, "out": out})
    elif not files.is_file(out):
        if not _is_text(plain):
            refuse_terminal("decrypted message")
        context.output.binary(plain + b"\n" if sys.stdout.isatty() else plain)


def _is_text(data: bytes) -> bool:
    try:
        return all(character.isprintable() or character in "\n\t" for character in data.decode())
    except UnicodeDecodeError:
        return False
