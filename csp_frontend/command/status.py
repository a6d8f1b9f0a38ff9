"""`personal-csp status`: what the agent says of itself, and how Windows' programs find the provider."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from csp_frontend.command.register import in_wine, registry_of


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document.")
@in_wine
def status(as_json: bool, prefix: Path | None) -> None:
    """Show the running agent: its clients and tokens, which PINs it remembers (their names), versions.

    On Windows, and for a Wine prefix, also what is registered, with or without an agent.
    """
    from csp_frontend.endpoint import NoAgent

    found: dict[str, Any] = {}
    said: list[str] = []
    if prefix is not None or sys.platform == "win32":
        found["registration"], said = _registration(prefix)
    missing: NoAgent | None = None
    try:
        agent = _agent()
        found |= agent
        said += _lines(agent)
    except NoAgent as error:
        missing = error
    if as_json and found:
        said = [json.dumps(found, indent=2, ensure_ascii=False)]
    for line in said:
        click.echo(line)
    if missing is not None:
        raise missing


def _agent() -> dict[str, Any]:
    """What the agent says; NoAgent if there is none."""
    from csp_frontend import endpoint
    from csp_frontend.client import Client
    from csp_frontend.client_link import Link

    Link(endpoint.default_path(), bytes(16)).close()  # says why there is none
    with Client(program="personal-csp status") as client:
        return client.status()


def _registration(prefix: Path | None) -> tuple[dict[str, Any], list[str]]:
    from csp_frontend.command.registered import document, lines
    from csp_frontend.registration import read

    state = read(registry_of(prefix))
    return document(state, prefix), lines(state, prefix)


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    agent = document["agent"]
    yield f"Agent {agent['version']}, protocol {agent['protocol']}, process {agent['pid']}, since {_at(agent['since'])}"
    yield f"Clients: {len(document['clients'])}"
    for client in document["clients"]:
        who = f"{client['program']} ({client['pid']})"
        yield f"  {who}, {client['connections']} connections, since {_at(client['since'])}"
    yield f"Tokens: {len(document['tokens'])}"
    for token in document["tokens"]:
        yield f"  {token['reader']}: {token['profile']} {token['serial']}"
    yield f"Remembered PINs: {len(document['cached_pins'])}"
    for pin in document["cached_pins"]:
        yield f"  {pin['pin']} of {pin['token']} for {pin['program']} ({pin['pid']})"
    yield f"Certificates in Windows' stores: {'kept' if document['certificates']['on'] else 'switched off'}"
    for thumbprint in document["certificates"]["foreign"]:
        yield f"  {thumbprint} stands there already, and not by us"


def _at(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
