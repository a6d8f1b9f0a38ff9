"""`cardcore trace`: recorded traces, decoded."""

from __future__ import annotations

import json

import click

from cardcore.cli import files
from cardcore.cli.context import Context, pass_context
from cardcore.cli.decoding import HIDDEN, Node, describe, lines, tlv_tree
from cardcore.cli.options import examples
from cardcore.cli.output import count
from cardcore.errors import InputError

_ENTRY = ("kind", "name", "command", "response", "sw", "meaning", "microseconds", "tlv", "error")
_GET_RESPONSE = "00C0"


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
    reader, atr, whole = "", "", ""
    entries: list[Node] = []
    people: list[str] = []
    for number, text in enumerate(files.read(file).decode("utf-8", "replace").splitlines(), 1):
        line = _parsed(number, text)
        if line.get("event") == "connect":
            reader, atr = reader or str(line.get("reader", "")), atr or str(line.get("atr", "")).upper()
        entry = _entry(number, line)
        whole, joined = _joined(entry, whole)
        entries.append(entry)
        people += _people(entry, joined)
    exchanges = [entry for entry in entries if entry["kind"] == "exchange"]
    total = sum(int(str(entry["microseconds"])) for entry in exchanges)
    document = {"file": file, "reader": reader, "atr": atr, "entries": entries, "microseconds": total}
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


def _joined(entry: Node, before: str) -> tuple[str, str]:
    """What there is so far of a reply that comes in parts (61xx, GET RESPONSE), and the whole where this is its end.

    The tree of the whole takes the place of that of the last part.
    """
    if entry["kind"] != "exchange":
        return "", ""
    goes_on = before if str(entry["command"]).startswith(_GET_RESPONSE) else ""
    so_far = goes_on + str(entry["response"])
    if str(entry["sw"]).startswith("61"):
        return so_far, ""
    if goes_on:
        entry["tlv"] = None if HIDDEN in so_far else tlv_tree(bytes.fromhex(so_far))
    return "", so_far


def _people(entry: Node, whole: str) -> list[str]:
    if entry["kind"] == "exchange":
        return lines(entry, whole)
    if entry["kind"] == "control":
        return [f"{entry['name']}", f"  > {entry['command']}", f"  < {entry['response']}"]
    told = f" ({entry['error']})" if entry["error"] else ""
    return [f"-- {entry['name']}{told}"]
