"""`cardcore verify`: a signature, checked in software."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cardcore import keyfiles
from cardcore.cli import files
from cardcore.cli.context import Context, pass_context
from cardcore.cli.errors import BadSignature, OptionError
from cardcore.cli.options import examples, signature_options

if TYPE_CHECKING:
    from cardcore.keytypes import PublicKey


@click.command(
    epilog=examples(
        "cardcore verify --key 9a --signature letter.sig letter.txt",
        "cardcore verify --cert alice.crt --scheme pss --signature letter.sig letter.txt",
    )
)
@click.option("--key", metavar="KEY", help="Key on the card, by the name its profile gives.")
@click.option("--cert", metavar="FILE", help="Certificate or public key in a file, in place of --key: needs no card.")
@signature_options
@click.option("--signature", metavar="SIG", required=True, help="File with the signature.")
@click.argument("file", required=False)
@pass_context
def verify(
    context: Context,
    key: str | None,
    cert: str | None,
    hash_name: str,
    scheme: str | None,
    no_oid: bool,
    prehashed: bool,
    signature: str,
    file: str | None,
) -> None:
    """Verify the signature of FILE, or stdin. Exit status 1 if it is not valid."""
    from cardcore import keytypes, signing, verifying
    from cardcore.profile.model import Scheme

    if (key is None) == (cert is None):
        raise OptionError("either --key or --cert is needed", hint="Name the key on the card, or a certificate's file.")
    if signature == files.STREAM and not files.is_file(file):
        raise OptionError("file and signature cannot both come from stdin", hint="Name a file for one of them.")
    data, signed = files.read(file), files.read(signature)
    public = keyfiles.public_key(files.read(cert)) if cert is not None else _from_card(context, str(key))
    kind = keytypes.type_of(public)
    request = signing.request_for(
        kind,
        data,
        hash_name=hash_name,
        scheme=Scheme(scheme) if scheme else None,
        oid=not no_oid,
        prehashed=prehashed,
    )
    if not verifying.is_valid(public, request, signed):
        raise BadSignature("the signature is not valid")
    document = {"valid": True, "key": key, "cert": cert, "type": kind.name, "hash": hash_name}
    document |= {"scheme": request.scheme.value, "oid": request.oid}
    context.output.result(document, "the signature is valid")


def _from_card(context: Context, key: str) -> PublicKey:
    with context.card() as card:
        return card.public_key(card.keyring.slot(key).name)
