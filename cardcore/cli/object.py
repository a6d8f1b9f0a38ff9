"""`cardcore object`: data objects on a card."""

from __future__ import annotations

from contextlib import suppress

import click

from cardcore.cli import files
from cardcore.cli.authorising import Authority
from cardcore.cli.context import Context, pass_context
from cardcore.cli.decoding import tlv_lines, tlv_tree
from cardcore.cli.options import admin_option, examples, last_try_option, out_option, pin_option
from cardcore.cli.output import refuse_terminal, table
from cardcore.cli.progress import working
from cardcore.cli.secrets import Source
from cardcore.errors import StatusError


@click.group("object")
def objects() -> None:
    """Data objects: list, read, write."""


@objects.command(
    "list", short_help="List the data objects that the profile names.", epilog=examples("cardcore object list")
)
@pass_context
def list_objects(context: Context) -> None:
    """List the data objects that the profile names, and how large they are on this card."""
    found: list[dict[str, object]] = []
    with context.card() as card, working("reading the card"), card.transaction():
        for name, identifier in card.profile.objects.items():
            size: int | None = None
            with suppress(StatusError):  # absent, or not readable without the PIN
                size = len(card.read(name))
            found.append({"name": name, "id": identifier.hex().upper(), "size": size})
    rows = [(str(i["name"]), str(i["id"]), "-" if i["size"] is None else str(i["size"])) for i in found]
    context.output.result({"objects": found}, table(("NAME", "ID", "BYTES"), rows))


@objects.command(
    short_help="Read a data object.",
    epilog=examples("cardcore object read chuid", "cardcore object read 5FC102 --out chuid.bin"),
)
@click.argument("name", metavar="NAME|ID")
@out_option
@click.option("--decode", is_flag=True, help="Show the data objects inside as a tree.")
@pin_option
@last_try_option
@pass_context
def read(context: Context, name: str, out: str | None, decode: bool, pin: Source | None, last_try: bool) -> None:
    """Read a data object by its name in the profile, or its identifier in hexadecimal."""
    files.check_target(out)
    if not (files.is_file(out) or decode or context.output.json_wanted):
        refuse_terminal("object")
    with context.card() as card, Authority(card, pin=pin, last_try=last_try) as authority:
        data = authority.carry_out("read", lambda: card.read(name))
    if files.is_file(out):
        files.write(out, data)
    if context.output.json_wanted:
        document = {"name": name, "size": len(data), "data": data.hex(), "tlv": tlv_tree(data), "out": out}
        context.output.result(document)
    elif decode:
        context.output.result({}, tlv_lines(data) or [data.hex().upper()])
    elif not files.is_file(out):
        context.output.binary(data)


@objects.command(epilog=examples("cardcore object write printed card.bin --admin env:ADMIN"))
@click.argument("name", metavar="NAME|ID")
@click.argument("file")
@admin_option
@pin_option
@last_try_option
@pass_context
def write(context: Context, name: str, file: str, admin: Source | None, pin: Source | None, last_try: bool) -> None:
    """Replace a data object by the content of FILE (- is stdin). An empty file removes it."""
    data = files.read(file)
    with context.card() as card, Authority(card, pin=pin, admin=admin, last_try=last_try) as authority:
        authority.carry_out("write", lambda: card.write(name, data))
    context.output.result({"name": name, "size": len(data), "written": True}, f"wrote {len(data)} bytes to {name}")
