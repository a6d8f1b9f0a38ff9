"""`cardcore apdu`: raw commands, and their replies decoded."""

from __future__ import annotations

import time

import click

from cardcore.cli import files
from cardcore.cli.context import Context, pass_context
from cardcore.cli.decoding import describe, lines
from cardcore.cli.errors import OptionError
from cardcore.cli.options import examples


@click.command(
    epilog=examples(
        "cardcore apdu 00A4040000",
        'cardcore apdu "00 A4 04 00 05 A0 00 00 03 08 00" "00 20 00 80"',
        "cardcore apdu - < commands.txt",
    )
)
@click.argument("commands", metavar="HEX...", nargs=-1, required=True)
@pass_context
def apdu(context: Context, commands: tuple[str, ...]) -> None:
    """Send raw command APDUs and decode the replies.

    Each argument is one command; - reads them from stdin, one per line, # begins a comment. They are sent
    as they are, in one transaction: nothing is selected before and nothing is sent in between. Data of commands that
    carry PINs or keys is not shown; what a card deciphers is, but not in a trace.
    """
    from cardcore.masking import ChainMasker, redact, redact_reply

    parsed = [_bytes(number, text) for number, text in enumerate(_texts(commands), 1)]
    exchanges = []
    masker = ChainMasker(shows_plain=True)
    with context.transport() as transport:
        transport.begin()
        try:
            for command in parsed:
                mask = masker.mask(command)
                started = time.perf_counter_ns()
                reply = transport.transmit(command, mask)
                elapsed = (time.perf_counter_ns() - started) // 1000
                exchanges.append(describe(redact(command, mask), redact_reply(reply, mask), elapsed))
        finally:
            transport.end()
    document = {"reader": transport.name, "atr": transport.atr.hex().upper(), "exchanges": exchanges}
    context.output.result(document, [line for exchange in exchanges for line in lines(exchange)])


def _texts(commands: tuple[str, ...]) -> list[str]:
    texts: list[str] = []
    for text in commands:
        if text != files.STREAM:
            texts.append(text)
            continue
        stated = (line.partition(b"#")[0].strip() for line in files.read(files.STREAM).splitlines())
        texts += [line.decode("ascii", "replace") for line in stated if line]
    return texts


def _bytes(number: int, text: str) -> bytes:
    """A command out of its hexadecimal text; the error does not repeat it, there may be a PIN in it."""
    try:
        command = bytes.fromhex(text.replace(":", " "))
    except ValueError:
        command = b""
    if len(command) < 4:
        raise OptionError(
            f"command {number} is not a command APDU in hexadecimal",
            hint="It has at least 4 bytes: CLA INS P1 P2. Put one with spaces in quotes.",
        )
    return command
