"""`cardcore profile explain`: the commands that an operation would send, without a card."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cardcore.cli.context import Context, pass_context
from cardcore.cli.decoding import Node
from cardcore.cli.options import DECRYPTION_SCHEMES, HASHES, KEY_TYPES, SIGNATURE_SCHEMES, examples
from cardcore.cli.output import count, pairs
from cardcore.cli.profilenames import PROFILE, OperationName

if TYPE_CHECKING:
    from cardcore.explaining import Explained, Explanation
    from cardcore.explaining.commands import Part

_LINE = 64


@click.command(
    epilog=examples(
        "cardcore profile explain ./mycard.yaml verify",
        "cardcore profile explain ./mycard.yaml sign --key 1 --hash sha1 --no-oid",
        "cardcore --json profile explain ./mycard.yaml decipher --scheme oaep",
    )
)
@click.argument("name", type=PROFILE)
@click.argument("operation", type=OperationName())
@click.option("--key", metavar="KEY", default="", help="Key, by the name the profile gives; else the first for this.")
@click.option("--type", "key_type", type=click.Choice(KEY_TYPES), help="The key's type; else rsa2048, or the first.")
@click.option("--hash", "hash_name", type=click.Choice(HASHES), default="sha256", show_default=True)
@click.option("--scheme", type=click.Choice(tuple(dict.fromkeys((*SIGNATURE_SCHEMES, *DECRYPTION_SCHEMES)))))
@click.option("--no-oid", is_flag=True, help="PKCS #1: the bare hash, without its object identifier.")
@click.option("--name", "pin", metavar="PIN", default="", help="PIN, by its name; else that of the key, or the first.")
@pass_context
def explain(
    context: Context,
    name: str,
    operation: str,
    key: str,
    key_type: str | None,
    hash_name: str,
    scheme: str | None,
    no_oid: bool,
    pin: str,
) -> None:
    """Show the commands that an operation would send.

    Decoded, without a card; <name:size> stands for bytes that only a card or a person has.
    """
    from cardcore.explaining import Wish
    from cardcore.explaining import explain as explain_operation
    from cardcore.profile import catalog
    from cardcore.profile.model import Scheme

    wish = Wish(
        operation=operation,
        key=key,
        type_name=key_type or "",
        hash_name=hash_name,
        scheme=None if scheme is None else Scheme(scheme),
        oid=not no_oid,
        pin=pin,
    )
    found = explain_operation(catalog.load(name), wish)
    context.output.result(_document(name, found), _people(found))


def _document(name: str, found: Explanation) -> dict[str, object]:
    return {
        "profile": name,
        "operation": found.operation,
        "meaning": found.meaning,
        "choices": [{"what": what, "value": value} for what, value in found.about],
        "commands": [
            {
                "name": command.name,
                "apdus": [line.replace(" ", "") for line in command.sent],
                "fields": [
                    {"field": field, "value": value, "from": origin or None}
                    for field, value, origin in _fields(command)
                ],
                "tlv": [_node(command, part) for part in command.parts] or None,
                "needs": command.needs or None,
                "when": command.when or None,
                "line": command.line,
            }
            for command in found.commands
        ],
        "placeholders": [
            {"name": key, "size": value.size, "example": value.example, "meaning": value.text}
            for key, value in found.placeholders.items()
        ],
    }


def _fields(command: Explained) -> list[tuple[str, str, str]]:
    """Name, value in hexadecimal and origin of each field."""
    apdu = command.apdu
    header = {"cla": apdu.cla, "ins": apdu.ins, "p1": apdu.p1, "p2": apdu.p2}
    rows = []
    for field, value in header.items():
        name = command.header.get(field, "")
        rows.append((field.upper(), f"<{name}:1>" if field in command.unknown else f"{value:02X}", name))
    if apdu.data:
        names = list(dict.fromkeys(span.name for span in command.spans))
        rows += [("Lc", str(len(apdu.data)), ""), ("data", command.text(0, len(apdu.data)), ", ".join(names))]
    if apdu.le is not None:
        rows.append(("Le", "all there is" if apdu.le == 0 else str(apdu.le), ""))
    return rows


def _node(command: Explained, part: Part) -> Node:
    return {
        "tag": _tag(part.tag),
        "length": part.end - part.start,
        "value": None if part.parts else command.text(part.start, part.end),
        "from": None if part.parts else _origin(command, part),
        "children": [_node(command, inner) for inner in part.parts] or None,
    }


def _origin(command: Explained, part: Part) -> str | None:
    names = [span.name for span in command.spans if part.start <= span.start and span.end <= part.end]
    return ", ".join(dict.fromkeys(names)) or None


def _tag(tag: int) -> str:
    digits = f"{tag:X}"
    return digits.rjust(len(digits) + len(digits) % 2, "0")


def _people(found: Explanation) -> list[str]:
    lines = [f"{found.operation}: {found.meaning}", *pairs(found.about)]
    for number, command in enumerate(found.commands, 1):
        lines += ["", *_command_lines(number, command)]
    if found.placeholders:
        lines.append("")
    rows = (
        (f"<{name}>", f"{value.text} ({count(value.size, 'byte')}{' in this example' if value.example else ''})")
        for name, value in found.placeholders.items()
    )
    return [*lines, *pairs(rows)]


def _command_lines(number: int, command: Explained) -> list[str]:
    remarks = [f"if {command.when}"] if command.when else []
    remarks += [f"after {command.needs}"] if command.needs else []
    remark = f"  ({', '.join(remarks)})" if remarks else ""
    lines = [f"{number}. {command.name}{remark}"]
    lines += [f"   > {_cut(line)}" for line in command.sent]
    for field, value, origin in _fields(command):
        if field == "data" and command.parts:
            lines.append("   data")
            lines += [f"     {line}" for part in command.parts for line in _part_lines(command, part)]
        else:
            lines.append(f"   {field:<4} {_cut(value)}{f'  {origin}' if origin else ''}".rstrip())
    return lines


def _part_lines(command: Explained, part: Part) -> list[str]:
    if part.parts:
        inner = [f"  {line}" for child in part.parts for line in _part_lines(command, child)]
        return [f"{_tag(part.tag)} ({part.end - part.start} bytes)", *inner]
    origin = _origin(command, part)
    value = _cut(command.text(part.start, part.end))
    return [f"{_tag(part.tag)} {value}{f'  {origin}' if origin else ''}".rstrip()]


def _cut(text: str) -> str:
    """A line that is not longer than people read."""
    return text if len(text) <= 2 * _LINE else f"{text[:_LINE]}... {text[-16:]}"
