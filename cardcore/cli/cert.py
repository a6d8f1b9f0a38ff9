"""`cardcore cert`: certificates on a card, and making requests and certificates with its keys."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from cardcore import keyfiles
from cardcore.cli import files
from cardcore.cli.authorising import Authority
from cardcore.cli.context import Context, pass_context
from cardcore.cli.key import file_password
from cardcore.cli.options import T, admin_option, examples, key_argument, last_try_option, out_option, pin_option
from cardcore.cli.output import refuse_terminal, table
from cardcore.cli.progress import working
from cardcore.cli.secrets import SOURCE, Source
from cardcore.errors import NotFound, ReplyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography import x509

    from cardcore import Card
    from cardcore.certificates import Signer

CERTIFICATE_HASHES = ("sha256", "sha384", "sha512")


@click.group()
def cert() -> None:
    """Certificates: list, export, import, request, ..."""


def describe(name: str, certificate: x509.Certificate) -> dict[str, object]:
    """A certificate for JSON."""
    from cryptography.hazmat.primitives import hashes

    return {
        "key": name,
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "serial": f"{certificate.serial_number:x}",
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
    }


def certificate_rows(found: list[dict[str, object]]) -> list[str]:
    """Described certificates as a table."""
    rows = [
        (str(item["key"]), str(item["subject"]), str(item["issuer"]), str(item["not_after"])[:10]) for item in found
    ]
    return table(("KEY", "SUBJECT", "ISSUER", "VALID UNTIL"), rows)


@cert.command("list", epilog=examples("cardcore cert list"))
@pass_context
def list_certificates(context: Context) -> None:
    """List the certificates on the card."""
    with context.card() as card, working("reading the card"):
        found = [describe(name, certificate) for name, certificate in card.certificates().items()]
    people = certificate_rows(found) if found else ["the card holds no certificates"]
    context.output.result({"certificates": found}, people)


@cert.command(epilog=examples("cardcore cert export 9a", "cardcore cert export 9a --der --out alice.crt"))
@key_argument
@out_option
@click.option("--der", "as_der", is_flag=True, help="DER instead of PEM.")
@pass_context
def export(context: Context, key: str, out: str | None, as_der: bool) -> None:
    """Print the certificate of a key."""
    _print(context, key, out, as_der, lambda card, name: _present(name, card.certificate(name)))


def _print(
    context: Context, key: str, out: str | None, as_der: bool, read: Callable[[Card, str], x509.Certificate]
) -> None:
    """Print what is read from the card for a key, or write it to a file."""
    files.check_target(out)
    _refuse_binary(context, out, as_der, "certificate")
    with context.card() as card:
        name = card.keyring.slot(key).name
        found = read(card, name)
    _deliver(context, {**describe(name, found)}, keyfiles.encoded(found, as_der=as_der), out)


def _present(name: str, found: x509.Certificate | None) -> x509.Certificate:
    """A certificate that has to be there; NotFound if it is not."""
    if found is None:
        raise NotFound(f"there is no certificate for key {name}", sw=0x6A82, hint="See `cardcore cert list`.")
    return found


@cert.command(epilog=examples("cardcore cert attest 9a", "cardcore cert attest 9a --der --out attested.crt"))
@key_argument
@out_option
@click.option("--der", "as_der", is_flag=True, help="DER instead of PEM.")
@pass_context
def attest(context: Context, key: str, out: str | None, as_der: bool) -> None:
    """Have the card certify that it made a key.

    Whom it convinces depends on who certified the card's own key, whose certificate is a data object of the card.
    """
    _print(context, key, out, as_der, lambda card, name: card.attest(name))


def _refuse_binary(context: Context, out: str | None, as_der: bool, what: str) -> None:
    if as_der and not files.is_file(out) and not context.output.json_wanted:
        refuse_terminal(what)


def _deliver(context: Context, document: dict[str, object], data: bytes, out: str | None) -> None:
    """Write the encoded object to a file or to stdout; with --json as text: PEM, or DER in hexadecimal."""
    if files.is_file(out):
        files.write(out, data)
    if context.output.json_wanted:
        text = data.decode("ascii") if data.startswith(b"-----") else data.hex()
        context.output.result({**document, "data": text, "out": out})
    elif not files.is_file(out):
        context.output.binary(data)


@cert.command(
    "import",
    short_help="Store the certificate of a key from a file.",
    epilog=examples("cardcore cert import 9a alice.crt", "cardcore cert import 9d id.p12 --password env:P12"),
)
@key_argument
@click.argument("file")
@click.option("--force", is_flag=True, help="Store it even if it belongs to another key than the card's.")
@click.option("--password", type=SOURCE, metavar="SRC", help="Source of the password of a PKCS #12 file.")
@admin_option
@pin_option
@last_try_option
@pass_context
def import_certificate(
    context: Context,
    key: str,
    file: str,
    force: bool,
    password: Source | None,
    admin: Source | None,
    pin: Source | None,
    last_try: bool,
) -> None:
    """Store the certificate of a key from FILE (PEM, DER or PKCS #12; - is stdin)."""
    certificate = keyfiles.certificate(files.read(file), file_password(password))
    with context.card() as card, Authority(card, pin=pin, admin=admin, last_try=last_try) as authority:
        name = card.keyring.slot(key).name
        authority.carry_out("write", lambda: card.write_certificate(name, certificate, force=force))
    context.output.result(describe(name, certificate), f"stored the certificate of {name}")


@cert.command(epilog=examples("cardcore cert delete 9a --admin env:ADMIN"))
@key_argument
@admin_option
@pin_option
@last_try_option
@pass_context
def delete(context: Context, key: str, admin: Source | None, pin: Source | None, last_try: bool) -> None:
    """Delete the certificate of a key; the key stays."""
    with context.card() as card, Authority(card, pin=pin, admin=admin, last_try=last_try) as authority:
        name = card.keyring.slot(key).name
        with suppress(ReplyError):  # what cannot be read can be deleted
            _present(name, card.certificate(name))
        authority.carry_out("write", lambda: card.delete_certificate(name))
    context.output.result({"key": name, "deleted": True}, f"deleted the certificate of {name}")


def signer_options(function: T) -> T:
    """The options that `request` and `self-sign` have in common."""
    for option in (
        key_argument,
        last_try_option,
        pin_option,
        out_option,
        click.option("--der", "as_der", is_flag=True, help="DER instead of PEM."),
        click.option("--public", metavar="FILE", help="The public key, for cards that do not tell it."),
        click.option("--scheme", type=click.Choice(("pkcs1", "pss", "ecdsa")), help="Default: pkcs1 or ecdsa."),
        click.option("--hash", "hash_name", type=click.Choice(CERTIFICATE_HASHES), default="sha256", show_default=True),
        click.option("--subject", required=True, metavar="NAME", help='As in "CN=Alice,O=Example,C=DE" (RFC 4514).'),
    ):
        function = option(function)
    return function


def _signer(
    card: Card, authority: Authority, key: str, *, hash_name: str, scheme: str | None, public: str | None
) -> Signer:
    """The card's key as a signer of certificates; `public` is a file for cards that do not tell the public key."""
    from cardcore import keytypes
    from cardcore.certificates import Signer
    from cardcore.profile.model import Scheme

    found = keyfiles.public_key(files.read(public)) if public else card.public_key(key)
    kind = keytypes.type_of(found).name
    secret, last_try = authority.key_pin(key), authority.last_try

    def sign(data: bytes) -> bytes:
        return card.sign(key, data, hash=hash_name, scheme=scheme, key_type=kind, pin=secret, last_try=last_try)

    return Signer(public=found, sign=sign, hash_name=hash_name, scheme=Scheme(scheme) if scheme else None)


@cert.command(
    short_help="Make a certificate request (PKCS #10).",
    epilog=examples('cardcore cert request 9a --subject "CN=Alice" --out alice.csr'),
)
@signer_options
@pass_context
def request(
    context: Context,
    key: str,
    subject: str,
    hash_name: str,
    scheme: str | None,
    public: str | None,
    as_der: bool,
    out: str | None,
    pin: Source | None,
    last_try: bool,
) -> None:
    """Make a certificate request (PKCS #10), signed by the key on the card."""
    from cardcore import certificates

    files.check_target(out)
    _refuse_binary(context, out, as_der, "certificate request")
    name = certificates.parse_name(subject)
    with context.card() as card, Authority(card, pin=pin, last_try=last_try) as authority:
        slot = card.keyring.slot(key).name
        signer = _signer(card, authority, slot, hash_name=hash_name, scheme=scheme, public=public)
        data = certificates.request(name, signer)
    document: dict[str, object] = {"key": slot, "subject": name.rfc4514_string()}
    _deliver(context, document, keyfiles.encoded_request(data, as_der=as_der), out)


@cert.command(
    "self-sign",
    short_help="Make a self-signed certificate and store it.",
    epilog=examples('cardcore cert self-sign 9a --subject "CN=Alice" --days 365 --admin env:ADMIN'),
)
@signer_options
@click.option("--days", type=click.IntRange(1), default=365, show_default=True, help="How long it is valid.")
@click.option("--no-store", is_flag=True, help="Print it only, do not store it on the card.")
@admin_option
@pass_context
def self_sign(
    context: Context,
    key: str,
    subject: str,
    days: int,
    hash_name: str,
    scheme: str | None,
    public: str | None,
    as_der: bool,
    out: str | None,
    no_store: bool,
    pin: Source | None,
    admin: Source | None,
    last_try: bool,
) -> None:
    """Make a self-signed certificate with the key on the card, and store it there."""
    from cardcore import certificates

    files.check_target(out)
    _refuse_binary(context, out, as_der, "certificate")
    name = certificates.parse_name(subject)
    with context.card() as card, Authority(card, pin=pin, admin=admin, last_try=last_try) as authority:
        slot = card.keyring.slot(key)
        if not no_store:
            authority.prepare("write", offer_pin=False)
        signer = _signer(card, authority, slot.name, hash_name=hash_name, scheme=scheme, public=public)
        made = keyfiles.own_certificate(certificates.self_signed(name, signer, days=days, usage=slot.usage))
        if not no_store:
            authority.carry_out("write", lambda: card.write_certificate(slot.name, made, force=True), offer_pin=False)
    document = {**describe(slot.name, made), "stored": not no_store}
    _deliver(context, document, keyfiles.encoded(made, as_der=as_der), out)
