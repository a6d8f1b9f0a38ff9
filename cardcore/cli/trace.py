"""`cardcore trace`: recorded traces, decoded."""

from __future__ import annotations

import json

import click

from cardcore.cli import files
from cardcore.cli.context import Context, pass_context
from cardcore.cli.decoding import Node, describe, lines
from cardcore.cli.options import examples
from cardcore.cli.output import count
from cardcore.errors import InputError

_ENTRY = ("kind", "name", "command", "response", "sw", "meaning", "microseconds", "tlv", "error")


@click.group()
def trace() -> None:
    """Traces that --trace recorded: show."""


@trace.command(
    epilog=examples(
        "cardcore --trace sign.trace sign --key 9a letter.txt --out letter.sig", "cardcore trace show sign.trace"
    )
)
@click.argument("file")
@pass_context
def show(context: Context, file: str) -> None:
    """Show a trace in words.

    Names of commands, BER-TLV trees, status words, durations. Secrets were masked when it was recorded.
    """
    reader, atr = "", ""
    entries: list[Node] = []
    for number, text in enumerate(files.read(file).decode("utf-8", "replace").splitlines(), 1):
        line = _parsed(number, text)
        if line.get("event") == "connect":
            reader, atr = reader or str(line.get("reader", "")), atr or str(line.get("atr", "")).upper()
        entries.append(_entry(number, line))
    exchanges = [entry for entry in entries if entry["kind"] == "exchange"]
    total = sum(int(str(entry["microseconds"])) for entry in exchanges)
    document = {"file": file, "reader": reader, "atr": atr, "entries": entries, "microseconds": total}
    people = [line for entry in entries for line in _people(entry)]
    people.append(f"{count(len(exchanges), 'command')} in {total / 1000:.1f} ms")
    context.output.result(document, people)


def _parsed(number: int, text: str) -> dict[str, object]:
    try:
        line = json.loads(text)
    except ValueError:
        line = None
    if not isinstance(line, dict) or not ("event" in line or {"c", "r"} <= line.keys()):
        raise InputError(f"line {number} is not of a trace", hint="Traces are made with `cardcore --trace FILE ...`.")
    return line


def _entry(number: int, line: dict[str, object]) -> Node:
    entry: Node = dict.fromkeys(_ENTRY)
    if "event" in line:
        more = {"command": line.get("c"), "error": line.get("error"), "microseconds": 0}
        return {**entry, "kind": "event", "name": line["event"], **more}
    command, response, elapsed = str(line["c"]), str(line["r"]), line.get("us", 0)
    if "control" in line:
        more = {"command": command, "response": response, "microseconds": elapsed}
        return {**entry, "kind": "control", "name": f"control {line['control']}", **more}
    try:
        described = describe(command, response, int(str(elapsed)))
    except ValueError as error:
        raise InputError(f"line {number} is not of a trace", hint="It was changed after it was recorded.") from error
    return {**entry, "kind": "exchange", **described}


def _people(entry: Node) -> list[str]:
    if entry["kind"] == "exchange":
        return lines(entry)
    if entry["kind"] == "control":
        return [f"{entry['name']}", f"  > {entry['command']}", f"  < {entry['response']}"]
    told = f" ({entry['error']})" if entry["error"] else ""
    return [f"-- {entry['name']}{told}"]
