"""`cardcore sign`: a signature by a key on the card."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cardcore.cli import files
from cardcore.cli.authorising import Authority
from cardcore.cli.context import Context, pass_context
from cardcore.cli.options import (
    examples,
    key_option,
    last_try_option,
    pin_option,
    signature_options,
    type_option,
    with_type,
)
from cardcore.cli.output import refuse_terminal
from cardcore.cli.secrets import Source

if TYPE_CHECKING:
    from cardcore.keytypes import KeyType


@click.command(
    epilog=examples(
        "cardcore sign --key 9a letter.txt --out letter.sig",
        "cardcore sign --key 9a --scheme pss --hash sha384 letter.txt --out letter.sig",
        "cardcore sign --key 9a --hash md5sha1 --prehashed block.bin --out block.sig",
        "tar c folder | cardcore sign --key 9c --pin env:PIN > folder.sig",
    )
)
@key_option
@signature_options
@type_option
@pin_option
@last_try_option
@click.option("--out", metavar="FILE", help="Write the signature to a file instead of stdout.")
@click.argument("file", required=False)
@pass_context
def sign(
    context: Context,
    key: str,
    hash_name: str,
    scheme: str | None,
    no_oid: bool,
    prehashed: bool,
    key_type: str | None,
    pin: Source | None,
    last_try: bool,
    out: str | None,
    file: str | None,
) -> None:
    """Sign FILE, or stdin. The signature is binary: as long as the RSA modulus, or an ECDSA-Sig-Value in DER."""
    files.check_target(out)
    if not files.is_file(out) and not context.output.json_wanted:
        refuse_terminal("signature")
    data = files.read(file)
    with context.card() as card, Authority(card, pin=pin) as authority, with_type(key_type):
        name = card.keyring.slot(key).name
        if authority.asks_for_pin:
            card.keyring.expect(name, "sign", key_type or "")
        signature = card.sign(
            name,
            data,
            hash=hash_name,
            scheme=scheme,
            oid=not no_oid,
            prehashed=prehashed,
            key_type=key_type or "",
            pin=authority.key_pin(name),
            last_try=last_try,
        )
        kind = card.keyring.kind(name, key_type or "")
    if files.is_file(out):
        files.write(out, signature)
    document = {"key": name, "type": kind.name, "hash": hash_name, **_form(kind, scheme, hash_name, no_oid)}
    document |= {"signature": signature.hex(), "out": out}
    if context.output.json_wanted:
        context.output.result(document)
    elif not files.is_file(out):
        context.output.binary(signature)


def _form(kind: KeyType, scheme: str | None, hash_name: str, no_oid: bool) -> dict[str, object]:
    """Scheme of a signature, and whether the hash's OID is in it, for JSON."""
    from cardcore import padding, signing
    from cardcore.profile.model import Scheme

    chosen = Scheme(scheme) if scheme else signing.default_scheme(kind)
    oid = chosen is Scheme.PKCS1 and hash_name != padding.MD5SHA1 and not no_oid
    return {"scheme": chosen.value, "oid": oid}
