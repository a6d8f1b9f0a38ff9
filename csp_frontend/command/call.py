"""`personal-csp call`: drive the provider's functions from the shell, or by a script of JSON lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from csp_frontend.command.root import EXIT_FAILED, EXIT_OK, UsageProblem

if TYPE_CHECKING:
    from csp_frontend.client import Client
    from csp_frontend.command.arguments import Arguments

_EXAMPLES = (
    "\b"
    + r"""
Examples:
  personal-csp call CPAcquireContext container='\\.\soft:alice\' as=c \
      then CPGetProvParam context=@c parameter=PP_NAME
  personal-csp call CPAcquireContext container='\\.\soft:alice\' as=c \
      then CPSetProvParam context=@c parameter=PP_SIGNATURE_PIN data=env:PIN \
      then CPCreateHash context=@c algorithm=CALG_SHA_256 as=h \
      then CPHashData context=@c hash=@h data=file:letter.txt \
      then CPSignHash context=@c hash=@h key_spec=1 out=letter.sig
"""
)


@click.command(epilog=_EXAMPLES)
@click.argument("words", nargs=-1, required=True, metavar="FUNCTION [NAME=VALUE]... [then FUNCTION ...] | -")
@click.option("--keep-going", is_flag=True, help="Go on after a function that failed.")
@click.option("--no-start", is_flag=True, help="Start no agent where none runs.")
def call(words: tuple[str, ...], keep_going: bool, no_start: bool) -> int:
    """Call functions of the provider; with `-` those that JSON lines on stdin tell.

    Parameters have the names that docs/csp.md lists; those left out are 0, NULL, or a buffer that is large enough.
    Numbers may be constants (CRYPT_SILENT, A|B). Bytes are hex:..., text:..., file:PATH, env:VAR or prompt; a PIN only
    comes from the last three. `as=NAME` keeps a handle, and `@NAME` is it. `room=null` asks for the size. `out=FILE`
    takes what is answered. All calls of one command line share their handles, which end with it.

    Every answer is a line of JSON.
    """
    from csp_frontend.agent_process import start_detached
    from csp_frontend.client import Client
    from csp_frontend.command.arguments import Arguments

    steps = _script() if words == ("-",) else _sentence(words)
    arguments = Arguments()
    failed = False
    with Client(program="personal-csp call", starter=None if no_start else start_detached) as client:
        for step in steps:
            failed = not _run(client, arguments, step) or failed
            if failed and not keep_going:
                break
    return EXIT_FAILED if failed else EXIT_OK


def _run(client: Client, arguments: Arguments, step: Mapping[str, Any]) -> bool:
    from csp_frontend.errors import CspError

    function, values = arguments.of(step)
    try:
        answer = client.call(function.name, *values)
    except CspError as error:
        told: dict[str, object] = {"code": error.code.name, "number": f"{error.code:08X}", "message": error.message}
        if error.size:
            told["size"] = error.size
        click.echo(json.dumps({"call": function.name, "error": told}))
        return False
    click.echo(json.dumps({"call": function.name, **arguments.take(step, answer)}, ensure_ascii=False))
    sys.stdout.flush()
    return True


def _sentence(words: Sequence[str]) -> Iterator[dict[str, Any]]:
    step: dict[str, Any] = {}
    for word in (*words, "then"):
        name, equals, value = word.partition("=")
        if word == "then":
            if not step:
                raise UsageProblem("there is no function before `then`")
            yield step
            step = {}
        elif not step:
            step["call"] = word
        elif not equals or name in step:
            raise UsageProblem(f"NAME=VALUE is wanted after {step['call']}, each name once")
        else:
            step[name] = None if value == "null" else value


def _script() -> Iterator[dict[str, Any]]:
    for number, line in enumerate(sys.stdin, 1):
        if not line.strip():
            continue
        try:
            step = json.loads(line)
        except ValueError as error:
            raise UsageProblem(f"line {number} of the script is not JSON") from error
        if not isinstance(step, dict) or not isinstance(step.get("call"), str):
            raise UsageProblem(f"line {number} of the script is not an object with a member `call`")
        yield step
