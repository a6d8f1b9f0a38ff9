"""The virtual reader on the command line: runs one program with it, or plays along with whoever types here."""

from __future__ import annotations

import argparse
import subprocess
import sys

from cardcore.softcard import SoftCardStore, application_names, volatile_card
from padreader.behaviour import Behaviour
from padreader.person import WORDS, Person
from padreader.reader import PlayedCard, VirtualReader
from padreader.service import PadService

_HELP = "digits (one PIN entry), cancel, timeout, pull, unplug; at any time: insert, remove, plug, quit"


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/pinpad-reader/run",
        description="A virtual PC/SC reader with a PIN pad, a software card in it, and a person who presses the keys.",
        epilog=f"Without COMMAND, what the person does is read from stdin, a line each: {_HELP}.",
    )
    card = parser.add_mutually_exclusive_group()
    families = application_names()
    card.add_argument("--application", choices=families, default=families[0], help="a new card (default: %(default)s)")
    card.add_argument("--soft", metavar="NAME", help="the software card that is kept under this name")
    parser.add_argument("--name", default="Virtual PIN Pad", help="the reader's name (default: %(default)s)")
    parser.add_argument("--type", nargs="+", action="extend", default=[], metavar="ENTRY", help="what the person does")
    parser.add_argument("--steps", action="store_true", help="START and FINISH in place of DIRECT")
    parser.add_argument("--verify-only", action="store_true", help="no PIN can be changed on the keypad")
    parser.add_argument("--no-pad", action="store_true", help="a reader without keypad")
    parser.add_argument("--minimum", type=int, help="fewest digits that the reader takes, and says so")
    parser.add_argument("--maximum", type=int, help="most digits")
    parser.add_argument("--usb", metavar="VENDOR:PRODUCT", help="USB ids of a real reader, in hexadecimal")
    parser.add_argument("--omit-lc", action="store_true", help="fails where Lc stands before a PIN of variable length")
    parser.add_argument("--fixed-only", action="store_true", help="fails for PINs of variable length")
    parser.add_argument("--swapped", action="store_true", help="takes the bounds of the PIN in the wrong order")
    parser.add_argument("--probes", action="store_true", help="sends an empty VERIFY of its own first")
    parser.add_argument("--tells-gone", action="store_true", help="64A1 where the card was pulled, no driver error")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what to run with the reader")
    found = parser.parse_args(given)
    bad = [word for word in found.type if word not in WORDS and not word.isdigit()]
    if bad:
        parser.error(f"a person does one of these: {_HELP}")
    return found


def _behaviour(given: argparse.Namespace) -> Behaviour:
    vendor, _, product = (given.usb or "").partition(":")
    return Behaviour(
        pad=not given.no_pad,
        modify=not given.verify_only,
        direct=not given.steps,
        minimum=given.minimum,
        maximum=given.maximum,
        usb=(int(vendor, 16), int(product, 16)) if product else None,
        omit_lc=given.omit_lc,
        fixed_only=given.fixed_only,
        swapped=given.swapped,
        probes=given.probes,
        tells_gone=given.tells_gone,
    )


def _play_along(reader: VirtualReader, card: PlayedCard) -> None:
    """Do what is typed, until it ends or `quit`."""
    for line in sys.stdin:
        match line.strip():
            case "quit":
                return
            case "insert":
                reader.insert(card)
            case "remove":
                reader.remove()
            case "plug":
                reader.plug()
            case word if word in WORDS or word.isdigit():
                reader.person.will(word)
            case _:
                print(_HELP)


def main(given: list[str] | None = None) -> int:
    """Run the command line; the exit status is that of COMMAND."""
    arguments = _arguments(given)
    card: PlayedCard = SoftCardStore().open(arguments.soft) if arguments.soft else volatile_card(arguments.application)
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    with PadService(arguments.name) as service:
        reader = service.readers[arguments.name]
        reader.behaviour = _behaviour(arguments)
        reader.person = Person(watch=lambda text: print(f"[{text}]", file=sys.stderr, flush=True))
        reader.person.will(*arguments.type)
        reader.insert(card)
        if command:
            return subprocess.run(command, env=service.env, check=False).returncode
        print(f"export PCSCLITE_CSOCK_NAME={service.env['PCSCLITE_CSOCK_NAME']}", flush=True)
        _play_along(reader, card)
    return 0


if __name__ == "__main__":
    sys.exit(main())
